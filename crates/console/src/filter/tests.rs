//! Filters against one record.

use bytes::Bytes;
use ottla_client::{Header, LeaderEpoch, Offset, TimestampType};

use super::*;

fn london() -> ConsumedRecord {
    ConsumedRecord {
        topic: "London".into(),
        partition: 0,
        offset: Offset(5),
        leader_epoch: LeaderEpoch(0),
        timestamp: 1_000,
        timestamp_type: TimestampType::CreateTime,
        key: Some(Bytes::from_static(b"temperature")),
        value: Some(Bytes::from_static(br#"{"value":14.2,"unit":"Celsius"}"#)),
        headers: vec![Header { key: "source".into(), value: Some(Bytes::from_static(b"Kew")) }],
    }
}

fn matches(parameters: &[(&str, &str)]) -> bool {
    let mut filter = Filter::default();
    for (name, value) in parameters {
        assert!(filter.set(name, value).unwrap(), "{name}");
    }
    filter.matches(&london())
}

#[test]
fn each_condition_has_to_hold() {
    for (name, value) in [
        ("q", "TEMPER"),
        ("q", "celsius"),
        ("q", "kew"),
        ("q", ""),
        ("key", "temperature"),
        ("keyContains", "temp"),
        ("valueContains", "14.2"),
        ("header", "source"),
        ("header", "source:Kew"),
        ("json", "$.value > 14"),
        ("fromMs", "1000"),
        ("toMs", "1000"),
        ("minSize", "20"),
    ] {
        assert!(matches(&[(name, value)]), "{name}={value}");
    }
    for (name, value) in [
        ("q", "windspeed"),
        ("key", "temp"),
        ("keyContains", "14.2"),
        ("header", "source:kew"),
        ("header", "sauce"),
        ("json", "$.value > 15"),
        ("json", "key$ exists"),
        ("fromMs", "1001"),
        ("toMs", "999"),
        ("minSize", "2000"),
        ("tombstones", "true"),
    ] {
        assert!(!matches(&[(name, value)]), "{name}={value}");
        assert!(!matches(&[("q", "celsius"), (name, value)]), "{name}={value}");
    }
}

#[test]
fn other_parameters_are_left_to_others() {
    let mut filter = Filter::default();
    assert_eq!(filter.set("limit", "5"), Ok(false));
    assert!(filter.is_empty());
    assert!(filter.set("fromMs", "yesterday").is_err());
}
