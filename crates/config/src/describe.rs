//! What DescribeConfigs answers for a broker, a topic and a group.
//!
//! Invariant: the first synonym is where the value comes from; without synonyms it is a default.
//!
//! Kafka: `ConfigHelper`, `DynamicBrokerConfig.brokerConfigSynonyms`.

use std::collections::BTreeSet;

use crate::{
    GroupConfig, Key, Parsed, Properties, ServerConfig, TopicConfig,
    keys::{self, broker_key},
};

/// Where a value comes from, by Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Set on the topic.
    DynamicTopic,
    /// Set on the broker while it ran.
    DynamicBroker,
    /// Set on all brokers while they ran.
    DynamicDefaultBroker,
    /// Set before the broker started.
    StaticBroker,
    /// Set by nobody.
    Default,
    /// Set on a logger of the broker.
    DynamicBrokerLogger,
    /// Set on a subscription to client metrics.
    ClientMetrics,
    /// Set on the group.
    Group,
}

impl Source {
    /// The number DescribeConfigs sends.
    pub const fn code(self) -> i8 {
        match self {
            Self::DynamicTopic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
            Self::DynamicBrokerLogger => 6,
            Self::ClientMetrics => 7,
            Self::Group => 8,
        }
    }
}

/// One of the places a value may come from, and the value there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The name of the key in that place.
    pub name: String,
    /// The value; `None` where it must not be shown.
    pub value: Option<String>,
    /// The place.
    pub source: Source,
}

/// One key as DescribeConfigs shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name of the key.
    pub name: String,
    /// The effective value; `None` for null, and where it must not be shown.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether the value must not be shown.
    pub is_sensitive: bool,
    /// Whether the value cannot be changed while the broker runs.
    pub read_only: bool,
    /// The number of the type; 0 where the key is not known.
    pub config_type: i8,
    /// One sentence about the key.
    pub doc: Option<&'static str>,
    /// All places that give a value, the winning one first.
    pub synonyms: Vec<Synonym>,
}

impl Described {
    /// Whether nobody set the value.
    pub fn is_default(&self) -> bool {
        self.source == Source::Default
    }

    fn new(name: &str, key: Option<&Key>, value: Option<String>, synonyms: Vec<Synonym>) -> Self {
        let is_sensitive = key.is_none_or(Key::is_sensitive);
        Self {
            name: name.to_owned(),
            value: if is_sensitive { None } else { value },
            source: synonyms.first().map_or(Source::Default, |first| first.source),
            is_sensitive,
            read_only: false,
            config_type: key.map_or(0, |key| key.kind.code()),
            doc: key.map(|key| key.doc),
            synonyms,
        }
    }
}

/// Describes every key of a topic with these overrides.
pub fn describe_topic(server: &ServerConfig, overrides: &Properties) -> Vec<Described> {
    let config = TopicConfig::new(server, overrides);
    let describe = |key: &'static Key| {
        let value = config.value(key.name).to_text();
        let own = own_place(key, overrides, value.clone(), Source::DynamicTopic);
        let inherited = key.broker_key.map(|name| broker_places(server, name)).unwrap_or_default();
        let places = own.into_iter().chain(inherited).collect();
        Described::new(key.name, Some(key), value, places)
    };
    let is_shown = |key: &&Key| !key.internal || overrides.contains_key(key.name);
    keys::topic_keys().filter(is_shown).map(describe).collect()
}

/// Describes every key of a group with these overrides.
pub fn describe_group(server: &ServerConfig, overrides: &Properties) -> Vec<Described> {
    let config = GroupConfig::new(server, overrides);
    let describe = |key: &'static Key| {
        let value = config.value(key.name).to_text();
        let own = own_place(key, overrides, value.clone(), Source::Group);
        let inherited = match key.broker_key {
            Some(name) => broker_places(server, name),
            None => default_place(key),
        };
        let places = own.into_iter().chain(inherited).collect();
        Described::new(key.name, Some(key), value, places)
    };
    let is_shown = |key: &&Key| !key.internal || overrides.contains_key(key.name);
    keys::group_keys().filter(is_shown).map(describe).collect()
}

/// Describes every key of the broker itself: the tables', and whatever else somebody set.
pub fn describe_broker(server: &ServerConfig) -> Vec<Described> {
    let layers =
        [server.static_properties(), server.dynamic_defaults(), server.dynamic_properties()];
    let is_set = |name: &str| layers.iter().any(|layer| layer.contains_key(name));
    let known = keys::broker_keys()
        .filter(|key| !(key.internal || key.dynamic_only) || is_set(key.name))
        .map(|key| key.name);
    let others: BTreeSet<&str> = layers
        .iter()
        .flat_map(|layer| layer.keys())
        .map(String::as_str)
        .filter(|name| broker_key(name).is_none())
        .collect();
    known
        .map(|name| describe_known(server, name))
        .chain(others.into_iter().map(|name| describe_other(server, name)))
        .collect()
}

/// Describes the dynamic values of the whole cluster.
pub fn describe_broker_defaults(defaults: &Properties) -> Vec<Described> {
    let describe = |(name, value): (&String, &String)| {
        let key = broker_key(name);
        let value = (!key.is_none_or(Key::is_sensitive)).then(|| value.clone());
        let source = Source::DynamicDefaultBroker;
        let synonym = Synonym { name: name.clone(), value: value.clone(), source };
        Described {
            read_only: is_read_only(key),
            ..Described::new(name, key, value, vec![synonym])
        }
    };
    defaults.iter().map(describe).collect()
}

fn describe_known(server: &ServerConfig, name: &str) -> Described {
    let key = broker_key(name);
    let value = server.value(name).and_then(Parsed::to_text);
    let described = Described::new(name, key, value, broker_places(server, name));
    Described { read_only: is_read_only(key), ..described }
}

/// Describes a key for one listener, or one that is not known and therefore not shown.
fn describe_other(server: &ServerConfig, name: &str) -> Described {
    let places = broker_places(server, name);
    let value = places.first().and_then(|first| first.value.clone());
    let described = Described::new(name, keys::listener_key(name), value, places);
    Described { read_only: true, doc: None, ..described }
}

fn own_place(
    key: &Key,
    overrides: &Properties,
    value: Option<String>,
    source: Source,
) -> Option<Synonym> {
    let name = key.name.to_owned();
    overrides.contains_key(key.name).then_some(Synonym { name, value, source })
}

fn is_read_only(key: Option<&Key>) -> bool {
    key.is_none_or(|key| key.scope == crate::Scope::ReadOnly)
}

fn default_place(key: &Key) -> Vec<Synonym> {
    let place = |value: &str| Synonym {
        name: key.name.to_owned(),
        value: (!key.is_sensitive()).then(|| value.to_owned()),
        source: Source::Default,
    };
    key.default.map(place).into_iter().collect()
}

/// The names under which a broker's key may be set, the winning one first.
fn broker_names(name: &str) -> Vec<&str> {
    match name {
        "log.roll.ms" | "log.roll.hours" => vec!["log.roll.ms", "log.roll.hours"],
        "log.roll.jitter.ms" | "log.roll.jitter.hours" => {
            vec!["log.roll.jitter.ms", "log.roll.jitter.hours"]
        }
        "log.flush.interval.ms" => vec!["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => {
            vec!["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
        }
        _ => match keys::listener_key(name) {
            Some(key) => vec![name, key.name],
            None => vec![name],
        },
    }
}

/// All places that give the broker's key a value. As in Kafka, those before the first of the
/// key's own name are dropped: so hours alone never show up as a source of milliseconds.
fn broker_places(server: &ServerConfig, name: &str) -> Vec<Synonym> {
    let names = broker_names(name);
    let key = broker_key(name).or_else(|| keys::listener_key(name));
    let is_sensitive = key.is_none_or(Key::is_sensitive);
    let mut places = Vec::new();
    let layers = [
        (server.dynamic_properties(), Source::DynamicBroker),
        (server.dynamic_defaults(), Source::DynamicDefaultBroker),
        (server.static_properties(), Source::StaticBroker),
    ];
    for (properties, source) in layers {
        for name in &names {
            if let Some(value) = properties.get(*name) {
                let value = (!is_sensitive).then(|| value.clone());
                places.push(Synonym { name: (*name).to_owned(), value, source });
            }
        }
    }
    let with_default = names.iter().filter_map(|name| broker_key(name));
    places.extend(with_default.filter(|key| !key.dynamic_only).flat_map(default_place));
    places.into_iter().skip_while(|place| place.name != name).collect()
}

#[cfg(test)]
mod tests;
