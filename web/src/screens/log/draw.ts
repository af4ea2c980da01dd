// The lanes, drawn: segments at the back, then batches of records, then cursors.

import { bytes, clock, compact, count } from "../../text/format";
import { preview } from "../../text/payload";
import { GUTTER, type LaneLayout, RULER } from "./layout";
import { type Dot, FADE_MS, HEAT_FROM, type Lane, SLIDE_MS } from "./model";
import type { Palette } from "./palette";
import { type Axis, coordinate, ticks, type View, x } from "./scale";

export interface Frame {
  context: CanvasRenderingContext2D;
  palette: Palette;
  axis: Axis;
  view: View;
  /** Of the picture, gutter included. */
  width: number;
  height: number;
  layout: LaneLayout;
  /** How far the lanes are scrolled. */
  scroll: number;
  /** The page's time and the time of day. */
  now: number;
  today: number;
  isStill: boolean;
  /** A position on the offset axis as an offset. */
  offset: (position: number) => string;
  hover: { partition: number; offset: number } | null;
}

/** From an offset of this lane to pixels. */
export function pixels(frame: Frame, lane: Lane): (offset: number) => number {
  const at = coordinate(frame.axis, lane, frame.today);
  const width = frame.width - GUTTER;
  return (offset) => GUTTER + x(frame.view, width, at(offset));
}

export function draw(frame: Frame, lanes: readonly Lane[]) {
  const { context, palette, width, height, layout, scroll } = frame;
  context.clearRect(0, 0, width, height);
  context.textBaseline = "middle";
  drawRuler(frame);
  context.save();
  context.beginPath();
  context.rect(0, RULER, width, height - RULER);
  context.clip();
  lanes.forEach((lane, index) => {
    const top = RULER + index * layout.height - scroll;
    if (top > height || top + layout.height < RULER) return;
    if (index > 0) {
      context.fillStyle = palette.line;
      context.globalAlpha = 0.6;
      context.fillRect(0, Math.round(top), width, 1);
      context.globalAlpha = 1;
    }
    drawLane(frame, lane, top);
  });
  context.restore();
}

function drawRuler({ context, palette, axis, view, width, offset }: Frame) {
  context.fillStyle = palette.line;
  context.fillRect(0, RULER - 1, width, 1);
  context.fillStyle = palette.faint;
  context.font = `400 11px ${palette.mono}`;
  context.textAlign = "center";
  const text =
    axis === "time"
      ? (at: number) => clock(at, false)
      : axis === "bytes"
        ? (at: number) => bytes(at)
        : (at: number) => count(offset(at));
  for (const at of ticks(view, width - GUTTER)) {
    const left = GUTTER + x(view, width - GUTTER, at);
    if (left < GUTTER + 12 || left > width - 24) continue;
    context.fillText(text(at), left, RULER / 2);
  }
}

function drawLane(frame: Frame, lane: Lane, top: number) {
  const { context, palette, layout, width, now } = frame;
  const to = pixels(frame, lane);
  if (lane.litUntil > now) {
    context.fillStyle = palette.accentSoft;
    context.fillRect(0, top + 1, width, layout.height - 1);
  }
  context.save();
  context.beginPath();
  context.rect(GUTTER, top, width - GUTTER, layout.height);
  context.clip();
  drawRail(frame, lane, top, to);
  drawBlocks(frame, lane, top, to);
  drawRecords(frame, lane, top, to);
  drawLag(frame, lane, top, to);
  drawCursors(frame, lane, top, to);
  context.restore();
  drawGutter(frame, lane, top);
}

function drawGutter({ context, palette, layout }: Frame, lane: Lane, top: number) {
  const middle = top + (layout.top + layout.bottom) / 2;
  context.textAlign = "left";
  context.fillStyle = palette.strong;
  context.font = `600 ${layout.height > 40 ? 14 : 11}px ${palette.mono}`;
  context.fillText(String(lane.partition), 14, middle - (layout.height > 60 ? 7 : 0));
  if (layout.height <= 60) return;
  context.fillStyle = palette.faint;
  context.font = `400 11px ${palette.mono}`;
  context.fillText(compact(lane.end - lane.start), 14, middle + 9);
}

/** What was there once, and the place where the next record will come to lie. */
function drawRail(
  { context, palette, layout, width }: Frame,
  lane: Lane,
  top: number,
  to: (at: number) => number,
) {
  const middle = top + (layout.top + layout.bottom) / 2;
  const start = to(lane.start);
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  if (start > GUTTER && lane.start > 0) {
    context.setLineDash([2, 4]);
    line(context, GUTTER, middle, start, middle);
  }
  context.setLineDash([1, 5]);
  line(context, Math.max(GUTTER, to(lane.end)), middle, width, middle);
  context.setLineDash([]);
}

function line(context: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function drawBlocks(frame: Frame, lane: Lane, top: number, to: (at: number) => number) {
  const { context, palette, layout, width } = frame;
  const height = layout.bottom - layout.top;
  const whole = { base: lane.start, next: lane.end, bytes: lane.bytes, isActive: true };
  const blocks =
    lane.blocks.length > 0
      ? lane.blocks.map((block) => ({ ...block, isActive: block.segment.isActive }))
      : [whole];
  blocks.forEach((block, index) => {
    const left = Math.max(to(Math.max(block.base, lane.start)), GUTTER - 20);
    const right = Math.min(to(block.isActive ? Math.max(block.next, lane.end) : block.next), width + 20);
    if (right <= GUTTER || left >= width || right - left < 0.5) return;
    context.beginPath();
    context.roundRect(
      left,
      top + layout.top,
      Math.max(right - left - 1.5, 1),
      height,
      Math.min(7, height / 3),
    );
    context.fillStyle = index % 2 === 0 ? palette.sunken : palette.page;
    context.fill();
    context.strokeStyle = block.isActive ? palette.accent : palette.line;
    context.lineWidth = 1;
    context.stroke();
    if (right - left > 76 && layout.height > 60 && blocks.length > 1) {
      context.fillStyle = palette.faint;
      context.font = `400 10px ${palette.sans}`;
      context.textAlign = "left";
      const at = Math.max(left, GUTTER) + 6;
      context.fillText(
        block.isActive ? `active · ${bytes(block.bytes)}` : bytes(block.bytes),
        at,
        top + layout.bottom + 9,
      );
    }
  });
}

function drawRecords(frame: Frame, lane: Lane, top: number, to: (at: number) => number) {
  const { layout, width } = frame;
  if (lane.rate > HEAT_FROM) {
    drawHeat(frame, lane, top, to);
    return;
  }
  const spacing = to(lane.end) - to(lane.end - 1);
  const middle = top + (layout.top + layout.bottom) / 2;
  for (const dot of lane.dots) {
    const left = to(dot.offset);
    const wide = frame.axis === "offset" ? spacing : Math.min(Math.max(spacing, 6), 16);
    if (left > width || left + wide < GUTTER || dot.offset >= lane.end) continue;
    drawDot(frame, dot, left, wide, middle, lane);
  }
  if (spacing < 3) drawHeat(frame, lane, top, to);
}

function drawDot(frame: Frame, dot: Dot, left: number, wide: number, middle: number, lane: Lane) {
  const { context, palette, layout } = frame;
  const age = dot.arrived === 0 || frame.isStill ? SLIDE_MS : frame.now - dot.arrived;
  const share = Math.min(1, Math.max(0, age / SLIDE_MS));
  const slide = (1 - share) * 28;
  const isHovered = frame.hover?.partition === lane.partition && frame.hover.offset === dot.offset;
  const colour = dot.hue < 0 ? palette.faint : (palette.hues[dot.hue] ?? palette.faint);
  context.globalAlpha = share;
  context.fillStyle = colour;
  context.strokeStyle = colour;
  if (wide >= 38 && layout.height > 60) {
    drawChip(frame, dot, left + slide + 2, wide - 5, middle, colour, isHovered);
  } else if (wide < 3) {
    context.fillRect(left + slide, middle - 7, Math.max(wide, 0.75), 14);
  } else {
    const radius = Math.min(6, wide * 0.36, (layout.bottom - layout.top) / 3) + (isHovered ? 1.5 : 0);
    context.beginPath();
    context.arc(left + slide + wide / 2, middle, radius, 0, Math.PI * 2);
    if (dot.hue < 0) {
      context.lineWidth = 1.25;
      context.stroke();
    } else context.fill();
  }
  context.globalAlpha = 1;
}

function drawChip(
  frame: Frame,
  dot: Dot,
  left: number,
  wide: number,
  middle: number,
  colour: string,
  isHovered: boolean,
) {
  const { context, palette, layout } = frame;
  const tall = layout.bottom - layout.top - 8;
  context.beginPath();
  context.roundRect(left, middle - tall / 2, wide, tall, 5);
  context.fillStyle = palette.card;
  context.fill();
  const before = context.globalAlpha;
  context.globalAlpha = before * (isHovered ? 0.3 : 0.16);
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = before;
  context.lineWidth = isHovered ? 2 : 1.25;
  context.strokeStyle = colour;
  context.stroke();
  context.textAlign = "center";
  const centre = left + wide / 2;
  const letters = Math.max(2, Math.floor((wide - 4) / 5.5));
  const digits = Math.max(2, Math.floor((wide - 2) / 6.1));
  const hasTwo = tall > 30;
  context.fillStyle = palette.strong;
  context.font = `500 10px ${palette.sans}`;
  context.fillText(
    short(dot.record.key === null ? "·" : preview(dot.record.key, 40), letters),
    centre,
    hasTwo ? middle - 7 : middle,
  );
  if (!hasTwo) return;
  context.fillStyle = palette.text;
  context.font = `400 10px ${palette.mono}`;
  context.fillText(
    short(dot.record.value === null ? "∅" : preview(dot.record.value, 40), digits),
    centre,
    middle + 7,
  );
}

function short(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

/** Too many to tell apart: what came lately shines, and fades. */
function drawHeat(frame: Frame, lane: Lane, top: number, to: (at: number) => number) {
  const { context, palette, layout, now } = frame;
  context.fillStyle = palette.accent;
  for (const burst of lane.bursts) {
    const share = 1 - (now - burst.at) / FADE_MS;
    if (share <= 0) continue;
    context.globalAlpha = 0.65 * share;
    const left = to(burst.from);
    context.fillRect(
      left,
      top + layout.top + 2,
      Math.max(to(burst.to) - left, 1),
      layout.bottom - layout.top - 4,
    );
  }
  context.globalAlpha = 1;
}

/** From where a group is to where it could be. */
function drawLag({ context, palette, layout }: Frame, lane: Lane, top: number, to: (at: number) => number) {
  lane.pins.forEach((pin, index) => {
    if (pin.at >= lane.watermark) return;
    const left = Math.max(to(pin.at), GUTTER);
    const right = to(lane.watermark);
    context.fillStyle = palette.hues[pin.hue] ?? palette.faint;
    context.globalAlpha = 0.55;
    const thick = layout.hasTags ? 3 : 2;
    context.fillRect(left, top + layout.bottom + 2 + index * (thick + 1), right - left, thick);
    context.globalAlpha = 1;
  });
}

function drawCursors(frame: Frame, lane: Lane, top: number, to: (at: number) => number) {
  const { context, palette, layout } = frame;
  const mark = (at: number, colour: string, dash: number[] = []) => {
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.setLineDash(dash);
    const left = Math.round(to(at)) + 0.5;
    line(
      context,
      left,
      top + (layout.hasTags ? 18 : 2),
      left,
      top + layout.bottom + (layout.hasTags ? 6 : 0),
    );
    context.setLineDash([]);
    return left;
  };
  if (lane.start > 0) bracket(frame, mark(lane.start, palette.faint), top);
  const end = mark(lane.end, palette.strong, [3, 3]);
  const watermark = mark(lane.watermark, palette.accent);
  if (lane.stable < lane.watermark) diamond(frame, mark(lane.stable, palette.warn, [2, 2]), top);
  if (!layout.hasTags) {
    for (const pin of lane.pins) mark(pin.at, palette.hues[pin.hue] ?? palette.faint);
    return;
  }
  triangle(frame, watermark, top + layout.bottom + 10);
  play(frame, end, top + layout.bottom + 10);
  const tags: Tag[] = lane.pins.map((pin) => ({
    left: mark(pin.at, palette.hues[pin.hue] ?? palette.faint),
    text: pin.groupId,
    colour: palette.hues[pin.hue] ?? palette.faint,
  }));
  drawTags(frame, tags, top + 10);
}

interface Tag {
  left: number;
  text: string;
  colour: string;
}

/** The groups' names on flags; where they would lie on each other, the later ones move to the left. */
function drawTags({ context, palette, width }: Frame, tags: Tag[], middle: number) {
  context.font = `500 11px ${palette.sans}`;
  context.textAlign = "left";
  let limit = Number.POSITIVE_INFINITY;
  for (const tag of tags.toSorted((a, b) => b.left - a.left)) {
    const text = short(tag.text, 22);
    const wide = context.measureText(text).width + 12;
    let left = tag.left - 0.75;
    if (left + wide > Math.min(width, limit)) left = Math.min(tag.left + 0.75, limit) - wide;
    left = Math.max(left, GUTTER + 2);
    limit = left - 3;
    context.fillStyle = tag.colour;
    context.beginPath();
    context.roundRect(left, middle - 8, wide, 16, 4);
    context.fill();
    context.fillStyle = palette.card;
    context.fillText(text, left + 6, middle + 0.5);
  }
}

function triangle({ context, palette }: Frame, left: number, middle: number) {
  context.fillStyle = palette.accent;
  context.beginPath();
  context.moveTo(left, middle - 4);
  context.lineTo(left + 4.5, middle + 4);
  context.lineTo(left - 4.5, middle + 4);
  context.fill();
}

function play({ context, palette }: Frame, left: number, middle: number) {
  context.fillStyle = palette.strong;
  context.beginPath();
  context.moveTo(left + 7, middle - 4);
  context.lineTo(left + 14, middle);
  context.lineTo(left + 7, middle + 4);
  context.fill();
}

function diamond({ context, palette, layout }: Frame, left: number, top: number) {
  const middle = top + layout.bottom + (layout.hasTags ? 10 : 0);
  context.fillStyle = palette.warn;
  context.beginPath();
  context.moveTo(left, middle - 5);
  context.lineTo(left + 5, middle);
  context.lineTo(left, middle + 5);
  context.lineTo(left - 5, middle);
  context.fill();
}

function bracket({ context, palette, layout }: Frame, left: number, top: number) {
  context.strokeStyle = palette.faint;
  context.lineWidth = 1.5;
  line(context, left, top + layout.bottom + 6, left + 6, top + layout.bottom + 6);
  if (layout.hasTags) line(context, left, top + 18, left + 6, top + 18);
}
