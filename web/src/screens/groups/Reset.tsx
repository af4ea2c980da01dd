// Moves a group's positions: choose where to, see what would change, then do it. There is a way back.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { path, send } from "../../api/client";
import type { GroupDetail, ResetResult, ResetTarget } from "../../api/types";
import { count, signed } from "../../text/format";
import { isLong } from "../../text/long";
import { resetGroup } from "../../text/snippets";
import { Button, Choice, Text } from "../../ui/controls";
import { Banner, Failed, Loading, Pill, Scroll } from "../../ui/data";
import { Dialog } from "../../ui/overlay";
import { ShowAs } from "../../ui/page";
import { say } from "../../ui/toasts";
import { localMoment } from "../records/QueryBar";
import { useChange } from "../topic/actions";
import { refreshGroup, undoReset } from "./undo";

type Kind = "beginning" | "end" | "offset" | "time" | "shift";

const KINDS: readonly (readonly [Kind, string])[] = [
  ["beginning", "The beginning: read everything again"],
  ["end", "The end: skip what is there"],
  ["time", "A time: read what was written since"],
  ["shift", "So many records back or forth"],
  ["offset", "An offset"],
];

function targetOf(kind: Kind, text: string): ResetTarget | null {
  if (kind === "beginning" || kind === "end") return { kind };
  if (kind === "time") {
    const ms = new Date(text).getTime();
    return Number.isNaN(ms) ? null : { kind, timeMs: String(ms) };
  }
  if (!isLong(text)) return null;
  return kind === "shift" ? { kind, by: text } : { kind, offset: text };
}

/** The same place in the command line's words. */
function spoken(target: ResetTarget | null): string {
  if (!target || target.kind === "beginning") return "start";
  if (target.kind === "end") return "end";
  if (target.kind === "time") return `@${new Date(Number(target.timeMs)).toISOString()}`;
  if (target.kind === "shift") return target.by?.startsWith("-") ? target.by : `+${target.by}`;
  return target.offset ?? "start";
}

function Preview({ result }: { result: ResetResult }) {
  return (
    <Scroll>
      <table aria-label="What would change">
        <thead>
          <tr>
            <th scope="col">Partition</th>
            <th scope="col" className="num">
              Now
            </th>
            <th scope="col" className="num">
              Then
            </th>
            <th scope="col" className="num">
              Moves by
            </th>
          </tr>
        </thead>
        <tbody>
          {result.changes.map((change) => (
            <tr key={`${change.topic}/${change.partition}`}>
              <td className="mono">{`${change.topic}/${change.partition}`}</td>
              <td className="num">{count(change.from)}</td>
              <td className="num">
                {count(change.to)} {change.clamped ? <Pill tone="warn">as far as the log goes</Pill> : null}
              </td>
              <td className="num">{signed(change.delta)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const WATCH_MS = 1500;

export function Reset({ group, onClose }: { group: GroupDetail; onClose: () => void }) {
  const id = group.groupId;
  const [kind, setKind] = useState<Kind>("beginning");
  const [text, setText] = useState("");
  const [topic, setTopic] = useState("");
  const bootstrap = useBootstrap();
  const topics = [...new Set(group.offsets.map((one) => one.topic))];
  const target = targetOf(kind, text);
  const of = topic === "" ? null : [{ topic, partitions: null }];
  const preview = useQuery({
    queryKey: ["reset", id, target, topic],
    enabled: target !== null,
    queryFn: () =>
      send<ResetResult>("POST", path`/groups/${id}/reset`, { to: target, topics: of, dryRun: true }),
    // Watches until the members have gone.
    refetchInterval: (query) => (query.state.data?.blockedBy ? WATCH_MS : false),
  });
  const { isBusy, problem, run } = useChange(async () => {
    const done = await send<ResetResult>("POST", path`/groups/${id}/reset`, {
      to: target,
      topics: of,
      dryRun: false,
    });
    if (!done.applied) throw new Error(done.blockedBy ?? "The positions were not moved.");
    await refreshGroup(id);
    const undo = done.undo;
    say(`${id} goes on from its new positions.`, undo ? () => void undoReset(id, undo.id) : null);
    onClose();
  });
  const blocked = preview.data?.blockedBy ?? null;
  return (
    <Dialog
      title={`Reset ${id}`}
      isOpen
      shape="wide"
      onClose={onClose}
      foot={
        <>
          <ShowAs snippets={resetGroup(bootstrap, id, spoken(target), topic ? [topic] : [])} />
          <span className="grow" />
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" isDisabled={isBusy || !preview.data || blocked !== null} onPress={run}>
            Move the positions
          </Button>
        </>
      }
    >
      <div className="grid2">
        <Choice
          label="To"
          value={kind}
          onChange={(next) => {
            setKind(next);
            setText(next === "time" ? localMoment(Date.now() - 3_600_000) : next === "shift" ? "-100" : "0");
          }}
          options={KINDS}
        />
        <Choice
          label="Of"
          value={topic}
          onChange={setTopic}
          options={[["", "All its topics"] as const, ...topics.map((one) => [one, one] as const)]}
        />
      </div>
      {kind === "beginning" || kind === "end" ? null : (
        <Text
          label={
            kind === "time" ? "Time (local)" : kind === "shift" ? "Records, negative for back" : "Offset"
          }
          value={text}
          onChange={setText}
          mono
          error={
            target === null ? (kind === "time" ? "Such as 2026-11-26T12:00:00" : "A whole number") : null
          }
        />
      )}
      {blocked ? (
        <Banner kind="warn">{`${blocked} Stop the readers; this notices when they have gone.`}</Banner>
      ) : null}
      {preview.error ? <Failed error={preview.error} /> : null}
      {preview.isFetching && !preview.data ? <Loading lines={3} /> : null}
      {preview.data ? <Preview result={preview.data} /> : null}
      {problem ? <Banner kind="bad">{problem}</Banner> : null}
    </Dialog>
  );
}
