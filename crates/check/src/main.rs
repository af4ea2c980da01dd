//! Judges histories that were written at the same time: `ottla-check [--write-order] FILE…`.
//!
//! Prints what was found, and ends with 0 where nothing is wrong, 1 where a promise is broken, 2
//! where there was no progress, and 3 where the histories cannot be read.

use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitCode,
};

use ottla_check::{History, Options, Severity, check};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (flags, files): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.starts_with("--"));
    let options = Options { write_order: flags.iter().any(|flag| *flag == "--write-order") };
    match judge(&files, options) {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            // Nobody is left to be told where even this fails.
            drop(writeln!(io::stderr(), "{why}"));
            ExitCode::from(3)
        }
    }
}

fn judge(files: &[&String], options: Options) -> Result<u8, String> {
    if files.is_empty() {
        return Err("usage: ottla-check [--write-order] FILE…".to_owned());
    }
    let mut texts = Vec::new();
    for file in files {
        texts.push(fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?);
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let history = History::parse(&texts).map_err(|error| error.to_string())?;
    let report = check(&history, options);
    writeln!(io::stdout(), "{report}").map_err(|error| error.to_string())?;
    Ok(match report.worst() {
        None | Some(Severity::Allowed) => 0,
        Some(Severity::Violation) => 1,
        Some(Severity::Liveness) => 2,
    })
}
