// The coordinator's words for people.

import type { Blocker, TransactionRow } from "../../api/types";
import { duration } from "../../text/format";
import type { Tone } from "../../ui/data";

const STATES: { [state: string]: string } = {
  Empty: "no transaction yet",
  Ongoing: "open",
  PrepareCommit: "committing",
  PrepareAbort: "aborting",
  CompleteCommit: "committed",
  CompleteAbort: "aborted",
};

export function stateText(row: { state: string; isLate: boolean }): string {
  return row.isLate ? "late" : (STATES[row.state] ?? row.state);
}

export function stateTone(row: Pick<TransactionRow, "state" | "isLate">): Tone {
  if (row.isLate) return "bad";
  if (row.state === "Ongoing") return "warn";
  return row.state === "Empty" || row.state === "CompleteAbort" ? "plain" : "good";
}

export function verdictText(blocker: Blocker): string {
  if (blocker.ageMs === null) return "is known to no coordinator";
  const age = duration(Number(blocker.ageMs));
  if (blocker.verdict === "ending") return `began ${age} ago; its markers are on their way`;
  if (blocker.verdict === "late") return `began ${age} ago, and its timeout is over`;
  return `began ${age} ago and is aborted after ${duration(blocker.timeoutMs ?? 0)}`;
}

export const CAUSES: { [cause: string]: string } = {
  client: "its producer said so",
  timeout: "it took longer than its timeout",
  fenced: "another producer took over the id",
  operator: "an administrator aborted it",
};

/** What an event of a transaction is drawn as. */
export function eventShape(
  kind: string,
  result: string | undefined,
): "begin" | "add" | "commit" | "abort" | "note" {
  if (kind === "transaction.begun") return "begin";
  if (kind === "transaction.partitions") return "add";
  if (kind === "transaction.completed" || kind === "transaction.prepared") {
    return result === "abort" ? "abort" : "commit";
  }
  return "note";
}
