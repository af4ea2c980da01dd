//! The `ottla` binary: parses, assembles, runs.

mod banner;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Kafka's protocol, semantics and data directories in one binary.
#[derive(Debug, Parser)]
#[command(name = "ottla", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a broker (what `ottla` alone does, too).
    Serve(serve::Flags),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Serve(flags)) => serve::run(&flags),
        None => serve::run(&arguments.serve),
    }
}
