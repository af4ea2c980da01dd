//! Puts a message together, leaving room for record bytes that the caller sends by itself.
//!
//! Kafka: `ByteBufferAccessor`, `SendBuilder`.

use bytes::{BufMut, BytesMut};
use ottla_types::Uuid;

use crate::{EncodeError, Records, source::Encoded};

/// Kafka writes no longer strings.
const STRING_BYTES_MAX: usize = 0x7fff;

/// Bytes that belong into an encoded message and are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// They go in front of the byte at this position of the buffer.
    pub at: usize,
    /// How many they are.
    pub len: usize,
    /// The number that [`Records::Deferred`] gave them.
    pub slot: usize,
}

/// An encoded message in the making.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    buf: BytesMut,
    deferred: Vec<Deferred>,
    deferred_len: usize,
}

/// The tagged fields of one struct while they are written.
#[derive(Debug)]
pub(crate) struct Tags {
    /// Where their count stands.
    at: usize,
    /// How many there are.
    count: u8,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { buf: BytesMut::with_capacity(capacity), ..Self::default() }
    }

    /// Goes on at the end of `buf`. Its present content counts as written.
    pub fn on(buf: BytesMut) -> Self {
        Self { buf, ..Self::default() }
    }

    /// The size of the message so far, with the bytes that are put in later.
    pub fn len(&self) -> usize {
        self.buf.len() + self.deferred_len
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buffer, and what the caller is to put into it, in order.
    pub fn finish(self) -> (BytesMut, Vec<Deferred>) {
        (self.buf, self.deferred)
    }

    /// Bytes as they are.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.buf.put_slice(bytes);
    }

    /// A `BOOLEAN`.
    pub fn put_bool(&mut self, value: bool) {
        self.buf.put_u8(u8::from(value));
    }

    /// An `INT8`.
    pub fn put_i8(&mut self, value: i8) {
        self.buf.put_i8(value);
    }

    /// A byte.
    pub fn put_u8(&mut self, value: u8) {
        self.buf.put_u8(value);
    }

    /// An `INT16`.
    pub fn put_i16(&mut self, value: i16) {
        self.buf.put_i16(value);
    }

    /// A `UINT16`.
    pub fn put_u16(&mut self, value: u16) {
        self.buf.put_u16(value);
    }

    /// An `INT32`.
    pub fn put_i32(&mut self, value: i32) {
        self.buf.put_i32(value);
    }

    /// A `UINT32`.
    pub fn put_u32(&mut self, value: u32) {
        self.buf.put_u32(value);
    }

    /// An `INT64`.
    pub fn put_i64(&mut self, value: i64) {
        self.buf.put_i64(value);
    }

    /// A `FLOAT64`.
    pub fn put_f64(&mut self, value: f64) {
        self.buf.put_f64(value);
    }

    /// A `UUID`.
    pub fn put_uuid(&mut self, value: Uuid) {
        self.buf.put_slice(&value.0);
    }

    /// An `UNSIGNED_VARINT`.
    pub fn put_uvarint(&mut self, value: u32) {
        self.put_seven_bits(u64::from(value));
    }

    /// A `VARINT`.
    pub fn put_varint(&mut self, value: i32) {
        self.put_uvarint(((value << 1) ^ (value >> 31)).cast_unsigned());
    }

    /// A `VARLONG`.
    pub fn put_varlong(&mut self, value: i64) {
        self.put_seven_bits(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn put_seven_bits(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buf.put_u8(low_seven_bits(value) | 0x80);
            value >>= 7;
        }
        self.buf.put_u8(low_seven_bits(value));
    }

    /// A length or count, `None` for null.
    fn put_length(&mut self, flexible: bool, length: Option<usize>) -> Encoded {
        let length = match length {
            Some(length) => i32::try_from(length).map_err(|_| EncodeError::TooLong)?,
            None => -1,
        };
        if flexible {
            self.put_uvarint(length.wrapping_add(1).cast_unsigned());
        } else {
            self.put_i32(length);
        }
        Ok(())
    }

    /// A `NULLABLE_STRING`, or a `COMPACT_NULLABLE_STRING` where `flexible`.
    pub fn put_nullable_string(
        &mut self,
        flexible: bool,
        value: Option<&str>,
    ) -> Result<(), EncodeError> {
        if value.is_some_and(|text| text.len() > STRING_BYTES_MAX) {
            return Err(EncodeError::TooLong);
        }
        if flexible {
            self.put_length(true, value.map(str::len))?;
        } else {
            self.put_i16(value.map_or(-1, |text| i16::try_from(text.len()).unwrap_or(i16::MAX)));
        }
        self.put_slice(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    /// A `STRING`, or a `COMPACT_STRING` where `flexible`.
    pub fn put_string(&mut self, flexible: bool, value: &str) -> Result<(), EncodeError> {
        self.put_nullable_string(flexible, Some(value))
    }

    /// An empty list of tagged fields.
    pub fn put_empty_tags(&mut self) {
        self.buf.put_u8(0);
    }
}

fn low_seven_bits(value: u64) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or(0)
}

/// Null only where it is allowed.
fn check_null<T>(value: Option<&T>, null: bool) -> Encoded
where
    T: ?Sized,
{
    if value.is_none() && !null { Err(EncodeError::UnexpectedNull) } else { Ok(()) }
}

/// What generated code calls; `null` says whether the version allows null.
impl Writer {
    pub(crate) fn string_or_null(
        &mut self,
        flexible: bool,
        null: bool,
        value: Option<&str>,
    ) -> Encoded {
        check_null(value, null)?;
        self.put_nullable_string(flexible, value)
    }

    pub(crate) fn bytes_or_null(
        &mut self,
        flexible: bool,
        null: bool,
        value: Option<&[u8]>,
    ) -> Encoded {
        check_null(value, null)?;
        self.put_length(flexible, value.map(<[u8]>::len))?;
        self.put_slice(value.unwrap_or_default());
        Ok(())
    }

    pub(crate) fn bytes(&mut self, flexible: bool, value: &[u8]) -> Encoded {
        self.bytes_or_null(flexible, false, Some(value))
    }

    pub(crate) fn records_or_null(
        &mut self,
        flexible: bool,
        null: bool,
        value: Option<&Records>,
    ) -> Encoded {
        check_null(value, null)?;
        self.put_length(flexible, value.map(Records::len))?;
        match value {
            Some(Records::Bytes(bytes)) => self.put_slice(bytes),
            Some(&Records::Deferred { len, slot }) if len > 0 => {
                self.deferred.push(Deferred { at: self.buf.len(), len, slot });
                self.deferred_len += len;
            }
            Some(Records::Deferred { .. }) | None => {}
        }
        Ok(())
    }

    pub(crate) fn array_or_null<T>(
        &mut self,
        flexible: bool,
        null: bool,
        value: Option<&[T]>,
        mut element: impl FnMut(&mut Self, &T) -> Encoded,
    ) -> Encoded {
        check_null(value, null)?;
        self.put_length(flexible, value.map(<[T]>::len))?;
        for item in value.unwrap_or_default() {
            element(self, item)?;
        }
        Ok(())
    }

    pub(crate) fn array<T>(
        &mut self,
        flexible: bool,
        value: &[T],
        element: impl FnMut(&mut Self, &T) -> Encoded,
    ) -> Encoded {
        self.array_or_null(flexible, false, Some(value), element)
    }

    pub(crate) fn numbers_or_null<T: Copy>(
        &mut self,
        flexible: bool,
        null: bool,
        value: Option<&[T]>,
        put: fn(&mut Self, T),
    ) -> Encoded {
        self.array_or_null(flexible, null, value, |w, item| {
            put(w, *item);
            Ok(())
        })
    }

    pub(crate) fn numbers<T: Copy>(
        &mut self,
        flexible: bool,
        value: &[T],
        put: fn(&mut Self, T),
    ) -> Encoded {
        self.numbers_or_null(flexible, false, Some(value), put)
    }

    pub(crate) fn struct_or_null<T>(
        &mut self,
        null: bool,
        mark: i8,
        value: Option<&T>,
        write: impl FnOnce(&mut Self, &T) -> Encoded,
    ) -> Encoded {
        check_null(value, null)?;
        if null {
            self.put_i8(if value.is_some() { 1 } else { mark });
        }
        value.map_or(Ok(()), |value| write(self, value))
    }

    pub(crate) fn open_tags(&mut self) -> Tags {
        let at = self.buf.len();
        self.buf.put_u8(0);
        Tags { at, count: 0 }
    }

    /// One tagged field. They are to be written in ascending order, and none holds records.
    pub(crate) fn tag(
        &mut self,
        tags: &mut Tags,
        tag: u32,
        write: impl FnOnce(&mut Self) -> Encoded,
    ) -> Encoded {
        // No struct has 128 tagged fields, so their count is one byte.
        tags.count += 1;
        if let Some(count) = self.buf.get_mut(tags.at) {
            *count = tags.count;
        }
        self.put_uvarint(tag);
        let outer = std::mem::take(&mut self.buf);
        let written = write(self);
        let field = std::mem::replace(&mut self.buf, outer);
        let size = u32::try_from(field.len()).map_err(|_| EncodeError::TooLong)?;
        self.put_uvarint(size);
        self.put_slice(&field);
        written
    }
}
