// The names by which the app knows what the API says: those of its document, and what streams bring.

import type { Cursors, Listener, Long, Record, Records } from "./schema";

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

export interface Field {
  name: string;
  start: number;
  end: number;
  value: string;
  meaning: string;
}

export interface Batch {
  segmentBaseOffset: Long;
  position: Long;
  size: Long;
  baseOffset: Long;
  lastOffset: Long;
  records: number;
  compression: string;
  timestampType: string;
  baseTimestampMs: Time;
  maxTimestampMs: Time;
  producerId: Long;
  producerEpoch: number;
  baseSequence: number;
  isTransactional: boolean;
  isControl: boolean;
  leaderEpoch: number;
  magic: number;
  crc: Long;
  isCrcValid: boolean | null;
}

export interface BatchDetail {
  batch: Batch;
  fields: Field[];
  headerHex: string;
  hex: string;
  truncated: boolean;
}

export interface RecordDetail {
  record: RecordRow;
  batch: Batch;
  segment: { baseOffset: Long; position: Long };
  indexInBatch: number;
  recordFields: Field[];
  recordBase64: string;
  decompressed: boolean;
  journey: {
    step: string;
    timeMs: Time;
    groupId: string | null;
    precision: "exact" | "sampled";
    text: string;
  }[];
  previousOffset: Long | null;
  nextOffset: Long | null;
}

export interface LivePartition extends Cursors {
  positions?: { groupId: string; committedOffset: Long }[];
  partition: number;
  appendedRecords: Long;
  appendedBytes: Long;
}

export interface Segment {
  baseOffset: Long;
  nextOffset: Long;
  isActive: boolean;
  sizeBytes: Long;
  offsetIndexBytes: Long;
  timeIndexBytes: Long;
  txnIndexBytes: Long;
  lastModifiedMs: Time | null;
  maxTimestampMs: Time;
}

export interface LagPoint {
  timeMs: Time;
  lag: Long;
}

export interface GroupRow {
  groupId: string;
  type: string;
  protocolType: string;
  state: string;
  members: number;
  topics: string[];
  topicCount: number;
  partitions: number;
  lag: Long | null;
  lagMs: Long | null;
  lastRebalanceMs: Time | null;
  lastRebalanceCause: string | null;
  lagTrend: LagPoint[];
}

export interface Member {
  memberId: string;
  groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
  rack: string | null;
  software: string | null;
  isLeader: boolean;
  assignment: { topic: string; partitions: number[] }[];
}

export interface GroupOffset {
  topic: string;
  partition: number;
  committedOffset: Long | null;
  metadata: string | null;
  commitMs: Time | null;
  logStartOffset: Long | null;
  highWatermark: Long | null;
  logEndOffset: Long | null;
  lag: Long | null;
  lagMs: Long | null;
  memberId: string | null;
}

export interface GroupDetail {
  groupId: string;
  type: string;
  protocolType: string;
  protocol: string | null;
  state: string;
  generationId: number | null;
  coordinator: number;
  stateSinceMs: Time | null;
  members: Member[];
  offsets: GroupOffset[];
  lag: Long | null;
  lagMs: Long | null;
  nowMs: Time;
}

export interface GroupLag {
  series: {
    topic: string;
    partition: number;
    points: { timeMs: Time; committedOffset: Long; endOffset: Long; lag: Long }[];
  }[];
  total: LagPoint[];
}

export interface Assignment {
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
  assignment: Assignment[] | null;
}

export interface ResetTarget {
  kind: "beginning" | "end" | "offset" | "time" | "shift" | "explicit";
  offset?: Long;
  timeMs?: Time;
  by?: Long;
  offsets?: { topic: string; partition: number; offset: Long }[];
}

export interface ResetResult {
  applied: boolean;
  changes: {
    topic: string;
    partition: number;
    from: Long | null;
    to: Long;
    delta: Long;
    clamped: boolean;
    recordMs: Time | null;
    error: string | null;
  }[];
  undo: { id: string; expiresMs: Time } | null;
  blockedBy: string | null;
}

export interface UndoItem {
  id: string;
  madeMs: Time;
  expiresMs: Time;
  changes: number;
}

export interface BrokerLogDir {
  path: string;
  isOnline: boolean;
  totalBytes: Long | null;
  usableBytes: Long | null;
  partitions: number;
  sizeBytes: Long;
  largest: { topic: string; partition: number; sizeBytes: Long; offsetLag: Long; isFuture: boolean }[];
}

export interface BrokerRow {
  brokerId: number;
  host: string;
  port: number;
  rack: string | null;
  isFenced: boolean;
  isController: boolean;
  isSelf: boolean;
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
