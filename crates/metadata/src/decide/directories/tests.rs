//! Replicas in directories, as Kafka 4.4.0 with one broker of two directories records them.

use ottla_types::LeaderEpoch;
use ottla_wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};

use super::*;
use crate::decide::{BrokerStart, create_topics, start_broker, testing};

const SELF: BrokerId = BrokerId(1);
const OTHER: Uuid = Uuid([3; 16]);

/// An image with the topic `t` of two partitions on a broker with two directories, of which the
/// first partition is in one and the second in the other.
fn image() -> Image {
    let mut image = testing::image();
    apply(&mut image, |image| start_broker(image, &start(50)));
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
    let assignments = [(target(&image, 0), testing::DIRECTORY), (target(&image, 1), OTHER)];
    apply(&mut image, |image| assign_directories(image, SELF, &assignments));
    image
}

fn apply(image: &mut Image, decide: impl FnOnce(&Image) -> Vec<MetadataRecord>) {
    let records = decide(image);
    testing::replay(image, &records);
}

fn start(broker_epoch: i64) -> BrokerStart {
    BrokerStart { directories: vec![testing::DIRECTORY, OTHER], ..testing::start(1, broker_epoch) }
}

fn target(image: &Image, partition: i32) -> TopicIdPartition {
    TopicIdPartition { topic_id: image.topic("t").unwrap().id, partition }
}

fn leaders(image: &Image) -> [BrokerId; 2] {
    [0, 1].map(|number| image.partition("t", number).unwrap().leader)
}

#[test]
fn a_directory_is_recorded_where_another_one_was() {
    let mut image = image();
    let missing = target(&image, 7);
    let assignments =
        [(target(&image, 0), OTHER), (target(&image, 1), OTHER), (missing, testing::DIRECTORY)];
    let records = assign_directories(&image, SELF, &assignments);
    assert_eq!(records.len(), 1);
    testing::replay(&mut image, &records);
    let partition = image.partition("t", 0).unwrap();
    assert_eq!(partition.directory(SELF), OTHER);
    assert_eq!(partition.leader_epoch, LeaderEpoch(0), "a move changes no leader");
}

#[test]
fn a_directory_that_fails_takes_its_partitions_leaders_with_it() {
    let mut image = image();
    let records = fail_directories(&image, SELF, &[testing::DIRECTORY]);
    assert_eq!(records.len(), 2);
    testing::replay(&mut image, &records);
    assert_eq!(leaders(&image), [SELF, BrokerId::NONE]);
    assert_eq!(image.broker(SELF).unwrap().directories, [testing::DIRECTORY]);
    let offline = |number| image.offline_replicas(image.partition("t", number).unwrap());
    assert_eq!((offline(0), offline(1)), (vec![], vec![SELF]));
    assert_eq!(fail_directories(&image, SELF, &[testing::DIRECTORY]), [], "it is known");
}

/// The directory that a replica has just left fails before the move is recorded.
#[test]
fn what_has_left_a_directory_that_failed_is_led_again() {
    let mut image = image();
    apply(&mut image, |image| fail_directories(image, SELF, &[testing::DIRECTORY]));
    assert_eq!(leaders(&image), [SELF, BrokerId::NONE]);
    let moved = [(target(&image, 1), testing::DIRECTORY)];
    apply(&mut image, |image| assign_directories(image, SELF, &moved));
    assert_eq!(leaders(&image), [SELF, SELF]);
    assert_eq!(image.partition("t", 1).unwrap().leader_epoch, LeaderEpoch(2));
}

#[test]
fn what_lies_in_a_directory_that_works_again_is_led_again() {
    let mut image = image();
    apply(&mut image, |image| fail_directories(image, SELF, &[testing::DIRECTORY]));
    let without = BrokerStart { directories: vec![testing::DIRECTORY], ..start(100) };
    apply(&mut image, |image| start_broker(image, &without));
    assert_eq!(leaders(&image), [SELF, BrokerId::NONE], "it is still gone");
    apply(&mut image, |image| start_broker(image, &start(200)));
    assert_eq!(leaders(&image), [SELF, SELF]);
}

#[test]
fn what_lies_in_a_directory_that_is_gone_at_the_start_has_no_leader() {
    let mut image = image();
    let without = BrokerStart { directories: vec![testing::DIRECTORY], ..start(100) };
    apply(&mut image, |image| start_broker(image, &without));
    assert_eq!(leaders(&image), [SELF, BrokerId::NONE]);
}

#[test]
fn what_was_found_in_another_directory_is_led_again() {
    let mut image = image();
    apply(&mut image, |image| fail_directories(image, SELF, &[testing::DIRECTORY]));
    let found = BrokerStart {
        directories: vec![testing::DIRECTORY],
        assignments: vec![(target(&image, 1), testing::DIRECTORY)],
        ..start(100)
    };
    apply(&mut image, |image| start_broker(image, &found));
    assert_eq!(leaders(&image), [SELF, SELF]);
    assert_eq!(image.partition("t", 1).unwrap().directory(SELF), testing::DIRECTORY);
}

#[test]
fn a_broker_takes_no_partitions_once_all_its_directories_are_cordoned() {
    let mut image = image();
    let all = [testing::DIRECTORY, OTHER];
    for (cordoned, takes) in [(&all[..1], true), (&all[..], false), (&[], true)] {
        apply(&mut image, |image| cordon_directories(image, SELF, cordoned));
        assert_eq!(image.broker(SELF).unwrap().takes_partitions(), takes, "{cordoned:?}");
        assert_eq!(cordon_directories(&image, SELF, cordoned), [], "it is known");
    }
}

#[test]
fn a_replica_that_is_lost_leads_no_longer_until_it_is_found() {
    let mut image = image();
    let lost = [(target(&image, 1), Uuid::LOST_DIR)];
    apply(&mut image, |image| assign_directories(image, SELF, &lost));
    assert_eq!(leaders(&image), [SELF, BrokerId::NONE]);
    let offline = |image: &Image| image.offline_replicas(image.partition("t", 1).unwrap());
    assert_eq!(offline(&image), [SELF]);
    assert_eq!(assign_directories(&image, SELF, &lost), [], "it is known");
    let mut restarted = image.clone();
    apply(&mut restarted, |image| start_broker(image, &start(100)));
    assert_eq!(leaders(&restarted), [SELF, BrokerId::NONE], "nobody has found it");
    let found = vec![(target(&image, 1), OTHER)];
    let found_at_start = BrokerStart { assignments: found.clone(), ..start(100) };
    apply(&mut restarted, |image| start_broker(image, &found_at_start));
    assert_eq!(leaders(&restarted), [SELF, SELF]);
    apply(&mut image, |image| assign_directories(image, SELF, &found));
    assert_eq!((leaders(&image), offline(&image)), ([SELF, SELF], Vec::new()));
}
