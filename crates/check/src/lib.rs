//! Says what is wrong with what clients saw of a log that calls itself Kafka.
//!
//! [`History::parse`] reads what the clients did and saw, [`check`] compares it with what Kafka
//! promises. Each [`Anomaly`] is one broken promise; a [`Report`] has them with their evidence.
//!
//! A result that nobody knows stays unknown: an operation that ended in a timeout, or with its
//! process, may have happened or not, until somebody sees what it wrote. So a history is judged
//! only by what must be so, and a finding is a fault of the log or of whoever wrote the history.
//!
//! Anomalies 1 to 15 are those that Jepsen's tests of Kafka-like systems look for.
//!
//! Architecture invariant: knows nothing of brokers; the library does no I/O.

mod anomaly;
mod book;
mod cycles;
mod exactly_once;
mod floor;
mod groups;
mod history;
mod order;
mod parse;
mod producers;
mod progress;
mod registers;
mod report;
mod topics;
mod watermarks;
mod writes;

#[cfg(test)]
mod tests;

pub use anomaly::{Anomaly, Severity};
pub use history::{
    Copied, Function, History, Isolation, Key, Log, Moment, Op, OpName, Outcome, Polled, Sent,
    Settings, Step, Symbol,
};
pub use parse::ParseError;
pub use report::{Figures, Finding, Report};

/// What to look for, beyond what always counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the order of writes makes edges of cycles, too. Kafka's transactions are not
    /// isolated from each other's writes, so what only these edges show is allowed.
    pub write_order: bool,
}

/// Looks for every anomaly.
pub fn check(history: &History, options: Options) -> Report {
    let book = book::Book::new(history);
    let mut report = Report::new(history);
    writes::check(&book, &mut report);
    order::check(&book, &mut report);
    cycles::check(&book, options, &mut report);
    watermarks::check(&book, &mut report);
    producers::check(&book, &mut report);
    groups::check(&book, &mut report);
    topics::check(&book, &mut report);
    exactly_once::check(&book, &mut report);
    progress::check(&book, &mut report);
    registers::check(&book, &mut report);
    report
}
