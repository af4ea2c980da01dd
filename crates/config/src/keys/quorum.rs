//! Keys of the controller quorum and the metadata log.
//!
//! Kafka: `QuorumConfig` and `MetadataLogConfig`.

use crate::value::{List, Text};

keys! { QUORUM_KEYS: Broker;

    CONTROLLER_LISTENER_NAMES: List = with("controller.listener.names", "CONTROLLER")
        .instead_of("required").non_empty_list().high();

    CONTROLLER_PERFORMANCE_ALWAYS_LOG_THRESHOLD_MS: i64 =
        with("controller.performance.always.log.threshold.ms", "2000")
        .at_least(0).internal();

    CONTROLLER_PERFORMANCE_SAMPLE_PERIOD_MS: i64 =
        with("controller.performance.sample.period.ms", "60000")
        .at_least(100).internal();

    CONTROLLER_QUORUM_APPEND_LINGER_MS: i32 = with("controller.quorum.append.linger.ms", "25")
        .at_least(0);

    CONTROLLER_QUORUM_AUTO_JOIN_ENABLE: bool = with("controller.quorum.auto.join.enable", "false")
        .low();

    CONTROLLER_QUORUM_BOOTSTRAP_SERVERS: List = with("controller.quorum.bootstrap.servers", "")
        .bootstrap_servers().high();

    CONTROLLER_QUORUM_ELECTION_BACKOFF_MAX_MS: i32 =
        with("controller.quorum.election.backoff.max.ms", "1000")
        .at_least(0).high();

    CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS: i32 =
        with("controller.quorum.election.timeout.ms", "1000")
        .at_least(0).high();

    CONTROLLER_QUORUM_FETCH_MAX_BYTES: i32 = with("controller.quorum.fetch.max.bytes", "1048576")
        .at_least(1).low();

    CONTROLLER_QUORUM_FETCH_SNAPSHOT_MAX_BYTES: i32 =
        with("controller.quorum.fetch.snapshot.max.bytes", "1048576")
        .at_least(1).low();

    CONTROLLER_QUORUM_FETCH_TIMEOUT_MS: i32 = with("controller.quorum.fetch.timeout.ms", "2000")
        .at_least(0).high();

    CONTROLLER_QUORUM_REQUEST_TIMEOUT_MS: i32 = with("controller.quorum.request.timeout.ms", "2000")
        .at_least(0);

    CONTROLLER_QUORUM_RETRY_BACKOFF_MS: i32 = with("controller.quorum.retry.backoff.ms", "20")
        .at_least(0).low();

    CONTROLLER_QUORUM_VOTERS: List = with("controller.quorum.voters", "").quorum_voters().high();

    CONTROLLER_QUOTA_WINDOW_NUM: i32 = with("controller.quota.window.num", "11").at_least(1).low();

    CONTROLLER_QUOTA_WINDOW_SIZE_SECONDS: i32 = with("controller.quota.window.size.seconds", "1")
        .at_least(1).low();

    CONTROLLER_SOCKET_TIMEOUT_MS: i32 = with("controller.socket.timeout.ms", "30000");

    INTERNAL_METADATA_DELETE_DELAY_MILLIS: i64 =
        with("internal.metadata.delete.delay.millis", "60000")
        .low().internal();

    INTERNAL_METADATA_LOG_SEGMENT_BYTES: Option<i32> = null("internal.metadata.log.segment.bytes")
        .low().internal();

    INTERNAL_METADATA_MAX_BATCH_SIZE_IN_BYTES: i32 =
        with("internal.metadata.max.batch.size.in.bytes", "8388608")
        .low().internal();

    METADATA_LOG_DIR: Option<Text> = null("metadata.log.dir").high();

    METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS: i64 =
        with("metadata.log.max.record.bytes.between.snapshots", "20971520")
        .at_least(1).high();

    METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS: i64 =
        with("metadata.log.max.snapshot.interval.ms", "3600000")
        .at_least(0).high();

    METADATA_LOG_SEGMENT_BYTES: i32 = with("metadata.log.segment.bytes", "1073741824")
        .at_least(8_388_608).high();

    METADATA_LOG_SEGMENT_MS: i64 = with("metadata.log.segment.ms", "604800000").high();

    METADATA_MAX_IDLE_INTERVAL_MS: i32 = with("metadata.max.idle.interval.ms", "500")
        .at_least(0).low();

    METADATA_MAX_RETENTION_BYTES: i64 = with("metadata.max.retention.bytes", "104857600").high();

    METADATA_MAX_RETENTION_MS: i64 = with("metadata.max.retention.ms", "604800000").high();
}
