//! Keys of share groups.
//!
//! Kafka: `ShareGroupConfig` and `ShareCoordinatorConfig`.

use crate::value::{List, Text};

keys! { SHARE_KEYS: Broker;

    /// Whether a missing dead-letter topic of a share group is created by the broker.
    ERRORS_DEADLETTERQUEUE_AUTO_CREATE_TOPICS_ENABLE: bool =
        with("errors.deadletterqueue.auto.create.topics.enable", "false")
        .cluster_wide();

    /// Prefix that names of dead-letter topics must have.
    ERRORS_DEADLETTERQUEUE_TOPIC_NAME_PREFIX: Text =
        with("errors.deadletterqueue.topic.name.prefix", "dlq.")
        .cluster_wide();

    /// Shortest time between two assignments of a share group.
    GROUP_SHARE_ASSIGNMENT_INTERVAL_MS: i32 = with("group.share.assignment.interval.ms", "1000")
        .at_least(0).cluster_wide();

    /// Whether assignments of share groups are computed on a thread of their own.
    GROUP_SHARE_ASSIGNOR_OFFLOAD_ENABLE: bool = with("group.share.assignor.offload.enable", "true")
        .cluster_wide().internal();

    /// Assignors that the broker offers to share groups.
    GROUP_SHARE_ASSIGNORS: List = with("group.share.assignors", "simple").non_empty_list();

    /// Number of deliveries after which a share group gives a record up.
    GROUP_SHARE_DELIVERY_COUNT_LIMIT: i32 = with("group.share.delivery.count.limit", "5")
        .between(2, 10);

    /// Java class that writes the records a share group gave up.
    GROUP_SHARE_DLQ_MANAGER_CLASS_NAME: Text =
        with("group.share.dlq.manager.class.name", "org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager")
        .internal();

    /// Time between heartbeats that members of a share group are told to keep.
    GROUP_SHARE_HEARTBEAT_INTERVAL_MS: i32 = with("group.share.heartbeat.interval.ms", "5000")
        .at_least(1);

    /// Pause before the state of a share group's partition is initialized again after a failure.
    GROUP_SHARE_INITIALIZE_RETRY_INTERVAL_MS: i32 =
        with("group.share.initialize.retry.interval.ms", "30000")
        .at_least(1).low().internal();

    /// Upper bound for a group's own share.assignment.interval.ms.
    GROUP_SHARE_MAX_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.share.max.assignment.interval.ms", "15000")
        .at_least(0);

    /// Upper bound for a group's own share.delivery.count.limit.
    GROUP_SHARE_MAX_DELIVERY_COUNT_LIMIT: i32 = with("group.share.max.delivery.count.limit", "10")
        .between(5, 25);

    /// Upper bound for a group's own share.heartbeat.interval.ms.
    GROUP_SHARE_MAX_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.share.max.heartbeat.interval.ms", "15000")
        .at_least(1);

    /// Upper bound for a group's own share.partition.max.record.locks.
    GROUP_SHARE_MAX_PARTITION_MAX_RECORD_LOCKS: i32 =
        with("group.share.max.partition.max.record.locks", "4000")
        .between(2000, 10_000);

    /// Upper bound for a group's own share.record.lock.duration.ms.
    GROUP_SHARE_MAX_RECORD_LOCK_DURATION_MS: i32 =
        with("group.share.max.record.lock.duration.ms", "60000")
        .between(30_000, 3_600_000);

    /// Upper bound for a group's own share.session.timeout.ms.
    GROUP_SHARE_MAX_SESSION_TIMEOUT_MS: i32 = with("group.share.max.session.timeout.ms", "60000")
        .at_least(1);

    /// Most share sessions a broker keeps open.
    GROUP_SHARE_MAX_SHARE_SESSIONS: i32 = with("group.share.max.share.sessions", "2000")
        .at_least(1);

    /// Most members a share group may have.
    GROUP_SHARE_MAX_SIZE: i32 = with("group.share.max.size", "200").between(1, 1000);

    /// Lower bound for a group's own share.assignment.interval.ms.
    GROUP_SHARE_MIN_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.share.min.assignment.interval.ms", "0")
        .at_least(0);

    /// Lower bound for a group's own share.delivery.count.limit.
    GROUP_SHARE_MIN_DELIVERY_COUNT_LIMIT: i32 = with("group.share.min.delivery.count.limit", "2")
        .between(2, 5);

    /// Lower bound for a group's own share.heartbeat.interval.ms.
    GROUP_SHARE_MIN_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.share.min.heartbeat.interval.ms", "5000")
        .at_least(1);

    /// Lower bound for a group's own share.partition.max.record.locks.
    GROUP_SHARE_MIN_PARTITION_MAX_RECORD_LOCKS: i32 =
        with("group.share.min.partition.max.record.locks", "100")
        .between(100, 2000);

    /// Lower bound for a group's own share.record.lock.duration.ms.
    GROUP_SHARE_MIN_RECORD_LOCK_DURATION_MS: i32 =
        with("group.share.min.record.lock.duration.ms", "15000")
        .between(1000, 30_000);

    /// Lower bound for a group's own share.session.timeout.ms.
    GROUP_SHARE_MIN_SESSION_TIMEOUT_MS: i32 = with("group.share.min.session.timeout.ms", "45000")
        .at_least(1);

    /// Most records of one partition that a share group may have in flight.
    GROUP_SHARE_PARTITION_MAX_RECORD_LOCKS: i32 =
        with("group.share.partition.max.record.locks", "2000")
        .between(100, 10_000);

    /// Java class that stores the progress of share groups.
    GROUP_SHARE_PERSISTER_CLASS_NAME: Text =
        with("group.share.persister.class.name", "org.apache.kafka.server.share.persister.DefaultStatePersister")
        .internal();

    /// Time a member of a share group has a record to itself before it is delivered again.
    GROUP_SHARE_RECORD_LOCK_DURATION_MS: i32 = with("group.share.record.lock.duration.ms", "30000")
        .between(1000, 3_600_000);

    /// Time without heartbeats after which a member leaves a share group.
    GROUP_SHARE_SESSION_TIMEOUT_MS: i32 = with("group.share.session.timeout.ms", "45000")
        .at_least(1);

    /// Time the share coordinator waits for more records before it writes them; -1 adapts to the
    /// load.
    SHARE_COORDINATOR_APPEND_LINGER_MS: i32 = with("share.coordinator.append.linger.ms", "-1")
        .at_least(-1);

    /// Largest write buffer that the share coordinator keeps for the next use.
    SHARE_COORDINATOR_CACHED_BUFFER_MAX_BYTES: i32 =
        with("share.coordinator.cached.buffer.max.bytes", "1048588")
        .at_least(524_288).cluster_wide();

    /// Time after which the state of an idle share partition is written anew.
    SHARE_COORDINATOR_COLD_PARTITION_SNAPSHOT_INTERVAL_MS: i32 =
        with("share.coordinator.cold.partition.snapshot.interval.ms", "300000")
        .at_least(1).low().internal();

    /// Bytes read at a time when a share coordinator loads its state.
    SHARE_COORDINATOR_LOAD_BUFFER_SIZE: i32 = with("share.coordinator.load.buffer.size", "5242880")
        .at_least(1).high();

    /// Number of changes of a share partition's state between two full records of it.
    SHARE_COORDINATOR_SNAPSHOT_UPDATE_RECORDS_PER_SNAPSHOT: i32 =
        with("share.coordinator.snapshot.update.records.per.snapshot", "500")
        .between(0, 500);

    /// Codec of the share-group state topic, by Kafka's number; 0 does not compress.
    SHARE_COORDINATOR_STATE_TOPIC_COMPRESSION_CODEC: i32 =
        with("share.coordinator.state.topic.compression.codec", "0")
        .high();

    /// Number of replicas that must have a record of the share-group state topic.
    SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: i16 = with("share.coordinator.state.topic.min.isr", "2")
        .at_least(1).high();

    /// Number of partitions of the share-group state topic.
    SHARE_COORDINATOR_STATE_TOPIC_NUM_PARTITIONS: i32 =
        with("share.coordinator.state.topic.num.partitions", "50")
        .at_least(1).high();

    /// Time between two deletions of outdated records from the share-group state topic.
    SHARE_COORDINATOR_STATE_TOPIC_PRUNE_INTERVAL_MS: i32 =
        with("share.coordinator.state.topic.prune.interval.ms", "300000")
        .at_least(1).low().internal();

    /// Number of replicas of the share-group state topic.
    SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: i16 =
        with("share.coordinator.state.topic.replication.factor", "3")
        .at_least(1).high();

    /// Size of a segment of the share-group state topic.
    SHARE_COORDINATOR_STATE_TOPIC_SEGMENT_BYTES: i32 =
        with("share.coordinator.state.topic.segment.bytes", "104857600")
        .at_least(1).high();

    /// Number of threads of the share coordinator.
    SHARE_COORDINATOR_THREADS: i32 = with("share.coordinator.threads", "1").at_least(1);

    /// Time a write to the share-group state topic waits for its replicas.
    SHARE_COORDINATOR_WRITE_TIMEOUT_MS: i32 = with("share.coordinator.write.timeout.ms", "5000")
        .at_least(1).high();

    /// Number of finished ShareFetch waits after which they are cleared from memory.
    SHARE_FETCH_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 =
        with("share.fetch.purgatory.purge.interval.requests", "1000");
}
