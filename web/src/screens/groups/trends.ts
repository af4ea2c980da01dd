// How the lag of each group has gone since the page was opened, from answer to answer.

import { useRef } from "react";
import type { GroupRow } from "../../api/types";
import { compare } from "../../text/long";

const POINTS = 60;
const GROUPS_MAX = 500;

export function useTrends(rows: readonly GroupRow[] | undefined): ReadonlyMap<string, readonly string[]> {
  const trends = useRef(new Map<string, string[]>());
  const last = useRef<readonly GroupRow[] | undefined>(undefined);
  if (rows && rows !== last.current) {
    last.current = rows;
    if (trends.current.size > GROUPS_MAX) trends.current.clear();
    for (const { groupId, lag } of rows) {
      if (lag === null) continue;
      const before = trends.current.get(groupId) ?? [];
      trends.current.set(groupId, [...before.slice(1 - POINTS), lag]);
    }
  }
  return trends.current;
}

/** Above 0 where it grows, below where it falls. */
export function trendOf(trend: readonly string[]): number {
  const now = trend.at(-1);
  const before = trend.at(-6) ?? trend[0];
  return now === undefined || before === undefined ? 0 : compare(now, before);
}
