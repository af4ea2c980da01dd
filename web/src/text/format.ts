// Numbers, sizes and times as people read them.

import type { Long, Time } from "../api/types";

const THIN = "\u202f";

/** `1234567` as `1 234 567`, of any length, without going through a Number. */
export function count(value: Long | number | bigint | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const text = String(value);
  const sign = text.startsWith("-") ? "−" : "";
  const digits = sign ? text.slice(1) : text;
  return sign + digits.replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** A signed difference: `+12`, `−3`, `0`. */
export function signed(value: Long): string {
  return value.startsWith("-") || value === "0" ? count(value) : `+${count(value)}`;
}

const SIZES = ["B", "KB", "MB", "GB", "TB", "PB"];

export function bytes(value: Long | number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  let left = Number(value);
  if (left < 0) return "–";
  let unit = 0;
  while (left >= 999.5 && unit < SIZES.length - 1) {
    left /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || left >= 99.5 ? 0 : 1;
  return `${left.toFixed(digits)} ${SIZES[unit]}`;
}

/** `1.2k`, `35k`, `1.4M`: for charts and narrow columns, with the exact number beside it or in its title. */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size < 1000) return String(Math.round(value));
  if (size < 1e6) return `${(value / 1e3).toFixed(size < 1e4 ? 1 : 0)}k`;
  if (size < 1e9) return `${(value / 1e6).toFixed(size < 1e7 ? 1 : 0)}M`;
  return `${(value / 1e9).toFixed(size < 1e10 ? 1 : 0)}G`;
}

const STEPS: [number, string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
];

/** A span of time with one or two units: `4.1 s`, `2 min 5 s`, `7 d`. */
export function duration(ms: number): string {
  if (ms < 0) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  for (let at = 0; at < STEPS.length - 1; at += 1) {
    const [size, name] = STEPS[at] as [number, string];
    if (ms < size) continue;
    const [below, belowName] = STEPS[at + 1] as [number, string];
    const whole = Math.floor(ms / size);
    const rest = Math.floor((ms - whole * size) / below);
    return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${belowName}`;
  }
  return `${ms} ms`;
}

/** How long ago, in one unit. */
export function ago(then: Time | number, now: number): string {
  const ms = Math.max(0, now - Number(then));
  if (ms < 2000) return "just now";
  for (const [size, name] of STEPS) {
    if (ms >= size) return `${Math.floor(ms / size)} ${name} ago`;
  }
  return "just now";
}

/** A config value in milliseconds: `7 d (604800000)` reads better than the number alone. */
export function retention(ms: Long | null): string {
  if (ms === null) return "–";
  return ms === "-1" ? "for ever" : duration(Number(ms));
}

const pad = (value: number, width = 2) => String(value).padStart(width, "0");

/** Local time of day to the millisecond. */
export function clock(time: Time | number, withMs = true): string {
  const at = new Date(Number(time));
  const text = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return withMs ? `${text}.${pad(at.getMilliseconds(), 3)}` : text;
}

/** Local date and time. */
export function moment(time: Time | number): string {
  if (Number(time) < 0) return "no time";
  const at = new Date(Number(time));
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(time)}`;
}

/** The same moment for machines: RFC 3339 in UTC. */
export function iso(time: Time | number): string {
  const ms = Number(time);
  return ms < 0 || ms > 8.64e15 ? String(time) : new Date(ms).toISOString();
}

/** `1 partition`, `3 partitions`. */
export function many(value: Long | number, one: string, more = `${one}s`): string {
  return `${count(value)} ${String(value) === "1" ? one : more}`;
}
