//! Keys of the controller quorum and the metadata log.
//!
//! Kafka: `QuorumConfig` and `MetadataLogConfig`.

use crate::value::{List, Text};

keys! { QUORUM_KEYS: Broker;

    /// Names of the listeners that controllers use among themselves; clients never see them.
    CONTROLLER_LISTENER_NAMES: List = with("controller.listener.names", "CONTROLLER")
        .instead_of("required").non_empty_list().high().honoured();

    /// Duration above which an event of the controller is always logged as slow.
    CONTROLLER_PERFORMANCE_ALWAYS_LOG_THRESHOLD_MS: i64 =
        with("controller.performance.always.log.threshold.ms", "2000")
        .at_least(0).internal();

    /// Time between two reports of the controller about its slowest events.
    CONTROLLER_PERFORMANCE_SAMPLE_PERIOD_MS: i64 =
        with("controller.performance.sample.period.ms", "60000")
        .at_least(100).internal();

    /// Time the leader of the quorum waits for more metadata records before it writes them.
    CONTROLLER_QUORUM_APPEND_LINGER_MS: i32 = with("controller.quorum.append.linger.ms", "25")
        .at_least(0);

    /// Whether a controller that is not a voter yet asks by itself to become one.
    CONTROLLER_QUORUM_AUTO_JOIN_ENABLE: bool = with("controller.quorum.auto.join.enable", "false")
        .low();

    /// Addresses at which a node finds the quorum when it starts, as host:port.
    CONTROLLER_QUORUM_BOOTSTRAP_SERVERS: List = with("controller.quorum.bootstrap.servers", "")
        .bootstrap_servers().high();

    /// Upper bound of the random pause after an election without a winner.
    CONTROLLER_QUORUM_ELECTION_BACKOFF_MAX_MS: i32 =
        with("controller.quorum.election.backoff.max.ms", "1000")
        .at_least(0).high();

    /// Time without a word from the leader after which a voter of the quorum starts an election.
    CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS: i32 =
        with("controller.quorum.election.timeout.ms", "1000")
        .at_least(0).high();

    /// Most bytes of metadata records in one fetch within the quorum.
    CONTROLLER_QUORUM_FETCH_MAX_BYTES: i32 = with("controller.quorum.fetch.max.bytes", "1048576")
        .at_least(1).low();

    /// Most bytes of a metadata snapshot in one fetch within the quorum.
    CONTROLLER_QUORUM_FETCH_SNAPSHOT_MAX_BYTES: i32 =
        with("controller.quorum.fetch.snapshot.max.bytes", "1048576")
        .at_least(1).low();

    /// Time without a successful fetch after which a voter becomes a candidate, or a leader steps
    /// down.
    CONTROLLER_QUORUM_FETCH_TIMEOUT_MS: i32 = with("controller.quorum.fetch.timeout.ms", "2000")
        .at_least(0).high();

    /// Time a member of the quorum waits for the answer to a request.
    CONTROLLER_QUORUM_REQUEST_TIMEOUT_MS: i32 = with("controller.quorum.request.timeout.ms", "2000")
        .at_least(0);

    /// Pause before a member of the quorum repeats a failed request.
    CONTROLLER_QUORUM_RETRY_BACKOFF_MS: i32 = with("controller.quorum.retry.backoff.ms", "20")
        .at_least(0).low();

    /// Fixed members of the quorum, each as id@host:port.
    CONTROLLER_QUORUM_VOTERS: List = with("controller.quorum.voters", "").quorum_voters().high();

    /// Number of samples kept to measure how many partitions clients create and delete.
    CONTROLLER_QUOTA_WINDOW_NUM: i32 = with("controller.quota.window.num", "11").at_least(1).low();

    /// Length of one sample when created and deleted partitions are measured.
    CONTROLLER_QUOTA_WINDOW_SIZE_SECONDS: i32 = with("controller.quota.window.size.seconds", "1")
        .at_least(1).low();

    /// Time a request from the controller to a broker may take.
    CONTROLLER_SOCKET_TIMEOUT_MS: i32 = with("controller.socket.timeout.ms", "30000");

    /// Time a replaced segment of the metadata log stays on disk.
    INTERNAL_METADATA_DELETE_DELAY_MILLIS: i64 =
        with("internal.metadata.delete.delay.millis", "60000")
        .low().internal().honoured();

    /// Size of a segment of the metadata log in tests.
    INTERNAL_METADATA_LOG_SEGMENT_BYTES: Option<i32> = null("internal.metadata.log.segment.bytes")
        .low().internal().honoured();

    /// Largest batch of metadata records.
    INTERNAL_METADATA_MAX_BATCH_SIZE_IN_BYTES: i32 =
        with("internal.metadata.max.batch.size.in.bytes", "8388608")
        .low().internal();

    /// Directory of the metadata log; without it, the first of the log directories.
    METADATA_LOG_DIR: Option<Text> = null("metadata.log.dir").high().honoured();

    /// Bytes of metadata records after which a snapshot is written.
    METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS: i64 =
        with("metadata.log.max.record.bytes.between.snapshots", "20971520")
        .at_least(1).high().honoured();

    /// Time after which a snapshot of new metadata is written, at the latest; 0 sets no limit.
    METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS: i64 =
        with("metadata.log.max.snapshot.interval.ms", "3600000")
        .at_least(0).high().honoured();

    /// Size at which a segment of the metadata log is closed.
    METADATA_LOG_SEGMENT_BYTES: i32 = with("metadata.log.segment.bytes", "1073741824")
        .at_least(8_388_608).high().honoured();

    /// Time after which a segment of the metadata log is closed.
    METADATA_LOG_SEGMENT_MS: i64 = with("metadata.log.segment.ms", "604800000").high().honoured();

    /// Time without records after which the controller writes an empty one; 0 writes none.
    METADATA_MAX_IDLE_INTERVAL_MS: i32 = with("metadata.max.idle.interval.ms", "500")
        .at_least(0).low();

    /// Bytes of metadata log and snapshots that are kept.
    METADATA_MAX_RETENTION_BYTES: i64 = with("metadata.max.retention.bytes", "104857600").high()
        .honoured();

    /// Time that metadata log and snapshots are kept.
    METADATA_MAX_RETENTION_MS: i64 = with("metadata.max.retention.ms", "604800000").high()
        .honoured();
}
