// A record by hand: new, or like one that is there.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { queryClient, topic as topicQuery } from "../../api/queries";
import type { RecordRow } from "../../api/types";
import { count } from "../../text/format";
import { produceOne } from "../../text/snippets-produce";
import { Button, Check, Choice, Text } from "../../ui/controls";
import { Editor } from "../../ui/Editor";
import { Dialog } from "../../ui/overlay";
import { ShowAs } from "../../ui/page";
import { say } from "../../ui/toasts";
import { useChange } from "../topic/actions";
import { Caption } from "./Caption";
import { asInput, type Draft, EMPTY, produce, readHeaders } from "./produce";

function draftOf(record: RecordRow | undefined): Draft {
  if (!record) return EMPTY;
  return {
    key: record.key?.text ?? "",
    isKeyNull: record.key === null,
    value: record.value?.text ?? "",
    isValueNull: record.value === null,
    headers: record.headers.map((header) => `${header.key}: ${header.value?.text ?? ""}`).join("\n"),
    partition: "",
  };
}

export function ProduceDialog({
  topic,
  like,
  onClose,
}: {
  topic: string;
  like?: RecordRow;
  onClose: () => void;
}) {
  const [draft, setDraft] = useState(() => draftOf(like));
  const { data } = useQuery(topicQuery(topic));
  const bootstrap = useBootstrap();
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const headers = readHeaders(draft.headers);
  const partitions = data?.partitions ?? 1;
  const { isBusy, problem, run } = useChange(async () => {
    const answer = await produce(topic, {
      key: asInput(draft.key, draft.isKeyNull, like?.key),
      value: asInput(draft.value, draft.isValueNull, like?.value),
      headers: headers ?? [],
      partition: draft.partition === "" ? null : Number(draft.partition),
    });
    const first = answer.records[0];
    await queryClient.invalidateQueries({ queryKey: ["records", topic] });
    if (first) say(`Written to partition ${first.partition}, offset ${count(first.offset)}.`);
    onClose();
  });
  const isCut = like?.value?.truncated || like?.key?.truncated;
  return (
    <Dialog
      title={`Produce to ${topic}`}
      isOpen
      shape="wide"
      onClose={onClose}
      foot={
        <>
          <ShowAs snippets={produceOne(bootstrap, topic, draft)} />
          <span className="grow" />
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" isDisabled={isBusy || headers === null || Boolean(isCut)} onPress={run}>
            Produce
          </Button>
        </>
      }
    >
      <div className="grid2">
        <div className="stack">
          {draft.isKeyNull ? null : (
            <Text label="Key" value={draft.key} onChange={(key) => set({ key })} mono autoFocus />
          )}
          <Check label="No key" isOn={draft.isKeyNull} onChange={(isKeyNull) => set({ isKeyNull })} />
        </div>
        <Choice
          label="Partition"
          value={draft.partition}
          onChange={(partition) => set({ partition })}
          options={[
            ["", "By the key"] as const,
            ...Array.from({ length: partitions }, (_, at) => [String(at), `Partition ${at}`] as const),
          ]}
        />
      </div>
      {draft.isKeyNull || draft.partition !== "" ? null : (
        <Caption keyText={draft.key} partitions={partitions} />
      )}
      {draft.isValueNull ? null : (
        <Editor
          label="Value"
          value={draft.value}
          onChange={(value) => set({ value })}
          rows={6}
          hint={like?.value?.base64 ? "Left empty, the bytes are sent as they are." : undefined}
        />
      )}
      <Check
        label="No value: a tombstone, which deletes the key where the topic is compacted"
        isOn={draft.isValueNull}
        onChange={(isValueNull) => set({ isValueNull })}
      />
      <Text
        label="Headers"
        value={draft.headers}
        onChange={(text) => set({ headers: text })}
        rows={2}
        mono
        placeholder="source: console"
        error={headers === null ? "One name: value per line" : (problem ?? null)}
      />
      {isCut ? <p className="small muted">The record is too large to be sent again from here.</p> : null}
    </Dialog>
  );
}
