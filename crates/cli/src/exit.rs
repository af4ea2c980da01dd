//! How a command ends: its exit code, and a failure in three parts for people.
//!
//! Invariant: the numbers are part of the CLI's contract and never change their meaning.

use std::{io, process::ExitCode};

use ottla_client::{Error, ErrorKind};

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// The operation failed.
    Failed = 1,
    /// The command line cannot be right.
    Usage = 2,
    /// No broker could be reached.
    Unreachable = 3,
    /// Not allowed.
    Denied = 4,
    /// It does not exist.
    NotFound = 5,
    /// It exists already, or is in a state that forbids the operation.
    Conflict = 6,
    /// Some items failed, others did not.
    Partial = 7,
    /// A check found problems.
    Findings = 10,
    /// `--timeout` passed.
    TimedOut = 124,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The exit code for an error of the client.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Connection => Self::Unreachable,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Invalid => Self::Usage,
            // A broker that accepted the connection and says nothing is as good as none.
            ErrorKind::Timeout if error.code().is_none() => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

/// Why a command failed: what, why, and what to try next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What was attempted.
    pub what: String,
    /// Why it did not work.
    pub why: String,
    /// What might help.
    pub next: Option<String>,
    /// Kafka's name of the error, where a broker answered.
    pub code: Option<&'static str>,
}

impl Failure {
    /// A failure without an advice.
    pub fn new(exit: Exit, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: why.into(), next: None, code: None }
    }

    /// The command line cannot be right.
    pub fn usage(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, why)
    }

    /// The same with an advice.
    #[must_use]
    pub fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The end of a command whose reader went away.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.exit == Exit::Ok
    }

    /// The text for standard error.
    pub(crate) fn text(&self) -> String {
        let next = self.next.as_ref().map(|next| format!("\n  try: {next}"));
        format!("error: {}\n  why: {}{}", self.what, self.why, next.unwrap_or_default())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let next = error.next_step().map(str::to_owned).or_else(|| match error.kind() {
            ErrorKind::Connection => {
                Some("start a broker with `ottla`, or name one with -b".into())
            }
            ErrorKind::NotFound => Some("list what there is, or create it first".into()),
            _ => None,
        });
        Self {
            exit: Exit::of(&error),
            what: error.what().to_owned(),
            why: error.why().to_owned(),
            next,
            code: error.code().map(ottla_client::ErrorCode::name),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever read our output has enough: that is no failure.
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::Ok } else { Exit::Failed };
        Self::new(exit, "cannot write the output", error.to_string())
    }
}

/// What commands give back.
pub type Outcome = Result<Exit, Failure>;

/// The exit code for several items: that of the failure if all failed alike, else "some failed".
pub(crate) fn exit_of(succeeded: usize, failures: &[Failure]) -> Exit {
    match failures {
        [] => Exit::Ok,
        [first, rest @ ..] if succeeded == 0 && rest.iter().all(|it| it.exit == first.exit) => {
            first.exit
        }
        _ => Exit::Partial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_contract() {
        let numbers = [
            (Exit::Ok, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Unreachable, 3),
            (Exit::Denied, 4),
            (Exit::NotFound, 5),
            (Exit::Conflict, 6),
            (Exit::Partial, 7),
            (Exit::Findings, 10),
            (Exit::TimedOut, 124),
            (Exit::Interrupted, 130),
        ];
        for (exit, number) in numbers {
            assert_eq!(exit as u8, number);
        }
    }

    #[test]
    fn one_failure_among_successes_is_partial() {
        let missing = Failure::new(Exit::NotFound, "a", "b");
        let exists = Failure::new(Exit::Conflict, "a", "b");
        assert_eq!(exit_of(3, &[]), Exit::Ok);
        assert_eq!(exit_of(0, &[missing.clone(), missing.clone()]), Exit::NotFound);
        assert_eq!(exit_of(0, &[missing.clone(), exists]), Exit::Partial);
        assert_eq!(exit_of(1, &[missing]), Exit::Partial);
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(failure.is_broken_pipe());
    }
}
