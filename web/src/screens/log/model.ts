// What is known about a topic's partitions at this moment: cursors, segments, and the records that came last. It is
// filled by streams and read by the drawing, sixty times a second; nothing here waits for React.

import type { Cursors, Long, RecordRow, Segment } from "../../api/types";
import { compare } from "../../text/long";

/** How many of the last records of a partition are kept to be drawn. */
export const KEPT = 400;
/** From how many records a second on a lane no longer shows them one by one. */
export const HEAT_FROM = 500;
/** Keys and groups begin at different colours. */
const KEYS_FROM = 3;
/** How long a record takes to slide in. */
export const SLIDE_MS = 150;
/** How long the place shines where records came in. */
export const FADE_MS = 4000;
const RATE_MS = 1000;

export interface Dot {
  offset: number;
  record: RecordRow;
  /** Which of the eight colours; -1 where there is no key. */
  hue: number;
  /** When it appeared here, in the page's time; 0 for what was there already. */
  arrived: number;
}

export interface Block {
  base: number;
  next: number;
  bytes: number;
  segment: Segment;
}

export interface Position {
  groupId: string;
  committedOffset: Long;
}

export interface Pin {
  groupId: string;
  at: number;
  hue: number;
}

/** A range of offsets that came in at once. */
export interface Burst {
  from: number;
  to: number;
  at: number;
}

/** What a stream or a description says of one partition. */
export type Known = Cursors & { partition: number; positions?: Position[] };

export interface Lane {
  partition: number;
  start: number;
  stable: number;
  watermark: number;
  end: number;
  bytes: number;
  /** Null from outside of the broker. */
  segmentCount: number | null;
  pins: Pin[];
  dots: Dot[];
  blocks: Block[];
  bursts: Burst[];
  rate: number;
  /** Until when it is lit, in the page's time: something was just sent to it. */
  litUntil: number;
  cursors: Cursors;
  positions: Position[];
}

/** One of eight, from a hash or a name. */
export function hueOf(hash: string | null): number {
  return hash === null ? -1 : Number(BigInt(hash) % 8n);
}

export function hueOfName(name: string): number {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return sum % 8;
}

export class LogModel {
  readonly lanes: Lane[] = [];
  /** Positions on the axis are offsets from here, so that they fit a Number. */
  private base = 0n;
  private hasBase = false;
  private readonly byPartition = new Map<number, Lane>();
  /** Colours of groups, given in the order they are first seen so that few groups never share one. */
  private readonly hues = new Map<string, number>();
  private readonly keyHues = new Map<string, number>();
  /** Until when something moves in, in the page's time. */
  movingUntil = 0;
  /** Changes with everything that React shows. */
  version = 0;

  /** An offset as a position on the axis. */
  position(offset: Long): number {
    return Number(BigInt(offset) - this.base);
  }

  /** A position on the axis as an offset. */
  offset(position: number): Long {
    return (this.base + BigInt(Math.round(position))).toString();
  }

  lane(partition: number): Lane | undefined {
    return this.byPartition.get(partition);
  }

  groupHue(groupId: string): number {
    let hue = this.hues.get(groupId);
    if (hue === undefined) {
      hue = this.hues.size % 8;
      this.hues.set(groupId, hue);
    }
    return hue;
  }

  /** One of eight for a key: its own while there are no more, and by its hash then. */
  private keyHue(hash: string | null): number {
    if (hash === null) return -1;
    const known = this.keyHues.get(hash);
    if (known !== undefined) return known;
    if (this.keyHues.size >= 8) return hueOf(hash);
    this.keyHues.set(hash, (this.keyHues.size + KEYS_FROM) % 8);
    return (this.keyHues.size - 1 + KEYS_FROM) % 8;
  }

  groups(): string[] {
    return [...this.hues.keys()];
  }

  /** Takes in where the cursors are. `now` is the page's time. */
  apply(partitions: readonly Known[], now: number) {
    if (!this.hasBase && partitions.length > 0) {
      // Far from zero a Number would no longer tell neighbours apart.
      const lowest = BigInt(partitions.map((one) => one.logStartOffset).toSorted(compare)[0] ?? "0");
      this.base = lowest > 2n ** 40n ? lowest : 0n;
      this.hasBase = true;
    }
    for (const one of partitions) this.applyOne(one, now);
    this.version += 1;
  }

  private applyOne(one: Known, now: number) {
    const end = this.position(one.logEndOffset);
    const before = this.byPartition.get(one.partition);
    const lane = before ?? this.add(one);
    if (before && end > before.end) {
      lane.bursts.push({ from: before.end, to: end, at: now });
      while (lane.bursts.length > 64 || (lane.bursts[0] && now - lane.bursts[0].at > FADE_MS))
        lane.bursts.shift();
    }
    lane.start = this.position(one.logStartOffset);
    lane.stable = this.position(one.lastStableOffset);
    lane.watermark = this.position(one.highWatermark);
    lane.end = end;
    lane.bytes = Number(one.sizeBytes);
    lane.segmentCount = one.segments;
    lane.cursors = one;
    lane.positions = one.positions ?? lane.positions;
    lane.pins = lane.positions.map(({ groupId, committedOffset }) => ({
      groupId,
      at: this.position(committedOffset),
      hue: this.groupHue(groupId),
    }));
    lane.rate = rateOf(lane.bursts, now);
    const last = lane.blocks.at(-1);
    if (last?.segment.isActive) last.next = Math.max(last.next, end);
    if (lane.dots[0] && lane.dots[0].offset < lane.start) {
      lane.dots = lane.dots.filter((dot) => dot.offset >= lane.start);
    }
  }

  private add(one: Known): Lane {
    const lane: Lane = {
      partition: one.partition,
      start: 0,
      stable: 0,
      watermark: 0,
      end: 0,
      bytes: 0,
      segmentCount: 0,
      pins: [],
      dots: [],
      blocks: [],
      bursts: [],
      rate: 0,
      litUntil: 0,
      cursors: one,
      positions: one.positions ?? [],
    };
    this.byPartition.set(one.partition, lane);
    this.lanes.push(lane);
    this.lanes.sort((a, b) => a.partition - b.partition);
    return lane;
  }

  /** Takes in records, in any order. `arrived` is 0 for those that were there before the page. */
  addRecords(records: readonly RecordRow[], arrived: number) {
    const touched = new Set<Lane>();
    for (const record of records) {
      const lane = this.byPartition.get(record.partition);
      if (!lane) continue;
      lane.dots.push({
        offset: this.position(record.offset),
        record,
        hue: this.keyHue(record.keyHash),
        arrived,
      });
      touched.add(lane);
    }
    for (const lane of touched) lane.dots = newest(lane.dots);
    if (arrived > 0) this.movingUntil = arrived + SLIDE_MS;
    this.version += 1;
  }

  setSegments(partition: number, segments: readonly Segment[]) {
    const lane = this.byPartition.get(partition);
    if (!lane) return;
    lane.blocks = segments.map((segment) => ({
      base: this.position(segment.baseOffset),
      next: Math.max(this.position(segment.nextOffset), segment.isActive ? lane.end : 0),
      bytes: Number(segment.sizeBytes),
      segment,
    }));
    this.version += 1;
  }

  light(partition: number, until: number) {
    const lane = this.byPartition.get(partition);
    if (lane) lane.litUntil = until;
  }

  /** The whole of what there is: from the first record kept to the end. */
  extent(): { from: number; to: number } {
    if (this.lanes.length === 0) return { from: 0, to: 1 };
    const from = Math.min(...this.lanes.map((lane) => lane.start));
    const to = Math.max(...this.lanes.map((lane) => lane.end));
    return { from, to: Math.max(to, from + 1) };
  }

  /** The keys of the records in sight, the most frequent first, each with its colour. */
  keys(max: number): { key: string; hue: number }[] {
    const seen = new Map<string, { hue: number; times: number }>();
    for (const lane of this.lanes) {
      for (const { record, hue } of lane.dots.slice(-100)) {
        const key = record.key?.text;
        if (key == null) continue;
        const before = seen.get(key);
        if (before) before.times += 1;
        else seen.set(key, { hue, times: 1 });
      }
    }
    const often = [...seen].sort((a, b) => b[1].times - a[1].times || (a[0] < b[0] ? -1 : 1));
    return often.length > 12 ? [] : often.slice(0, max).map(([key, { hue }]) => ({ key, hue }));
  }

  /** Whether a frame would differ from the one before without anything new: something slides, fades or is lit. */
  isMoving(now: number): boolean {
    if (now < this.movingUntil) return true;
    return this.lanes.some(
      (lane) => lane.litUntil > now || lane.bursts.some((burst) => now - burst.at < FADE_MS),
    );
  }

  rate(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.rate, 0);
  }
}

/** Records a second of late. */
function rateOf(bursts: readonly Burst[], now: number): number {
  let records = 0;
  for (const burst of bursts) if (now - burst.at < RATE_MS) records += burst.to - burst.from;
  return (records * 1000) / RATE_MS;
}

/** Sorted by offset, each once, only the last. */
function newest(dots: readonly Dot[]): Dot[] {
  const sorted = dots.toSorted((a, b) => a.offset - b.offset);
  const distinct = sorted.filter((dot, at) => dot.offset !== sorted[at - 1]?.offset);
  return distinct.slice(-KEPT);
}
