//! Starts and stops, record by record as Kafka 4.4.0 with one broker does them.

use ottla_types::LeaderEpoch;
use ottla_wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};

use super::*;
use crate::decide::{create_topics, testing};

const SELF: BrokerId = BrokerId(1);

/// An image with the topic `t` of two partitions, after the broker's first start.
fn image() -> Image {
    let mut image = testing::image();
    let config = testing::config(&[]);
    let topic = CreatableTopic {
        name: "t".into(),
        num_partitions: 2,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    let context = testing::context(&image, &config);
    let decision = create_topics(context, &request, &mut testing::ids());
    testing::replay(&mut image, &decision.records);
    image
}

fn names(records: &[MetadataRecord]) -> Vec<&'static str> {
    records.iter().map(MetadataRecord::name).collect()
}

#[test]
fn a_new_cluster_begins_as_kafkas_does() {
    let records = bootstrap(&[]);
    assert_eq!(
        names(&records),
        [
            "BeginTransactionRecord",
            "FeatureLevelRecord",
            "FeatureLevelRecord",
            "FeatureLevelRecord",
            "ConfigRecord",
            "EndTransactionRecord"
        ]
    );
    let image = Image::from_records(&records).unwrap();
    assert_eq!(image.metadata_version(), 33);
    assert_eq!(image.cluster_overrides().get("min.insync.replicas").unwrap(), "1");
}

#[test]
fn a_broker_registers_and_comes_up() {
    let image = testing::image();
    let broker = image.broker(SELF).unwrap();
    assert!(image.is_alive(SELF));
    assert_eq!(
        (broker.broker_epoch, broker.directories.as_slice()),
        (5, &[testing::DIRECTORY][..])
    );
    assert_eq!(broker.endpoint("PLAINTEXT").unwrap().port, 9092);
    assert!(broker.endpoint("SSL").is_none());
}

#[test]
fn an_orderly_stop_gives_leadership_away_and_keeps_what_is_known() {
    let mut image = image();
    let records = stop_broker(&image, SELF);
    assert_eq!(
        names(&records),
        [
            "BrokerRegistrationChangeRecord",
            "PartitionChangeRecord",
            "PartitionChangeRecord",
            "BrokerRegistrationChangeRecord"
        ]
    );
    testing::replay(&mut image, &records);
    let partition = image.partition("t", 0).unwrap();
    assert_eq!((partition.leader, partition.leader_epoch), (BrokerId::NONE, LeaderEpoch(1)));
    assert_eq!(partition.isr, []);
    assert_eq!(partition.eligible_leader_replicas, [SELF]);
    assert_eq!(partition.last_known_elr, [SELF]);
    assert!(image.broker(SELF).unwrap().fenced);
}

#[test]
fn an_orderly_restart_raises_the_leader_epoch_by_two() {
    let mut image = image();
    let records = stop_broker(&image, SELF);
    testing::replay(&mut image, &records);
    let records = start_broker(&image, &testing::start(1, 50));
    testing::replay(&mut image, &records);
    for (_, partition) in image.topic("t").unwrap().partitions() {
        assert_eq!((partition.leader, partition.leader_epoch), (SELF, LeaderEpoch(2)));
        assert_eq!(partition.isr, [SELF]);
        assert!(
            partition.eligible_leader_replicas.is_empty() && partition.last_known_elr.is_empty()
        );
        assert_eq!(partition.leader_recovery_state, LeaderRecoveryState::Recovered);
    }
    assert_eq!(image.broker(SELF).unwrap().broker_epoch, 50);
}

#[test]
fn a_restart_after_a_crash_raises_the_leader_epoch() {
    let mut image = image();
    let records = start_broker(&image, &testing::start(1, 50));
    testing::replay(&mut image, &records);
    let partition = image.partition("t", 1).unwrap();
    assert_eq!((partition.leader, partition.leader_epoch), (SELF, LeaderEpoch(1)));
    assert_eq!(partition.isr, [SELF]);
}

#[test]
fn an_election_that_kafka_left_half_done_is_done() {
    let mut image = image();
    let topic_id = image.topic("t").unwrap().id;
    let change = |partition_id, change: PartitionChangeRecord| -> MetadataRecord {
        PartitionChangeRecord { partition_id, topic_id, ..change }.into()
    };
    let left = [
        // Fenced after a crash, and its eligibility gone.
        change(
            0,
            PartitionChangeRecord {
                leader: -1,
                isr: Some(Vec::new()),
                last_known_elr: Some(vec![1]),
                ..PartitionChangeRecord::default()
            },
        ),
        // Elected uncleanly, and not yet recovered.
        change(
            1,
            PartitionChangeRecord {
                leader: 1,
                leader_recovery_state: 1,
                ..PartitionChangeRecord::default()
            },
        ),
    ];
    testing::replay(&mut image, &left);
    let records = start_broker(&image, &testing::start(1, 50));
    testing::replay(&mut image, &records);
    for (number, partition) in image.topic("t").unwrap().partitions() {
        assert_eq!(partition.leader, SELF, "partition {number}");
        assert_eq!(partition.isr, [SELF], "partition {number}");
        assert_eq!(partition.leader_recovery_state, LeaderRecoveryState::Recovered);
        assert!(partition.last_known_elr.is_empty());
    }
}

#[test]
fn a_replica_that_may_lack_records_does_not_lead() {
    let mut image = image();
    let topic_id = image.topic("t").unwrap().id;
    let change = PartitionChangeRecord {
        partition_id: 0,
        topic_id,
        leader: -1,
        replicas: Some(vec![1, 2]),
        isr: Some(vec![2]),
        ..PartitionChangeRecord::default()
    };
    testing::replay(&mut image, &[change.into()]);
    let records = start_broker(&image, &testing::start(1, 50));
    testing::replay(&mut image, &records);
    let partition = image.partition("t", 0).unwrap();
    assert_eq!((partition.leader, partition.isr.as_slice()), (BrokerId::NONE, &[BrokerId(2)][..]));
}

#[test]
fn a_broker_that_stops_is_followed_by_one_in_sync() {
    let mut image = image();
    let records = start_broker(&image, &testing::start(2, 50));
    testing::replay(&mut image, &records);
    let topic_id = image.topic("t").unwrap().id;
    let both = PartitionChangeRecord {
        partition_id: 0,
        topic_id,
        replicas: Some(vec![1, 2]),
        isr: Some(vec![1, 2]),
        ..PartitionChangeRecord::default()
    };
    testing::replay(&mut image, &[both.into()]);
    let records = stop_broker(&image, SELF);
    testing::replay(&mut image, &records);
    let partition = image.partition("t", 0).unwrap();
    assert_eq!((partition.leader, partition.isr.as_slice()), (BrokerId(2), &[BrokerId(2)][..]));
    assert_eq!(stop_broker(&image, BrokerId(7)), []);
}

#[test]
fn a_transaction_that_was_left_open_is_aborted() {
    let mut image = image();
    image.replay(&BeginTransactionRecord { name: None }.into()).unwrap();
    let records = start_broker(&image, &testing::start(1, 50));
    assert_eq!(names(&records)[..2], ["AbortTransactionRecord", "RegisterBrokerRecord"]);
    testing::replay(&mut image, &records);
    assert!(!image.is_in_transaction() && image.is_alive(SELF));
}
