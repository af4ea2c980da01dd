//! What can be configured while the cluster runs.
//!
//! Kafka: `ConfigResource`.

use std::fmt;

use ottla_types::BrokerId;

/// The kind of a resource, as Kafka's protocol and records number it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceType(pub i8);

impl ResourceType {
    /// A topic.
    pub const TOPIC: Self = Self(2);
    /// A broker, or with an empty name all brokers of the cluster.
    pub const BROKER: Self = Self(4);
    /// The loggers of a broker. They are not kept in the metadata log.
    pub const BROKER_LOGGER: Self = Self(8);
    /// A subscription to metrics of clients.
    pub const CLIENT_METRICS: Self = Self(16);
    /// A group.
    pub const GROUP: Self = Self(32);
}

/// Something that can be configured while the cluster runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// Its kind.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: String,
}

impl ConfigResource {
    /// A resource.
    pub fn new(resource_type: ResourceType, name: impl Into<String>) -> Self {
        Self { resource_type, name: name.into() }
    }

    /// A topic.
    pub fn topic(name: impl Into<String>) -> Self {
        Self::new(ResourceType::TOPIC, name)
    }

    /// One broker.
    pub fn broker(broker_id: BrokerId) -> Self {
        Self::new(ResourceType::BROKER, broker_id.to_string())
    }

    /// All brokers of the cluster.
    pub fn cluster() -> Self {
        Self::new(ResourceType::BROKER, "")
    }

    /// A group.
    pub fn group(group_id: impl Into<String>) -> Self {
        Self::new(ResourceType::GROUP, group_id)
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.resource_type {
            ResourceType::TOPIC => "topic",
            ResourceType::BROKER => "broker",
            ResourceType::BROKER_LOGGER => "broker logger",
            ResourceType::CLIENT_METRICS => "client metrics",
            ResourceType::GROUP => "group",
            ResourceType(other) => return write!(f, "resource of type {other} '{}'", self.name),
        };
        write!(f, "{kind} '{}'", self.name)
    }
}
