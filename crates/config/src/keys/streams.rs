//! Keys of streams groups.
//!
//! Kafka: `GroupCoordinatorConfig`.

use crate::value::{Class, List};

keys! { STREAMS_KEYS: Broker;

    GROUP_STREAMS_ACCEPTABLE_RECOVERY_LAG: i64 =
        with("group.streams.acceptable.recovery.lag", "10000")
        .at_least(0).internal();

    GROUP_STREAMS_ASSIGNMENT_INTERVAL_MS: i32 = with("group.streams.assignment.interval.ms", "1000")
        .at_least(0).cluster_wide();

    GROUP_STREAMS_ASSIGNOR_OFFLOAD_ENABLE: bool =
        with("group.streams.assignor.offload.enable", "true")
        .cluster_wide().internal();

    GROUP_STREAMS_ASSIGNORS: List = with("group.streams.assignors", "sticky").non_empty_list();

    GROUP_STREAMS_HEARTBEAT_INTERVAL_MS: i32 = with("group.streams.heartbeat.interval.ms", "5000")
        .at_least(1);

    GROUP_STREAMS_INITIAL_REBALANCE_DELAY_MS: i32 =
        with("group.streams.initial.rebalance.delay.ms", "3000")
        .at_least(0);

    GROUP_STREAMS_MAX_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.streams.max.assignment.interval.ms", "15000")
        .at_least(0);

    GROUP_STREAMS_MAX_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.streams.max.heartbeat.interval.ms", "15000")
        .at_least(1);

    GROUP_STREAMS_MAX_SESSION_TIMEOUT_MS: i32 =
        with("group.streams.max.session.timeout.ms", "60000")
        .at_least(1);

    GROUP_STREAMS_MAX_SIZE: i32 = with("group.streams.max.size", "2147483647").at_least(1);

    GROUP_STREAMS_MAX_STANDBY_REPLICAS: i32 = with("group.streams.max.standby.replicas", "2")
        .at_least(0);

    GROUP_STREAMS_MAX_WARMUP_REPLICAS: i32 = with("group.streams.max.warmup.replicas", "20")
        .at_least(0).internal();

    GROUP_STREAMS_MIN_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.streams.min.assignment.interval.ms", "0")
        .at_least(0);

    GROUP_STREAMS_MIN_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.streams.min.heartbeat.interval.ms", "5000")
        .at_least(1);

    GROUP_STREAMS_MIN_SESSION_TIMEOUT_MS: i32 =
        with("group.streams.min.session.timeout.ms", "45000")
        .at_least(1);

    GROUP_STREAMS_MIN_TASK_OFFSET_INTERVAL_MS: i32 =
        with("group.streams.min.task.offset.interval.ms", "15000")
        .at_least(1).internal();

    GROUP_STREAMS_NUM_STANDBY_REPLICAS: i32 = with("group.streams.num.standby.replicas", "0")
        .at_least(0);

    GROUP_STREAMS_NUM_WARMUP_REPLICAS: i32 = with("group.streams.num.warmup.replicas", "2")
        .at_least(0).internal();

    GROUP_STREAMS_RACK_AWARE_ASSIGNMENT_TAGS: List =
        with("group.streams.rack.aware.assignment.tags", "")
        .low();

    GROUP_STREAMS_SESSION_TIMEOUT_MS: i32 = with("group.streams.session.timeout.ms", "45000")
        .at_least(1);

    GROUP_STREAMS_TASK_OFFSET_INTERVAL_MS: i32 =
        with("group.streams.task.offset.interval.ms", "60000")
        .at_least(1).internal();

    GROUP_STREAMS_TOPOLOGY_DESCRIPTION_PLUGIN_CLASS: Option<Class> =
        null("group.streams.topology.description.plugin.class");
}
