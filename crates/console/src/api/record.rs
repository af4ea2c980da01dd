//! One record, down to its bytes.
//!
//! Kafka: `DumpLogSegments --print-data-log`.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use ottla_broker::views::IndexPath;
use ottla_client::{ConsumedRecord, ConsumerConfig, Offset, OutOfRange};
use ottla_record::body;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    log::{Batch, look, no_record},
    records::fresh_topic,
    topics::Cursors,
};
use crate::{
    console::Console,
    encoding::base64,
    error::{ApiError, ErrorBody},
    extract::Named,
    fields::{Field, record_fields},
    number::{Long, int},
    payload::SHOWN_BYTES_MAX,
    scan::RecordRow,
    stream::attachment,
};

/// Most bytes that a batch may decompress to.
const DECOMPRESSED_BYTES_MAX: usize = 32 << 20;

/// Most bytes of a record that are shown.
const RECORD_BYTES: usize = 64 << 10;

/// A record and the batch that it is in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordDetail {
    record: RecordRow,
    batch: Batch,
    /// How the indexes lead to the batch; `null` from outside of the broker.
    index: Option<IndexTrail>,
    /// Its number in the batch, from 0.
    index_in_batch: i32,
    /// Its fields by their bytes, counted from its first one.
    record_fields: Vec<Field>,
    /// Its bytes, decompressed, up to 64 KiB.
    record_base64: String,
    truncated: bool,
    /// Whether the batch had to be decompressed for that.
    decompressed: bool,
    /// `null` where there is none before it.
    previous_offset: Option<Long>,
    /// `null` where there is none after it yet.
    next_offset: Option<Long>,
}

/// How the indexes of a segment lead to a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IndexTrail {
    /// The segment's file of batches.
    file: String,
    /// The last entry of the offset index that is not behind the record; `null`: reading begins at
    /// the start of the file.
    offset_entry: Option<OffsetIndexEntry>,
    /// The first entry of the time index at or behind the record; `null` where none has been made
    /// yet.
    time_entry: Option<TimeIndexEntry>,
    /// Bytes that are passed over from where the entry points to the batch.
    scanned_bytes: Long,
}

/// An entry of an offset index.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OffsetIndexEntry {
    /// The last offset of a batch.
    offset: Long,
    /// Where that batch begins in the file.
    position: Long,
}

/// An entry of a time index.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimeIndexEntry {
    /// The largest timestamp of the records so far.
    timestamp_ms: Long,
    /// The last offset of the batch that has it.
    offset: Long,
}

impl IndexTrail {
    fn new(path: &IndexPath, position: u64) -> Self {
        let begins = path.offset_entry.map_or(0, |(_, position)| position);
        Self {
            file: format!("{:020}.log", path.segment_base_offset.get()),
            offset_entry: path.offset_entry.map(|(offset, position)| OffsetIndexEntry {
                offset: offset.into(),
                position: position.into(),
            }),
            time_entry: path.time_entry.map(|(timestamp, offset)| TimeIndexEntry {
                timestamp_ms: timestamp.into(),
                offset: offset.into(),
            }),
            scanned_bytes: position.saturating_sub(begins).into(),
        }
    }
}

/// The record at an offset; not the one after it where there is none.
pub(super) async fn read(
    console: &Console,
    (topic, partition, offset): (&str, i32, i64),
) -> Result<ConsumedRecord, ApiError> {
    fresh_topic(console, topic).await?;
    let config = ConsumerConfig {
        out_of_range: OutOfRange::Fail,
        fetch_wait: std::time::Duration::ZERO,
        fetch_bytes_max: 1,
        partition_bytes_max: 1,
        decompressed_max: DECOMPRESSED_BYTES_MAX,
        ..ConsumerConfig::default()
    };
    let mut reader = console.client().await?.reader(config);
    let piece = reader.read(topic, partition, Offset(offset)).await;
    let missing = || no_record(topic, partition, offset);
    let piece = match piece {
        Err(error) if error.code() == Some(ottla_client::ErrorCode::OffsetOutOfRange) => {
            return Err(missing());
        }
        other => other?,
    };
    let first = piece.records.into_iter().next().ok_or_else(missing)??;
    if first.offset == Offset(offset) { Ok(first) } else { Err(missing()) }
}

/// One record, down to its bytes.
#[utoipa::path(get, path = "/topics/{topic}/partitions/{partition}/records/{offset}", tag = "records",
    params(("topic" = String, Path), ("partition" = i32, Path), ("offset" = i64, Path)),
    responses((status = 200, body = RecordDetail), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(console): State<Console>,
    Named((topic, partition, offset)): Named<(String, i32, i64)>,
) -> Result<Json<RecordDetail>, ApiError> {
    let record = read(&console, (&topic, partition, offset)).await?;
    let path = index_path(&console, (&topic, partition, offset)).await?;
    let found = console.batch((&topic, partition), Offset(offset)).await?;
    let found = found.ok_or_else(|| no_record(&topic, partition, offset))?;
    let codec = found.header.attributes.compression().ok();
    let codec = codec.filter(|codec| *codec != ottla_record::Compression::None);
    let decompressed = match codec {
        Some(codec) => codec
            .decompress(body(&found.bytes), DECOMPRESSED_BYTES_MAX)
            .map_err(|error| ApiError::unavailable(error.to_string()))?,
        None => body(&found.bytes).to_vec(),
    };
    let number = number_of(&decompressed, &found.header, offset);
    let located = number.and_then(|number| {
        let (place, fields) = record_fields(&decompressed, number)?;
        Some((number, decompressed.get(place)?, fields))
    });
    let (index, bytes, fields) = located.ok_or_else(|| no_record(&topic, partition, offset))?;
    let shown = bytes.get(..RECORD_BYTES).unwrap_or(bytes);
    let place = (topic.clone(), partition);
    let bounds = console.cursors([place.clone()]).await?.get(&place).map(Cursors::bounds);
    let has = |offset: i64| bounds.is_some_and(|(start, end)| (start..end).contains(&offset));
    let neighbour = |offset: i64| has(offset).then(|| offset.into());
    Ok(Json(RecordDetail {
        record: RecordRow::new(&record, SHOWN_BYTES_MAX),
        index: path.zip(found.place).map(|(path, (_, position))| IndexTrail::new(&path, position)),
        batch: Batch::from(&found),
        index_in_batch: int(index),
        record_fields: fields,
        record_base64: base64(shown),
        truncated: shown.len() < bytes.len(),
        decompressed: codec.is_some(),
        previous_offset: neighbour(offset.saturating_sub(1)),
        next_offset: neighbour(offset.saturating_add(1)),
    }))
}

/// How the indexes lead to an offset, where the console can see them.
async fn index_path(
    console: &Console,
    (topic, partition, offset): (&str, i32, i64),
) -> Result<Option<IndexPath>, ApiError> {
    let Ok(views) = console.own() else { return Ok(None) };
    let name = topic.to_owned();
    look(views, move |views| views.index_path(&name, partition, Offset(offset))).await
}

/// Which record of a body has this offset.
fn number_of(body: &[u8], header: &ottla_record::BatchHeader, offset: i64) -> Option<usize> {
    let mut records = ottla_record::records(header, body).flatten();
    records.position(|record| record.offset(header) == Offset(offset))
}

/// The value of a record, all of it.
#[utoipa::path(get, path = "/topics/{topic}/partitions/{partition}/records/{offset}/value",
    tag = "records",
    params(("topic" = String, Path), ("partition" = i32, Path), ("offset" = i64, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "4XX", body = ErrorBody)))]
pub(crate) async fn value(
    State(console): State<Console>,
    Named((topic, partition, offset)): Named<(String, i32, i64)>,
) -> Result<Response, ApiError> {
    let record = read(&console, (&topic, partition, offset)).await?;
    Ok(download(&format!("{topic}-{partition}-{offset}-value"), record.value))
}

/// The key of a record, all of it.
#[utoipa::path(get, path = "/topics/{topic}/partitions/{partition}/records/{offset}/key",
    tag = "records",
    params(("topic" = String, Path), ("partition" = i32, Path), ("offset" = i64, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "4XX", body = ErrorBody)))]
pub(crate) async fn key(
    State(console): State<Console>,
    Named((topic, partition, offset)): Named<(String, i32, i64)>,
) -> Result<Response, ApiError> {
    let record = read(&console, (&topic, partition, offset)).await?;
    Ok(download(&format!("{topic}-{partition}-{offset}-key"), record.key))
}

fn download(name: &str, bytes: Option<bytes::Bytes>) -> Response {
    let disposition = attachment(name);
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
    ];
    (headers, bytes.unwrap_or_default()).into_response()
}
