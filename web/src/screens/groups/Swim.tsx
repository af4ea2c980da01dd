// Who read which partition when: a lane for each member, its partitions as bars, and the rebalances as seams through
// all of them, each with its cause and its story.

import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import type { Lane, Lanes, Rebalance, Span } from "../../api/types";
import { clock, duration, many } from "../../text/format";
import { Button } from "../../ui/controls";
import { Blank } from "../../ui/data";
import { Icon } from "../../ui/icons";
import css from "./groups.module.css";
import { advice, causeText } from "./words";

const LANES_MAX = 40;
const SEAMS_MAX = 60;
const BAR_PX = 20;
/** What a seam needs to be pressed, and a little more. */
const SEAM_PX = 28;
const HUES = 8;

interface Bar {
  key: string;
  text: string;
  title: string;
  from: number;
  to: number;
  row: number;
  hue: number;
}

/** Spans that begin and end together, of one topic, as one bar; bars that overlap lie below each other. */
function barsOf(lane: Lane, from: number, to: number, topics: readonly string[]): Bar[] {
  const together = new Map<string, Span[]>();
  for (const span of lane.spans) {
    if (span.toMs !== null && Number(span.toMs) <= from) continue;
    const key = `${span.topic}|${span.fromMs}|${span.toMs}`;
    together.set(key, [...(together.get(key) ?? []), span]);
  }
  const ends: number[] = [];
  return [...together.entries()].map(([key, spans]) => {
    const [first] = spans as [Span, ...Span[]];
    const begins = Math.max(from, Number(first.fromMs));
    const stops = first.toMs === null ? to : Math.min(to, Number(first.toMs));
    const free = ends.findIndex((end) => end <= begins);
    const row = free === -1 ? ends.length : free;
    ends[row] = stops;
    const partitions = spans.map((span) => span.partition).sort((a, b) => a - b);
    const text = `${topics.length > 1 ? `${first.topic} ` : ""}${partitions.join(" ")}`;
    const title = `${first.topic} ${partitions.join(", ")}, ${clock(first.fromMs, false)} to ${first.toMs === null ? "now" : clock(first.toMs, false)}`;
    const hue =
      topics.length > 1 ? Math.max(0, topics.indexOf(first.topic)) % HUES : (partitions[0] ?? 0) % HUES;
    return { key, text, title, from: begins, to: stops, row, hue };
  });
}

function nameOf(lane: Lane): string {
  return lane.groupInstanceId ?? (lane.clientId || lane.memberId);
}

/** Rebalances that would lie on each other, together. */
function clustered(seams: readonly Rebalance[], ms: number): Rebalance[][] {
  const clusters: Rebalance[][] = [];
  for (const seam of seams) {
    const last = clusters.at(-1);
    const first = last?.[0];
    if (last && first && Number(seam.fromMs) - Number(first.fromMs) < ms) last.push(seam);
    else clusters.push([seam]);
  }
  return clusters;
}

/** How wide an element is, in pixels. */
function useWidth(first: number): [RefObject<HTMLDivElement | null>, number] {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(first);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) =>
      setWidth(Math.max(1, entry?.contentRect.width ?? first)),
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [first]);
  return [element, width];
}

/** The seams as buttons, as many as have room beside each other. */
function Seams(props: {
  seams: readonly Rebalance[];
  chosen: Rebalance | undefined;
  span: number;
  share: (at: number) => number;
  onSeam: (seam: string) => void;
}) {
  const [element, width] = useWidth(160);
  return (
    <div className={css.seams} ref={element}>
      {clustered(props.seams, (props.span * SEAM_PX) / width).map((cluster) => {
        const [first] = cluster as [Rebalance, ...Rebalance[]];
        const others = cluster.length > 1 ? `, and ${many(cluster.length - 1, "other")}` : "";
        const what = `${causeText(first.causes[0] ?? null)}${others}`;
        return (
          <button
            key={first.fromMs}
            type="button"
            className={css.seam}
            style={{ left: `${props.share(Number(first.fromMs))}%` }}
            data-count={cluster.length > 1 ? cluster.length : undefined}
            aria-pressed={props.chosen !== undefined && cluster.includes(props.chosen)}
            aria-label={`Rebalance at ${clock(first.fromMs, false)}: ${what}`}
            title={what}
            onClick={() => props.onSeam(first.fromMs)}
          />
        );
      })}
    </div>
  );
}

/** Goes from rebalance to rebalance. */
function Steps(props: { seams: readonly Rebalance[]; chosen: Rebalance; onSeam: (seam: string) => void }) {
  const place = props.seams.indexOf(props.chosen);
  const step = (by: number, name: "left" | "right", text: string) => {
    const to = props.seams[place + by];
    return (
      <Button
        small
        icon
        look="ghost"
        aria-label={text}
        isDisabled={!to}
        onPress={() => (to ? props.onSeam(to.fromMs) : undefined)}
      >
        <Icon name={name} size={14} />
      </Button>
    );
  };
  return (
    <div className={css.steps}>
      {step(-1, "left", "The rebalance before")}
      <span className="tiny muted">{`${place + 1} of ${props.seams.length}`}</span>
      {step(1, "right", "The next rebalance")}
    </div>
  );
}

function Story({ rebalance, children }: { rebalance: Rebalance; children: ReactNode }) {
  const [cause] = rebalance.causes;
  const told = advice(cause ?? null);
  const ended = rebalance.toMs === null ? null : Number(rebalance.toMs) - Number(rebalance.fromMs);
  return (
    <div className={css.story} aria-live="polite">
      {children}
      <h3>{`${clock(rebalance.fromMs)}: ${rebalance.causes.map((one) => causeText(one)).join("; ") || "rebalance"}`}</h3>
      <p className="small">
        {ended === null
          ? "It has not ended."
          : `It took ${duration(ended)}${rebalance.generationId === null ? "" : `; then generation ${rebalance.generationId} began`}.`}
      </p>
      <ul className={css.lines}>
        {rebalance.story.slice(0, 12).map((line, at) => (
          <li key={`${line.timeMs}${at}`}>
            <span className="mono tiny muted">{`+${duration(Number(line.timeMs) - Number(rebalance.fromMs))}`}</span>
            <span className="small">{line.text}</span>
          </li>
        ))}
      </ul>
      {told ? <p className="small muted">{told}</p> : null}
    </div>
  );
}

function LaneRow(props: {
  lane: Lane;
  from: number;
  to: number;
  topics: readonly string[];
  share: (at: number) => number;
  rebalances: readonly Rebalance[];
}) {
  const { lane, from, to, share } = props;
  const bars = barsOf(lane, from, to, props.topics);
  const rows = Math.max(1, ...bars.map((bar) => bar.row + 1));
  const begins = lane.joinedMs === null ? from : Math.max(from, Number(lane.joinedMs));
  const stops = lane.leftMs === null ? to : Math.min(to, Number(lane.leftMs));
  return (
    <>
      <div className={css.swimName}>
        <strong className="clip" title={lane.memberId}>
          {nameOf(lane)}
        </strong>
        <span className="tiny muted clip">
          {lane.leftMs === null
            ? bars.length === 0
              ? "idle"
              : lane.clientHost
            : `left: ${causeText(lane.leftCause)}`}
        </span>
      </div>
      <div className={css.swimLane} style={{ height: rows * (BAR_PX + 4) + 16 }}>
        <span
          className={css.alive}
          style={{ left: `${share(begins)}%`, width: `${share(stops) - share(begins)}%` }}
        />
        {props.rebalances.map((one) => {
          const until = one.toMs === null ? to : Number(one.toMs);
          return (
            <span
              key={one.fromMs}
              className={css.stopped}
              style={{
                left: `${share(Math.max(from, Number(one.fromMs)))}%`,
                width: `${Math.max(0.12, share(until) - share(Math.max(from, Number(one.fromMs))))}%`,
              }}
            />
          );
        })}
        {bars.map((bar) => (
          <span
            key={bar.key}
            className={css.own}
            data-hue={bar.hue}
            title={bar.title}
            style={{
              left: `${share(bar.from)}%`,
              width: `${share(bar.to) - share(bar.from)}%`,
              top: 8 + bar.row * (BAR_PX + 4),
              height: BAR_PX,
            }}
          >
            {bar.text}
          </span>
        ))}
      </div>
    </>
  );
}

/** The same for those who cannot see the lanes. */
function Twin({ lanes, now }: { lanes: readonly Lane[]; now: number }) {
  return (
    <ul className="sr" aria-label="Who read what">
      {lanes.flatMap((lane) =>
        barsOf(lane, 0, now, [""]).map((bar) => (
          <li key={`${lane.memberId}${bar.key}`}>{`${nameOf(lane)} read ${bar.title}`}</li>
        )),
      )}
    </ul>
  );
}

export function Swim(props: {
  lanes: Lanes;
  from: number;
  now: number;
  seam: string | undefined;
  onSeam: (seam: string | undefined) => void;
}) {
  const { from, now } = props;
  const share = (at: number) => Math.max(0, Math.min(100, ((at - from) / (now - from)) * 100));
  const lanes = props.lanes.members.filter((lane) => lane.leftMs === null || Number(lane.leftMs) > from);
  const shown = lanes.slice(-LANES_MAX);
  const topics = [...new Set(shown.flatMap((lane) => lane.spans.map((span) => span.topic)))].sort();
  const seams = props.lanes.rebalances
    .filter((one) => one.toMs === null || Number(one.toMs) > from)
    .slice(-SEAMS_MAX);
  const chosen = seams.find((one) => one.fromMs === props.seam) ?? seams.at(-1);
  return (
    <section className="card" aria-label="Who read what">
      <div className={css.cardHead}>
        <h2>Who read what</h2>
        <span className="tiny muted">{`${many(shown.length, "member")}, ${many(seams.length, "rebalance")} since ${clock(from, false)}`}</span>
      </div>
      {shown.length === 0 && seams.length === 0 ? (
        <Blank icon="groups" title="Nobody read in this time">
          <p>Each member is a lane here, and what it was told to read are the bars on it.</p>
        </Blank>
      ) : (
        <div className={css.flight}>
          <div className={css.swim}>
            <div className={css.swimCorner}>
              {props.lanes.truncated || lanes.length > shown.length ? (
                <span className="tiny muted">the latest ones</span>
              ) : null}
            </div>
            <Seams seams={seams} chosen={chosen} span={now - from} share={share} onSeam={props.onSeam} />
            {shown.map((lane) => (
              <LaneRow
                key={lane.memberId}
                lane={lane}
                from={from}
                to={now}
                topics={topics}
                share={share}
                rebalances={seams}
              />
            ))}
          </div>
          <div className={css.swimFoot}>
            <span />
            <span className="tiny muted">{clock(from, false)}</span>
            <span className="tiny muted">{clock(now, false)}</span>
          </div>
          <Twin lanes={shown} now={now} />
          {chosen ? (
            <Story rebalance={chosen}>
              <Steps seams={seams} chosen={chosen} onSeam={props.onSeam} />
            </Story>
          ) : null}
        </div>
      )}
    </section>
  );
}
