// The names by which the app knows what the API says: those of its document, and what streams bring.

import type { LagHistory, Long, Record, Records } from "./schema";

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

export type GroupLag = LagHistory;
