//! Topics: listed, described, created, changed and deleted.
//!
//! Kafka: `CreateTopics`, `DeleteTopics`, `CreatePartitions`, `DeleteRecords`, `DescribeTopicPartitions`.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::{Json, extract::State, http::StatusCode};
use ottla_broker::views::{Asked, CursorsView, PartitionView, TopicSummary};
use ottla_client::{NewTopic, Offset};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Body, Named, Params},
    number::{Long, int},
    page::{Page, Paging},
    past::AtQuery,
};

/// Which topics are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopicsQuery {
    /// Whether Kafka's own topics are listed, too.
    #[serde(default)]
    internal: bool,
}

/// A topic in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopicRow {
    name: String,
    topic_id: String,
    is_internal: bool,
    partitions: i32,
    replication_factor: i32,
    /// Offsets from the start of each log to its end: records, where none were compacted away.
    records: Long,
    size_bytes: Long,
    /// Bytes of batches since the broker started.
    bytes_in: Long,
    /// `delete`, `compact`, `compact,delete`, or nothing.
    cleanup_policy: String,
    /// −1: for ever.
    retention_ms: Long,
    offline_partitions: i32,
}

/// A topic and its partitions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopicDetail {
    #[serde(flatten)]
    row: TopicRow,
    partition_list: Vec<PartitionRow>,
    /// How many configs are set for it.
    configs_set: i32,
    now_ms: Long,
}

/// A partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartitionRow {
    partition: i32,
    leader: i32,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    is_offline: bool,
    log_dir: Option<String>,
    /// `null` where the partition is offline.
    cursors: Option<Cursors>,
}

/// Where the cursors of a partition stand.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cursors {
    /// Inclusive: the first offset that may be read.
    log_start_offset: Long,
    /// Exclusive: what a reader of committed records may see.
    last_stable_offset: Long,
    /// Exclusive: what a consumer may see.
    high_watermark: Long,
    /// Exclusive: what the log holds.
    log_end_offset: Long,
    /// Exclusive: what is on the disk.
    durable_offset: Long,
    /// In a look back, this is as it is now; so is the next one.
    size_bytes: Long,
    segments: i32,
}

impl From<TopicSummary> for TopicRow {
    fn from(topic: TopicSummary) -> Self {
        let policies = [(topic.is_compacted, "compact"), (topic.is_deleted, "delete")];
        let policies: Vec<&str> =
            policies.into_iter().filter_map(|(is_set, name)| is_set.then_some(name)).collect();
        Self {
            is_internal: topic.name.is_internal(),
            name: topic.name.to_string(),
            topic_id: topic.id.to_string(),
            partitions: int(topic.partitions),
            replication_factor: topic.replication_factor.into(),
            records: topic.records.into(),
            size_bytes: topic.size_bytes.into(),
            bytes_in: topic.bytes_in.into(),
            cleanup_policy: policies.join(","),
            retention_ms: topic.retention_ms.into(),
            offline_partitions: int(topic.offline_partitions),
        }
    }
}

impl From<PartitionView> for PartitionRow {
    fn from(view: PartitionView) -> Self {
        Self {
            partition: view.partition,
            leader: view.leader.get(),
            leader_epoch: view.leader_epoch.get(),
            replicas: view.replicas.iter().map(|id| id.get()).collect(),
            isr: view.isr.iter().map(|id| id.get()).collect(),
            is_offline: view.cursors.is_none(),
            log_dir: view.log_dir,
            cursors: view.cursors.map(Cursors::from),
        }
    }
}

impl From<CursorsView> for Cursors {
    fn from(view: CursorsView) -> Self {
        Self {
            log_start_offset: view.log_start_offset.into(),
            last_stable_offset: view.last_stable_offset.into(),
            high_watermark: view.high_watermark.into(),
            log_end_offset: view.log_end_offset.into(),
            durable_offset: view.durable_offset.into(),
            size_bytes: view.size_bytes.into(),
            segments: int(view.segments),
        }
    }
}

/// Topics, a page of them.
#[utoipa::path(get, path = "/topics", tag = "topics", params(Paging, TopicsQuery),
    responses((status = 200, body = Page<TopicRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(console): State<Console>,
    Params(paging): Params<Paging>,
    Params(query): Params<TopicsQuery>,
) -> Result<Json<Page<TopicRow>>, ApiError> {
    let is_shown = |topic: &TopicSummary| {
        (query.internal || !topic.name.is_internal()) && paging.matches(&topic.name)
    };
    let topics = console.views().topics().into_iter().filter(is_shown).collect();
    let page = paging.cut(topics, compare)?;
    Ok(Json(page.map(TopicRow::from)))
}

fn compare(field: &str, a: &TopicSummary, b: &TopicSummary) -> Option<Ordering> {
    Some(match field {
        "name" => a.name.cmp(&b.name),
        "partitions" => a.partitions.cmp(&b.partitions),
        "replicationFactor" => a.replication_factor.cmp(&b.replication_factor),
        "records" => a.records.cmp(&b.records),
        "sizeBytes" => a.size_bytes.cmp(&b.size_bytes),
        "bytesIn" => a.bytes_in.cmp(&b.bytes_in),
        "retentionMs" => a.retention_ms.cmp(&b.retention_ms),
        _ => return None,
    })
}

/// A topic that is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TopicCreation {
    name: String,
    /// `null`: as `num.partitions` says.
    partitions: Option<i32>,
    /// `null`: as `default.replication.factor` says.
    replication_factor: Option<i16>,
    #[serde(default)]
    configs: BTreeMap<String, String>,
    /// Whether it is only checked.
    #[serde(default)]
    validate_only: bool,
}

/// A topic that was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopicCreated {
    name: String,
    topic_id: String,
    partitions: i32,
    replication_factor: i32,
}

/// Creates a topic.
#[utoipa::path(post, path = "/topics", tag = "topics", request_body = TopicCreation,
    responses((status = 201, body = TopicCreated), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create(
    State(console): State<Console>,
    Body(body): Body<TopicCreation>,
) -> Result<(StatusCode, Json<TopicCreated>), ApiError> {
    let topic = NewTopic::new(body.name)
        .partitions(body.partitions.unwrap_or(-1))
        .replication_factor(body.replication_factor.unwrap_or(-1));
    let topic =
        body.configs.into_iter().fold(topic, |topic, (key, value)| topic.config(key, value));
    let made = console.admin().await?.create_topics(&[topic], body.validate_only).await?;
    let made = made.into_iter().next();
    let (name, made) =
        made.ok_or_else(|| ApiError::unavailable("the broker's answer leaves the topic out"))?;
    let made = made?;
    let status = if body.validate_only { StatusCode::OK } else { StatusCode::CREATED };
    let body = TopicCreated {
        name,
        topic_id: made.topic_id.to_string(),
        partitions: made.partitions,
        replication_factor: made.replication_factor.into(),
    };
    Ok((status, Json(body)))
}

/// A topic and its partitions.
#[utoipa::path(get, path = "/topics/{topic}", tag = "topics",
    params(("topic" = String, Path), AtQuery),
    responses((status = 200, body = TopicDetail), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(console): State<Console>,
    Named(name): Named<String>,
    Params(at): Params<AtQuery>,
) -> Result<Json<TopicDetail>, ApiError> {
    let views = console.views();
    let mut topic = views.topic(&name).ok_or_else(|| ApiError::unknown_topic(&name))?;
    let moment = at.moment(views, Asked::Cursors)?;
    if let Some(moment) = moment {
        for view in &mut topic.partitions {
            view.cursors = views.cursors_at(&name, view.partition, moment);
        }
    }
    Ok(Json(TopicDetail {
        row: topic.summary.into(),
        partition_list: topic.partitions.into_iter().map(PartitionRow::from).collect(),
        configs_set: int(topic.configs_set),
        now_ms: moment.map_or_else(now_ms, |moment| moment.time_ms).into(),
    }))
}

/// Deletes a topic with all its records.
#[utoipa::path(delete, path = "/topics/{topic}", tag = "topics", params(("topic" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete(
    State(console): State<Console>,
    Named(name): Named<String>,
) -> Result<StatusCode, ApiError> {
    let deleted = console.admin().await?.delete_topics(std::slice::from_ref(&name)).await?;
    for (_, result) in deleted {
        result?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// How many partitions there are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartitionsChange {
    /// In all, not in addition.
    count: i32,
}

/// Gives a topic more partitions.
#[utoipa::path(post, path = "/topics/{topic}/partitions", tag = "topics",
    params(("topic" = String, Path)), request_body = PartitionsChange,
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn add_partitions(
    State(console): State<Console>,
    Named(name): Named<String>,
    Body(body): Body<PartitionsChange>,
) -> Result<StatusCode, ApiError> {
    console.admin().await?.create_partitions(&name, body.count, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which records go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Purge {
    /// `null`: all records of all partitions.
    partitions: Option<Vec<PartitionPurge>>,
}

/// Which records of a partition go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PartitionPurge {
    partition: i32,
    /// Exclusive; `null`: all of them.
    before_offset: Option<Long>,
}

/// What was purged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Purged {
    partitions: Vec<PartitionPurged>,
}

/// What was purged of a partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartitionPurged {
    partition: i32,
    /// The new first offset.
    log_start_offset: Option<Long>,
    error: Option<String>,
}

/// Deletes the oldest records of a topic.
#[utoipa::path(post, path = "/topics/{topic}/purge", tag = "topics",
    params(("topic" = String, Path)), request_body = Purge,
    responses((status = 200, body = Purged), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn purge(
    State(console): State<Console>,
    Named(name): Named<String>,
    Body(body): Body<Purge>,
) -> Result<Json<Purged>, ApiError> {
    let topic = console.views().topic(&name).ok_or_else(|| ApiError::unknown_topic(&name))?;
    let wanted: Vec<(String, i32, Offset)> = match body.partitions {
        None => {
            topic.partitions.iter().map(|it| (name.clone(), it.partition, Offset(-1))).collect()
        }
        Some(some) => some
            .iter()
            .map(|it| {
                let before = it.before_offset.map_or(Some(-1), Long::get);
                let before =
                    before.ok_or_else(|| ApiError::bad_request("beforeOffset is too large"))?;
                Ok((name.clone(), it.partition, Offset(before)))
            })
            .collect::<Result<_, ApiError>>()?,
    };
    let purged = console.admin().await?.delete_records(&wanted).await?;
    let purged = purged.into_iter().map(|(_, partition, result)| match result {
        Ok(start) => {
            PartitionPurged { partition, log_start_offset: Some(start.into()), error: None }
        }
        Err(error) => {
            PartitionPurged { partition, log_start_offset: None, error: Some(error.to_string()) }
        }
    });
    Ok(Json(Purged { partitions: purged.collect() }))
}
