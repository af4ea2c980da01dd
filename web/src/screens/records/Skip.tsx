// The way of a group past a record that makes its readers fail.

import { useQuery } from "@tanstack/react-query";
import { path, send } from "../../api/client";
import { group, queryClient } from "../../api/queries";
import type { RecordRow, ResetResult } from "../../api/types";
import { useMayChange } from "../../shell/asof";
import { plus } from "../../text/long";
import { Button } from "../../ui/controls";
import { say } from "../../ui/toasts";
import { undoReset } from "../groups/undo";
import { useChange } from "../topic/actions";

export function Skip({ topic, record, of }: { topic: string; record: RecordRow; of: string }) {
  const mayChange = useMayChange();
  const { data } = useQuery(group(of));
  const offsets = [{ topic, partition: record.partition, offset: plus(record.offset, "1") }];
  const { isBusy, problem, run } = useChange(async () => {
    const done = await send<ResetResult>("POST", path`/groups/${of}/reset`, {
      to: { kind: "explicit", offsets },
      topics: null,
      dryRun: false,
    });
    if (!done.applied) throw new Error(done.blockedBy ?? "The position was not moved.");
    await queryClient.invalidateQueries({ queryKey: ["journey", topic] });
    await queryClient.invalidateQueries({ queryKey: ["group", of] });
    const undo = done.undo;
    say(`${of} goes on behind this record.`, undo ? () => void undoReset(of, undo.id) : null);
  });
  if (!mayChange || !data) return null;
  const hasMembers = data.members.length > 0;
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
