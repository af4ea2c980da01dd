//! Keys of replication and leader election.
//!
//! Kafka: `ReplicationConfigs`.

use crate::value::Text;

keys! { REPLICATION_KEYS: Broker;

    AUTO_LEADER_REBALANCE_ENABLE: bool = with("auto.leader.rebalance.enable", "true").high();

    CONTROLLED_SHUTDOWN_ENABLE: bool = with("controlled.shutdown.enable", "true");

    DEFAULT_REPLICATION_FACTOR: i32 = with("default.replication.factor", "1");

    LEADER_IMBALANCE_CHECK_INTERVAL_SECONDS: i64 =
        with("leader.imbalance.check.interval.seconds", "300")
        .at_least(1).high();

    NUM_REPLICA_FETCHERS: i32 = with("num.replica.fetchers", "1").at_least(1).high().cluster_wide();

    REPLICA_FETCH_BACKOFF_MS: i32 = with("replica.fetch.backoff.ms", "1000").at_least(0);

    REPLICA_FETCH_MAX_BYTES: i32 = with("replica.fetch.max.bytes", "1048576").at_least(0);

    REPLICA_FETCH_MIN_BYTES: i32 = with("replica.fetch.min.bytes", "1").high();

    REPLICA_FETCH_RESPONSE_MAX_BYTES: i32 = with("replica.fetch.response.max.bytes", "10485760")
        .at_least(0);

    REPLICA_FETCH_WAIT_MAX_MS: i32 = with("replica.fetch.wait.max.ms", "500").high();

    REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS: i64 =
        with("replica.high.watermark.checkpoint.interval.ms", "5000")
        .high();

    REPLICA_LAG_TIME_MAX_MS: i64 = with("replica.lag.time.max.ms", "30000").high();

    REPLICA_SELECTOR_CLASS: Option<Text> = null("replica.selector.class");

    REPLICA_SOCKET_RECEIVE_BUFFER_BYTES: i32 = with("replica.socket.receive.buffer.bytes", "65536")
        .high();

    REPLICA_SOCKET_TIMEOUT_MS: i32 = with("replica.socket.timeout.ms", "30000").high();

    UNCLEAN_LEADER_ELECTION_ENABLE: bool = with("unclean.leader.election.enable", "false")
        .high().cluster_wide();

    UNCLEAN_LEADER_ELECTION_INTERVAL_MS: i64 = with("unclean.leader.election.interval.ms", "300000")
        .at_least(1).internal();
}
