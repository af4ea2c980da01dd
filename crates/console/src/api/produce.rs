//! Records sent from the console, with the reason why they go to their partition.
//!
//! Kafka: `Produce`, `BuiltInPartitioner`.

use axum::{Json, extract::State};
use ottla_client::{Acks, ProducerConfig, Record, murmur2, partition_for_key};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::records::fresh_topic;
use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Body, Named, Params},
    number::Long,
    payload::Input,
};

/// Most records of one request.
const COUNT_MAX: u32 = 1_000;

/// A record to be sent, once or several times.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Production {
    key: Option<Input>,
    /// `null`: a tombstone.
    value: Option<Input>,
    #[serde(default)]
    headers: Vec<HeaderInput>,
    /// `null`: where the key leads, or anywhere without one.
    partition: Option<i32>,
    /// `null`: now.
    timestamp_ms: Option<Long>,
    /// How often, at most 1,000 times.
    #[serde(default = "once")]
    count: u32,
    #[serde(default)]
    acks: AcksInput,
}

const fn once() -> u32 {
    1
}

/// A header to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderInput {
    key: String,
    value: Option<Input>,
}

/// How many replicas must have a record before it counts as written.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
pub(crate) enum AcksInput {
    /// All that are in sync.
    #[default]
    #[serde(rename = "all")]
    All,
    /// The leader.
    #[serde(rename = "1")]
    Leader,
    /// None.
    #[serde(rename = "0")]
    None,
}

/// What was sent, and why it went where it went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Produced {
    records: Vec<ProducedRecord>,
    partitioner: Partitioner,
}

/// Where a record is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProducedRecord {
    partition: i32,
    /// −1 with acks=0: nobody said.
    offset: Long,
    timestamp_ms: Long,
}

/// How a partition is chosen: `murmur2(key) & 0x7fffffff % partitions`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Partitioner {
    kind: PartitionerKind,
    /// murmur2 of the key, 32 bits without a sign.
    key_hash: Option<Long>,
    /// The hash without its highest bit.
    positive: Option<Long>,
    partitions: i32,
    /// `null`: any, since there is no key.
    partition: Option<i32>,
}

/// What decides on the partition.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PartitionerKind {
    /// The key.
    Murmur2,
    /// Whoever sends it.
    Explicit,
    /// Chance; all records of a batch go to the same one.
    Sticky,
}

impl Partitioner {
    fn new(key: Option<&[u8]>, partition: Option<i32>, partitions: i32) -> Self {
        let hash = key.map(murmur2);
        let chosen = key.map(|key| partition_for_key(key, partitions));
        let kind = match (partition, key) {
            (Some(_), _) => PartitionerKind::Explicit,
            (None, Some(_)) => PartitionerKind::Murmur2,
            (None, None) => PartitionerKind::Sticky,
        };
        Self {
            kind,
            key_hash: hash.map(Long::from),
            positive: hash.map(|hash| (hash & 0x7fff_ffff).into()),
            partitions,
            partition: partition.or(chosen),
        }
    }
}

/// Sends a record.
#[utoipa::path(post, path = "/topics/{topic}/records", tag = "records",
    params(("topic" = String, Path)), request_body = Production,
    responses((status = 200, body = Produced), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn send(
    State(console): State<Console>,
    Named(name): Named<String>,
    Body(body): Body<Production>,
) -> Result<Json<Produced>, ApiError> {
    if body.count == 0 || body.count > COUNT_MAX {
        return Err(ApiError::bad_request(format!("count is from 1 to {COUNT_MAX}")));
    }
    let topic = fresh_topic(&console, &name).await?;
    let key = body.key.map(|key| key.bytes("key")).transpose()?;
    let partitioner = Partitioner::new(key.as_deref(), body.partition, topic.row.partitions);
    let timestamp = match body.timestamp_ms {
        Some(time) => {
            time.get().ok_or_else(|| ApiError::bad_request("timestampMs is too large"))?
        }
        None => now_ms(),
    };
    let mut record = Record::to(name).timestamp(timestamp);
    if let Some(key) = key {
        record = record.key(key);
    }
    if let Some(value) = body.value {
        record = record.value(value.bytes("value")?);
    }
    if let Some(partition) = body.partition {
        record = record.partition(partition);
    }
    for header in body.headers {
        let value = header.value.map(|value| value.bytes("the value of a header")).transpose()?;
        record = record.header(header.key, value.map(Into::into));
    }
    let acks = match body.acks {
        AcksInput::All => Acks::All,
        AcksInput::Leader => Acks::Leader,
        AcksInput::None => Acks::None,
    };
    let config = ProducerConfig { acks, is_idempotent: false, ..ProducerConfig::default() };
    let producer = console.client().await?.producer_with(config);
    let mut deliveries = Vec::new();
    for _ in 0..body.count {
        deliveries.push(producer.enqueue(record.clone()).await?);
    }
    let mut records = Vec::new();
    for delivery in deliveries {
        let at = delivery.wait().await?;
        let time = if at.log_append_time >= 0 { at.log_append_time } else { timestamp };
        let (partition, offset) = (at.partition, at.offset.into());
        records.push(ProducedRecord { partition, offset, timestamp_ms: time.into() });
    }
    producer.close().await?;
    Ok(Json(Produced { records, partitioner }))
}

/// The key whose partition is asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeyQuery {
    /// As text.
    key: Option<String>,
    /// As base64.
    key_base64: Option<String>,
}

/// Which partition a key leads to, without sending anything.
#[utoipa::path(get, path = "/topics/{topic}/partitioner", tag = "records",
    params(("topic" = String, Path), KeyQuery),
    responses((status = 200, body = Partitioner), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn partitioner(
    State(console): State<Console>,
    Named(name): Named<String>,
    Params(query): Params<KeyQuery>,
) -> Result<Json<Partitioner>, ApiError> {
    let topic = console.topic(&name).await?;
    let key = match (query.key, query.key_base64) {
        (Some(text), None) => Some(text.into_bytes()),
        (None, Some(text)) => Some(
            crate::encoding::from_base64(&text)
                .ok_or_else(|| ApiError::bad_request("keyBase64 is no base64"))?,
        ),
        (None, None) => None,
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request("there is one of key and keyBase64"));
        }
    };
    Ok(Json(Partitioner::new(key.as_deref(), None, topic.row.partitions)))
}
