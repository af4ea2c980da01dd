//! Values as Kafka reads and writes them; the table was taken from a running Kafka.

use super::*;
use crate::keys::{broker_key, topic_key};

#[test]
fn values_are_read_and_written_as_kafka_does() {
    let cases = [
        ("num.partitions", " 3 ", "3"),
        ("num.partitions", "+5", "5"),
        ("auto.create.topics.enable", "TRUE", "true"),
        ("auto.create.topics.enable", " false ", "false"),
        ("log.cleaner.min.cleanable.ratio", ".5", "0.5"),
        ("log.cleaner.min.cleanable.ratio", "1e-3", "0.001"),
        ("log.cleaner.min.cleanable.ratio", "1d", "1.0"),
        ("log.cleaner.min.cleanable.ratio", "NaN", "NaN"),
        ("log.cleaner.io.max.bytes.per.second", "100", "100.0"),
        ("log.cleaner.io.max.bytes.per.second", "1e7", "1.0E7"),
        ("log.cleaner.io.max.bytes.per.second", "12345678.9", "1.23456789E7"),
        ("log.cleaner.io.max.bytes.per.second", "0.0001", "1.0E-4"),
        ("log.cleaner.io.max.bytes.per.second", "Infinity", "Infinity"),
        ("log.cleanup.policy", "compact,compact", "compact"),
        ("log.cleanup.policy", "", ""),
        ("log.cleanup.policy", "compact, delete", "compact,delete"),
        ("listeners", "A://:1,A://:1", "A://:1"),
        ("group.consumer.migration.policy", "Upgrade", "Upgrade"),
        ("sasl.enabled.mechanisms", "", ""),
        ("cordoned.log.dirs", "*,x", "*,x"),
    ];
    for (name, text, written) in cases {
        let parsed = broker_key(name).expect(name).parse(text);
        assert_eq!(
            parsed.map(|value| value.to_text()),
            Ok(Some(written.to_owned())),
            "{name}={text}"
        );
    }
}

#[test]
fn throttled_replicas_keep_what_was_written() {
    let key = topic_key("leader.replication.throttled.replicas").expect("a key of topics");
    for text in ["*", "1:2,3:4", "1:2,", "1:2,1:2", ""] {
        let parsed = key.parse(text).expect(text);
        assert_eq!(parsed.to_text().as_deref(), Some(text));
    }
}

#[test]
fn a_password_keeps_its_white_space() {
    let key = broker_key("ssl.keystore.password").expect("a key");
    assert_eq!(key.parse(" x "), Ok(Parsed::Text(" x ".to_owned())));
}

#[test]
fn a_value_of_another_type_is_not_read() {
    assert_eq!(i32::read(&Parsed::Long(1)), None);
    assert_eq!(i64::read(&Parsed::Long(1)), Some(1));
    assert_eq!(bool::read(&Parsed::Null), None);
    assert_eq!(Option::<i32>::read(&Parsed::Null), Some(None));
    assert_eq!(Option::<i32>::read(&Parsed::Int(7)), Some(Some(7)));
    assert_eq!(Text::read(&Parsed::List(Vec::new())), None);
}

#[test]
fn java_and_we_write_the_same_doubles() {
    let cases = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (0.001, "0.001"),
        (0.000_999, "9.99E-4"),
        (9_999_999.0, "9999999.0"),
        (10_000_000.0, "1.0E7"),
        (-25_000_000.0, "-2.5E7"),
        (f64::MAX, "1.7976931348623157E308"),
        (f64::NEG_INFINITY, "-Infinity"),
    ];
    for (value, written) in cases {
        assert_eq!(double_to_text(value), written);
    }
}

#[test]
fn forms_of_a_double_that_java_does_not_know_are_refused() {
    for text in ["", "inf", "nan", "infinity", "0x1p3", "1e", "--1", "1 2", "d", "Infinityd"] {
        assert_eq!(parse_double(text), None, "{text}");
    }
}
