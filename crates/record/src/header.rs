//! The 61 bytes before the records of a batch, and what may be changed in them in place.
//!
//! Invariants: a [`BatchHeader`] is only made from bytes whose lengths and counts can be;
//! [`stamp`] changes only fields that the CRC does not cover, the others leave a CRC that matches.
//! Kafka: `org.apache.kafka.common.record.internal.DefaultRecordBatch`.

use ottla_types::{LeaderEpoch, Offset, ProducerId};

use crate::cursor::Cursor;
use crate::{BatchError, Compression};

/// Bytes before the first record of a batch.
pub const BATCH_OVERHEAD: usize = 61;
/// Bytes that `batch_length` does not count: the base offset and the length itself.
pub const LOG_OVERHEAD: usize = 12;
/// The timestamp of a record or batch that has none.
pub const NO_TIMESTAMP: i64 = -1;

/// Bytes of the header that `batch_length` counts.
const LENGTH_MIN: i32 = 49;
/// Where the bytes start that the CRC covers.
const CRC_START: usize = 21;

const COMPRESSION_MASK: i16 = 0b111;
const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
const DELETE_HORIZON: i16 = 1 << 6;

/// Who gave the records their timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum TimestampType {
    /// The producer, each record its own.
    #[default]
    CreateTime,
    /// The broker, one for the whole batch: its `max_timestamp`.
    LogAppendTime,
}

impl TimestampType {
    /// The value of `message.timestamp.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }

    /// The type with this value of `message.timestamp.type`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "CreateTime" => Some(Self::CreateTime),
            "LogAppendTime" => Some(Self::LogAppendTime),
            _ => None,
        }
    }
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Attributes(pub i16);

impl Attributes {
    /// How the records are compressed.
    pub fn compression(self) -> Result<Compression, BatchError> {
        let id = (self.0 & COMPRESSION_MASK).to_le_bytes()[0];
        Compression::from_id(id).ok_or(BatchError::UnknownCompression(id))
    }

    /// Who gave the records their timestamps.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the records belong to a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL != 0
    }

    /// Whether the records are for the log itself, as transaction markers are, and not for readers.
    pub const fn is_control(self) -> bool {
        self.0 & CONTROL != 0
    }

    /// Whether the base timestamp holds the time after which compaction may drop the batch's
    /// tombstones.
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON != 0
    }

    /// The same attributes with this compression.
    #[must_use]
    pub const fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !COMPRESSION_MASK | compression.id() as i16)
    }

    /// The same attributes with this timestamp type.
    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        match timestamp_type {
            TimestampType::CreateTime => Self(self.0 & !LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Self(self.0 | LOG_APPEND_TIME),
        }
    }

    /// The same attributes, of a transaction.
    #[must_use]
    pub const fn with_transactional(self) -> Self {
        Self(self.0 | TRANSACTIONAL)
    }

    /// The same attributes, of control records.
    #[must_use]
    pub const fn with_control(self) -> Self {
        Self(self.0 | CONTROL)
    }

    /// The same attributes, with a delete horizon in the base timestamp.
    #[must_use]
    pub const fn with_delete_horizon(self) -> Self {
        Self(self.0 | DELETE_HORIZON)
    }
}

/// What stands before the records of a batch of magic 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record the batch was made with.
    pub base_offset: Offset,
    /// Bytes of the batch after this field, as on the wire. See [`BatchHeader::size`].
    pub batch_length: i32,
    /// The partition's leader epoch when the batch was appended.
    pub leader_epoch: LeaderEpoch,
    /// The format: 2.
    pub magic: i8,
    /// CRC32C of everything from the attributes on.
    pub crc: u32,
    /// Compression, timestamp type and kind.
    pub attributes: Attributes,
    /// Last offset minus base offset. Stays when compaction drops the last record.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas are relative to, in ms. Also the delete horizon, if the
    /// attributes say so.
    pub base_timestamp: i64,
    /// Largest timestamp of the records, or the append time, in ms.
    pub max_timestamp: i64,
    /// Who produced the batch, if idempotent.
    pub producer_id: ProducerId,
    /// Which incarnation of that producer. −1 if not idempotent.
    pub producer_epoch: i16,
    /// Sequence number of the first record. −1 if not idempotent.
    pub base_sequence: i32,
    /// Records in the batch now. 0 if compaction dropped them all.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`, which may hold less than the whole batch, or more.
    ///
    /// Neither the CRC nor the records are looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let header = Self::parse_unchecked(bytes)?;
        header.check_size()?;
        if header.record_count < 0 {
            return Err(BatchError::InvalidCount(header.record_count));
        }
        if header.last_offset_delta < 0 {
            return Err(BatchError::InvalidOffsetDelta(header.last_offset_delta));
        }
        Ok(header)
    }

    /// Reads the fields, whatever they say.
    pub(crate) fn parse_unchecked(bytes: &[u8]) -> Result<Self, BatchError> {
        Self::read(&mut Cursor::new(bytes))
            .ok_or(BatchError::Truncated { needed: BATCH_OVERHEAD, have: bytes.len() })
    }

    /// Refuses another format, and a length that does not even cover the header.
    pub(crate) fn check_size(&self) -> Result<(), BatchError> {
        if self.magic != 2 {
            return Err(BatchError::UnsupportedMagic(self.magic));
        }
        if self.batch_length < LENGTH_MIN {
            return Err(BatchError::InvalidLength(self.batch_length));
        }
        Ok(())
    }

    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            base_offset: Offset(cursor.i64()?),
            batch_length: cursor.i32()?,
            leader_epoch: LeaderEpoch(cursor.i32()?),
            magic: cursor.i8()?,
            crc: cursor.u32()?,
            attributes: Attributes(cursor.i16()?),
            last_offset_delta: cursor.i32()?,
            base_timestamp: cursor.i64()?,
            max_timestamp: cursor.i64()?,
            producer_id: ProducerId(cursor.i64()?),
            producer_epoch: cursor.i16()?,
            base_sequence: cursor.i32()?,
            record_count: cursor.i32()?,
        })
    }

    /// The header as bytes, the CRC as it stands in it.
    pub(crate) fn to_bytes(self) -> [u8; BATCH_OVERHEAD] {
        let mut bytes = [0; BATCH_OVERHEAD];
        put(&mut bytes, 0, self.base_offset.0.to_be_bytes());
        put(&mut bytes, 8, self.batch_length.to_be_bytes());
        put(&mut bytes, 12, self.leader_epoch.0.to_be_bytes());
        put(&mut bytes, 16, self.magic.to_be_bytes());
        put(&mut bytes, 17, self.crc.to_be_bytes());
        put(&mut bytes, CRC_START, self.attributes.0.to_be_bytes());
        put(&mut bytes, 23, self.last_offset_delta.to_be_bytes());
        put(&mut bytes, 27, self.base_timestamp.to_be_bytes());
        put(&mut bytes, 35, self.max_timestamp.to_be_bytes());
        put(&mut bytes, 43, self.producer_id.0.to_be_bytes());
        put(&mut bytes, 51, self.producer_epoch.to_be_bytes());
        put(&mut bytes, 53, self.base_sequence.to_be_bytes());
        put(&mut bytes, 57, self.record_count.to_be_bytes());
        bytes
    }

    /// How the bytes after the header are compressed. A batch that lost all its records has none.
    pub(crate) fn compression_of_body(&self) -> Result<Compression, BatchError> {
        let compression = self.attributes.compression()?;
        Ok(if self.record_count == 0 { Compression::None } else { compression })
    }

    /// Bytes of the whole batch, from its base offset to its last record.
    pub fn size(&self) -> usize {
        LOG_OVERHEAD.saturating_add(usize::try_from(self.batch_length).unwrap_or(0))
    }

    /// Offset of the last record the batch was made with, inclusive.
    pub const fn last_offset(&self) -> Offset {
        self.base_offset.plus(self.last_offset_delta as i64)
    }

    /// The offset after the batch.
    pub const fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// Sequence number of the last record. After the largest `i32` comes 0. −1 if the batch has no
    /// sequence.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        // Both are non-negative, so the sum is at most 2^32 − 2 and one wrap is enough.
        let sum = self.base_sequence.cast_unsigned() + self.last_offset_delta.cast_unsigned();
        (sum & i32::MAX.cast_unsigned()).cast_signed()
    }

    /// Whether the producer is idempotent.
    pub const fn has_producer_id(&self) -> bool {
        self.producer_id.0 > -1
    }

    /// The timestamp of a record with this delta: its own, or the append time of the batch.
    pub const fn record_timestamp(&self, timestamp_delta: i64) -> i64 {
        match self.attributes.timestamp_type() {
            TimestampType::CreateTime => self.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => self.max_timestamp,
        }
    }

    /// Up to when compaction keeps the tombstones of this batch, in ms, if that is decided yet.
    pub const fn delete_horizon_ms(&self) -> Option<i64> {
        if self.attributes.has_delete_horizon() { Some(self.base_timestamp) } else { None }
    }
}

/// The bytes after the header of one whole batch: its records, maybe compressed.
pub fn body(batch: &[u8]) -> &[u8] {
    batch.get(BATCH_OVERHEAD..).unwrap_or(&[])
}

/// Checks the CRC32C of exactly one batch.
pub fn check_crc(batch: &[u8]) -> Result<(), BatchError> {
    let truncated = || BatchError::Truncated { needed: BATCH_OVERHEAD, have: batch.len() };
    let stored = batch.get(17..CRC_START).ok_or_else(truncated)?;
    let stored = Cursor::new(stored).u32().ok_or_else(truncated)?;
    let computed = crc_fast::crc32_iscsi(batch.get(CRC_START..).unwrap_or(&[]));
    if stored == computed { Ok(()) } else { Err(BatchError::CrcMismatch { stored, computed }) }
}

/// Gives a batch its place in the log. Neither field is covered by the CRC.
pub fn stamp(batch: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    let header = header_mut(batch);
    put(header, 0, base_offset.0.to_be_bytes());
    put(header, 12, leader_epoch.0.to_be_bytes());
}

/// Sets the timestamp type and the largest timestamp (or the append time) of a batch with this
/// body, and its CRC. Does nothing where both are already so.
pub fn set_max_timestamp(
    header: &mut [u8; BATCH_OVERHEAD],
    body: &[u8],
    timestamp_type: TimestampType,
    max_timestamp: i64,
) {
    let attributes = Attributes(i16::from_be_bytes([header[21], header[22]]));
    let changed = attributes.with_timestamp_type(timestamp_type);
    let before = *header;
    put(header, CRC_START, changed.0.to_be_bytes());
    put(header, 35, max_timestamp.to_be_bytes());
    if before != *header {
        let crc = crc_of(header, body);
        put(header, 17, crc.to_be_bytes());
    }
}

/// Sets who produced exactly one batch, and its CRC. For a client that sends it once more under a
/// new producer id or epoch.
pub fn set_producer(
    batch: &mut [u8],
    producer_id: ProducerId,
    producer_epoch: i16,
    base_sequence: i32,
) {
    let header = header_mut(batch);
    put(header, 43, producer_id.0.to_be_bytes());
    put(header, 51, producer_epoch.to_be_bytes());
    put(header, 53, base_sequence.to_be_bytes());
    set_crc(batch);
}

/// Computes and writes the CRC of exactly one batch.
pub(crate) fn set_crc(batch: &mut [u8]) {
    let crc = crc_fast::crc32_iscsi(batch.get(CRC_START..).unwrap_or(&[]));
    put(header_mut(batch), 17, crc.to_be_bytes());
}

/// CRC32C of what the CRC of a batch covers.
fn crc_of(header: &[u8; BATCH_OVERHEAD], body: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(header.get(CRC_START..).unwrap_or(&[]));
    digest.update(body);
    // A CRC of 32 bits, in a number that has room for 64.
    u32::try_from(digest.finalize()).unwrap_or_default()
}

/// The header of a batch that its caller has parsed, so one that is there.
fn header_mut(batch: &mut [u8]) -> &mut [u8; BATCH_OVERHEAD] {
    match batch.first_chunk_mut() {
        Some(header) => header,
        None => unreachable!("a batch is changed in place only after its header was parsed"),
    }
}

/// Writes a field at a fixed place.
fn put<const N: usize>(header: &mut [u8; BATCH_OVERHEAD], at: usize, value: [u8; N]) {
    for (slot, byte) in header.iter_mut().skip(at).zip(value) {
        *slot = byte;
    }
}

#[cfg(test)]
mod tests;
