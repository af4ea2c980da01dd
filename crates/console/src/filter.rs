//! Which records are wanted: texts, a key, headers, times, and conditions on JSON.
//!
//! Kafka: none.

mod json;

use ottla_client::ConsumedRecord;

use self::json::Condition;

/// What a record has to have: all of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// In the key, the value or a header, in any case.
    text: Option<Needle>,
    key: Option<Vec<u8>>,
    key_contains: Option<Needle>,
    value_contains: Option<Needle>,
    headers: Vec<(String, Option<String>)>,
    conditions: Vec<Condition>,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    size_min: Option<usize>,
    wants_tombstones: bool,
}

/// A text that is looked for in any case: ASCII's only, so that bytes can be compared.
#[derive(Clone, Debug)]
struct Needle(Vec<u8>);

impl Needle {
    fn new(text: &str) -> Self {
        Self(text.as_bytes().to_ascii_lowercase())
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        let Some(first) = self.0.first() else { return true };
        let mut rest = bytes;
        while let Some(place) = rest.iter().position(|it| it.to_ascii_lowercase() == *first) {
            let Some(from) = rest.get(place..) else { return false };
            match from.get(..self.0.len()) {
                Some(window) if window.eq_ignore_ascii_case(&self.0) => return true,
                Some(_) => rest = from.get(1..).unwrap_or_default(),
                None => return false,
            }
        }
        false
    }
}

impl Filter {
    /// Takes in one parameter of a query. `false` where it is none of a filter; an error where its
    /// value cannot be.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let number = |value: &str| {
            value.parse::<i64>().map_err(|_| format!("{name}: '{value}' is not a whole number"))
        };
        match name {
            "q" | "json" if value.is_empty() => {}
            "q" => self.text = Some(Needle::new(value)),
            "key" => self.key = Some(value.as_bytes().to_vec()),
            "keyContains" => self.key_contains = Some(Needle::new(value)),
            "valueContains" => self.value_contains = Some(Needle::new(value)),
            "header" => self.headers.push(match value.split_once(':') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (value.to_owned(), None),
            }),
            "json" => self.conditions.push(Condition::parse(value)?),
            "fromMs" => self.from_ms = Some(number(value)?),
            "toMs" => self.to_ms = Some(number(value)?),
            "minSize" => self.size_min = usize::try_from(number(value)?).ok(),
            "tombstones" => self.wants_tombstones = value == "true",
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether every record passes.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_none()
            && self.key.is_none()
            && self.key_contains.is_none()
            && self.value_contains.is_none()
            && self.headers.is_empty()
            && self.conditions.is_empty()
            && self.from_ms.is_none()
            && self.to_ms.is_none()
            && self.size_min.is_none()
            && !self.wants_tombstones
    }

    /// Whether a record is wanted.
    pub(crate) fn matches(&self, record: &ConsumedRecord) -> bool {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let has = |needle: &Option<Needle>, bytes: Option<&[u8]>| {
            needle.as_ref().is_none_or(|it| bytes.is_some_and(|bytes| it.is_in(bytes)))
        };
        self.from_ms.is_none_or(|from| record.timestamp >= from)
            && self.to_ms.is_none_or(|to| record.timestamp <= to)
            && (!self.wants_tombstones || value.is_none())
            && self.size_min.is_none_or(|min| size_of(record) >= min)
            && self.key.as_deref().is_none_or(|wanted| key == Some(wanted))
            && has(&self.key_contains, key)
            && has(&self.value_contains, value)
            && self.text.as_ref().is_none_or(|needle| is_anywhere(needle, record))
            && self.headers.iter().all(|wanted| has_header(wanted, record))
            && self.matches_json(key, value)
    }

    fn matches_json(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> bool {
        if self.conditions.is_empty() {
            return true;
        }
        let parse = |bytes: Option<&[u8]>| bytes.and_then(|it| serde_json::from_slice(it).ok());
        let of_key = self.conditions.iter().any(Condition::is_about_key);
        let of_value = self.conditions.iter().any(|it| !it.is_about_key());
        let key = of_key.then(|| parse(key)).flatten();
        let value = of_value.then(|| parse(value)).flatten();
        self.conditions.iter().all(|it| it.holds(key.as_ref(), value.as_ref()))
    }
}

/// Bytes of a record's key, value and headers.
pub(crate) fn size_of(record: &ConsumedRecord) -> usize {
    let of = |bytes: Option<&bytes::Bytes>| bytes.map_or(0, bytes::Bytes::len);
    let headers = record.headers.iter().map(|it| it.key.len() + of(it.value.as_ref()));
    of(record.key.as_ref()) + of(record.value.as_ref()) + headers.sum::<usize>()
}

fn is_anywhere(needle: &Needle, record: &ConsumedRecord) -> bool {
    let parts = [record.key.as_deref(), record.value.as_deref()];
    parts.into_iter().flatten().any(|bytes| needle.is_in(bytes))
        || record.headers.iter().any(|header| {
            needle.is_in(header.key.as_bytes())
                || header.value.as_deref().is_some_and(|value| needle.is_in(value))
        })
}

fn has_header((name, value): &(String, Option<String>), record: &ConsumedRecord) -> bool {
    let own = record.headers.iter().filter(|it| it.key.as_str() == name);
    let mut own = own.map(|it| it.value.as_deref());
    match value {
        Some(value) => own.any(|it| it == Some(value.as_bytes())),
        None => own.next().is_some(),
    }
}

#[cfg(test)]
mod tests;
