// Configs with where their values come from; of a topic or a broker.

import { useState } from "react";
import type { ConfigEntry } from "../../api/types";
import { ChangeButton } from "../../shell/ChangeButton";
import { bytes, duration } from "../../text/format";
import { isLong } from "../../text/long";
import { Button, Text } from "../../ui/controls";
import { Blank, Scroll, Tag } from "../../ui/data";
import { Dialog } from "../../ui/overlay";
import { useChange } from "./actions";
import css from "./config.module.css";

const SOURCES: { [source: string]: string } = {
  DYNAMIC_TOPIC_CONFIG: "this topic",
  DYNAMIC_BROKER_CONFIG: "this broker",
  DYNAMIC_DEFAULT_BROKER_CONFIG: "all brokers",
  STATIC_BROKER_CONFIG: "file or flag",
  DEFAULT_CONFIG: "default",
};

/** What a number means, where the key's name says its unit. */
export function meaning(name: string, value: string): string | null {
  if (!isLong(value)) return null;
  const number = Number(value);
  if (number < 0) return name.endsWith(".ms") || name.endsWith(".bytes") ? "no limit" : null;
  if (number > 8e15) return "no limit";
  if (name.endsWith(".ms") && number >= 1000) return duration(number);
  if (name.endsWith(".bytes") && number >= 1000) return bytes(number);
  return null;
}

function Edit(props: {
  entry: ConfigEntry;
  onClose: () => void;
  save: (value: string | null) => Promise<void>;
}) {
  const { entry, onClose } = props;
  const [value, setValue] = useState(entry.value ?? "");
  const set = useChange(() => props.save(value).then(onClose));
  const unset = useChange(() => props.save(null).then(onClose));
  const said = meaning(entry.name, value);
  return (
    <Dialog
      title={<span className="mono">{entry.name}</span>}
      isOpen
      onClose={onClose}
      foot={
        <>
          {entry.isSet ? (
            <Button onPress={unset.run} isDisabled={unset.isBusy}>
              Back to the default
            </Button>
          ) : null}
          <span className="grow" />
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" onPress={set.run} isDisabled={set.isBusy || value === (entry.value ?? "")}>
            Save
          </Button>
        </>
      }
    >
      {entry.documentation ? <p className="small muted">{entry.documentation}</p> : null}
      <Text
        label="Value"
        value={value}
        onChange={setValue}
        mono
        autoFocus
        hint={said ?? "A change holds at once and is kept across restarts."}
        error={set.problem ?? unset.problem}
      />
    </Dialog>
  );
}

export function ConfigTable(props: {
  entries: ConfigEntry[];
  q: string;
  isAll: boolean;
  save: ((name: string, value: string | null) => Promise<void>) | null;
}) {
  const [open, setOpen] = useState<ConfigEntry | null>(null);
  const { q, isAll, save } = props;
  const shown = props.entries.filter(
    (entry) =>
      (isAll || q !== "" || entry.source !== "DEFAULT_CONFIG") &&
      (entry.name.includes(q) || entry.documentation?.toLowerCase().includes(q.toLowerCase())),
  );
  if (shown.length === 0) {
    return q ? (
      <Blank icon="search" title={`No config mentions “${q}”`} />
    ) : (
      <Blank icon="done" title="Everything is at its default">
        <p>Show all configs to see the values, or to change one.</p>
      </Blank>
    );
  }
  return (
    <>
      <Scroll>
        <table>
          <thead>
            <tr>
              <th scope="col">Config</th>
              <th scope="col">Value</th>
              <th scope="col">Set by</th>
              <th scope="col">
                <span className="sr">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((entry) => {
              const said = entry.value === null ? null : meaning(entry.name, entry.value);
              return (
                <tr key={entry.name}>
                  <td className={css.name}>
                    <span className="mono">{entry.name}</span>
                    {entry.documentation ? <p className="tiny muted">{entry.documentation}</p> : null}
                  </td>
                  <td className={css.value}>
                    <span className="mono wrap">
                      {entry.isSensitive
                        ? "hidden"
                        : entry.value === "" || entry.value === null
                          ? "–"
                          : entry.value}
                    </span>
                    {said ? <span className="tiny muted"> {said}</span> : null}
                  </td>
                  <td>
                    {entry.source === "DEFAULT_CONFIG" ? (
                      <span className="small muted">default</span>
                    ) : (
                      <Tag>{SOURCES[entry.source] ?? entry.source}</Tag>
                    )}
                  </td>
                  <td>
                    {save && !entry.isReadOnly && !entry.isSensitive ? (
                      <ChangeButton small onPress={() => setOpen(entry)} aria-label={`Change ${entry.name}`}>
                        Change
                      </ChangeButton>
                    ) : null}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      {open && save ? (
        <Edit entry={open} onClose={() => setOpen(null)} save={(value) => save(open.name, value)} />
      ) : null}
    </>
  );
}
