//! Keys of the log.
//!
//! Kafka: `ServerLogConfigs`.

use crate::value::{List, Text};

keys! { LOG_KEYS: Broker;

    /// Effort of gzip from 1 (fast) to 9 (small); -1 takes the library's default.
    COMPRESSION_GZIP_LEVEL: i32 = with("compression.gzip.level", "-1").gzip_level().cluster_wide()
        .honoured();

    /// Effort of lz4 from 1 (fast) to 17 (small) in Kafka; the codec here has one level.
    COMPRESSION_LZ4_LEVEL: i32 = with("compression.lz4.level", "9").between(1, 17).cluster_wide();

    /// Codec that batches are stored with; producer keeps what each producer chose.
    COMPRESSION_TYPE: Text = with("compression.type", "producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]).high()
        .cluster_wide().honoured();

    /// Effort of zstd, from very negative (fast) to 22 (small).
    COMPRESSION_ZSTD_LEVEL: i32 = with("compression.zstd.level", "3")
        .between(-131_072, 22).cluster_wide().honoured();

    /// Log directories that get no new partitions, or an asterisk for all of them.
    CORDONED_LOG_DIRS: List = with("cordoned.log.dirs", "").per_broker().honoured();

    /// Directory of the data, where log.dirs is not set.
    LOG_DIR: List = with("log.dir", "./ottla-data")
        .instead_of("/tmp/kafka-logs").non_empty_list().high().honoured();

    /// Time after which a broker stops when it cannot tell the controller about a failed log
    /// directory.
    LOG_DIR_FAILURE_TIMEOUT_MS: i64 = with("log.dir.failure.timeout.ms", "30000").at_least(1).low();

    /// Directories of the data, among which partitions are spread; log.dir counts without it.
    LOG_DIRS: Option<List> = null("log.dirs").non_empty_list().high().honoured();

    /// Number of records after which a log is synced to the disk.
    LOG_FLUSH_INTERVAL_MESSAGES: i64 = with("log.flush.interval.messages", "9223372036854775807")
        .at_least(1).high().cluster_wide().honoured();

    /// Time after which a record is synced to the disk, at the latest.
    LOG_FLUSH_INTERVAL_MS: Option<i64> = null("log.flush.interval.ms").high().cluster_wide()
        .honoured();

    /// Time between two writes of the recovery points, which say how much of each log is synced.
    LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS: i32 =
        with("log.flush.offset.checkpoint.interval.ms", "60000")
        .at_least(0).high().honoured();

    /// Time after which a record is synced to the disk, where log.flush.interval.ms is not set.
    LOG_FLUSH_SCHEDULER_INTERVAL_MS: i64 =
        with("log.flush.scheduler.interval.ms", "9223372036854775807")
        .high().honoured();

    /// Time between two writes of the log start offsets, at the most.
    LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS: i32 =
        with("log.flush.start.offset.checkpoint.interval.ms", "60000")
        .at_least(0).high().honoured();

    /// Bytes of records between two entries of the offset index.
    LOG_INDEX_INTERVAL_BYTES: i32 = with("log.index.interval.bytes", "4096")
        .at_least(0).cluster_wide().honoured();

    /// Largest size of an offset index before the segment is rolled.
    LOG_INDEX_SIZE_MAX_BYTES: i32 = with("log.index.size.max.bytes", "10485760")
        .at_least(4).cluster_wide().honoured();

    /// Time after the start before the first housekeeping of the logs.
    LOG_INITIAL_TASK_DELAY_MS: i64 = with("log.initial.task.delay.ms", "30000")
        .at_least(0).low().internal().honoured();

    /// How far a record's timestamp may be ahead of the broker's clock.
    LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS: i64 = with("log.message.timestamp.after.max.ms", "3600000")
        .at_least(0).cluster_wide().honoured();

    /// How far a record's timestamp may be behind the broker's clock.
    LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS: i64 =
        with("log.message.timestamp.before.max.ms", "9223372036854775807")
        .at_least(0).cluster_wide().honoured();

    /// Whose clock stamps records: the producer's (CreateTime) or the broker's (LogAppendTime).
    LOG_MESSAGE_TIMESTAMP_TYPE: Text = with("log.message.timestamp.type", "CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"]).cluster_wide().honoured();

    /// Whether room on the disk for a whole segment is taken when one is begun; Kafka only sets the
    /// size of its file.
    LOG_PREALLOCATE: bool = with("log.preallocate", "false").cluster_wide().honoured();

    /// Bytes of a partition that are kept before old segments go; -1 sets no limit.
    LOG_RETENTION_BYTES: i64 = with("log.retention.bytes", "-1").high().cluster_wide().honoured();

    /// Time between two looks for segments that retention allows to delete.
    LOG_RETENTION_CHECK_INTERVAL_MS: i64 = with("log.retention.check.interval.ms", "300000")
        .at_least(1).honoured();

    /// Hours that records are kept, where neither log.retention.minutes nor log.retention.ms is
    /// set.
    LOG_RETENTION_HOURS: i32 = with("log.retention.hours", "168").high().honoured();

    /// Minutes that records are kept, where log.retention.ms is not set.
    LOG_RETENTION_MINUTES: Option<i32> = null("log.retention.minutes").high().honoured();

    /// Milliseconds that records are kept; -1 keeps them for ever.
    LOG_RETENTION_MS: Option<i64> = null("log.retention.ms").high().cluster_wide().honoured();

    /// Hours after which a segment is closed and a new one begun, where log.roll.ms is not set.
    LOG_ROLL_HOURS: i32 = with("log.roll.hours", "168").at_least(1).high().honoured();

    /// Hours that are randomly taken off log.roll.hours, so that not all partitions roll together.
    LOG_ROLL_JITTER_HOURS: i32 = with("log.roll.jitter.hours", "0").at_least(0).high().honoured();

    /// Milliseconds that are randomly taken off log.roll.ms.
    LOG_ROLL_JITTER_MS: Option<i64> = null("log.roll.jitter.ms").high().cluster_wide().honoured();

    /// Milliseconds after which a segment is closed and a new one begun.
    LOG_ROLL_MS: Option<i64> = null("log.roll.ms").high().cluster_wide().honoured();

    /// Size at which a segment is closed and a new one begun.
    LOG_SEGMENT_BYTES: i32 = with("log.segment.bytes", "1073741824")
        .at_least(1_048_576).high().cluster_wide().honoured();

    /// Time a deleted file stays on disk, for readers that still use it.
    LOG_SEGMENT_DELETE_DELAY_MS: i64 = with("log.segment.delete.delay.ms", "60000")
        .at_least(0).high().cluster_wide().honoured();

    /// Size a batch may have after decompression, which stops compression bombs.
    MAX_DECOMPRESSED_MESSAGE_BYTES: i32 = with("max.decompressed.message.bytes", "2147483639")
        .between(1, 2_147_483_639).cluster_wide().honoured();

    /// Largest batch of records that is accepted, compressed and with its header.
    MESSAGE_MAX_BYTES: i32 = with("message.max.bytes", "1048588").at_least(0).high().cluster_wide()
        .honoured();

    /// Number of replicas that must have a record before acks=all is answered, for topics without
    /// their own.
    MIN_INSYNC_REPLICAS: i32 = with("min.insync.replicas", "1").at_least(1).high().cluster_wide();

    /// Number of threads per log directory that recover logs at start and flush them at stop.
    NUM_RECOVERY_THREADS_PER_DATA_DIR: i32 = with("num.recovery.threads.per.data.dir", "2")
        .at_least(1).high().cluster_wide().honoured_at_start();

    /// Number of threads that move replicas between log directories; one for each directory without
    /// it.
    NUM_REPLICA_ALTER_LOG_DIRS_THREADS: Option<i32> = null("num.replica.alter.log.dirs.threads")
        .high().honoured();
}
