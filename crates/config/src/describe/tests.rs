//! Listings compared with those of a running Kafka that had the same values set.

use super::*;
use crate::Layer;

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The server of the comparison: what its file, its cluster and its own dynamic configuration had.
fn server() -> ServerConfig {
    let fixed = properties(&[
        ("log.retention.hours", "24"),
        ("log.roll.ms", "1000000"),
        ("log.segment.bytes", "1073741824"),
        ("log.flush.scheduler.interval.ms", "77777"),
        ("log.cleaner.io.max.bytes.per.second", "12345678"),
        ("compression.gzip.level", "5"),
        ("group.consumer.session.timeout.ms", "46000"),
        ("group.streams.assignors", "sticky"),
        ("log.initial.task.delay.ms", "1000"),
        ("ssl.keystore.location", ""),
        ("listener.name.plaintext.ssl.keystore.location", "/x"),
        ("listener.name.plaintext.ssl.client.auth", "none"),
        ("my.unknown", "5"),
    ]);
    let layer = Layer { origin: "a test".to_owned(), properties: fixed.into_iter().collect() };
    ServerConfig::load(&[layer]).expect("a valid configuration").config
}

fn server_with_dynamic_values() -> ServerConfig {
    let defaults = properties(&[
        ("log.retention.ms", "-5"),
        ("log.cleaner.threads", "100"),
        ("leader.replication.throttled.rate", "1000"),
        ("max.connections", "1000"),
        ("my.unknown", "3"),
    ]);
    let own = properties(&[
        ("log.cleaner.threads", "2"),
        ("log.flush.interval.ms", "4444"),
        ("message.max.bytes", "5"),
        ("sasl.jaas.config", "secret"),
        ("listener.name.plaintext.ssl.keystore.location", "/y"),
        ("listener.name.plaintext.ssl.keystore.password", "secret"),
        ("listener.name.plaintext.max.connections", "7"),
    ]);
    let (changed, faults) = server().with_dynamic(&defaults, &own);
    assert_eq!(faults, []);
    changed
}

/// One line per key: value, source, sensitive, read-only, type, then the synonyms.
fn line(list: &[Described], name: &str) -> String {
    let found = list.iter().find(|it| it.name == name);
    let it = found.unwrap_or_else(|| panic!("{name} is not listed"));
    let null = || "null".to_owned();
    let head = format!(
        "{} {:?} {} {} {}",
        it.value.clone().unwrap_or_else(null),
        it.source,
        it.is_sensitive,
        it.read_only,
        it.config_type
    );
    let synonyms = it.synonyms.iter().map(|synonym| {
        let value = synonym.value.clone().unwrap_or_else(null);
        format!("{}={value} {:?}", synonym.name, synonym.source)
    });
    std::iter::once(head).chain(synonyms).collect::<Vec<_>>().join(" | ")
}

#[test]
fn a_topic_is_described_as_kafka_does() {
    let own = properties(&[
        ("cleanup.policy", "compact, delete"),
        ("segment.ms", "2000000"),
        ("flush.messages", " 7 "),
        ("min.cleanable.dirty.ratio", ".7"),
        ("internal.segment.bytes", "100"),
        ("leader.replication.throttled.replicas", "*"),
    ]);
    let list = describe_topic(&server_with_dynamic_values(), &own);
    let cases = [
        (
            "cleanup.policy",
            "compact,delete DynamicTopic false false 7 | cleanup.policy=compact,delete DynamicTopic \
             | log.cleanup.policy=delete Default",
        ),
        (
            "segment.ms",
            "2000000 DynamicTopic false false 5 | segment.ms=2000000 DynamicTopic | \
             log.roll.ms=1000000 StaticBroker | log.roll.hours=168 Default",
        ),
        (
            "retention.ms",
            "-1 DynamicDefaultBroker false false 5 | log.retention.ms=-5 DynamicDefaultBroker | \
             log.retention.hours=24 StaticBroker | log.retention.hours=168 Default",
        ),
        (
            "flush.ms",
            "4444 DynamicBroker false false 5 | log.flush.interval.ms=4444 DynamicBroker | \
             log.flush.scheduler.interval.ms=77777 StaticBroker | \
             log.flush.scheduler.interval.ms=9223372036854775807 Default",
        ),
        (
            "flush.messages",
            "7 DynamicTopic false false 5 | flush.messages=7 DynamicTopic | \
             log.flush.interval.messages=9223372036854775807 Default",
        ),
        (
            "min.cleanable.dirty.ratio",
            "0.7 DynamicTopic false false 6 | min.cleanable.dirty.ratio=0.7 DynamicTopic | \
             log.cleaner.min.cleanable.ratio=0.5 Default",
        ),
        (
            "max.message.bytes",
            "5 DynamicBroker false false 3 | message.max.bytes=5 DynamicBroker | \
             message.max.bytes=1048588 Default",
        ),
        (
            "internal.segment.bytes",
            "100 DynamicTopic false false 3 | internal.segment.bytes=100 DynamicTopic",
        ),
        (
            "leader.replication.throttled.replicas",
            "* DynamicTopic false false 7 | leader.replication.throttled.replicas=* DynamicTopic",
        ),
        ("follower.replication.throttled.replicas", " Default false false 7"),
        ("segment.jitter.ms", "0 Default false false 5"),
        ("remote.storage.enable", "false Default false false 1"),
    ];
    for (name, expected) in cases {
        assert_eq!(line(&list, name), expected, "{name}");
    }
}

#[test]
fn hours_alone_give_a_topic_its_value_but_are_no_source() {
    let list = describe_topic(&server(), &Properties::new());
    assert_eq!(line(&list, "retention.ms"), "86400000 Default false false 5");
    assert_eq!(line(&list, "flush.ms"), "77777 Default false false 5");
    assert_eq!(
        line(&list, "segment.ms"),
        "1000000 StaticBroker false false 5 | log.roll.ms=1000000 StaticBroker | \
         log.roll.hours=168 Default"
    );
    assert_eq!(list.len(), 37 + 1, "Kafka's keys without the internal one, and ours");
    assert!(list.iter().all(|it| it.doc.is_some()));
}

#[test]
fn a_broker_is_described_as_kafka_does() {
    let list = describe_broker(&server_with_dynamic_values());
    let cases = [
        (
            "log.cleaner.threads",
            "2 DynamicBroker false false 3 | log.cleaner.threads=2 DynamicBroker | \
             log.cleaner.threads=100 DynamicDefaultBroker | log.cleaner.threads=1 Default",
        ),
        (
            "log.cleaner.io.max.bytes.per.second",
            "1.2345678E7 StaticBroker false false 6 | \
             log.cleaner.io.max.bytes.per.second=12345678 StaticBroker | \
             log.cleaner.io.max.bytes.per.second=1.7976931348623157E308 Default",
        ),
        (
            "log.retention.ms",
            "-5 DynamicDefaultBroker false false 5 | log.retention.ms=-5 DynamicDefaultBroker | \
             log.retention.hours=24 StaticBroker | log.retention.hours=168 Default",
        ),
        ("log.retention.minutes", "null Default false true 3"),
        ("log.roll.hours", "168 Default false true 3 | log.roll.hours=168 Default"),
        (
            "sasl.jaas.config",
            "null DynamicBroker true false 9 | sasl.jaas.config=null DynamicBroker",
        ),
        ("ssl.keystore.password", "null Default true false 9"),
        (
            "ssl.keystore.location",
            " StaticBroker false false 2 | ssl.keystore.location= StaticBroker",
        ),
        (
            "log.initial.task.delay.ms",
            "1000 StaticBroker false true 5 | log.initial.task.delay.ms=1000 StaticBroker | \
             log.initial.task.delay.ms=30000 Default",
        ),
        (
            "leader.replication.throttled.rate",
            "1000 DynamicDefaultBroker false false 5 | leader.replication.throttled.rate=1000 \
             DynamicDefaultBroker",
        ),
        (
            "principal.builder.class",
            "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder Default \
             false false 8 | principal.builder.class=\
             org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder Default",
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(line(&list, name), expected, "{name}");
    }
}

#[test]
fn keys_of_one_listener_and_unknown_keys_are_described_as_kafka_does() {
    let list = describe_broker(&server_with_dynamic_values());
    let cases = [
        (
            "my.unknown",
            "null DynamicDefaultBroker true true 0 | my.unknown=null DynamicDefaultBroker | \
             my.unknown=null StaticBroker",
        ),
        (
            "listener.name.plaintext.ssl.keystore.location",
            "/y DynamicBroker false true 2 | \
             listener.name.plaintext.ssl.keystore.location=/y DynamicBroker | \
             listener.name.plaintext.ssl.keystore.location=/x StaticBroker | \
             ssl.keystore.location= StaticBroker",
        ),
        (
            "listener.name.plaintext.ssl.keystore.password",
            "null DynamicBroker true true 9 | \
             listener.name.plaintext.ssl.keystore.password=null DynamicBroker",
        ),
        (
            "listener.name.plaintext.max.connections",
            "7 DynamicBroker false true 3 | listener.name.plaintext.max.connections=7 \
             DynamicBroker | max.connections=1000 DynamicDefaultBroker | \
             max.connections=2147483647 Default",
        ),
        (
            "listener.name.plaintext.ssl.client.auth",
            "none StaticBroker false true 2 | listener.name.plaintext.ssl.client.auth=none \
             StaticBroker | ssl.client.auth=none Default",
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(line(&list, name), expected, "{name}");
    }
}

#[test]
fn internal_and_dynamic_keys_are_not_listed_before_they_are_set() {
    let names =
        |list: &[Described]| list.iter().map(|it| it.name.clone()).collect::<BTreeSet<String>>();
    let empty = ServerConfig::load(&[]).expect("the defaults").config;
    let listed = names(&describe_broker(&empty));
    assert_eq!(listed.iter().filter(|name| !name.starts_with("ottla.")).count(), 350);
    assert!(!listed.contains("log.initial.task.delay.ms"));
    assert!(!listed.contains("leader.replication.throttled.rate"));
}

#[test]
fn the_cluster_is_described_by_what_is_set_on_it() {
    let defaults =
        properties(&[("log.retention.ms", "-5"), ("my.unknown", "3"), ("sasl.jaas.config", "x")]);
    let list = describe_broker_defaults(&defaults);
    assert_eq!(list.len(), 3);
    assert_eq!(
        line(&list, "log.retention.ms"),
        "-5 DynamicDefaultBroker false false 5 | log.retention.ms=-5 DynamicDefaultBroker"
    );
    assert_eq!(
        line(&list, "my.unknown"),
        "null DynamicDefaultBroker true true 0 | my.unknown=null DynamicDefaultBroker"
    );
    assert!(!format!("{list:?}").contains("\"x\""), "a secret is shown");
}

#[test]
fn a_group_is_described_as_kafka_does() {
    let own = properties(&[
        ("consumer.session.timeout.ms", "47000"),
        ("streams.assignor.name", "sticky"),
        ("errors.deadletterqueue.topic.name", "dlq.x"),
        ("streams.num.warmup.replicas", "1"),
    ]);
    let list = describe_group(&server(), &own);
    let cases = [
        (
            "consumer.session.timeout.ms",
            "47000 Group false false 3 | consumer.session.timeout.ms=47000 Group | \
             group.consumer.session.timeout.ms=46000 StaticBroker | \
             group.consumer.session.timeout.ms=45000 Default",
        ),
        (
            "streams.assignor.name",
            "sticky Group false false 2 | streams.assignor.name=sticky Group | \
             group.streams.assignors=sticky StaticBroker | group.streams.assignors=sticky Default",
        ),
        (
            "errors.deadletterqueue.topic.name",
            "dlq.x Group false false 2 | errors.deadletterqueue.topic.name=dlq.x Group | \
             errors.deadletterqueue.topic.name= Default",
        ),
        (
            "share.isolation.level",
            "read_uncommitted Default false false 2 | share.isolation.level=read_uncommitted Default",
        ),
        (
            "streams.rack.aware.assignment.tags",
            " Default false false 7 | group.streams.rack.aware.assignment.tags= Default",
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(line(&list, name), expected, "{name}");
    }
    assert_eq!(list.len(), 21 + 1, "Kafka's keys, and the internal one that was set");
}

#[test]
fn sources_have_kafkas_numbers() {
    let all = [
        Source::DynamicTopic,
        Source::DynamicBroker,
        Source::DynamicDefaultBroker,
        Source::StaticBroker,
        Source::Default,
        Source::DynamicBrokerLogger,
        Source::ClientMetrics,
        Source::Group,
    ];
    assert_eq!(all.map(Source::code), [1, 2, 3, 4, 5, 6, 7, 8]);
}
