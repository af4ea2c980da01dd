//! `ottla compose import`: a compose file with Kafka as one with Ottla.
//!
//! Lines that need no change stay as they are, with their comments and order.

mod console;
mod file;
mod rewrite;
mod volumes;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};

/// Compose files
#[derive(Debug, Subcommand)]
pub(crate) enum Compose {
    Import(Import),
}

/// Rewrite a compose file with Kafka, ZooKeeper and kafka-ui as one with Ottla
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The compose file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file; what it was is kept beside it with `.orig` behind its name. Without this,
    /// the new one goes to standard output
    #[arg(long)]
    write: bool,
    /// The image's name
    #[arg(long, value_name = "NAME", default_value = "ottla")]
    image: String,
}

/// Runs it.
pub(crate) fn run(command: &Compose) -> ExitCode {
    let Compose::Import(import) = command;
    match import.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr().lock(), "ottla: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

impl Import {
    fn run(&self) -> anyhow::Result<()> {
        let path = self.file.display();
        let text =
            std::fs::read_to_string(&self.file).with_context(|| format!("cannot read {path}"))?;
        let rewritten = rewrite::rewrite(&text, &self.image)
            .with_context(|| format!("cannot import {path}"))?;
        for note in &rewritten.notes {
            drop(writeln!(io::stderr().lock(), "{note}"));
        }
        if !self.write {
            io::stdout().lock().write_all(rewritten.text.as_bytes())?;
            return Ok(());
        }
        let mut kept = self.file.clone().into_os_string();
        kept.push(".orig");
        let kept = PathBuf::from(kept);
        anyhow::ensure!(!kept.exists(), "{} is there already", kept.display());
        std::fs::copy(&self.file, &kept)
            .with_context(|| format!("cannot write {}", kept.display()))?;
        std::fs::write(&self.file, rewritten.text)
            .with_context(|| format!("cannot write {path}"))?;
        Ok(())
    }
}
