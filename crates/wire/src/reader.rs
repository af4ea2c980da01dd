//! A cursor over one frame.
//!
//! Invariants: never reads beyond the frame; an array's count is checked against the bytes left
//! before anything is allocated for it. Kafka: `ByteBufferAccessor`, `MessageUtil`.

use bytes::Bytes;
use ottla_types::Uuid;

use crate::{
    DecodeError, Str,
    source::{Decoded, Source},
};

/// Kafka writes no longer strings.
const STRING_BYTES_MAX: usize = 0x7fff;

/// Reads values from the front of a frame. What it gives shares the frame's memory.
#[derive(Clone, Debug)]
pub struct Reader {
    rest: Bytes,
}

impl Reader {
    /// Reads from the start of `frame`.
    pub const fn new(frame: Bytes) -> Self {
        Self { rest: frame }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// What is left, as a slice.
    pub fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// What is left.
    pub fn into_rest(self) -> Bytes {
        self.rest
    }

    fn take<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let head = *self.rest.first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        bytes::Buf::advance(&mut self.rest, N);
        Ok(head)
    }

    /// The next `count` bytes.
    pub fn get_bytes(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        if count > self.rest.len() {
            return Err(DecodeError::Truncated);
        }
        Ok(self.rest.split_to(count))
    }

    /// A `BOOLEAN`: any byte but 0 is true.
    pub fn get_bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.get_i8()? != 0)
    }

    /// An `INT8`.
    pub fn get_i8(&mut self) -> Result<i8, DecodeError> {
        self.take().map(i8::from_be_bytes)
    }

    /// A byte.
    pub fn get_u8(&mut self) -> Result<u8, DecodeError> {
        self.take().map(u8::from_be_bytes)
    }

    /// An `INT16`.
    pub fn get_i16(&mut self) -> Result<i16, DecodeError> {
        self.take().map(i16::from_be_bytes)
    }

    /// A `UINT16`.
    pub fn get_u16(&mut self) -> Result<u16, DecodeError> {
        self.take().map(u16::from_be_bytes)
    }

    /// An `INT32`.
    pub fn get_i32(&mut self) -> Result<i32, DecodeError> {
        self.take().map(i32::from_be_bytes)
    }

    /// A `UINT32`.
    pub fn get_u32(&mut self) -> Result<u32, DecodeError> {
        self.take().map(u32::from_be_bytes)
    }

    /// An `INT64`.
    pub fn get_i64(&mut self) -> Result<i64, DecodeError> {
        self.take().map(i64::from_be_bytes)
    }

    /// A `FLOAT64`.
    pub fn get_f64(&mut self) -> Result<f64, DecodeError> {
        self.take().map(f64::from_be_bytes)
    }

    /// A `UUID`.
    pub fn get_uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.take().map(Uuid)
    }

    /// An `UNSIGNED_VARINT`: seven bits a byte, lowest first, at most five bytes.
    pub fn get_uvarint(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.seven_bits(5)?).map_err(|_| DecodeError::BadVarint)
    }

    /// A `VARINT`: zigzag, so that small negative numbers are short too.
    pub fn get_varint(&mut self) -> Result<i32, DecodeError> {
        let raw = self.get_uvarint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A `VARLONG`: zigzag.
    pub fn get_varlong(&mut self) -> Result<i64, DecodeError> {
        let raw = self.seven_bits(10)?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    fn seven_bits(&mut self, bytes_max: u32) -> Decoded<u64> {
        let mut value = 0_u64;
        for index in 0..bytes_max {
            let byte = self.get_u8()?;
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                break;
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::BadVarint)
    }

    /// A length or count; `None` for null. The old form is an `INT32` with -1 (as in Kafka: any
    /// negative) for null, the compact form an `UNSIGNED_VARINT` of one more, with 0 for null.
    fn length(&mut self, flexible: bool) -> Decoded<Option<usize>> {
        let signed =
            if flexible { i64::from(self.get_uvarint()?) - 1 } else { i64::from(self.get_i32()?) };
        if signed > i64::from(i32::MAX) {
            return Err(DecodeError::BadLength);
        }
        Ok(usize::try_from(signed).ok())
    }

    /// A `NULLABLE_STRING`, or a `COMPACT_NULLABLE_STRING` where `flexible`.
    pub fn get_nullable_string(&mut self, flexible: bool) -> Result<Option<Str>, DecodeError> {
        let length =
            if flexible { self.length(true)? } else { usize::try_from(self.get_i16()?).ok() };
        let Some(length) = length else { return Ok(None) };
        if length > STRING_BYTES_MAX {
            return Err(DecodeError::BadLength);
        }
        Str::from_utf8(self.get_bytes(length)?).map(Some)
    }

    /// A `STRING`, or a `COMPACT_STRING` where `flexible`.
    pub fn get_string(&mut self, flexible: bool) -> Result<Str, DecodeError> {
        self.get_nullable_string(flexible)?.ok_or(DecodeError::UnexpectedNull)
    }

    /// Skips tagged fields, all of them unknown.
    pub fn skip_tags(&mut self) -> Result<(), DecodeError> {
        self.tags(|_, _| Ok(false))
    }
}

/// Null only where it is allowed.
fn allowed<T>(value: Option<T>, null: bool) -> Decoded<Option<T>> {
    if value.is_none() && !null { Err(DecodeError::UnexpectedNull) } else { Ok(value) }
}

impl Source for Reader {
    fn bool(&mut self) -> Decoded<bool> {
        self.get_bool()
    }
    fn i8(&mut self) -> Decoded<i8> {
        self.get_i8()
    }
    fn i16(&mut self) -> Decoded<i16> {
        self.get_i16()
    }
    fn u16(&mut self) -> Decoded<u16> {
        self.get_u16()
    }
    fn i32(&mut self) -> Decoded<i32> {
        self.get_i32()
    }
    fn i64(&mut self) -> Decoded<i64> {
        self.get_i64()
    }
    fn f64(&mut self) -> Decoded<f64> {
        self.get_f64()
    }
    fn uuid(&mut self) -> Decoded<Uuid> {
        self.get_uuid()
    }

    fn nullable_string(&mut self, flexible: bool, null: bool) -> Decoded<Option<Str>> {
        allowed(self.get_nullable_string(flexible)?, null)
    }

    fn nullable_bytes(&mut self, flexible: bool, null: bool) -> Decoded<Option<Bytes>> {
        match allowed(self.length(flexible)?, null)? {
            Some(length) => self.get_bytes(length).map(Some),
            None => Ok(None),
        }
    }

    fn nullable_array<T>(
        &mut self,
        flexible: bool,
        null: bool,
        min_size: usize,
        mut element: impl FnMut(&mut Self) -> Decoded<T>,
    ) -> Decoded<Option<Vec<T>>> {
        let Some(count) = allowed(self.length(flexible)?, null)? else { return Ok(None) };
        if count > self.remaining() / min_size.max(1) {
            return Err(DecodeError::BadLength);
        }
        // A struct may be larger in memory than on the wire, so a count that passed may still be a
        // lie worth megabytes: beyond the frame's own size, memory grows only with what was read.
        let justified = self.remaining() / size_of::<T>().max(1) + 1;
        let mut out = Vec::with_capacity(count.min(justified));
        for read in 0..count {
            if read == out.capacity() {
                out.reserve_exact(read.min(count - read));
            }
            out.push(element(self)?);
        }
        Ok(Some(out))
    }

    fn nullable_struct<T>(
        &mut self,
        null: bool,
        mark: i8,
        read: impl FnOnce(&mut Self) -> Decoded<T>,
    ) -> Decoded<Option<T>> {
        if null && self.get_i8()? <= mark {
            return Ok(None);
        }
        read(self).map(Some)
    }

    fn tags(&mut self, mut known: impl FnMut(&mut Self, u32) -> Decoded<bool>) -> Decoded<()> {
        let mut next_allowed = 0;
        for _ in 0..self.get_uvarint()? {
            let tag = self.get_uvarint()?;
            if tag < next_allowed {
                return Err(DecodeError::BadTags);
            }
            next_allowed = tag.checked_add(1).ok_or(DecodeError::BadTags)?;
            let size = usize::try_from(self.get_uvarint()?).map_err(|_| DecodeError::BadLength)?;
            // The field is read from a frame of its own, so that it cannot reach beyond its end.
            let mut field = Self::new(self.get_bytes(size)?);
            if known(&mut field, tag)? && field.remaining() > 0 {
                return Err(DecodeError::BadTags);
            }
        }
        Ok(())
    }
}
