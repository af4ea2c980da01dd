//! `ottla console`: what belongs to the console beside serving it.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Subcommand;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// The console's commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Console {
    /// Print the Argon2id hash of a password from standard input, for ottla.console.users
    HashPassword,
}

/// Runs one of them.
pub(crate) fn run(command: &Console) -> ExitCode {
    let done = match command {
        Console::HashPassword => hash_password(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr().lock(), "ottla: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn hash_password() -> anyhow::Result<()> {
    let password = if io::stdin().is_terminal() { ask()? } else { line()? };
    anyhow::ensure!(!password.is_empty(), "a password has at least one character");
    let hash = ottla_console::hash_password(&password)?;
    writeln!(io::stdout().lock(), "{hash}").context("cannot write the hash")
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("cannot read the password")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks a person, whose terminal does not show what is typed.
fn ask() -> anyhow::Result<String> {
    let stdin = io::stdin();
    let usual = tcgetattr(&stdin).context("cannot silence the terminal")?;
    let mut silent = usual.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    drop(write!(io::stderr().lock(), "Password: "));
    tcsetattr(&stdin, OptionalActions::Flush, &silent).context("cannot silence the terminal")?;
    let password = line();
    tcsetattr(&stdin, OptionalActions::Flush, &usual).context("cannot restore the terminal")?;
    drop(writeln!(io::stderr().lock()));
    password
}
