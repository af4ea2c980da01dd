//! DeleteTopics, case by case as Kafka 4.4.0 answers.

use ottla_wire::{create_topics_request::*, delete_topics_request::DeleteTopicState};

use super::*;
use crate::{
    Image,
    decide::{create_topics, testing},
};

/// An image with the topics `a` and `b`, whose ids are 101 and 102.
fn image() -> Image {
    let mut image = testing::image();
    let config = testing::config(&[]);
    let topic = |name: &str| CreatableTopic {
        name: name.into(),
        num_partitions: 1,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request =
        CreateTopicsRequest { topics: vec![topic("a"), topic("b")], ..Default::default() };
    let context = testing::context(&image, &config);
    let decision = create_topics(context, &request, &mut testing::ids());
    testing::replay(&mut image, &decision.records);
    image
}

fn id(number: u128) -> Uuid {
    Uuid(number.to_be_bytes())
}

fn target(name: Option<&str>, topic_id: Uuid) -> DeleteTopicState {
    DeleteTopicState { name: name.map(Into::into), topic_id }
}

type Row<'a> = (Option<&'a str>, Uuid, ErrorCode, Option<&'a str>);

#[track_caller]
fn assert_decided(
    request: &DeleteTopicsRequest,
    config: &[(&str, &str)],
    version: i16,
    expected: &[Row<'_>],
) {
    let mut image = image();
    let config = testing::config(config);
    let decision = delete_topics(testing::context(&image, &config), request, version);
    let rows: Vec<_> = decision
        .response
        .responses
        .iter()
        .map(|result| {
            let code = ErrorCode::from_code(result.error_code);
            (result.name.as_deref(), result.topic_id, code, result.error_message.as_deref())
        })
        .collect();
    assert_eq!(rows, expected);
    testing::replay(&mut image, &decision.records);
    for (name, topic_id, code, _) in expected {
        if *code == ErrorCode::None {
            assert!(image.topic(name.unwrap()).is_none());
            assert!(image.topic_by_id(*topic_id).is_none());
        }
    }
    let deleted = expected.iter().filter(|row| row.2 == ErrorCode::None).count();
    assert_eq!(image.topics().len(), 2 - deleted);
}

#[track_caller]
fn assert_by_either(topics: Vec<DeleteTopicState>, expected: &[Row<'_>]) {
    let request = DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() };
    assert_decided(&request, &[], 6, expected);
}

fn by_name(names: &[&str]) -> DeleteTopicsRequest {
    DeleteTopicsRequest {
        topic_names: names.iter().copied().map(Into::into).collect(),
        ..DeleteTopicsRequest::default()
    }
}

#[test]
fn topics_are_deleted_by_name_or_by_id() {
    assert_by_either(
        vec![target(Some("a"), Uuid::ZERO), target(None, id(102))],
        &[(Some("a"), id(101), ErrorCode::None, None), (Some("b"), id(102), ErrorCode::None, None)],
    );
    assert_decided(&by_name(&["b"]), &[], 1, &[(Some("b"), id(102), ErrorCode::None, None)]);
}

#[test]
fn what_does_not_exist_is_said_so() {
    assert_by_either(
        vec![target(Some("no such"), Uuid::ZERO), target(None, id(7))],
        &[
            (
                Some("no such"),
                Uuid::ZERO,
                ErrorCode::UnknownTopicOrPartition,
                Some("This server does not host this topic-partition."),
            ),
            (
                None,
                id(7),
                ErrorCode::UnknownTopicId,
                Some("This server does not host this topic ID."),
            ),
        ],
    );
}

#[test]
fn one_of_name_and_id_is_given() {
    let both = "You may not specify both topic name and topic id.";
    let neither = "Neither topic name nor id were specified.";
    assert_by_either(
        vec![target(Some("a"), id(101)), target(None, Uuid::ZERO)],
        &[
            (Some("a"), id(101), ErrorCode::InvalidRequest, Some(both)),
            (None, Uuid::ZERO, ErrorCode::InvalidRequest, Some(neither)),
        ],
    );
}

#[test]
fn what_appears_twice_is_not_deleted() {
    let again = "Duplicate topic name.";
    assert_decided(
        &by_name(&["a", "b", "a"]),
        &[],
        5,
        &[
            (Some("a"), Uuid::ZERO, ErrorCode::InvalidRequest, Some(again)),
            (Some("b"), id(102), ErrorCode::None, None),
        ],
    );
    assert_by_either(
        vec![target(None, id(101)), target(None, id(101))],
        &[(None, id(101), ErrorCode::InvalidRequest, Some("Duplicate topic id."))],
    );
    let given = "The provided topic name maps to an ID that was already supplied.";
    let (by_name, by_id) = (target(Some("a"), Uuid::ZERO), target(None, id(101)));
    for topics in [vec![by_name.clone(), by_id.clone()], vec![by_id, by_name]] {
        assert_by_either(topics, &[(Some("a"), id(101), ErrorCode::InvalidRequest, Some(given))]);
    }
}

#[test]
fn deletion_can_be_disabled() {
    let off: &[(&str, &str)] = &[("delete.topic.enable", "false")];
    let row = |code| [(Some("a"), Uuid::ZERO, code, None)];
    assert_decided(&by_name(&["a"]), off, 3, &row(ErrorCode::TopicDeletionDisabled));
    assert_decided(&by_name(&["a"]), off, 2, &row(ErrorCode::InvalidRequest));
}
