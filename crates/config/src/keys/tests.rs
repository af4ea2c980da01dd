//! What holds for every row of the tables.

use std::collections::BTreeSet;

use super::*;
use crate::{Kind, Parsed, Scope, Validator};

fn all() -> impl Iterator<Item = &'static Key> {
    broker_keys().chain(topic_keys()).chain(group_keys())
}

#[test]
fn the_tables_have_as_many_rows_as_kafka_and_our_own() {
    let ours = |key: &&Key| key.name.starts_with("ottla.");
    let dynamic_only = broker_keys().filter(|key| key.dynamic_only).count();
    assert_eq!(dynamic_only, 3);
    assert_eq!(broker_keys().count(), 379 + dynamic_only + broker_keys().filter(ours).count());
    assert_eq!(topic_keys().count(), 38 + topic_keys().filter(ours).count());
    assert_eq!(group_keys().count(), 27);
}

#[test]
fn the_dynamic_keys_are_kafkas() {
    let kafkas = || broker_keys().filter(|key| !key.name.starts_with("ottla."));
    assert_eq!(kafkas().filter(|key| key.scope == Scope::PerBroker).count(), 37);
    assert_eq!(kafkas().filter(|key| key.scope == Scope::ClusterWide).count(), 73);
}

#[test]
fn names_are_unique_within_a_table() {
    for table in [broker_keys().collect::<Vec<_>>(), topic_keys().collect(), group_keys().collect()]
    {
        let names: BTreeSet<&str> = table.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), table.len());
    }
}

#[test]
fn names_are_words_and_dots() {
    for key in all() {
        let is_plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        assert!(key.name.chars().all(is_plain), "{}", key.name);
    }
}

#[test]
fn every_default_is_allowed_by_its_own_row() {
    for key in all() {
        if let Some(default) = key.default {
            assert_eq!(key.validate(default), Ok(()), "{}", key.name);
            assert_ne!(key.default_value(), Parsed::Null, "{}", key.name);
        }
    }
}

#[test]
fn every_default_is_written_as_kafka_writes_values() {
    for key in all() {
        assert_eq!(key.default_value().to_text().as_deref(), key.default, "{}", key.name);
    }
}

#[test]
fn every_doc_is_one_sentence_of_its_own() {
    let mut seen = BTreeSet::new();
    for key in all() {
        assert!(key.doc.ends_with('.'), "{}: {}", key.name, key.doc);
        assert!(key.doc.starts_with(|c: char| c.is_ascii_uppercase()), "{}", key.name);
        assert!(!key.doc.contains("  ") && !key.doc.contains('\n'), "{}", key.name);
        assert!((10..=240).contains(&key.doc.len()), "{}: {}", key.name, key.doc.len());
        assert!(seen.insert(key.doc), "{} has the sentence of another key", key.name);
    }
}

#[test]
fn only_passwords_are_sensitive() {
    for key in all() {
        assert_eq!(key.is_sensitive(), key.kind == Kind::Password, "{}", key.name);
    }
}

#[test]
fn the_broker_key_of_a_topic_or_group_exists_and_has_its_type() {
    for key in topic_keys().chain(group_keys()) {
        let Some(name) = key.broker_key else { continue };
        let broker = broker_key(name).expect(name);
        if key.name != "streams.assignor.name" {
            assert_eq!(broker.kind, key.kind, "{}", key.name);
        }
    }
}

#[test]
fn words_of_a_choice_are_allowed_and_others_are_not() {
    for key in all() {
        if let Validator::OneOf(words) = key.validator {
            for word in words {
                assert_eq!(key.validate(word), Ok(()), "{}", key.name);
            }
            assert!(key.validate("no such word").is_err(), "{}", key.name);
        }
    }
}

#[test]
fn a_key_is_found_by_its_name() {
    assert_eq!(broker_key("num.partitions").map(|key| key.kind), Some(Kind::Int));
    assert_eq!(topic_key("retention.ms").map(|key| key.kind), Some(Kind::Long));
    assert_eq!(group_key("share.isolation.level").map(|key| key.kind), Some(Kind::String));
    assert_eq!(broker_key("retention.ms"), None);
    assert_eq!(topic_key("num.partitions"), None);
}

#[test]
fn a_key_for_one_listener_is_that_of_all_listeners() {
    let cases = [
        ("listener.name.internal.ssl.keystore.password", Some("ssl.keystore.password")),
        ("listener.name.sasl_ssl.plain.sasl.jaas.config", Some("sasl.jaas.config")),
        ("listener.name.internal.max.connections", Some("max.connections")),
        ("listener.name.internal.nonsense", None),
        ("ssl.keystore.password", None),
    ];
    for (name, expected) in cases {
        assert_eq!(listener_key(name).map(|key| key.name), expected, "{name}");
    }
}
