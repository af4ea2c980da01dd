//! AlterConfigs and IncrementalAlterConfigs, case by case as Kafka 4.4.0 answers.

use ottla_wire::{
    alter_configs_request as legacy,
    create_topics_request::*,
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
};

use super::*;
use crate::{
    Image,
    decide::{create_topics, testing},
};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// An image with the topics `t`, which has a retention, and `u`.
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
        CreateTopicsRequest { topics: vec![topic("t"), topic("u")], ..Default::default() };
    let context = testing::context(&image, &config);
    let decision = create_topics(context, &request, &mut testing::ids());
    testing::replay(&mut image, &decision.records);
    let request = asked(&ConfigResource::topic("t"), &[("retention.ms", SET, Some("5000"))]);
    let (_, records) = incremental(&image, vec![request]);
    testing::replay(&mut image, &records);
    image
}

type Ask<'a> = (&'a str, i8, Option<&'a str>);

fn asked(resource: &ConfigResource, changes: &[Ask<'_>]) -> AlterConfigsResource {
    let change = |(name, operation, value): &Ask<'_>| AlterableConfig {
        name: (*name).into(),
        config_operation: *operation,
        value: value.map(Into::into),
    };
    AlterConfigsResource {
        resource_type: resource.resource_type.0,
        resource_name: resource.name.as_str().into(),
        configs: changes.iter().map(change).collect(),
    }
}

type Answer = (ErrorCode, Option<String>);

fn incremental(
    image: &Image,
    resources: Vec<AlterConfigsResource>,
) -> (Vec<Answer>, Vec<MetadataRecord>) {
    let config = testing::config(&[]);
    let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
    let decision = incremental_alter_configs(testing::context(image, &config), &request);
    let answers = decision.response.responses.into_iter().map(|answer| {
        let text = answer.error_message.map(|text| text.to_string());
        (ErrorCode::from_code(answer.error_code), text)
    });
    (answers.collect(), decision.records)
}

#[track_caller]
fn assert_refused(resource: &ConfigResource, changes: &[Ask<'_>], code: ErrorCode, text: &str) {
    let (answers, records) = incremental(&image(), vec![asked(resource, changes)]);
    assert_eq!(answers, [(code, Some(text.to_owned()))]);
    assert!(records.is_empty());
}

/// The overrides of a resource after changes that are all accepted, as `name=value`.
#[track_caller]
fn after(image: &mut Image, resource: &ConfigResource, changes: &[Ask<'_>]) -> Vec<String> {
    let (answers, records) = incremental(image, vec![asked(resource, changes)]);
    assert_eq!(answers, [(ErrorCode::None, None)]);
    testing::replay(image, &records);
    image.overrides(resource).iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn keys_are_set_and_deleted_one_by_one() {
    let mut image = image();
    let topic = ConfigResource::topic("t");
    let now = after(&mut image, &topic, &[("segment.ms", SET, Some("9"))]);
    assert_eq!(now, ["retention.ms=5000", "segment.ms=9"]);
    let now = after(&mut image, &topic, &[("retention.ms", DELETE, None), ("nope", DELETE, None)]);
    assert_eq!(now, ["segment.ms=9"], "a key that is not set can be deleted");
}

#[test]
fn only_what_changes_is_recorded() {
    let again = asked(&ConfigResource::topic("t"), &[("retention.ms", SET, Some("5000"))]);
    let nothing = asked(&ConfigResource::topic("u"), &[("retention.ms", DELETE, None)]);
    let (answers, records) = incremental(&image(), vec![again, nothing]);
    assert_eq!((answers.len(), records.len()), (2, 0));
}

#[test]
fn lists_start_from_their_default_and_hold_nothing_twice() {
    let mut image = image();
    let topic = ConfigResource::topic("t");
    let mut policy = |operation, value| {
        let now = after(&mut image, &topic, &[("cleanup.policy", operation, Some(value))]);
        now.into_iter().find(|line| line.starts_with("cleanup.policy")).unwrap()
    };
    assert_eq!(policy(APPEND, "compact"), "cleanup.policy=delete,compact");
    assert_eq!(policy(APPEND, "compact,delete,compact"), "cleanup.policy=delete,compact");
    assert_eq!(policy(SUBTRACT, "delete,foo"), "cleanup.policy=compact");
    assert_eq!(policy(SUBTRACT, "compact"), "cleanup.policy=");
}

#[test]
fn operations_are_checked() {
    use ErrorCode::{InvalidConfig, InvalidRequest};
    let topic = ConfigResource::topic("t");
    let no_list =
        |verb: &str, key: &str| format!("Can't {verb} to key {key} because its type is not LIST.");
    let refused = |ask: Ask<'_>, code, text: &str| assert_refused(&topic, &[ask], code, text);
    refused(("retention.ms", APPEND, Some("1")), InvalidConfig, &no_list("APPEND", "retention.ms"));
    refused(
        ("retention.ms", SUBTRACT, Some("1")),
        InvalidConfig,
        &no_list("SUBTRACT", "retention.ms"),
    );
    refused(("nope", APPEND, Some("1")), InvalidConfig, &no_list("APPEND", "nope"));
    refused(
        ("retention.ms", SET, None),
        InvalidRequest,
        "Null value not supported for : retention.ms",
    );
    refused(
        ("cleanup.policy", APPEND, None),
        InvalidRequest,
        "Null value not supported for : cleanup.policy",
    );
    refused(("retention.ms", 7, Some("1")), InvalidRequest, "Unknown operation type 7");
    assert_refused(
        &topic,
        &[("retention.ms", SET, Some("1")), ("retention.ms", DELETE, None)],
        InvalidRequest,
        "Error due to duplicate config keys",
    );
}

#[test]
fn values_are_checked() {
    let refused = |ask: Ask<'_>, text: &str| {
        assert_refused(&ConfigResource::topic("t"), &[ask], ErrorCode::InvalidConfig, text);
    };
    refused(("nope", SET, Some("1")), "Unknown topic config name: nope");
    refused(
        ("retention.ms", SET, Some("abc")),
        "Invalid value abc for configuration retention.ms: Not a number of type LONG",
    );
    refused(
        ("cleanup.policy", APPEND, Some("")),
        "Configuration 'cleanup.policy' values must not be empty.",
    );
}

#[test]
fn resources_are_checked() {
    use ErrorCode::{InvalidRequest, InvalidTopicException, UnknownTopicOrPartition};
    let refused = |kind, name: &str, code, text: &str| {
        assert_refused(&ConfigResource::new(kind, name), &[], code, text);
    };
    let topic = ResourceType::TOPIC;
    refused(topic, "nosuch", UnknownTopicOrPartition, "The topic 'nosuch' does not exist.");
    refused(topic, "", InvalidRequest, "Default topic resources are not allowed.");
    refused(
        topic,
        "a b",
        InvalidTopicException,
        "Topic name is invalid: 'a b' contains one or more characters other than ASCII \
         alphanumerics, '.', '_' and '-'",
    );
    let broker = ResourceType::BROKER;
    refused(broker, "2", InvalidRequest, "Unexpected broker id, expected 1, but received 2");
    refused(broker, "-1", InvalidRequest, "Unexpected broker id, expected 1, but received -1");
    refused(broker, "abc", InvalidRequest, "Node id must be an integer, but it is: abc");
    let group = ResourceType::GROUP;
    refused(group, "", InvalidRequest, "Default group resources are not allowed.");
    let metrics = ResourceType::CLIENT_METRICS;
    refused(metrics, "", InvalidRequest, "Subscription name can't be empty");
    refused(ResourceType(77), "x", InvalidRequest, "Unknown resource type 77");
    refused(ResourceType(0), "x", InvalidRequest, "Unknown resource type 0");
}

#[test]
fn a_resource_that_appears_twice_is_refused_each_time() {
    let topic = ConfigResource::topic("t");
    let once = asked(&topic, &[("retention.ms", SET, Some("1"))]);
    let again = asked(&topic, &[("retention.bytes", SET, Some("1"))]);
    let other = asked(&ConfigResource::topic("u"), &[("retention.bytes", SET, Some("1"))]);
    let (answers, records) = incremental(&image(), vec![once, again, other]);
    let text = Some("Each resource must appear at most once.".to_owned());
    let twice = (ErrorCode::InvalidRequest, text);
    assert_eq!(answers, [twice.clone(), twice, (ErrorCode::None, None)]);
    assert_eq!(records.len(), 1);
}

#[test]
fn brokers_take_what_is_dynamic() {
    use ErrorCode::InvalidRequest;
    let mut image = image();
    let own = ConfigResource::new(ResourceType::BROKER, "1");
    let all = ConfigResource::cluster();
    let now = after(&mut image, &own, &[("log.cleaner.threads", SET, Some("2"))]);
    assert_eq!(now, ["log.cleaner.threads=2"]);
    let asks = [("log.retention.ms", SET, Some("7")), ("nope.nope", SET, Some("2"))];
    let now = after(&mut image, &all, &asks);
    assert_eq!(now, ["log.retention.ms=7", "min.insync.replicas=1", "nope.nope=2"]);
    assert_refused(
        &own,
        &[("num.partitions", SET, Some("2")), ("node.id", SET, Some("2"))],
        InvalidRequest,
        "Cannot update these configs dynamically: [node.id, num.partitions]",
    );
    assert_refused(
        &all,
        &[("listeners", SET, Some("PLAINTEXT://x:1"))],
        InvalidRequest,
        "Cannot update these configs at default cluster level, broker id must be specified: \
         [listeners]",
    );
    assert_refused(
        &all,
        &[("log.retention.ms", SET, Some("abc"))],
        InvalidRequest,
        "Invalid value abc for configuration log.retention.ms: Not a number of type LONG",
    );
}

#[test]
fn while_eligible_leaders_are_kept_the_cluster_has_one_minimum() {
    let key = "min.insync.replicas";
    assert_refused(
        &ConfigResource::cluster(),
        &[(key, DELETE, None)],
        ErrorCode::InvalidConfig,
        "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
    );
    assert_refused(
        &ConfigResource::new(ResourceType::BROKER, "1"),
        &[(key, SET, Some("1"))],
        ErrorCode::InvalidConfig,
        "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
    );
    for (resource, topic) in [(ConfigResource::topic("t"), "t"), (ConfigResource::cluster(), "")] {
        let (_, records) = incremental(&image(), vec![asked(&resource, &[(key, SET, Some("2"))])]);
        let clear = ClearElrRecord { topic_name: topic.into() };
        assert_eq!(records.last(), Some(&clear.into()));
    }
}

#[test]
fn groups_and_subscriptions_are_configured() {
    let mut image = image();
    let group = ConfigResource::group("g");
    let now = after(&mut image, &group, &[("consumer.session.timeout.ms", SET, Some("50000"))]);
    assert_eq!(now, ["consumer.session.timeout.ms=50000"]);
    let sub = ConfigResource::new(ResourceType::CLIENT_METRICS, "sub");
    let now = after(&mut image, &sub, &[("interval.ms", SET, Some("1000"))]);
    assert_eq!(now, ["interval.ms=1000"]);
    let unknown: &[Ask<'_>] = &[("nope", SET, Some("1"))];
    assert_refused(&group, unknown, ErrorCode::InvalidConfig, "Unknown group config name: nope");
    assert_refused(
        &sub,
        unknown,
        ErrorCode::InvalidRequest,
        "Unknown client metrics configuration: nope",
    );
    assert_refused(
        &sub,
        &[("interval.ms", SET, Some("5"))],
        ErrorCode::InvalidRequest,
        "Invalid value 5 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
    );
}

#[test]
fn what_is_only_validated_leaves_no_record() {
    let config = testing::config(&[]);
    let image = image();
    let request = IncrementalAlterConfigsRequest {
        resources: vec![asked(&ConfigResource::topic("t"), &[("segment.ms", SET, Some("9"))])],
        validate_only: true,
    };
    let decision = incremental_alter_configs(testing::context(&image, &config), &request);
    assert_eq!((decision.response.responses[0].error_code, decision.records.len()), (0, 0));
}

fn replaced(
    image: &Image,
    resource: &ConfigResource,
    configs: &[(&str, Option<&str>)],
) -> Decision<AlterConfigsResponse> {
    let config = |(name, value): &(&str, Option<&str>)| legacy::AlterableConfig {
        name: (*name).into(),
        value: value.map(Into::into),
    };
    let resource = legacy::AlterConfigsResource {
        resource_type: resource.resource_type.0,
        resource_name: resource.name.as_str().into(),
        configs: configs.iter().map(config).collect(),
    };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
    alter_configs(testing::context(image, &testing::config(&[])), &request)
}

#[test]
fn the_old_way_replaces_everything() {
    let mut image = image();
    let topic = ConfigResource::topic("t");
    let decision = replaced(&image, &topic, &[("segment.ms", Some("9"))]);
    testing::replay(&mut image, &decision.records);
    let now: Vec<_> = image.overrides(&topic).keys().collect();
    assert_eq!(now, ["segment.ms"]);
}

#[test]
fn the_old_way_refuses_as_the_new_one_does() {
    let cases = [
        (
            ConfigResource::topic("t"),
            ("segment.ms", None),
            ErrorCode::InvalidRequest,
            "Null value not supported for : segment.ms",
        ),
        (
            ConfigResource::topic("t"),
            ("nope", Some("1")),
            ErrorCode::InvalidConfig,
            "Unknown topic config name: nope",
        ),
        (
            ConfigResource::cluster(),
            ("log.retention.ms", Some("7")),
            ErrorCode::InvalidConfig,
            "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
        ),
        (
            ConfigResource::new(ResourceType::BROKER_LOGGER, "1"),
            ("kafka", Some("INFO")),
            ErrorCode::InvalidRequest,
            "Unknown resource type 8",
        ),
    ];
    for (resource, change, code, text) in cases {
        let decision = replaced(&image(), &resource, &[change]);
        let answer = &decision.response.responses[0];
        assert_eq!(ErrorCode::from_code(answer.error_code), code);
        assert_eq!(answer.error_message.as_deref(), Some(text));
        assert!(decision.records.is_empty());
    }
}
