//! What a log needs to know of its topic's configuration.
//!
//! Kafka: `org.apache.kafka.storage.internals.log.LogConfig`.

/// A topic's settings that its logs act on. The defaults are Kafka's.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: largest size of a segment's `.log` file, inclusive.
    pub segment_bytes: u32,
    /// `segment.ms`: how long a segment is written before the next one is begun, in ms.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: by how much at most that time is shortened, differently for each
    /// segment, in ms.
    pub segment_jitter_ms: i64,
    /// `index.interval.bytes`: bytes of batches between two entries of the offset index.
    pub index_interval_bytes: u32,
    /// `segment.index.bytes`: largest size of an index file.
    pub segment_index_bytes: u32,
    /// `retention.ms`: age of the newest record after which a segment is deleted; −1 for never.
    pub retention_ms: i64,
    /// `retention.bytes`: size of the log above which old segments are deleted; −1 for any.
    pub retention_bytes: i64,
    /// Whether `cleanup.policy` has `delete`.
    pub cleanup_delete: bool,
    /// Whether `cleanup.policy` has `compact`.
    pub cleanup_compact: bool,
    /// `min.cleanable.dirty.ratio`: share of the log that is not clean above which it is cleaned.
    pub min_cleanable_ratio: f64,
    /// `min.compaction.lag.ms`: how long a record is safe from compaction, in ms.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: how long a record may wait for compaction, in ms.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: how long a tombstone stays after it was cleaned first, in ms.
    pub delete_retention_ms: i64,
    /// `file.delete.delay.ms`: how long a deleted segment's files stay, renamed, in ms.
    pub file_delete_delay_ms: i64,
    /// `flush.messages`: records after which the log is to be synced.
    pub flush_messages: i64,
    /// `flush.ms`: how long a record may stay unsynced, in ms.
    pub flush_ms: i64,
    /// `preallocate`: whether room for a whole segment is reserved when it is begun, and what is
    /// left of it given back when it ends.
    pub preallocate: bool,
}

impl LogConfig {
    /// How long a segment is written at most, in ms: no longer than a record may wait for
    /// compaction, since only what is no longer written is compacted.
    pub(crate) fn segment_ms_max(&self) -> i64 {
        if self.cleanup_compact && self.max_compaction_lag_ms > 0 {
            self.segment_ms.min(self.max_compaction_lag_ms)
        } else {
            self.segment_ms
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 60 * 60 * 1000,
            segment_jitter_ms: 0,
            index_interval_bytes: 4096,
            segment_index_bytes: 10 << 20,
            retention_ms: 7 * 24 * 60 * 60 * 1000,
            retention_bytes: -1,
            cleanup_delete: true,
            cleanup_compact: false,
            min_cleanable_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 60 * 60 * 1000,
            file_delete_delay_ms: 60_000,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            preallocate: false,
        }
    }
}
