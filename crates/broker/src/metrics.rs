//! What `/metrics` shows: every metric is registered here and nowhere else.
//!
//! Names follow the usual Kafka exporters where they have one.

use std::{fmt, sync::atomic::AtomicU64};

use ottla_log::CleanStats;
use ottla_wire::ApiKey;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApiLabel {
    request: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TopicLabel {
    topic: String,
}

/// Bounds of the request time buckets in seconds.
const SECONDS: [f64; 12] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// All metrics of a broker.
pub(crate) struct Metrics {
    registry: Registry,
    /// One counter per API key, by number: found without hashing on every request.
    requests: Vec<Counter>,
    bytes_in: Counter,
    bytes_out: Counter,
    topic_bytes_in: Family<TopicLabel, Counter>,
    records_in: Counter,
    sync_seconds: Histogram,
    connections: Gauge,
    partitions: Gauge,
    topics: Gauge,
    log_bytes: Gauge,
    groups: Gauge,
    transactional_ids: Gauge,
    request_memory_free: Gauge,
    cleaner_runs: Counter,
    cleaner_read: Counter,
    cleaner_written: Counter,
    max_dirty_percent: Gauge,
    uncleanable: Gauge,
    resident_bytes: Gauge<u64, AtomicU64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Values that are read from the broker's state when `/metrics` is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) connections: usize,
    pub(crate) partitions: usize,
    pub(crate) topics: usize,
    pub(crate) log_bytes: u64,
    pub(crate) groups: usize,
    pub(crate) transactional_ids: usize,
    pub(crate) request_memory_free: usize,
    pub(crate) uncleanable: usize,
}

impl Metrics {
    /// Registers every metric; `apis` are those with a request counter.
    pub(crate) fn new(apis: impl Iterator<Item = ApiKey>) -> Self {
        let mut registry = Registry::default();
        let requests = register_requests(&mut registry, apis);
        let metrics = Self {
            requests,
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            topic_bytes_in: Family::default(),
            records_in: Counter::default(),
            sync_seconds: Histogram::new(SECONDS),
            connections: Gauge::default(),
            partitions: Gauge::default(),
            topics: Gauge::default(),
            log_bytes: Gauge::default(),
            groups: Gauge::default(),
            transactional_ids: Gauge::default(),
            request_memory_free: Gauge::default(),
            cleaner_runs: Counter::default(),
            cleaner_read: Counter::default(),
            cleaner_written: Counter::default(),
            max_dirty_percent: Gauge::default(),
            uncleanable: Gauge::default(),
            resident_bytes: Gauge::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut registry);
        metrics.register_cleaner(&mut registry);
        Self { registry, ..metrics }
    }

    fn register(&self, r: &mut Registry) {
        let bytes_in = "Request bytes received from clients";
        r.register_with_unit(
            "kafka_server_socket_in",
            bytes_in,
            Unit::Bytes,
            self.bytes_in.clone(),
        );
        let bytes_out = "Response bytes sent to clients";
        r.register_with_unit(
            "kafka_server_socket_out",
            bytes_out,
            Unit::Bytes,
            self.bytes_out.clone(),
        );
        let topic_in = "Bytes of record batches appended, by topic";
        let name = "kafka_server_brokertopicmetrics_bytesin";
        r.register(name, topic_in, self.topic_bytes_in.clone());
        let name = "kafka_server_brokertopicmetrics_messagesin";
        r.register(name, "Records appended", self.records_in.clone());
        let name = "kafka_log_logflushstats_logflush";
        let help = "Time of one disk sync";
        r.register_with_unit(name, help, Unit::Seconds, self.sync_seconds.clone());
        let name = "kafka_server_socket_connections";
        r.register(name, "Open client connections", self.connections.clone());
        let name = "kafka_server_replicamanager_partitioncount";
        r.register(name, "Partitions hosted", self.partitions.clone());
        let name = "kafka_controller_globaltopiccount";
        r.register(name, "Topics in the cluster", self.topics.clone());
        let help = "Bytes of all segment files";
        r.register_with_unit("kafka_log_log_size", help, Unit::Bytes, self.log_bytes.clone());
        let name = "kafka_coordinator_group_groupcount";
        r.register(name, "Groups this broker coordinates", self.groups.clone());
        let help = "Transactional ids this broker coordinates";
        r.register("ottla_transactional_ids", help, self.transactional_ids.clone());
        let help = "Request memory that is free";
        let free = self.request_memory_free.clone();
        r.register_with_unit("ottla_request_memory_free", help, Unit::Bytes, free);
        let help = "Resident memory of the process";
        r.register_with_unit(
            "process_resident_memory",
            help,
            Unit::Bytes,
            self.resident_bytes.clone(),
        );
    }

    fn register_cleaner(&self, r: &mut Registry) {
        let runs = self.cleaner_runs.clone();
        r.register("kafka_log_logcleaner_runs", "Rounds of compaction", runs);
        let (name, help) = ("kafka_log_logcleaner_read", "Bytes of batches read to compact them");
        r.register_with_unit(name, help, Unit::Bytes, self.cleaner_read.clone());
        let (name, help) = ("kafka_log_logcleaner_written", "Bytes of compacted batches written");
        r.register_with_unit(name, help, Unit::Bytes, self.cleaner_written.clone());
        let name = "kafka_log_logcleanermanager_max_dirty_percent";
        let help = "Share of the dirtiest log that is not compacted";
        r.register(name, help, self.max_dirty_percent.clone());
        let name = "kafka_log_logcleanermanager_uncleanable_partitions_count";
        let help = "Partitions that are not compacted because they cannot be read";
        r.register(name, help, self.uncleanable.clone());
    }

    /// A log was compacted.
    pub(crate) fn cleaned(&self, stats: &CleanStats) {
        self.cleaner_runs.inc();
        self.cleaner_read.inc_by(stats.bytes_read.saturating_add(stats.map_bytes_read));
        self.cleaner_written.inc_by(stats.bytes_written);
    }

    /// The dirtiest log was looked for; from 0 to 1, how dirty it is.
    #[expect(clippy::cast_possible_truncation, reason = "a percentage is small")]
    pub(crate) fn looked_for_dirt(&self, ratio_max: f64) {
        self.max_dirty_percent.set((ratio_max * 100.0) as i64);
    }

    /// A request came.
    pub(crate) fn request(&self, key: ApiKey) {
        let row = usize::try_from(key.code()).ok().and_then(|code| self.requests.get(code));
        if let Some(counter) = row {
            counter.inc();
        }
    }

    /// Bytes came from a client.
    pub(crate) fn bytes_in(&self, bytes: usize) {
        self.bytes_in.inc_by(u64::try_from(bytes).unwrap_or(0));
    }

    /// Bytes went to a client.
    pub(crate) fn bytes_out(&self, bytes: usize) {
        self.bytes_out.inc_by(u64::try_from(bytes).unwrap_or(0));
    }

    /// The counter of bytes appended to a topic: found once, counted without looking it up.
    pub(crate) fn topic_bytes_in(&self, topic: &str) -> Counter {
        self.topic_bytes_in.get_or_create_owned(&TopicLabel { topic: topic.to_owned() })
    }

    /// Records were appended.
    pub(crate) fn records_in(&self, records: i32) {
        self.records_in.inc_by(u64::try_from(records).unwrap_or(0));
    }

    /// A topic is gone, and its label with it.
    pub(crate) fn forget_topic(&self, topic: &str) {
        self.topic_bytes_in.remove(&TopicLabel { topic: topic.to_owned() });
    }

    /// Bytes of requests, bytes of responses, and requests since the start.
    pub(crate) fn totals(&self) -> (u64, u64, u64) {
        let requests = self.requests.iter().map(Counter::get).sum();
        (self.bytes_in.get(), self.bytes_out.get(), requests)
    }

    /// A disk sync was done.
    pub(crate) fn synced(&self, seconds: f64) {
        self.sync_seconds.observe(seconds);
    }

    /// The page in OpenMetrics text.
    pub(crate) fn page(&self, now: &Gauges) -> Result<String, fmt::Error> {
        set(&self.connections, now.connections);
        set(&self.partitions, now.partitions);
        set(&self.topics, now.topics);
        set(&self.groups, now.groups);
        set(&self.transactional_ids, now.transactional_ids);
        set(&self.request_memory_free, now.request_memory_free);
        set(&self.uncleanable, now.uncleanable);
        self.log_bytes.set(i64::try_from(now.log_bytes).unwrap_or(i64::MAX));
        self.resident_bytes.set(resident_bytes().unwrap_or(0));
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

fn register_requests(registry: &mut Registry, apis: impl Iterator<Item = ApiKey>) -> Vec<Counter> {
    let family: Family<ApiLabel, Counter> = Family::default();
    let name = "kafka_network_requestmetrics_requests";
    registry.register(name, "Requests by API", family.clone());
    let mut counters: Vec<Counter> = Vec::new();
    for key in apis {
        let code = usize::try_from(key.code()).unwrap_or(0);
        while counters.len() <= code {
            counters.push(Counter::default());
        }
        if let Some(slot) = counters.get_mut(code) {
            *slot = family.get_or_create(&ApiLabel { request: key.name() }).clone();
        }
    }
    counters
}

fn set(gauge: &Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// Resident memory as Linux tells it; `None` elsewhere.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    pages.checked_mul(page)
}
