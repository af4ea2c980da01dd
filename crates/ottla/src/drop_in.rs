//! The names that people type for Kafka: a link named `kafka-topics.sh` that leads here is that
//! tool.
//!
//! Kafka: the scripts in its `bin`.

mod storage;
mod zookeeper;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use ottla_cli::Tool;

use crate::serve;

/// Runs as the tool whose name the command has, or whose name is its first argument.
pub(crate) fn run(arguments: &[OsString]) -> Option<ExitCode> {
    let (first, rest) = arguments.split_first()?;
    let name = Path::new(first).file_name()?.to_string_lossy();
    by_name(&name, rest).or_else(|| {
        let (second, rest) = rest.split_first()?;
        by_name(&second.to_string_lossy(), rest)
    })
}

fn by_name(name: &str, rest: &[OsString]) -> Option<ExitCode> {
    let words: Vec<String> = rest.iter().map(|it| it.to_string_lossy().into_owned()).collect();
    if let Some(tool) = Tool::named(name) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        return Some(match runtime {
            Ok(runtime) => runtime.block_on(ottla_cli::run_tool(tool, &words)),
            Err(error) => refuse(&error.to_string()),
        });
    }
    match name.strip_suffix(".sh").unwrap_or(name) {
        "kafka-server-start" => Some(start(&words)),
        "kafka-storage" => Some(storage::run(&words)),
        "zookeeper-server-start" => Some(zookeeper::run()),
        other if other.starts_with("kafka-") => {
            Some(refuse(&format!("{name}: Ottla has no such tool. {}", known())))
        }
        _ => None,
    }
}

fn known() -> String {
    let mut names: Vec<&str> = Tool::names().collect();
    names.extend(["kafka-server-start", "kafka-storage"]);
    names.sort_unstable();
    format!("It is also {}.", names.join(", "))
}

fn refuse(text: &str) -> ExitCode {
    drop(writeln!(io::stderr().lock(), "{text}"));
    ExitCode::FAILURE
}

/// `kafka-server-start.sh server.properties [--override key=value]…`
fn start(words: &[String]) -> ExitCode {
    let usage = "USAGE: kafka-server-start.sh server.properties [--override property=value]*";
    let mut words = words.iter();
    let Some(file) = words.next().filter(|file| !file.starts_with('-')) else {
        return refuse(usage);
    };
    let mut overrides = Vec::new();
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--override", Some(pair)) => overrides.push(pair.clone()),
            _ => return refuse(usage),
        }
    }
    serve::run(&serve::Flags::like_kafka(PathBuf::from(file), overrides))
}
