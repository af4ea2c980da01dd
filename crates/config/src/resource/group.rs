//! The bounds that a broker sets to the values of its groups.
//!
//! Kafka: `GroupConfig.validate`, `GroupConfig.evaluate`.

use std::collections::BTreeSet;

use super::{GroupConfig, InvalidConfigs};
use crate::{Parsed, Properties, ServerConfig, keys, keys::group_resource};

/// A group's key, and the broker's keys with the lowest and highest value it may have, inclusive.
struct Bounds {
    key: &'static str,
    min: Option<&'static str>,
    max: Option<&'static str>,
}

const fn bounds(key: &'static str, min: &'static str, max: &'static str) -> Bounds {
    Bounds { key, min: Some(min), max: Some(max) }
}

static BOUNDS: &[Bounds] = &[
    bounds(
        "consumer.session.timeout.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    bounds(
        "consumer.heartbeat.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
    bounds(
        "consumer.assignment.interval.ms",
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.max.assignment.interval.ms",
    ),
    bounds(
        "share.session.timeout.ms",
        "group.share.min.session.timeout.ms",
        "group.share.max.session.timeout.ms",
    ),
    bounds(
        "share.heartbeat.interval.ms",
        "group.share.min.heartbeat.interval.ms",
        "group.share.max.heartbeat.interval.ms",
    ),
    bounds(
        "share.record.lock.duration.ms",
        "group.share.min.record.lock.duration.ms",
        "group.share.max.record.lock.duration.ms",
    ),
    bounds(
        "share.delivery.count.limit",
        "group.share.min.delivery.count.limit",
        "group.share.max.delivery.count.limit",
    ),
    bounds(
        "share.partition.max.record.locks",
        "group.share.min.partition.max.record.locks",
        "group.share.max.partition.max.record.locks",
    ),
    bounds(
        "share.assignment.interval.ms",
        "group.share.min.assignment.interval.ms",
        "group.share.max.assignment.interval.ms",
    ),
    bounds(
        "streams.session.timeout.ms",
        "group.streams.min.session.timeout.ms",
        "group.streams.max.session.timeout.ms",
    ),
    bounds(
        "streams.heartbeat.interval.ms",
        "group.streams.min.heartbeat.interval.ms",
        "group.streams.max.heartbeat.interval.ms",
    ),
    bounds(
        "streams.assignment.interval.ms",
        "group.streams.min.assignment.interval.ms",
        "group.streams.max.assignment.interval.ms",
    ),
    Bounds {
        key: "streams.num.standby.replicas",
        min: None,
        max: Some("group.streams.max.standby.replicas"),
    },
    Bounds {
        key: "streams.num.warmup.replicas",
        min: None,
        max: Some("group.streams.max.warmup.replicas"),
    },
    Bounds {
        key: "streams.task.offset.interval.ms",
        min: Some("group.streams.min.task.offset.interval.ms"),
        max: None,
    },
];

impl Bounds {
    fn values(&self, server: &ServerConfig) -> (Option<i64>, Option<i64>) {
        let value = |name: &str| server.value(name).and_then(Parsed::as_i64);
        (self.min.and_then(value), self.max.and_then(value))
    }
}

/// Checks the complete set of values that a group is to have.
pub fn validate_group(server: &ServerConfig, overrides: &Properties) -> Result<(), InvalidConfigs> {
    if let Some(name) = overrides.keys().find(|name| keys::group_key(name).is_none()) {
        return Err(InvalidConfigs::UnknownGroupKey(name.clone()));
    }
    for (name, text) in overrides {
        if let Some(key) = keys::group_key(name) {
            key.validate(text)?;
        }
    }
    for bounds in BOUNDS {
        if let Some(text) = overrides.get(bounds.key) {
            check_bounds(server, bounds, text)?;
        }
    }
    check_names(server, overrides)?;
    let config = GroupConfig::new(server, overrides);
    check_heartbeats(&config)
}

fn conflict(text: String) -> Result<(), InvalidConfigs> {
    Err(InvalidConfigs::Conflict(text))
}

fn check_bounds(server: &ServerConfig, bounds: &Bounds, text: &str) -> Result<(), InvalidConfigs> {
    let Ok(value) = text.trim().parse::<i64>() else { return Ok(()) };
    let key = bounds.key;
    let (min, max) = bounds.values(server);
    if min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max) {
        return Ok(());
    }
    conflict(match (min, max) {
        (Some(min), Some(max)) => format!("{key} must be in the range {min} to {max} inclusive."),
        (Some(min), None) => format!("{key} must be greater than or equal to {min}"),
        (None, Some(max)) => format!("{key} must be less than or equal to {max}"),
        (None, None) => return Ok(()),
    })
}

fn check_names(server: &ServerConfig, overrides: &Properties) -> Result<(), InvalidConfigs> {
    if let Some(assignor) = overrides.get(group_resource::STREAMS_ASSIGNOR_NAME.name) {
        let known = server.get(&keys::GROUP_STREAMS_ASSIGNORS);
        if !known.contains(assignor) {
            return conflict(format!(
                "streams.assignor.name '{assignor}' is not a registered task assignor. Registered \
                 assignors are: [{}].",
                known.join(", ")
            ));
        }
    }
    if let Some(tags) = overrides.get(group_resource::STREAMS_RACK_AWARE_ASSIGNMENT_TAGS.name) {
        let mut seen = BTreeSet::new();
        if !tags.split(',').map(str::trim).all(|tag| seen.insert(tag)) {
            return conflict(
                "streams.rack.aware.assignment.tags must not contain duplicate tag keys."
                    .to_owned(),
            );
        }
    }
    let dead_letters = overrides.get(group_resource::ERRORS_DEADLETTERQUEUE_TOPIC_NAME.name);
    if dead_letters.is_some_and(|name| name.starts_with("__")) {
        return conflict(
            "errors.deadletterqueue.topic.name: DLQ topic name must not start with '__'".to_owned(),
        );
    }
    Ok(())
}

/// A member must be heard of more often than it is given up.
fn check_heartbeats(config: &GroupConfig) -> Result<(), InvalidConfigs> {
    let pairs = [
        (
            &group_resource::CONSUMER_SESSION_TIMEOUT_MS,
            &group_resource::CONSUMER_HEARTBEAT_INTERVAL_MS,
        ),
        (&group_resource::SHARE_SESSION_TIMEOUT_MS, &group_resource::SHARE_HEARTBEAT_INTERVAL_MS),
        (
            &group_resource::STREAMS_SESSION_TIMEOUT_MS,
            &group_resource::STREAMS_HEARTBEAT_INTERVAL_MS,
        ),
    ];
    match pairs.into_iter().find(|(session, beat)| config.get(session) <= config.get(beat)) {
        Some((session, beat)) => {
            conflict(format!("{} must be greater than {}", session.name, beat.name))
        }
        None => Ok(()),
    }
}

/// Moves a value that was set under other bounds into those of now.
pub(super) fn within_bounds(server: &ServerConfig, name: &str, value: Parsed) -> Parsed {
    let Some(bounds) = BOUNDS.iter().find(|bounds| bounds.key == name) else { return value };
    let Parsed::Int(number) = value else { return value };
    let (min, max) = bounds.values(server);
    let narrow = |bound: Option<i64>| bound.and_then(|bound| i32::try_from(bound).ok());
    let number = narrow(min).map_or(number, |min| number.max(min));
    Parsed::Int(narrow(max).map_or(number, |max| number.min(max)))
}
