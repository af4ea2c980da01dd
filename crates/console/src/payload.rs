//! Keys, values and header values: as text where they are text, else as base64, and never more of
//! them than was asked for.
//!
//! Kafka: `Serdes`, of which only bytes are known here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    encoding::{base64, from_base64, from_hex},
    error::ApiError,
    number::Long,
};

/// Bytes of a payload that are shown unless more is asked for.
pub(crate) const SHOWN_BYTES: usize = 64 << 10;

/// Most bytes of a payload in an answer of JSON.
pub(crate) const SHOWN_BYTES_MAX: usize = 1 << 20;

/// A key, a value or a header's value.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Payload {
    /// Bytes of all of it.
    size: Long,
    /// It as text, where it is UTF-8 without a NUL.
    text: Option<String>,
    /// It as base64, where it is not.
    base64: Option<String>,
    /// Whether only its beginning is here.
    truncated: bool,
}

impl Payload {
    /// The beginning of some bytes, up to a limit.
    pub(crate) fn new(bytes: &[u8], max: usize) -> Self {
        let shown = bytes.get(..max).unwrap_or(bytes);
        let truncated = shown.len() < bytes.len();
        let text = match std::str::from_utf8(shown) {
            Ok(text) => Some(text),
            // Cut within a character.
            Err(error) if truncated && error.error_len().is_none() => {
                shown.get(..error.valid_up_to()).and_then(|it| std::str::from_utf8(it).ok())
            }
            Err(_) => None,
        };
        let text = text.filter(|text| !text.contains('\0')).map(str::to_owned);
        let base64 = text.is_none().then(|| base64(shown));
        Self { size: bytes.len().into(), text, base64, truncated }
    }
}

impl Payload {
    /// What there is to be seen of it.
    pub(crate) fn shown(&self) -> &str {
        self.text.as_deref().or(self.base64.as_deref()).unwrap_or_default()
    }
}

/// Bytes that somebody sends: in exactly one of the ways.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// As UTF-8.
    text: Option<String>,
    base64: Option<String>,
    /// Two digits for each byte; white space between them is ignored.
    hex: Option<String>,
}

impl Input {
    /// The bytes; `what` they are, for whoever has to hear that they are none.
    pub(crate) fn bytes(self, what: &str) -> Result<Vec<u8>, ApiError> {
        let wrong = |how: &str| ApiError::bad_request(format!("{what} is no {how}"));
        match (self.text, self.base64, self.hex) {
            (Some(text), None, None) => Ok(text.into_bytes()),
            (None, Some(text), None) => from_base64(&text).ok_or_else(|| wrong("base64")),
            (None, None, Some(text)) => from_hex(&text).ok_or_else(|| wrong("hexadecimal")),
            _ => Err(ApiError::bad_request(format!("{what} has one of text, base64 and hex"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_text_and_anything_else_as_base64() {
        let text = Payload::new("größer".as_bytes(), 100);
        assert_eq!((text.text.as_deref(), text.truncated), (Some("größer"), false));
        let bytes = Payload::new(&[0xff, 0], 100);
        assert_eq!((bytes.text, bytes.base64.as_deref()), (None, Some("/wA=")));
        let nul = Payload::new(b"a\0b", 100);
        assert_eq!(nul.text, None);
    }

    #[test]
    fn a_cut_does_not_make_bytes_of_text() {
        let cut = Payload::new("grün".as_bytes(), 3);
        assert_eq!((cut.text.as_deref(), cut.truncated), (Some("gr"), true));
        assert_eq!(cut.size, 5_usize.into());
    }

    #[test]
    fn an_input_is_given_in_one_way() {
        let of = |json: &str| serde_json::from_str::<Input>(json).unwrap().bytes("key");
        assert_eq!(of(r#"{"text":"a"}"#).unwrap(), b"a");
        assert_eq!(of(r#"{"hex":"61"}"#).unwrap(), b"a");
        assert_eq!(of(r#"{"base64":"YQ=="}"#).unwrap(), b"a");
        assert!(of("{}").is_err());
        assert!(of(r#"{"text":"a","hex":"61"}"#).is_err());
    }
}
