//! Record sets of magic 0 and 1, as brokers and clients before 0.11 wrote them.
//!
//! Such a set is records one after the other; compressed, it is one record whose value is a set.
//! Invariant: what is read here is as bounded as a batch of magic 2: nesting is one level deep and
//! decompression has a limit.
//! Kafka: `LegacyRecord`, `AbstractLegacyRecordBatch`.

use bytes::{Bytes, BytesMut};
use ottla_types::Offset;

use crate::compression::HeaderChecksum;
use crate::cursor::Cursor;
use crate::{
    BatchBuilder, BatchError, BuilderOptions, Compression, NO_TIMESTAMP, Record, Scratch,
    TimestampType,
};

const COMPRESSION_MASK: u8 = 0b111;
const LOG_APPEND_TIME: u8 = 1 << 3;

/// The records of a set, decompressed, each with its offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacySet {
    /// The records with their offsets, as the set has them: a producer's count from 0 or are
    /// meaningless, a log's are those in the partition.
    pub records: Vec<(Offset, Record)>,
    /// How the set was compressed.
    pub compression: Compression,
    /// Who gave the records their timestamps.
    pub timestamp_type: TimestampType,
}

/// The format of the first record in `bytes`, if there is enough of it. 2 is a batch, no set.
pub fn magic_of(bytes: &[u8]) -> Option<i8> {
    bytes.get(16).map(|magic| magic.cast_signed())
}

/// Reads a whole set of magic 0 or 1, of which a cut last record is passed over.
///
/// `decompressed_max` bounds the bytes of all its records if it is compressed.
pub fn read_set(
    bytes: &[u8],
    scratch: &mut Scratch,
    decompressed_max: usize,
) -> Result<LegacySet, BatchError> {
    let mut set = LegacySet {
        records: Vec::new(),
        compression: Compression::None,
        timestamp_type: TimestampType::CreateTime,
    };
    let mut cursor = Cursor::new(bytes);
    let mut left = decompressed_max;
    while let Some(entry) = Entry::read(&mut cursor)? {
        set.timestamp_type = entry.timestamp_type;
        match entry.compression()? {
            Compression::None => set.records.push((entry.offset, entry.to_record())),
            compression => {
                set.compression = compression;
                entry.unwrap(compression, scratch, left, &mut set.records)?;
                left = left.saturating_sub(scratch.output().len());
            }
        }
    }
    Ok(set)
}

/// Makes one batch of magic 2 out of a set that a client produced: the same records in the same
/// compression, at the offsets 0, 1, 2 and so on.
pub fn up_convert(
    bytes: &[u8],
    scratch: &mut Scratch,
    decompressed_max: usize,
) -> Result<BytesMut, BatchError> {
    let set = read_set(bytes, scratch, decompressed_max)?;
    if set.records.is_empty() {
        return Err(BatchError::InvalidCount(0));
    }
    let mut builder = BatchBuilder::new(BuilderOptions {
        compression: set.compression,
        ..BuilderOptions::default()
    });
    for (_, record) in &set.records {
        builder.append(record)?;
    }
    builder.finish()
}

/// One record of a set, or the wrapper of a compressed one.
struct Entry<'a> {
    offset: Offset,
    magic: i8,
    attributes: u8,
    timestamp: i64,
    timestamp_type: TimestampType,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    /// The next record, `None` at the end or before a record that is cut.
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<Self>, BatchError> {
        const SHORT: BatchError = BatchError::InvalidRecord("a record ends before its fields do");
        let (Some(offset), Some(length)) = (cursor.i64(), cursor.i32()) else { return Ok(None) };
        let size = usize::try_from(length).map_err(|_| BatchError::InvalidLength(length))?;
        let Some(bytes) = cursor.take(size) else { return Ok(None) };
        let mut fields = Cursor::new(bytes);
        let stored = fields.u32().ok_or(BatchError::InvalidLength(length))?;
        let computed = crc_fast::crc32_iso_hdlc(fields.rest());
        if stored != computed {
            return Err(BatchError::CrcMismatch { stored, computed });
        }
        let magic = fields.i8().ok_or(SHORT)?;
        let attributes = fields.u8().ok_or(SHORT)?;
        let timestamp = match magic {
            0 => NO_TIMESTAMP,
            1 => fields.i64().ok_or(SHORT)?,
            other => return Err(BatchError::UnsupportedMagic(other)),
        };
        let timestamp_type = if magic == 1 && attributes & LOG_APPEND_TIME != 0 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        };
        let key = nullable(&mut fields)?;
        let value = nullable(&mut fields)?;
        if fields.remaining() > 0 {
            return Err(BatchError::InvalidRecord("a record is longer than its fields"));
        }
        let offset = Offset(offset);
        Ok(Some(Self { offset, magic, attributes, timestamp, timestamp_type, key, value }))
    }

    fn compression(&self) -> Result<Compression, BatchError> {
        let id = self.attributes & COMPRESSION_MASK;
        match Compression::from_id(id) {
            // Zstandard came after these formats.
            Some(Compression::Zstd) | None => Err(BatchError::UnknownCompression(id)),
            Some(compression) => Ok(compression),
        }
    }

    /// Copies what is in the wrapper into `records`.
    fn unwrap(
        &self,
        compression: Compression,
        scratch: &mut Scratch,
        limit: usize,
        records: &mut Vec<(Offset, Record)>,
    ) -> Result<(), BatchError> {
        let packed =
            self.value.ok_or(BatchError::InvalidRecord("a compressed record has no value"))?;
        let checksum =
            if self.magic == 0 { HeaderChecksum::Ignored } else { HeaderChecksum::Checked };
        let bytes = scratch.decompress_with(compression, packed, limit, checksum)?;
        let first = records.len();
        let mut cursor = Cursor::new(bytes);
        while let Some(entry) = Entry::read(&mut cursor)? {
            if entry.compression()? != Compression::None || entry.magic != self.magic {
                return Err(BatchError::InvalidRecord(
                    "a compressed record holds one of another format, or a compressed one",
                ));
            }
            let mut record = entry.to_record();
            if self.timestamp_type == TimestampType::LogAppendTime {
                record.timestamp = self.timestamp;
            }
            records.push((entry.offset, record));
        }
        if self.magic == 1 {
            self.make_absolute(records.get_mut(first..).unwrap_or(&mut []));
        }
        if records.len() == first {
            return Err(BatchError::InvalidRecord("a compressed record holds no records"));
        }
        Ok(())
    }

    /// From magic 1 on the inner offsets are relative, and the wrapper has that of the last record.
    fn make_absolute(&self, records: &mut [(Offset, Record)]) {
        let Some(&(last, _)) = records.last() else { return };
        for (offset, _) in records {
            offset.0 = self.offset.0.wrapping_sub(last.0).wrapping_add(offset.0);
        }
    }

    fn to_record(&self) -> Record {
        Record {
            timestamp: self.timestamp,
            key: self.key.map(Bytes::copy_from_slice),
            value: self.value.map(Bytes::copy_from_slice),
            headers: Vec::new(),
        }
    }
}

/// Bytes after their length. Any negative length stands for null.
fn nullable<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, BatchError> {
    const SHORT: BatchError = BatchError::InvalidRecord("a record ends before its fields do");
    match usize::try_from(cursor.i32().ok_or(SHORT)?) {
        Ok(length) => cursor.take(length).map(Some).ok_or(SHORT),
        Err(_) => Ok(None),
    }
}
