//! The effective configuration of a topic and of a group, and the checks of what is set on them.
//!
//! Kafka: `LogConfig`, `GroupConfig`, `KafkaConfig.extractLogConfigMap`,
//! `ControllerConfigurationValidator`.

use std::collections::BTreeMap;

use crate::{
    GroupKey, InvalidValue, Key, Kind, Parsed, Properties, ServerConfig, TopicKey, Value,
    keys::{self, topic},
};

mod group;
mod tiered;

pub use group::validate_group;

/// A set of values that a topic or a group cannot have. The text is what a client reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfigs {
    /// A name that topics do not have.
    #[error("Unknown topic config name: {0}")]
    UnknownTopicKey(String),
    /// A name that groups do not have.
    #[error("Unknown group config name: {0}")]
    UnknownGroupKey(String),
    /// A value its key does not allow.
    #[error(transparent)]
    Value(#[from] InvalidValue),
    /// Values that contradict each other.
    #[error("{0}")]
    Conflict(String),
}

/// The effective values of one topic: its own, else the broker's, else the defaults.
#[derive(Clone, Debug)]
pub struct TopicConfig {
    values: BTreeMap<&'static str, Parsed>,
}

impl TopicConfig {
    /// The values of a topic with these overrides. Overrides that are not allowed are left out.
    pub fn new(server: &ServerConfig, overrides: &Properties) -> Self {
        let value = |key: &'static Key| {
            let own = overrides.get(key.name).and_then(|text| key.parse(text).ok());
            (key.name, own.unwrap_or_else(|| topic_default(server, key)))
        };
        Self { values: keys::topic_keys().map(value).collect() }
    }

    /// The value of a key.
    pub fn get<'a, T: Value>(&'a self, key: &TopicKey<T>) -> T::Out<'a> {
        let value = self.values.get(key.name).and_then(T::read);
        let Some(value) = value else {
            unreachable!("every key of a topic has a value of its own type: {}", key.name)
        };
        value
    }

    /// The value of a key by its name.
    pub(crate) fn value(&self, name: &str) -> &Parsed {
        self.values.get(name).unwrap_or(&Parsed::Null)
    }

    /// Whether old segments are deleted.
    pub fn is_deleted(&self) -> bool {
        self.get(&topic::CLEANUP_POLICY).iter().any(|policy| policy == "delete")
    }

    /// Whether the log is compacted.
    pub fn is_compacted(&self) -> bool {
        self.get(&topic::CLEANUP_POLICY).iter().any(|policy| policy == "compact")
    }
}

/// The value a topic has when it sets none itself.
fn topic_default(server: &ServerConfig, key: &Key) -> Parsed {
    match key.name {
        "retention.ms" => Parsed::Long(server.log_retention_ms()),
        "segment.ms" => Parsed::Long(server.log_roll_ms()),
        "segment.jitter.ms" => Parsed::Long(server.log_roll_jitter_ms()),
        "flush.ms" => Parsed::Long(server.log_flush_interval_ms()),
        _ => key
            .broker_key
            .and_then(|name| server.value(name))
            .cloned()
            .unwrap_or_else(|| key.default_value()),
    }
}

/// Checks the complete set of values that a topic is to have.
pub fn validate_topic(server: &ServerConfig, overrides: &Properties) -> Result<(), InvalidConfigs> {
    if let Some(name) = overrides.keys().find(|name| keys::topic_key(name).is_none()) {
        return Err(InvalidConfigs::UnknownTopicKey(name.clone()));
    }
    for (name, text) in overrides {
        if let Some(key) = keys::topic_key(name) {
            key.validate(text)?;
        }
    }
    let config = TopicConfig::new(server, overrides);
    let min = config.get(&topic::MIN_COMPACTION_LAG_MS);
    let max = config.get(&topic::MAX_COMPACTION_LAG_MS);
    if min > max {
        return Err(InvalidConfigs::Conflict(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms \
             ({max})"
        )));
    }
    tiered::validate(server, &config)
}

/// The effective values of one group: its own, else the broker's, else the defaults.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    values: BTreeMap<&'static str, Parsed>,
}

impl GroupConfig {
    /// The values of a group with these overrides. Overrides that are not allowed are left out,
    /// and those that the broker's bounds exclude by now are moved to the nearest bound.
    pub fn new(server: &ServerConfig, overrides: &Properties) -> Self {
        let value = |key: &'static Key| {
            let own = overrides.get(key.name).and_then(|text| key.parse(text).ok());
            let own = own.map(|own| group::within_bounds(server, key.name, own));
            (key.name, own.unwrap_or_else(|| group_default(server, key)))
        };
        Self { values: keys::group_keys().map(value).collect() }
    }

    /// The value of a key.
    pub fn get<'a, T: Value>(&'a self, key: &GroupKey<T>) -> T::Out<'a> {
        let value = self.values.get(key.name).and_then(T::read);
        let Some(value) = value else {
            unreachable!("every key of a group has a value of its own type: {}", key.name)
        };
        value
    }

    /// The value of a key by its name.
    pub(crate) fn value(&self, name: &str) -> &Parsed {
        self.values.get(name).unwrap_or(&Parsed::Null)
    }
}

/// The value a group has when it sets none itself.
fn group_default(server: &ServerConfig, key: &Key) -> Parsed {
    match key.broker_key.and_then(|name| server.value(name)) {
        // The one group key whose broker key is a list: the first assignor is the default.
        Some(Parsed::List(items)) if key.kind == Kind::String => {
            items.first().map_or(Parsed::Null, |first| Parsed::Text(first.clone()))
        }
        Some(value) => value.clone(),
        None => key.default_value(),
    }
}

#[cfg(test)]
mod tests;
