//! Makes one batch out of records.
//!
//! Invariant: what [`BatchBuilder::finish`] gives is a batch that this crate and Java read back as
//! the records that were appended.
//! Kafka: `org.apache.kafka.common.record.internal.MemoryRecordsBuilder`.

use bytes::{BufMut, Bytes, BytesMut};
use ottla_types::{LeaderEpoch, Offset, ProducerId};

use crate::cursor::{put_varint, put_varlong, varint_size};
use crate::header::set_crc;
use crate::{Attributes, BATCH_OVERHEAD, BatchError, BatchHeader, Compression, TimestampType};

/// Most bytes of a batch before compression. Leaves room for a codec that makes them more.
const SIZE_MAX: usize = 0x7000_0000;

/// A record that owns what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Record {
    /// When it was made, or appended, in ms. −1 if not known.
    pub timestamp: i64,
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The value, `None` for a tombstone.
    pub value: Option<Bytes>,
    /// Its headers, in their order.
    pub headers: Vec<Header>,
}

/// One header of a record.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// The key, not unique within a record.
    pub key: String,
    /// The value, if it has one.
    pub value: Option<Bytes>,
}

/// What a batch is made with, besides its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuilderOptions {
    /// How the records are compressed.
    pub compression: Compression,
    /// The codec's level, `None` for its default. See [`Compression::compress`].
    pub level: Option<i32>,
    /// Who gives the records their timestamps.
    pub timestamp_type: TimestampType,
    /// With [`TimestampType::LogAppendTime`]: when the batch is appended, in ms.
    pub log_append_time: i64,
    /// Offset of the first record.
    pub base_offset: Offset,
    /// The partition's leader epoch, −1 while not known.
    pub leader_epoch: LeaderEpoch,
    /// The producer's id, −1 if not idempotent.
    pub producer_id: ProducerId,
    /// The producer's epoch, −1 if not idempotent.
    pub producer_epoch: i16,
    /// Sequence number of the first record, −1 if not idempotent.
    pub base_sequence: i32,
    /// Whether the records belong to a transaction.
    pub transactional: bool,
    /// Whether these are control records.
    pub control: bool,
    /// Until when compaction keeps the tombstones, in ms, if that is decided.
    pub delete_horizon_ms: Option<i64>,
    /// The last offset minus the base offset, where it is not that of the last record: compaction
    /// keeps a batch's span when it drops records at its end.
    pub last_offset_delta: Option<i32>,
}

impl Default for BuilderOptions {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            level: None,
            timestamp_type: TimestampType::CreateTime,
            log_append_time: crate::NO_TIMESTAMP,
            base_offset: Offset::ZERO,
            leader_epoch: LeaderEpoch::NONE,
            producer_id: ProducerId::NONE,
            producer_epoch: -1,
            base_sequence: -1,
            transactional: false,
            control: false,
            delete_horizon_ms: None,
            last_offset_delta: None,
        }
    }
}

/// Builds one batch of magic 2, record by record.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    options: BuilderOptions,
    /// The header's place, then the records, not compressed yet.
    buffer: BytesMut,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    last_offset_delta: i32,
    record_count: i32,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(options: BuilderOptions) -> Self {
        let mut buffer = BytesMut::new();
        buffer.put_bytes(0, BATCH_OVERHEAD);
        Self {
            base_timestamp: options.delete_horizon_ms,
            options,
            buffer,
            max_timestamp: crate::NO_TIMESTAMP,
            last_offset_delta: -1,
            record_count: 0,
        }
    }

    /// Appends a record at the next offset.
    pub fn append(&mut self, record: &Record) -> Result<(), BatchError> {
        let headers = record.headers.iter().map(|header| (&*header.key, header.value.as_deref()));
        self.append_parts(record.timestamp, record.key.as_deref(), record.value.as_deref(), headers)
    }

    /// Appends a record, given in parts, at the next offset.
    pub fn append_parts<'h>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)> + Clone,
    ) -> Result<(), BatchError> {
        let offset_delta = self.next_offset_delta()?;
        let headers = headers.map(|(key, value)| (key.as_bytes(), value));
        self.write(offset_delta, timestamp, (key, value), headers)
    }

    /// Appends a record that was read from another batch, at `offset`, which must not be before
    /// that of the record before.
    pub fn append_view(
        &mut self,
        offset: Offset,
        timestamp: i64,
        record: &crate::RecordView<'_>,
    ) -> Result<(), BatchError> {
        let delta = offset.0.checked_sub(self.options.base_offset.0);
        let delta = delta.and_then(|delta| i32::try_from(delta).ok());
        let offset_delta = delta
            .filter(|&delta| delta > self.last_offset_delta)
            .ok_or(BatchError::InvalidRecord("its offset is not after the one before"))?;
        let headers = record.headers().map(|header| (header.key, header.value));
        self.write(offset_delta, timestamp, (record.key, record.value), headers)
    }

    fn next_offset_delta(&self) -> Result<i32, BatchError> {
        self.last_offset_delta.checked_add(1).ok_or(BatchError::TooLarge { limit: SIZE_MAX })
    }

    fn write<'h>(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        headers: impl Iterator<Item = (&'h [u8], Option<&'h [u8]>)> + Clone,
    ) -> Result<(), BatchError> {
        // With LogAppendTime too, as in Kafka: that only the header's time counts is for readers.
        let base_timestamp = *self.base_timestamp.get_or_insert(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(base_timestamp);
        let mut size = 1 + varint_size(timestamp_delta) + varint_size(i64::from(offset_delta));
        size = size.saturating_add(nullable_size(key)).saturating_add(nullable_size(value));
        let mut count = 0i32;
        for (key, value) in headers.clone() {
            count = count.saturating_add(1);
            let header = nullable_size(Some(key)).saturating_add(nullable_size(value));
            size = size.saturating_add(header);
        }
        size = size.saturating_add(varint_size(i64::from(count)));
        let too_large = BatchError::TooLarge { limit: SIZE_MAX };
        if self.buffer.len().saturating_add(size).saturating_add(5) > SIZE_MAX {
            return Err(too_large);
        }
        let length = i32::try_from(size).map_err(|_| too_large)?;
        self.buffer.reserve(size + 5);
        put_varint(&mut self.buffer, length);
        self.buffer.put_u8(0);
        put_varlong(&mut self.buffer, timestamp_delta);
        put_varint(&mut self.buffer, offset_delta);
        put_nullable(&mut self.buffer, key);
        put_nullable(&mut self.buffer, value);
        put_varint(&mut self.buffer, count);
        for (key, value) in headers {
            put_nullable(&mut self.buffer, Some(key));
            put_nullable(&mut self.buffer, value);
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.last_offset_delta = offset_delta;
        self.record_count += 1;
        Ok(())
    }

    /// Records appended so far.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether no record was appended yet.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// Bytes of the batch if it were not compressed.
    pub fn size_estimate(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes that this record would add at the most, before compression.
    pub fn record_size_max(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> usize {
        let headers = headers.iter().fold(0usize, |sum, header| {
            sum.saturating_add(10)
                .saturating_add(header.key.len())
                .saturating_add(header.value.as_ref().map_or(0, Bytes::len))
        });
        // Length, attributes, timestamp, offset, two lengths, header count: at their longest.
        36usize
            .saturating_add(key.map_or(0, <[u8]>::len))
            .saturating_add(value.map_or(0, <[u8]>::len))
            .saturating_add(headers)
    }

    /// The finished batch: compressed, with its CRC.
    pub fn finish(mut self) -> Result<BytesMut, BatchError> {
        if self.record_count == 0 {
            self.options.compression = Compression::None;
        }
        let compression = self.options.compression;
        if compression != Compression::None {
            let packed = compression.compress(self.options.level, crate::body(&self.buffer))?;
            self.buffer.truncate(BATCH_OVERHEAD);
            self.buffer.extend_from_slice(&packed);
        }
        let size = i32::try_from(self.buffer.len())
            .map_err(|_| BatchError::TooLarge { limit: SIZE_MAX })?;
        let header = self.header(size - 12);
        for (slot, byte) in self.buffer.iter_mut().zip(header.to_bytes()) {
            *slot = byte;
        }
        set_crc(&mut self.buffer);
        Ok(self.buffer)
    }

    fn header(&self, batch_length: i32) -> BatchHeader {
        let options = &self.options;
        let mut attributes = Attributes::default()
            .with_compression(options.compression)
            .with_timestamp_type(options.timestamp_type);
        if options.transactional {
            attributes = attributes.with_transactional();
        }
        if options.control {
            attributes = attributes.with_control();
        }
        if options.delete_horizon_ms.is_some() {
            attributes = attributes.with_delete_horizon();
        }
        BatchHeader {
            base_offset: options.base_offset,
            batch_length,
            leader_epoch: options.leader_epoch,
            magic: 2,
            crc: 0,
            attributes,
            last_offset_delta: options.last_offset_delta.unwrap_or(self.last_offset_delta.max(0)),
            base_timestamp: self.base_timestamp.unwrap_or(crate::NO_TIMESTAMP),
            max_timestamp: match options.timestamp_type {
                TimestampType::CreateTime => self.max_timestamp,
                TimestampType::LogAppendTime => options.log_append_time,
            },
            producer_id: options.producer_id,
            producer_epoch: options.producer_epoch,
            base_sequence: options.base_sequence,
            record_count: self.record_count,
        }
    }
}

/// Bytes that a nullable field takes with its length.
fn nullable_size(bytes: Option<&[u8]>) -> usize {
    match bytes {
        // Longer than any batch: the caller's check of the sum refuses it.
        Some(bytes) => {
            bytes.len().saturating_add(i64::try_from(bytes.len()).map_or(10, varint_size))
        }
        None => 1,
    }
}

/// Writes a nullable field. Its length was checked as part of the record's.
fn put_nullable(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_varlong(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            out.put_slice(bytes);
        }
        None => put_varint(out, -1),
    }
}
