// Sending records through the broker's API.

import { path, send } from "../../api/client";
import type { Payload, Produced } from "../../api/types";

export type Input = { text: string } | { base64: string } | null;

export interface Draft {
  key: string;
  /** True: no key at all, which is not the same as an empty one. */
  isKeyNull: boolean;
  value: string;
  isValueNull: boolean;
  /** `name: value` a line. */
  headers: string;
  partition: string;
}

export const EMPTY: Draft = {
  key: "",
  isKeyNull: false,
  value: "",
  isValueNull: false,
  headers: "",
  partition: "",
};

/** Lines of `name: value`; null where one has no colon. */
export function readHeaders(text: string): { key: string; value: Input }[] | null {
  const headers: { key: string; value: Input }[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const at = line.indexOf(":");
    if (at < 1) return null;
    headers.push({ key: line.slice(0, at).trim(), value: { text: line.slice(at + 1).trim() } });
  }
  return headers;
}

/** A payload that is not text is sent as it was. */
export function asInput(text: string, isNull: boolean, original: Payload | null | undefined): Input {
  if (isNull) return null;
  if (text === "" && original?.base64) return { base64: original.base64 };
  return { text };
}

export function produce(
  topic: string,
  body: {
    key: Input;
    value: Input;
    headers: { key: string; value: Input }[];
    partition: number | null;
    count?: number;
  },
): Promise<Produced> {
  return send("POST", path`/topics/${topic}/records`, { timestampMs: null, count: 1, acks: "all", ...body });
}
