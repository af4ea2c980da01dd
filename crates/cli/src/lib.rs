//! The command line: nouns and verbs over the client, for Ottla and for Apache Kafka alike.
//!
//! Invariants: data goes to standard output, everything else to standard error; a reader that goes
//! away ends a command quietly; exit codes are those of [`Exit`].
//! Architecture invariant: speaks to brokers through the client only, never to their insides.
//!
//! The binary flattens [`Command`] into its own subcommands and [`Global`] into its own flags, and
//! calls [`run`]; `completion` needs the binary's whole [`clap::Command`].

mod command;
mod exit;
mod output;
mod position;
mod progress;
mod render;
mod session;
mod settings;
mod time;
mod tools;

use std::process::ExitCode;

pub use command::Command;
pub use exit::{Exit, Failure, Outcome};
pub use output::Format;
pub use settings::Global;
pub use tools::{Tool, run_tool};

use output::{Out, note};
use session::{Session, Stop};

/// Runs a command to its end. `root` is the binary's whole command line, for completions.
pub async fn run(command: Command, global: Global, root: clap::Command) -> ExitCode {
    let is_quiet = global.quiet;
    let timeout = global.timeout;
    let stop = Stop::listen();
    let running = Box::pin(start(command, global, root, stop.clone()));
    let limited = async {
        match timeout {
            None => running.await,
            Some(limit) => tokio::time::timeout(limit, running).await.unwrap_or_else(|_| {
                let what = "the command took too long";
                Err(Failure::new(Exit::TimedOut, what, format!("--timeout {limit:?} has passed")))
            }),
        }
    };
    match limited.await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !(failure.is_broken_pipe() || is_quiet && failure.exit == Exit::Interrupted) {
                note(&failure.text());
            }
            failure.exit.into()
        }
    }
}

async fn start(command: Command, global: Global, root: clap::Command, stop: Stop) -> Outcome {
    let out = Out::new(global.output, global.no_color);
    let is_streaming = command.is_streaming();
    let mut session = Session::new(global, out, stop.clone());
    if is_streaming {
        return command.run(&mut session, root).await;
    }
    tokio::select! {
        done = command.run(&mut session, root) => done,
        () = stop.requested() => {
            Err(Failure::new(Exit::Interrupted, "stopped", "Ctrl-C was pressed"))
        }
    }
}
