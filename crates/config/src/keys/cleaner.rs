//! Keys of compaction and the choice between it and deletion.
//!
//! Kafka: `CleanerConfig` and `ServerLogConfigs`.

use crate::value::List;

keys! { CLEANER_KEYS: Broker;

    LOG_CLEANER_BACKOFF_MS: i64 = with("log.cleaner.backoff.ms", "15000")
        .at_least(0).cluster_wide();

    LOG_CLEANER_DEDUPE_BUFFER_SIZE: i64 = with("log.cleaner.dedupe.buffer.size", "134217728")
        .cluster_wide();

    LOG_CLEANER_DELETE_RETENTION_MS: i64 = with("log.cleaner.delete.retention.ms", "86400000")
        .at_least(0).cluster_wide();

    LOG_CLEANER_ENABLE: bool = with("log.cleaner.enable", "true");

    LOG_CLEANER_IO_BUFFER_LOAD_FACTOR: f64 = with("log.cleaner.io.buffer.load.factor", "0.9")
        .cluster_wide();

    LOG_CLEANER_IO_BUFFER_SIZE: i32 = with("log.cleaner.io.buffer.size", "524288")
        .at_least(0).cluster_wide();

    LOG_CLEANER_IO_MAX_BYTES_PER_SECOND: f64 =
        with("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308")
        .cluster_wide();

    LOG_CLEANER_MAX_COMPACTION_LAG_MS: i64 =
        with("log.cleaner.max.compaction.lag.ms", "9223372036854775807")
        .at_least(1).cluster_wide();

    LOG_CLEANER_MIN_CLEANABLE_RATIO: f64 = with("log.cleaner.min.cleanable.ratio", "0.5")
        .between(0, 1).cluster_wide();

    LOG_CLEANER_MIN_COMPACTION_LAG_MS: i64 = with("log.cleaner.min.compaction.lag.ms", "0")
        .at_least(0).cluster_wide();

    LOG_CLEANER_THREADS: i32 = with("log.cleaner.threads", "1").at_least(0).cluster_wide();

    LOG_CLEANUP_POLICY: List = with("log.cleanup.policy", "delete")
        .list_of(&["compact", "delete"]).cluster_wide();
}
