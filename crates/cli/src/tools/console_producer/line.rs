//! A line of text as a record: headers, key and value with separators between them.
//!
//! Kafka: `LineMessageReader`.

use bytes::Bytes;
use ottla_client::Record;

/// How lines are read.
#[derive(Clone, Debug)]
pub(super) struct LineReader {
    topic: String,
    parses_key: bool,
    key_separator: String,
    parses_headers: bool,
    headers_delimiter: String,
    headers_separator: String,
    headers_key_separator: String,
    ignores_errors: bool,
    null_marker: Option<String>,
    line_number: u64,
}

impl LineReader {
    pub(super) fn new(topic: &str, properties: &[(String, String)]) -> Result<Self, String> {
        let property = |key: &str| {
            let mut found = properties.iter().rev().filter(|(known, _)| known == key);
            found.next().map(|(_, value)| value.clone())
        };
        let is_true =
            |key: &str| property(key).is_some_and(|it| it.trim().eq_ignore_ascii_case("true"));
        let or = |key: &str, default: &str| property(key).unwrap_or_else(|| default.to_owned());
        let reader = Self {
            topic: or("topic", topic),
            parses_key: is_true("parse.key"),
            key_separator: or("key.separator", "\t"),
            parses_headers: is_true("parse.headers"),
            headers_delimiter: or("headers.delimiter", "\t"),
            headers_separator: or("headers.separator", ","),
            headers_key_separator: or("headers.key.separator", ":"),
            ignores_errors: is_true("ignore.error"),
            null_marker: property("null.marker"),
            line_number: 0,
        };
        let separators = [
            ("headers.delimiter", &reader.headers_delimiter),
            ("headers.separator", &reader.headers_separator),
            ("headers.key.separator", &reader.headers_key_separator),
        ];
        for (index, (one, text)) in separators.iter().enumerate() {
            let other = separators.iter().skip(index + 1).find(|(_, other)| other == text);
            if let Some((other, _)) = other {
                return Err(format!("{one} and {other} may not be equal"));
            }
        }
        Ok(reader)
    }

    /// The record of the next line.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<Record, String> {
        self.line_number += 1;
        let line = String::from_utf8_lossy(line);
        let mut rest: &str = &line;
        let headers = self.cut(self.parses_headers, &line, &mut rest, Part::Headers)?;
        let key = self.cut(self.parses_key, &line, &mut rest, Part::Key)?;
        let mut record = Record::to(self.topic.as_str());
        if let Some(key) = key.filter(|key| !self.is_null(key)) {
            record = record.key(key);
        }
        if !self.is_null(rest) {
            record = record.value(rest.to_owned());
        }
        let Some(headers) = headers.filter(|headers| !self.is_null(headers)) else {
            return Ok(record);
        };
        for pair in headers.split(&self.headers_separator) {
            let (key, value) = self.header(pair)?;
            record = record.header(key, value);
        }
        Ok(record)
    }

    fn is_null(&self, text: &str) -> bool {
        self.null_marker.as_deref() == Some(text)
    }

    /// What stands before a separator, which `rest` is moved behind.
    fn cut(
        &self,
        is_wanted: bool,
        line: &str,
        rest: &mut &str,
        part: Part,
    ) -> Result<Option<String>, String> {
        let (separator, name) = match part {
            Part::Headers => (&self.headers_delimiter, "headers delimiter"),
            Part::Key => (&self.key_separator, "key separator"),
        };
        if !is_wanted {
            return Ok(None);
        }
        match rest.split_once(separator.as_str()) {
            Some((before, behind)) => {
                *rest = behind;
                Ok(Some(before.to_owned()))
            }
            None if self.ignores_errors => Ok(None),
            None => Err(format!("No {name} found on line number {}: '{line}'", self.line_number)),
        }
    }

    fn header(&self, pair: &str) -> Result<(String, Option<Bytes>), String> {
        match pair.split_once(&self.headers_key_separator) {
            Some((key, _)) if self.is_null(key) => Err(format!(
                "Header keys should not be equal to the null marker '{key}' as they can't be null"
            )),
            Some((key, value)) => {
                let value = (!self.is_null(value)).then(|| value.to_owned().into());
                Ok((key.to_owned(), value))
            }
            None if self.ignores_errors => Ok((pair.to_owned(), None)),
            None => Err(format!(
                "No header key separator found in pair '{pair}' on line number {}",
                self.line_number
            )),
        }
    }
}

/// A part of a line that has a separator behind it.
#[derive(Clone, Copy, Debug)]
enum Part {
    Headers,
    Key,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(properties: &[(&str, &str)]) -> LineReader {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let properties: Vec<(String, String)> = properties.iter().map(own).collect();
        LineReader::new("London", &properties).unwrap()
    }

    #[test]
    fn a_line_is_a_value_unless_keys_and_headers_are_parsed() {
        let mut plain = reader(&[]);
        assert_eq!(plain.read(b"a\tb").unwrap(), Record::to("London").value("a\tb"));
        let mut all = reader(&[("parse.key", "true"), ("parse.headers", "true")]);
        let record = Record::to("London").key("k").value("v");
        let record = record.header("h", Some("1".into())).header("i", Some("2".into()));
        assert_eq!(all.read(b"h:1,i:2\tk\tv").unwrap(), record);
    }

    #[test]
    fn what_is_missing_is_named_with_its_line() {
        let mut keyed = reader(&[("parse.key", "true"), ("key.separator", ":")]);
        assert!(keyed.read(b"k:v").is_ok());
        let text = keyed.read(b"v").unwrap_err();
        assert_eq!(text, "No key separator found on line number 2: 'v'");
        let mut lenient = reader(&[("parse.key", "true"), ("ignore.error", "true")]);
        assert_eq!(lenient.read(b"v").unwrap(), Record::to("London").value("v"));
    }

    #[test]
    fn a_marker_stands_for_nothing() {
        let mut marked =
            reader(&[("parse.key", "true"), ("key.separator", ":"), ("null.marker", "NULL")]);
        assert_eq!(marked.read(b"k:NULL").unwrap(), Record::to("London").key("k"));
        assert_eq!(marked.read(b"NULL:v").unwrap(), Record::to("London").value("v"));
    }

    #[test]
    fn separators_may_not_be_equal() {
        let same = [("headers.separator".to_owned(), ":".to_owned())];
        assert!(LineReader::new("London", &same).is_err());
    }
}
