//! The `ottla` binary: parses, assembles, runs.

mod banner;
mod reference;
mod serve;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Kafka's protocol, semantics and data directories in one binary.
///
/// `ottla` alone runs a broker: Kafka on localhost:9092, data in ./ottla-data.
#[derive(Debug, Parser)]
#[command(name = "ottla", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Flags,
    #[command(flatten)]
    client: ottla_cli::Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a broker (what `ottla` alone does, too)
    Serve(serve::Flags),
    Reference(reference::Reference),
    #[command(flatten)]
    Client(ottla_cli::Command),
}

fn main() -> ExitCode {
    let mut root = command_line();
    let matches = root.get_matches_mut();
    if let Some(text) = misplaced(&root, &matches) {
        root.error(clap::error::ErrorKind::ArgumentConflict, text).exit();
    }
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match arguments.command {
        None => serve::run(&arguments.serve),
        Some(Command::Serve(flags)) => serve::run(&flags.or(arguments.serve)),
        Some(Command::Reference(command)) => reference::run(&command, &mut root),
        Some(Command::Client(command)) => client(command, arguments.client),
    }
}

/// The whole command line. `serve` hides the flags that it would refuse.
fn command_line() -> clap::Command {
    let mut root = Arguments::command();
    root.build();
    root.mut_subcommand("serve", |serve| {
        serve.mut_args(|flag| {
            let is_of_clients = flag.is_global_set();
            flag.hide(is_of_clients)
        })
    })
}

/// What is wrong with a flag that would be ignored: one of a broker before a command of the client,
/// or one of the client where a broker is run.
fn misplaced(root: &clap::Command, matches: &ArgMatches) -> Option<String> {
    let (name, inner) = matches.subcommand().unwrap_or(("serve", matches));
    let serves = name == "serve";
    let given = |at: &ArgMatches, id: &clap::Id| {
        at.value_source(id.as_str()) == Some(clap::parser::ValueSource::CommandLine)
    };
    let flag = root.get_arguments().find(|flag| {
        let place = if serves { inner } else { matches };
        let id = flag.get_id();
        flag.is_global_set() == serves
            && place.try_contains_id(id.as_str()).is_ok()
            && given(place, id)
    })?;
    let long = flag.get_long().map(|long| format!("--{long}"));
    let short = flag.get_short().map(|short| format!("-{short}"));
    let flag = long.or(short)?;
    Some(if serves {
        format!("{flag} is for commands that talk to a broker; running one, it would be ignored")
    } else {
        format!("{flag} is for running a broker; `ottla {name}` would ignore it")
    })
}

/// Runs a command of the client on a runtime of its own.
fn client(command: ottla_cli::Command, global: ottla_cli::Global) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(ottla_cli::run(command, global, command_line())),
        Err(_) => ExitCode::FAILURE,
    }
}
