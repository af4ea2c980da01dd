//! Which resources there are, and what may be configured for them.
//!
//! Kafka: `ControllerConfigurationValidator`, `DynamicBrokerConfig.validateConfigs`,
//! `ClientMetricsConfigs`, `ConfigurationControlManager.validateAlterConfig`.

use ottla_config::{Properties, Scope, keys, validate_broker, validate_group, validate_topic};
use ottla_types::{BrokerId, ErrorCode, TopicName};

use super::{Change, MIN_INSYNC_REPLICAS, Operation};
use crate::{
    ConfigResource, ResourceType,
    decide::{Context, Refusal, capitalized},
};

fn invalid_request(text: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, text)
}

fn invalid_config(text: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidConfig, text)
}

/// Refuses a resource that cannot be configured.
pub(super) fn resource(context: Context<'_>, resource: &ConfigResource) -> Result<(), Refusal> {
    let without_name = match resource.resource_type {
        ResourceType::BROKER => return broker(context, &resource.name),
        ResourceType::TOPIC => "Default topic resources are not allowed.",
        ResourceType::GROUP => "Default group resources are not allowed.",
        ResourceType::CLIENT_METRICS => "Subscription name can't be empty",
        ResourceType(other) => {
            return Err(invalid_request(format!("Unknown resource type {other}")));
        }
    };
    if resource.name.is_empty() { Err(invalid_request(without_name)) } else { Ok(()) }
}

/// A broker is configured through itself; the empty name is all of them.
fn broker(context: Context<'_>, name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Ok(());
    }
    let expected = context.broker_id;
    match name.parse().map(BrokerId) {
        Ok(id) if id == expected => Ok(()),
        Ok(id) => Err(invalid_request(format!(
            "Unexpected broker id, expected {expected}, but received {id}"
        ))),
        Err(_) => Err(invalid_request(format!("Node id must be an integer, but it is: {name}"))),
    }
}

/// While eligible leader replicas are kept, there is one minimum for the whole cluster, which only
/// topics override.
pub(super) fn min_insync_replicas(
    context: Context<'_>,
    resource: &ConfigResource,
    changes: &[Change<'_>],
    new: &Properties,
) -> Result<(), Refusal> {
    if !context.image.is_elr_enabled() || resource.resource_type != ResourceType::BROKER {
        return Ok(());
    }
    let is_named = changes.iter().any(|change| change.name == MIN_INSYNC_REPLICAS);
    if *resource == ConfigResource::cluster() {
        let had_it = context.image.overrides(resource).contains_key(MIN_INSYNC_REPLICAS);
        let is_deleted = changes.iter().any(|change| {
            change.name == MIN_INSYNC_REPLICAS && change.operation == Operation::Delete
        });
        if (had_it || is_deleted) && !new.contains_key(MIN_INSYNC_REPLICAS) {
            return Err(invalid_config(
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
            ));
        }
    } else if is_named {
        return Err(invalid_config(
            "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
        ));
    }
    Ok(())
}

/// Refuses values that the resource cannot have, and then a topic that does not exist.
pub(super) fn values(
    context: Context<'_>,
    resource: &ConfigResource,
    new: &Properties,
) -> Result<(), Refusal> {
    match resource.resource_type {
        ResourceType::TOPIC => {
            TopicName::new(&resource.name).map_err(|error| {
                Refusal::new(ErrorCode::InvalidTopicException, capitalized(&error.to_string()))
            })?;
            validate_topic(context.config, new)
                .map_err(|error| invalid_config(error.to_string()))?;
            if context.image.topic(&resource.name).is_none() {
                return Err(Refusal::new(
                    ErrorCode::UnknownTopicOrPartition,
                    format!("The topic '{}' does not exist.", resource.name),
                ));
            }
            Ok(())
        }
        ResourceType::GROUP => {
            validate_group(context.config, new).map_err(|error| invalid_config(error.to_string()))
        }
        ResourceType::BROKER => broker_values(resource, new),
        _ => client_metrics(new),
    }
}

fn broker_values(resource: &ConfigResource, new: &Properties) -> Result<(), Refusal> {
    let in_scope = |scope: Scope| {
        let names: Vec<_> = new
            .keys()
            .filter(|name| keys::broker_key(name).is_some_and(|key| key.scope == scope))
            .map(String::as_str)
            .collect();
        names.join(", ")
    };
    let read_only = in_scope(Scope::ReadOnly);
    if !read_only.is_empty() {
        return Err(invalid_request(format!(
            "Cannot update these configs dynamically: [{read_only}]"
        )));
    }
    let per_broker = in_scope(Scope::PerBroker);
    if *resource == ConfigResource::cluster() && !per_broker.is_empty() {
        return Err(invalid_request(format!(
            "Cannot update these configs at default cluster level, broker id must be specified: \
             [{per_broker}]"
        )));
    }
    validate_broker(new).map_err(|error| invalid_request(error.to_string()))
}

fn client_metrics(new: &Properties) -> Result<(), Refusal> {
    for (name, value) in new {
        match name.as_str() {
            "metrics" | "match" => {}
            "interval.ms" => {
                let allowed = value.parse().is_ok_and(|ms: i32| (100..=3_600_000).contains(&ms));
                if !allowed {
                    return Err(invalid_request(format!(
                        "Invalid value {value} for interval.ms, interval must be between 100 and \
                         3600000 (1 hour)"
                    )));
                }
            }
            other => {
                return Err(invalid_request(format!(
                    "Unknown client metrics configuration: {other}"
                )));
            }
        }
    }
    Ok(())
}
