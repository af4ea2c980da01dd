//! Keys of one group.
//!
//! Kafka: `GroupConfig`.

use crate::value::{List, Text};

keys! { GROUP_RESOURCE_KEYS: Group;

    /// Shortest time between two assignments of this consumer group.
    CONSUMER_ASSIGNMENT_INTERVAL_MS: i32 = with("consumer.assignment.interval.ms", "1000")
        .at_least(0).inherits("group.consumer.assignment.interval.ms");

    /// Whether this consumer group's assignments are computed on a thread of their own.
    CONSUMER_ASSIGNOR_OFFLOAD_ENABLE: bool = with("consumer.assignor.offload.enable", "true")
        .inherits("group.consumer.assignor.offload.enable").internal();

    /// Time between heartbeats that members of this consumer group are told to keep.
    CONSUMER_HEARTBEAT_INTERVAL_MS: i32 = with("consumer.heartbeat.interval.ms", "5000")
        .at_least(1).inherits("group.consumer.heartbeat.interval.ms");

    /// Time without heartbeats after which a member leaves this consumer group.
    CONSUMER_SESSION_TIMEOUT_MS: i32 = with("consumer.session.timeout.ms", "45000")
        .at_least(1).inherits("group.consumer.session.timeout.ms");

    /// Whether a record in the dead-letter topic holds the original's key and value, not only its
    /// position.
    ERRORS_DEADLETTERQUEUE_COPY_RECORD_ENABLE: bool =
        with("errors.deadletterqueue.copy.record.enable", "false");

    /// Topic for the records this share group gave up; empty keeps none.
    ERRORS_DEADLETTERQUEUE_TOPIC_NAME: Text = with("errors.deadletterqueue.topic.name", "");

    /// Shortest time between two assignments of this share group.
    SHARE_ASSIGNMENT_INTERVAL_MS: i32 = with("share.assignment.interval.ms", "1000")
        .at_least(0).inherits("group.share.assignment.interval.ms");

    /// Whether this share group's assignments are computed on a thread of their own.
    SHARE_ASSIGNOR_OFFLOAD_ENABLE: bool = with("share.assignor.offload.enable", "true")
        .inherits("group.share.assignor.offload.enable").internal();

    /// Where this share group starts on a partition it has not read yet: earliest, latest, or a
    /// duration ago.
    SHARE_AUTO_OFFSET_RESET: Text = with("share.auto.offset.reset", "latest").share_offset_reset();

    /// Number of deliveries after which this share group gives a record up.
    SHARE_DELIVERY_COUNT_LIMIT: i32 = with("share.delivery.count.limit", "5")
        .at_least(2).inherits("group.share.delivery.count.limit");

    /// Time between heartbeats that members of this share group are told to keep.
    SHARE_HEARTBEAT_INTERVAL_MS: i32 = with("share.heartbeat.interval.ms", "5000")
        .at_least(1).inherits("group.share.heartbeat.interval.ms");

    /// Whether this share group sees records of transactions that are still open.
    SHARE_ISOLATION_LEVEL: Text = with("share.isolation.level", "read_uncommitted")
        .one_of(&["read_committed", "read_uncommitted"]);

    /// Most records of one partition that this share group may have in flight.
    SHARE_PARTITION_MAX_RECORD_LOCKS: i32 = with("share.partition.max.record.locks", "2000")
        .at_least(100).inherits("group.share.partition.max.record.locks");

    /// Time a member of this share group has a record to itself.
    SHARE_RECORD_LOCK_DURATION_MS: i32 = with("share.record.lock.duration.ms", "30000")
        .at_least(1000).inherits("group.share.record.lock.duration.ms");

    /// Whether members of this share group may extend the time they have a record to themselves.
    SHARE_RENEW_ACKNOWLEDGE_ENABLE: bool = with("share.renew.acknowledge.enable", "true");

    /// Time without heartbeats after which a member leaves this share group.
    SHARE_SESSION_TIMEOUT_MS: i32 = with("share.session.timeout.ms", "45000")
        .at_least(1).inherits("group.share.session.timeout.ms");

    /// Number of records a standby task of this streams group may be behind and still count as
    /// caught up.
    STREAMS_ACCEPTABLE_RECOVERY_LAG: i64 = with("streams.acceptable.recovery.lag", "10000")
        .at_least(0).inherits("group.streams.acceptable.recovery.lag").internal();

    /// Shortest time between two assignments of this streams group.
    STREAMS_ASSIGNMENT_INTERVAL_MS: i32 = with("streams.assignment.interval.ms", "1000")
        .at_least(0).inherits("group.streams.assignment.interval.ms");

    /// Assignor of this streams group; without it, the first that the broker offers.
    STREAMS_ASSIGNOR_NAME: Option<Text> = null("streams.assignor.name")
        .inherits("group.streams.assignors");

    /// Whether this streams group's assignments are computed on a thread of their own.
    STREAMS_ASSIGNOR_OFFLOAD_ENABLE: bool = with("streams.assignor.offload.enable", "true")
        .inherits("group.streams.assignor.offload.enable").internal();

    /// Time between heartbeats that members of this streams group are told to keep.
    STREAMS_HEARTBEAT_INTERVAL_MS: i32 = with("streams.heartbeat.interval.ms", "5000")
        .at_least(1).inherits("group.streams.heartbeat.interval.ms");

    /// Time this streams group waits for more members before its first assignment.
    STREAMS_INITIAL_REBALANCE_DELAY_MS: i32 = with("streams.initial.rebalance.delay.ms", "3000")
        .at_least(0).inherits("group.streams.initial.rebalance.delay.ms");

    /// Number of standby copies of each task's state in this streams group.
    STREAMS_NUM_STANDBY_REPLICAS: i32 = with("streams.num.standby.replicas", "0")
        .at_least(0).inherits("group.streams.num.standby.replicas");

    /// Number of extra copies of state this streams group may build up before a task moves.
    STREAMS_NUM_WARMUP_REPLICAS: i32 = with("streams.num.warmup.replicas", "2")
        .at_least(0).inherits("group.streams.num.warmup.replicas").internal();

    /// Client tags by which this streams group spreads standby tasks.
    STREAMS_RACK_AWARE_ASSIGNMENT_TAGS: List = with("streams.rack.aware.assignment.tags", "")
        .low().inherits("group.streams.rack.aware.assignment.tags");

    /// Time without heartbeats after which a member leaves this streams group.
    STREAMS_SESSION_TIMEOUT_MS: i32 = with("streams.session.timeout.ms", "45000")
        .at_least(1).inherits("group.streams.session.timeout.ms");

    /// Time between two reports of this streams group's members about the offsets of their tasks.
    STREAMS_TASK_OFFSET_INTERVAL_MS: i32 = with("streams.task.offset.interval.ms", "60000")
        .at_least(1).inherits("group.streams.task.offset.interval.ms").internal();
}
