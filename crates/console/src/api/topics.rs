//! Topics: listed, described, created, changed and deleted.
//!
//! Kafka: `CreateTopics`, `DeleteTopics`, `CreatePartitions`, `DeleteRecords`,
//! `DescribeTopicPartitions`.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::{Json, extract::State, http::StatusCode};
use ottla_broker::views::{Asked, CursorsView, PartitionView, TopicSummary, TopicView};
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
    pub(crate) name: String,
    pub(crate) topic_id: String,
    pub(crate) is_internal: bool,
    pub(crate) partitions: i32,
    pub(crate) replication_factor: i32,
    /// Offsets from the start of each log to its end: records, where none were compacted away.
    pub(crate) records: Long,
    /// `null` where nobody tells.
    pub(crate) size_bytes: Option<Long>,
    /// Bytes of batches since the broker started; `null` from outside of it.
    pub(crate) bytes_in: Option<Long>,
    /// `delete`, `compact`, `compact,delete`, or nothing, also where nobody tells.
    pub(crate) cleanup_policy: String,
    /// −1: for ever; `null` where nobody tells.
    pub(crate) retention_ms: Option<Long>,
    pub(crate) offline_partitions: i32,
}

/// A topic and its partitions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopicDetail {
    #[serde(flatten)]
    pub(crate) row: TopicRow,
    pub(crate) partition_list: Vec<PartitionRow>,
    /// How many configs are set for it.
    pub(crate) configs_set: i32,
    pub(crate) now_ms: Long,
}

/// A partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartitionRow {
    pub(crate) partition: i32,
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) isr: Vec<i32>,
    pub(crate) is_offline: bool,
    pub(crate) log_dir: Option<String>,
    /// `null` where the partition is offline.
    pub(crate) cursors: Option<Cursors>,
}

/// Where the cursors of a partition stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cursors {
    /// Inclusive: the first offset that may be read.
    pub(crate) log_start_offset: Long,
    /// Exclusive: what a reader of committed records may see.
    pub(crate) last_stable_offset: Long,
    /// Exclusive: what a consumer may see.
    pub(crate) high_watermark: Long,
    /// Exclusive: what the log holds; from outside of the broker, what a consumer may see.
    pub(crate) log_end_offset: Long,
    /// Exclusive: what is on the disk; `null` from outside of the broker.
    pub(crate) durable_offset: Option<Long>,
    /// `null` where nobody tells. In a look back, this is as it is now; so is the next one.
    pub(crate) size_bytes: Option<Long>,
    /// `null` from outside of the broker.
    pub(crate) segments: Option<i32>,
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
            size_bytes: Some(topic.size_bytes.into()),
            bytes_in: Some(topic.bytes_in.into()),
            cleanup_policy: policies.join(","),
            retention_ms: Some(topic.retention_ms.into()),
            offline_partitions: int(topic.offline_partitions),
        }
    }
}

impl From<TopicView> for TopicDetail {
    fn from(topic: TopicView) -> Self {
        Self {
            row: topic.summary.into(),
            partition_list: topic.partitions.into_iter().map(PartitionRow::from).collect(),
            configs_set: int(topic.configs_set),
            now_ms: now_ms().into(),
        }
    }
}

impl Cursors {
    /// The first offset that may be read, inclusive, and what a consumer may see, exclusive.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        let signed = |offset: Long| offset.get().unwrap_or(0);
        (signed(self.log_start_offset), signed(self.high_watermark))
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
            durable_offset: Some(view.durable_offset.into()),
            size_bytes: Some(view.size_bytes.into()),
            segments: Some(int(view.segments)),
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
    let is_shown =
        |topic: &TopicRow| (query.internal || !topic.is_internal) && paging.matches(&topic.name);
    let topics = console.topics().await?.into_iter().filter(is_shown).collect();
    paging.cut(topics, compare).map(Json)
}

fn compare(field: &str, a: &TopicRow, b: &TopicRow) -> Option<Ordering> {
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
    let moment = at.moment_in(&console, Asked::Cursors)?;
    let mut topic = console.topic(&name).await?;
    if let Some(moment) = moment {
        let views = console.own()?;
        for row in &mut topic.partition_list {
            let then = views.cursors_at(&name, row.partition, moment);
            row.cursors = then.map(Cursors::from);
            row.is_offline = row.cursors.is_none();
        }
        topic.now_ms = moment.time_ms.into();
    }
    Ok(Json(topic))
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
    let topic = console.topic(&name).await?;
    let wanted: Vec<(String, i32, Offset)> = match body.partitions {
        None => {
            let all = topic.partition_list.iter();
            all.map(|it| (name.clone(), it.partition, Offset(-1))).collect()
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
