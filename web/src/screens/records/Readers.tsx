// The groups that read a record's partition: who has it behind them, who comes to it next, and the way past a record
// that makes its readers fail.

import { useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { path, send } from "../../api/client";
import { group, groups, queryClient } from "../../api/queries";
import type { GroupDetail, RecordRow, ResetResult } from "../../api/types";
import { useMayChange } from "../../shell/asof";
import { count } from "../../text/format";
import { compare, minus, plus } from "../../text/long";
import { Button } from "../../ui/controls";
import { Failed, Loading, Pill } from "../../ui/data";
import { say } from "../../ui/toasts";
import { undoReset } from "../groups/undo";
import { useChange } from "../topic/actions";
import css from "./records.module.css";

const SHOWN = 12;

interface Standing {
  text: string;
  isNext: boolean;
}

/** Where a committed position is, seen from a record. */
export function standing(committed: string | null, offset: string): Standing {
  if (committed === null) return { text: "has not committed anything here", isNext: false };
  if (compare(committed, offset) > 0) return { text: "has read it", isNext: false };
  if (committed === offset) return { text: "reads it next", isNext: true };
  return { text: `comes to it after ${count(minus(offset, committed))} others`, isNext: false };
}

function Skip({ topic, record, of }: { topic: string; record: RecordRow; of: GroupDetail }) {
  const offsets = [{ topic, partition: record.partition, offset: plus(record.offset, "1") }];
  const { isBusy, problem, run } = useChange(async () => {
    const done = await send<ResetResult>("POST", path`/groups/${of.groupId}/reset`, {
      to: { kind: "explicit", offsets },
      topics: null,
      dryRun: false,
    });
    if (!done.applied) throw new Error(done.blockedBy ?? "The position was not moved.");
    await queryClient.invalidateQueries({ queryKey: ["group", of.groupId] });
    const undo = done.undo;
    say(`${of.groupId} goes on behind this record.`, undo ? () => void undoReset(of.groupId, undo.id) : null);
  });
  const hasMembers = of.members.length > 0;
  return (
    <div className="stack">
      <p className="small muted">
        {hasMembers
          ? "If this record makes its readers fail again and again, stop them; then the group can be moved past it."
          : "If this record makes its readers fail, the group can be moved past it. They go on behind it when they come back."}
      </p>
      <div className="row">
        <Button small isDisabled={hasMembers || isBusy} onPress={run}>
          Skip the record
        </Button>
        {problem ? <span className="small">{problem}</span> : null}
      </div>
    </div>
  );
}

export function Readers({ topic, record }: { topic: string; record: RecordRow }) {
  const mayChange = useMayChange();
  const list = useQuery(groups({ topic, size: SHOWN }));
  const found = useQueries({ queries: (list.data?.items ?? []).map((row) => group(row.groupId)) });
  if (list.error) return <Failed error={list.error} />;
  if (!list.data) return <Loading lines={2} />;
  if (list.data.total === 0) return <p className="muted">No group has read this topic.</p>;
  return (
    <ul className={css.ladder}>
      {found.map(({ data }, at) => {
        if (!data) return null;
        const position = data.offsets.find(
          (one) => one.topic === topic && one.partition === record.partition,
        );
        const said = standing(position?.committedOffset ?? null, record.offset);
        return (
          <li key={list.data.items[at]?.groupId ?? at}>
            <span>
              <Link to="/groups/$group" params={{ group: data.groupId }}>
                {data.groupId}
              </Link>
            </span>
            <div className="stack">
              <span className="row">
                {said.text}
                {said.isNext ? <Pill tone="warn">here</Pill> : null}
              </span>
              {said.isNext && mayChange ? <Skip topic={topic} record={record} of={data} /> : null}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
