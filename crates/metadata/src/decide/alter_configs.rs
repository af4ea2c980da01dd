//! AlterConfigs and IncrementalAlterConfigs: what is configured for topics, brokers, groups and
//! subscriptions to client metrics.
//!
//! Invariant: only what changes is recorded.
//!
//! Kafka: `ConfigAdminManager`, `ConfigurationControlManager`, `ControllerConfigurationValidator`.

mod check;

use ottla_config::{Key, Kind, Properties, keys};
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    alter_configs_request::AlterConfigsRequest,
    alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse},
    clear_elr_record::ClearElrRecord,
    config_record::ConfigRecord,
    incremental_alter_configs_request::IncrementalAlterConfigsRequest,
    incremental_alter_configs_response as incremental,
    incremental_alter_configs_response::IncrementalAlterConfigsResponse,
};

use super::{Context, Decision, Refusal, repeated};
use crate::{ConfigResource, MetadataRecord, ResourceType};

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// What is to happen to one key.
struct Change<'a> {
    name: &'a str,
    operation: Operation,
    value: Option<&'a str>,
}

/// Kafka: `AlterConfigOp.OpType`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
    Unknown(i8),
}

impl Operation {
    const fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Set,
            1 => Self::Delete,
            2 => Self::Append,
            3 => Self::Subtract,
            other => Self::Unknown(other),
        }
    }
}

/// Whether keys that a request does not name stay as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Stays,
    Goes,
}

/// Decides on a request that says what a resource's whole configuration is to be. Resources that
/// the client may not alter, and loggers of brokers, are not in it any more.
pub fn alter_configs(
    context: Context<'_>,
    request: &AlterConfigsRequest,
) -> Decision<AlterConfigsResponse> {
    let asked = request.resources.iter();
    let twice = repeated(asked.map(|asked| resource_of(asked.resource_type, &asked.resource_name)));
    let mut decision = Decision { records: Vec::new(), response: AlterConfigsResponse::default() };
    for asked in &request.resources {
        let resource = resource_of(asked.resource_type, &asked.resource_name);
        let changes: Vec<_> = asked
            .configs
            .iter()
            .map(|config| Change {
                name: &config.name,
                operation: Operation::Set,
                value: config.value.as_deref(),
            })
            .collect();
        let outcome = alter(context, &resource, &changes, Rest::Goes, twice.contains(&resource));
        let (error_code, error_message) = record(outcome, &mut decision.records);
        decision.response.responses.push(AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: asked.resource_type,
            resource_name: asked.resource_name.clone(),
        });
    }
    if request.validate_only {
        decision.records.clear();
    }
    decision
}

/// Decides on a request that says what is to change about resources. Resources that the client may
/// not alter, and loggers of brokers, are not in it any more.
pub fn incremental_alter_configs(
    context: Context<'_>,
    request: &IncrementalAlterConfigsRequest,
) -> Decision<IncrementalAlterConfigsResponse> {
    let asked = request.resources.iter();
    let twice = repeated(asked.map(|asked| resource_of(asked.resource_type, &asked.resource_name)));
    let mut decision =
        Decision { records: Vec::new(), response: IncrementalAlterConfigsResponse::default() };
    for asked in &request.resources {
        let resource = resource_of(asked.resource_type, &asked.resource_name);
        let changes: Vec<_> = asked
            .configs
            .iter()
            .map(|config| Change {
                name: &config.name,
                operation: Operation::from_code(config.config_operation),
                value: config.value.as_deref(),
            })
            .collect();
        let outcome = alter(context, &resource, &changes, Rest::Stays, twice.contains(&resource));
        let (error_code, error_message) = record(outcome, &mut decision.records);
        decision.response.responses.push(incremental::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: asked.resource_type,
            resource_name: asked.resource_name.clone(),
        });
    }
    if request.validate_only {
        decision.records.clear();
    }
    decision
}

fn resource_of(resource_type: i8, name: &Str) -> ConfigResource {
    ConfigResource::new(ResourceType(resource_type), name.as_str())
}

/// Takes the records of what was accepted, and says what the client is told.
fn record(
    outcome: Result<Vec<MetadataRecord>, Refusal>,
    records: &mut Vec<MetadataRecord>,
) -> (i16, Option<Str>) {
    match outcome {
        Ok(accepted) => {
            records.extend(accepted);
            (0, None)
        }
        Err(refusal) => refusal.into_fields(),
    }
}

fn alter(
    context: Context<'_>,
    resource: &ConfigResource,
    changes: &[Change<'_>],
    rest: Rest,
    is_twice: bool,
) -> Result<Vec<MetadataRecord>, Refusal> {
    let refuse = |text: String| Err(Refusal::new(ErrorCode::InvalidRequest, text));
    if is_twice {
        return refuse("Each resource must appear at most once.".to_owned());
    }
    if !repeated(changes.iter().map(|change| change.name)).is_empty() {
        return refuse("Error due to duplicate config keys".to_owned());
    }
    let without_value: Vec<_> = changes
        .iter()
        .filter(|change| change.operation != Operation::Delete && change.value.is_none())
        .map(|change| change.name)
        .collect();
    if !without_value.is_empty() {
        return refuse(format!("Null value not supported for : {}", without_value.join(",")));
    }
    check::resource(context, resource)?;
    let old = context.image.overrides(resource);
    let mut new = match rest {
        Rest::Stays => old.clone(),
        Rest::Goes => Properties::new(),
    };
    for change in changes {
        apply(resource, change, &mut new)?;
    }
    check::min_insync_replicas(context, resource, changes, &new)?;
    check::values(context, resource, &new)?;
    Ok(records(context, resource, old, &new))
}

/// The key, of which a resource of this type may have a value.
fn key_of(resource_type: ResourceType, name: &str) -> Option<&'static Key> {
    match resource_type {
        ResourceType::TOPIC => keys::topic_key(name),
        ResourceType::BROKER => keys::broker_key(name),
        ResourceType::GROUP => keys::group_key(name),
        _ => None,
    }
}

fn apply(
    resource: &ConfigResource,
    change: &Change<'_>,
    properties: &mut Properties,
) -> Result<(), Refusal> {
    let name = change.name;
    let value = change.value.unwrap_or_default();
    let verb = match change.operation {
        Operation::Set => {
            properties.insert(name.to_owned(), value.to_owned());
            return Ok(());
        }
        Operation::Delete => {
            properties.remove(name);
            return Ok(());
        }
        Operation::Unknown(code) => {
            return Err(Refusal::new(
                ErrorCode::InvalidRequest,
                format!("Unknown operation type {code}"),
            ));
        }
        Operation::Append => "APPEND",
        Operation::Subtract => "SUBTRACT",
    };
    let key = key_of(resource.resource_type, name);
    // As in Kafka, the keys of client metrics are no lists here.
    let is_list = key.is_some_and(|key| key.kind == Kind::List);
    if !is_list {
        return Err(Refusal::new(
            ErrorCode::InvalidConfig,
            format!("Can't {verb} to key {name} because its type is not LIST."),
        ));
    }
    // A list that nobody has set is its default.
    let now = properties.get(name).map(String::as_str).or_else(|| key.and_then(|key| key.default));
    let mut items: Vec<&str> = split(now.unwrap_or_default());
    // An empty value is one empty item, which no list allows; a comma at the end is nothing.
    for item in value.trim_end_matches(',').split(',').map(str::trim) {
        let has_it = items.contains(&item);
        match change.operation {
            Operation::Append if !has_it => items.push(item),
            Operation::Subtract => items.retain(|other| *other != item),
            _ => {}
        }
    }
    properties.insert(name.to_owned(), items.join(","));
    Ok(())
}

/// The items of a list that is in force; none of an empty one.
fn split(list: &str) -> Vec<&str> {
    if list.is_empty() { Vec::new() } else { list.split(',').map(str::trim).collect() }
}

/// What turns `old` into `new`.
fn records(
    context: Context<'_>,
    resource: &ConfigResource,
    old: &Properties,
    new: &Properties,
) -> Vec<MetadataRecord> {
    let config = |name: &String, value: Option<&String>| ConfigRecord {
        resource_type: resource.resource_type.0,
        resource_name: resource.name.as_str().into(),
        name: name.as_str().into(),
        value: value.map(Str::from),
    };
    let set = new
        .iter()
        .filter(|(name, value)| old.get(*name) != Some(*value))
        .map(|(name, value)| config(name, Some(value)));
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| config(name, None));
    let mut records: Vec<MetadataRecord> = set.chain(gone).map(MetadataRecord::from).collect();
    // Who is eligible was found out under the old minimum.
    let is_for_topics =
        resource.resource_type == ResourceType::TOPIC || *resource == ConfigResource::cluster();
    if context.image.is_elr_enabled()
        && is_for_topics
        && old.get(MIN_INSYNC_REPLICAS) != new.get(MIN_INSYNC_REPLICAS)
    {
        let topic_name = match resource.resource_type {
            ResourceType::TOPIC => resource.name.as_str().into(),
            _ => Str::default(),
        };
        records.push(ClearElrRecord { topic_name }.into());
    }
    records
}

#[cfg(test)]
mod tests;
