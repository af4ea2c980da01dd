//! The `ottla` binary: parses, assembles, runs.

mod banner;
mod compose;
mod console;
mod drop_in;
mod health;
mod import;
mod log;
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
    Import(import::Import),
    Reference(reference::Reference),
    #[command(subcommand)]
    Log(log::Log),
    #[command(subcommand)]
    Compose(compose::Compose),
    Console(console::Console),
    Health(health::Health),
    #[command(flatten)]
    Client(ottla_cli::Command),
}

fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if let Some(exit) = drop_in::run(&words) {
        return exit;
    }
    let mut root = command_line();
    let matches = root.get_matches_mut();
    if let Some(text) = misplaced(&root, &matches) {
        root.error(clap::error::ErrorKind::ArgumentConflict, text).exit();
    }
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match arguments.command {
        None => serve::run(&arguments.serve),
        Some(Command::Serve(flags)) => serve::run(&flags.or(arguments.serve)),
        Some(Command::Import(command)) => import::run(&command),
        Some(Command::Log(command)) => log::run(&command),
        Some(Command::Compose(command)) => compose::run(&command),
        Some(Command::Console(command)) => {
            console::run(&command, arguments.client.bootstrap.as_deref())
        }
        Some(Command::Health(command)) => {
            health::run(&command, arguments.client.bootstrap.as_deref())
        }
        Some(Command::Reference(command)) => reference::run(&command, &mut root),
        Some(Command::Client(command)) => client(command, arguments.client),
    }
}

/// Commands that talk to no broker.
const LOCAL: [&str; 5] = ["serve", "import", "log", "compose", "reference"];

/// The whole command line. Local commands hide the flags that they would refuse.
fn command_line() -> clap::Command {
    let mut root = Arguments::command();
    root.build();
    LOCAL.iter().fold(root, |root, name| root.mut_subcommand(name, without_client_flags))
}

fn without_client_flags(command: clap::Command) -> clap::Command {
    let hidden = command.mut_args(|flag| {
        let is_of_clients = flag.is_global_set();
        flag.hide(is_of_clients)
    });
    hidden.mut_subcommands(without_client_flags)
}

/// What is wrong with a flag that would be ignored: one of a broker before another command, or one
/// of the client where no broker is asked.
fn misplaced(root: &clap::Command, matches: &ArgMatches) -> Option<String> {
    let (name, mut inner) = matches.subcommand().unwrap_or(("serve", matches));
    while let Some((_, deeper)) = inner.subcommand() {
        inner = deeper;
    }
    let is_given = |at: &ArgMatches, flag: &clap::Arg| {
        let id = flag.get_id().as_str();
        let is_known = at.try_contains_id(id).is_ok();
        is_known && at.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
    };
    let of_client = |flag: &&clap::Arg| flag.is_global_set() && is_given(inner, flag);
    let of_broker = |flag: &&clap::Arg| !flag.is_global_set() && is_given(matches, flag);
    let named = |flag: &clap::Arg| match (flag.get_long(), flag.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, short) => short.map(|short| format!("-{short}")).unwrap_or_default(),
    };
    if LOCAL.contains(&name)
        && let Some(flag) = root.get_arguments().find(of_client)
    {
        let flag = named(flag);
        return Some(format!(
            "{flag} is for commands that talk to a broker; `ottla {name}` would ignore it"
        ));
    }
    let flag = root.get_arguments().find(of_broker).filter(|_| name != "serve").map(named)?;
    Some(format!("{flag} is for running a broker; `ottla {name}` would ignore it"))
}

/// Runs a command of the client on a runtime of its own.
fn client(command: ottla_cli::Command, global: ottla_cli::Global) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(ottla_cli::run(command, global, command_line())),
        Err(_) => ExitCode::FAILURE,
    }
}
