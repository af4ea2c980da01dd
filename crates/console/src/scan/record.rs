//! A record as it is shown.
//!
//! Kafka: `ConsumerRecord`.

use ottla_client::{ConsumedRecord, murmur2};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{filter::size_of, number::Long, payload::Payload};

/// A record.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Record)]
pub(crate) struct RecordRow {
    pub(crate) partition: i32,
    pub(crate) offset: Long,
    /// −1: it has none.
    pub(crate) timestamp_ms: Long,
    /// `CreateTime` or `LogAppendTime`.
    timestamp_type: String,
    leader_epoch: i32,
    pub(crate) key: Option<Payload>,
    /// `null`: a tombstone.
    pub(crate) value: Option<Payload>,
    pub(crate) headers: Vec<RecordHeader>,
    /// Kafka's hash of the key, from which its partition follows.
    key_hash: Option<Long>,
    /// Bytes of key, value and headers.
    size: Long,
    #[serde(skip)]
    #[schema(ignore)]
    time: i64,
}

/// A header of a record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RecordHeader {
    pub(crate) key: String,
    pub(crate) value: Option<Payload>,
}

impl RecordRow {
    /// With at most this many bytes of each payload.
    pub(crate) fn new(record: &ConsumedRecord, payload_max: usize) -> Self {
        let shown = |bytes: &Option<bytes::Bytes>| {
            bytes.as_deref().map(|bytes| Payload::new(bytes, payload_max))
        };
        let headers = record
            .headers
            .iter()
            .map(|header| RecordHeader { key: header.key.clone(), value: shown(&header.value) });
        Self {
            partition: record.partition,
            offset: record.offset.into(),
            timestamp_ms: record.timestamp.into(),
            timestamp_type: record.timestamp_type.name().to_owned(),
            leader_epoch: record.leader_epoch.get(),
            key: shown(&record.key),
            value: shown(&record.value),
            headers: headers.collect(),
            key_hash: record.key.as_deref().map(|key| murmur2(key).into()),
            size: size_of(record).into(),
            time: record.timestamp,
        }
    }

    /// Its time in ms.
    pub(super) fn time(&self) -> i64 {
        self.time
    }
}
