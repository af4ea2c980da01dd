// What the pages ask for, once each: the key under which an answer is kept, and how often it is asked anew.

import { keepPreviousData, QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { ApiError, get, isMissingRoute, leaveOut, path, send } from "./client";
import type * as api from "./types";

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      // The session has ended meanwhile: the login takes the page's place.
      if (error instanceof ApiError && error.status === 401)
        void queryClient.invalidateQueries({ queryKey: ["session"] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 1000,
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status >= 400),
      refetchOnWindowFocus: true,
    },
  },
});

const LIVE_MS = 2000;
const CALM_MS = 5000;

/** Asks again where the answer is the present, and the broker has such a route. */
const every =
  (ms: number, at?: string) =>
  (query: { state: { error: unknown } }): number | false =>
    at !== undefined || isMissingRoute(query.state.error) ? false : ms;

export const session = () =>
  queryOptions({
    queryKey: ["session"],
    queryFn: async ({ signal }) => {
      const answer = await get<api.Session>("/session", {}, signal);
      leaveOut(answer.absent);
      return answer;
    },
    staleTime: 60_000,
  });

/** Ends the session, and forgets all that it has shown. */
export async function signOut() {
  await send("DELETE", "/session");
  queryClient.clear();
  location.assign(document.baseURI);
}

export const overview = () =>
  queryOptions({
    queryKey: ["overview"],
    queryFn: ({ signal }) => get<api.Overview>("/overview", {}, signal),
    refetchInterval: every(LIVE_MS),
  });

export interface ListSearch {
  q?: string;
  sort?: string;
  page?: number;
  size?: number;
}

export const topics = (search: ListSearch & { internal?: boolean }) =>
  queryOptions({
    queryKey: ["topics", search],
    queryFn: ({ signal }) => get<api.Page<api.TopicRow>>("/topics", { size: 50, ...search }, signal),
    refetchInterval: every(CALM_MS),
    placeholderData: keepPreviousData,
  });

export const topic = (name: string, at?: string) =>
  queryOptions<api.TopicDetail>({
    queryKey: ["topic", name, at ?? "now"],
    queryFn: ({ signal }) => get<api.TopicDetail>(path`/topics/${name}`, { at }, signal),
    refetchInterval: every(LIVE_MS, at),
    placeholderData: (before) => (before?.name === name ? before : undefined),
  });

export const topicConfig = (name: string) =>
  queryOptions({
    queryKey: ["topic-config", name],
    queryFn: ({ signal }) => get<{ entries: api.ConfigEntry[] }>(path`/topics/${name}/config`, {}, signal),
  });

export const segments = (name: string, partition: number) =>
  queryOptions({
    queryKey: ["segments", name, partition],
    queryFn: ({ signal }) =>
      get<{ segments: api.Segment[]; logStartOffset: api.Long; logEndOffset: api.Long }>(
        path`/topics/${name}/partitions/${partition}/segments`,
        {},
        signal,
      ),
    refetchInterval: every(CALM_MS),
  });

export const batches = (name: string, partition: number, from: string, limit = 50) =>
  queryOptions({
    queryKey: ["batches", name, partition, from, limit],
    queryFn: ({ signal }) =>
      get<{ batches: api.Batch[]; next: api.Long | null }>(
        path`/topics/${name}/partitions/${partition}/batches`,
        { from, limit },
        signal,
      ),
  });

export const batch = (name: string, partition: number, baseOffset: string) =>
  queryOptions({
    queryKey: ["batch", name, partition, baseOffset],
    queryFn: ({ signal }) =>
      get<api.BatchDetail>(path`/topics/${name}/partitions/${partition}/batches/${baseOffset}`, {}, signal),
    staleTime: 60_000,
  });

export const record = (name: string, partition: number, offset: string) =>
  queryOptions({
    queryKey: ["record", name, partition, offset],
    queryFn: ({ signal }) =>
      get<api.RecordDetail>(path`/topics/${name}/partitions/${partition}/records/${offset}`, {}, signal),
    staleTime: 10_000,
  });

export const journey = (name: string, partition: number, offset: string) =>
  queryOptions({
    queryKey: ["journey", name, partition, offset],
    queryFn: ({ signal }) =>
      get<api.Journey>(path`/topics/${name}/partitions/${partition}/records/${offset}/journey`, {}, signal),
    refetchInterval: every(LIVE_MS),
  });

export const groups = (search: ListSearch & { state?: string; topic?: string; at?: string }) =>
  queryOptions({
    queryKey: ["groups", search],
    queryFn: ({ signal }) => get<api.Page<api.GroupRow>>("/groups", { size: 50, ...search }, signal),
    refetchInterval: every(LIVE_MS, search.at),
    placeholderData: keepPreviousData,
  });

export const group = (id: string, at?: string) =>
  queryOptions({
    queryKey: ["group", id, at ?? "now"],
    queryFn: ({ signal }) => get<api.GroupDetail>(path`/groups/${id}`, { at }, signal),
    refetchInterval: every(LIVE_MS, at),
  });

export const groupLag = (id: string, sinceMs: string | undefined) =>
  queryOptions({
    queryKey: ["group-lag", id, sinceMs],
    queryFn: ({ signal }) => get<api.GroupLag>(path`/groups/${id}/lag`, { sinceMs, points: 300 }, signal),
    refetchInterval: every(LIVE_MS),
    placeholderData: keepPreviousData,
  });

export const groupTimeline = (id: string) =>
  queryOptions({
    queryKey: ["group-timeline", id],
    queryFn: ({ signal }) => get<{ entries: api.TimelineEntry[] }>(path`/groups/${id}/timeline`, {}, signal),
    refetchInterval: every(LIVE_MS),
  });

export const groupLanes = (id: string, sinceMs: string, at?: string) =>
  queryOptions({
    queryKey: ["group-lanes", id, sinceMs, at ?? "now"],
    queryFn: ({ signal }) => get<api.Lanes>(path`/groups/${id}/lanes`, { sinceMs, at }, signal),
    refetchInterval: every(LIVE_MS, at),
    placeholderData: keepPreviousData,
  });

export const transactions = (search: ListSearch & { state?: string; topic?: string; at?: string }) =>
  queryOptions({
    queryKey: ["transactions", search],
    queryFn: ({ signal }) =>
      get<api.Page<api.TransactionRow>>("/transactions", { size: 50, ...search }, signal),
    refetchInterval: every(LIVE_MS, search.at),
    placeholderData: keepPreviousData,
  });

export const transaction = (id: string, at?: string) =>
  queryOptions({
    queryKey: ["transaction", id, at ?? "now"],
    queryFn: ({ signal }) => get<api.TransactionDetail>(path`/transactions/${id}`, { at }, signal),
    refetchInterval: every(LIVE_MS, at),
  });

export const blocked = (topic?: string) =>
  queryOptions({
    queryKey: ["blocked", topic],
    queryFn: ({ signal }) => get<api.BlockedList>("/blocked", { topic }, signal),
    refetchInterval: every(LIVE_MS),
    placeholderData: keepPreviousData,
  });

export const pastCursors = (name: string, at: string) =>
  queryOptions({
    queryKey: ["past-cursors", name, at],
    queryFn: ({ signal }) => get<api.LiveCursors>(path`/topics/${name}/cursors`, { at }, signal),
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  });

export const undos = (id: string) =>
  queryOptions({
    queryKey: ["undos", id],
    queryFn: ({ signal }) => get<{ items: api.UndoItem[] }>(path`/groups/${id}/reset/undo`, {}, signal),
  });

export const brokers = () =>
  queryOptions({
    queryKey: ["brokers"],
    queryFn: ({ signal }) => get<{ brokers: api.BrokerRow[] }>("/brokers", {}, signal),
    refetchInterval: every(CALM_MS),
  });

export const brokerConfig = (id: number) =>
  queryOptions({
    queryKey: ["broker-config", id],
    queryFn: ({ signal }) => get<{ entries: api.ConfigEntry[] }>(path`/brokers/${id}/config`, {}, signal),
  });

export const logDirs = (id: number) =>
  queryOptions({
    queryKey: ["log-dirs", id],
    queryFn: ({ signal }) => get<{ dirs: api.BrokerLogDir[] }>(path`/brokers/${id}/log-dirs`, {}, signal),
    refetchInterval: every(CALM_MS),
  });

export const connections = (search: ListSearch & { listener?: string; at?: string }) =>
  queryOptions({
    queryKey: ["connections", search],
    queryFn: ({ signal }) => get<api.Page<api.Connection>>("/connections", { size: 50, ...search }, signal),
    refetchInterval: every(LIVE_MS, search.at),
    placeholderData: keepPreviousData,
  });

export const clients = () =>
  queryOptions({
    queryKey: ["clients"],
    queryFn: ({ signal }) => get<api.ClientList>("/clients", {}, signal),
    refetchInterval: every(LIVE_MS),
  });

export const connect = () =>
  queryOptions({
    queryKey: ["connect"],
    queryFn: ({ signal }) => get<api.Connect>("/connect", {}, signal),
    refetchInterval: every(LIVE_MS),
  });

export const events = (search: { kinds?: string; topic?: string; group?: string; limit?: number }) =>
  queryOptions({
    queryKey: ["events", search],
    queryFn: ({ signal }) => get<api.EventPage>("/events", { order: "desc", limit: 50, ...search }, signal),
    refetchInterval: every(LIVE_MS),
  });

export const timeline = () =>
  queryOptions({
    queryKey: ["timeline"],
    queryFn: ({ signal }) => get<api.Timeline>("/timeline", {}, signal),
    refetchInterval: every(CALM_MS),
  });
