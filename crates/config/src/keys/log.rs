//! Keys of the log.
//!
//! Kafka: `ServerLogConfigs`.

use crate::value::{List, Text};

keys! { LOG_KEYS: Broker;

    COMPRESSION_GZIP_LEVEL: i32 = with("compression.gzip.level", "-1").gzip_level().cluster_wide();

    COMPRESSION_LZ4_LEVEL: i32 = with("compression.lz4.level", "9").between(1, 17).cluster_wide();

    COMPRESSION_TYPE: Text = with("compression.type", "producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]).high()
        .cluster_wide();

    COMPRESSION_ZSTD_LEVEL: i32 = with("compression.zstd.level", "3")
        .between(-131_072, 22).cluster_wide();

    CORDONED_LOG_DIRS: List = with("cordoned.log.dirs", "").per_broker();

    LOG_DIR: List = with("log.dir", "./ottla-data")
        .instead_of("/tmp/kafka-logs").non_empty_list().high();

    LOG_DIR_FAILURE_TIMEOUT_MS: i64 = with("log.dir.failure.timeout.ms", "30000").at_least(1).low();

    LOG_DIRS: Option<List> = null("log.dirs").non_empty_list().high();

    LOG_FLUSH_INTERVAL_MESSAGES: i64 = with("log.flush.interval.messages", "9223372036854775807")
        .at_least(1).high().cluster_wide();

    LOG_FLUSH_INTERVAL_MS: Option<i64> = null("log.flush.interval.ms").high().cluster_wide();

    LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS: i32 =
        with("log.flush.offset.checkpoint.interval.ms", "60000")
        .at_least(0).high();

    LOG_FLUSH_SCHEDULER_INTERVAL_MS: i64 =
        with("log.flush.scheduler.interval.ms", "9223372036854775807")
        .high();

    LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS: i32 =
        with("log.flush.start.offset.checkpoint.interval.ms", "60000")
        .at_least(0).high();

    LOG_INDEX_INTERVAL_BYTES: i32 = with("log.index.interval.bytes", "4096")
        .at_least(0).cluster_wide();

    LOG_INDEX_SIZE_MAX_BYTES: i32 = with("log.index.size.max.bytes", "10485760")
        .at_least(4).cluster_wide();

    LOG_INITIAL_TASK_DELAY_MS: i64 = with("log.initial.task.delay.ms", "30000")
        .at_least(0).low().internal();

    LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS: i64 = with("log.message.timestamp.after.max.ms", "3600000")
        .at_least(0).cluster_wide();

    LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS: i64 =
        with("log.message.timestamp.before.max.ms", "9223372036854775807")
        .at_least(0).cluster_wide();

    LOG_MESSAGE_TIMESTAMP_TYPE: Text = with("log.message.timestamp.type", "CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"]).cluster_wide();

    LOG_PREALLOCATE: bool = with("log.preallocate", "false").cluster_wide();

    LOG_RETENTION_BYTES: i64 = with("log.retention.bytes", "-1").high().cluster_wide();

    LOG_RETENTION_CHECK_INTERVAL_MS: i64 = with("log.retention.check.interval.ms", "300000")
        .at_least(1);

    LOG_RETENTION_HOURS: i32 = with("log.retention.hours", "168").high();

    LOG_RETENTION_MINUTES: Option<i32> = null("log.retention.minutes").high();

    LOG_RETENTION_MS: Option<i64> = null("log.retention.ms").high().cluster_wide();

    LOG_ROLL_HOURS: i32 = with("log.roll.hours", "168").at_least(1).high();

    LOG_ROLL_JITTER_HOURS: i32 = with("log.roll.jitter.hours", "0").at_least(0).high();

    LOG_ROLL_JITTER_MS: Option<i64> = null("log.roll.jitter.ms").high().cluster_wide();

    LOG_ROLL_MS: Option<i64> = null("log.roll.ms").high().cluster_wide();

    LOG_SEGMENT_BYTES: i32 = with("log.segment.bytes", "1073741824")
        .at_least(1_048_576).high().cluster_wide();

    LOG_SEGMENT_DELETE_DELAY_MS: i64 = with("log.segment.delete.delay.ms", "60000")
        .at_least(0).high().cluster_wide();

    MAX_DECOMPRESSED_MESSAGE_BYTES: i32 = with("max.decompressed.message.bytes", "2147483639")
        .between(1, 2_147_483_639).cluster_wide();

    MESSAGE_MAX_BYTES: i32 = with("message.max.bytes", "1048588").at_least(0).high().cluster_wide();

    MIN_INSYNC_REPLICAS: i32 = with("min.insync.replicas", "1").at_least(1).high().cluster_wide();

    NUM_RECOVERY_THREADS_PER_DATA_DIR: i32 = with("num.recovery.threads.per.data.dir", "2")
        .at_least(1).high().cluster_wide();

    NUM_REPLICA_ALTER_LOG_DIRS_THREADS: Option<i32> = null("num.replica.alter.log.dirs.threads")
        .high();
}
