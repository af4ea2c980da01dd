//! The tables: every key of a broker, a topic and a group, one row each.
//!
//! The doc comment of a row is also the sentence that DescribeConfigs and the reference show.
//! Invariant: names are unique within a table, and every default is allowed by its own row.
//!
//! Kafka: `KafkaConfig.configDef`, `LogConfig.configDefCopy`, `GroupConfig.CONFIG_DEF`.

use crate::Key;

/// Makes a `static` of each row and a list of them all.
macro_rules! keys {
    ($table:ident: $resource:ident; $(
        $(#[doc = $doc:literal])+
        $name:ident: $type:ty = $start:ident $args:tt $(.$word:ident $word_args:tt)*;
    )+) => {
        $(
            $(#[doc = $doc])+
            pub static $name: crate::key::TypedKey<crate::key::$resource, $type> =
                crate::key::TypedKey::<crate::key::$resource, $type>::$start $args
                    $(.$word $word_args)*
                    .documented(concat!($($doc),+));
        )+

        pub(crate) static $table: &[&crate::Key] = &[$(&$name.key),+];
    };
}

mod cleaner;
mod consumer_group;
mod group;
pub mod group_resource;
mod log;
mod metrics;
mod network;
mod oauth;
mod ottla;
mod quorum;
mod remote;
mod replication;
mod sasl;
mod security;
mod server;
mod share;
mod streams;
mod throttle;
mod tls;
pub mod topic;
mod transaction;

pub use cleaner::*;
pub use consumer_group::*;
pub use group::*;
pub use log::*;
pub use metrics::*;
pub use network::*;
pub use oauth::*;
pub use ottla::*;
pub use quorum::*;
pub use remote::*;
pub use replication::*;
pub use sasl::*;
pub use security::*;
pub use server::*;
pub use share::*;
pub use streams::*;
pub use throttle::*;
pub use tls::*;
pub use transaction::*;

static BROKER_TABLES: &[&[&Key]] = &[
    SERVER_KEYS,
    NETWORK_KEYS,
    LOG_KEYS,
    CLEANER_KEYS,
    REPLICATION_KEYS,
    QUORUM_KEYS,
    GROUP_KEYS,
    CONSUMER_GROUP_KEYS,
    STREAMS_KEYS,
    SHARE_KEYS,
    TRANSACTION_KEYS,
    REMOTE_KEYS,
    SECURITY_KEYS,
    TLS_KEYS,
    SASL_KEYS,
    OAUTH_KEYS,
    METRICS_KEYS,
    THROTTLE_KEYS,
    OTTLA_KEYS,
];

/// Every key of a broker, by area.
pub fn broker_keys() -> impl Iterator<Item = &'static Key> {
    BROKER_TABLES.iter().flat_map(|table| table.iter().copied())
}

/// Every key of a topic.
pub fn topic_keys() -> impl Iterator<Item = &'static Key> {
    topic::TOPIC_KEYS.iter().copied()
}

/// Every key of a group.
pub fn group_keys() -> impl Iterator<Item = &'static Key> {
    group_resource::GROUP_RESOURCE_KEYS.iter().copied()
}

/// The broker's key of this name.
pub fn broker_key(name: &str) -> Option<&'static Key> {
    broker_keys().find(|key| key.name == name)
}

/// The key of which `listener.name.<listener>[.<mechanism>].<key>` is the value for one listener.
pub fn listener_key(name: &str) -> Option<&'static Key> {
    let mut rest = name.strip_prefix("listener.name.")?;
    while let Some((_, after)) = rest.split_once('.') {
        if let Some(key) = broker_key(after) {
            return Some(key);
        }
        rest = after;
    }
    None
}

/// The topic's key of this name.
pub fn topic_key(name: &str) -> Option<&'static Key> {
    topic_keys().find(|key| key.name == name)
}

/// The group's key of this name.
pub fn group_key(name: &str) -> Option<&'static Key> {
    group_keys().find(|key| key.name == name)
}

#[cfg(test)]
mod tests;
