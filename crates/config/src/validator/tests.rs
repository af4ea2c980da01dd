//! Refusals with Kafka's own texts, taken from a running Kafka.

use crate::{Key, keys};

fn refusal(find: fn(&str) -> Option<&'static Key>, name: &str, text: &str) -> String {
    let key = find(name).expect(name);
    key.validate(text).expect_err(&format!("{name}={text}")).to_string()
}

#[test]
fn a_brokers_values_are_refused_in_kafkas_words() {
    let cases = [
        ("num.partitions", "-1", "Value must be at least 1"),
        ("num.partitions", "x", "Not a number of type INT"),
        ("num.partitions", "", "Not a number of type INT"),
        ("num.partitions", "99999999999", "Not a number of type INT"),
        ("num.partitions", "0x10", "Not a number of type INT"),
        ("num.partitions", "1.5", "Not a number of type INT"),
        ("log.retention.ms", "", "Not a number of type LONG"),
        ("offsets.topic.replication.factor", "70000", "Not a number of type SHORT"),
        ("offsets.topic.replication.factor", "0", "Value must be at least 1"),
        ("auto.create.topics.enable", "yes", "Expected value to be either true or false"),
        ("log.cleaner.min.cleanable.ratio", "1.5", "Value must be no more than 1"),
        ("log.cleaner.min.cleanable.ratio", "abc", "Not a number of type DOUBLE"),
        (
            "compression.type",
            "GZIP",
            "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        ("compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"),
        ("compression.gzip.level", "10", "Value must be between 1 and 9 or equal to -1"),
        ("compression.lz4.level", "18", "Value must be no more than 17"),
        ("log.cleanup.policy", "foo", "String must be one of: compact, delete"),
        (
            "group.consumer.migration.policy",
            "x",
            "String must be one of (case insensitive): DISABLED, DOWNGRADE, UPGRADE, BIDIRECTIONAL",
        ),
        ("ssl.client.auth", "Required", "String must be one of: required, requested, none"),
        ("remote.log.metadata.manager.class.name", "", "String must be non-empty"),
        ("log.local.retention.ms", "-3", "Value must be at least -2"),
    ];
    for (name, text, why) in cases {
        let expected = format!("Invalid value {text} for configuration {name}: {why}");
        assert_eq!(refusal(keys::broker_key, name, text), expected);
    }
}

#[test]
fn lists_are_refused_in_kafkas_words() {
    let cases = [
        (
            "log.cleanup.policy",
            "delete,,compact",
            "Configuration 'log.cleanup.policy' values must not be empty.",
        ),
        (
            "log.cleanup.policy",
            ",delete",
            "Configuration 'log.cleanup.policy' values must not be empty.",
        ),
        (
            "log.dirs",
            "",
            "Configuration 'log.dirs' must not be empty. Valid values include: any non-empty value",
        ),
        (
            "group.coordinator.rebalance.protocols",
            "",
            "Configuration 'group.coordinator.rebalance.protocols' must not be empty. Valid values \
             include: [consumer, classic, share, streams]",
        ),
        (
            "controller.quorum.voters",
            "x",
            "Invalid configuration value for controller.quorum.voters. Each entry should be in the \
             form `{id}@{host}:{port}`.",
        ),
        (
            "controller.quorum.voters",
            "1@h",
            "Failed to parse host name from entry 1@h for the configuration \
             controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.",
        ),
        (
            "controller.quorum.bootstrap.servers",
            "h",
            "Failed to parse host name from h for the configuration \
             controller.quorum.bootstrap.servers. Each entry should be in the form \
             \"{host}:{port}\"",
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(refusal(keys::broker_key, name, text), expected);
    }
}

#[test]
fn throttled_replicas_are_an_asterisk_or_pairs() {
    for text in ["x", "none", "1:x", "1", ":", "*,1:2", "1:2,,3:4"] {
        let items = text.split(',').collect::<Vec<_>>().join(", ");
        let name = "leader.replication.throttled.replicas";
        let expected = format!(
            "Invalid value [{items}] for configuration {name}: {name} must be the literal '*' or a \
             list of replicas in the following format: \
             [partitionId]:[brokerId],[partitionId]:[brokerId],..."
        );
        assert_eq!(refusal(keys::topic_key, name, text), expected);
    }
}

#[test]
fn a_share_group_starts_at_an_end_or_a_duration_ago() {
    let key = keys::group_key("share.auto.offset.reset").expect("a key of groups");
    for text in [
        "earliest",
        "latest",
        "by_duration:PT1H",
        "by_duration:pt1h",
        "by_duration:P2D",
        "by_duration:P1DT2H3M4.5S",
        "by_duration:PT0S",
    ] {
        assert_eq!(key.validate(text), Ok(()), "{text}");
    }
    for text in [
        "",
        "EARLIEST",
        "by_duration:",
        "by_duration:P",
        "by_duration:PT",
        "by_duration:P1DT",
        "by_duration:P1Y",
        "by_duration:-PT1H",
        "by_duration:PT1.5H",
        "by_duration:PT1S1M",
    ] {
        let refusal = key.validate(text).expect_err(text).to_string();
        assert!(refusal.contains("must be either 'earliest', 'latest'"), "{refusal}");
    }
}

#[test]
fn limits_of_hosts_are_pairs() {
    let key = keys::broker_key("max.connections.per.ip.overrides").expect("a key");
    assert_eq!(key.validate(""), Ok(()));
    assert_eq!(key.validate("127.0.0.1:5, host:7"), Ok(()));
    for text in ["bad", "host:", "host:x", "a:1,b"] {
        assert!(key.validate(text).is_err(), "{text}");
    }
}
