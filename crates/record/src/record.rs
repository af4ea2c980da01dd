//! The records inside of a batch, read in place.
//!
//! Invariants: reading allocates nothing; a record handed out is whole and its headers are valid.
//! Kafka: `org.apache.kafka.common.record.internal.DefaultRecord`.

use ottla_types::Offset;

use crate::cursor::Cursor;
use crate::{BatchError, BatchHeader};

/// Least bytes a record takes: seven numbers of one byte each.
const RECORD_SIZE_MIN: usize = 7;

/// One record, as slices of its batch's decompressed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// The record's offset minus the batch's base offset.
    pub offset_delta: i32,
    /// The record's timestamp minus the batch's base timestamp, in ms.
    pub timestamp_delta: i64,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value, `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Bytes the record takes in the body, with its length.
    pub size: usize,
    /// The same without its length.
    pub(crate) body_size: usize,
    headers: Headers<'a>,
}

impl<'a> RecordView<'a> {
    /// The record's offset in its partition.
    pub const fn offset(&self, batch: &BatchHeader) -> Offset {
        batch.base_offset.plus(self.offset_delta as i64)
    }

    /// The record's timestamp, in ms: its own, or when its batch was appended.
    pub const fn timestamp(&self, batch: &BatchHeader) -> i64 {
        batch.record_timestamp(self.timestamp_delta)
    }

    /// The record's headers, in their order.
    pub fn headers(&self) -> Headers<'a> {
        self.headers.clone()
    }
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// The key: UTF-8 by convention, which nobody enforces.
    pub key: &'a [u8],
    /// The value, if it has one.
    pub value: Option<&'a [u8]>,
}

/// The headers of one record. They were checked when the record was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = HeaderView<'a>;

    fn next(&mut self) -> Option<HeaderView<'a>> {
        self.count = self.count.checked_sub(1)?;
        let mut cursor = Cursor::new(self.bytes);
        let header = read_header(&mut cursor).ok()?;
        self.bytes = cursor.rest();
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// The records of a batch. `body` is what follows the header, decompressed.
///
/// Gives exactly the batch's count of records or an error: bytes that are missing or left over are
/// one. After an error nothing more comes.
pub fn records<'a>(batch: &BatchHeader, body: &'a [u8]) -> RecordIter<'a> {
    RecordIter { cursor: Cursor::new(body), left: batch.record_count, failed: false }
}

/// Iterates over the records of one batch. See [`records`].
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    cursor: Cursor<'a>,
    left: i32,
    failed: bool,
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.left <= 0 {
            self.failed = true;
            return (self.cursor.remaining() > 0)
                .then_some(Err(BatchError::InvalidRecord("bytes are left after the last record")));
        }
        self.left -= 1;
        let record = read_record(&mut self.cursor);
        self.failed = record.is_err();
        Some(record)
    }

    /// Never more than the bytes can hold, whatever the batch says of itself.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(0);
        (0, Some(left.min(self.cursor.remaining() / RECORD_SIZE_MIN).saturating_add(1)))
    }
}

impl std::iter::FusedIterator for RecordIter<'_> {}

fn read_record<'a>(cursor: &mut Cursor<'a>) -> Result<RecordView<'a>, BatchError> {
    let before = cursor.remaining();
    let length =
        cursor.varint().ok_or(BatchError::InvalidRecord("a record's length cannot be read"))?;
    let bytes = usize::try_from(length)
        .ok()
        .and_then(|length| cursor.take(length))
        .ok_or(BatchError::InvalidRecord("a record is longer than its batch"))?;
    let size = before - cursor.remaining();
    read_fields(&mut Cursor::new(bytes), size)
}

fn read_fields<'a>(cursor: &mut Cursor<'a>, size: usize) -> Result<RecordView<'a>, BatchError> {
    const SHORT: BatchError = BatchError::InvalidRecord("a record ends before its fields do");
    let body_size = cursor.remaining();
    // The attributes of a record: no bit has a meaning, so none is refused.
    cursor.u8().ok_or(SHORT)?;
    let timestamp_delta = cursor.varlong().ok_or(SHORT)?;
    let offset_delta = cursor.varint().ok_or(SHORT)?;
    let key = nullable(cursor).map_err(|Ended| SHORT)?;
    let value = nullable(cursor).map_err(|Ended| SHORT)?;
    let count = cursor.varint().ok_or(SHORT)?;
    let count = usize::try_from(count)
        .map_err(|_| BatchError::InvalidRecord("a record has a negative number of headers"))?;
    if count > cursor.remaining() {
        return Err(BatchError::InvalidRecord("a record has more headers than bytes"));
    }
    let headers = Headers { count, bytes: cursor.rest() };
    for _ in 0..count {
        read_header(cursor)?;
    }
    if cursor.remaining() > 0 {
        return Err(BatchError::InvalidRecord("a record is longer than its fields"));
    }
    Ok(RecordView { offset_delta, timestamp_delta, key, value, size, body_size, headers })
}

fn read_header<'a>(cursor: &mut Cursor<'a>) -> Result<HeaderView<'a>, BatchError> {
    const LONG: BatchError = BatchError::InvalidRecord("a header is longer than its record");
    let key = nullable(cursor).map_err(|Ended| LONG)?;
    let key = key.ok_or(BatchError::InvalidRecord("a header has no key"))?;
    let value = nullable(cursor).map_err(|Ended| LONG)?;
    Ok(HeaderView { key, value })
}

/// The bytes are over before the field is.
struct Ended;

/// Bytes after their length. Any negative length stands for null, as in Java.
fn nullable<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Ended> {
    let length = cursor.varint().ok_or(Ended)?;
    match usize::try_from(length) {
        Ok(length) => cursor.take(length).map(Some).ok_or(Ended),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
