//! Keys of the group coordinator and committed offsets.
//!
//! Kafka: `GroupCoordinatorConfig`.

use crate::value::List;

keys! { GROUP_KEYS: Broker;

    /// Time the group coordinator waits for more records before it writes them; -1 adapts to the
    /// load.
    GROUP_COORDINATOR_APPEND_LINGER_MS: i32 = with("group.coordinator.append.linger.ms", "-1")
        .at_least(-1);

    /// Number of threads that compute assignments and match patterns.
    GROUP_COORDINATOR_BACKGROUND_THREADS: i32 = with("group.coordinator.background.threads", "2")
        .at_least(1).high();

    /// Largest write buffer that the group coordinator keeps for the next use.
    GROUP_COORDINATOR_CACHED_BUFFER_MAX_BYTES: i32 =
        with("group.coordinator.cached.buffer.max.bytes", "1048588")
        .at_least(524_288).cluster_wide();

    /// Group protocols the broker speaks.
    GROUP_COORDINATOR_REBALANCE_PROTOCOLS: List =
        with("group.coordinator.rebalance.protocols", "classic,consumer,streams")
        .non_empty_list_of(&["consumer", "classic", "share", "streams"]);

    /// Number of threads of the group coordinator.
    GROUP_COORDINATOR_THREADS: i32 = with("group.coordinator.threads", "4").at_least(1).high();

    /// Time an empty classic group waits for more members before its first rebalance.
    GROUP_INITIAL_REBALANCE_DELAY_MS: i32 = with("group.initial.rebalance.delay.ms", "3000")
        .honoured();

    /// Longest session timeout a member of a classic group may ask for.
    GROUP_MAX_SESSION_TIMEOUT_MS: i32 = with("group.max.session.timeout.ms", "1800000").honoured();

    /// Most members a classic group may have.
    GROUP_MAX_SIZE: i32 = with("group.max.size", "2147483647").at_least(1).honoured();

    /// Shortest session timeout a member of a classic group may ask for.
    GROUP_MIN_SESSION_TIMEOUT_MS: i32 = with("group.min.session.timeout.ms", "6000").honoured();

    /// Longest text a consumer may store with a committed offset.
    OFFSET_METADATA_MAX_BYTES: i32 = with("offset.metadata.max.bytes", "4096").high().honoured();

    /// Time an offset commit waits for its replicas.
    OFFSETS_COMMIT_TIMEOUT_MS: i32 = with("offsets.commit.timeout.ms", "5000").at_least(1).high();

    /// Bytes read at a time when a group coordinator loads its state.
    OFFSETS_LOAD_BUFFER_SIZE: i32 = with("offsets.load.buffer.size", "5242880").at_least(1).high();

    /// Time between two looks for expired offsets.
    OFFSETS_RETENTION_CHECK_INTERVAL_MS: i64 = with("offsets.retention.check.interval.ms", "600000")
        .at_least(1).high().honoured();

    /// Minutes that offsets of a group without members are kept.
    OFFSETS_RETENTION_MINUTES: i32 = with("offsets.retention.minutes", "10080").at_least(1).high()
        .honoured();

    /// Codec of the offsets topic, by Kafka's number; 0 does not compress.
    OFFSETS_TOPIC_COMPRESSION_CODEC: i32 = with("offsets.topic.compression.codec", "0").high()
        .honoured();

    /// Number of partitions of the offsets topic; not to be changed once it exists.
    OFFSETS_TOPIC_NUM_PARTITIONS: i32 = with("offsets.topic.num.partitions", "50")
        .at_least(1).high().honoured();

    /// Number of replicas of the offsets topic.
    OFFSETS_TOPIC_REPLICATION_FACTOR: i16 = with("offsets.topic.replication.factor", "3")
        .at_least(1).high().honoured();

    /// Size of a segment of the offsets topic; small ones are loaded and compacted faster.
    OFFSETS_TOPIC_SEGMENT_BYTES: i32 = with("offsets.topic.segment.bytes", "104857600")
        .at_least(1).high().honoured();
}
