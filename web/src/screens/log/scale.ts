// Which stretch of the log is in view, and where on the screen an offset lies. The three axes differ only in how an
// offset becomes a coordinate: itself, the bytes before it, or the time of its record.

import { approximately } from "../../text/long";
import type { Lane, LogModel } from "./model";

export type Axis = "offset" | "time" | "bytes";

export interface View {
  from: number;
  to: number;
}

/** Records are no wider apart than this, so that three of them do not fill the screen. */
export const SPACING_MAX = 64;
/** Without a choice, this many are in view. */
const WINDOW = 160;

/** A known pair of offset and coordinate. */
type Knot = readonly [offset: number, coordinate: number];

/** Linear between knots that ascend; beyond them, as the nearest pair goes on. */
export function interpolate(knots: readonly Knot[], at: number): number {
  const first = knots[0];
  const last = knots.at(-1);
  if (!first || !last) return at;
  if (at <= first[0]) return first[1];
  if (at >= last[0]) return last[1];
  let low = 0;
  let high = knots.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((knots[middle] as Knot)[0] <= at) low = middle;
    else high = middle;
  }
  const [x0, y0] = knots[low] as Knot;
  const [x1, y1] = knots[high] as Knot;
  return x1 === x0 ? y1 : y0 + ((at - x0) / (x1 - x0)) * (y1 - y0);
}

export function byteKnots(lane: Lane): Knot[] {
  if (lane.blocks.length === 0) {
    return [
      [lane.start, 0],
      [Math.max(lane.end, lane.start + 1), lane.bytes],
    ];
  }
  const knots: Knot[] = [];
  let before = 0;
  for (const block of lane.blocks) {
    knots.push([block.base, before]);
    before += block.bytes;
    if (block.next > block.base) knots.push([block.next, before]);
  }
  return knots;
}

export function timeKnots(lane: Lane, now: number): Knot[] {
  const knots: Knot[] = [];
  for (const block of lane.blocks) {
    if (!block.segment.isActive) knots.push([block.next - 1, approximately(block.segment.maxTimestampMs)]);
  }
  for (const dot of lane.dots) {
    const last = knots.at(-1);
    const time = approximately(dot.record.timestampMs);
    if (time > 0 && (!last || dot.offset > last[0])) knots.push([dot.offset, Math.max(time, last?.[1] ?? 0)]);
  }
  knots.push([Math.max(lane.end, (knots.at(-1)?.[0] ?? 0) + 1), now]);
  return knots;
}

/** From offset to coordinate, for one lane. */
export function coordinate(axis: Axis, lane: Lane, now: number): (offset: number) => number {
  if (axis === "offset") return (offset) => offset;
  const knots = axis === "bytes" ? byteKnots(lane) : timeKnots(lane, now);
  return (offset) => interpolate(knots, offset);
}

/** The whole extent along an axis. */
export function extentOf(axis: Axis, model: LogModel, now: number): View {
  if (axis === "offset") return model.extent();
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const lane of model.lanes) {
    const at = coordinate(axis, lane, now);
    from = Math.min(from, at(lane.start));
    to = Math.max(to, at(lane.end));
  }
  return Number.isFinite(from) && to > from ? { from, to } : { from: 0, to: 1 };
}

/** What to look at: `span` is how much of the axis, null for the default; `back` how far from the end. */
export interface Look {
  span: number | null;
  back: number;
}

export const FOLLOW: Look = { span: null, back: 0 };

/** The stretch that a look means, for a screen of this width. */
export function target(axis: Axis, look: Look, extent: View, width: number): View {
  const all = extent.to - extent.from;
  const least = axis === "offset" ? width / SPACING_MAX : 1;
  const usual = axis === "offset" ? Math.min(Math.max(all, least), WINDOW) : all;
  const span = Math.max(look.span ?? usual, axis === "offset" ? least : all / 1e6);
  // A margin on the right for the tags of the cursors.
  const margin = span * (150 / Math.max(width, 300));
  const to = extent.to - look.back + margin;
  const from = to - span - margin;
  // What is short begins at the left, as one reads.
  if (look.back === 0 && from < extent.from) {
    return { from: extent.from, to: Math.max(extent.from + span + margin, to) };
  }
  return { from, to };
}

/** Nearer or farther, with what is under the pointer (0 to 1 across) staying there. */
export function zoom(look: Look, factor: number, at: number, view: View, extent: View): Look {
  const now = view.to - view.from;
  const all = extent.to - extent.from;
  const span = Math.min(Math.max(now * factor, all / 1e6), all * 1.1 + 8);
  const fixed = view.from + now * at;
  const to = fixed + span * (1 - at);
  const back = Math.max(0, extent.to - to);
  return { span, back: look.back === 0 && at > 0.8 ? 0 : back };
}

/** Sideways by a share of what is in view. Not past the end. */
export function pan(look: Look, share: number, view: View, extent: View): Look {
  const span = view.to - view.from;
  const back = Math.min(Math.max(0, look.back - share * span), Math.max(0, extent.to - extent.from));
  return { span: look.span, back };
}

/** A step towards where the view should be. */
export function ease(view: View, goal: View, ms: number, isStill: boolean): View {
  const share = isStill ? 1 : 1 - Math.exp(-ms / 45);
  const next = {
    from: view.from + (goal.from - view.from) * share,
    to: view.to + (goal.to - view.to) * share,
  };
  const span = goal.to - goal.from;
  const isThere = Math.abs(next.from - goal.from) < span / 4000 && Math.abs(next.to - goal.to) < span / 4000;
  return isThere ? goal : next;
}

export function x(view: View, width: number, at: number): number {
  return ((at - view.from) / (view.to - view.from)) * width;
}

/** Round steps for the ruler. */
export function ticks(view: View, width: number): number[] {
  const rough = ((view.to - view.from) * 110) / Math.max(width, 1);
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? power * 10;
  const found: number[] = [];
  for (
    let at = Math.ceil(Math.max(view.from, 0) / step) * step;
    at <= view.to && found.length < 60;
    at += step
  )
    found.push(at);
  return found;
}
