//! The order in which a process sees and writes: anomalies 6 to 13.
//!
//! A consumer's position is known from what it polled and where it was sent to. It must not pass
//! over what is there for good: Kafka gives a consumer the records of a partition in their order,
//! and shows a record with `read_committed` only when all before it are decided.

use std::collections::BTreeMap;

use crate::{
    anomaly::{Anomaly, Severity},
    book::Book,
    history::{Function, Isolation, Key, Op, Polled},
    report::Report,
};

/// How a consumer came to its partitions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Assigned,
    Subscribed,
}

/// What is known of a process.
#[derive(Default)]
struct Process<'h> {
    mode: Mode,
    /// The last offset that it was given of each partition.
    polled: BTreeMap<Key, (i64, &'h Op)>,
    /// The highest offset that was acknowledged to it in each partition.
    acked: BTreeMap<Key, (i64, &'h Op)>,
}

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    let mut processes: BTreeMap<u32, Process<'_>> = BTreeMap::new();
    for op in book.history.ops() {
        let process = processes.entry(op.name.process).or_default();
        match op.function {
            Function::Crash => *process = Process::default(),
            Function::Assign => process.starts(op, Mode::Assigned),
            Function::Subscribe | Function::Rebalance => process.starts(op, Mode::Subscribed),
            Function::Seek => process.seeks(op),
            Function::Poll | Function::Txn | Function::Send => {
                report.figures.polled += op.polled().count();
                process.polls(book, op, report);
                process.sends(book, op, report);
                own_reads(book, op, report);
            }
            _ => {}
        }
    }
}

impl<'h> Process<'h> {
    fn starts(&mut self, op: &'h Op, mode: Mode) {
        self.mode = mode;
        self.polled.clear();
        self.seeks(op);
    }

    fn seeks(&mut self, op: &'h Op) {
        for (key, to) in op.offsets() {
            match to {
                Some(to) => self.polled.insert(key, (to - 1, op)),
                None => self.polled.remove(&key),
            };
        }
    }

    fn polls(&mut self, book: &Book<'h>, op: &'h Op, report: &mut Report) {
        let mut within: BTreeMap<Key, i64> = BTreeMap::new();
        for record in op.polled() {
            let Polled { key, offset, .. } = *record;
            if let Some(last) = within.insert(key, offset) {
                if !op.rebalanced.contains(&key) {
                    let kinds = (Anomaly::InternalNonmonotonicPoll, Anomaly::InternalPollSkip);
                    step(book, kinds, Severity::Violation, (last, op), (record, op), report);
                }
            } else if let Some((last, before)) = self.polled.get(&key) {
                let kinds = (Anomaly::NonmonotonicPoll, Anomaly::PollSkip);
                let severity = match self.mode {
                    Mode::Assigned => Severity::Violation,
                    Mode::Subscribed => Severity::Allowed,
                };
                step(book, kinds, severity, (*last, before), (record, op), report);
            }
        }
        self.polled.extend(within.into_iter().map(|(key, last)| (key, (last, op))));
        for key in &op.rebalanced {
            self.polled.remove(key);
        }
    }

    fn sends(&mut self, book: &Book<'h>, op: &'h Op, report: &mut Report) {
        let mut within: BTreeMap<Key, i64> = BTreeMap::new();
        for sent in op.sends() {
            let write = book.write(sent.value);
            let acked = write.and_then(|write| write.position.filter(|_| sent.offset.is_some()));
            let Some(offset) = acked else { continue };
            let key = sent.key;
            let name = || book.history.key(key);
            if let Some((last, before)) = self.acked.get(&key)
                && offset < *last
            {
                report.violation(Anomaly::NonmonotonicSend, &[before, op], || {
                    format!("{}: {} went to {offset}, after {last}", name(), sent.value)
                });
            }
            if let Some(last) = within.get(&key) {
                if offset < *last {
                    let severity =
                        if op.idempotent { Severity::Violation } else { Severity::Allowed };
                    report.add(Anomaly::InternalNonmonotonicSend, severity, &[op], || {
                        format!("{}: {} went to {offset}, after {last}", name(), sent.value)
                    });
                } else if book.visible_between(key, *last, offset).is_some() {
                    let text = || format!("{}: between {last} and {offset}", name());
                    report.add(Anomaly::InternalSendSkip, Severity::Allowed, &[op], text);
                }
            }
            let highest = within.entry(key).or_insert(offset);
            *highest = (*highest).max(offset);
        }
        for (key, offset) in within {
            let last = self.acked.entry(key).or_insert((offset, op));
            if offset >= last.0 {
                *last = (offset, op);
            }
        }
    }
}

/// A consumer goes from one record to the next.
fn step(
    book: &Book<'_>,
    (back, skip): (Anomaly, Anomaly),
    severity: Severity,
    (last, before): (i64, &Op),
    (record, op): (&Polled, &Op),
    report: &mut Report,
) {
    let Polled { key, offset, .. } = *record;
    let name = || book.history.key(key);
    if offset <= last {
        report.add(back, severity, &[before, op], || {
            format!("{}: {offset} was polled after {last}", name())
        });
    } else if !book.history.is_compacted(key)
        && let Some(skipped) = book.visible_between(key, last, offset)
    {
        report.add(skip, severity, &[before, op], || {
            format!("{}: {offset} was polled after {last}, and {skipped} was not", name())
        });
    }
}

fn own_reads(book: &Book<'_>, op: &Op, report: &mut Report) {
    if op.function != Function::Txn || op.sends().next().is_none() {
        return;
    }
    let severity = match op.isolation {
        Isolation::ReadCommitted => Severity::Violation,
        Isolation::ReadUncommitted => Severity::Allowed,
    };
    for record in op.polled() {
        let write = record.value.and_then(|value| book.write(value));
        if write.is_some_and(|write| write.op.number == op.number) {
            report.add(Anomaly::PrecommittedRead, severity, &[op], || {
                let key = book.history.key(record.key);
                format!("{key} offset {}: a transaction polled what it wrote", record.offset)
            });
        }
    }
}
