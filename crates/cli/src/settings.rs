//! Flags that every command has, and where their values come from.
//!
//! Precedence: flag, then `-X key=value`, then `OTTLA_*` in the environment, then the default.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;

use crate::{exit::Failure, output::Format, time::parse_duration};

/// Flags that every command has.
#[expect(clippy::struct_excessive_bools, reason = "they are independent switches")]
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Brokers to ask first, `host:port`, separated by commas [default: localhost:9092]
    #[arg(
        id = "client_bootstrap",
        short = 'b',
        long = "bootstrap",
        global = true,
        value_name = "HOST:PORT",
        help_heading = "Everywhere"
    )]
    pub bootstrap: Option<String>,

    /// How output looks
    #[arg(
        id = "client_output",
        short = 'o',
        long = "output",
        global = true,
        value_enum,
        value_name = "FORMAT",
        help_heading = "Everywhere"
    )]
    pub output: Option<Format>,

    /// A client setting by its name in Java or librdkafka, as in `compression.type=zstd`
    #[arg(
        id = "client_set",
        short = 'X',
        global = true,
        value_name = "KEY=VALUE",
        help_heading = "Everywhere"
    )]
    pub set: Vec<String>,

    /// Give up after this long, as in `10s`
    #[arg(id = "client_timeout", long = "timeout", global = true, value_parser = parse_duration, value_name = "TIME", help_heading = "Everywhere")]
    pub timeout: Option<Duration>,

    /// Say nothing but data and errors
    #[arg(
        id = "client_quiet",
        short = 'q',
        long = "quiet",
        global = true,
        help_heading = "Everywhere"
    )]
    pub quiet: bool,

    /// Say more
    #[arg(
        id = "client_verbose",
        short = 'v',
        long = "verbose",
        global = true,
        help_heading = "Everywhere"
    )]
    pub verbose: bool,

    /// Do it without asking
    #[arg(
        id = "client_yes",
        short = 'y',
        long = "yes",
        global = true,
        help_heading = "Everywhere"
    )]
    pub yes: bool,

    /// No colours (NO_COLOR in the environment does the same)
    #[arg(id = "client_no_color", long = "no-color", global = true, help_heading = "Everywhere")]
    pub no_color: bool,
}

/// Client settings by their Kafka names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    values: BTreeMap<String, String>,
}

/// The names that mean something here, in alphabetical order.
const KNOWN: [&str; 17] = [
    "acks",
    "auto.offset.reset",
    "batch.size",
    "bootstrap.servers",
    "client.id",
    "compression.codec",
    "compression.level",
    "compression.type",
    "delivery.timeout.ms",
    "enable.idempotence",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "linger.ms",
    "metadata.broker.list",
    "request.timeout.ms",
    "session.timeout.ms",
];

impl Settings {
    /// Reads `key=value` pairs. A name that nothing here looks at is an error: it would be ignored.
    pub(crate) fn parse(pairs: &[String]) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        for pair in pairs {
            let what = || format!("cannot use -X {pair}");
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Failure::usage(what(), "key=value is expected"));
            };
            if !KNOWN.contains(&key) {
                let known = KNOWN.join(", ");
                return Err(Failure::usage(what(), format!("{key} is not known here"))
                    .with_next(format!("one of {known}")));
            }
            values.insert(key.to_owned(), value.to_owned());
        }
        Ok(Self { values })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// A setting's value read as a number or the like.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let wrong = |_| Failure::usage(format!("cannot use -X {key}={text}"), "the value is wrong");
        text.parse().map(Some).map_err(wrong)
    }
}

impl Global {
    /// The brokers to ask first.
    pub(crate) fn bootstrap(&self, settings: &Settings) -> String {
        let set = || settings.get("bootstrap.servers").or(settings.get("metadata.broker.list"));
        let environment = || std::env::var("OTTLA_BOOTSTRAP").ok().filter(|it| !it.is_empty());
        self.bootstrap
            .clone()
            .or_else(|| set().map(str::to_owned))
            .or_else(environment)
            .unwrap_or_else(|| "localhost:9092".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_a_setting_and_that_over_the_default() {
        let settings = Settings::parse(&["bootstrap.servers=b:1".to_owned()]).unwrap();
        let flag = Global { bootstrap: Some("a:1".into()), ..Global::default() };
        assert_eq!(flag.bootstrap(&settings), "a:1");
        assert_eq!(Global::default().bootstrap(&settings), "b:1");
    }

    #[test]
    fn settings_that_would_be_ignored_are_refused() {
        for wrong in ["acks", "no.such.key=1"] {
            assert!(Settings::parse(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
        let settings = Settings::parse(&["linger.ms=x".to_owned()]).unwrap();
        assert!(settings.parsed::<u64>("linger.ms").is_err());
    }

    #[test]
    fn the_list_of_known_settings_is_in_order() {
        assert!(KNOWN.is_sorted());
    }
}
