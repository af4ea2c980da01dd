//! Kafka's own command-line tools and kcat, by their names: same options, same text, same exit
//! codes.
//!
//! A link named `kafka-topics.sh` that leads to this binary is `kafka-topics.sh`. What Kafka's
//! tools write to standard output is written here word for word, since scripts read it; help texts
//! are ours.
//! Kafka: `org.apache.kafka.tools`.

mod api_versions;
mod configs;
mod console_consumer;
mod console_producer;
mod delete_records;
mod elections;
mod exceptions;
mod flags;
mod groups;
mod kcat;
mod log_dirs;
mod offsets;
mod ready;
mod reassign;
mod table;
mod target;
mod topics;
mod transactions;

use std::process::ExitCode;

use ottla_client::Error;

use crate::{
    exit::Failure,
    output::{Out, note},
    session::Stop,
};
use flags::{Flag, Given};

/// A tool that this binary can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `kafka-broker-api-versions.sh`
    ApiVersions,
    /// `kafka-configs.sh`
    Configs,
    /// `kafka-console-consumer.sh`
    ConsoleConsumer,
    /// `kafka-console-producer.sh`
    ConsoleProducer,
    /// `kafka-delete-records.sh`
    DeleteRecords,
    /// `kafka-leader-election.sh`
    Elections,
    /// `kafka-consumer-groups.sh`
    Groups,
    /// `kcat`
    Kcat,
    /// `kafka-log-dirs.sh`
    LogDirs,
    /// `kafka-get-offsets.sh`
    Offsets,
    /// `cub` and `ub`, which wait until a broker answers
    Ready,
    /// `kafka-reassign-partitions.sh`
    Reassign,
    /// `kafka-topics.sh`
    Topics,
    /// `kafka-transactions.sh`
    Transactions,
}

/// Every tool with its names, without `.sh`.
const NAMES: &[(&str, Tool)] = &[
    ("cub", Tool::Ready),
    ("kafka-broker-api-versions", Tool::ApiVersions),
    ("kafka-configs", Tool::Configs),
    ("kafka-console-consumer", Tool::ConsoleConsumer),
    ("kafka-console-producer", Tool::ConsoleProducer),
    ("kafka-consumer-groups", Tool::Groups),
    ("kafka-delete-records", Tool::DeleteRecords),
    ("kafka-get-offsets", Tool::Offsets),
    ("kafka-leader-election", Tool::Elections),
    ("kafka-log-dirs", Tool::LogDirs),
    ("kafka-reassign-partitions", Tool::Reassign),
    ("kafka-topics", Tool::Topics),
    ("kafka-transactions", Tool::Transactions),
    ("kafkacat", Tool::Kcat),
    ("kcat", Tool::Kcat),
    ("ub", Tool::Ready),
];

impl Tool {
    /// The tool of this name, with or without `.sh`.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".sh").unwrap_or(name);
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, tool)| *tool)
    }

    /// The names of all tools, without `.sh`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

/// Why a tool ends otherwise than well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The options cannot be read.
    Options(String),
    /// They cannot be meant: this sentence on standard error, then what the options are.
    Usage(String),
    /// Help was asked for: this sentence, then what the options are.
    Help(&'static str),
    /// It failed: this on standard error.
    Failed(String),
    /// It failed and has said so.
    Said(u8),
    /// Whoever read the output has enough.
    BrokenPipe,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(kafka_text(&error))
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        if failure.is_broken_pipe() {
            return Self::BrokenPipe;
        }
        Self::Failed(format!("{}: {}", failure.what, failure.why))
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Failure::from(error).into()
    }
}

/// An error as Kafka's tools word it: the broker's text, or that of the error's code.
pub(crate) fn kafka_text(error: &Error) -> String {
    let Some(code) = error.code() else { return error.to_string() };
    let why = error.why();
    let detail = why.strip_prefix(code.name()).and_then(|rest| rest.strip_prefix(": "));
    detail.unwrap_or(why).to_owned()
}

/// An error as Kafka's tools print an exception: the name of its class, and the text.
pub(crate) fn exception(error: &Error) -> String {
    let text = kafka_text(error);
    let Some(code) = error.code() else { return text };
    format!("{}: {text}", exceptions::class(code))
}

/// `GROUP` or `group` as `Group`.
pub(crate) fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect()
}

/// Runs a tool to its end.
pub async fn run_tool(tool: Tool, arguments: &[String]) -> ExitCode {
    let mut out = Out::new(None, true);
    let stop = Stop::listen();
    let ended = Box::pin(start(tool, arguments, &mut out, &stop)).await;
    let flushed = out.flush().map_err(Refusal::from);
    finish(tool, ended.and(flushed))
}

async fn start(
    tool: Tool,
    arguments: &[String],
    out: &mut Out,
    stop: &Stop,
) -> Result<(), Refusal> {
    match tool {
        Tool::Kcat => return kcat::run(arguments, out, stop).await,
        Tool::Ready => return ready::run(arguments).await,
        Tool::Transactions => return transactions::run(arguments, out).await,
        _ => {}
    }
    let given = read(tool, arguments, out)?;
    match tool {
        Tool::ApiVersions => api_versions::run(&given, out).await,
        Tool::Configs => configs::run(&given, out).await,
        Tool::ConsoleConsumer => console_consumer::run(&given, out, stop).await,
        Tool::ConsoleProducer => console_producer::run(&given, out, stop).await,
        Tool::DeleteRecords => delete_records::run(&given, out).await,
        Tool::Elections => elections::run(&given, out).await,
        Tool::Groups => groups::run(&given, out).await,
        Tool::LogDirs => log_dirs::run(&given, out).await,
        Tool::Offsets => offsets::run(&given, out).await,
        Tool::Reassign => reassign::run(&given, out).await,
        Tool::Topics => topics::run(&given, out).await,
        Tool::Kcat | Tool::Ready | Tool::Transactions => Ok(()),
    }
}

/// What a tool is for, and its options.
const fn manual(tool: Tool) -> (&'static str, &'static [Flag]) {
    match tool {
        Tool::ApiVersions => (api_versions::ABOUT, api_versions::FLAGS),
        Tool::Configs => (configs::ABOUT, configs::FLAGS),
        Tool::ConsoleConsumer => (console_consumer::ABOUT, console_consumer::FLAGS),
        Tool::ConsoleProducer => (console_producer::ABOUT, console_producer::FLAGS),
        Tool::DeleteRecords => (delete_records::ABOUT, delete_records::FLAGS),
        Tool::Elections => (elections::ABOUT, elections::FLAGS),
        Tool::Groups => (groups::ABOUT, groups::FLAGS),
        Tool::LogDirs => (log_dirs::ABOUT, log_dirs::FLAGS),
        Tool::Offsets => (offsets::ABOUT, offsets::FLAGS),
        Tool::Reassign => (reassign::ABOUT, reassign::FLAGS),
        Tool::Topics => (topics::ABOUT, topics::FLAGS),
        Tool::Kcat | Tool::Ready | Tool::Transactions => ("", &[]),
    }
}

const HELP: &[Flag] = &[
    flags::switch("help", "Print this."),
    flags::switch("version", "Print the version of Kafka's tools that this one is like."),
];

/// Reads the options, and answers `--help` and `--version`.
fn read(tool: Tool, arguments: &[String], out: &mut Out) -> Result<Given, Refusal> {
    let (about, known) = manual(tool);
    let known: Vec<Flag> = known.iter().chain(HELP).copied().collect();
    let given = Given::parse(&known, arguments)?;
    if arguments.is_empty() || given.has("help") {
        return Err(Refusal::Help(about));
    }
    if given.has("version") {
        out.line(&format!("4.4.0 (Ottla {})", env!("CARGO_PKG_VERSION")))?;
        return Err(Refusal::Said(0));
    }
    Ok(given)
}

/// Says what is left to say, and what the process ends with.
fn finish(tool: Tool, ended: Result<(), Refusal>) -> ExitCode {
    let options = || {
        let (_, known) = manual(tool);
        let known: Vec<Flag> = known.iter().chain(HELP).copied().collect();
        note(&flags::help(&known));
    };
    match ended {
        Ok(()) | Err(Refusal::BrokenPipe) => return ExitCode::SUCCESS,
        Err(Refusal::Said(code)) => return ExitCode::from(code),
        Err(Refusal::Help(about)) => {
            note(about);
            options();
            return ExitCode::SUCCESS;
        }
        Err(Refusal::Usage(text)) => {
            note(&text);
            options();
        }
        Err(Refusal::Options(text) | Refusal::Failed(text)) => note(&text),
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_with_and_without_sh() {
        assert_eq!(Tool::named("kafka-topics.sh"), Some(Tool::Topics));
        assert_eq!(Tool::named("kafka-topics"), Some(Tool::Topics));
        assert_eq!(Tool::named("kcat"), Some(Tool::Kcat));
        assert_eq!(Tool::named("ottla"), None);
        assert!(Tool::names().is_sorted());
    }
}
