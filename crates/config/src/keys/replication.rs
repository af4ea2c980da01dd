//! Keys of replication and leader election.
//!
//! Kafka: `ReplicationConfigs`.

use crate::value::Text;

keys! { REPLICATION_KEYS: Broker;

    /// Whether leadership goes back to the preferred replica by itself.
    AUTO_LEADER_REBALANCE_ENABLE: bool = with("auto.leader.rebalance.enable", "true").high();

    /// Whether a broker that stops first hands its leaderships over.
    CONTROLLED_SHUTDOWN_ENABLE: bool = with("controlled.shutdown.enable", "true");

    /// Number of replicas of a topic whose creator named none, and of automatically created topics.
    DEFAULT_REPLICATION_FACTOR: i32 = with("default.replication.factor", "1").honoured();

    /// Time between two looks for partitions that are not led by their preferred replica.
    LEADER_IMBALANCE_CHECK_INTERVAL_SECONDS: i64 =
        with("leader.imbalance.check.interval.seconds", "300")
        .at_least(1).high();

    /// Number of threads that fetch from each other broker.
    NUM_REPLICA_FETCHERS: i32 = with("num.replica.fetchers", "1").at_least(1).high().cluster_wide();

    /// Pause of a follower after a failed fetch from a partition.
    REPLICA_FETCH_BACKOFF_MS: i32 = with("replica.fetch.backoff.ms", "1000").at_least(0);

    /// Bytes a follower asks for per partition; a single larger batch still comes.
    REPLICA_FETCH_MAX_BYTES: i32 = with("replica.fetch.max.bytes", "1048576").at_least(0);

    /// Bytes a leader gathers before it answers a follower.
    REPLICA_FETCH_MIN_BYTES: i32 = with("replica.fetch.min.bytes", "1").high();

    /// Bytes a follower asks for in one fetch over all partitions.
    REPLICA_FETCH_RESPONSE_MAX_BYTES: i32 = with("replica.fetch.response.max.bytes", "10485760")
        .at_least(0);

    /// Longest time a leader lets a follower's fetch wait for data.
    REPLICA_FETCH_WAIT_MAX_MS: i32 = with("replica.fetch.wait.max.ms", "500").high();

    /// Time between two writes of the high watermarks to disk.
    REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS: i64 =
        with("replica.high.watermark.checkpoint.interval.ms", "5000")
        .high();

    /// Time a follower may be behind before it leaves the in-sync replicas.
    REPLICA_LAG_TIME_MAX_MS: i64 = with("replica.lag.time.max.ms", "30000").high();

    /// Java class that chooses which replica a consumer reads from.
    REPLICA_SELECTOR_CLASS: Option<Text> = null("replica.selector.class");

    /// Receive buffer of connections from followers to leaders.
    REPLICA_SOCKET_RECEIVE_BUFFER_BYTES: i32 = with("replica.socket.receive.buffer.bytes", "65536")
        .high();

    /// Time a follower waits for the answer to a fetch.
    REPLICA_SOCKET_TIMEOUT_MS: i32 = with("replica.socket.timeout.ms", "30000").high();

    /// Whether a replica that is not in sync may become leader, at the price of records, for topics
    /// without their own.
    UNCLEAN_LEADER_ELECTION_ENABLE: bool = with("unclean.leader.election.enable", "false")
        .high().cluster_wide();

    /// Time between two looks for partitions that an unclean election would revive.
    UNCLEAN_LEADER_ELECTION_INTERVAL_MS: i64 = with("unclean.leader.election.interval.ms", "300000")
        .at_least(1).internal();
}
