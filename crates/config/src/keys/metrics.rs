//! Keys of metrics, telemetry and quotas.
//!
//! Kafka: `MetricConfigs` and `QuotaConfig`.

use crate::value::{Class, List, Text};

keys! { METRICS_KEYS: Broker;

    ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_NUM: i32 =
        with("alter.log.dirs.replication.quota.window.num", "11")
        .at_least(1).low();

    ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_SIZE_SECONDS: i32 =
        with("alter.log.dirs.replication.quota.window.size.seconds", "1")
        .at_least(1).low();

    CLIENT_QUOTA_CALLBACK_CLASS: Option<Class> = null("client.quota.callback.class").low();

    KAFKA_METRICS_POLLING_INTERVAL_SECS: i32 = with("kafka.metrics.polling.interval.secs", "10")
        .at_least(1).low();

    KAFKA_METRICS_REPORTERS: List = with("kafka.metrics.reporters", "").low();

    METRIC_REPORTERS: List = with("metric.reporters", "org.apache.kafka.common.metrics.JmxReporter")
        .low().cluster_wide();

    METRICS_NUM_SAMPLES: i32 = with("metrics.num.samples", "2").at_least(1).low();

    METRICS_RECORDING_LEVEL: Text = with("metrics.recording.level", "INFO").low();

    METRICS_SAMPLE_WINDOW_MS: i64 = with("metrics.sample.window.ms", "30000").at_least(1).low();

    QUOTA_WINDOW_NUM: i32 = with("quota.window.num", "11").at_least(1).low();

    QUOTA_WINDOW_SIZE_SECONDS: i32 = with("quota.window.size.seconds", "1").at_least(1).low();

    REPLICATION_QUOTA_WINDOW_NUM: i32 = with("replication.quota.window.num", "11")
        .at_least(1).low();

    REPLICATION_QUOTA_WINDOW_SIZE_SECONDS: i32 = with("replication.quota.window.size.seconds", "1")
        .at_least(1).low();

    TELEMETRY_MAX_BYTES: i32 = with("telemetry.max.bytes", "1048576").at_least(1).low();
}
