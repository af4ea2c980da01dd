// The names by which the app knows what the API says: those of its document, and what streams bring.

import type { Listener, Long, Record, Records } from "./schema";

export type * from "./schema";

export type RecordRow = Record;
export type RecordPage = Records;
export type Time = Long;

export interface Page<T> {
  items: T[];
  total: number;
  page: number;
  size: number;
}

export interface Assignment {
  memberId: string;
  clientId: string;
  topics: { topic: string; partitions: number[] }[];
}

export interface ResetTarget {
  kind: "beginning" | "end" | "offset" | "time" | "shift" | "explicit";
  offset?: Long;
  timeMs?: Time;
  by?: Long;
  offsets?: { topic: string; partition: number; offset: Long }[];
}

export interface UndoItem {
  id: string;
  madeMs: Time;
  expiresMs: Time;
  changes: number;
}

export interface Connection {
  id: Long;
  remote: string;
  local: string;
  listener: string;
  openedMs: Time;
  clientId: string | null;
  softwareName: string | null;
  softwareVersion: string | null;
  requests: Long;
  lastRequest: string | null;
  lastRequestMs: Time | null;
  bytesIn: Long;
  bytesOut: Long;
  principal: string | null;
}

export interface Client {
  clientId: string;
  software: string | null;
  hosts: string[];
  connections: number;
  producerIds?: Long[];
  groups?: string[];
}

export interface Clients {
  producers: Client[];
  consumers: Client[];
  others: Client[];
}

export interface Attempt {
  timeMs: Time;
  remote: string;
  local: string;
  listener: string;
  clientId: string | null;
  softwareName: string | null;
  softwareVersion: string | null;
  outcome: string;
  text: string;
  ms: number | null;
}

export interface Place {
  id: string;
  title: string;
  bootstrap: string;
  works: boolean;
  why: string | null;
  fix: string | null;
}

export interface Check {
  id: string;
  title: string;
  state: "pass" | "warn" | "fail" | "skip";
  text: string;
  fix: string | null;
}

export interface Connect {
  listeners: (Listener & {
    bootstrap: string;
    check: { resolves: string[]; reachable: boolean | null; ms: number | null; error: string | null };
  })[];
  checks: Check[];
  attempts: Attempt[];
  metadataAnswers: {
    timeMs: Time;
    remote: string;
    listener: string;
    clientId: string | null;
    brokers: { brokerId: number; host: string; port: number }[];
  }[];
  places: Place[];
}

export interface BrokerEvent {
  seq: Long;
  timeMs: Time;
  kind: string;
  topic: string | null;
  partition: number | null;
  groupId: string | null;
  memberId: string | null;
  clientId: string | null;
  remote: string | null;
  detail: { [name: string]: string };
  text: string;
}

export interface EventPage {
  events: BrokerEvent[];
  next: Long;
  oldest: Long;
  newest: Long;
  lost: boolean;
}

export interface Timeline {
  oldestMs: Time;
  nowMs: Time;
  marks: { timeMs: Time; kind: string; count: number }[];
}

export interface LagPoint {
  timeMs: Time;
  lag: Long;
}

export interface GroupLag {
  series: {
    topic: string;
    partition: number;
    points: { timeMs: Time; committedOffset: Long; endOffset: Long; lag: Long }[];
  }[];
  total: LagPoint[];
}

export interface MemberAssignment {
  memberId: string;
  clientId: string;
  topics: { topic: string; partitions: number[] }[];
}

export interface TimelineEntry {
  seq: Long;
  timeMs: Time;
  kind: string;
  cause: string | null;
  memberId: string | null;
  clientId: string | null;
  generationId: number | null;
  from: string | null;
  to: string | null;
  text: string;
  durationMs: number | null;
  assignment: MemberAssignment[] | null;
}
