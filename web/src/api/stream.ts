// Server-sent events as a subscription. Events that come within one animation frame are handed over together.

import { apiUrl, type Query } from "./client";

export type StreamState = "connecting" | "live" | "lost";

export interface Stream {
  close(): void;
}

interface Handlers {
  /** What is listened for, each with its parsed data. */
  on: { [event: string]: (data: never) => void };
  state?: (state: StreamState) => void;
}

/** Opens a stream; the browser connects anew by itself when it breaks. */
export function openStream(path: string, query: Query, handlers: Handlers): Stream {
  const source = new EventSource(apiUrl(path, query));
  handlers.state?.("connecting");
  source.onopen = () => handlers.state?.("live");
  source.onerror = () => handlers.state?.(source.readyState === EventSource.CLOSED ? "lost" : "connecting");
  for (const [name, handle] of Object.entries(handlers.on)) {
    source.addEventListener(name, (event) =>
      handle(JSON.parse((event as MessageEvent<string>).data) as never),
    );
  }
  return { close: () => source.close() };
}

/** Collects what comes and hands it over at most once a frame. */
export function perFrame<T>(deliver: (items: T[]) => void): {
  push: (items: readonly T[]) => void;
  cancel: () => void;
} {
  let waiting: T[] = [];
  let frame = 0;
  const flush = () => {
    frame = 0;
    const items = waiting;
    waiting = [];
    deliver(items);
  };
  return {
    push(items) {
      for (const item of items) waiting.push(item);
      if (frame === 0) frame = requestAnimationFrame(flush);
    },
    cancel() {
      if (frame !== 0) cancelAnimationFrame(frame);
      frame = 0;
      waiting = [];
    },
  };
}
