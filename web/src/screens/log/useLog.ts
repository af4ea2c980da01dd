// Fills the model of a topic: cursors and records from two streams, segments when their number changes, or the past
// from one answer.

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { get, path } from "../../api/client";
import { pastCursors, queryClient, segments, topic as topicQuery } from "../../api/queries";
import { openStream, perFrame, type StreamState } from "../../api/stream";
import type { LivePartition, Long, RecordPage, RecordRow, TopicDetail } from "../../api/types";
import { LogModel } from "./model";

/** Of so many partitions the segments are asked for. */
const SEGMENTS_OF = 32;
const FIRST_RECORDS = 200;
const PAYLOAD_BYTES = 256;

interface LiveEvent {
  nowMs: Long;
  partitions: LivePartition[];
}

export interface Log {
  model: LogModel;
  state: StreamState;
  /** What came while paused. */
  waiting: number;
  /** Why the past cannot be shown. */
  error: unknown;
}

/** The model, and a re-render a few times a second for what is not drawn on the canvas. */
export function useLog(topic: string, at: string | undefined, isPaused: boolean): Log {
  // biome-ignore lint/correctness/useExhaustiveDependencies: another topic or moment begins anew.
  const model = useMemo(() => new LogModel(), [topic, at]);
  const [state, setState] = useState<StreamState>("connecting");
  const [waiting, setWaiting] = useState(0);
  const paused = useRef(isPaused);
  paused.current = isPaused;
  const held = useRef<(() => void)[]>([]);
  const described = useQuery(topicQuery(topic, at));
  const past = useQuery({ ...pastCursors(topic, at ?? ""), enabled: at !== undefined });
  useTicks();

  // Before the stream has spoken, and for the past, the topic's description has the cursors.
  useEffect(() => {
    if (described.data && (at !== undefined || model.lanes.length === 0)) applyTopic(model, described.data);
  }, [described.data, model, at]);

  useEffect(() => {
    if (at !== undefined && past.data) model.apply(past.data.partitions, performance.now());
  }, [past.data, model, at]);

  useEffect(() => {
    if (at !== undefined) return;
    held.current = [];
    const run = (change: () => void) => {
      if (!paused.current) return change();
      if (held.current.length < 5000) held.current.push(change);
      setWaiting(held.current.length);
    };
    const cursors = openStream(
      path`/topics/${topic}/live`,
      {},
      {
        on: {
          cursors: (event: LiveEvent) =>
            run(() => {
              model.apply(event.partitions, performance.now());
              void refreshSegments(topic, model);
            }),
        },
        state: setState,
      },
    );
    const arrived = perFrame<RecordRow>((records) => run(() => model.addRecords(records, performance.now())));
    const tail = openStream(
      path`/topics/${topic}/records/tail`,
      { maxPerSecond: 2000, maxBytes: PAYLOAD_BYTES },
      {
        on: { records: ({ records }: { records: RecordRow[] }) => arrived.push(records) },
      },
    );
    return () => {
      cursors.close();
      tail.close();
      arrived.cancel();
    };
  }, [topic, at, model]);

  useEffect(() => {
    if (isPaused) return;
    for (const change of held.current) change();
    held.current = [];
    setWaiting(0);
  }, [isPaused]);

  const isKnown = described.data !== undefined;
  useEffect(() => {
    if (!isKnown) return;
    let isGone = false;
    void get<RecordPage>(path`/topics/${topic}/records`, {
      from: at ? `time:${at}` : "end",
      direction: "backward",
      limit: FIRST_RECORDS,
      maxBytes: PAYLOAD_BYTES,
    })
      .then((page) => {
        if (!isGone) model.addRecords(page.records, 0);
      })
      .catch(() => {
        // Cursors are drawn without records; the records page says what is wrong with them.
      });
    void refreshSegments(topic, model);
    return () => {
      isGone = true;
    };
  }, [topic, at, model, isKnown]);

  return { model, state: at ? "live" : state, waiting, error: at ? (past.error ?? described.error) : null };
}

function applyTopic(model: LogModel, topic: TopicDetail) {
  const known = topic.partitionList.flatMap(({ partition, cursors }) =>
    cursors ? [{ ...cursors, partition }] : [],
  );
  model.apply(known, performance.now());
}

const asked = new WeakMap<LogModel, Map<number, number>>();

/** Asks for the segments of lanes that have others than when they were last asked for. */
async function refreshSegments(topic: string, model: LogModel) {
  const known = asked.get(model) ?? new Map<number, number>();
  asked.set(model, known);
  const stale = model.lanes
    .slice(0, SEGMENTS_OF)
    .filter((lane) => lane.segmentCount !== null && known.get(lane.partition) !== lane.segmentCount);
  for (const lane of stale) known.set(lane.partition, lane.segmentCount ?? 0);
  await Promise.all(
    stale.map(async (lane) => {
      try {
        const found = await queryClient.fetchQuery({ ...segments(topic, lane.partition), staleTime: 0 });
        model.setSegments(lane.partition, found.segments);
      } catch {
        known.delete(lane.partition);
      }
    }),
  );
}

/** Renders four times a second. */
function useTicks() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((before) => before + 1), 250);
    return () => clearInterval(timer);
  }, []);
}
