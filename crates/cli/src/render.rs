//! Records as text: kcat's `-f` letters with modifiers, and JSON lines that `produce` reads back.
//!
//! Letters: `%t` topic, `%p` partition, `%o` offset, `%k` key, `%v` or `%s` value, `%K` `%V` or
//! `%S` their lengths (−1 for none), `%T` time in ms, `%d` time as text, `%h` headers, `%e` leader
//! epoch, `%%`. Modifiers in braces: `{hex}`, `{base64}`, `{json}`, `{pretty}` for keys and values,
//! `{rfc3339}` or a `strftime` pattern for `%d`, a template with `'%k'` and `'%v'` for `%h`.

use std::io::{self, Write};

use ottla_client::{ConsumedRecord, TimestampType};
use serde_json::Value as Json;

use crate::{
    output::{Item, Value},
    time::{format_rfc3339, format_with},
};

/// A piece of a format string.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Epoch,
    Key(Coding),
    Value(Coding),
    KeyLength,
    ValueLength,
    /// Kafka's own framing of a length: 32 bits, big end first.
    ValueLengthBinary,
    Time,
    Date(Option<String>),
    Headers(Option<String>),
}

/// How bytes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Raw,
    Hex,
    Base64,
    Json,
    Pretty,
}

/// A format string, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    /// What stands for a missing key or value.
    null: &'static str,
}

impl Template {
    /// Reads a format string. `shows_null`: missing keys and values are shown as `NULL`.
    pub(crate) fn parse(text: &str, shows_null: bool) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => literal.push(escape(&mut letters)?),
                '%' => {
                    let letter = letters.next().ok_or("a format cannot end with %")?;
                    if letter == '%' {
                        literal.push(b'%');
                        continue;
                    }
                    let modifier = modifier(&mut letters)?;
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(piece(letter, modifier)?);
                }
                other => literal.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces, null: if shows_null { "NULL" } else { "" } })
    }

    /// Writes one record.
    pub(crate) fn render(&self, record: &ConsumedRecord, out: &mut Vec<u8>) -> io::Result<()> {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => out.write_all(bytes)?,
                Piece::Topic => out.write_all(record.topic.as_bytes())?,
                Piece::Partition => write!(out, "{}", record.partition)?,
                Piece::Offset => write!(out, "{}", record.offset)?,
                Piece::Epoch => write!(out, "{}", record.leader_epoch)?,
                Piece::Key(coding) => self.bytes(record.key.as_deref(), *coding, out)?,
                Piece::Value(coding) => self.bytes(record.value.as_deref(), *coding, out)?,
                Piece::KeyLength => write!(out, "{}", length(record.key.as_deref()))?,
                Piece::ValueLength => write!(out, "{}", length(record.value.as_deref()))?,
                Piece::ValueLengthBinary => {
                    let length = length(record.value.as_deref());
                    out.write_all(&i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes())?;
                }
                Piece::Time => write!(out, "{}", record.timestamp)?,
                Piece::Date(None) => out.write_all(format_rfc3339(record.timestamp).as_bytes())?,
                Piece::Date(Some(pattern)) => {
                    out.write_all(format_with(pattern, record.timestamp).as_bytes())?;
                }
                Piece::Headers(template) => headers(record, template.as_deref(), out)?,
            }
        }
        Ok(())
    }

    fn bytes(&self, bytes: Option<&[u8]>, coding: Coding, out: &mut Vec<u8>) -> io::Result<()> {
        let Some(bytes) = bytes else {
            let null =
                if matches!(coding, Coding::Json | Coding::Pretty) { "null" } else { self.null };
            return out.write_all(null.as_bytes());
        };
        match coding {
            Coding::Raw => out.write_all(bytes),
            Coding::Hex => bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}")),
            Coding::Base64 => out.write_all(base64(bytes).as_bytes()),
            Coding::Json => write!(out, "{}", as_json(bytes)),
            Coding::Pretty => write!(out, "{:#}", as_json(bytes)),
        }
    }
}

/// `a=1,b=2`, or the template for each header.
fn headers(record: &ConsumedRecord, template: Option<&str>, out: &mut Vec<u8>) -> io::Result<()> {
    for (index, header) in record.headers.iter().enumerate() {
        let value = match &header.value {
            Some(value) => String::from_utf8_lossy(value),
            None => "NULL".into(),
        };
        if let Some(template) = template {
            let text = template.replace("%k", &header.key).replace("%v", &value);
            out.write_all(text.as_bytes())?;
        } else {
            let comma = if index > 0 { "," } else { "" };
            write!(out, "{comma}{}={value}", header.key)?;
        }
    }
    Ok(())
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// A text's bytes with what stands behind backslashes read: `\n`, `\t`, `\x41`.
pub(crate) fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => bytes.push(escape(&mut letters)?),
            other => bytes.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(bytes)
}

/// The byte behind a backslash.
fn escape(letters: &mut Letters<'_>) -> Result<u8, String> {
    match letters.next() {
        Some('n') => Ok(b'\n'),
        Some('t') => Ok(b'\t'),
        Some('r') => Ok(b'\r'),
        Some('0') => Ok(0),
        Some('\\') => Ok(b'\\'),
        Some('x') => {
            let digits: String = letters.by_ref().take(2).collect();
            u8::from_str_radix(&digits, 16).map_err(|_| format!("\\x{digits} is not a byte"))
        }
        other => Err(format!("\\{} means nothing in a format", other.unwrap_or(' '))),
    }
}

/// What stands in braces behind a letter. `%d{%H:%M}` may hold pairs of braces itself.
fn modifier(letters: &mut Letters<'_>) -> Result<Option<String>, String> {
    if letters.peek() != Some(&'{') {
        return Ok(None);
    }
    letters.next();
    let mut text = String::new();
    let mut depth = 1;
    for letter in letters.by_ref() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(Some(text));
        }
        text.push(letter);
    }
    Err(format!("the brace of {{{text} is not closed"))
}

fn piece(letter: char, modifier: Option<String>) -> Result<Piece, String> {
    let simple = |piece: Piece| match &modifier {
        None => Ok(piece),
        Some(text) => Err(format!("%{letter} takes no {{{text}}}")),
    };
    match letter {
        't' => simple(Piece::Topic),
        'p' => simple(Piece::Partition),
        'o' => simple(Piece::Offset),
        'e' => simple(Piece::Epoch),
        'K' => simple(Piece::KeyLength),
        'V' | 'S' => simple(Piece::ValueLength),
        'R' => simple(Piece::ValueLengthBinary),
        'T' => simple(Piece::Time),
        'k' => coding(modifier.as_deref()).map(Piece::Key),
        'v' | 's' => coding(modifier.as_deref()).map(Piece::Value),
        'd' => {
            let pattern = modifier.filter(|pattern| !matches!(&**pattern, "" | "rfc3339"));
            // rpk wraps a pattern in strftime[..].
            let pattern = pattern.map(|pattern| {
                let inner = pattern.strip_prefix("strftime[").and_then(|it| it.strip_suffix(']'));
                inner.map_or(pattern.clone(), str::to_owned)
            });
            Ok(Piece::Date(pattern))
        }
        'h' => Ok(Piece::Headers(modifier)),
        other => Err(format!(
            "%{other} means nothing: %t %p %o %k %v %s %K %V %S %T %d %h %e %R and %% are known"
        )),
    }
}

fn coding(modifier: Option<&str>) -> Result<Coding, String> {
    match modifier {
        None | Some("") => Ok(Coding::Raw),
        Some("hex") => Ok(Coding::Hex),
        Some("base64") => Ok(Coding::Base64),
        Some("json") => Ok(Coding::Json),
        Some("pretty") => Ok(Coding::Pretty),
        Some(other) => Err(format!("{{{other}}} is not known: hex, base64, json, pretty are")),
    }
}

fn length(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

/// The bytes' own JSON, or else a string of them.
fn as_json(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Json::String(String::from_utf8_lossy(bytes).into_owned()))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut bits = 0_u32;
        for index in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(index).copied().unwrap_or(0));
        }
        for index in 0..4_usize {
            let six = usize::try_from(bits >> (18 - 6 * index) & 0x3f).unwrap_or(0);
            let letter = BASE64.get(six).copied().unwrap_or(b'=');
            out.push(char::from(if index <= chunk.len() { letter } else { b'=' }));
        }
    }
    out
}

/// Reads standard base64.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = BASE64.iter().position(|letter| *letter == byte)?;
        bits = bits << 6 | u32::try_from(six).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(out)
}

/// A record as one JSON object. Keys and values that are not UTF-8 are base64, and say so.
pub(crate) fn to_json(record: &ConsumedRecord) -> Value {
    let kind = match record.timestamp_type {
        TimestampType::CreateTime => "create",
        TimestampType::LogAppendTime => "append",
    };
    let mut fields: Item = vec![
        ("topic", Value::text(&*record.topic)),
        ("partition", Value::Int(record.partition.into())),
        ("offset", Value::Int(record.offset.0)),
        ("timestamp", Value::Int(record.timestamp)),
        ("timestampType", Value::text(kind)),
    ];
    put(&mut fields, ("key", "keyEncoding"), record.key.as_deref());
    put(&mut fields, ("value", "valueEncoding"), record.value.as_deref());
    let headers = record.headers.iter().map(|header| {
        let mut fields: Item = vec![("key", Value::text(&header.key))];
        put(&mut fields, ("value", "valueEncoding"), header.value.as_deref());
        Value::Object(fields)
    });
    fields.push(("headers", Value::List(headers.collect())));
    Value::Object(fields)
}

fn put(fields: &mut Item, (name, encoding): (&'static str, &'static str), bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => fields.push((name, Value::Null)),
        Some((_, Ok(text))) => fields.push((name, Value::text(text))),
        Some((bytes, Err(_))) => {
            fields.push((name, Value::Text(base64(bytes))));
            fields.push((encoding, Value::text("base64")));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla_client::{Header, LeaderEpoch, Offset};

    use super::*;

    fn record() -> ConsumedRecord {
        ConsumedRecord {
            topic: "London".into(),
            partition: 2,
            offset: Offset(9_007_199_254_740_993),
            leader_epoch: LeaderEpoch(3),
            timestamp: 1_700_000_000_123,
            timestamp_type: TimestampType::CreateTime,
            key: Some(Bytes::from_static(b"temperature")),
            value: Some(Bytes::from_static(b"{\"c\": 14.2}")),
            headers: vec![
                Header { key: "a".into(), value: Some(Bytes::from_static(b"1")) },
                Header { key: "b".into(), value: None },
            ],
        }
    }

    fn shown(format: &str) -> String {
        let mut out = Vec::new();
        Template::parse(format, false).unwrap().render(&record(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn kcats_letters_are_known() {
        assert_eq!(
            shown(r"%t[%p] %o %k=%s %K/%S %T %h %e%%\n"),
            "London[2] 9007199254740993 temperature={\"c\": 14.2} 11/11 1700000000123 a=1,b=NULL 3%\n"
        );
    }

    #[test]
    fn modifiers_change_how_bytes_look() {
        assert_eq!(shown("%v{hex}"), "7b2263223a2031342e327d");
        assert_eq!(shown("%v{base64}"), "eyJjIjogMTQuMn0=");
        assert_eq!(shown("%v{json}"), "{\"c\":14.2}");
        assert_eq!(shown("%k{json}"), "\"temperature\"");
        assert_eq!(shown("%v{pretty}"), "{\n  \"c\": 14.2\n}");
        assert_eq!(shown("%d{rfc3339}"), "2023-11-14T22:13:20.123Z");
        assert_eq!(shown("%d{%H:%M}"), "22:13");
        assert_eq!(shown("%d{strftime[%F]}"), "2023-11-14");
        assert_eq!(shown("%h{'%k'='%v' }"), "'a'='1' 'b'='NULL' ");
        assert_eq!(shown(r"a\tb\x41"), "a\tbA");
    }

    #[test]
    fn a_missing_value_is_empty_or_null() {
        let record = ConsumedRecord { value: None, ..record() };
        for (shows_null, format, expected) in
            [(false, "%v|%V", "|-1"), (true, "%v", "NULL"), (false, "%v{json}", "null")]
        {
            let mut out = Vec::new();
            Template::parse(format, shows_null).unwrap().render(&record, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn wrong_formats_are_refused_with_a_reason() {
        for wrong in ["%", "%q", "%v{rot13}", "%v{hex", "%o{hex}", r"\q", r"\xzz"] {
            assert!(Template::parse(wrong, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn base64_is_read_back() {
        for bytes in [&b""[..], b"a", b"ab", b"abc", b"\xff\x00\xfe\x01"] {
            assert_eq!(from_base64(&base64(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(from_base64("!"), None);
    }

    #[test]
    fn what_is_not_text_is_base64_and_says_so() {
        let record = ConsumedRecord { value: Some(Bytes::from_static(b"\xff")), ..record() };
        let json = serde_json::to_value(to_json(&record)).unwrap();
        assert_eq!(json["value"], "/w==");
        assert_eq!(json["valueEncoding"], "base64");
        assert_eq!(json["offset"].to_string(), "9007199254740993");
        assert_eq!(json["key"], "temperature");
    }
}
