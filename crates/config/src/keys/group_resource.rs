//! Keys of one group.
//!
//! Kafka: `GroupConfig`.

use crate::value::{List, Text};

keys! { GROUP_RESOURCE_KEYS: Group;

    CONSUMER_ASSIGNMENT_INTERVAL_MS: i32 = with("consumer.assignment.interval.ms", "1000")
        .at_least(0).inherits("group.consumer.assignment.interval.ms");

    CONSUMER_ASSIGNOR_OFFLOAD_ENABLE: bool = with("consumer.assignor.offload.enable", "true")
        .inherits("group.consumer.assignor.offload.enable").internal();

    CONSUMER_HEARTBEAT_INTERVAL_MS: i32 = with("consumer.heartbeat.interval.ms", "5000")
        .at_least(1).inherits("group.consumer.heartbeat.interval.ms");

    CONSUMER_SESSION_TIMEOUT_MS: i32 = with("consumer.session.timeout.ms", "45000")
        .at_least(1).inherits("group.consumer.session.timeout.ms");

    ERRORS_DEADLETTERQUEUE_COPY_RECORD_ENABLE: bool =
        with("errors.deadletterqueue.copy.record.enable", "false");

    ERRORS_DEADLETTERQUEUE_TOPIC_NAME: Text = with("errors.deadletterqueue.topic.name", "");

    SHARE_ASSIGNMENT_INTERVAL_MS: i32 = with("share.assignment.interval.ms", "1000")
        .at_least(0).inherits("group.share.assignment.interval.ms");

    SHARE_ASSIGNOR_OFFLOAD_ENABLE: bool = with("share.assignor.offload.enable", "true")
        .inherits("group.share.assignor.offload.enable").internal();

    SHARE_AUTO_OFFSET_RESET: Text = with("share.auto.offset.reset", "latest").share_offset_reset();

    SHARE_DELIVERY_COUNT_LIMIT: i32 = with("share.delivery.count.limit", "5")
        .at_least(2).inherits("group.share.delivery.count.limit");

    SHARE_HEARTBEAT_INTERVAL_MS: i32 = with("share.heartbeat.interval.ms", "5000")
        .at_least(1).inherits("group.share.heartbeat.interval.ms");

    SHARE_ISOLATION_LEVEL: Text = with("share.isolation.level", "read_uncommitted")
        .one_of(&["read_committed", "read_uncommitted"]);

    SHARE_PARTITION_MAX_RECORD_LOCKS: i32 = with("share.partition.max.record.locks", "2000")
        .at_least(100).inherits("group.share.partition.max.record.locks");

    SHARE_RECORD_LOCK_DURATION_MS: i32 = with("share.record.lock.duration.ms", "30000")
        .at_least(1000).inherits("group.share.record.lock.duration.ms");

    SHARE_RENEW_ACKNOWLEDGE_ENABLE: bool = with("share.renew.acknowledge.enable", "true");

    SHARE_SESSION_TIMEOUT_MS: i32 = with("share.session.timeout.ms", "45000")
        .at_least(1).inherits("group.share.session.timeout.ms");

    STREAMS_ACCEPTABLE_RECOVERY_LAG: i64 = with("streams.acceptable.recovery.lag", "10000")
        .at_least(0).inherits("group.streams.acceptable.recovery.lag").internal();

    STREAMS_ASSIGNMENT_INTERVAL_MS: i32 = with("streams.assignment.interval.ms", "1000")
        .at_least(0).inherits("group.streams.assignment.interval.ms");

    STREAMS_ASSIGNOR_NAME: Option<Text> = null("streams.assignor.name")
        .inherits("group.streams.assignors");

    STREAMS_ASSIGNOR_OFFLOAD_ENABLE: bool = with("streams.assignor.offload.enable", "true")
        .inherits("group.streams.assignor.offload.enable").internal();

    STREAMS_HEARTBEAT_INTERVAL_MS: i32 = with("streams.heartbeat.interval.ms", "5000")
        .at_least(1).inherits("group.streams.heartbeat.interval.ms");

    STREAMS_INITIAL_REBALANCE_DELAY_MS: i32 = with("streams.initial.rebalance.delay.ms", "3000")
        .at_least(0).inherits("group.streams.initial.rebalance.delay.ms");

    STREAMS_NUM_STANDBY_REPLICAS: i32 = with("streams.num.standby.replicas", "0")
        .at_least(0).inherits("group.streams.num.standby.replicas");

    STREAMS_NUM_WARMUP_REPLICAS: i32 = with("streams.num.warmup.replicas", "2")
        .at_least(0).inherits("group.streams.num.warmup.replicas").internal();

    STREAMS_RACK_AWARE_ASSIGNMENT_TAGS: List = with("streams.rack.aware.assignment.tags", "")
        .low().inherits("group.streams.rack.aware.assignment.tags");

    STREAMS_SESSION_TIMEOUT_MS: i32 = with("streams.session.timeout.ms", "45000")
        .at_least(1).inherits("group.streams.session.timeout.ms");

    STREAMS_TASK_OFFSET_INTERVAL_MS: i32 = with("streams.task.offset.interval.ms", "60000")
        .at_least(1).inherits("group.streams.task.offset.interval.ms").internal();
}
