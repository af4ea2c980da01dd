// 64-bit integers as text. They are compared and added as BigInt; a Number comes out only where a pixel is
// meant, and there the loss does not show.

import type { Long } from "../api/types";

export function big(value: Long): bigint {
  return BigInt(value);
}

/** `a - b`, exactly. */
export function minus(a: Long, b: Long): Long {
  return (BigInt(a) - BigInt(b)).toString();
}

export function plus(a: Long, b: Long): Long {
  return (BigInt(a) + BigInt(b)).toString();
}

export function compare(a: Long, b: Long): number {
  const difference = BigInt(a) - BigInt(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function sum(values: Iterable<Long>): Long {
  let total = 0n;
  for (const value of values) total += BigInt(value);
  return total.toString();
}

/** For charts and positions on the screen only. */
export function approximately(value: Long): number {
  return Number(value);
}

/** True for the text of an integer that fits in 64 bits with a sign. */
export function isLong(text: string): boolean {
  if (!/^-?\d{1,19}$/.test(text)) return false;
  const value = BigInt(text);
  return value >= -(2n ** 63n) && value < 2n ** 63n;
}
