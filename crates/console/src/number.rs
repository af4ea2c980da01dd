//! 64-bit numbers as JSON text: a browser's own numbers end at 2^53.
//!
//! Kafka: `int64` of the protocol.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A whole number of up to 64 bits, signed or not, that is text in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Long(i128);

impl fmt::Debug for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Long {
    /// As a signed number; `None` where it is too large.
    pub(crate) fn get(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }
}

impl From<i64> for Long {
    fn from(value: i64) -> Self {
        Self(value.into())
    }
}

impl From<u64> for Long {
    fn from(value: u64) -> Self {
        Self(value.into())
    }
}

impl From<u32> for Long {
    fn from(value: u32) -> Self {
        Self(value.into())
    }
}

impl From<usize> for Long {
    fn from(value: usize) -> Self {
        Self(i128::try_from(value).unwrap_or(i128::MAX))
    }
}

impl From<ottla_types::Offset> for Long {
    fn from(value: ottla_types::Offset) -> Self {
        Self(value.get().into())
    }
}

impl FromStr for Long {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number: i128 = text.parse().map_err(|_| format!("'{text}' is not a whole number"))?;
        let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok();
        fits.then_some(Self(number)).ok_or_else(|| format!("{text} has more than 64 bits"))
    }
}

impl Serialize for Long {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Long {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl PartialSchema for Long {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "A whole number of up to 64 bits as text: numbers of JavaScript end at 2^53.",
            ))
            .pattern(Some("^-?[0-9]+$"))
            .into()
    }
}

impl ToSchema for Long {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Long")
    }
}

/// Counts of things that there are never two billion of.
pub(crate) fn int(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_rounded() {
        for text in ["9007199254740993", "-7210194211959421178", "18446744073709551615", "0", "-1"]
        {
            let number: Long = text.parse().unwrap();
            let json = serde_json::to_string(&number).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Long>(&json).unwrap(), number);
        }
    }

    #[test]
    fn what_is_no_64_bit_number_is_refused() {
        for text in ["", "1.5", "1e3", "18446744073709551616", "-9223372036854775809", "0x10"] {
            assert!(text.parse::<Long>().is_err(), "{text}");
        }
    }
}
