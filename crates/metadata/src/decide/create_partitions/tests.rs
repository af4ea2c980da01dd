//! CreatePartitions, case by case as Kafka 4.4.0 with one broker answers.

use ottla_wire::{create_partitions_request::CreatePartitionsAssignment, create_topics_request::*};

use super::*;
use crate::{
    Image,
    decide::{create_topics, testing},
};

/// An image with the topics `one` and `four`, which have as many partitions.
fn image() -> Image {
    let mut image = testing::image();
    let config = testing::config(&[]);
    let topic = |name: &str, num_partitions| CreatableTopic {
        name: name.into(),
        num_partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![topic("one", 1), topic("four", 4)],
        ..CreateTopicsRequest::default()
    };
    let context = testing::context(&image, &config);
    let decision = create_topics(context, &request, &mut testing::ids());
    testing::replay(&mut image, &decision.records);
    image
}

fn more(name: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic { name: name.into(), count, assignments: None }
}

fn assigned(count: i32, replicas: &[&[i32]]) -> CreatePartitionsTopic {
    let assignment = |ids: &&[i32]| CreatePartitionsAssignment { broker_ids: ids.to_vec() };
    let assignments = Some(replicas.iter().map(assignment).collect());
    CreatePartitionsTopic { assignments, ..more("four", count) }
}

fn decide(image: &Image, topics: Vec<CreatePartitionsTopic>) -> Decision<CreatePartitionsResponse> {
    let config = testing::config(&[]);
    let request = CreatePartitionsRequest { topics, ..CreatePartitionsRequest::default() };
    create_partitions(testing::context(image, &config), &request)
}

#[track_caller]
fn assert_refused(topic: CreatePartitionsTopic, code: ErrorCode, text: Option<&str>) {
    let decision = decide(&image(), vec![topic]);
    let result = &decision.response.results[0];
    assert_eq!(ErrorCode::from_code(result.error_code), code);
    assert_eq!(result.error_message.as_deref(), text);
    assert!(decision.records.is_empty());
}

#[test]
fn partitions_are_added_after_those_that_exist() {
    let mut image = image();
    let decision = decide(&image, vec![more("one", 3), assigned(5, &[&[1]])]);
    assert!(decision.response.results.iter().all(|result| result.error_code == 0));
    testing::replay(&mut image, &decision.records);
    for (name, count) in [("one", 3), ("four", 5)] {
        let topic = image.topic(name).unwrap();
        assert_eq!(topic.partition_count(), count);
        assert!(topic.partitions().all(|(_, partition)| partition.leader.0 == 1));
    }
}

#[test]
fn what_is_only_validated_leaves_no_record() {
    let config = testing::config(&[]);
    let image = image();
    let request = CreatePartitionsRequest {
        topics: vec![more("one", 2)],
        validate_only: true,
        ..CreatePartitionsRequest::default()
    };
    let decision = create_partitions(testing::context(&image, &config), &request);
    assert_eq!((decision.response.results[0].error_code, decision.records.len()), (0, 0));
}

#[test]
fn fewer_or_as_many_are_refused() {
    use ErrorCode::InvalidPartitions;
    assert_refused(more("four", 4), InvalidPartitions, Some("Topic already has 4 partition(s)."));
    for count in [3, 0, -1] {
        let text = format!(
            "The topic four currently has 4 partition(s); {count} would not be an increase."
        );
        assert_refused(more("four", count), InvalidPartitions, Some(&text));
    }
}

#[test]
fn a_topic_that_does_not_exist_is_refused_without_a_text() {
    for name in ["nosuch", "", "a b", "__cluster_metadata"] {
        assert_refused(more(name, 4), ErrorCode::UnknownTopicOrPartition, None);
    }
}

#[test]
fn assignments_are_checked() {
    let refused = |topic, text: &str| {
        assert_refused(topic, ErrorCode::InvalidReplicaAssignment, Some(text));
    };
    let count = |added: i32, given: i32| {
        format!(
            "Attempted to add {added} additional partition(s), but only {given} assignment(s) were \
             specified."
        )
    };
    refused(assigned(6, &[&[1]]), &count(2, 1));
    refused(assigned(6, &[]), &count(2, 0));
    refused(assigned(5, &[&[1], &[1]]), &count(1, 2));
    refused(assigned(5, &[&[]]), "The manual partition assignment includes an empty replica list.");
    refused(
        assigned(5, &[&[1, 1]]),
        "The manual partition assignment includes the broker 1 more than once.",
    );
    refused(
        assigned(5, &[&[9]]),
        "The manual partition assignment includes broker 9, but no such broker is registered.",
    );
}

#[test]
fn a_name_that_appears_twice_is_answered_once() {
    let decision = decide(&image(), vec![more("one", 5), more("one", 6), more("four", 5)]);
    let results: Vec<_> = decision
        .response
        .results
        .iter()
        .map(|result| (result.name.as_str(), result.error_code, result.error_message.as_deref()))
        .collect();
    let code = ErrorCode::InvalidRequest.code();
    assert_eq!(results, [("one", code, Some("Duplicate topic name.")), ("four", 0, None)]);
}

#[test]
fn requests_that_are_too_large_are_refused() {
    assert_refused(
        more("one", 20_001),
        ErrorCode::PolicyViolation,
        Some("Excessively large number of additional partitions per request."),
    );
}
