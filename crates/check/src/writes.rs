//! What became of each value: anomalies 1 to 5, 16, 17 and 26.

use crate::{
    anomaly::{Anomaly, Severity},
    book::{Book, Fate, Read, Write},
    history::{Function, Op, Outcome},
    report::Report,
};

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    contents(book, report);
    offsets(book, report);
    for write in book.writes() {
        report.figures.acknowledged += usize::from(write.fate == Fate::Committed);
        acknowledgement(book, write, report);
        copies(book, write, report);
        match write.fate {
            Fate::Failed => aborted(book, write, report),
            Fate::Committed => lost(book, write, report),
            Fate::Unknown => {}
        }
    }
    for op in book.history.ops().iter().filter(|op| op.function == Function::Txn) {
        torn(book, op, report);
    }
}

/// Records that nobody wrote, here or at all.
fn contents(book: &Book<'_>, report: &mut Report) {
    let name = |read: &Read<'_>| format!("{} offset {}", book.history.key(read.key), read.offset);
    for op in book.history.ops() {
        for record in op.polled().filter(|record| record.value.is_none()) {
            report.violation(Anomaly::ContentChanged, &[op], || {
                let key = book.history.key(record.key);
                format!("{key} offset {}: the content is nobody's", record.offset)
            });
        }
    }
    let mut place = None;
    for read in book.reads() {
        if place.replace((read.value, read.key, read.offset))
            == Some((read.value, read.key, read.offset))
        {
            continue;
        }
        match book.write(read.value) {
            None => report.violation(Anomaly::ContentChanged, &[read.op], || {
                format!("{}: nobody sent {}", name(read), read.value)
            }),
            Some(write) if write.sent.key != read.key => {
                report.violation(Anomaly::ContentChanged, &[write.op, read.op], || {
                    let to = book.history.key(write.sent.key);
                    format!("{}: {} was sent to {to}", name(read), read.value)
                });
            }
            Some(_) => {}
        }
    }
}

/// Two values at one offset.
fn offsets(book: &Book<'_>, report: &mut Report) {
    for (one, other) in book.versions.iter().zip(book.versions.iter().skip(1)) {
        if (one.key, one.offset) == (other.key, other.offset) && one.value != other.value {
            report.violation(Anomaly::InconsistentOffsets, &[one.op, other.op], || {
                let key = book.history.key(one.key);
                format!("{key} offset {} is {} and {}", one.offset, one.value, other.value)
            });
        }
    }
}

fn acknowledgement(book: &Book<'_>, write: &Write<'_>, report: &mut Report) {
    let Some(acked) = write.sent.offset else { return };
    let mut own = book.reads_of(write).iter().filter(|read| read.key == write.sent.key);
    let Some(first) = own.clone().next() else { return };
    if own.all(|read| read.offset != acked) {
        report.violation(Anomaly::AckedElsewhere, &[write.op, first.op], || {
            let (key, value) = (book.history.key(first.key), write.sent.value);
            format!("{key}: {value} was acknowledged at {acked} and lies at {}", first.offset)
        });
    }
}

/// One value at two offsets.
fn copies(book: &Book<'_>, write: &Write<'_>, report: &mut Report) {
    let reads = book.reads_of(write);
    for (one, other) in reads.iter().zip(reads.iter().skip(1)) {
        if one.key == other.key && one.offset != other.offset {
            report.violation(Anomaly::Duplicate, &[write.op, one.op, other.op], || {
                let key = book.history.key(one.key);
                format!("{key}: {} lies at {} and at {}", one.value, one.offset, other.offset)
            });
        }
    }
}

fn aborted(book: &Book<'_>, write: &Write<'_>, report: &mut Report) {
    let Some(read) = book.committed_reads_of(write).next() else { return };
    report.violation(Anomaly::AbortedRead, &[write.op, read.op], || {
        let key = book.history.key(read.key);
        format!("{key} offset {}: {} was read and had failed", read.offset, read.value)
    });
}

fn lost(book: &Book<'_>, write: &Write<'_>, report: &mut Report) {
    let (key, value) = (write.sent.key, write.sent.value);
    if book.history.is_compacted(key) {
        return;
    }
    let seen = book.committed_reads_of(write).find(|read| read.op.function != Function::Read);
    let name = || format!("{}: {value}", book.history.key(key));
    let Some(all) = book.finals.get(&key) else {
        let is_seen = seen.is_some() || book.committed_reads_of(write).next().is_some();
        let behind = write.position.and_then(|at| read_behind(book, write, at));
        if let (false, Some(behind)) = (is_seen, behind) {
            report.violation(Anomaly::LostWrite, &[write.op, behind], || {
                format!("{} was acknowledged and is passed over", name())
            });
        } else if !is_seen {
            let text = || format!("{} was acknowledged and not polled", name());
            report.add(Anomaly::Unseen, Severity::Allowed, &[write.op], text);
        }
        return;
    };
    let began_in_time = write.op.is_before(all.op) || write.op.outcome == Outcome::Info;
    let is_expired = write.position.is_some_and(|at| at < all.start);
    if all.has(value) || is_expired || !began_in_time {
        return;
    }
    if let Some(read) = seen {
        report.violation(Anomaly::LostWrite, &[write.op, read.op, all.op], || {
            format!("{} was read and is not in the log at the end", name())
        });
    } else if write.position.is_some_and(|at| at < all.last()) {
        report.violation(Anomaly::LostWrite, &[write.op, all.op], || {
            format!("{} was acknowledged and is not in the log, later ones are", name())
        });
    } else {
        report.violation(Anomaly::Unseen, &[write.op, all.op], || {
            format!("{} was acknowledged and is not in the log at the end", name())
        });
    }
}

/// Who read a committed record behind an offset, if somebody did.
fn read_behind<'h>(book: &Book<'h>, write: &Write<'h>, at: i64) -> Option<&'h Op> {
    let key = write.sent.key;
    let next = book.versions.partition_point(|version| (version.key, version.offset) <= (key, at));
    let later = book.versions.get(next..).unwrap_or_default();
    let later = later.iter().take_while(|version| version.key == key);
    let mut reads = later.filter_map(|version| {
        let write = book.write(version.value)?;
        book.committed_reads_of(write).find(|read| read.is_of_committed())
    });
    reads.next().map(|read| read.op)
}

fn torn(book: &Book<'_>, op: &Op, report: &mut Report) {
    let all_read = op.sends().all(|sent| {
        let is_read = book.finals.get(&sent.key).is_some_and(|all| {
            let at = book.write(sent.value).and_then(|write| write.position);
            at.is_none_or(|at| at >= all.start)
        });
        is_read && !book.history.is_compacted(sent.key)
    });
    if !all_read {
        return;
    }
    let is_there = |value: u64, key| book.finals.get(&key).is_some_and(|all| all.has(value));
    let there = op.sends().find(|sent| is_there(sent.value, sent.key));
    let missing = op.sends().find(|sent| !is_there(sent.value, sent.key));
    if let (Some(there), Some(missing)) = (there, missing) {
        report.violation(Anomaly::TornTransaction, &[op], || {
            let name = |key| book.history.key(key);
            let (one, other) = (name(there.key), name(missing.key));
            format!(
                "of one transaction {} is in {one} and {} is not in {other}",
                there.value, missing.value
            )
        });
    }
}
