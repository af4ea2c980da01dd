// The address that clients on this machine use, for commands and code on the pages.

import { useQuery } from "@tanstack/react-query";
import { overview } from "./queries";
import type { Listener } from "./types";

export function bootstrapOf(listeners: readonly Listener[]): string {
  const first = listeners[0];
  if (!first) return "localhost:9092";
  const host = first.isAdvertisedSet ? first.advertisedHost : first.host;
  const isWildcard =
    host === "" || host === "0.0.0.0" || host === "::" || host === "[::]" || host === "127.0.0.1";
  return `${isWildcard ? "localhost" : host}:${(first.isAdvertisedSet ? first.advertisedPort : null) ?? first.port}`;
}

export function useBootstrap(): string {
  const { data } = useQuery(overview());
  return data?.bootstrap ?? bootstrapOf(data?.listeners ?? []);
}
