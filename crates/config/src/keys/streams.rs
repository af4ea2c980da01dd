//! Keys of streams groups.
//!
//! Kafka: `GroupCoordinatorConfig`.

use crate::value::{Class, List};

keys! { STREAMS_KEYS: Broker;

    /// Number of records a standby task may be behind and still count as caught up.
    GROUP_STREAMS_ACCEPTABLE_RECOVERY_LAG: i64 =
        with("group.streams.acceptable.recovery.lag", "10000")
        .at_least(0).internal();

    /// Shortest time between two assignments of a streams group.
    GROUP_STREAMS_ASSIGNMENT_INTERVAL_MS: i32 = with("group.streams.assignment.interval.ms", "1000")
        .at_least(0).cluster_wide();

    /// Whether assignments of streams groups are computed on a thread of their own.
    GROUP_STREAMS_ASSIGNOR_OFFLOAD_ENABLE: bool =
        with("group.streams.assignor.offload.enable", "true")
        .cluster_wide().internal();

    /// Assignors that the broker offers to streams groups.
    GROUP_STREAMS_ASSIGNORS: List = with("group.streams.assignors", "sticky").non_empty_list();

    /// Time between heartbeats that members of a streams group are told to keep.
    GROUP_STREAMS_HEARTBEAT_INTERVAL_MS: i32 = with("group.streams.heartbeat.interval.ms", "5000")
        .at_least(1);

    /// Time an empty streams group waits for more members before its first assignment.
    GROUP_STREAMS_INITIAL_REBALANCE_DELAY_MS: i32 =
        with("group.streams.initial.rebalance.delay.ms", "3000")
        .at_least(0);

    /// Upper bound for a group's own streams.assignment.interval.ms.
    GROUP_STREAMS_MAX_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.streams.max.assignment.interval.ms", "15000")
        .at_least(0);

    /// Upper bound for a group's own streams.heartbeat.interval.ms.
    GROUP_STREAMS_MAX_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.streams.max.heartbeat.interval.ms", "15000")
        .at_least(1);

    /// Upper bound for a group's own streams.session.timeout.ms.
    GROUP_STREAMS_MAX_SESSION_TIMEOUT_MS: i32 =
        with("group.streams.max.session.timeout.ms", "60000")
        .at_least(1);

    /// Most members a streams group may have.
    GROUP_STREAMS_MAX_SIZE: i32 = with("group.streams.max.size", "2147483647").at_least(1);

    /// Upper bound for a group's own streams.num.standby.replicas.
    GROUP_STREAMS_MAX_STANDBY_REPLICAS: i32 = with("group.streams.max.standby.replicas", "2")
        .at_least(0);

    /// Upper bound for a group's own streams.num.warmup.replicas.
    GROUP_STREAMS_MAX_WARMUP_REPLICAS: i32 = with("group.streams.max.warmup.replicas", "20")
        .at_least(0).internal();

    /// Lower bound for a group's own streams.assignment.interval.ms.
    GROUP_STREAMS_MIN_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.streams.min.assignment.interval.ms", "0")
        .at_least(0);

    /// Lower bound for a group's own streams.heartbeat.interval.ms.
    GROUP_STREAMS_MIN_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.streams.min.heartbeat.interval.ms", "5000")
        .at_least(1);

    /// Lower bound for a group's own streams.session.timeout.ms.
    GROUP_STREAMS_MIN_SESSION_TIMEOUT_MS: i32 =
        with("group.streams.min.session.timeout.ms", "45000")
        .at_least(1);

    /// Lower bound for a group's own streams.task.offset.interval.ms.
    GROUP_STREAMS_MIN_TASK_OFFSET_INTERVAL_MS: i32 =
        with("group.streams.min.task.offset.interval.ms", "15000")
        .at_least(1).internal();

    /// Number of standby copies of each task's state.
    GROUP_STREAMS_NUM_STANDBY_REPLICAS: i32 = with("group.streams.num.standby.replicas", "0")
        .at_least(0);

    /// Number of extra copies of state that may be built up before a task moves.
    GROUP_STREAMS_NUM_WARMUP_REPLICAS: i32 = with("group.streams.num.warmup.replicas", "2")
        .at_least(0).internal();

    /// Client tags by which standby tasks are spread.
    GROUP_STREAMS_RACK_AWARE_ASSIGNMENT_TAGS: List =
        with("group.streams.rack.aware.assignment.tags", "")
        .low();

    /// Time without heartbeats after which a member leaves a streams group.
    GROUP_STREAMS_SESSION_TIMEOUT_MS: i32 = with("group.streams.session.timeout.ms", "45000")
        .at_least(1);

    /// Time between two reports of a member of a streams group about the offsets of its tasks.
    GROUP_STREAMS_TASK_OFFSET_INTERVAL_MS: i32 =
        with("group.streams.task.offset.interval.ms", "60000")
        .at_least(1).internal();

    /// Java class that receives descriptions of topologies.
    GROUP_STREAMS_TOPOLOGY_DESCRIPTION_PLUGIN_CLASS: Option<Class> =
        null("group.streams.topology.description.plugin.class");
}
