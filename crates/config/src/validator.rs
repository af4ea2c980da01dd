//! Which values a key allows, and what is said of the others.
//!
//! Kafka: the validators of `ConfigDef`, `QuorumConfig`, `ThrottledReplicaListValidator`.

use crate::{Parsed, initial_topic::topics_to_create};

/// A value that a key does not allow. The text is what a client reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct InvalidValue {
    /// The name of the key.
    pub key: String,
    text: String,
}

impl InvalidValue {
    pub(crate) fn new(key: &str, value: &str, why: impl std::fmt::Display) -> Self {
        Self::saying(key, format!("Invalid value {value} for configuration {key}: {why}"))
    }

    pub(crate) fn saying(key: &str, text: String) -> Self {
        Self { key: key.to_owned(), text }
    }
}

/// The rule for the values of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validator {
    /// Any value of the type; a list may be empty, its elements may not.
    Any,
    /// A number, inclusive.
    AtLeast(i32),
    /// A number, inclusive on both sides.
    Between(i32, i32),
    /// A fraction from 0 to 0.5, inclusive.
    AtMostHalf,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// A list of these words, maybe empty.
    ListOf(&'static [&'static str]),
    /// A list of at least one of these words, or of anything where there are none.
    NonEmptyListOf(&'static [&'static str]),
    /// Text that is not empty.
    NonEmpty,
    /// 1 to 9, or -1 for the library's default.
    GzipLevel,
    /// `*`, or pairs `partition:broker`.
    ThrottledReplicas,
    /// A list of `id@host:port`.
    QuorumVoters,
    /// A list of `host:port`.
    BootstrapServers,
    /// Pairs `host:number`, separated by commas.
    HostLimits,
    /// `earliest`, `latest` or `by_duration:` with a duration of ISO 8601.
    ShareOffsetReset,
    /// A cluster's id: Kafka makes 22 characters of base64 and takes any word.
    ClusterId,
    /// Entries `name:partitions:replicas[:cleanup.policy]`.
    TopicsToCreate,
}

/// What is allowed, for people; nothing where everything of the type is.
impl std::fmt::Display for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any | Self::ListOf([]) => Ok(()),
            Self::AtLeast(min) => write!(f, "at least {min}"),
            Self::Between(min, max) => write!(f, "{min} to {max}"),
            Self::AtMostHalf => f.write_str("0 to 0.5"),
            Self::OneOf(words) => f.write_str(&words.join(", ")),
            Self::OneOfAnyCase(words) => write!(f, "{}, in any case", words.join(", ")),
            Self::ListOf(words) => write!(f, "any of {}", words.join(", ")),
            Self::NonEmptyListOf([]) | Self::NonEmpty => f.write_str("not empty"),
            Self::NonEmptyListOf(words) => write!(f, "at least one of {}", words.join(", ")),
            Self::GzipLevel => f.write_str("1 to 9, or -1"),
            Self::ThrottledReplicas => f.write_str("* or partition:broker pairs"),
            Self::QuorumVoters => f.write_str("id@host:port"),
            Self::BootstrapServers => f.write_str("host:port"),
            Self::HostLimits => f.write_str("host:number pairs"),
            Self::ShareOffsetReset => f.write_str("earliest, latest, by_duration:PnDTnHnMn.nS"),
            Self::ClusterId => f.write_str("a word"),
            Self::TopicsToCreate => f.write_str("name:partitions:replicas[:cleanup.policy]"),
        }
    }
}

impl Validator {
    /// Checks the parsed value of the key `name`. Null is always allowed.
    pub(crate) fn check(self, name: &str, value: &Parsed) -> Result<(), InvalidValue> {
        match value {
            Parsed::Null | Parsed::Boolean(_) => Ok(()),
            Parsed::Short(_) | Parsed::Int(_) | Parsed::Long(_) => {
                value.as_i64().map_or(Ok(()), |number| self.check_integer(name, number))
            }
            Parsed::Double(number) => self.check_double(name, *number),
            Parsed::Text(text) => self.check_text(name, text),
            Parsed::List(items) => self.check_list(name, items),
        }
    }

    fn check_integer(self, name: &str, number: i64) -> Result<(), InvalidValue> {
        let refuse = |why: String| Err(InvalidValue::new(name, &number.to_string(), why));
        match self {
            Self::AtLeast(min) | Self::Between(min, _) if number < min.into() => {
                refuse(format!("Value must be at least {min}"))
            }
            Self::Between(_, max) if number > max.into() => {
                refuse(format!("Value must be no more than {max}"))
            }
            Self::GzipLevel if number != -1 && !(1..=9).contains(&number) => {
                refuse("Value must be between 1 and 9 or equal to -1".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check_double(self, name: &str, number: f64) -> Result<(), InvalidValue> {
        let (min, max) = match self {
            Self::AtLeast(min) => (Some(f64::from(min)), None),
            Self::Between(min, max) => (Some(f64::from(min)), Some(f64::from(max))),
            Self::AtMostHalf => (Some(0.0), Some(0.5)),
            _ => (None, None),
        };
        let why = match (min, max) {
            (Some(min), _) if number < min => format!("Value must be at least {min}"),
            (_, Some(max)) if number > max => format!("Value must be no more than {max}"),
            _ => return Ok(()),
        };
        let shown = Parsed::Double(number).to_text().unwrap_or_default();
        Err(InvalidValue::new(name, &shown, why))
    }

    fn check_text(self, name: &str, text: &str) -> Result<(), InvalidValue> {
        let refuse = |why: String| Err(InvalidValue::new(name, text, why));
        match self {
            Self::OneOf(words) if !words.contains(&text) => {
                refuse(format!("String must be one of: {}", words.join(", ")))
            }
            Self::OneOfAnyCase(words) if !words.iter().any(|w| w.eq_ignore_ascii_case(text)) => {
                refuse(format!("String must be one of (case insensitive): {}", words.join(", ")))
            }
            Self::NonEmpty if text.is_empty() => refuse("String must be non-empty".to_owned()),
            Self::HostLimits => match host_limits(text) {
                Ok(_) => Ok(()),
                Err(entry) => Err(InvalidValue::saying(
                    name,
                    format!(
                        "Error parsing configuration property '{name}': '{entry}' is not of the \
                         form host:number"
                    ),
                )),
            },
            Self::ClusterId if !is_cluster_id(text) => refuse(
                "A cluster id is a word of letters, digits and signs, as in 5L6g3nShT-eMCtK--X86sw"
                    .to_owned(),
            ),
            Self::TopicsToCreate => match topics_to_create(text) {
                Ok(_) => Ok(()),
                Err(why) => refuse(why),
            },
            Self::ShareOffsetReset if !is_share_offset_reset(text) => refuse(format!(
                "Invalid value `{text}` for configuration {name}. The value must be either \
                 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
            )),
            _ => Ok(()),
        }
    }

    fn check_list(self, name: &str, items: &[String]) -> Result<(), InvalidValue> {
        match self {
            Self::ThrottledReplicas => return check_throttled(name, items),
            Self::QuorumVoters => return items.iter().try_for_each(|it| check_voter(name, it)),
            Self::BootstrapServers => {
                return items.iter().try_for_each(|item| check_bootstrap(name, item));
            }
            _ => {}
        }
        if let (Self::NonEmptyListOf(words), []) = (self, items) {
            let allowed = if words.is_empty() {
                "any non-empty value".to_owned()
            } else {
                format!("[{}]", words.join(", "))
            };
            let text = format!(
                "Configuration '{name}' must not be empty. Valid values include: {allowed}"
            );
            return Err(InvalidValue::saying(name, text));
        }
        if items.iter().any(String::is_empty) {
            let text = format!("Configuration '{name}' values must not be empty.");
            return Err(InvalidValue::saying(name, text));
        }
        match self {
            Self::ListOf(words) | Self::NonEmptyListOf(words) if !words.is_empty() => {
                match items.iter().find(|item| !words.contains(&item.as_str())) {
                    Some(item) => Err(InvalidValue::new(
                        name,
                        item,
                        format!("String must be one of: {}", words.join(", ")),
                    )),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// Reads pairs `host:number`; fails with the first entry that is not one.
pub(crate) fn host_limits(text: &str) -> Result<Vec<(&str, i32)>, &str> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (host, limit) = entry.rsplit_once(':').ok_or(entry)?;
            Ok((host.trim(), limit.trim().parse().map_err(|_| entry)?))
        })
        .collect()
}

fn check_throttled(name: &str, items: &[String]) -> Result<(), InvalidValue> {
    let is_pair = |item: &String| {
        item.split_once(':').is_some_and(|(partition, broker)| {
            [partition, broker]
                .iter()
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    // Kafka joins the list again before it looks, so an empty element at the end passes.
    let items = match items {
        [head @ .., last] if last.is_empty() && !head.is_empty() => head,
        all => all,
    };
    if items.is_empty() || matches!(items, [star] if star == "*") || items.iter().all(is_pair) {
        return Ok(());
    }
    let shown = format!("[{}]", items.join(", "));
    let why = format!(
        "{name} must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    );
    Err(InvalidValue::new(name, &shown, why))
}

fn check_voter(name: &str, item: &str) -> Result<(), InvalidValue> {
    const FORM: &str = "Each entry should be in the form `{id}@{host}:{port}`.";
    let Some((id, address)) = item.split_once('@') else {
        let text = format!("Invalid configuration value for {name}. {FORM}");
        return Err(InvalidValue::saying(name, text));
    };
    if id.parse::<i32>().is_err() {
        let text = format!("Failed to parse voter ID as an integer from {name}. {FORM}");
        return Err(InvalidValue::saying(name, text));
    }
    if is_address(address) {
        return Ok(());
    }
    let text =
        format!("Failed to parse host name from entry {item} for the configuration {name}. {FORM}");
    Err(InvalidValue::saying(name, text))
}

fn check_bootstrap(name: &str, item: &str) -> Result<(), InvalidValue> {
    if is_address(item) {
        return Ok(());
    }
    let text = format!(
        "Failed to parse host name from {item} for the configuration {name}. Each entry should be \
         in the form \"{{host}}:{{port}}\""
    );
    Err(InvalidValue::saying(name, text))
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Whether the text can stand in `meta.properties` as it is.
fn is_cluster_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

fn is_share_offset_reset(text: &str) -> bool {
    match text.strip_prefix("by_duration:") {
        Some(duration) => is_positive_duration(duration),
        None => matches!(text, "earliest" | "latest"),
    }
}

/// Whether the text is a duration of ISO 8601 in days, hours, minutes and seconds, without signs.
fn is_positive_duration(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let Some(rest) = upper.strip_prefix('P') else { return false };
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) => (days, Some(time)),
        None => (rest, None),
    };
    if days.is_empty() && time.is_none() || time == Some("") {
        return false;
    }
    has_units(days, &['D']) && has_units(time.unwrap_or_default(), &['H', 'M', 'S'])
}

/// Whether the text is numbers followed by these units, each at most once and in this order.
fn has_units(text: &str, units: &[char]) -> bool {
    let mut rest = text;
    for unit in units {
        if let Some((number, after)) = rest.split_once(*unit) {
            let is_number = match number.split_once('.') {
                Some((whole, part)) if *unit == 'S' => is_digits(whole) && is_digits(part),
                Some(_) => false,
                None => is_digits(number),
            };
            if !is_number {
                return false;
            }
            rest = after;
        }
    }
    rest.is_empty()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
