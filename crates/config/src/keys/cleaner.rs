//! Keys of compaction and the choice between it and deletion.
//!
//! Kafka: `CleanerConfig` and `ServerLogConfigs`.

use crate::value::List;

keys! { CLEANER_KEYS: Broker;

    /// Time the cleaner sleeps when no log needs it.
    LOG_CLEANER_BACKOFF_MS: i64 = with("log.cleaner.backoff.ms", "15000")
        .at_least(0).cluster_wide().honoured();

    /// Bytes that all cleaner threads together use to remember keys.
    LOG_CLEANER_DEDUPE_BUFFER_SIZE: i64 = with("log.cleaner.dedupe.buffer.size", "134217728")
        .cluster_wide().honoured();

    /// Time a tombstone stays readable after compaction, for topics without their own
    /// delete.retention.ms.
    LOG_CLEANER_DELETE_RETENTION_MS: i64 = with("log.cleaner.delete.retention.ms", "86400000")
        .at_least(0).cluster_wide().honoured();

    /// Whether logs are compacted; Kafka plans to remove the choice.
    LOG_CLEANER_ENABLE: bool = with("log.cleaner.enable", "true").honoured();

    /// How full the cleaner's memory of keys may get, as a fraction.
    LOG_CLEANER_IO_BUFFER_LOAD_FACTOR: f64 = with("log.cleaner.io.buffer.load.factor", "0.9")
        .cluster_wide().honoured();

    /// Bytes that all cleaner threads together use to read and write.
    LOG_CLEANER_IO_BUFFER_SIZE: i32 = with("log.cleaner.io.buffer.size", "524288")
        .at_least(0).cluster_wide().honoured();

    /// Bytes per second that the cleaner may read and write together.
    LOG_CLEANER_IO_MAX_BYTES_PER_SECOND: f64 =
        with("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308")
        .cluster_wide().honoured();

    /// Longest time a record may stay uncompacted, for topics without their own
    /// max.compaction.lag.ms.
    LOG_CLEANER_MAX_COMPACTION_LAG_MS: i64 =
        with("log.cleaner.max.compaction.lag.ms", "9223372036854775807")
        .at_least(1).cluster_wide().honoured();

    /// Uncompacted fraction above which a log is worth compacting, for topics without their own.
    LOG_CLEANER_MIN_CLEANABLE_RATIO: f64 = with("log.cleaner.min.cleanable.ratio", "0.5")
        .between(0, 1).cluster_wide().honoured();

    /// Time a record is safe from compaction, for topics without their own min.compaction.lag.ms.
    LOG_CLEANER_MIN_COMPACTION_LAG_MS: i64 = with("log.cleaner.min.compaction.lag.ms", "0")
        .at_least(0).cluster_wide().honoured();

    /// Number of threads that compact logs.
    LOG_CLEANER_THREADS: i32 = with("log.cleaner.threads", "1")
        .at_least(0).cluster_wide().honoured();

    /// What becomes of old segments of topics without their own cleanup.policy: delete, compact, or
    /// both.
    LOG_CLEANUP_POLICY: List = with("log.cleanup.policy", "delete")
        .list_of(&["compact", "delete"]).cluster_wide().honoured();
}
