//! Whether anything happens: anomaly 29, and 15 as a figure.

use std::collections::BTreeMap;

use crate::{
    anomaly::{Anomaly, Severity},
    book::{Book, Fate},
    history::{Function, Op},
    report::Report,
};

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    report.figures.lag_ms_longest = lag(book);
    standstill(book, report, "written", |op| op.sends().next().is_some());
    standstill(book, report, "polled", |op| {
        op.function == Function::Poll || op.polled().next().is_some()
    });
}

/// The longest time between an acknowledgement and the first poll with the record.
fn lag(book: &Book<'_>) -> i64 {
    let committed = book.writes().iter().filter(|write| write.fate == Fate::Committed);
    let lags = committed.filter(|write| write.op.is_ok()).filter_map(|write| {
        let polls = book
            .committed_reads_of(write)
            .filter(|read| read.op.function != Function::Read && read.op.is_ok());
        let first = polls.map(|read| read.op.completed.t_ns).min()?;
        Some((first - write.op.completed.t_ns).max(0) / 1_000_000)
    });
    lags.max().unwrap_or(0)
}

/// Looks at each time without faults: if somebody tried and nobody succeeded, that is no progress.
fn standstill(book: &Book<'_>, report: &mut Report, what: &str, counts: impl Fn(&Op) -> bool) {
    let limit_ns = book.history.settings().progress_limit_ms * 1_000_000;
    let Some(end) = book.history.end else { return };
    let ops = book.history.ops();
    let turns: Vec<&Op> =
        ops.iter().filter(|op| matches!(op.function, Function::Fault | Function::Heal)).collect();
    let crashes: BTreeMap<u32, &Op> = ops
        .iter()
        .filter(|op| op.function == Function::Crash)
        .map(|op| (op.name.process, op))
        .collect();
    // Whether it was begun before and its process waits for it still.
    let hangs = |op: &Op, begin: i64| {
        let is_dead = crashes.get(&op.name.process).is_some_and(|crash| op.invoked < crash.invoked);
        op.invoked.t_ns < begin && op.completed.t_ns >= begin && !is_dead
    };
    // When somebody succeeded.
    let mut successes: Vec<i64> =
        ops.iter().filter(|op| op.is_ok() && counts(op)).map(|op| op.completed.t_ns).collect();
    successes.sort_unstable();
    let nexts = turns.iter().skip(1).map(|turn| turn.invoked.t_ns).chain([end.t_ns]);
    for (heal, next) in turns.iter().zip(nexts) {
        let begin = heal.invoked.t_ns;
        if heal.function != Function::Heal || next - begin < limit_ns {
            continue;
        }
        let tried = |op: &&Op| {
            let begins = (begin..=begin + limit_ns).contains(&op.invoked.t_ns);
            (begins || hangs(op, begin)) && counts(op)
        };
        let first = successes.partition_point(|at| *at < begin);
        let succeeds = successes.get(first).is_some_and(|at| *at <= begin + limit_ns);
        if let (Some(tried), false) = (ops.iter().find(tried), succeeds) {
            report.add(Anomaly::NoProgress, Severity::Liveness, &[heal, tried], || {
                format!("nothing was {what} for {} s after the faults", limit_ns / 1_000_000_000)
            });
        }
    }
}
