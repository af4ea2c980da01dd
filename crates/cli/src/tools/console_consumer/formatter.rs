//! A record as Kafka's console consumer shows it.
//!
//! Kafka: `DefaultMessageFormatter`, `LoggingMessageFormatter`, `NoOpMessageFormatter`.

use ottla_client::{ConsumedRecord, TimestampType};

use crate::tools::{Refusal, console_producer::pairs, flags::Given, target};

/// What is shown of records, and how.
#[expect(clippy::struct_excessive_bools, reason = "they are Kafka's independent properties")]
#[derive(Clone, Debug)]
pub(super) struct Formatter {
    shows_nothing: bool,
    print_timestamp: bool,
    print_partition: bool,
    print_offset: bool,
    print_epoch: bool,
    print_headers: bool,
    print_key: bool,
    print_value: bool,
    key_separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
    key: Deserializer,
    value: Deserializer,
    headers: Deserializer,
}

/// How bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deserializer {
    Text,
    Short,
    Integer,
    Long,
    Float,
    Double,
}

impl Deserializer {
    fn named(class: &str) -> Result<Self, Refusal> {
        let name = class.rsplit('.').next().unwrap_or(class);
        Ok(match name {
            "StringDeserializer" | "ByteArrayDeserializer" | "BytesDeserializer" => Self::Text,
            "ShortDeserializer" => Self::Short,
            "IntegerDeserializer" => Self::Integer,
            "LongDeserializer" => Self::Long,
            "FloatDeserializer" => Self::Float,
            "DoubleDeserializer" => Self::Double,
            _ => {
                return Err(Refusal::Failed(format!(
                    "{class} is not supported: String, Short, Integer, Long, Float and Double are"
                )));
            }
        })
    }

    fn write(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let wrong = || format!("Size of data received by {self:?}Deserializer is {}", bytes.len());
        let text = match self {
            Self::Text => {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            Self::Short => i16::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).to_string(),
            Self::Integer => i32::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).to_string(),
            Self::Long => i64::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).to_string(),
            // Debug keeps the `.0` of whole numbers, as Java does.
            Self::Float => {
                format!("{:?}", f32::from_be_bytes(bytes.try_into().map_err(|_| wrong())?))
            }
            Self::Double => {
                format!("{:?}", f64::from_be_bytes(bytes.try_into().map_err(|_| wrong())?))
            }
        };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Formatter {
    pub(super) fn new(given: &Given) -> Result<Self, Refusal> {
        let mut properties = Vec::new();
        if let Some(path) = given.value("formatter-config")? {
            properties.extend(target::properties(path)?);
        }
        properties.extend(pairs(given, &["formatter-property", "property"])?);
        for (option, key) in
            [("key-deserializer", "key.deserializer"), ("value-deserializer", "value.deserializer")]
        {
            if let Some(class) = given.value(option)? {
                properties.push((key.to_owned(), class.to_owned()));
            }
        }
        let class = given.value("formatter")?.unwrap_or("DefaultMessageFormatter");
        let shows_nothing = match class.rsplit('.').next() {
            Some("DefaultMessageFormatter") => false,
            Some("NoOpMessageFormatter") => true,
            _ => return Err(Refusal::Failed(format!("{class} is not supported"))),
        };
        Ok(Self { shows_nothing, ..Self::of(&properties)? })
    }

    fn of(properties: &[(String, String)]) -> Result<Self, Refusal> {
        let property = |key: &str| {
            let mut found = properties.iter().rev().filter(|(known, _)| known == key);
            found.next().map(|(_, value)| value.as_str())
        };
        let is_true = |key: &str, default: bool| {
            property(key).map_or(default, |it| it.trim().eq_ignore_ascii_case("true"))
        };
        let bytes = |key: &str, default: &str| property(key).unwrap_or(default).as_bytes().to_vec();
        let reader = |key: &str| property(key).map_or(Ok(Deserializer::Text), Deserializer::named);
        Ok(Self {
            shows_nothing: false,
            print_timestamp: is_true("print.timestamp", false),
            print_partition: is_true("print.partition", false),
            print_offset: is_true("print.offset", false),
            print_epoch: is_true("print.epoch", false),
            print_headers: is_true("print.headers", false),
            print_key: is_true("print.key", false),
            print_value: is_true("print.value", true),
            key_separator: bytes("key.separator", "\t"),
            line_separator: bytes("line.separator", "\n"),
            headers_separator: bytes("headers.separator", ","),
            null_literal: bytes("null.literal", "null"),
            key: reader("key.deserializer")?,
            value: reader("value.deserializer")?,
            headers: reader("headers.deserializer")?,
        })
    }

    /// Writes a record: its columns with the key's separator between them.
    pub(super) fn write(&self, record: &ConsumedRecord, out: &mut Vec<u8>) -> Result<(), String> {
        if self.shows_nothing {
            return Ok(());
        }
        let mut columns: Vec<Vec<u8>> = Vec::new();
        if self.print_timestamp {
            columns.push(time(record).into_bytes());
        }
        if self.print_partition {
            columns.push(format!("Partition:{}", record.partition).into_bytes());
        }
        if self.print_offset {
            columns.push(format!("Offset:{}", record.offset).into_bytes());
        }
        if self.print_epoch {
            let epoch = record.leader_epoch.0;
            let epoch = if epoch < 0 { "NONE".to_owned() } else { epoch.to_string() };
            columns.push(format!("Epoch:{epoch}").into_bytes());
        }
        if self.print_headers {
            columns.push(self.headers_of(record)?);
        }
        if self.print_key {
            columns.push(self.shown(self.key, record.key.as_deref())?);
        }
        if self.print_value {
            columns.push(self.shown(self.value, record.value.as_deref())?);
        }
        out.extend_from_slice(&columns.join(&self.key_separator[..]));
        out.extend_from_slice(&self.line_separator);
        Ok(())
    }

    fn shown(&self, reader: Deserializer, bytes: Option<&[u8]>) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        match bytes {
            Some(bytes) => reader.write(bytes, &mut text)?,
            None => text.extend_from_slice(&self.null_literal),
        }
        Ok(text)
    }

    fn headers_of(&self, record: &ConsumedRecord) -> Result<Vec<u8>, String> {
        if record.headers.is_empty() {
            return Ok(b"NO_HEADERS".to_vec());
        }
        let mut text = Vec::new();
        for (index, header) in record.headers.iter().enumerate() {
            if index > 0 {
                text.extend_from_slice(&self.headers_separator);
            }
            text.extend_from_slice(header.key.as_bytes());
            text.push(b':');
            text.extend(self.shown(self.headers, header.value.as_deref())?);
        }
        Ok(text)
    }
}

fn time(record: &ConsumedRecord) -> String {
    match record.timestamp_type {
        _ if record.timestamp < 0 => "NO_TIMESTAMP".to_owned(),
        TimestampType::CreateTime => format!("CreateTime:{}", record.timestamp),
        TimestampType::LogAppendTime => format!("LogAppendTime:{}", record.timestamp),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla_client::{Header, LeaderEpoch, Offset};

    use super::*;

    fn shown(properties: &[(&str, &str)]) -> String {
        let record = ConsumedRecord {
            topic: "London".into(),
            partition: 2,
            offset: Offset(7),
            leader_epoch: LeaderEpoch(3),
            timestamp: 1_700_000_000_123,
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: Some(Bytes::from_static(b"\0\0\0\x2a")),
            headers: vec![
                Header { key: "a".into(), value: Some(Bytes::from_static(b"1")) },
                Header { key: "b".into(), value: None },
            ],
        };
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let properties: Vec<(String, String)> = properties.iter().map(own).collect();
        let mut out = Vec::new();
        Formatter::of(&properties).unwrap().write(&record, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_value_alone_is_shown_unless_more_is_asked_for() {
        assert_eq!(shown(&[]), "\0\0\0*\n");
        let integer =
            ("value.deserializer", "org.apache.kafka.common.serialization.IntegerDeserializer");
        assert_eq!(shown(&[integer]), "42\n");
        assert_eq!(
            shown(&[
                integer,
                ("print.timestamp", "true"),
                ("print.partition", "true"),
                ("print.offset", "true"),
                ("print.epoch", "true"),
                ("print.headers", "true"),
                ("print.key", "true"),
                ("key.separator", " | "),
                ("line.separator", ";"),
            ]),
            "CreateTime:1700000000123 | Partition:2 | Offset:7 | Epoch:3 | a:1,b:null | null | 42;"
        );
    }
}
