//! Keys of share groups.
//!
//! Kafka: `ShareGroupConfig` and `ShareCoordinatorConfig`.

use crate::value::{List, Text};

keys! { SHARE_KEYS: Broker;

    ERRORS_DEADLETTERQUEUE_AUTO_CREATE_TOPICS_ENABLE: bool =
        with("errors.deadletterqueue.auto.create.topics.enable", "false")
        .cluster_wide();

    ERRORS_DEADLETTERQUEUE_TOPIC_NAME_PREFIX: Text =
        with("errors.deadletterqueue.topic.name.prefix", "dlq.")
        .cluster_wide();

    GROUP_SHARE_ASSIGNMENT_INTERVAL_MS: i32 = with("group.share.assignment.interval.ms", "1000")
        .at_least(0).cluster_wide();

    GROUP_SHARE_ASSIGNOR_OFFLOAD_ENABLE: bool = with("group.share.assignor.offload.enable", "true")
        .cluster_wide().internal();

    GROUP_SHARE_ASSIGNORS: List = with("group.share.assignors", "simple").non_empty_list();

    GROUP_SHARE_DELIVERY_COUNT_LIMIT: i32 = with("group.share.delivery.count.limit", "5")
        .between(2, 10);

    GROUP_SHARE_DLQ_MANAGER_CLASS_NAME: Text =
        with("group.share.dlq.manager.class.name", "org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager")
        .internal();

    GROUP_SHARE_HEARTBEAT_INTERVAL_MS: i32 = with("group.share.heartbeat.interval.ms", "5000")
        .at_least(1);

    GROUP_SHARE_INITIALIZE_RETRY_INTERVAL_MS: i32 =
        with("group.share.initialize.retry.interval.ms", "30000")
        .at_least(1).low().internal();

    GROUP_SHARE_MAX_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.share.max.assignment.interval.ms", "15000")
        .at_least(0);

    GROUP_SHARE_MAX_DELIVERY_COUNT_LIMIT: i32 = with("group.share.max.delivery.count.limit", "10")
        .between(5, 25);

    GROUP_SHARE_MAX_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.share.max.heartbeat.interval.ms", "15000")
        .at_least(1);

    GROUP_SHARE_MAX_PARTITION_MAX_RECORD_LOCKS: i32 =
        with("group.share.max.partition.max.record.locks", "4000")
        .between(2000, 10_000);

    GROUP_SHARE_MAX_RECORD_LOCK_DURATION_MS: i32 =
        with("group.share.max.record.lock.duration.ms", "60000")
        .between(30_000, 3_600_000);

    GROUP_SHARE_MAX_SESSION_TIMEOUT_MS: i32 = with("group.share.max.session.timeout.ms", "60000")
        .at_least(1);

    GROUP_SHARE_MAX_SHARE_SESSIONS: i32 = with("group.share.max.share.sessions", "2000")
        .at_least(1);

    GROUP_SHARE_MAX_SIZE: i32 = with("group.share.max.size", "200").between(1, 1000);

    GROUP_SHARE_MIN_ASSIGNMENT_INTERVAL_MS: i32 =
        with("group.share.min.assignment.interval.ms", "0")
        .at_least(0);

    GROUP_SHARE_MIN_DELIVERY_COUNT_LIMIT: i32 = with("group.share.min.delivery.count.limit", "2")
        .between(2, 5);

    GROUP_SHARE_MIN_HEARTBEAT_INTERVAL_MS: i32 =
        with("group.share.min.heartbeat.interval.ms", "5000")
        .at_least(1);

    GROUP_SHARE_MIN_PARTITION_MAX_RECORD_LOCKS: i32 =
        with("group.share.min.partition.max.record.locks", "100")
        .between(100, 2000);

    GROUP_SHARE_MIN_RECORD_LOCK_DURATION_MS: i32 =
        with("group.share.min.record.lock.duration.ms", "15000")
        .between(1000, 30_000);

    GROUP_SHARE_MIN_SESSION_TIMEOUT_MS: i32 = with("group.share.min.session.timeout.ms", "45000")
        .at_least(1);

    GROUP_SHARE_PARTITION_MAX_RECORD_LOCKS: i32 =
        with("group.share.partition.max.record.locks", "2000")
        .between(100, 10_000);

    GROUP_SHARE_PERSISTER_CLASS_NAME: Text =
        with("group.share.persister.class.name", "org.apache.kafka.server.share.persister.DefaultStatePersister")
        .internal();

    GROUP_SHARE_RECORD_LOCK_DURATION_MS: i32 = with("group.share.record.lock.duration.ms", "30000")
        .between(1000, 3_600_000);

    GROUP_SHARE_SESSION_TIMEOUT_MS: i32 = with("group.share.session.timeout.ms", "45000")
        .at_least(1);

    SHARE_COORDINATOR_APPEND_LINGER_MS: i32 = with("share.coordinator.append.linger.ms", "-1")
        .at_least(-1);

    SHARE_COORDINATOR_CACHED_BUFFER_MAX_BYTES: i32 =
        with("share.coordinator.cached.buffer.max.bytes", "1048588")
        .at_least(524_288).cluster_wide();

    SHARE_COORDINATOR_COLD_PARTITION_SNAPSHOT_INTERVAL_MS: i32 =
        with("share.coordinator.cold.partition.snapshot.interval.ms", "300000")
        .at_least(1).low().internal();

    SHARE_COORDINATOR_LOAD_BUFFER_SIZE: i32 = with("share.coordinator.load.buffer.size", "5242880")
        .at_least(1).high();

    SHARE_COORDINATOR_SNAPSHOT_UPDATE_RECORDS_PER_SNAPSHOT: i32 =
        with("share.coordinator.snapshot.update.records.per.snapshot", "500")
        .between(0, 500);

    SHARE_COORDINATOR_STATE_TOPIC_COMPRESSION_CODEC: i32 =
        with("share.coordinator.state.topic.compression.codec", "0")
        .high();

    SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: i16 = with("share.coordinator.state.topic.min.isr", "2")
        .at_least(1).high();

    SHARE_COORDINATOR_STATE_TOPIC_NUM_PARTITIONS: i32 =
        with("share.coordinator.state.topic.num.partitions", "50")
        .at_least(1).high();

    SHARE_COORDINATOR_STATE_TOPIC_PRUNE_INTERVAL_MS: i32 =
        with("share.coordinator.state.topic.prune.interval.ms", "300000")
        .at_least(1).low().internal();

    SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: i16 =
        with("share.coordinator.state.topic.replication.factor", "3")
        .at_least(1).high();

    SHARE_COORDINATOR_STATE_TOPIC_SEGMENT_BYTES: i32 =
        with("share.coordinator.state.topic.segment.bytes", "104857600")
        .at_least(1).high();

    SHARE_COORDINATOR_THREADS: i32 = with("share.coordinator.threads", "1").at_least(1);

    SHARE_COORDINATOR_WRITE_TIMEOUT_MS: i32 = with("share.coordinator.write.timeout.ms", "5000")
        .at_least(1).high();

    SHARE_FETCH_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 =
        with("share.fetch.purgatory.purge.interval.requests", "1000");
}
