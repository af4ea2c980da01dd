//! Changes of configs as events: who has changed what.
//!
//! Kafka: none; `kafka.controller` logs some of it.

use ottla_config::{Key, keys};

use super::Event;
use crate::api::Context;

/// Most values that an event names, and most characters of one.
const VALUES_MAX: usize = 20;
const VALUE_CHARS: usize = 100;

/// The event that configs of a resource were changed. `values` are names and what they are set to;
/// `None` takes a value away.
pub(crate) fn changed<'a>(
    ctx: &Context,
    (resource_type, name): (i8, &str),
    values: impl Iterator<Item = (&'a str, Option<&'a str>)>,
) -> Event {
    let resource = match resource_type {
        2 => "topic",
        4 => "broker",
        8 => "brokerLogger",
        16 => "clientMetrics",
        32 => "group",
        _ => "other",
    };
    let told: Vec<String> = values.take(VALUES_MAX).map(|(key, value)| shown(key, value)).collect();
    let mut event = ctx.event("config.changed");
    if resource == "topic" {
        event = event.topic(name);
    }
    event.with("resource", resource).with("name", name).with("values", told.join(", "))
}

fn shown(key: &str, value: Option<&str>) -> String {
    let Some(value) = value else { return format!("{key} taken away") };
    // What is not known may be a secret.
    let known = keys::broker_key(key).or_else(|| keys::topic_key(key));
    let known = known.or_else(|| keys::group_key(key));
    if known.is_none_or(Key::is_sensitive) {
        return format!("{key}=(hidden)");
    }
    let cut: String = value.chars().take(VALUE_CHARS).collect();
    let more = if cut.len() < value.len() { "…" } else { "" };
    format!("{key}={cut}{more}")
}
