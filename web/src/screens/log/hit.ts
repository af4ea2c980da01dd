// What lies under the pointer.

import { type Frame, pixels } from "./draw";
import { GUTTER, RULER } from "./layout";
import type { Block, Dot, Lane, Pin } from "./model";

export type Hit =
  | { kind: "record"; lane: Lane; dot: Dot }
  | { kind: "segment"; lane: Lane; block: Block }
  | { kind: "group"; lane: Lane; pin: Pin }
  | { kind: "watermark" | "end" | "start" | "stable"; lane: Lane }
  | { kind: "lane"; lane: Lane };

const NEAR = 4;

export function laneAt(
  frame: Pick<Frame, "layout" | "scroll">,
  lanes: readonly Lane[],
  y: number,
): Lane | null {
  if (y < RULER) return null;
  return lanes[Math.floor((y - RULER + frame.scroll) / frame.layout.height)] ?? null;
}

export function hit(frame: Frame, lanes: readonly Lane[], at: number, y: number): Hit | null {
  const lane = laneAt(frame, lanes, y);
  if (!lane) return null;
  if (at < GUTTER) return { kind: "lane", lane };
  const to = pixels(frame, lane);
  const within = (y - RULER + frame.scroll) % frame.layout.height;
  const isNear = (offset: number) => Math.abs(to(offset) - at) <= NEAR;
  const isOnBlock = within >= frame.layout.top && within <= frame.layout.bottom;
  if (!isOnBlock) {
    const pin = lane.pins.find((one) => isNear(one.at));
    if (pin) return { kind: "group", lane, pin };
    if (lane.stable < lane.watermark && isNear(lane.stable)) return { kind: "stable", lane };
    if (isNear(lane.watermark)) return { kind: "watermark", lane };
    if (isNear(lane.end)) return { kind: "end", lane };
    if (isNear(lane.start)) return { kind: "start", lane };
    return null;
  }
  const dot = dotAt(frame, lane, to, at);
  if (dot) return { kind: "record", lane, dot };
  const block = lane.blocks.find((one) => to(one.base) <= at && at < to(Math.max(one.next, one.base + 1)));
  return block ? { kind: "segment", lane, block } : null;
}

function dotAt(frame: Frame, lane: Lane, to: (at: number) => number, at: number): Dot | null {
  const spacing = to(lane.end) - to(lane.end - 1);
  const wide = frame.axis === "offset" ? spacing : Math.min(Math.max(spacing, 6), 16);
  if (wide < 2) return null;
  return lane.dots.find((dot) => to(dot.offset) <= at && at < to(dot.offset) + wide) ?? null;
}
