//! ElectLeaders, on partitions as a directory with the data of a larger cluster may have them.

use ottla_types::{BrokerId, LeaderEpoch, TopicName, Uuid};
use ottla_wire::{elect_leaders_request::TopicPartitions, topic_record::TopicRecord};

use super::*;
use crate::{Image, LeaderRecoveryState, Partition, decide::testing};

pub(crate) const TOPIC_ID: Uuid = Uuid([3; 16]);

/// A partition with these replicas, of which broker 1 alone is up.
pub(crate) fn partition(replicas: &[i32], isr: &[i32], leader: i32) -> Partition {
    let ids = |raw: &[i32]| raw.iter().copied().map(BrokerId).collect::<Vec<_>>();
    Partition {
        leader: BrokerId(leader),
        leader_epoch: LeaderEpoch(4),
        partition_epoch: 7,
        leader_recovery_state: LeaderRecoveryState::Recovered,
        directories: vec![testing::DIRECTORY; replicas.len()],
        replicas: ids(replicas),
        isr: ids(isr),
        removing_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        eligible_leader_replicas: Vec::new(),
        last_known_elr: Vec::new(),
    }
}

/// An image in which broker 1 is up, broker 2 registered and fenced, with the topic `t`.
pub(crate) fn image(partitions: &[Partition]) -> Image {
    let mut image = testing::image();
    let mut records = crate::decide::start_broker(&image, &testing::start(2, 50));
    records.truncate(1);
    testing::replay(&mut image, &records);
    let name = TopicName::new("t").unwrap();
    let mut records: Vec<MetadataRecord> =
        vec![TopicRecord { name: name.as_str().into(), topic_id: TOPIC_ID }.into()];
    for (number, partition) in (0..).zip(partitions) {
        records.push(partition.to_record(TOPIC_ID, number).into());
    }
    testing::replay(&mut image, &records);
    image
}

fn elect(
    image: &Image,
    election_type: i8,
    asked: Option<&[i32]>,
) -> Decision<ElectLeadersResponse> {
    let config = testing::config(&[]);
    let topic_partitions =
        asked.map(|asked| vec![TopicPartitions { topic: "t".into(), partitions: asked.to_vec() }]);
    let request = ElectLeadersRequest { election_type, topic_partitions, timeout_ms: 1_000 };
    elect_leaders(testing::context(image, &config), &request)
}

fn codes(decision: &Decision<ElectLeadersResponse>) -> Vec<ErrorCode> {
    let results = decision.response.replica_election_results.iter();
    results
        .flat_map(|topic| &topic.partition_result)
        .map(|result| ErrorCode::from_code(result.error_code))
        .collect()
}

#[test]
fn the_preferred_leader_stays() {
    let image = image(&[partition(&[1], &[1], 1)]);
    let decision = elect(&image, 0, Some(&[0, 9]));
    assert_eq!(
        codes(&decision),
        [ErrorCode::ElectionNotNeeded, ErrorCode::UnknownTopicOrPartition]
    );
    assert!(decision.records.is_empty());
}

#[test]
fn a_preferred_leader_that_is_not_in_sync_does_not_lead() {
    let image = image(&[partition(&[2, 1], &[1], 1)]);
    assert_eq!(codes(&elect(&image, 0, Some(&[0]))), [ErrorCode::PreferredLeaderNotAvailable]);
    assert_eq!(codes(&elect(&image, 1, Some(&[0]))), [ErrorCode::ElectionNotNeeded]);
}

#[test]
fn a_preferred_leader_in_sync_takes_over() {
    let mut image = image(&[partition(&[1, 2], &[1, 2], 2)]);
    let decision = elect(&image, 0, Some(&[0]));
    assert_eq!(codes(&decision), [ErrorCode::None]);
    testing::replay(&mut image, &decision.records);
    let after = image.partition("t", 0).unwrap();
    assert_eq!((after.leader, after.leader_epoch), (BrokerId(1), LeaderEpoch(5)));
    assert_eq!(after.isr, [BrokerId(1), BrokerId(2)]);
}

#[test]
fn a_replica_that_lacks_records_leads_only_where_that_is_allowed() {
    let mut image = image(&[partition(&[2, 1], &[2], -1)]);
    assert_eq!(codes(&elect(&image, 0, Some(&[0]))), [ErrorCode::PreferredLeaderNotAvailable]);
    let decision = elect(&image, 1, Some(&[0]));
    assert_eq!(codes(&decision), [ErrorCode::None]);
    testing::replay(&mut image, &decision.records);
    let after = image.partition("t", 0).unwrap();
    assert_eq!((after.leader, after.isr.as_slice()), (BrokerId(1), &[BrokerId(1)][..]));
    assert_eq!(after.leader_epoch, LeaderEpoch(5));
}

#[test]
fn nobody_leads_where_no_replica_is_up() {
    let image = image(&[partition(&[2], &[2], -1)]);
    assert_eq!(codes(&elect(&image, 1, Some(&[0]))), [ErrorCode::EligibleLeadersNotAvailable]);
}

#[test]
fn a_replica_in_a_directory_that_has_failed_does_not_lead() {
    let mut failed = partition(&[1], &[], -1);
    failed.directories = vec![Uuid([8; 16])];
    let image = image(&[failed]);
    assert_eq!(codes(&elect(&image, 1, Some(&[0]))), [ErrorCode::EligibleLeadersNotAvailable]);
}

#[test]
fn an_eligible_replica_leads_and_is_in_sync_then() {
    let mut offline = partition(&[2, 1], &[], -1);
    offline.eligible_leader_replicas = vec![BrokerId(1), BrokerId(2)];
    offline.last_known_elr = vec![BrokerId(2)];
    let mut image = image(&[offline]);
    let decision = elect(&image, 0, Some(&[0]));
    assert_eq!(codes(&decision), [ErrorCode::None]);
    testing::replay(&mut image, &decision.records);
    let after = image.partition("t", 0).unwrap();
    assert_eq!((after.leader, after.isr.as_slice()), (BrokerId(1), &[BrokerId(1)][..]));
    assert!(after.last_known_elr.is_empty());
    assert!(!after.eligible_leader_replicas.contains(&BrokerId(1)));
}

#[test]
fn an_election_for_all_names_only_where_something_was_to_do() {
    let image = image(&[partition(&[1], &[1], 1), partition(&[2], &[2], -1)]);
    let decision = elect(&image, 1, None);
    let results = &decision.response.replica_election_results[0].partition_result;
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].partition_id, 1);
}

#[test]
fn an_unknown_kind_of_election_is_refused_for_each() {
    let image = image(&[partition(&[1], &[1], 1)]);
    let decision = elect(&image, 2, Some(&[0]));
    assert_eq!(decision.response.error_code, ErrorCode::InvalidRequest.code());
    assert_eq!(codes(&decision), [ErrorCode::InvalidRequest]);
}
