//! Keys of one topic.
//!
//! Kafka: `TopicConfig` and `LogConfig`.

use crate::value::{List, Text};

keys! { TOPIC_KEYS: Topic;

    /// What becomes of old segments: delete, compact, both, or neither when the list is empty.
    CLEANUP_POLICY: List = with("cleanup.policy", "delete")
        .list_of(&["compact", "delete"]).inherits("log.cleanup.policy").honoured();

    /// Effort of gzip for this topic from 1 (fast) to 9 (small), where compression.type is gzip.
    COMPRESSION_GZIP_LEVEL: i32 = with("compression.gzip.level", "-1")
        .gzip_level().inherits("compression.gzip.level").honoured();

    /// Effort of lz4 for this topic from 1 (fast) to 17 (small) in Kafka; the codec here has one
    /// level.
    COMPRESSION_LZ4_LEVEL: i32 = with("compression.lz4.level", "9")
        .between(1, 17).inherits("compression.lz4.level");

    /// Codec the topic's batches are stored with; producer keeps what each producer chose.
    COMPRESSION_TYPE: Text = with("compression.type", "producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
        .inherits("compression.type").honoured();

    /// Effort of zstd for this topic, up to 22 (small), where compression.type is zstd.
    COMPRESSION_ZSTD_LEVEL: i32 = with("compression.zstd.level", "3")
        .between(-131_072, 22).inherits("compression.zstd.level").honoured();

    /// Time a tombstone stays readable in a compacted topic, so that slow readers learn of the
    /// deletion.
    DELETE_RETENTION_MS: i64 = with("delete.retention.ms", "86400000")
        .at_least(0).inherits("log.cleaner.delete.retention.ms").honoured();

    /// Whether share groups may send the records they gave up to this topic.
    ERRORS_DEADLETTERQUEUE_GROUP_ENABLE: bool = with("errors.deadletterqueue.group.enable", "false");

    /// Time a deleted file of the topic stays on disk, for readers that still use it.
    FILE_DELETE_DELAY_MS: i64 = with("file.delete.delay.ms", "60000")
        .at_least(0).inherits("log.segment.delete.delay.ms").honoured();

    /// Number of records after which a partition is synced to the disk; 1 syncs each batch.
    FLUSH_MESSAGES: i64 = with("flush.messages", "9223372036854775807")
        .at_least(1).inherits("log.flush.interval.messages").honoured();

    /// Time after which a record of the topic is synced to the disk, at the latest.
    FLUSH_MS: i64 = with("flush.ms", "9223372036854775807")
        .at_least(0).inherits("log.flush.interval.ms").honoured();

    /// Replicas whose followers are throttled, as partition:broker pairs, or an asterisk for all.
    FOLLOWER_REPLICATION_THROTTLED_REPLICAS: List =
        with("follower.replication.throttled.replicas", "")
        .throttled_replicas();

    /// Bytes of the topic's records between two entries of the offset index.
    INDEX_INTERVAL_BYTES: i32 = with("index.interval.bytes", "4096")
        .at_least(0).inherits("log.index.interval.bytes").honoured();

    /// Size of a segment in tests, below what segment.bytes allows.
    INTERNAL_SEGMENT_BYTES: Option<i32> = null("internal.segment.bytes").internal().honoured();

    /// Replicas whose leaders are throttled, as partition:broker pairs, or an asterisk for all.
    LEADER_REPLICATION_THROTTLED_REPLICAS: List = with("leader.replication.throttled.replicas", "")
        .throttled_replicas();

    /// Bytes of a partition kept on the broker's disk when older ones are in remote storage; -2
    /// follows retention.bytes.
    LOCAL_RETENTION_BYTES: i64 = with("local.retention.bytes", "-2")
        .at_least(-2).inherits("log.local.retention.bytes");

    /// Time records stay on the broker's disk when older ones are in remote storage; -2 follows
    /// retention.ms.
    LOCAL_RETENTION_MS: i64 = with("local.retention.ms", "-2")
        .at_least(-2).inherits("log.local.retention.ms");

    /// Longest time a record may stay uncompacted in a compacted topic.
    MAX_COMPACTION_LAG_MS: i64 = with("max.compaction.lag.ms", "9223372036854775807")
        .at_least(1).inherits("log.cleaner.max.compaction.lag.ms").honoured();

    /// Size a batch of the topic may have after decompression.
    MAX_DECOMPRESSED_MESSAGE_BYTES: i32 = with("max.decompressed.message.bytes", "2147483639")
        .between(1, 2_147_483_639).inherits("max.decompressed.message.bytes").honoured();

    /// Largest batch of records the topic accepts, compressed and with its header.
    MAX_MESSAGE_BYTES: i32 = with("max.message.bytes", "1048588")
        .at_least(0).inherits("message.max.bytes").honoured();

    /// How far a timestamp of the topic's records may be ahead of the broker's clock.
    MESSAGE_TIMESTAMP_AFTER_MAX_MS: i64 = with("message.timestamp.after.max.ms", "3600000")
        .at_least(0).inherits("log.message.timestamp.after.max.ms").honoured();

    /// How far a timestamp of the topic's records may be behind the broker's clock.
    MESSAGE_TIMESTAMP_BEFORE_MAX_MS: i64 =
        with("message.timestamp.before.max.ms", "9223372036854775807")
        .at_least(0).inherits("log.message.timestamp.before.max.ms").honoured();

    /// Whose clock stamps the topic's records: the producer's (CreateTime) or the broker's
    /// (LogAppendTime).
    MESSAGE_TIMESTAMP_TYPE: Text = with("message.timestamp.type", "CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"]).inherits("log.message.timestamp.type").honoured();

    /// Uncompacted fraction above which a partition is worth compacting.
    MIN_CLEANABLE_DIRTY_RATIO: f64 = with("min.cleanable.dirty.ratio", "0.5")
        .between(0, 1).inherits("log.cleaner.min.cleanable.ratio").honoured();

    /// Time a record of the topic is safe from compaction.
    MIN_COMPACTION_LAG_MS: i64 = with("min.compaction.lag.ms", "0")
        .at_least(0).inherits("log.cleaner.min.compaction.lag.ms").honoured();

    /// Number of replicas that must have a record before acks=all is answered.
    MIN_INSYNC_REPLICAS: i32 = with("min.insync.replicas", "1")
        .at_least(1).inherits("min.insync.replicas");

    /// Whether room on the disk for a whole segment of the topic is taken when one is begun.
    PREALLOCATE: bool = with("preallocate", "false").inherits("log.preallocate").honoured();

    /// Bytes behind the end of a partition that a segment must be before it goes to remote storage.
    REMOTE_COPY_LAG_BYTES: i64 = with("remote.copy.lag.bytes", "-1")
        .at_least(-1).inherits("log.remote.copy.lag.bytes");

    /// Age a segment of the topic must have before it goes to remote storage.
    REMOTE_COPY_LAG_MS: i64 = with("remote.copy.lag.ms", "0")
        .at_least(-1).inherits("log.remote.copy.lag.ms");

    /// Whether segments stop going to remote storage, while those there stay readable.
    REMOTE_LOG_COPY_DISABLE: bool = with("remote.log.copy.disable", "false");

    /// Whether turning remote storage off deletes what the topic has there.
    REMOTE_LOG_DELETE_ON_DISABLE: bool = with("remote.log.delete.on.disable", "false");

    /// Whether old segments of the topic go to remote storage.
    REMOTE_STORAGE_ENABLE: bool = with("remote.storage.enable", "false");

    /// Bytes of a partition that are kept before its old segments go; -1 sets no limit.
    RETENTION_BYTES: i64 = with("retention.bytes", "-1").inherits("log.retention.bytes").honoured();

    /// Time that the topic's records are kept; -1 keeps them for ever.
    RETENTION_MS: i64 = with("retention.ms", "604800000").at_least(-1).inherits("log.retention.ms")
        .honoured();

    /// Size at which a partition's segment is closed and a new one begun.
    SEGMENT_BYTES: i32 = with("segment.bytes", "1073741824")
        .at_least(1_048_576).inherits("log.segment.bytes").honoured();

    /// Largest size of an offset index before the partition's segment is rolled.
    SEGMENT_INDEX_BYTES: i32 = with("segment.index.bytes", "10485760")
        .at_least(4).inherits("log.index.size.max.bytes").honoured();

    /// Time that is randomly taken off segment.ms, so that not all partitions roll together.
    SEGMENT_JITTER_MS: i64 = with("segment.jitter.ms", "0")
        .at_least(0).inherits("log.roll.jitter.ms").honoured();

    /// Time after which a partition's segment is closed and a new one begun.
    SEGMENT_MS: i64 = with("segment.ms", "604800000").at_least(1).inherits("log.roll.ms")
        .honoured();

    /// Whether a replica of the topic that is not in sync may become leader, at the price of
    /// records.
    UNCLEAN_LEADER_ELECTION_ENABLE: bool = with("unclean.leader.election.enable", "false")
        .inherits("unclean.leader.election.enable");

    /// Says when a write with acks=all is answered on a topic without other replicas; the broker's
    /// key of the same name has the choices.
    OTTLA_ACK_DURABILITY: Text = with("ottla.ack.durability", "auto")
        .one_of(&["auto", "fsync", "page-cache"]).inherits("ottla.ack.durability").high()
        .honoured();
}
