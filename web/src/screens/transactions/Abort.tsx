// Ending a transaction that its producer does not end, behind a dialog that says what follows.

import { type ReactNode, useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { path, send } from "../../api/client";
import { queryClient } from "../../api/queries";
import type { Blocked, Blocker, TransactionDetail } from "../../api/types";
import { many } from "../../text/format";
import { abortHanging, abortTransaction } from "../../text/snippets";
import { Button, Text } from "../../ui/controls";
import { Code } from "../../ui/data";
import { Dialog } from "../../ui/overlay";
import { say } from "../../ui/toasts";
import { useChange } from "../topic/actions";
import css from "./transactions.module.css";

async function refresh() {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: ["transactions"] }),
    queryClient.invalidateQueries({ queryKey: ["transaction"] }),
    queryClient.invalidateQueries({ queryKey: ["blocked"] }),
  ]);
}

function Typed(props: {
  title: string;
  name: string;
  button: string;
  command: string;
  run: () => Promise<void>;
  onClose: () => void;
  children: ReactNode;
}) {
  const [typed, setTyped] = useState("");
  const { isBusy, problem, run } = useChange(props.run);
  return (
    <Dialog
      title={props.title}
      isOpen
      onClose={props.onClose}
      foot={
        <>
          <Button onPress={props.onClose}>Cancel</Button>
          <Button look="danger" isDisabled={isBusy || typed !== props.name} onPress={run}>
            {props.button}
          </Button>
        </>
      }
    >
      {props.children}
      <Text
        label={`Type ${props.name} to go on`}
        value={typed}
        onChange={setTyped}
        error={problem}
        autoFocus
        mono
      />
      <Code text={props.command} label="command" />
    </Dialog>
  );
}

export function AbortOpen({ detail, onClose }: { detail: TransactionDetail; onClose: () => void }) {
  const bootstrap = useBootstrap();
  const id = detail.transactionalId;
  const places = detail.partitions.slice(0, 12);
  return (
    <Typed
      title={`Abort the transaction of ${id}`}
      name={id}
      button="Abort and fence"
      command={abortTransaction(bootstrap, id)[0]?.text ?? ""}
      onClose={onClose}
      run={async () => {
        await send("POST", path`/transactions/${id}/abort`, {});
        await refresh();
        say(`The transaction of ${id} is aborted.`);
        onClose();
      }}
    >
      <p className="small">
        {`An abort marker is written to ${many(detail.partitionCount, "partition")}. Readers of committed records pass over what the transaction wrote, and its producer is fenced: its next request fails.`}
      </p>
      <ul className={css.chips}>
        {places.map((one) => (
          <li
            key={`${one.topic}/${one.partition}`}
            className="mono tiny"
          >{`${one.topic}/${one.partition}`}</li>
        ))}
        {detail.partitionCount > places.length ? (
          <li className="tiny muted">{`and ${detail.partitionCount - places.length} more`}</li>
        ) : null}
      </ul>
    </Typed>
  );
}

export function AbortHanging(props: { place: Blocked; blocker: Blocker; onClose: () => void }) {
  const { place, blocker, onClose } = props;
  const bootstrap = useBootstrap();
  const name = `${place.topic}-${place.partition}`;
  return (
    <Typed
      title={`Abort the hanging transaction in ${name}`}
      name={name}
      button="Write the abort marker"
      command={abortHanging(bootstrap, place.topic, place.partition, blocker.firstOffset)}
      onClose={onClose}
      run={async () => {
        const where = path`/topics/${place.topic}/partitions/${place.partition}/abort`;
        await send("POST", where, { firstOffset: blocker.firstOffset });
        await refresh();
        say(`The transaction in ${name} is aborted.`);
        onClose();
      }}
    >
      <p className="small">
        {`Producer ${blocker.producerId} has had a transaction open here since offset ${blocker.firstOffset}, and no coordinator knows of it. One abort marker is written to this partition alone.`}
      </p>
    </Typed>
  );
}
