//! Effective values and refusals of topics and groups, with Kafka's own texts.

use super::*;
use crate::{Layer, keys::group_resource};

fn server(given: &[(&str, &str)]) -> ServerConfig {
    let properties = properties(given).into_iter().collect();
    let layer = Layer { origin: "a test".to_owned(), properties };
    ServerConfig::load(&[layer]).expect("a valid configuration").config
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_topic_without_values_has_the_brokers() {
    let server = server(&[
        ("log.retention.hours", "2"),
        ("log.roll.hours", "3"),
        ("log.segment.bytes", "2000000"),
        ("compression.type", "zstd"),
        ("log.cleanup.policy", "compact"),
        ("ottla.ack.durability", "fsync"),
    ]);
    let config = TopicConfig::new(&server, &Properties::new());
    assert_eq!(config.get(&topic::RETENTION_MS), 7_200_000);
    assert_eq!(config.get(&topic::SEGMENT_MS), 10_800_000);
    assert_eq!(config.get(&topic::SEGMENT_BYTES), 2_000_000);
    assert_eq!(config.get(&topic::COMPRESSION_TYPE), "zstd");
    assert_eq!(config.get(&topic::OTTLA_ACK_DURABILITY), "fsync");
    assert_eq!(config.get(&topic::INTERNAL_SEGMENT_BYTES), None);
    assert!(config.is_compacted() && !config.is_deleted());
}

#[test]
fn a_topics_own_values_win() {
    let own = properties(&[("retention.ms", "5"), ("cleanup.policy", "compact, delete")]);
    let config = TopicConfig::new(&server(&[("log.retention.ms", "9")]), &own);
    assert_eq!(config.get(&topic::RETENTION_MS), 5);
    assert!(config.is_compacted() && config.is_deleted());
}

#[test]
fn a_stored_value_that_is_not_allowed_is_left_out() {
    let own = properties(&[("retention.ms", "soon"), ("no.such.key", "1")]);
    let config = TopicConfig::new(&server(&[]), &own);
    assert_eq!(config.get(&topic::RETENTION_MS), 604_800_000);
}

#[test]
fn every_key_of_a_topic_and_a_group_can_be_read() {
    let server = server(&[]);
    let (none, topics) = (Properties::new(), TopicConfig::new(&server, &Properties::new()));
    for key in keys::topic_keys() {
        assert_eq!(topics.value(key.name).to_text().as_deref(), key.default, "{}", key.name);
    }
    let groups = GroupConfig::new(&server, &none);
    for key in keys::group_keys().filter(|key| key.name != "streams.assignor.name") {
        assert_eq!(groups.value(key.name).to_text().as_deref(), key.default, "{}", key.name);
    }
    assert_eq!(groups.get(&group_resource::STREAMS_ASSIGNOR_NAME), Some("sticky"));
}

#[test]
fn a_topics_values_are_refused_in_kafkas_words() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("foo.bar", "1")], "Unknown topic config name: foo.bar"),
        (&[("foo.a", "1"), ("retention.ms", "x")], "Unknown topic config name: foo.a"),
        (&[("message.format.version", "2.0")], "Unknown topic config name: message.format.version"),
        (
            &[("retention.ms", "abc")],
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        ),
        (
            &[("segment.bytes", "100")],
            "Invalid value 100 for configuration segment.bytes: Value must be at least 1048576",
        ),
        (
            &[("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")],
            "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)",
        ),
        (
            &[("remote.storage.enable", "true")],
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured \
             with remote log storage.",
        ),
    ];
    for (own, text) in cases {
        let refusal = validate_topic(&server(&[]), &properties(own)).expect_err(text);
        assert_eq!(refusal.to_string(), *text);
    }
}

#[test]
fn values_that_only_look_wrong_are_allowed() {
    let cases: &[&[(&str, &str)]] = &[
        &[("cleanup.policy", "")],
        &[("local.retention.ms", "99999999999")],
        &[("local.retention.bytes", "10"), ("retention.bytes", "5")],
        &[("internal.segment.bytes", "100")],
        &[("min.insync.replicas", "3")],
        &[("remote.log.delete.on.disable", "true")],
    ];
    for own in cases {
        assert_eq!(validate_topic(&server(&[]), &properties(own)), Ok(()), "{own:?}");
    }
}

#[test]
fn a_topic_in_remote_storage_is_refused_in_kafkas_words() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("cleanup.policy", "compact,delete")],
            "Remote log storage only supports topics with cleanup.policy=delete or cleanup.policy \
             being an empty list.",
        ),
        (
            &[("local.retention.ms", "999999999999")],
            "Invalid value 999999999999 for configuration local.retention.ms: Value must not be \
             more than retention.ms property value: 604800000",
        ),
        (
            &[("local.retention.bytes", "-1"), ("retention.bytes", "5")],
            "Invalid value -1 for configuration local.retention.bytes: Value must not be -1 as \
             retention.bytes value is set as 5.",
        ),
        (
            &[("remote.log.copy.disable", "true"), ("local.retention.ms", "5")],
            "When `remote.log.copy.disable` is set to true, the `local.retention.ms` and \
             `retention.ms` must be set to the identical value because there will be no more logs \
             copied to the remote storage.",
        ),
        (
            &[("remote.copy.lag.ms", "20"), ("retention.ms", "10")],
            "Invalid value 20 for configuration remote.copy.lag.ms: Value must not exceed \
             local.retention.ms (effective value: 10)",
        ),
    ];
    let server = server(&[("remote.log.storage.system.enable", "true")]);
    for (own, text) in cases {
        let mut own = properties(own);
        own.insert("remote.storage.enable".to_owned(), "true".to_owned());
        assert_eq!(validate_topic(&server, &own).expect_err(text).to_string(), *text);
    }
    for own in
        [[("cleanup.policy", "")], [("local.retention.ms", "0")], [("remote.copy.lag.ms", "-1")]]
    {
        let mut own = properties(&own);
        own.insert("remote.storage.enable".to_owned(), "true".to_owned());
        assert_eq!(validate_topic(&server, &own), Ok(()));
    }
}

#[test]
fn a_groups_values_are_refused_in_kafkas_words() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("foo", "1")], "Unknown group config name: foo"),
        (
            &[("consumer.session.timeout.ms", "1")],
            "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.",
        ),
        (
            &[("share.delivery.count.limit", "11")],
            "share.delivery.count.limit must be in the range 2 to 10 inclusive.",
        ),
        (
            &[("share.delivery.count.limit", "1")],
            "Invalid value 1 for configuration share.delivery.count.limit: Value must be at least 2",
        ),
        (
            &[("streams.num.standby.replicas", "5")],
            "streams.num.standby.replicas must be less than or equal to 2",
        ),
        (
            &[("streams.task.offset.interval.ms", "5")],
            "streams.task.offset.interval.ms must be greater than or equal to 15000",
        ),
        (
            &[("streams.assignor.name", "foo")],
            "streams.assignor.name 'foo' is not a registered task assignor. Registered assignors \
             are: [sticky].",
        ),
        (
            &[("streams.rack.aware.assignment.tags", "a, a")],
            "streams.rack.aware.assignment.tags must not contain duplicate tag keys.",
        ),
        (
            &[("errors.deadletterqueue.topic.name", "__x")],
            "errors.deadletterqueue.topic.name: DLQ topic name must not start with '__'",
        ),
    ];
    for (own, text) in cases {
        let refusal = validate_group(&server(&[]), &properties(own)).expect_err(text);
        assert_eq!(refusal.to_string(), *text);
    }
    let allowed = [("consumer.session.timeout.ms", "47000"), ("streams.num.warmup.replicas", "1")];
    assert_eq!(validate_group(&server(&[]), &properties(&allowed)), Ok(()));
}

#[test]
fn a_member_must_be_heard_of_before_it_is_given_up() {
    let server = server(&[
        ("group.consumer.min.session.timeout.ms", "1"),
        ("group.consumer.min.heartbeat.interval.ms", "1"),
    ]);
    let own = properties(&[
        ("consumer.session.timeout.ms", "10"),
        ("consumer.heartbeat.interval.ms", "10"),
    ]);
    assert_eq!(
        validate_group(&server, &own).expect_err("equal times").to_string(),
        "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms"
    );
}

#[test]
fn a_groups_value_moves_into_bounds_that_changed() {
    let own = properties(&[("consumer.session.timeout.ms", "47000")]);
    let server = server(&[
        ("group.consumer.min.session.timeout.ms", "50000"),
        ("group.consumer.session.timeout.ms", "55000"),
    ]);
    let config = GroupConfig::new(&server, &own);
    assert_eq!(config.get(&group_resource::CONSUMER_SESSION_TIMEOUT_MS), 50_000);
}
