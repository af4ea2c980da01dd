//! The `ottla` binary: parses, assembles, runs.

mod banner;
mod serve;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

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
    #[command(flatten)]
    Client(ottla_cli::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        None => serve::run(&arguments.serve),
        Some(Command::Serve(flags)) => serve::run(&flags),
        Some(Command::Client(command)) => client(command, arguments.client),
    }
}

/// Runs a command of the client on a runtime of its own.
fn client(command: ottla_cli::Command, global: ottla_cli::Global) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(ottla_cli::run(command, global, Arguments::command())),
        Err(_) => ExitCode::FAILURE,
    }
}
