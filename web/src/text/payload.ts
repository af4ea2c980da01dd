// Keys, values and headers: bytes that may be text.

import type { Payload, RecordRow } from "../api/types";
import { bytes } from "./format";
import { type Json, readJson } from "./json";

export function decodeBase64(base64: string): Uint8Array {
  const raw = atob(base64);
  const out = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) out[at] = raw.charCodeAt(at);
  return out;
}

/** The bytes that were sent: all of them, unless the payload says that it was cut. */
export function payloadBytes(payload: Payload): Uint8Array {
  if (payload.text !== null) return new TextEncoder().encode(payload.text);
  return decodeBase64(payload.base64 ?? "");
}

/** One line for a list. */
export function preview(payload: Payload | null, max = 300): string {
  if (payload === null) return "null";
  if (payload.text === null) return `${bytes(payload.size)} of bytes`;
  const text = payload.text.slice(0, max);
  return text.replace(/\s+/g, " ");
}

/** The value as JSON, where it is. */
export function payloadJson(payload: Payload | null): Json | null {
  return payload === null || payload.text === null || payload.truncated ? null : readJson(payload.text);
}

/** `city` or `tags[0].name` of a document as text; null where there is none. */
export function pick(json: Json | null, field: string): string | null {
  let here = json;
  for (const step of field.split(/[.[\]]+/).filter(Boolean)) {
    if (here?.kind === "object") here = here.entries.find(([name]) => name === step)?.[1] ?? null;
    else if (here?.kind === "array") here = here.items[Number(step)] ?? null;
    else return null;
  }
  return here === null ? null : inline(here);
}

/** A document on one line. */
export function inline(json: Json): string {
  if (json.kind === "object")
    return `{${json.entries.map(([name, value]) => `${name}: ${inline(value)}`).join(", ")}}`;
  if (json.kind === "array") return `[${json.items.map(inline).join(", ")}]`;
  return json.kind === "string" ? json.value : json.text;
}

/** The fields of the first level that records have, the most frequent first. */
export function commonFields(records: readonly RecordRow[], max = 12): string[] {
  const seen = new Map<string, number>();
  for (const record of records.slice(0, 100)) {
    const json = payloadJson(record.value);
    if (json?.kind !== "object") continue;
    for (const [name] of json.entries) seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  return [...seen]
    .sort((a, b) => b[1] - a[1])
    .slice(0, max)
    .map(([name]) => name);
}

/** Sixteen bytes a line: position, hex, and what of it is text. */
export function hexLine(data: Uint8Array, at: number): { hex: string[]; text: string } {
  const slice = [...data.subarray(at, at + 16)];
  return {
    hex: slice.map((byte) => byte.toString(16).padStart(2, "0")),
    text: slice.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join(""),
  };
}
