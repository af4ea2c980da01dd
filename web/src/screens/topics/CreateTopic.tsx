// The form for a new topic. Everything but the name may be left to the broker.

import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { ApiError, send } from "../../api/client";
import { queryClient } from "../../api/queries";
import { createTopic } from "../../text/snippets";
import { Button, Choice, Text } from "../../ui/controls";
import { Dialog } from "../../ui/overlay";
import { ShowAs } from "../../ui/page";
import { say } from "../../ui/toasts";

const POLICIES = [
  ["", "Delete old records (default)"],
  ["compact", "Compact: keep the last of each key"],
  ["compact,delete", "Compact and delete"],
] as const;

const RETENTIONS = [
  ["", "7 days (default)"],
  ["3600000", "1 hour"],
  ["86400000", "1 day"],
  ["2592000000", "30 days"],
  ["-1", "For ever"],
] as const;

/** `key=value` lines as pairs; null where one is not of that form. */
export function readConfigs(text: string): [string, string][] | null {
  const pairs: [string, string][] = [];
  for (const line of text.split("\n").map((one) => one.trim())) {
    if (line === "") continue;
    const at = line.indexOf("=");
    if (at < 1) return null;
    pairs.push([line.slice(0, at).trim(), line.slice(at + 1).trim()]);
  }
  return pairs;
}

export function CreateTopic({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const bootstrap = useBootstrap();
  const [name, setName] = useState("");
  const [partitions, setPartitions] = useState("");
  const [policy, setPolicy] = useState<(typeof POLICIES)[number][0]>("");
  const [retention, setRetention] = useState<(typeof RETENTIONS)[number][0]>("");
  const [more, setMore] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);

  const extra = readConfigs(more);
  const configs = [
    ...(policy ? [["cleanup.policy", policy] as [string, string]] : []),
    ...(retention ? [["retention.ms", retention] as [string, string]] : []),
    ...(extra ?? []),
  ];
  const wanted = /^\d{1,6}$/.test(partitions) ? Number(partitions) : null;
  const isOdd = partitions !== "" && !wanted;

  async function create() {
    setBusy(true);
    setProblem(null);
    try {
      await send("POST", "/topics", {
        name,
        partitions: wanted,
        replicationFactor: null,
        configs: Object.fromEntries(configs),
        validateOnly: false,
      });
      await queryClient.invalidateQueries({ queryKey: ["topics"] });
      say(`${name} is there.`);
      await navigate({ to: "/topics/$topic/log", params: { topic: name } });
    } catch (error) {
      setProblem(
        error instanceof ApiError && error.hint ? `${error.message} ${error.hint}` : (error as Error).message,
      );
      setBusy(false);
    }
  }

  return (
    <Dialog
      title="Create a topic"
      isOpen
      onClose={onClose}
      foot={
        <>
          <ShowAs snippets={createTopic(bootstrap, name || "London", wanted, configs)} />
          <span className="grow" />
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={isBusy || name === "" || isOdd || extra === null}
            onPress={() => void create()}
          >
            Create
          </Button>
        </>
      }
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (name !== "" && !isOdd && extra !== null) void create();
        }}
      >
        <Text
          label="Name"
          value={name}
          onChange={setName}
          placeholder="London"
          autoFocus
          error={problem}
          hint="Letters, digits, dot, dash and underscore"
        />
        <Text
          label="Partitions"
          value={partitions}
          onChange={setPartitions}
          inputMode="numeric"
          placeholder="as the broker is set"
          error={isOdd ? "A whole number, at least 1" : null}
          hint="How many lanes its records are spread over. More can be added later, none taken away."
        />
        <div className="grid2">
          <Choice label="Clean-up" value={policy} onChange={setPolicy} options={POLICIES} />
          <Choice label="Retention" value={retention} onChange={setRetention} options={RETENTIONS} />
        </div>
        <Text
          label="Other configs"
          value={more}
          onChange={setMore}
          rows={2}
          mono
          placeholder="segment.bytes=1048576"
          error={extra === null ? "One key=value per line" : null}
        />
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
