//! Keys of one topic.
//!
//! Kafka: `TopicConfig` and `LogConfig`.

use crate::value::{List, Text};

keys! { TOPIC_KEYS: Topic;

    CLEANUP_POLICY: List = with("cleanup.policy", "delete")
        .list_of(&["compact", "delete"]).inherits("log.cleanup.policy");

    COMPRESSION_GZIP_LEVEL: i32 = with("compression.gzip.level", "-1")
        .gzip_level().inherits("compression.gzip.level");

    COMPRESSION_LZ4_LEVEL: i32 = with("compression.lz4.level", "9")
        .between(1, 17).inherits("compression.lz4.level");

    COMPRESSION_TYPE: Text = with("compression.type", "producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
        .inherits("compression.type");

    COMPRESSION_ZSTD_LEVEL: i32 = with("compression.zstd.level", "3")
        .between(-131_072, 22).inherits("compression.zstd.level");

    DELETE_RETENTION_MS: i64 = with("delete.retention.ms", "86400000")
        .at_least(0).inherits("log.cleaner.delete.retention.ms");

    ERRORS_DEADLETTERQUEUE_GROUP_ENABLE: bool = with("errors.deadletterqueue.group.enable", "false");

    FILE_DELETE_DELAY_MS: i64 = with("file.delete.delay.ms", "60000")
        .at_least(0).inherits("log.segment.delete.delay.ms");

    FLUSH_MESSAGES: i64 = with("flush.messages", "9223372036854775807")
        .at_least(1).inherits("log.flush.interval.messages");

    FLUSH_MS: i64 = with("flush.ms", "9223372036854775807")
        .at_least(0).inherits("log.flush.interval.ms");

    FOLLOWER_REPLICATION_THROTTLED_REPLICAS: List =
        with("follower.replication.throttled.replicas", "")
        .throttled_replicas();

    INDEX_INTERVAL_BYTES: i32 = with("index.interval.bytes", "4096")
        .at_least(0).inherits("log.index.interval.bytes");

    INTERNAL_SEGMENT_BYTES: Option<i32> = null("internal.segment.bytes").internal();

    LEADER_REPLICATION_THROTTLED_REPLICAS: List = with("leader.replication.throttled.replicas", "")
        .throttled_replicas();

    LOCAL_RETENTION_BYTES: i64 = with("local.retention.bytes", "-2")
        .at_least(-2).inherits("log.local.retention.bytes");

    LOCAL_RETENTION_MS: i64 = with("local.retention.ms", "-2")
        .at_least(-2).inherits("log.local.retention.ms");

    MAX_COMPACTION_LAG_MS: i64 = with("max.compaction.lag.ms", "9223372036854775807")
        .at_least(1).inherits("log.cleaner.max.compaction.lag.ms");

    MAX_DECOMPRESSED_MESSAGE_BYTES: i32 = with("max.decompressed.message.bytes", "2147483639")
        .between(1, 2_147_483_639).inherits("max.decompressed.message.bytes");

    MAX_MESSAGE_BYTES: i32 = with("max.message.bytes", "1048588")
        .at_least(0).inherits("message.max.bytes");

    MESSAGE_TIMESTAMP_AFTER_MAX_MS: i64 = with("message.timestamp.after.max.ms", "3600000")
        .at_least(0).inherits("log.message.timestamp.after.max.ms");

    MESSAGE_TIMESTAMP_BEFORE_MAX_MS: i64 =
        with("message.timestamp.before.max.ms", "9223372036854775807")
        .at_least(0).inherits("log.message.timestamp.before.max.ms");

    MESSAGE_TIMESTAMP_TYPE: Text = with("message.timestamp.type", "CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"]).inherits("log.message.timestamp.type");

    MIN_CLEANABLE_DIRTY_RATIO: f64 = with("min.cleanable.dirty.ratio", "0.5")
        .between(0, 1).inherits("log.cleaner.min.cleanable.ratio");

    MIN_COMPACTION_LAG_MS: i64 = with("min.compaction.lag.ms", "0")
        .at_least(0).inherits("log.cleaner.min.compaction.lag.ms");

    MIN_INSYNC_REPLICAS: i32 = with("min.insync.replicas", "1")
        .at_least(1).inherits("min.insync.replicas");

    PREALLOCATE: bool = with("preallocate", "false").inherits("log.preallocate");

    REMOTE_COPY_LAG_BYTES: i64 = with("remote.copy.lag.bytes", "-1")
        .at_least(-1).inherits("log.remote.copy.lag.bytes");

    REMOTE_COPY_LAG_MS: i64 = with("remote.copy.lag.ms", "0")
        .at_least(-1).inherits("log.remote.copy.lag.ms");

    REMOTE_LOG_COPY_DISABLE: bool = with("remote.log.copy.disable", "false");

    REMOTE_LOG_DELETE_ON_DISABLE: bool = with("remote.log.delete.on.disable", "false");

    REMOTE_STORAGE_ENABLE: bool = with("remote.storage.enable", "false");

    RETENTION_BYTES: i64 = with("retention.bytes", "-1").inherits("log.retention.bytes");

    RETENTION_MS: i64 = with("retention.ms", "604800000").at_least(-1).inherits("log.retention.ms");

    SEGMENT_BYTES: i32 = with("segment.bytes", "1073741824")
        .at_least(1_048_576).inherits("log.segment.bytes");

    SEGMENT_INDEX_BYTES: i32 = with("segment.index.bytes", "10485760")
        .at_least(4).inherits("log.index.size.max.bytes");

    SEGMENT_JITTER_MS: i64 = with("segment.jitter.ms", "0")
        .at_least(0).inherits("log.roll.jitter.ms");

    SEGMENT_MS: i64 = with("segment.ms", "604800000").at_least(1).inherits("log.roll.ms");

    UNCLEAN_LEADER_ELECTION_ENABLE: bool = with("unclean.leader.election.enable", "false")
        .inherits("unclean.leader.election.enable");

    /// Says when a write with acks=all is answered on a topic without other replicas; the broker's
    /// key of the same name has the choices.
    OTTLA_ACK_DURABILITY: Text = with("ottla.ack.durability", "auto")
        .one_of(&["auto", "fsync", "page-cache"]).inherits("ottla.ack.durability").high();
}
