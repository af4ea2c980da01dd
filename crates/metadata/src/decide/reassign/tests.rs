//! AlterPartitionReassignments, on partitions as the data of a larger cluster may have them.

use ottla_types::LeaderEpoch;
use ottla_wire::alter_partition_reassignments_request::ReassignableTopic;

use super::*;
use crate::{
    Image,
    decide::{
        elect_leaders::tests::{image, partition},
        testing,
    },
};

fn decide(
    image: &Image,
    replicas: Option<&[i32]>,
    may_resize: bool,
) -> Decision<AlterPartitionReassignmentsResponse> {
    let config = testing::config(&[]);
    let replicas = replicas.map(<[i32]>::to_vec);
    let request = AlterPartitionReassignmentsRequest {
        topics: vec![ReassignableTopic {
            name: "t".into(),
            partitions: vec![ReassignablePartition { partition_index: 0, replicas }],
        }],
        allow_replication_factor_change: may_resize,
        timeout_ms: 1_000,
    };
    alter_partition_reassignments(testing::context(image, &config), &request)
}

fn code(decision: &Decision<AlterPartitionReassignmentsResponse>) -> ErrorCode {
    ErrorCode::from_code(decision.response.responses[0].partitions[0].error_code)
}

fn ids(raw: &[i32]) -> Vec<BrokerId> {
    raw.iter().copied().map(BrokerId).collect()
}

#[test]
fn a_partition_that_stays_where_it_is_changes_in_nothing() {
    let image = image(&[partition(&[1], &[1], 1)]);
    let decision = decide(&image, Some(&[1]), true);
    assert_eq!((code(&decision), decision.records.len()), (ErrorCode::None, 0));
    assert_eq!(code(&decide(&image, None, true)), ErrorCode::NoReassignmentInProgress);
    assert_eq!(code(&decide(&image, Some(&[3]), true)), ErrorCode::InvalidReplicaAssignment);
}

#[test]
fn replicas_that_are_gone_for_good_are_taken_away_at_once() {
    let mut image = image(&[partition(&[2, 1], &[1], 1)]);
    let decision = decide(&image, Some(&[1]), true);
    assert_eq!(code(&decision), ErrorCode::None);
    testing::replay(&mut image, &decision.records);
    let after = image.partition("t", 0).unwrap();
    assert_eq!((&after.replicas, &after.isr), (&ids(&[1]), &ids(&[1])));
    assert_eq!(after.leader, BrokerId(1));
    assert_eq!(after.leader_epoch, LeaderEpoch(5), "whoever lost its replica must be able to tell");
    assert!(after.removing_replicas.is_empty() && after.adding_replicas.is_empty());
    assert_eq!(after.directories.len(), 1);
}

#[test]
fn new_replicas_are_waited_for_until_the_reassignment_is_given_up() {
    let mut image = image(&[partition(&[1], &[1], 1)]);
    let decision = decide(&image, Some(&[2]), true);
    assert_eq!(code(&decision), ErrorCode::None);
    testing::replay(&mut image, &decision.records);
    let during = image.partition("t", 0).unwrap();
    assert_eq!(during.replicas, ids(&[2, 1]));
    assert_eq!((&during.adding_replicas, &during.removing_replicas), (&ids(&[2]), &ids(&[1])));
    assert_eq!((during.leader, during.leader_epoch), (BrokerId(1), LeaderEpoch(4)));

    let decision = decide(&image, None, true);
    assert_eq!(code(&decision), ErrorCode::None);
    testing::replay(&mut image, &decision.records);
    let after = image.partition("t", 0).unwrap();
    assert_eq!((&after.replicas, &after.isr), (&ids(&[1]), &ids(&[1])));
    assert!(after.removing_replicas.is_empty() && after.adding_replicas.is_empty());
}

#[test]
fn the_number_of_replicas_stays_where_the_client_insists() {
    let image = image(&[partition(&[2, 1], &[1], 1)]);
    assert_eq!(code(&decide(&image, Some(&[1]), false)), ErrorCode::InvalidReplicationFactor);
    assert_eq!(code(&decide(&image, Some(&[1, 2]), false)), ErrorCode::None);
}

#[test]
fn going_back_to_replicas_that_are_out_of_sync_is_refused() {
    let mut moved = partition(&[1, 2], &[1], 1);
    moved.adding_replicas = ids(&[1]);
    moved.removing_replicas = ids(&[2]);
    let image = image(&[moved]);
    let decision = decide(&image, None, true);
    assert_eq!(code(&decision), ErrorCode::InvalidReplicaAssignment);
    assert!(decision.records.is_empty());
}
