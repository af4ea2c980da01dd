// The lag of a group over time, and how fast records come and are read.

import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { groupLag } from "../../api/queries";
import type { GroupLag, TimelineEntry } from "../../api/types";
import { count } from "../../text/format";
import { approximately } from "../../text/long";
import { type Band, Chart, type Line } from "../../ui/Chart";
import { Segmented } from "../../ui/controls";
import { Failed, Loading } from "../../ui/data";
import css from "./groups.module.css";

export type Span = "5m" | "15m" | "1h";

const SPANS: { [span in Span]: number } = { "5m": 300_000, "15m": 900_000, "1h": 3_600_000 };
/** More lines than this would not be told apart. */
const LINES_MAX = 8;

function lagLines(answer: GroupLag): { times: number[]; lines: Line[] } {
  const times = answer.total.map((point) => approximately(point.timeMs) / 1000);
  const lines: Line[] = [
    {
      name: "all partitions",
      colour: "accent",
      values: answer.total.map((point) => approximately(point.lag)),
      isFilled: true,
    },
  ];
  if (answer.series.length > 1 && answer.series.length <= LINES_MAX) {
    answer.series.forEach((one, at) => {
      const byTime = new Map(one.points.map((point) => [point.timeMs, approximately(point.lag)]));
      lines.push({
        name: `${one.topic} ${one.partition}`,
        colour: `c${(at % 8) + 1}`,
        values: answer.total.map((point) => byTime.get(point.timeMs) ?? null),
      });
    });
  }
  return { times, lines };
}

/** Records a second, from the first to the last point of each step. */
function rateLines(answer: GroupLag): { times: number[]; lines: Line[] } {
  const sums = new Map<number, { end: number; committed: number }>();
  for (const one of answer.series) {
    for (const point of one.points) {
      const at = approximately(point.timeMs);
      const sum = sums.get(at) ?? { end: 0, committed: 0 };
      sum.end += approximately(point.endOffset);
      sum.committed += approximately(point.committedOffset);
      sums.set(at, sum);
    }
  }
  const points = [...sums].sort((a, b) => a[0] - b[0]);
  const rate = (pick: (sum: { end: number; committed: number }) => number) =>
    points.map(([at, sum], index) => {
      const before = points[index - 1];
      const seconds = before ? (at - before[0]) / 1000 : 0;
      return before && seconds > 0 ? Math.max(0, (pick(sum) - pick(before[1])) / seconds) : null;
    });
  return {
    times: points.map(([at]) => at / 1000),
    lines: [
      { name: "written a second", colour: "n7", values: rate((sum) => sum.end) },
      { name: "read a second", colour: "accent", values: rate((sum) => sum.committed) },
    ],
  };
}

/** When nobody read because the group was rebalancing. */
export function rebalances(entries: readonly TimelineEntry[]): Band[] {
  return entries
    .filter((entry) => entry.durationMs !== null && entry.cause !== null)
    .map((entry) => {
      const end = approximately(entry.timeMs) / 1000;
      return { from: end - Number(entry.durationMs ?? 0) / 1000, to: end };
    });
}

export function LagChart(props: {
  group: string;
  span: Span;
  onSpan: (span: Span) => void;
  entries: readonly TimelineEntry[];
  now: number;
}) {
  const { group, span, entries } = props;
  const [show, setShow] = useState<"lag" | "rate">("lag");
  const since = String(Math.floor((props.now - SPANS[span]) / 10_000) * 10_000);
  const { data, error } = useQuery(groupLag(group, since));
  const drawn = useMemo(
    () => (data ? (show === "lag" ? lagLines(data) : rateLines(data)) : null),
    [data, show],
  );
  const bands = useMemo(() => rebalances(entries), [entries]);
  const last = data?.total.at(-1)?.lag;
  return (
    <section className="card" aria-label="Lag over time">
      <div className={css.cardHead}>
        <Segmented
          label="What is drawn"
          value={show}
          onChange={setShow}
          options={[
            ["lag", "Lag"],
            ["rate", "Written and read"],
          ]}
        />
        <div className={css.keys}>
          {drawn?.lines.map((line) => (
            <span key={line.name} style={{ "--key": `var(--${line.colour})` } as object}>
              {line.name}
            </span>
          ))}
          {bands.length > 0 ? <span style={{ "--key": "var(--warn)" } as object}>rebalancing</span> : null}
        </div>
        <Segmented
          label="How far back"
          value={span}
          onChange={props.onSpan}
          options={[
            ["5m", "5 min"],
            ["15m", "15 min"],
            ["1h", "1 h"],
          ]}
        />
      </div>
      <div className={css.chart}>
        {error ? <Failed error={error} /> : null}
        {!data && !error ? <Loading lines={3} /> : null}
        {drawn && drawn.times.length > 1 ? (
          <Chart
            times={drawn.times}
            lines={drawn.lines}
            bands={bands}
            height={212}
            label={`${show === "lag" ? "Lag" : "Records a second"} of ${group} over time; the lag is ${count(last)} now`}
          />
        ) : null}
        {drawn && drawn.times.length < 2 ? (
          <p className="muted small pad">A sample is taken every second; the line begins shortly.</p>
        ) : null}
      </div>
    </section>
  );
}
