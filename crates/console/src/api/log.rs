//! What a partition's log is made of: segments, batches, and the bytes of a batch.
//!
//! Kafka: `DumpLogSegments`.

use std::collections::VecDeque;

use axum::{Json, extract::State};
use bytes::Bytes;
use ottla_broker::views::{BatchView, LookError, SegmentLook, Views};
use ottla_client::Offset;
use ottla_record::{BATCH_OVERHEAD, BatchHeader, check_crc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    console::Console,
    encoding::hex,
    error::{ApiError, ErrorBody},
    extract::{Named, Params},
    fields::{Field, batch_fields},
    number::Long,
};

/// Most batches of one answer.
const BATCHES_MAX: usize = 500;

/// Bytes of a batch that are shown.
const BATCH_BYTES: usize = 4 << 10;

/// The segments of a partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Segments {
    segments: Vec<Segment>,
    log_start_offset: Long,
    log_end_offset: Long,
}

/// A segment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Segment {
    base_offset: Long,
    /// Exclusive: where the next segment begins, or the log ends.
    next_offset: Long,
    /// Whether it is the one that is written.
    is_active: bool,
    /// Bytes of batches.
    size_bytes: Long,
    offset_index_bytes: Long,
    time_index_bytes: Long,
    /// Whether transactions were aborted in it.
    has_txn_index: bool,
    /// −1: no record has a timestamp.
    max_timestamp_ms: Long,
}

impl From<SegmentLook> for Segment {
    fn from(look: SegmentLook) -> Self {
        Self {
            base_offset: look.base_offset.into(),
            next_offset: look.next_offset.into(),
            is_active: look.is_active,
            size_bytes: look.size_bytes.into(),
            offset_index_bytes: look.offset_index_bytes.into(),
            time_index_bytes: look.time_index_bytes.into(),
            has_txn_index: look.has_txn_index,
            max_timestamp_ms: look.max_timestamp.into(),
        }
    }
}

/// A batch of records.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Batch {
    /// `null` from outside of the broker, as the next one.
    segment_base_offset: Option<Long>,
    /// Where it starts in the segment's file, in bytes.
    position: Option<Long>,
    /// Bytes of all of it.
    size: Long,
    base_offset: Long,
    last_offset: Long,
    records: i32,
    compression: String,
    timestamp_type: String,
    base_timestamp_ms: Long,
    max_timestamp_ms: Long,
    /// −1: its producer is not idempotent.
    producer_id: Long,
    producer_epoch: i32,
    base_sequence: i32,
    is_transactional: bool,
    is_control: bool,
    leader_epoch: i32,
    magic: i32,
    crc: Long,
    is_crc_valid: bool,
}

/// A batch, with where it is if that is known.
#[derive(Debug)]
pub(crate) struct FoundBatch {
    /// The base offset of its segment, and where in its file it starts.
    pub(crate) place: Option<(Offset, u64)>,
    pub(crate) header: BatchHeader,
    /// All of it, header included.
    pub(crate) bytes: Bytes,
}

impl From<BatchView> for FoundBatch {
    fn from(view: BatchView) -> Self {
        let place = Some((view.segment_base_offset, view.position));
        Self { place, header: view.header, bytes: view.bytes }
    }
}

impl From<&FoundBatch> for Batch {
    fn from(view: &FoundBatch) -> Self {
        let header = &view.header;
        let compression = header.attributes.compression();
        Self {
            segment_base_offset: view.place.map(|(segment, _)| segment.into()),
            position: view.place.map(|(_, position)| position.into()),
            size: view.bytes.len().into(),
            base_offset: header.base_offset.into(),
            last_offset: header.last_offset().into(),
            records: header.record_count,
            compression: compression.map_or("unknown", |it| it.name()).to_owned(),
            timestamp_type: header.attributes.timestamp_type().name().to_owned(),
            base_timestamp_ms: header.base_timestamp.into(),
            max_timestamp_ms: header.max_timestamp.into(),
            producer_id: header.producer_id.get().into(),
            producer_epoch: header.producer_epoch.into(),
            base_sequence: header.base_sequence,
            is_transactional: header.attributes.is_transactional(),
            is_control: header.attributes.is_control(),
            leader_epoch: header.leader_epoch.get(),
            magic: header.magic.into(),
            crc: header.crc.into(),
            is_crc_valid: check_crc(&view.bytes).is_ok(),
        }
    }
}

impl From<LookError> for ApiError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Partition(code) => {
                let status = axum::http::StatusCode::NOT_FOUND;
                Self::new(status, code.name(), error.to_string())
            }
            LookError::Read(text) => Self::bad_request(text),
        }
    }
}

/// Runs a look-up that reads files where it may wait for the disk.
pub(crate) async fn look<T: Send + 'static>(
    views: &Views,
    run: impl FnOnce(&Views) -> Result<T, LookError> + Send + 'static,
) -> Result<T, ApiError> {
    let views = views.clone();
    let looked = tokio::task::spawn_blocking(move || run(&views)).await;
    Ok(looked.map_err(|error| ApiError::unavailable(error.to_string()))??)
}

/// The segments of a partition.
#[utoipa::path(get, path = "/topics/{topic}/partitions/{partition}/segments", tag = "log",
    params(("topic" = String, Path), ("partition" = i32, Path)),
    responses((status = 200, body = Segments), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn segments(
    State(console): State<Console>,
    Named((topic, partition)): Named<(String, i32)>,
) -> Result<Json<Segments>, ApiError> {
    let name = topic.clone();
    let views = console.own()?;
    let segments = look(views, move |views| views.segments(&name, partition)).await?;
    let cursors = views.cursors(&topic, partition);
    let cursors = cursors.ok_or_else(|| ApiError::unknown_topic(&topic))?;
    Ok(Json(Segments {
        segments: segments.into_iter().map(Segment::from).collect(),
        log_start_offset: cursors.log_start_offset.into(),
        log_end_offset: cursors.log_end_offset.into(),
    }))
}

/// Which batches are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BatchesQuery {
    /// An offset, or `end` for the last ones.
    #[serde(default)]
    from: String,
    /// At most 500.
    limit: Option<usize>,
}

/// Batches of a partition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Batches {
    batches: Vec<Batch>,
    /// The offset to go on from; `null` at the end of the log.
    next: Option<Long>,
}

/// Batches of a partition, in their order.
#[utoipa::path(get, path = "/topics/{topic}/partitions/{partition}/batches", tag = "log",
    params(("topic" = String, Path), ("partition" = i32, Path), BatchesQuery),
    responses((status = 200, body = Batches), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn batches(
    State(console): State<Console>,
    Named((topic, partition)): Named<(String, i32)>,
    Params(query): Params<BatchesQuery>,
) -> Result<Json<Batches>, ApiError> {
    let limit = query.limit.unwrap_or(50).clamp(1, BATCHES_MAX);
    let place = (topic.clone(), partition);
    let cursors = console.cursors([place.clone()]).await?.remove(&place);
    let cursors = cursors.ok_or_else(|| ApiError::unknown_topic(&topic))?;
    let end = cursors.log_end_offset.get().unwrap_or(0);
    let from_end = query.from == "end";
    let from = match query.from.as_str() {
        "" => cursors.bounds().0,
        // Enough offsets for that many batches of which none is large.
        "end" => {
            let span = i64::try_from(limit).unwrap_or(0) * 8;
            end.saturating_sub(span).max(cursors.bounds().0)
        }
        text => text.parse().map_err(|_| {
            ApiError::bad_request(format!("from: '{text}' is neither an offset nor end"))
        })?,
    };
    let from = Offset(from);
    let list = BatchList { batches: VecDeque::new(), next: from, limit, from_end };
    let list = console.batches((&topic, partition), from, list).await?;
    let next = (list.next.get() < end && !from_end).then(|| list.next.into());
    Ok(Json(Batches { batches: list.batches.into(), next }))
}

/// Batches that are collected: the first ones, or the last ones before the end.
#[derive(Debug)]
pub(crate) struct BatchList {
    batches: VecDeque<Batch>,
    next: Offset,
    limit: usize,
    from_end: bool,
}

impl BatchList {
    /// Takes one; `false` where no more are wanted.
    pub(crate) fn take(&mut self, batch: &FoundBatch) -> bool {
        self.next = batch.header.next_offset();
        self.batches.push_back(Batch::from(batch));
        if self.from_end && self.batches.len() > self.limit {
            self.batches.pop_front();
        }
        self.from_end || self.batches.len() < self.limit
    }
}

/// A batch down to its bytes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchDetail {
    batch: Batch,
    /// The fields of its header, by their bytes.
    fields: Vec<Field>,
    /// The header's 61 bytes.
    header_hex: String,
    /// Its bytes, up to 4 KiB.
    hex: String,
    /// Whether there are more bytes.
    truncated: bool,
}

/// The batch that holds an offset, down to its bytes.
#[utoipa::path(get, path = "/topics/{topic}/partitions/{partition}/batches/{offset}", tag = "log",
    params(("topic" = String, Path), ("partition" = i32, Path), ("offset" = i64, Path)),
    responses((status = 200, body = BatchDetail), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn batch(
    State(console): State<Console>,
    Named((topic, partition, offset)): Named<(String, i32, i64)>,
) -> Result<Json<BatchDetail>, ApiError> {
    let found = console.batch((&topic, partition), Offset(offset)).await?;
    let found = found.ok_or_else(|| no_record(&topic, partition, offset))?;
    let shown = found.bytes.get(..BATCH_BYTES).unwrap_or(&found.bytes);
    let header = found.bytes.get(..BATCH_OVERHEAD).unwrap_or(&found.bytes);
    Ok(Json(BatchDetail {
        batch: Batch::from(&found),
        fields: batch_fields(&found.header),
        header_hex: hex(header),
        hex: hex(shown),
        truncated: shown.len() < found.bytes.len(),
    }))
}

/// What to answer where an offset has no record.
pub(crate) fn no_record(topic: &str, partition: i32, offset: i64) -> ApiError {
    ApiError::not_found(format!("{topic}-{partition} has no record at {offset}"))
}
