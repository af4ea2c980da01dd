//! Configs: read with where each value comes from, and changed.
//!
//! Kafka: `DescribeConfigs`, `IncrementalAlterConfigs`.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use ottla_client::{ConfigChange, ConfigEntry as Entry, ConfigResource};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Body, Named},
};

/// The configs of something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Configs {
    entries: Vec<ConfigEntry>,
}

/// One config.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigEntry {
    name: String,
    /// `null` if there is none or it is a secret.
    value: Option<String>,
    /// Kafka's word: `DYNAMIC_TOPIC_CONFIG`, `DEFAULT_CONFIG` …
    source: String,
    /// Whether it is set for this very thing.
    is_set: bool,
    is_read_only: bool,
    is_sensitive: bool,
    documentation: Option<String>,
}

/// A change of configs: all of it or nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConfigsChange {
    /// New values.
    #[serde(default)]
    set: BTreeMap<String, String>,
    /// Keys that go back to what holds without them.
    #[serde(default)]
    unset: Vec<String>,
    /// Whether the change is only checked.
    #[serde(default)]
    validate_only: bool,
}

impl From<Entry> for ConfigEntry {
    fn from(entry: Entry) -> Self {
        Self {
            name: entry.name,
            value: entry.value,
            source: entry.source.to_owned(),
            is_set: entry.is_set,
            is_read_only: entry.is_read_only,
            is_sensitive: entry.is_sensitive,
            documentation: entry.documentation,
        }
    }
}

pub(super) async fn read(
    console: &Console,
    resource: &ConfigResource,
) -> Result<Json<Configs>, ApiError> {
    let entries = console.admin().await?.describe_configs(resource).await?;
    Ok(Json(Configs { entries: entries.into_iter().map(ConfigEntry::from).collect() }))
}

pub(super) async fn change(
    console: &Console,
    resource: &ConfigResource,
    change: ConfigsChange,
) -> Result<Json<Configs>, ApiError> {
    let set = change.set.into_iter().map(|(key, value)| ConfigChange::Set(key, value));
    let unset = change.unset.into_iter().map(ConfigChange::Unset);
    let changes: Vec<ConfigChange> = set.chain(unset).collect();
    if changes.is_empty() {
        return Err(ApiError::bad_request("nothing is to be changed: set and unset are empty"));
    }
    console.admin().await?.alter_configs(resource, &changes, change.validate_only).await?;
    read(console, resource).await
}

/// The configs of a topic.
#[utoipa::path(get, path = "/topics/{topic}/config", tag = "topics",
    params(("topic" = String, Path)),
    responses((status = 200, body = Configs), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn of_topic(
    State(console): State<Console>,
    Named(topic): Named<String>,
) -> Result<Json<Configs>, ApiError> {
    read(&console, &ConfigResource::Topic(topic)).await
}

/// Changes configs of a topic.
#[utoipa::path(patch, path = "/topics/{topic}/config", tag = "topics",
    params(("topic" = String, Path)), request_body = ConfigsChange,
    responses((status = 200, body = Configs), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn alter_topic(
    State(console): State<Console>,
    Named(topic): Named<String>,
    Body(body): Body<ConfigsChange>,
) -> Result<Json<Configs>, ApiError> {
    change(&console, &ConfigResource::Topic(topic), body).await
}
