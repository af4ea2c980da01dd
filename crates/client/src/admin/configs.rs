//! Configs of topics and brokers: described with where each value comes from, and changed.

use std::{collections::BTreeMap, time::Duration};

use ottla_types::BrokerId;
use ottla_wire::{
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{
        DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
    },
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
    messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest},
};

use super::{Admin, verdict};
use crate::{
    Error, ErrorKind, Result,
    client::{ANY, Lane},
};

/// What a config belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(String),
    /// A broker; `None` for the default of all brokers.
    Broker(Option<BrokerId>),
    /// A broker's log levels.
    BrokerLogger(BrokerId),
    /// A consumer group.
    Group(String),
}

impl ConfigResource {
    const fn wire_type(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) => 4,
            Self::BrokerLogger(_) => 8,
            Self::Group(_) => 32,
        }
    }

    fn wire_name(&self) -> String {
        match self {
            Self::Topic(name) | Self::Group(name) => name.clone(),
            Self::Broker(id) => id.map_or_else(String::new, |id| id.to_string()),
            Self::BrokerLogger(id) => id.to_string(),
        }
    }

    /// The broker that has to be asked itself, if any.
    const fn broker(&self) -> Option<BrokerId> {
        match self {
            Self::Broker(id) => *id,
            Self::BrokerLogger(id) => Some(*id),
            Self::Topic(_) | Self::Group(_) => None,
        }
    }
}

/// One config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub name: String,
    /// The value; `None` if there is none or it is a secret.
    pub value: Option<String>,
    /// Where the value comes from, in Kafka's words: `DYNAMIC_TOPIC_CONFIG`, `DEFAULT_CONFIG` …
    pub source: &'static str,
    /// All that set it or could, the one that counts first.
    pub synonyms: Vec<ConfigSynonym>,
    /// Whether somebody set it, so that it is not simply the default.
    pub is_set: bool,
    /// Whether it cannot be changed at run time.
    pub is_read_only: bool,
    /// Whether it is a secret.
    pub is_sensitive: bool,
    /// What it does, where the broker tells.
    pub documentation: Option<String>,
}

/// One of the places that a config's value may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key there.
    pub name: String,
    /// The value there.
    pub value: Option<String>,
    /// The place, in Kafka's words.
    pub source: &'static str,
}

/// A change of one config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// A new value.
    Set(String, String),
    /// Back to the default.
    Unset(String),
    /// One more item of a list.
    Append(String, String),
    /// One item of a list less.
    Subtract(String, String),
}

impl Admin {
    /// All configs of a resource.
    pub async fn describe_configs(&self, resource: &ConfigResource) -> Result<Vec<ConfigEntry>> {
        let build = |version| DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.wire_type(),
                resource_name: resource.wire_name().into(),
                configuration_keys: None,
            }],
            include_synonyms: true,
            include_documentation: version >= 3,
        };
        let response = match resource.broker() {
            Some(broker) => {
                self.client.call((broker, Lane::Shared), ANY, Duration::ZERO, build).await?
            }
            None => self.client.call_any(ANY, build).await?,
        };
        let what = || format!("cannot describe the configs of {}", resource.wire_name());
        let result = response.results.first().ok_or_else(|| {
            Error::new(ErrorKind::Protocol, what(), "the broker's answer is empty")
        })?;
        verdict(result.error_code, what, result.error_message.as_deref())?;
        Ok(entries_of(result, resource))
    }

    /// Some configs of many topics, in one request; those of a topic that cannot be described are
    /// left out.
    pub async fn describe_topic_configs(
        &self,
        topics: &[String],
        keys: &[&str],
    ) -> Result<BTreeMap<String, Vec<ConfigEntry>>> {
        let resources = topics.iter().map(|name| DescribeConfigsResource {
            resource_type: ConfigResource::Topic(name.clone()).wire_type(),
            resource_name: name.as_str().into(),
            configuration_keys: Some(keys.iter().map(|key| (*key).into()).collect()),
        });
        let request = DescribeConfigsRequest {
            resources: resources.collect(),
            include_synonyms: false,
            include_documentation: false,
        };
        let response = self.client.call_any(ANY, |_| request.clone()).await?;
        let described = response.results.iter().filter(|it| it.error_code == 0);
        Ok(described
            .map(|it| {
                let name = it.resource_name.to_string();
                let entries = entries_of(it, &ConfigResource::Topic(name.clone()));
                (name, entries)
            })
            .collect())
    }

    /// Changes configs of a resource: all of the changes or none.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<()> {
        let build = |_| IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.wire_type(),
                resource_name: resource.wire_name().into(),
                configs: changes.iter().map(wire_change).collect(),
            }],
            validate_only,
        };
        let response = match resource.broker() {
            Some(broker) => {
                self.client.call((broker, Lane::Shared), ANY, Duration::ZERO, build).await?
            }
            None => self.client.call_any(ANY, build).await?,
        };
        let what = || format!("cannot change the configs of {}", resource.wire_name());
        let result = response.responses.first().ok_or_else(|| {
            Error::new(ErrorKind::Protocol, what(), "the broker's answer is empty")
        })?;
        verdict(result.error_code, what, result.error_message.as_deref())
    }
}

fn synonym(wire: &DescribeConfigsSynonym) -> ConfigSynonym {
    ConfigSynonym {
        name: wire.name.to_string(),
        value: wire.value.as_ref().map(ToString::to_string),
        source: source_name(wire.source),
    }
}

fn wire_change(change: &ConfigChange) -> AlterableConfig {
    let (name, config_operation, value) = match change {
        ConfigChange::Set(name, value) => (name, 0, Some(value)),
        ConfigChange::Unset(name) => (name, 1, None),
        ConfigChange::Append(name, value) => (name, 2, Some(value)),
        ConfigChange::Subtract(name, value) => (name, 3, Some(value)),
    };
    AlterableConfig { name: name.into(), config_operation, value: value.map(Into::into) }
}

/// The source that means "set for this very resource".
const fn own_source(resource: &ConfigResource) -> i8 {
    match resource {
        ConfigResource::Topic(_) => 1,
        ConfigResource::Broker(Some(_)) => 2,
        ConfigResource::Broker(None) => 3,
        ConfigResource::BrokerLogger(_) => 6,
        ConfigResource::Group(_) => 8,
    }
}

fn entries_of(result: &DescribeConfigsResult, resource: &ConfigResource) -> Vec<ConfigEntry> {
    let entry = |config: &DescribeConfigsResourceResult| ConfigEntry {
        name: config.name.to_string(),
        value: config.value.as_ref().map(ToString::to_string),
        source: source_name(config.config_source),
        synonyms: config.synonyms.iter().map(synonym).collect(),
        is_set: config.config_source == own_source(resource),
        is_read_only: config.read_only,
        is_sensitive: config.is_sensitive,
        documentation: config.documentation.as_ref().map(ToString::to_string),
    };
    result.configs.iter().map(entry).collect()
}

const fn source_name(source: i8) -> &'static str {
    match source {
        1 => "DYNAMIC_TOPIC_CONFIG",
        2 => "DYNAMIC_BROKER_CONFIG",
        3 => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        4 => "STATIC_BROKER_CONFIG",
        5 => "DEFAULT_CONFIG",
        6 => "DYNAMIC_BROKER_LOGGER_CONFIG",
        7 => "DYNAMIC_CLIENT_METRICS_CONFIG",
        8 => "DYNAMIC_GROUP_CONFIG",
        _ => "UNKNOWN",
    }
}
