//! The parameters of everything that reads records.
//!
//! Kafka: none.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use ottla_client::Isolation;

use super::topics::TopicDetail;
use crate::{
    console::Console,
    error::ApiError,
    filter::Filter,
    payload::{SHOWN_BYTES, SHOWN_BYTES_MAX},
    scan::{
        Cursor, Direction, Plan,
        position::{self, From},
    },
};

/// Which records are read, and how. All filters have to match.
#[derive(Debug, Default, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct RecordsQuery {
    /// As in `0,2-4`; all of them where it is missing.
    partitions: Option<String>,
    /// `beginning`, `end`, `offset:1042`, `offset:-100` (that many before the end), `time:<ms>`,
    /// `ago:15m`, `group:<id>` or `cursor:<of an earlier answer>`.
    from: Option<String>,
    /// `forward` or `backward`; without it, backward from the end and forward from elsewhere.
    direction: Option<String>,
    /// Records that are wanted.
    limit: Option<usize>,
    /// `read_uncommitted` (without it) or `read_committed`.
    isolation: Option<String>,
    /// Most bytes of each payload.
    max_bytes: Option<usize>,
    /// Most records of a tail in a second.
    max_per_second: Option<usize>,
    /// `jsonl` or `csv`, of an export.
    format: Option<String>,
    /// A text in the key, the value or a header, in any case.
    q: Option<String>,
    /// The whole key.
    key: Option<String>,
    key_contains: Option<String>,
    value_contains: Option<String>,
    /// `name` or `name:value`; may be repeated.
    header: Vec<String>,
    /// Such as `$.city == "London"`, `$.temp > 14`, `key$.id exists`; may be repeated.
    json: Vec<String>,
    /// The earliest time, in ms.
    from_ms: Option<String>,
    /// The latest time, in ms.
    to_ms: Option<String>,
    /// The least size of a record, in bytes.
    min_size: Option<String>,
    /// `true`: only records without a value.
    tombstones: Option<String>,
}

/// What a reader of records allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    pub(crate) limit: usize,
    pub(crate) limit_max: usize,
    pub(crate) from: &'static str,
}

impl<S: Send + Sync> FromRequestParts<S> for RecordsQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = query.map_err(|error| ApiError::bad_request(error.body_text()))?;
        let mut this = Self::default();
        for (name, value) in pairs {
            this.set(&name, value).map_err(ApiError::bad_request)?;
        }
        Ok(this)
    }
}

impl RecordsQuery {
    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let number = |text: &str| text.parse().map_err(|_| format!("{name}: '{text}' is no count"));
        match name {
            "partitions" => self.partitions = Some(value),
            "from" => self.from = Some(value),
            "direction" => self.direction = Some(value),
            "limit" => self.limit = Some(number(&value)?),
            "isolation" => self.isolation = Some(value),
            "maxBytes" => self.max_bytes = Some(number(&value)?),
            "maxPerSecond" => self.max_per_second = Some(number(&value)?),
            "format" => self.format = Some(value),
            "q" => self.q = Some(value),
            "key" => self.key = Some(value),
            "keyContains" => self.key_contains = Some(value),
            "valueContains" => self.value_contains = Some(value),
            "header" => self.header.push(value),
            "json" => self.json.push(value),
            "fromMs" => self.from_ms = Some(value),
            "toMs" => self.to_ms = Some(value),
            "minSize" => self.min_size = Some(value),
            "tombstones" => self.tombstones = Some(value),
            _ => return Err(format!("there is no parameter {name}")),
        }
        Ok(())
    }

    pub(crate) fn filter(&self) -> Result<Filter, ApiError> {
        let one = |name: &'static str, value: &Option<String>| {
            value.as_deref().map(|value| (name, value.to_owned()))
        };
        let single = [
            one("q", &self.q),
            one("key", &self.key),
            one("keyContains", &self.key_contains),
            one("valueContains", &self.value_contains),
            one("fromMs", &self.from_ms),
            one("toMs", &self.to_ms),
            one("minSize", &self.min_size),
            one("tombstones", &self.tombstones),
        ];
        let headers = self.header.iter().map(|value| ("header", value.clone()));
        let conditions = self.json.iter().map(|value| ("json", value.clone()));
        let mut filter = Filter::default();
        for (name, value) in single.into_iter().flatten().chain(headers).chain(conditions) {
            filter.set(name, &value).map_err(ApiError::bad_request)?;
        }
        Ok(filter)
    }

    pub(crate) fn isolation(&self) -> Result<Isolation, ApiError> {
        match self.isolation.as_deref() {
            None | Some("read_uncommitted") => Ok(Isolation::Uncommitted),
            Some("read_committed") => Ok(Isolation::Committed),
            Some(other) => {
                let text = format!("'{other}' is neither read_uncommitted nor read_committed");
                Err(ApiError::bad_request(text))
            }
        }
    }

    pub(crate) fn partitions(&self) -> Result<Vec<i32>, ApiError> {
        let text = self.partitions.as_deref().unwrap_or_default();
        position::parse_partitions(text).map_err(ApiError::bad_request)
    }

    /// Bytes of each payload that are shown.
    pub(crate) fn payload_max(&self, usual: usize) -> usize {
        self.max_bytes.unwrap_or(usual).clamp(1, SHOWN_BYTES_MAX)
    }

    pub(crate) fn per_second(&self) -> usize {
        self.max_per_second.unwrap_or(1_000).clamp(1, 20_000)
    }

    pub(crate) fn format(&self) -> &str {
        self.format.as_deref().unwrap_or("jsonl")
    }

    /// Where to begin, and which way.
    fn from(&self, usual: &str) -> Result<(From, Direction), ApiError> {
        let text = self.from.as_deref().filter(|text| !text.is_empty()).unwrap_or(usual);
        let from: From = text.parse().map_err(ApiError::bad_request)?;
        let direction = match (&from, self.direction.as_deref()) {
            // A cursor knows.
            (From::Cursor(Cursor { direction, .. }), _) => *direction,
            (_, Some("backward")) | (From::End, None | Some("")) => Direction::Backward,
            (_, None | Some("" | "forward")) => Direction::Forward,
            (_, Some(other)) => {
                let text = format!("'{other}' is neither forward nor backward");
                return Err(ApiError::bad_request(text));
            }
        };
        Ok((from, direction))
    }

    /// What these parameters ask for.
    pub(crate) async fn plan(
        &self,
        console: &Console,
        topic: &TopicDetail,
        allowed: Allowed,
    ) -> Result<Plan, ApiError> {
        let (from, direction) = self.from(allowed.from)?;
        let isolation = self.isolation()?;
        let partitions = self.partitions()?;
        let lanes =
            position::lanes(console, topic, &partitions, (&from, direction), isolation).await?;
        Ok(Plan {
            topic: topic.row.name.clone(),
            direction,
            lanes,
            filter: self.filter()?,
            limit: self.limit.unwrap_or(allowed.limit).clamp(1, allowed.limit_max),
            payload_max: self.payload_max(SHOWN_BYTES),
            isolation,
        })
    }
}
