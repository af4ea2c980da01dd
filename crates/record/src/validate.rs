//! What a leader checks and changes in a batch that a client produced, before it goes to the log.
//!
//! Invariants: a batch that passes decompresses, holds as many records as it says at the offsets 0,
//! 1, 2 and so on, and its `max_timestamp`, timestamp type and compression are those its topic asks
//! for; where that was so already its bytes are the producer's own. A batch that is not compressed
//! is checked without allocating.
//! Differs from Kafka: records at other offsets are moved, where Kafka keeps them or fails; a
//! record that cannot be read is refused in a compressed batch too, where Kafka only skips over it.
//! Kafka: `LogValidator`, `UnifiedLog.analyzeAndValidateRecords`, `ProduceRequest.validateRecords`.

use bytes::{Buf as _, Bytes, BytesMut};
use ottla_types::{ErrorCode, Offset};

use crate::{
    BATCH_OVERHEAD, BatchBuilder, BatchError, BatchHeader, Batches, BuilderOptions, Compression,
    NO_TIMESTAMP, RecordView, Scratch, TimestampType, body, check_crc, records, set_max_timestamp,
};

/// Most records of one batch that are named in an answer. Kafka names all of them; this many keep
/// an answer from being larger than the request was.
const RECORD_ERRORS_MAX: usize = 10_000;

/// What a topic asks of the batches produced to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceRules {
    /// How batches are compressed, `None` to keep what the producer chose: `compression.type`.
    pub compression: Option<TargetCompression>,
    /// Who gives the records their timestamps: `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// The broker's clock, in ms since 1970.
    pub now_ms: i64,
    /// How far a record's timestamp may lie before the broker's clock, in ms, inclusive:
    /// `message.timestamp.before.max.ms`.
    pub before_max_ms: i64,
    /// How far a record's timestamp may lie after the broker's clock, in ms, inclusive:
    /// `message.timestamp.after.max.ms`.
    pub after_max_ms: i64,
    /// Whether every record needs a key, since the topic is compacted.
    pub compacted: bool,
    /// Most bytes of a batch as it is stored, inclusive: `max.message.bytes`.
    pub batch_bytes_max: usize,
    /// Most bytes of one record of a batch that is compressed, here or by the producer, inclusive:
    /// `max.decompressed.message.bytes`.
    pub record_bytes_max: usize,
    /// Most bytes that all records of a compressed batch may take, inclusive. Ours: it bounds what
    /// one request may make the broker hold.
    pub decompressed_bytes_max: usize,
}

/// A codec and its level, where a topic asks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetCompression {
    /// The codec.
    pub compression: Compression,
    /// Its level, `None` for its default. A batch that comes with the codec keeps its own level.
    pub level: Option<i32>,
}

/// A batch that passed, as its topic asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validated {
    /// Its header: base offset 0, no leader epoch yet.
    pub header: BatchHeader,
    /// The bytes of its header. They are of their own, so that the log can write into them while
    /// others still refer to what the producer sent.
    pub header_bytes: [u8; BATCH_OVERHEAD],
    /// Its records, maybe compressed: the producer's own bytes unless it was written anew.
    pub body: Bytes,
    /// What the producer is told: the append time in ms, or −1 where records keep their own.
    pub log_append_time: i64,
    /// Largest timestamp in the batch, in ms.
    pub max_timestamp: i64,
    /// Offset, minus the base offset, of the first record that has it.
    pub max_timestamp_offset_delta: i32,
    /// Whether the batch was written anew, and so has other bytes than those produced.
    pub is_rebuilt: bool,
}

/// Why a batch was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Invalid {
    /// What the producer is told.
    pub code: ErrorCode,
    /// The same as a sentence.
    pub text: String,
    /// The records that are the cause, each by its place in the batch from 0, and why. Empty if it
    /// is the batch as a whole.
    pub record_errors: Vec<(i32, String)>,
}

impl Invalid {
    fn batch(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), record_errors: Vec::new() }
    }

    fn record(text: impl Into<String>) -> Self {
        Self::batch(ErrorCode::InvalidRecord, text)
    }
}

impl From<BatchError> for Invalid {
    fn from(error: BatchError) -> Self {
        Self::batch(error.code(), error.to_string())
    }
}

impl Validated {
    /// How many bytes the batch has.
    pub fn size(&self) -> usize {
        self.header_bytes.len() + self.body.len()
    }

    /// A copy of the batch in one piece.
    pub fn to_bytes(&self) -> Bytes {
        [&self.header_bytes[..], &self.body].concat().into()
    }
}

/// Checks exactly one batch, as a client sent it, and makes it what the topic asks for.
///
/// Bytes after the batch that are not a whole batch are cut off, as Kafka does.
pub fn validate_produced(
    mut batch: Bytes,
    rules: &ProduceRules,
    scratch: &mut Scratch,
) -> Result<Validated, Invalid> {
    let size = only_batch(&batch)?;
    batch.truncate(size);
    let header = check_header(&batch, rules)?;
    let source = header.attributes.compression()?;
    let target = rules.compression.map_or(source, |target| target.compression);
    let records_bytes = match source {
        Compression::None => body(&batch),
        compressed => scratch.decompress(compressed, body(&batch), rules.decompressed_bytes_max)?,
    };
    let is_compressed = source != Compression::None || target != Compression::None;
    let seen = check_records(&header, records_bytes, rules, is_compressed)?;
    let is_rebuilt = source != target || !seen.is_sequential;
    if is_rebuilt {
        batch = rebuild(&header, records_bytes, rules, target)?.freeze();
        check_batch_bytes(batch.len(), rules)?;
    }
    let mut header_bytes = first_bytes(&batch)?;
    batch.advance(BATCH_OVERHEAD);
    let (log_append_time, max_timestamp, max_timestamp_offset_delta) = match rules.timestamp_type {
        TimestampType::CreateTime => {
            (NO_TIMESTAMP, seen.max_timestamp, seen.max_timestamp_offset_delta)
        }
        // All records have the same timestamp, so the first of them is it.
        TimestampType::LogAppendTime => (rules.now_ms, rules.now_ms, 0),
    };
    if !is_rebuilt {
        set_max_timestamp(&mut header_bytes, &batch, rules.timestamp_type, max_timestamp);
    }
    let header = BatchHeader::parse(&header_bytes)?;
    Ok(Validated {
        max_timestamp: header.max_timestamp,
        header,
        header_bytes,
        body: batch,
        log_append_time,
        max_timestamp_offset_delta,
        is_rebuilt,
    })
}

/// The bytes of a batch's header.
fn first_bytes(batch: &[u8]) -> Result<[u8; BATCH_OVERHEAD], BatchError> {
    let truncated = BatchError::Truncated { needed: BATCH_OVERHEAD, have: batch.len() };
    batch.first_chunk().copied().ok_or(truncated)
}

/// The size of the one batch there is.
fn only_batch(bytes: &[u8]) -> Result<usize, Invalid> {
    let mut batches = Batches::new(bytes);
    match batches.next_size().transpose() {
        None => return Err(Invalid::record("the partition's data holds no whole record batch")),
        Some(Err(error)) => return Err(error.into()),
        Some(Ok(_)) => {}
    }
    let size = batches.position();
    // What follows may be a cut batch, which is passed over, but neither a whole nor a broken one.
    if batches.next_size()?.is_some() {
        return Err(Invalid::record("the partition's data holds more than one record batch"));
    }
    Ok(size)
}

fn check_header(batch: &[u8], rules: &ProduceRules) -> Result<BatchHeader, Invalid> {
    let header = BatchHeader::parse_unchecked(batch)?;
    header.check_size()?;
    if header.base_offset != Offset::ZERO {
        let offset = header.base_offset;
        return Err(Invalid::record(format!("the base offset must be 0, but is {offset}")));
    }
    check_batch_bytes(batch.len(), rules)?;
    check_crc(batch)?;
    if header.last_offset_delta < 0 {
        return Err(BatchError::InvalidOffsetDelta(header.last_offset_delta).into());
    }
    if header.record_count <= 0 {
        return Err(BatchError::InvalidCount(header.record_count).into());
    }
    if i64::from(header.last_offset_delta) + 1 != i64::from(header.record_count) {
        return Err(Invalid::record(format!(
            "the batch has {} records but its last offset delta is {}",
            header.record_count, header.last_offset_delta
        )));
    }
    if header.attributes.is_control() {
        return Err(Invalid::record("clients may not write control records"));
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return Err(Invalid::record(format!(
            "the batch of producer {} has the sequence number {}",
            header.producer_id, header.base_sequence
        )));
    }
    Ok(header)
}

fn check_batch_bytes(size: usize, rules: &ProduceRules) -> Result<(), Invalid> {
    if size <= rules.batch_bytes_max {
        return Ok(());
    }
    let text = format!(
        "the record batch takes {size} bytes, more than the topic's {}",
        rules.batch_bytes_max
    );
    Err(Invalid::batch(ErrorCode::MessageTooLarge, text))
}

/// What one walk over the records found out.
struct Seen {
    max_timestamp: i64,
    max_timestamp_offset_delta: i32,
    /// Whether the records' offset deltas are 0, 1, 2 and so on.
    is_sequential: bool,
}

fn check_records(
    header: &BatchHeader,
    bytes: &[u8],
    rules: &ProduceRules,
    is_compressed: bool,
) -> Result<Seen, Invalid> {
    let mut seen =
        Seen { max_timestamp: NO_TIMESTAMP, max_timestamp_offset_delta: -1, is_sequential: true };
    let mut errors = RecordErrors::default();
    for (place, record) in (0..).zip(records(header, bytes)) {
        let record = record?;
        if is_compressed && record.body_size > rules.record_bytes_max {
            return Err(Invalid::record(format!(
                "a record takes {} bytes, more than the topic's {}",
                record.body_size, rules.record_bytes_max
            )));
        }
        let timestamp = record.timestamp(header);
        errors.check(place, header, &record, rules);
        seen.is_sequential &= record.offset_delta == place;
        if timestamp > seen.max_timestamp {
            seen.max_timestamp = timestamp;
            seen.max_timestamp_offset_delta = place;
        }
    }
    errors.into_result()?;
    Ok(seen)
}

/// The records of one batch that their topic does not take.
#[derive(Default)]
struct RecordErrors {
    count: usize,
    has_timestamp: bool,
    errors: Vec<(i32, String)>,
}

impl RecordErrors {
    fn check(
        &mut self,
        place: i32,
        header: &BatchHeader,
        record: &RecordView<'_>,
        rules: &ProduceRules,
    ) {
        let timestamp = record.timestamp(header);
        if rules.compacted && record.key.is_none() {
            self.add(place, || "a compacted topic takes no record without a key".to_owned());
        } else if rules.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP {
            // The clock's distance saturates: what is that far off is out of any range.
            let ahead = timestamp.saturating_sub(rules.now_ms);
            if ahead > rules.after_max_ms || ahead < rules.before_max_ms.saturating_neg() {
                self.has_timestamp = true;
                self.add(place, || out_of_range(timestamp, record.offset_delta, rules));
            }
        } else if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
            self.has_timestamp = true;
            self.add(place, || "a producer may not set LogAppendTime".to_owned());
        }
    }

    fn add(&mut self, place: i32, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.errors.len() < RECORD_ERRORS_MAX {
            self.errors.push((place, text()));
        }
    }

    fn into_result(self) -> Result<(), Invalid> {
        if self.count == 0 {
            return Ok(());
        }
        let (code, text) = if self.has_timestamp {
            let text = "one or more records have been rejected due to an invalid timestamp";
            (ErrorCode::InvalidTimestamp, text.to_owned())
        } else {
            let first = self.errors.first().map_or("", |(_, text)| text);
            (ErrorCode::InvalidRecord, format!("{} records were rejected: {first}", self.count))
        };
        Err(Invalid { code, text, record_errors: self.errors })
    }
}

fn out_of_range(timestamp: i64, offset_delta: i32, rules: &ProduceRules) -> String {
    format!(
        "the timestamp {timestamp} of the record with offset {offset_delta} is out of range: it \
         should be within [{}, {}]",
        rules.now_ms.saturating_sub(rules.before_max_ms),
        rules.now_ms.saturating_add(rules.after_max_ms)
    )
}

/// The same records as a new batch in the topic's compression.
fn rebuild(
    header: &BatchHeader,
    bytes: &[u8],
    rules: &ProduceRules,
    target: Compression,
) -> Result<BytesMut, Invalid> {
    let mut builder = BatchBuilder::new(BuilderOptions {
        compression: target,
        level: rules.compression.and_then(|target| target.level),
        timestamp_type: rules.timestamp_type,
        log_append_time: rules.now_ms,
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        transactional: header.attributes.is_transactional(),
        ..BuilderOptions::default()
    });
    for (offset, record) in (0..).map(Offset).zip(records(header, bytes)) {
        let record = record?;
        builder.append_view(offset, record.timestamp(header), &record)?;
    }
    Ok(builder.finish()?)
}

#[cfg(test)]
mod tests;
