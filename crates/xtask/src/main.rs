//! The chores of this repository: `cargo xtask <chore>`.
//!
//! Nothing here is part of the product.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, bail};

mod codegen;
mod docs;
mod jars;
mod tidy;

const USAGE: &str = "usage: cargo xtask <chore>

  codegen [--check]  write crates/wire/src/generated (or only see whether it is fresh)
  docs [--check]     write docs/reference (or only see whether it is fresh)
  tidy               hold the repository to the rules that no other tool knows
  bench [OPTION…]    measure beside Apache Kafka (bench/run says how)
  profile WORKLOAD   draw where Ottla's CPU time goes under one of the workloads
  jars               fetch Kafka's jars once and print the folder they are in
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let told = writeln!(std::io::stderr(), "xtask: {error:#}");
            ExitCode::from(if told.is_ok() { 1 } else { 2 })
        }
    }
}

fn run(args: &[&str]) -> anyhow::Result<()> {
    match args {
        ["codegen"] => codegen::write()?,
        ["codegen", "--check"] => codegen::check()?,
        ["docs"] => docs::write()?,
        ["docs", "--check"] => docs::check()?,
        ["tidy"] => tidy::check()?,
        ["bench", rest @ ..] => script("run", rest)?,
        ["profile", rest @ ..] => script("profile", rest)?,
        ["jars"] => say(&jars::folder()?.display().to_string())?,
        [] | ["help" | "--help" | "-h"] => say(USAGE)?,
        other => bail!("unknown chore: {}\n{USAGE}", other.join(" ")),
    }
    Ok(())
}

/// Runs one of the scripts of `bench/`.
fn script(name: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let path = root().join("bench").join(name);
    let status = Command::new(&path).args(arguments).status();
    let status = status.with_context(|| format!("running {}", path.display()))?;
    if !status.success() {
        bail!("bench/{name} failed");
    }
    Ok(())
}

/// Prints a line.
fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("writing to the standard output")
}

/// The root of the repository.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}
