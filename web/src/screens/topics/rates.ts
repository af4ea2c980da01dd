// Bytes per second of each topic, from two answers in a row.

import { useRef } from "react";
import type { TopicRow } from "../../api/types";
import { minus } from "../../text/long";

interface Seen {
  bytesIn: string;
  at: number;
  rate: number | undefined;
}

export function useRates(rows: readonly TopicRow[] | undefined): ReadonlyMap<string, number | undefined> {
  const seen = useRef(new Map<string, Seen>());
  const last = useRef<readonly TopicRow[] | undefined>(undefined);
  if (rows && rows !== last.current) {
    last.current = rows;
    const now = performance.now();
    for (const row of rows) {
      if (row.bytesIn === null) continue;
      const before = seen.current.get(row.topicId);
      const seconds = before ? (now - before.at) / 1000 : 0;
      const rate =
        before && seconds > 0.5 ? Number(minus(row.bytesIn, before.bytesIn)) / seconds : before?.rate;
      seen.current.set(row.topicId, { bytesIn: row.bytesIn, at: now, rate });
    }
  }
  return new Map([...seen.current].map(([id, one]) => [id, one.rate]));
}
