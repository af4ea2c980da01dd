// Where the records of the page come from: pages in either direction, a search that reports how far it is, or the
// live end. All three give a list and a state.

import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { get, path, type Query } from "../../api/client";
import { openStream, perFrame } from "../../api/stream";
import type { Long, RecordPage, RecordRow, SearchDone, SearchProgress } from "../../api/types";
import { plus } from "../../text/long";

export interface RecordsSearch {
  partitions?: string;
  from?: string;
  direction?: "forward" | "backward";
  q?: string;
  key?: string;
  header?: string;
  json?: string[];
  tombstones?: true;
  tail?: true;
}

/** What the API wants of the page's address. */
export function toQuery(search: RecordsSearch): Query {
  const { partitions, from, direction, q, key, header, json, tombstones } = search;
  return { partitions, from: from ?? "end", direction, q, key, header, json, tombstones };
}

export function isFiltered(search: RecordsSearch): boolean {
  return Boolean(search.q || search.key || search.header || search.json?.length || search.tombstones);
}

const PAGE = 100;

/** Pages, both ways. */
export function useBrowse(topic: string, search: RecordsSearch, isOn: boolean) {
  const query = toQuery(search);
  const result = useInfiniteQuery({
    queryKey: ["records", topic, query],
    enabled: isOn,
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, direction, signal }) => {
      const from = pageParam ?? query.from;
      const asked = pageParam === null ? query.direction : undefined;
      const page = await get<RecordPage>(
        path`/topics/${topic}/records`,
        { partitions: query.partitions, from, direction: asked, limit: PAGE },
        signal,
      );
      // The other way round, records come nearest first.
      return direction === "backward" ? { ...page, records: page.records.toReversed() } : page;
    },
    getNextPageParam: (last) => last.next ?? undefined,
    getPreviousPageParam: (first) => first.previous ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 30_000,
  });
  const records = useMemo(
    () => distinct(result.data?.pages.flatMap((page) => page.records) ?? []),
    [result.data],
  );
  const problems = useMemo(
    () => [...new Set(result.data?.pages.flatMap((page) => page.problems) ?? [])].slice(0, 3),
    [result.data],
  );
  return { ...result, records, problems };
}

/** A record may be in two pages when the log grew between them. */
export function distinct(records: readonly RecordRow[]): RecordRow[] {
  const seen = new Set<string>();
  return records.filter((record) => {
    const id = `${record.partition}@${record.offset}`;
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

export interface SearchState {
  records: RecordRow[];
  progress: SearchProgress | null;
  state: "running" | "done" | "cancelled" | "failed";
  stoppedBy: string | null;
  problem: string | null;
}

const NOTHING: SearchState = {
  records: [],
  progress: null,
  state: "running",
  stoppedBy: null,
  problem: null,
};
const FOUND_MAX = 1000;

/** A search through the log, as it goes. Leaving or cancelling ends it in the broker, too. */
export function useSearching(topic: string, search: RecordsSearch, isOn: boolean) {
  const [state, setState] = useState<SearchState>(NOTHING);
  const close = useRef<() => void>(() => {});
  const [round, setRound] = useState(0);
  const asked = JSON.stringify(toQuery(search));

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` asks again for the same.
  useEffect(() => {
    if (!isOn) return;
    setState(NOTHING);
    const found = perFrame<RecordRow>((records) =>
      setState((before) => ({ ...before, records: before.records.concat(records) })),
    );
    const query = JSON.parse(asked) as Query;
    // Typing goes on; the search starts when it pauses.
    const timer = setTimeout(() => {
      const stream = openStream(
        path`/topics/${topic}/records/search`,
        { ...query, limit: FOUND_MAX },
        {
          on: {
            record: (record: RecordRow) => found.push([record]),
            progress: (progress: SearchProgress) => setState((before) => ({ ...before, progress })),
            done: ({ progress, stoppedBy, problems }: SearchDone) => {
              stream.close();
              setState((before) => ({
                ...before,
                progress,
                state: "done",
                stoppedBy,
                problem: problems[0] ?? null,
              }));
            },
            failed: ({ message }: { message: string }) => {
              stream.close();
              setState((before) => ({ ...before, state: "failed", problem: message }));
            },
          },
          state: (now) => {
            if (now === "lost")
              setState((before) => ({ ...before, state: "failed", problem: "The search was refused." }));
          },
        },
      );
      close.current = () => stream.close();
    }, 250);
    close.current = () => {};
    return () => {
      clearTimeout(timer);
      found.cancel();
      close.current();
    };
  }, [topic, asked, isOn, round]);

  const cancel = useCallback(() => {
    close.current();
    setState((before) => ({ ...before, state: "cancelled" }));
  }, []);
  return { ...state, cancel, again: () => setRound((before) => before + 1) };
}

export interface TailState {
  records: readonly RecordRow[];
  received: Long;
  skipped: Long;
  state: "connecting" | "live" | "lost";
  problem: string | null;
}

const KEPT = 5000;
const EMPTY_TAIL: TailState = {
  records: [],
  received: "0",
  skipped: "0",
  state: "connecting",
  problem: null,
};

/** The live end, newest first. While paused, what comes waits; nothing that is shown goes away. */
export function useTail(topic: string, search: RecordsSearch, isOn: boolean, isPaused: boolean) {
  const [tail, setTail] = useState<TailState>(EMPTY_TAIL);
  const paused = useRef(isPaused);
  const waiting = useRef<RecordRow[]>([]);
  paused.current = isPaused;
  const asked = JSON.stringify({ ...toQuery(search), from: "end", direction: undefined });

  const add = useCallback((records: RecordRow[]) => {
    setTail((before) => ({
      ...before,
      records: records.toReversed().concat(before.records.slice(0, KEPT - records.length)),
    }));
  }, []);

  useEffect(() => {
    if (!isOn) return;
    setTail(EMPTY_TAIL);
    waiting.current = [];
    const arrived = perFrame<RecordRow>((records) => {
      if (paused.current) waiting.current = waiting.current.concat(records).slice(-KEPT);
      else add(records.slice(-KEPT));
    });
    const stream = openStream(
      path`/topics/${topic}/records/tail`,
      { ...(JSON.parse(asked) as Query), maxPerSecond: 2000 },
      {
        on: {
          records: ({ records, skipped }: { records: RecordRow[]; skipped: Long }) => {
            arrived.push(records);
            setTail((before) => ({
              ...before,
              received: plus(before.received, String(records.length)),
              skipped: plus(before.skipped, skipped),
            }));
          },
          failed: ({ message }: { message: string }) =>
            setTail((before) => ({ ...before, problem: message })),
        },
        state: (state) => setTail((before) => ({ ...before, state })),
      },
    );
    return () => {
      stream.close();
      arrived.cancel();
    };
  }, [topic, asked, isOn, add]);

  useEffect(() => {
    if (isPaused || waiting.current.length === 0) return;
    add(waiting.current);
    waiting.current = [];
  }, [isPaused, add]);

  return tail;
}
