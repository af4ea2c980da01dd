// What the broker's API says. Written by scripts/api.js from docs/reference/console-api.json.

/** How many replicas must have a record before it counts as written. */
export type AcksInput = "all" | "1" | "0";

/** Partitions of a topic that a member reads. */
export type AssignedTopic = {
  partitions: number[];
  topic: string;
};

/** Somebody who connected, or tried to. */
export type Attempt = {
  clientId: string | null;
  listener: string;
  local: string | null;
  ms: Long | null;
  outcome: Outcome;
  remote: string;
  softwareName: string | null;
  softwareVersion: string | null;
  text: string;
  /** When it began, or ended. */
  timeMs: Long;
};

/** A batch of records. */
export type Batch = {
  baseOffset: Long;
  baseSequence: number;
  baseTimestampMs: Long;
  compression: string;
  crc: Long;
  isControl: boolean;
  isCrcValid: boolean;
  isTransactional: boolean;
  lastOffset: Long;
  leaderEpoch: number;
  magic: number;
  maxTimestampMs: Long;
  position: Long | null;
  producerEpoch: number;
  /** −1: its producer is not idempotent. */
  producerId: Long;
  records: number;
  segmentBaseOffset: Long | null;
  /** Bytes of all of it. */
  size: Long;
  timestampType: string;
};

/** A batch down to its bytes. */
export type BatchDetail = {
  batch: Batch;
  /** The fields of its header, by their bytes. */
  fields: Field[];
  /** The header's 61 bytes. */
  headerHex: string;
  /** Its bytes, up to 4 KiB. */
  hex: string;
  /** Whether there are more bytes. */
  truncated: boolean;
};

/** Batches of a partition. */
export type Batches = {
  batches: Batch[];
  next: Long | null;
};

/** A partition with records that readers of committed ones do not see yet. */
export type Blocked = {
  /** Offsets between the two. */
  hidden: Long;
  /** Exclusive: what a consumer may see. */
  highWatermark: Long;
  /** Exclusive: what a reader of committed records may see. */
  lastStableOffset: Long;
  /** The open transactions, the first in the log first: it is the one that holds readers back. */
  open: Blocker[];
  partition: number;
  topic: string;
};

/** Partitions with records that readers of committed ones do not see yet. */
export type BlockedList = {
  nowMs: Long;
  /** Those with the most hidden records first. */
  partitions: Blocked[];
};

/** A transaction that is open in a partition. */
export type Blocker = {
  ageMs: Long | null;
  firstOffset: Long;
  /** The timestamp of the last record that its producer has written here. */
  lastWrittenMs: Long;
  producerEpoch: number;
  producerId: Long;
  timeoutMs: number | null;
  /** `null` where no coordinator knows the producer. */
  transactionalId: string | null;
  /** `open`; `ending`: markers are on their way; `late`: it has taken longer than its timeout; or `hanging`: no coordinator knows of it, and nobody will end it. */
  verdict: string;
};

/** A data directory of a broker. */
export type BrokerLogDir = {
  isOnline: boolean;
  /** The largest of them, at most 50. */
  largest: BrokerReplica[];
  /** Replicas in it; of a directory that is offline only the broker's own console knows them. */
  partitions: number;
  path: string;
  /** Bytes of their logs. */
  sizeBytes: Long;
  totalBytes: Long | null;
  usableBytes: Long | null;
};

/** The data directories of a broker. */
export type BrokerLogDirs = {
  dirs: BrokerLogDir[];
};

/** A replica in a directory. */
export type BrokerReplica = {
  /** Whether it is a copy that will take the place of another. */
  isFuture: boolean;
  /** How far it is behind, in offsets. */
  offsetLag: Long;
  partition: number;
  sizeBytes: Long;
  topic: string;
};

/** A broker. */
export type BrokerRow = {
  brokerId: number;
  /** Where clients are told to find it. */
  host: string;
  isController: boolean;
  /** Whether it is kept from leading. */
  isFenced: boolean;
  /** Whether it is the one whose console this is. */
  isSelf: boolean;
  port: number;
  rack: string | null;
};

/** The brokers of the cluster. */
export type Brokers = {
  brokers: BrokerRow[];
};

/** Something that was looked at. */
export type Check = {
  /** What to do about it. */
  fix: string | null;
  id: string;
  state: CheckState;
  text: string;
  title: string;
};

/** How it looks. */
export type CheckState = "pass" | "warn" | "fail";

/** Clients by what they call themselves. */
export type ClientList = {
  clients: ClientRow[];
};

/** The connections that share a client id. */
export type ClientRow = {
  clientId: string;
  connections: number;
  /** The groups that it is a member of. */
  groups: string[];
  hosts: string[];
  /** What its connections asked for last. */
  lastRequests: string[];
  /** Such as `apache-kafka-java 4.4.0`. */
  software: string[];
};

/** A cluster, and where its console is. */
export type ClusterLink = {
  name: string;
  /** The path of its app. */
  path: string;
};

/** One config. */
export type ConfigEntry = {
  documentation: string | null;
  isReadOnly: boolean;
  isSensitive: boolean;
  /** Whether it is set for this very thing. */
  isSet: boolean;
  name: string;
  /** Kafka's word: `DYNAMIC_TOPIC_CONFIG`, `DEFAULT_CONFIG` … */
  source: string;
  /** `null` if there is none or it is a secret. */
  value: string | null;
};

/** The configs of something. */
export type Configs = {
  entries: ConfigEntry[];
};

/** A change of configs: all of it or nothing. */
export type ConfigsChange = {
  /** New values. */
  set?: { [name: string]: string };
  /** Keys that go back to what holds without them. */
  unset?: string[];
  /** Whether the change is only checked. */
  validateOnly?: boolean;
};

/** How clients reach the broker, and why one may not. */
export type Connect = {
  /** Newest first. */
  attempts: Attempt[];
  checks: Check[];
  listeners: ConnectListener[];
  /** Newest first. */
  metadataAnswers: MetadataAnswer[];
  places: Place[];
};

/** A listener, and whether what it advertises leads back to it. */
export type ConnectListener = Listener & {
  /** What a client on this machine is configured with. */
  bootstrap: string;
  check: Reached;
};

/** A connection of a client. */
export type Connection = {
  bytesIn: Long | null;
  bytesOut: Long | null;
  clientId: string | null;
  id: Long;
  /** Kafka's name of the last one. */
  lastRequest: string | null;
  lastRequestMs: Long | null;
  listener: string;
  /** The address that it came in by. */
  local: string;
  openedMs: Long;
  /** Where the client is. */
  remote: string;
  requests: Long | null;
  softwareName: string | null;
  softwareVersion: string | null;
};

/** How many there are. */
export type Counts = {
  /** `null` from outside of the broker. */
  connections: number | null;
  groups: number;
  internalTopics: number;
  offlinePartitions: number;
  partitions: number;
  topics: number;
};

/** A name and its password. */
export type Credentials = {
  password: string;
  user: string;
};

/** Where the cursors of a partition stand. */
export type Cursors = {
  durableOffset: Long | null;
  /** Exclusive: what a consumer may see. */
  highWatermark: Long;
  /** Exclusive: what a reader of committed records may see. */
  lastStableOffset: Long;
  /** Exclusive: what the log holds; from outside of the broker, what a consumer may see. */
  logEndOffset: Long;
  /** Inclusive: the first offset that may be read. */
  logStartOffset: Long;
  /** `null` from outside of the broker. */
  segments: number | null;
  sizeBytes: Long | null;
};

/** The body of every answer that is not a success. */
export type ErrorBody = {
  error: ErrorDetail;
};

/** What went wrong. */
export type ErrorDetail = {
  /** Kafka's name of the error, or one of the console's own. */
  code: string;
  /** What to do about it. */
  hint: string | null;
  /** What failed and why. */
  message: string;
};

/** Something that happened. */
export type Event = {
  clientId: string | null;
  /** What else there is to say, by name. */
  detail: { [name: string]: string };
  groupId: string | null;
  /** What, as in `topic.created`. */
  kind: string;
  memberId: string | null;
  partition: number | null;
  /** Where it came from. */
  remote: string | null;
  /** Its number. */
  seq: Long;
  /** It as a sentence. */
  text: string;
  timeMs: Long;
  topic: string | null;
  transactionalId: string | null;
};

/** Events. */
export type EventList = {
  events: Event[];
  /** Whether events from `since` on are gone already. */
  lost: boolean;
  /** The number to go on from. */
  next: Long;
  /** From this number on, no event is missing. */
  oldest: Long;
};

/** The events of the stream, by name. */
export type EventStream = {
  event: Event;
  lost: LostEvents;
};

/** An offset for a partition. */
export type ExplicitOffset = {
  offset: Long;
  partition: number;
  topic: string;
};

/** The member of a group that a record was sent to. */
export type Fetcher = {
  clientHost: string;
  clientId: string;
  /** Whether it may as well have been a member of another group: both call themselves the same and are on one machine. */
  isAmbiguous: boolean;
  memberId: string;
};

/** A field and where its bytes are. */
export type Field = {
  /** Exclusive: its last byte and one. */
  end: number;
  /** What it is for. */
  meaning: string;
  /** Kafka's name. */
  name: string;
  /** Its first byte. */
  start: number;
  value: string;
};

/** A group. */
export type GroupDetail = {
  /** The broker that coordinates it. */
  coordinator: number;
  /** How often its members were given partitions; `null` from outside of the broker. */
  generationId: number | null;
  groupId: string;
  lag: Long | null;
  members: Member[];
  /** Why nobody is among the members, where that says nothing. */
  membersNotTold: string | null;
  nowMs: Long;
  offsets: GroupOffset[];
  /** The assignor in use. */
  protocol: string | null;
  protocolType: string;
  state: string;
  stateSinceMs: Long | null;
  /** `classic`; of other clusters also `consumer` and `share`. */
  type: string;
};

/** How far a group has read a partition. */
export type GroupOffset = {
  commitMs: Long | null;
  committedOffset: Long | null;
  highWatermark: Long | null;
  lag: Long | null;
  lagMs: Long | null;
  logEndOffset: Long | null;
  logStartOffset: Long | null;
  /** Who reads it. */
  memberId: string | null;
  metadata: string | null;
  partition: number;
  topic: string;
};

/** How far a group has read a partition. */
export type GroupPosition = {
  /** The next offset to read. */
  committedOffset: Long;
  groupId: string;
};

/** A group in a list. */
export type GroupRow = {
  groupId: string;
  lag: Long | null;
  /** The lag in records over the last hour, or since the group was first seen, oldest first. */
  lagHistory: Long[];
  lagMs: Long | null;
  /** Whether it may be longer: the record came before the broker was started, or longer than an hour ago. */
  lagMsAtLeast: boolean;
  /** `null` where it is not told. */
  members: number | null;
  /** How many partitions it has committed offsets of. */
  partitions: number;
  /** `consumer` for consumers; empty where nobody has said. */
  protocolType: string;
  state: string;
  topicCount: number;
  /** The first ten that it has committed offsets of. */
  topics: string[];
  /** `rising`, `falling` or `steady` against five minutes ago; `null` where that is not known. */
  trend: string | null;
  /** `classic`; of other clusters also `consumer` and `share`. */
  type: string;
};

/** How far a record has come in a group. */
export type GroupSteps = {
  /** An offset behind it was committed for the first time. */
  committed: Step;
  committedOffset: Long | null;
  /** Sent to a member of the group for the first time. */
  fetched: Step;
  fetchedBy: Fetcher | null;
  groupId: string;
};

/** What happened to a group, oldest first. */
export type GroupTimeline = {
  entries: TimelineEntry[];
};

/** Which hanging transaction is ended. */
export type HangingAbort = {
  /** The offset of its first record. */
  firstOffset: Long;
};

/** A header to be sent. */
export type HeaderInput = {
  key: string;
  value: Input | null;
};

/** How the indexes of a segment lead to a batch. */
export type IndexTrail = {
  /** The segment's file of batches. */
  file: string;
  offsetEntry: OffsetIndexEntry | null;
  /** Bytes that are passed over from where the entry points to the batch. */
  scannedBytes: Long;
  timeEntry: TimeIndexEntry | null;
};

/** Bytes that somebody sends: in exactly one of the ways. */
export type Input = {
  base64: string | null;
  /** Two digits for each byte; white space between them is ignored. */
  hex: string | null;
  /** As UTF-8. */
  text: string | null;
};

/** The way of a record, as far as it is known. */
export type Journey = {
  /** Written into the log. */
  appended: Step;
  /** On the broker's disk, for sure. */
  durable: Step;
  /** The groups that read the topic, at most 50, by id. */
  groups: GroupSteps[];
  knownSinceMs: Long | null;
  /** Why times are missing, if they are missing for all. */
  notTold: string | null;
  nowMs: Long;
  /** Clients that it was sent to and that are in none of these groups. */
  others: OtherReader[];
  /** Below the high watermark: consumers may read it. */
  readable: Step;
  /** The record's timestamp; −1: it has none. */
  timestampMs: Long;
  /** `CreateTime`: set by the producer. `LogAppendTime`: set by the broker. */
  timestampType: string;
};

/** Since when it is known how things stood, in ms: how far `at` may go back. */
export type KnownSince = {
  connections: Long;
  cursors: Long;
  groups: Long;
  transactions: Long;
};

/** The lag of a group over time. */
export type LagHistory = {
  series: LagSeries[];
  /** Of all partitions. */
  total: LagTotal[];
};

/** The lag at a moment. */
export type LagPoint = {
  committedOffset: Long;
  endOffset: Long;
  lag: Long;
  timeMs: Long;
};

/** The lag in one partition over time. */
export type LagSeries = {
  partition: number;
  points: LagPoint[];
  topic: string;
};

/** The lag of all partitions at a moment. */
export type LagTotal = {
  lag: Long;
  timeMs: Long;
};

/** A member of a group, for as long as it was one. */
export type Lane = {
  clientHost: string;
  clientId: string;
  groupInstanceId: string | null;
  joinedMs: Long | null;
  /** Why it left. */
  leftCause: string | null;
  leftMs: Long | null;
  memberId: string;
  spans: Span[];
};

/** Who read which partition when. */
export type Lanes = {
  /** In the order in which they came. */
  members: Lane[];
  rebalances: Rebalance[];
  /** Before it, nothing is shown. */
  sinceMs: Long;
  /** Whether there were more bars than are shown. */
  truncated: boolean;
  untilMs: Long;
};

/** A listener of the broker. */
export type Listener = {
  /** What clients are told; `null`: the address that they came in by. */
  advertisedHost: string | null;
  advertisedPort: number | null;
  /** Empty: every interface. */
  host: string;
  /** Whether `advertised.listeners` says it. */
  isAdvertisedSet: boolean;
  name: string;
  port: number;
  /** Kafka's word: `PLAINTEXT`, `SSL` … */
  protocol: string;
};

/** Cursors that have moved; the first time, all of them. */
export type LiveCursors = {
  nowMs: Long;
  partitions: LivePartition[];
};

/** The events of a live topic, by name. */
export type LiveEvents = {
  cursors: LiveCursors;
  failed: ErrorDetail;
};

/** A partition whose cursors have moved. */
export type LivePartition = Cursors & {
  /** Since the last event. */
  appendedBytes: Long;
  /** Since the last event. */
  appendedRecords: Long;
  partition: number;
  /** Of the groups that read it, at most 50. */
  positions: GroupPosition[];
};

/** A data directory. */
export type LogDir = {
  isOnline: boolean;
  /** Replicas in it. */
  partitions: number;
  path: string;
  totalBytes: Long | null;
  usableBytes: Long | null;
};

/** A whole number of up to 64 bits as text: numbers of JavaScript end at 2^53. */
export type Long = string;

/** Events that are gone. */
export type LostEvents = {
  from: Long;
  /** Exclusive. */
  to: Long;
};

/** How often something happened in half a minute. */
export type Mark = {
  count: number;
  kind: string;
  /** When the half minute begins. */
  timeMs: Long;
};

/** A member of a group. */
export type Member = {
  /** What it was told to read, where the protocol is the consumers'. */
  assignment: AssignedTopic[];
  clientHost: string;
  clientId: string;
  groupInstanceId: string | null;
  /** `null` from outside of the broker. */
  isLeader: boolean | null;
  memberId: string;
};

/** What a client was told. */
export type MetadataAnswer = {
  /** The address of the broker that it was told. */
  broker: string;
  clientId: string | null;
  listener: string;
  remote: string | null;
  timeMs: Long;
};

/** One offset that changes. */
export type OffsetChange = {
  /** Whether what was asked for lies outside of the log. */
  clamped: boolean;
  /** `to` minus `from`. */
  delta: Long;
  from: Long | null;
  partition: number;
  to: Long;
  topic: string;
};

/** An entry of an offset index. */
export type OffsetIndexEntry = {
  /** The last offset of a batch. */
  offset: Long;
  /** Where that batch begins in the file. */
  position: Long;
};

/** Which offsets are forgotten. */
export type OffsetsDeletion = {
  /** `null`: of all partitions. */
  partitions: number[] | null;
  topic: string;
};

/** A client in no group that a record was sent to. */
export type OtherReader = {
  clientId: string | null;
  fetched: Step;
  remote: string;
};

/** What came of it. */
export type Outcome =
  | "open"
  | "closed"
  | "refused"
  | "tls-on-plaintext"
  | "http-on-kafka"
  | "unsupported-version"
  | "not-kafka"
  | "failed";

/** The cluster at a glance. */
export type Overview = {
  /** What clients are configured with, where the console is one of them. */
  bootstrap: string | null;
  /** `null` from outside of the broker, as all that only it knows. */
  brokerId: number | null;
  clusterId: string;
  controllerId: number;
  counts: Counts;
  listeners: Listener[];
  logBytes: Long | null;
  logDirs: LogDir[];
  /** Why the broker is not ready, if it is not. */
  notReady: string | null;
  nowMs: Long;
  readOnly: boolean;
  startedMs: Long | null;
  totals: Totals | null;
  /** Of Ottla. */
  version: string;
};

/** A part of a list. */
export type Page_Connection = {
  items: {
    bytesIn: Long | null;
    bytesOut: Long | null;
    clientId: string | null;
    id: Long;
    /** Kafka's name of the last one. */
    lastRequest: string | null;
    lastRequestMs: Long | null;
    listener: string;
    /** The address that it came in by. */
    local: string;
    openedMs: Long;
    /** Where the client is. */
    remote: string;
    requests: Long | null;
    softwareName: string | null;
    softwareVersion: string | null;
  }[];
  page: number;
  size: number;
  /** Items of the whole list that match. */
  total: number;
};

/** A part of a list. */
export type Page_GroupRow = {
  items: {
    groupId: string;
    lag: Long | null;
    /** The lag in records over the last hour, or since the group was first seen, oldest first. */
    lagHistory: Long[];
    lagMs: Long | null;
    /** Whether it may be longer: the record came before the broker was started, or longer than an hour ago. */
    lagMsAtLeast: boolean;
    /** `null` where it is not told. */
    members: number | null;
    /** How many partitions it has committed offsets of. */
    partitions: number;
    /** `consumer` for consumers; empty where nobody has said. */
    protocolType: string;
    state: string;
    topicCount: number;
    /** The first ten that it has committed offsets of. */
    topics: string[];
    /** `rising`, `falling` or `steady` against five minutes ago; `null` where that is not known. */
    trend: string | null;
    /** `classic`; of other clusters also `consumer` and `share`. */
    type: string;
  }[];
  page: number;
  size: number;
  /** Items of the whole list that match. */
  total: number;
};

/** A part of a list. */
export type Page_TopicRow = {
  items: {
    bytesIn: Long | null;
    /** `delete`, `compact`, `compact,delete`, or nothing, also where nobody tells. */
    cleanupPolicy: string;
    isInternal: boolean;
    name: string;
    offlinePartitions: number;
    partitions: number;
    /** Offsets from the start of each log to its end: records, where none were compacted away. */
    records: Long;
    replicationFactor: number;
    retentionMs: Long | null;
    sizeBytes: Long | null;
    topicId: string;
  }[];
  page: number;
  size: number;
  /** Items of the whole list that match. */
  total: number;
};

/** A part of a list. */
export type Page_TransactionRow = {
  items: {
    ageMs: Long | null;
    /** The broker that coordinates it. */
    coordinator: number;
    /** Whether it has taken longer than its timeout. */
    isLate: boolean;
    lastUpdateMs: Long | null;
    partitionCount: number;
    /** Those of the open transaction, the first 200. */
    partitions: PlaceRef[];
    producerEpoch: number;
    producerId: Long;
    startMs: Long | null;
    /** `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit` or `CompleteAbort`. */
    state: string;
    /** After how long a transaction is aborted. */
    timeoutMs: number;
    transactionalId: string;
  }[];
  page: number;
  size: number;
  /** Items of the whole list that match. */
  total: number;
};

/** Which records of a partition go. */
export type PartitionPurge = {
  beforeOffset: Long | null;
  partition: number;
};

/** What was purged of a partition. */
export type PartitionPurged = {
  error: string | null;
  logStartOffset: Long | null;
  partition: number;
};

/** A partition. */
export type PartitionRow = {
  cursors: Cursors | null;
  isOffline: boolean;
  isr: number[];
  leader: number;
  leaderEpoch: number;
  logDir: string | null;
  partition: number;
  replicas: number[];
};

/** How a partition is chosen: `murmur2(key) & 0x7fffffff % partitions`. */
export type Partitioner = {
  keyHash: Long | null;
  kind: PartitionerKind;
  /** `null`: any, since there is no key. */
  partition: number | null;
  partitions: number;
  positive: Long | null;
};

/** What decides on the partition. */
export type PartitionerKind = "murmur2" | "explicit" | "sticky";

/** How many partitions there are to be. */
export type PartitionsChange = {
  /** In all, not in addition. */
  count: number;
};

/** A key, a value or a header's value. */
export type Payload = {
  /** It as base64, where it is not. */
  base64: string | null;
  /** Bytes of all of it. */
  size: Long;
  /** It as text, where it is UTF-8 without a NUL. */
  text: string | null;
  /** Whether only its beginning is here. */
  truncated: boolean;
};

/** Where a client may be, and what it is configured with there. */
export type Place = {
  bootstrap: string;
  fix: string | null;
  /** `host`, `container`, `docker-desktop`, `lan` or `kubernetes`. */
  id: string;
  title: string;
  why: string | null;
  /** Whether that can work with the listeners as they are. */
  works: boolean;
};

/** A partition. */
export type PlaceRef = {
  partition: number;
  topic: string;
};

/** What was sent, and why it went where it went. */
export type Produced = {
  partitioner: Partitioner;
  records: ProducedRecord[];
};

/** Where a record is. */
export type ProducedRecord = {
  /** −1 with acks=0: nobody said. */
  offset: Long;
  partition: number;
  timestampMs: Long;
};

/** A record to be sent, once or several times. */
export type Production = {
  acks?: AcksInput;
  /** How often, at most 1,000 times. */
  count?: number;
  headers?: HeaderInput[];
  key: Input | null;
  /** `null`: where the key leads, or anywhere without one. */
  partition: number | null;
  timestampMs: Long | null;
  value: Input | null;
};

/** Which records go. */
export type Purge = {
  /** `null`: all records of all partitions. */
  partitions: PartitionPurge[] | null;
};

/** What was purged. */
export type Purged = {
  partitions: PartitionPurged[];
};

/** Whether an address leads somewhere, seen from the broker. */
export type Reached = {
  error: string | null;
  /** How long that took. */
  ms: number | null;
  reachable: boolean;
  /** The addresses behind the name. */
  resolves: string[];
};

/** A rebalance: until its end, members read nothing, or what they keep where the assignor is cooperative. */
export type Rebalance = {
  /** What began it, and what else happened to members meanwhile, each once. */
  causes: string[];
  fromMs: Long;
  /** The generation that it ended with. */
  generationId: number | null;
  /** What happened, as sentences with their times. */
  story: StoryLine[];
  toMs: Long | null;
};

/** A record. */
export type Record = {
  headers: RecordHeader[];
  key: Payload | null;
  keyHash: Long | null;
  leaderEpoch: number;
  offset: Long;
  partition: number;
  /** Bytes of key, value and headers. */
  size: Long;
  /** −1: it has none. */
  timestampMs: Long;
  /** `CreateTime` or `LogAppendTime`. */
  timestampType: string;
  value: Payload | null;
};

/** A record and the batch that it is in. */
export type RecordDetail = {
  batch: Batch;
  /** Whether the batch had to be decompressed for that. */
  decompressed: boolean;
  index: IndexTrail | null;
  /** Its number in the batch, from 0. */
  indexInBatch: number;
  nextOffset: Long | null;
  previousOffset: Long | null;
  record: Record;
  /** Its bytes, decompressed, up to 64 KiB. */
  recordBase64: string;
  /** Its fields by their bytes, counted from its first one. */
  recordFields: Field[];
  truncated: boolean;
};

/** A header of a record. */
export type RecordHeader = {
  key: string;
  value: Payload | null;
};

/** Records in the order of the direction: by time, and by offset within a partition. */
export type Records = {
  matched: Long;
  /** Where to go on in this direction: `from=cursor:<this>`. `null` at the end of what there was. */
  next: string | null;
  /** The same in the other direction, from where this page began. */
  previous: string;
  /** What could not be read on the way. */
  problems: string[];
  records: Record[];
  scanned: Long;
  scannedBytes: Long;
  stoppedBy: StoppedBy;
};

/** A reset. */
export type Reset = {
  /** Whether it is only looked at. */
  dryRun?: boolean;
  to: ResetTo;
  /** `null`: every topic that the group has offsets of. */
  topics: ResetTopic[] | null;
};

/** What a reset changes, or would. */
export type ResetResult = {
  applied: boolean;
  /** Why it cannot be applied now. */
  blockedBy: string | null;
  changes: OffsetChange[];
  undo: Undo | null;
};

/** Where the offsets go. */
export type ResetTo =
  | {
      kind: "beginning";
    }
  | {
      kind: "end";
    }
  | {
      kind: "offset";
      offset: Long;
    }
  | {
      kind: "time";
      timeMs: Long;
    }
  | {
      by: Long;
      kind: "shift";
    }
  | {
      kind: "explicit";
      offsets: ExplicitOffset[];
    };

/** A topic whose offsets are reset. */
export type ResetTopic = {
  /** `null`: all of them. */
  partitions: number[] | null;
  topic: string;
};

/** How a search ended. */
export type SearchDone = {
  /** Where to go on. */
  next: string | null;
  /** What could not be read on the way. */
  problems: string[];
  progress: SearchProgress;
  stoppedBy: StoppedBy;
};

/** The events of a search, by name. */
export type SearchEvents = {
  done: SearchDone;
  failed: ErrorDetail;
  progress: SearchProgress;
  record: Record;
};

/** How far a search is. */
export type SearchProgress = {
  elapsedMs: Long;
  matched: Long;
  recordsPerSecond: Long;
  scanned: Long;
  scannedBytes: Long;
  /** Offsets that were to be looked at when the search began; some may have no record any more. */
  total: Long;
};

/** A segment. */
export type Segment = {
  baseOffset: Long;
  /** Whether transactions were aborted in it. */
  hasTxnIndex: boolean;
  /** Whether it is the one that is written. */
  isActive: boolean;
  /** −1: no record has a timestamp. */
  maxTimestampMs: Long;
  /** Exclusive: where the next segment begins, or the log ends. */
  nextOffset: Long;
  offsetIndexBytes: Long;
  /** Bytes of batches. */
  sizeBytes: Long;
  timeIndexBytes: Long;
};

/** The segments of a partition. */
export type Segments = {
  logEndOffset: Long;
  logStartOffset: Long;
  segments: Segment[];
};

/** What the app has to know first. */
export type Session = {
  /** Routes that this console has not, as they stand in the API's document. */
  absent: string[];
  /** Why, as a sentence. */
  absentBecause: string | null;
  /** What comes before `/api` in every path. */
  basePath: string;
  /** What people call the cluster, where the console has a name for it. */
  cluster: string | null;
  /** The clusters of this console, if there is more than one. */
  clusters: ClusterLink[];
  /** Whether a change or a look needs a user. */
  loginRequired: boolean;
  nowMs: Long;
  /** Whether every change is refused. */
  readOnly: boolean;
  /** Why, as a sentence. */
  readOnlyBecause: string | null;
  /** `broker`: the console sits in the broker that it shows; `client`: it is a client of the cluster. */
  role: string;
  /** Who is logged in. */
  user: string | null;
  /** Of Ottla. */
  version: string;
};

/** A partition that a member read for a while. */
export type Span = {
  fromMs: Long;
  partition: number;
  toMs: Long | null;
  topic: string;
};

/** A step of the way. */
export type Step = {
  fromMs: Long | null;
  /** `known`: it happened between the two times, which may be the same. `before`: it happened, not after `untilMs`. `maybe`: it may have happened at `untilMs`. `done`: it happened, nobody tells when. `notYet`: it has not happened. `notTold`: nobody tells whether. */
  state: StepState;
  untilMs: Long | null;
};

/** How well a step is known. */
export type StepState = "known" | "before" | "maybe" | "done" | "notYet" | "notTold";

/** Why no more records are there. */
export type StoppedBy = "limit" | "end" | "budget";

/** A sentence of a rebalance's story. */
export type StoryLine = {
  text: string;
  timeMs: Long;
};

/** The events of a tail, by name. */
export type TailEvents = {
  failed: ErrorDetail;
  records: TailRecords;
};

/** Records that came. */
export type TailRecords = {
  records: Record[];
  /** Records that matched since the last event and are not here: they came faster than was asked for, or than they are read. */
  skipped: Long;
};

/** An entry of a time index. */
export type TimeIndexEntry = {
  /** The last offset of the batch that has it. */
  offset: Long;
  /** The largest timestamp of the records so far. */
  timestampMs: Long;
};

/** How much happened when, in the last hour. */
export type Timeline = {
  knownSince: KnownSince;
  marks: Mark[];
  nowMs: Long;
  /** Before it, no event is known. */
  oldestMs: Long;
};

/** Something that happened to a group. */
export type TimelineEntry = {
  /** `memberJoined`, `memberLeft`, `pollInterval`, `sessionTimeout`, `syncTimeout`, `subscriptionChanged`, `leaderRejoined`, `staticMemberReplaced` or `loaded`. */
  cause: string | null;
  clientId: string | null;
  durationMs: Long | null;
  /** The state that it left. */
  from: string | null;
  generationId: number | null;
  /** `group.joined`, `group.left`, `group.state` or `group.committed`. */
  kind: string;
  memberId: string | null;
  seq: Long;
  text: string;
  timeMs: Long;
  /** The state that it came to. */
  to: string | null;
};

/** A topic that was made. */
export type TopicCreated = {
  name: string;
  partitions: number;
  replicationFactor: number;
  topicId: string;
};

/** A topic that is to be. */
export type TopicCreation = {
  configs?: { [name: string]: string };
  name: string;
  /** `null`: as `num.partitions` says. */
  partitions: number | null;
  /** `null`: as `default.replication.factor` says. */
  replicationFactor: number | null;
  /** Whether it is only checked. */
  validateOnly?: boolean;
};

/** A topic and its partitions. */
export type TopicDetail = TopicRow & {
  /** How many configs are set for it. */
  configsSet: number;
  nowMs: Long;
  partitionList: PartitionRow[];
};

/** A topic in a list. */
export type TopicRow = {
  bytesIn: Long | null;
  /** `delete`, `compact`, `compact,delete`, or nothing, also where nobody tells. */
  cleanupPolicy: string;
  isInternal: boolean;
  name: string;
  offlinePartitions: number;
  partitions: number;
  /** Offsets from the start of each log to its end: records, where none were compacted away. */
  records: Long;
  replicationFactor: number;
  retentionMs: Long | null;
  sizeBytes: Long | null;
  topicId: string;
};

/** Sums since the start. */
export type Totals = {
  /** Bytes of requests. */
  bytesIn: Long;
  /** Bytes of responses. */
  bytesOut: Long;
  requests: Long;
};

/** A transaction that was made to end. */
export type TransactionAborted = {
  /** Where abort markers are written. */
  partitions: PlaceRef[];
};

/** A transactional id with what happened to it. */
export type TransactionDetail = TransactionRow & {
  /** What happened to it, oldest first, as far back as the journal goes. */
  events: Event[];
  /** Why there are no events, where nobody tells them. */
  eventsNotTold: string | null;
  nowMs: Long;
  /** Where its open transaction has written, as the logs have it. */
  places: TransactionPlace[];
};

/** What an open transaction has done to a partition. */
export type TransactionPlace = {
  /** The offset of its first record. */
  firstOffset: Long;
  highWatermark: Long;
  /** Whether it is the one that holds back readers of committed records here. */
  isFirst: boolean;
  lastStableOffset: Long;
  partition: number;
  topic: string;
};

/** A transactional id. */
export type TransactionRow = {
  ageMs: Long | null;
  /** The broker that coordinates it. */
  coordinator: number;
  /** Whether it has taken longer than its timeout. */
  isLate: boolean;
  lastUpdateMs: Long | null;
  partitionCount: number;
  /** Those of the open transaction, the first 200. */
  partitions: PlaceRef[];
  producerEpoch: number;
  producerId: Long;
  startMs: Long | null;
  /** `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit` or `CompleteAbort`. */
  state: string;
  /** After how long a transaction is aborted. */
  timeoutMs: number;
  transactionalId: string;
};

/** How a reset can be undone. */
export type Undo = {
  changes: number;
  expiresMs: Long;
  id: string;
  madeMs: Long;
};

/** Which reset is undone. */
export type UndoRequest = {
  id: string;
};

/** The resets of a group that can be undone, newest first. */
export type Undos = {
  items: Undo[];
};

/** The routes that there are. */
export const ROUTES: ReadonlySet<string> = new Set([
  "/blocked",
  "/brokers",
  "/brokers/{broker}/config",
  "/brokers/{broker}/log-dirs",
  "/clients",
  "/connect",
  "/connections",
  "/events",
  "/events/stream",
  "/groups",
  "/groups/{group}",
  "/groups/{group}/lag",
  "/groups/{group}/lanes",
  "/groups/{group}/offsets",
  "/groups/{group}/reset",
  "/groups/{group}/reset/undo",
  "/groups/{group}/timeline",
  "/overview",
  "/session",
  "/timeline",
  "/topics",
  "/topics/{topic}",
  "/topics/{topic}/config",
  "/topics/{topic}/cursors",
  "/topics/{topic}/live",
  "/topics/{topic}/partitioner",
  "/topics/{topic}/partitions",
  "/topics/{topic}/partitions/{partition}/abort",
  "/topics/{topic}/partitions/{partition}/batches",
  "/topics/{topic}/partitions/{partition}/batches/{offset}",
  "/topics/{topic}/partitions/{partition}/records/{offset}",
  "/topics/{topic}/partitions/{partition}/records/{offset}/journey",
  "/topics/{topic}/partitions/{partition}/records/{offset}/key",
  "/topics/{topic}/partitions/{partition}/records/{offset}/value",
  "/topics/{topic}/partitions/{partition}/segments",
  "/topics/{topic}/purge",
  "/topics/{topic}/records",
  "/topics/{topic}/records/export",
  "/topics/{topic}/records/search",
  "/topics/{topic}/records/tail",
  "/transactions",
  "/transactions/{id}",
  "/transactions/{id}/abort",
]);
