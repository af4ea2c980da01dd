//! Rates that limit replication traffic; they exist only in the dynamic configuration.
//!
//! Kafka: `QuotaConfig` and `DynamicConfig.Broker`.

keys! { THROTTLE_KEYS: Broker;

    /// Bytes per second that this broker sends as a leader to throttled replicas.
    LEADER_REPLICATION_THROTTLED_RATE: i64 =
        with("leader.replication.throttled.rate", "9223372036854775807")
        .at_least(0).dynamic_only();

    /// Bytes per second that this broker fetches as a follower for throttled replicas.
    FOLLOWER_REPLICATION_THROTTLED_RATE: i64 =
        with("follower.replication.throttled.rate", "9223372036854775807")
        .at_least(0).dynamic_only();

    /// Bytes per second that moving a replica between directories of one broker may use.
    REPLICA_ALTER_LOG_DIRS_IO_MAX_BYTES_PER_SECOND: i64 =
        with("replica.alter.log.dirs.io.max.bytes.per.second", "9223372036854775807")
        .at_least(0).dynamic_only().honoured();
}
