//! The bytes of a batch's header and of a record, field by field.
//!
//! Kafka: `DefaultRecordBatch`, `DefaultRecord`.

use ottla_record::BatchHeader;
use serde::Serialize;
use utoipa::ToSchema;

/// A field and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Field {
    /// Kafka's name.
    name: String,
    /// Its first byte.
    start: i32,
    /// Exclusive: its last byte and one.
    end: i32,
    value: String,
    /// What it is for.
    meaning: String,
}

/// The fields of the header of a batch.
pub(crate) fn batch_fields(header: &BatchHeader) -> Vec<Field> {
    let attributes = header.attributes;
    let compression = attributes.compression().map_or("unknown", |it| it.name());
    let mut flags = vec![compression, attributes.timestamp_type().name()];
    if attributes.is_transactional() {
        flags.push("transactional");
    }
    if attributes.is_control() {
        flags.push("control");
    }
    let rows: [(&str, i32, String, &str); 13] = [
        ("baseOffset", 8, header.base_offset.to_string(), "offset of the first record"),
        ("batchLength", 4, header.batch_length.to_string(), "bytes that follow this field"),
        (
            "partitionLeaderEpoch",
            4,
            header.leader_epoch.to_string(),
            "how often the leadership had changed when the batch was appended",
        ),
        ("magic", 1, header.magic.to_string(), "version of the format"),
        ("crc", 4, header.crc.to_string(), "CRC-32C of everything from the attributes on"),
        (
            "attributes",
            2,
            format!("{} ({})", attributes.0, flags.join(", ")),
            "compression, kind of timestamp, transactional, control",
        ),
        (
            "lastOffsetDelta",
            4,
            header.last_offset_delta.to_string(),
            "last offset minus the base offset",
        ),
        (
            "baseTimestamp",
            8,
            header.base_timestamp.to_string(),
            "what the records' timestamps are relative to, in ms since 1970",
        ),
        ("maxTimestamp", 8, header.max_timestamp.to_string(), "the latest timestamp, in ms"),
        ("producerId", 8, header.producer_id.to_string(), "who wrote it; -1: not idempotent"),
        (
            "producerEpoch",
            2,
            header.producer_epoch.to_string(),
            "which incarnation of the producer",
        ),
        (
            "baseSequence",
            4,
            header.base_sequence.to_string(),
            "the producer's number of the first record",
        ),
        ("recordsCount", 4, header.record_count.to_string(), "how many records follow"),
    ];
    let mut start = 0;
    let mut fields = Vec::with_capacity(rows.len());
    for (name, size, value, meaning) in rows {
        let (name, meaning) = (name.to_owned(), meaning.to_owned());
        fields.push(Field { name, start, end: start + size, value, meaning });
        start += size;
    }
    fields
}

/// A reader of zigzag varints that knows where it is.
struct Varints<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Varints<'_> {
    fn next(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn skip(&mut self, count: i64) -> Option<()> {
        let next = self.at.checked_add(usize::try_from(count).ok()?)?;
        (next <= self.bytes.len()).then(|| self.at = next)
    }
}

/// The place of the record with this number in a body, and its fields, which count from its first
/// byte.
pub(crate) fn record_fields(
    body: &[u8],
    number: usize,
) -> Option<(std::ops::Range<usize>, Vec<Field>)> {
    let mut reader = Varints { bytes: body, at: 0 };
    for _ in 0..number {
        let length = reader.next()?;
        reader.skip(length)?;
    }
    let start = reader.at;
    let length = reader.next()?;
    let end = reader.at.checked_add(usize::try_from(length).ok()?)?;
    let record = body.get(start..end)?;
    let mut made = Fields { reader: Varints { bytes: record, at: 0 }, fields: Vec::new() };
    made.varint("length", "bytes that follow this field")?;
    made.put("attributes", "unused", |reader| {
        reader.skip(1)?;
        Some("0".to_owned())
    })?;
    made.varint("timestampDelta", "ms after the batch's base timestamp")?;
    made.varint("offsetDelta", "offsets after the batch's base offset")?;
    made.bytes("key")?;
    made.bytes("value")?;
    let headers = made.varint("headersCount", "how many headers follow")?;
    for _ in 0..headers.clamp(0, 1_000) {
        made.bytes("headerKey")?;
        made.bytes("headerValue")?;
    }
    Some((start..end, made.fields))
}

struct Fields<'a> {
    reader: Varints<'a>,
    fields: Vec<Field>,
}

impl<'a> Fields<'a> {
    fn put(
        &mut self,
        name: &str,
        meaning: &str,
        read: impl FnOnce(&mut Varints<'a>) -> Option<String>,
    ) -> Option<()> {
        let place = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        let start = place(self.reader.at);
        let value = read(&mut self.reader)?;
        let end = place(self.reader.at);
        let (name, meaning) = (name.to_owned(), meaning.to_owned());
        self.fields.push(Field { name, start, end, value, meaning });
        Some(())
    }

    fn varint(&mut self, name: &str, meaning: &str) -> Option<i64> {
        let mut value = 0;
        self.put(name, meaning, |reader| {
            value = reader.next()?;
            Some(value.to_string())
        })?;
        Some(value)
    }

    /// A length and as many bytes; −1 is null.
    fn bytes(&mut self, name: &str) -> Option<()> {
        let length =
            self.varint(&format!("{name}Length"), "-1: null; a zigzag varint like the others")?;
        if length > 0 {
            self.put(name, "", |reader| {
                reader.skip(length)?;
                Some(format!("{length} bytes"))
            })?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use ottla_record::{BATCH_OVERHEAD, BatchBuilder, BuilderOptions, Header, Record};

    use super::*;

    #[test]
    fn every_byte_of_a_header_and_of_a_record_belongs_to_a_field() {
        let mut builder = BatchBuilder::new(BuilderOptions::default());
        for key in ["a", "temperature"] {
            let headers = vec![Header { key: "h".into(), value: None }];
            let (key, value) = (Some(key.into()), Some("14.2".into()));
            builder.append(&Record { key, value, headers, ..Record::default() }).unwrap();
        }
        let batch = builder.finish().unwrap();
        let header = BatchHeader::parse(&batch).unwrap();
        let fields = batch_fields(&header);
        assert_eq!(fields.last().unwrap().end, i32::try_from(BATCH_OVERHEAD).unwrap());
        let body = &batch[BATCH_OVERHEAD..];
        let (place, fields) = record_fields(body, 1).unwrap();
        assert_eq!(place.end, body.len());
        assert_eq!(fields.last().unwrap().end, i32::try_from(place.len()).unwrap());
        assert!(fields.windows(2).all(|two| two[0].end == two[1].start));
        let key = fields.iter().find(|it| it.name == "key").unwrap();
        let (start, end) = (usize::try_from(key.start).unwrap(), usize::try_from(key.end).unwrap());
        assert_eq!(&body[place][start..end], b"temperature");
        assert_eq!(record_fields(body, 2), None);
        assert_eq!(record_fields(&[0xff; 20], 0), None);
    }
}
