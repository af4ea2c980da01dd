//! CreateTopics, case by case as Kafka 4.4.0 with one broker answers.

use ottla_wire::create_topics_request::CreatableReplicaAssignment;

use super::*;
use crate::{
    Image,
    decide::{start_broker, testing},
};

fn asked(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.into(),
        num_partitions,
        replication_factor,
        ..CreatableTopic::default()
    }
}

fn with_config(name: &str, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    let config = |(name, value): &(&str, Option<&str>)| CreatableTopicConfig {
        name: (*name).into(),
        value: value.map(Into::into),
    };
    CreatableTopic { configs: configs.iter().map(config).collect(), ..asked(name, 1, 1) }
}

fn with_replicas(name: &str, assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignment = |(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index: *partition_index,
        broker_ids: brokers.to_vec(),
    };
    CreatableTopic {
        assignments: assignments.iter().map(assignment).collect(),
        ..asked(name, -1, -1)
    }
}

fn decide(image: &Image, topics: Vec<CreatableTopic>) -> Decision<CreateTopicsResponse> {
    let config = testing::config(&[("num.partitions", "3")]);
    let request = CreateTopicsRequest { topics, ..CreateTopicsRequest::default() };
    create_topics(testing::context(image, &config), &request, &mut testing::ids())
}

/// An image with the topics `taken` and `a.b`.
fn image() -> Image {
    let mut image = testing::image();
    let decision = decide(&image, vec![asked("taken", 1, 1), asked("a.b", 1, 1)]);
    testing::replay(&mut image, &decision.records);
    image
}

#[track_caller]
fn assert_refused(topic: CreatableTopic, code: ErrorCode, text: &str) {
    let name = topic.name.clone();
    let decision = decide(&image(), vec![topic]);
    let expected = CreatableTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(text.into()),
        ..CreatableTopicResult::default()
    };
    assert_eq!(decision.response.topics, [expected]);
    assert!(decision.records.is_empty());
}

#[test]
fn a_topic_is_as_the_response_says() {
    let mut image = image();
    let topic =
        CreatableTopic { num_partitions: 2, ..with_config("new", &[("retention.ms", Some("7"))]) };
    let decision = decide(&image, vec![topic]);
    testing::replay(&mut image, &decision.records);
    let [result] = decision.response.topics.as_slice() else { panic!("one result") };
    let topic = image.topic("new").unwrap();
    assert_eq!((result.error_code, result.topic_id), (0, topic.id));
    assert_eq!(result.num_partitions, topic.partition_count());
    assert_eq!(result.replication_factor, topic.replication_factor());
    assert_eq!(image.topic_overrides("new").get("retention.ms").unwrap(), "7");
    let configs = result.configs.as_deref().unwrap();
    let shown = configs.iter().find(|config| config.name == "retention.ms").unwrap();
    assert_eq!((shown.value.as_deref(), shown.config_source), (Some("7"), 1));
    let partition = topic.partition(1).unwrap();
    assert_eq!((partition.leader, partition.leader_epoch.0), (BrokerId(1), 0));
    assert_eq!((&partition.isr, &partition.replicas), (&vec![BrokerId(1)], &vec![BrokerId(1)]));
    assert_eq!(partition.directories, [testing::DIRECTORY]);
}

/// The keys of Kafka 4.4.0, in its order, and no others but Ottla's own.
#[test]
fn the_whole_configuration_is_shown() {
    let kafkas = "cleanup.policy compression.gzip.level compression.lz4.level compression.type \
                  compression.zstd.level delete.retention.ms errors.deadletterqueue.group.enable \
                  file.delete.delay.ms flush.messages flush.ms \
                  follower.replication.throttled.replicas index.interval.bytes \
                  leader.replication.throttled.replicas local.retention.bytes local.retention.ms \
                  max.compaction.lag.ms max.decompressed.message.bytes max.message.bytes \
                  message.timestamp.after.max.ms message.timestamp.before.max.ms \
                  message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms \
                  min.insync.replicas preallocate remote.copy.lag.bytes remote.copy.lag.ms \
                  remote.log.copy.disable remote.log.delete.on.disable remote.storage.enable \
                  retention.bytes retention.ms segment.bytes segment.index.bytes \
                  segment.jitter.ms segment.ms unclean.leader.election.enable";
    let decision = decide(&image(), vec![asked("new", 1, 1)]);
    let configs = decision.response.topics[0].configs.as_deref().unwrap();
    let names = configs.iter().map(|config| config.name.as_str());
    let names: Vec<_> = names.filter(|name| !name.starts_with("ottla.")).collect();
    assert_eq!(names, kafkas.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn minus_one_is_the_default() {
    let decision = decide(&image(), vec![asked("new", -1, -1)]);
    let result = &decision.response.topics[0];
    assert_eq!((result.num_partitions, result.replication_factor), (3, 1));
}

#[test]
fn records_are_in_kafkas_order() {
    let topic = with_config("new", &[("min.insync.replicas", Some("1"))]);
    let decision = decide(&image(), vec![topic]);
    let names: Vec<_> = decision.records.iter().map(MetadataRecord::name).collect();
    assert_eq!(names, ["TopicRecord", "ConfigRecord", "ClearElrRecord", "PartitionRecord"]);
}

#[test]
fn what_is_only_validated_leaves_no_record() {
    let config = testing::config(&[]);
    let request = CreateTopicsRequest {
        topics: vec![asked("new", 3, 1)],
        validate_only: true,
        ..CreateTopicsRequest::default()
    };
    let image = image();
    let context = testing::context(&image, &config);
    let decision = create_topics(context, &request, &mut testing::ids());
    let result = &decision.response.topics[0];
    assert_eq!((result.error_code, result.num_partitions), (0, 3));
    assert!(!result.topic_id.is_zero(), "Kafka gives an id all the same");
    assert!(decision.records.is_empty());
}

#[test]
fn names_are_checked() {
    use ErrorCode::{InvalidRequest, InvalidTopicException, TopicAlreadyExists};
    let invalid =
        |name: &str, text: &str| assert_refused(asked(name, 1, 1), InvalidTopicException, text);
    invalid("", "Topic name is invalid: the empty string is not allowed");
    invalid(
        "a b",
        "Topic name is invalid: 'a b' contains one or more characters other than ASCII \
         alphanumerics, '.', '_' and '-'",
    );
    let long = "x".repeat(250);
    invalid(
        &long,
        &format!(
            "Topic name is invalid: the length of '{long}' is longer than the max allowed length 249"
        ),
    );
    invalid("a_b", "Topic 'a_b' collides with existing topic: a.b");
    assert_refused(asked("taken", 1, 9), TopicAlreadyExists, "Topic 'taken' already exists.");
    assert_refused(
        asked("__cluster_metadata", 1, 1),
        InvalidRequest,
        "Creation of internal topic __cluster_metadata is prohibited.",
    );
}

#[test]
fn numbers_are_checked() {
    let partitions = "Number of partitions was set to an invalid non-positive value.";
    assert_refused(asked("new", 0, 1), ErrorCode::InvalidPartitions, partitions);
    assert_refused(asked("new", -2, 1), ErrorCode::InvalidPartitions, partitions);
    let replicas = "Replication factor must be larger than 0, or -1 to use the default value.";
    assert_refused(asked("new", 0, 0), ErrorCode::InvalidReplicationFactor, replicas);
    assert_refused(asked("new", 1, -2), ErrorCode::InvalidReplicationFactor, replicas);
    assert_refused(
        asked("new", 1, 2),
        ErrorCode::InvalidReplicationFactor,
        "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be \
         reached because only 1 broker(s) are registered or some brokers have all their log \
         directories cordoned.",
    );
}

#[test]
fn configurations_are_checked_before_numbers() {
    let refused = |configs: &[(&str, Option<&str>)], text: &str| {
        let topic = CreatableTopic { num_partitions: 0, ..with_config("new", configs) };
        assert_refused(topic, ErrorCode::InvalidConfig, text);
    };
    refused(&[("nope", Some("1"))], "Unknown topic config name: nope");
    refused(&[("", Some("0"))], "Unknown topic config name: ");
    refused(
        &[("retention.ms", Some("abc"))],
        "Invalid value abc for configuration retention.ms: Not a number of type LONG",
    );
    refused(&[("retention.ms", None)], "Null value not supported for topic configs: retention.ms");
    refused(
        &[("cleanup.policy", Some("foo"))],
        "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
    );
    refused(
        &[("min.insync.replicas", Some("0"))],
        "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1",
    );
}

#[test]
fn of_a_key_that_is_set_twice_the_last_value_counts() {
    let mut image = image();
    let topic = with_config("new", &[("retention.ms", Some("1")), ("retention.ms", Some("2"))]);
    let decision = decide(&image, vec![topic]);
    testing::replay(&mut image, &decision.records);
    assert_eq!(image.topic_overrides("new").get("retention.ms").unwrap(), "2");
}

#[test]
fn assignments_are_taken_or_refused() {
    let mut image = image();
    let decision = decide(&image, vec![with_replicas("new", &[(1, &[1]), (0, &[1])])]);
    testing::replay(&mut image, &decision.records);
    assert_eq!(decision.response.topics[0].num_partitions, 2);
    assert_eq!(image.topic("new").unwrap().partition_count(), 2);

    let refused = |assignments: &[(i32, &[i32])], text: &str| {
        let topic = with_replicas("new", assignments);
        assert_refused(topic, ErrorCode::InvalidReplicaAssignment, text);
    };
    let gap = "partitions should be a consecutive 0-based integer sequence";
    refused(&[(1, &[1])], gap);
    refused(&[(0, &[1]), (2, &[1])], gap);
    refused(&[(-1, &[1])], gap);
    refused(&[(0, &[1]), (0, &[1])], "Found multiple manual partition assignments for partition 0");
    refused(&[(0, &[])], "The manual partition assignment includes an empty replica list.");
    refused(
        &[(0, &[1, 1])],
        "The manual partition assignment includes the broker 1 more than once.",
    );
    let nobody = |id: i32| {
        format!(
            "The manual partition assignment includes broker {id}, but no such broker is registered."
        )
    };
    refused(&[(0, &[9])], &nobody(9));
    refused(&[(0, &[1, 9, 2])], &nobody(2));
    refused(&[(0, &[-1])], &nobody(-1));
}

#[test]
fn an_assignment_comes_with_no_numbers() {
    let contradiction = |field: &str| {
        format!("A manual partition assignment was specified, but {field} was not set to -1.")
    };
    let topic = with_replicas("new", &[(0, &[1])]);
    assert_refused(
        CreatableTopic { num_partitions: 2, ..topic.clone() },
        ErrorCode::InvalidRequest,
        &contradiction("numPartitions"),
    );
    assert_refused(
        CreatableTopic { num_partitions: 1, replication_factor: 1, ..topic },
        ErrorCode::InvalidRequest,
        &contradiction("replication factor"),
    );
}

#[test]
fn replicas_go_round_the_brokers() {
    let mut image = image();
    for broker in [2, 3] {
        let records = start_broker(&image, &testing::start(broker, i64::from(broker) * 100));
        testing::replay(&mut image, &records);
    }
    let decision = decide(&image, vec![asked("new", 4, 2)]);
    testing::replay(&mut image, &decision.records);
    let topic = image.topic("new").unwrap();
    let leaders: Vec<_> = topic.partitions().map(|(_, partition)| partition.leader.0).collect();
    assert_eq!(leaders, [1, 2, 3, 1]);
    assert!(topic.partitions().all(|(_, partition)| partition.isr.len() == 2));
    let uneven = decide(&image, vec![with_replicas("uneven", &[(0, &[1, 2]), (1, &[3])])]);
    assert_eq!(uneven.response.topics[0].error_code, ErrorCode::InvalidReplicaAssignment.code());
}

#[test]
fn a_name_that_appears_twice_is_refused_after_all_others() {
    let topics = vec![asked("dup", 1, 1), asked("dup", 2, 1), asked("new", 1, 1)];
    let decision = decide(&image(), topics);
    let results: Vec<_> = decision
        .response
        .topics
        .iter()
        .map(|result| (result.name.as_str(), result.error_code, result.error_message.as_deref()))
        .collect();
    let duplicate = ErrorCode::InvalidRequest.code();
    assert_eq!(results, [("new", 0, None), ("dup", duplicate, Some("Duplicate topic name."))]);
    assert_eq!(decision.records.len(), 2);
}

#[test]
fn one_refused_topic_does_not_hold_up_the_others() {
    let topics = vec![asked("z", 1, 1), asked("a", 0, 1), asked("m", 1, 1)];
    let decision = decide(&image(), topics);
    let codes: Vec<_> = decision.response.topics.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [0, ErrorCode::InvalidPartitions.code(), 0]);
}

#[test]
fn names_of_one_request_do_not_collide() {
    let decision = decide(&image(), vec![asked("x.y", 1, 1), asked("x_y", 1, 1)]);
    assert!(decision.response.topics.iter().all(|result| result.error_code == 0));
}

#[test]
fn requests_that_are_too_large_are_refused_whole() {
    let refused = |topics: Vec<CreatableTopic>, text: &str| {
        let decision = decide(&image(), topics);
        assert!(decision.records.is_empty());
        for result in decision.response.topics {
            assert_eq!(result.error_code, ErrorCode::PolicyViolation.code());
            assert_eq!(result.error_message.as_deref(), Some(text));
        }
    };
    let partitions = "Excessively large number of partitions per request.";
    refused(vec![asked("a", i32::MAX, 1)], partitions);
    refused(vec![asked("a", 9999, 1), asked("b", -1, 1)], partitions);
    refused(vec![asked("a", 10_000, 1)], "Unable to perform excessively large batch operation.");
}

#[test]
fn kafkas_own_topics_fit_a_cluster_of_one() {
    let mut image = image();
    let config = testing::config(&[("transaction.state.log.min.isr", "2")]);
    for topic in [InternalTopic::ConsumerOffsets, InternalTopic::TransactionState] {
        let context = testing::context(&image, &config);
        let decision = create_internal_topic(context, topic, &mut testing::ids());
        assert_eq!(decision.response.topics[0].error_message, None);
        testing::replay(&mut image, &decision.records);
    }
    let overrides = |topic: &str| -> Vec<_> {
        let overrides = image.topic_overrides(topic);
        overrides.iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    assert_eq!(image.topic(TopicName::CONSUMER_OFFSETS).unwrap().partition_count(), 50);
    assert_eq!(
        overrides(TopicName::CONSUMER_OFFSETS),
        ["cleanup.policy=compact", "compression.type=producer", "segment.bytes=104857600"]
    );
    assert_eq!(image.topic(TopicName::TRANSACTION_STATE).unwrap().replication_factor(), 1);
    assert_eq!(
        overrides(TopicName::TRANSACTION_STATE),
        [
            "cleanup.policy=compact",
            "compression.type=uncompressed",
            "min.insync.replicas=1",
            "segment.bytes=104857600",
            "unclean.leader.election.enable=false"
        ]
    );
}
