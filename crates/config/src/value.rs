//! Values of configuration keys: text parsed by type, and written back as Kafka writes it.
//!
//! Kafka: `ConfigDef.parseType` and `ConfigDef.convertToString`.

use crate::{InvalidValue, Kind};

/// A parsed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// No value.
    Null,
    /// Of [`Kind::Boolean`].
    Boolean(bool),
    /// Of [`Kind::Short`].
    Short(i16),
    /// Of [`Kind::Int`].
    Int(i32),
    /// Of [`Kind::Long`].
    Long(i64),
    /// Of [`Kind::Double`].
    Double(f64),
    /// Of [`Kind::String`], [`Kind::Class`] or [`Kind::Password`].
    Text(String),
    /// Of [`Kind::List`].
    List(Vec<String>),
}

impl Parsed {
    /// Parses the text of a value of the key `name`; white space around it does not count.
    pub(crate) fn parse(name: &str, kind: Kind, text: &str) -> Result<Self, InvalidValue> {
        let trimmed = text.trim_matches(|c: char| c <= ' ');
        let not_a_number =
            || InvalidValue::new(name, trimmed, format!("Not a number of type {}", kind.name()));
        match kind {
            Kind::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Self::Boolean(true)),
            Kind::Boolean if trimmed.eq_ignore_ascii_case("false") => Ok(Self::Boolean(false)),
            Kind::Boolean => Err(InvalidValue::new(
                name,
                text,
                "Expected value to be either true or false".to_owned(),
            )),
            Kind::Short => trimmed.parse().map(Self::Short).map_err(|_| not_a_number()),
            Kind::Int => trimmed.parse().map(Self::Int).map_err(|_| not_a_number()),
            Kind::Long => trimmed.parse().map(Self::Long).map_err(|_| not_a_number()),
            Kind::Double => parse_double(trimmed).map(Self::Double).ok_or_else(not_a_number),
            Kind::List if trimmed.is_empty() => Ok(Self::List(Vec::new())),
            Kind::List => {
                Ok(Self::List(trimmed.split(',').map(|item| item.trim().to_owned()).collect()))
            }
            Kind::String | Kind::Class => Ok(Self::Text(trimmed.to_owned())),
            Kind::Password => Ok(Self::Text(text.to_owned())),
        }
    }

    /// The value as Kafka writes it; `None` for null.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::Short(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Long(value) => Some(value.to_string()),
            Self::Double(value) => Some(double_to_text(*value)),
            Self::Text(value) => Some(value.clone()),
            Self::List(items) => Some(items.join(",")),
        }
    }

    /// The value as an integer, whatever its width.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Short(value) => Some((*value).into()),
            Self::Int(value) => Some((*value).into()),
            Self::Long(value) => Some(*value),
            Self::Null | Self::Boolean(_) | Self::Double(_) | Self::Text(_) | Self::List(_) => None,
        }
    }
}

/// Reads the forms of a double that both Java and people use: hexadecimal ones are refused.
fn parse_double(text: &str) -> Option<f64> {
    match text.trim_start_matches(['+', '-']) {
        "NaN" => return Some(f64::NAN),
        "Infinity" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        _ => {}
    }
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let is_plain =
        digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if is_plain { digits.parse().ok() } else { None }
}

/// Java's way of writing a double: plain between 0.001 and 10 million, otherwise with an exponent.
fn double_to_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

/// A type that a key's value is read as.
pub trait Value {
    /// What a reader gets; it may borrow from the configuration.
    type Out<'a>;
    /// The type of the key.
    const KIND: Kind;
    /// Reads a parsed value; `None` if it is of another type.
    fn read(parsed: &Parsed) -> Option<Self::Out<'_>>;
}

macro_rules! plain_values {
    ($($kind:ident: $type:ty),+) => {
        $(impl Value for $type {
            type Out<'a> = $type;
            const KIND: Kind = Kind::$kind;

            fn read(parsed: &Parsed) -> Option<$type> {
                if let Parsed::$kind(value) = parsed { Some(*value) } else { None }
            }
        })+
    };
}
plain_values!(Boolean: bool, Short: i16, Int: i32, Long: i64, Double: f64);

macro_rules! text_values {
    ($($(#[$doc:meta])+ $kind:ident: $type:ident),+) => {
        $($(#[$doc])+
        #[derive(Clone, Copy, Debug)]
        pub enum $type {}

        impl Value for $type {
            type Out<'a> = &'a str;
            const KIND: Kind = Kind::$kind;

            fn read(parsed: &Parsed) -> Option<&str> {
                if let Parsed::Text(value) = parsed { Some(value) } else { None }
            }
        })+
    };
}
text_values!(
    /// Marks keys whose value is text.
    String: Text,
    /// Marks keys whose value names a Java class.
    Class: Class,
    /// Marks keys whose value is secret text.
    Password: Password
);

/// Marks keys whose value is a list.
#[derive(Clone, Copy, Debug)]
pub enum List {}

impl Value for List {
    type Out<'a> = &'a [String];
    const KIND: Kind = Kind::List;

    fn read(parsed: &Parsed) -> Option<&[String]> {
        if let Parsed::List(items) = parsed { Some(items) } else { None }
    }
}

impl<T: Value> Value for Option<T> {
    type Out<'a> = Option<T::Out<'a>>;
    const KIND: Kind = T::KIND;

    fn read(parsed: &Parsed) -> Option<Option<T::Out<'_>>> {
        if *parsed == Parsed::Null { Some(None) } else { T::read(parsed).map(Some) }
    }
}

#[cfg(test)]
mod tests;
