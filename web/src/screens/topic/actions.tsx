// What changes a whole topic, each behind a dialog that says what follows.

import { useState } from "react";
import { path, send } from "../../api/client";
import { queryClient } from "../../api/queries";
import type { Long, TopicDetail } from "../../api/types";
import { count } from "../../text/format";
import { isLong } from "../../text/long";
import { Button, Choice, Text } from "../../ui/controls";
import { Dialog } from "../../ui/overlay";
import { say } from "../../ui/toasts";

async function refresh(name: string) {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: ["topic", name] }),
    queryClient.invalidateQueries({ queryKey: ["topics"] }),
  ]);
}

/** Runs one change at a time and keeps what went wrong with it. */
export function useChange(change: () => Promise<void>) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const run = () => {
    setBusy(true);
    setProblem(null);
    change().catch((error: Error) => {
      setProblem(error.message);
      setBusy(false);
    });
  };
  return { isBusy, problem, run };
}

export function AddPartitions({ name, now, onClose }: { name: string; now: number; onClose: () => void }) {
  const [text, setText] = useState(String(now + 1));
  const wanted = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  const { isBusy, problem, run } = useChange(async () => {
    await send("POST", path`/topics/${name}/partitions`, { count: wanted });
    await refresh(name);
    say(`${name} has ${wanted} partitions.`);
    onClose();
  });
  return (
    <Dialog
      title="Add partitions"
      isOpen
      onClose={onClose}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" isDisabled={isBusy || wanted <= now} onPress={run}>
            Add
          </Button>
        </>
      }
    >
      <Text
        label="Partitions in all"
        value={text}
        onChange={setText}
        inputMode="numeric"
        autoFocus
        error={problem}
        hint={`Now ${now}. There is no way back to fewer.`}
      />
      <p className="small muted">
        A key’s partition is its hash modulo this number: from now on, most keys go to another partition than
        before, and the order of a key’s old and new records is no longer kept.
      </p>
    </Dialog>
  );
}

interface Purged {
  partitions: { partition: number; logStartOffset: Long; error: string | null }[];
}

export function PurgeTopic({ topic, onClose }: { topic: TopicDetail; onClose: () => void }) {
  const [partition, setPartition] = useState("all");
  const [before, setBefore] = useState("");
  const [typed, setTyped] = useState("");
  const { isBusy, problem, run } = useChange(async () => {
    const partitions =
      partition === "all" ? null : [{ partition: Number(partition), beforeOffset: before || null }];
    const done = await send<Purged>("POST", path`/topics/${topic.name}/purge`, { partitions });
    const failed = done.partitions.find((one) => one.error !== null);
    if (failed) throw new Error(`Partition ${failed.partition}: ${failed.error}`);
    await refresh(topic.name);
    say(`The records are gone. ${topic.name} begins anew where it ended.`);
    onClose();
  });
  const isOdd = before !== "" && !isLong(before);
  return (
    <Dialog
      title="Delete records"
      isOpen
      onClose={onClose}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="danger" isDisabled={isBusy || isOdd || typed !== topic.name} onPress={run}>
            Delete records
          </Button>
        </>
      }
    >
      <div className="grid2">
        <Choice
          label="From"
          value={partition}
          onChange={setPartition}
          options={[
            ["all", "All partitions"] as const,
            ...topic.partitionList.map(
              (row) => [String(row.partition), `Partition ${row.partition}`] as const,
            ),
          ]}
        />
        {partition === "all" ? null : (
          <Text
            label="Before offset"
            value={before}
            onChange={setBefore}
            inputMode="numeric"
            placeholder="all of them"
            error={isOdd ? "A whole number" : null}
          />
        )}
      </div>
      <p className="small">
        The topic stays, and offsets go on counting; {count(topic.records)} records are there now. What is
        deleted cannot be brought back.
      </p>
      <Text label={`Type ${topic.name} to go on`} value={typed} onChange={setTyped} error={problem} mono />
    </Dialog>
  );
}

export function DeleteTopic(props: { name: string; onClose: () => void; onDone: () => void }) {
  const { name, onClose } = props;
  const [typed, setTyped] = useState("");
  const { isBusy, problem, run } = useChange(async () => {
    await send("DELETE", path`/topics/${name}`);
    props.onDone();
    queryClient.removeQueries({ queryKey: ["topic", name] });
    await queryClient.invalidateQueries({ queryKey: ["topics"] });
    say(`${name} is deleted.`);
  });
  return (
    <Dialog
      title={`Delete ${name}`}
      isOpen
      onClose={onClose}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="danger" isDisabled={isBusy || typed !== name} onPress={run}>
            Delete the topic
          </Button>
        </>
      }
    >
      <p className="small">
        The topic goes with all its records and its groups’ positions. It cannot be brought back.
      </p>
      <Text
        label={`Type ${name} to go on`}
        value={typed}
        onChange={setTyped}
        error={problem}
        autoFocus
        mono
      />
    </Dialog>
  );
}
