//! Keys of metrics, telemetry and quotas.
//!
//! Kafka: `MetricConfigs` and `QuotaConfig`.

use crate::value::{Class, List, Text};

keys! { METRICS_KEYS: Broker;

    /// Number of samples kept to measure the traffic of moves between log directories.
    ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_NUM: i32 =
        with("alter.log.dirs.replication.quota.window.num", "11")
        .at_least(1).low();

    /// Length of one sample when the traffic of moves between log directories is measured.
    ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_SIZE_SECONDS: i32 =
        with("alter.log.dirs.replication.quota.window.size.seconds", "1")
        .at_least(1).low();

    /// Java class that computes the quotas of clients.
    CLIENT_QUOTA_CALLBACK_CLASS: Option<Class> = null("client.quota.callback.class").low();

    /// Time between two reports of the old metrics reporters.
    KAFKA_METRICS_POLLING_INTERVAL_SECS: i32 = with("kafka.metrics.polling.interval.secs", "10")
        .at_least(1).low();

    /// Java classes that report the old kind of metrics.
    KAFKA_METRICS_REPORTERS: List = with("kafka.metrics.reporters", "").low();

    /// Java classes that report metrics.
    METRIC_REPORTERS: List = with("metric.reporters", "org.apache.kafka.common.metrics.JmxReporter")
        .low().cluster_wide();

    /// Number of samples a metric is computed from.
    METRICS_NUM_SAMPLES: i32 = with("metrics.num.samples", "2").at_least(1).low();

    /// How detailed metrics are: INFO, DEBUG or TRACE.
    METRICS_RECORDING_LEVEL: Text = with("metrics.recording.level", "INFO").low();

    /// Length of one sample of a metric.
    METRICS_SAMPLE_WINDOW_MS: i64 = with("metrics.sample.window.ms", "30000").at_least(1).low();

    /// Number of samples kept to measure the traffic of clients.
    QUOTA_WINDOW_NUM: i32 = with("quota.window.num", "11").at_least(1).low();

    /// Length of one sample when the traffic of clients is measured.
    QUOTA_WINDOW_SIZE_SECONDS: i32 = with("quota.window.size.seconds", "1").at_least(1).low();

    /// Number of samples kept to measure the traffic of replication.
    REPLICATION_QUOTA_WINDOW_NUM: i32 = with("replication.quota.window.num", "11")
        .at_least(1).low();

    /// Length of one sample when the traffic of replication is measured.
    REPLICATION_QUOTA_WINDOW_SIZE_SECONDS: i32 = with("replication.quota.window.size.seconds", "1")
        .at_least(1).low();

    /// Largest report of metrics that a client may push.
    TELEMETRY_MAX_BYTES: i32 = with("telemetry.max.bytes", "1048576").at_least(1).low();
}
