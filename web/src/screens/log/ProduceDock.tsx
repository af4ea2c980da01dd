// Writes records from below the lanes, and says beforehand which lane they go to, and why.

import { useEffect, useRef, useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import type { Produced } from "../../api/types";
import { count } from "../../text/format";
import { produceOne } from "../../text/snippets-produce";
import { Button, Text } from "../../ui/controls";
import { Icon } from "../../ui/icons";
import { ShowAs } from "../../ui/page";
import { sayError } from "../../ui/toasts";
import { Caption } from "../produce/Caption";
import { EMPTY, produce } from "../produce/produce";
import css from "./log.module.css";

const PER_SECOND = 10;

/** A number moves a little from record to record, as a measurement does; anything else stays. */
export function vary(value: string, random: number): string {
  const parts = /^(-?\d{1,9})(?:\.(\d{1,6}))?$/.exec(value);
  if (!parts) return value;
  const digits = parts[2]?.length ?? 0;
  return (Number(value) + (random - 0.5) * (digits > 0 ? 1 : 4)).toFixed(digits);
}

export function ProduceDock(props: {
  topic: string;
  partitions: number;
  onSent: (partition: number) => void;
}) {
  const { topic, partitions, onSent } = props;
  const [key, setKey] = useState("temperature");
  const [value, setValue] = useState("14.2");
  const [isSteady, setSteady] = useState(false);
  const [last, setLast] = useState<Produced | null>(null);
  const bootstrap = useBootstrap();
  const current = useRef({ key, value });
  current.current = { key, value };
  const underWay = useRef(0);

  async function sendOne(text: string) {
    underWay.current += 1;
    try {
      const done = await produce(topic, {
        key: key === "" ? null : { text: current.current.key },
        value: { text },
        headers: [],
        partition: null,
      });
      setLast(done);
      const to = done.records[0]?.partition;
      if (to !== undefined) onSent(to);
    } catch (error) {
      setSteady(false);
      sayError(error);
    } finally {
      underWay.current -= 1;
    }
  }
  const send = useRef(sendOne);
  send.current = sendOne;

  useEffect(() => {
    if (!isSteady) return;
    const timer = setInterval(() => {
      if (underWay.current > 3) return;
      const next = vary(current.current.value, Math.random());
      setValue(next);
      void send.current(next);
    }, 1000 / PER_SECOND);
    return () => clearInterval(timer);
  }, [isSteady]);

  const at = last?.records[0];
  return (
    <form
      className={css.dock}
      data-learn="produce"
      onSubmit={(event) => {
        event.preventDefault();
        void sendOne(value);
      }}
    >
      <Text label="Key" value={key} onChange={setKey} mono placeholder="none" />
      <Text label="Value" value={value} onChange={setValue} mono />
      <div className="row">
        <Button look="primary" type="submit">
          Send
        </Button>
        <Button onPress={() => setSteady(!isSteady)} aria-pressed={isSteady}>
          <Icon name={isSteady ? "pause" : "play"} size={12} /> {isSteady ? "Stop" : `${PER_SECOND} a second`}
        </Button>
        <ShowAs snippets={produceOne(bootstrap, topic, { ...EMPTY, key, value, isKeyNull: key === "" })} />
      </div>
      <div className={`row ${css.dockFoot}`}>
        {key === "" ? (
          <span className="tiny muted">
            Without a key, records fill one lane for a while and then another.
          </span>
        ) : (
          <Caption keyText={key} partitions={partitions} />
        )}
        <span className="tiny muted" aria-live="polite">
          {at ? `Written: partition ${at.partition}, offset ${count(at.offset)}` : ""}
        </span>
      </div>
    </form>
  );
}
