//! Keys of consumer groups of the new protocol.
//!
//! Kafka: `GroupCoordinatorConfig`.

use crate::value::{List, Text};

keys! { CONSUMER_GROUP_KEYS: Broker;

    /// Shortest time between two assignments of a consumer group; changes in between are gathered.
    GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.consumer.assignment.interval.ms", "1000")
        .at_least(0).cluster_wide();

    /// Whether assignments of consumer groups are computed on a thread of their own.
    GROUP_CONSUMER_ASSIGNOR_OFFLOAD_ENABLE: bool =
        with("group.consumer.assignor.offload.enable", "true")
        .cluster_wide().internal();

    /// Assignors that the broker offers to consumer groups; the first is the default.
    GROUP_CONSUMER_ASSIGNORS: List = with("group.consumer.assignors", "uniform,range")
        .non_empty_list();

    /// Time between heartbeats that members of a consumer group are told to keep.
    GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS: i32 = with("group.consumer.heartbeat.interval.ms", "5000")
        .at_least(1);

    /// Upper bound for a group's own consumer.assignment.interval.ms.
    GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.consumer.max.assignment.interval.ms", "15000")
        .at_least(0);

    /// Upper bound for a group's own consumer.heartbeat.interval.ms.
    GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.consumer.max.heartbeat.interval.ms", "15000")
        .at_least(1);

    /// Upper bound for a group's own consumer.session.timeout.ms.
    GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS: i32 =
        with("group.consumer.max.session.timeout.ms", "60000")
        .at_least(1);

    /// Most members a group of the consumer protocol may have.
    GROUP_CONSUMER_MAX_SIZE: i32 = with("group.consumer.max.size", "2147483647").at_least(1);

    /// Directions in which a group may move between the classic and the consumer protocol.
    GROUP_CONSUMER_MIGRATION_POLICY: Text = with("group.consumer.migration.policy", "bidirectional")
        .one_of_any_case(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]);

    /// Lower bound for a group's own consumer.assignment.interval.ms.
    GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.consumer.min.assignment.interval.ms", "0")
        .at_least(0);

    /// Lower bound for a group's own consumer.heartbeat.interval.ms.
    GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.consumer.min.heartbeat.interval.ms", "5000")
        .at_least(1);

    /// Lower bound for a group's own consumer.session.timeout.ms.
    GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS: i32 =
        with("group.consumer.min.session.timeout.ms", "45000")
        .at_least(1);

    /// Time after which a subscription by pattern is matched against the topics again.
    GROUP_CONSUMER_REGEX_REFRESH_INTERVAL_MS: i32 =
        with("group.consumer.regex.refresh.interval.ms", "600000")
        .at_least(10_000).internal();

    /// Time without heartbeats after which a member leaves a group of the consumer protocol.
    GROUP_CONSUMER_SESSION_TIMEOUT_MS: i32 = with("group.consumer.session.timeout.ms", "45000")
        .at_least(1);
}
