//! Copies with transactions: anomaly 27.
//!
//! A record of the output names its input. Of what is in the output at the end no two come from
//! one input, each comes from what is in the input, and the group got past exactly those inputs
//! that have a copy: past none without it, and past each whose copy had been decided before the
//! group was asked how far it is. Whoever asks that waits for offsets that are still undecided.

use std::collections::BTreeMap;

use crate::{
    anomaly::Anomaly,
    book::{Book, Write},
    floor::Floor,
    history::{Copied, Function, Isolation, Key, Op},
    report::Report,
    watermarks,
};

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    for copied in &book.history.settings().copies {
        let copies = copies(book, copied, report);
        let passed = passed(book, copied);
        missing(book, &passed, &copies, report);
        ahead(book, &passed, &copies, report);
    }
}

/// A copy of each input that has one.
fn copies<'b, 'h>(
    book: &'b Book<'h>,
    copied: &Copied,
    report: &mut Report,
) -> BTreeMap<u64, &'b Write<'h>> {
    let mut copies: BTreeMap<u64, &Write<'_>> = BTreeMap::new();
    for write in book.writes() {
        let Some(from) = write.sent.from else { continue };
        let key = write.sent.key;
        let is_there = book.finals.get(&key).is_some_and(|all| all.has(write.sent.value));
        if !is_there || book.history.topic(key) != copied.output {
            continue;
        }
        let name = || book.history.key(key);
        if let Some(first) = copies.insert(from, write) {
            report.violation(Anomaly::NotExactlyOnce, &[first.op, write.op], || {
                let values = (first.sent.value, write.sent.value);
                format!("{}: {} and {} are both copies of {from}", name(), values.0, values.1)
            });
        }
        let input = book.write(from);
        let is_input = input
            .is_some_and(|input| book.finals.get(&input.sent.key).is_none_or(|all| all.has(from)));
        if !is_input {
            report.violation(Anomaly::NotExactlyOnce, &[write.op], || {
                format!("{}: {} is a copy of {from}, which is not there", name(), write.sent.value)
            });
        }
    }
    copies
}

/// What the group had committed of each input when it was asked last, and who asked.
fn passed<'h>(book: &Book<'h>, copied: &Copied) -> BTreeMap<Key, (i64, &'h Op)> {
    let mut ends: BTreeMap<Key, (i64, &Op)> = BTreeMap::new();
    for op in book.history.ops().iter().filter(|op| op.function == Function::Committed) {
        let is_its = op.group.is_some_and(|group| book.history.name(group) == copied.group);
        // Others are told of offsets before it is decided whether they count.
        let is_stable = op.isolation == Isolation::ReadCommitted;
        for (key, at) in op.offsets().filter(|_| is_its && is_stable && op.is_ok()) {
            if book.history.topic(key) == copied.input {
                ends.insert(key, (at.unwrap_or(0), op));
            }
        }
    }
    ends
}

/// An input that the group passed has a copy.
fn missing(
    book: &Book<'_>,
    passed: &BTreeMap<Key, (i64, &Op)>,
    copies: &BTreeMap<u64, &Write<'_>>,
    report: &mut Report,
) {
    for (key, (end, op)) in passed {
        let Some(all) = book.finals.get(key) else { continue };
        for (offset, value) in all.records.iter().filter(|(offset, _)| offset < end) {
            let Some(value) = value else { continue };
            if !copies.contains_key(value) {
                report.violation(Anomaly::NotExactlyOnce, &[op, all.op], || {
                    let key = book.history.key(*key);
                    format!("{key} offset {offset}: {value} was passed and is not in the output")
                });
            }
        }
    }
}

/// An input that has a copy was passed by the group.
fn ahead(
    book: &Book<'_>,
    passed: &BTreeMap<Key, (i64, &Op)>,
    copies: &BTreeMap<u64, &Write<'_>>,
    report: &mut Report,
) {
    let mut stable: BTreeMap<Key, Floor<'_>> = BTreeMap::new();
    for op in watermarks::told(book) {
        for log in op.logs() {
            stable.entry(log.key).or_default().add(log.last_stable, op);
        }
    }
    stable.values_mut().for_each(Floor::sort);
    for (from, copy) in copies {
        let Some(input) = book.write(*from) else { continue };
        let (Some(offset), Some(at)) = (input.position, copy.position) else { continue };
        let Some((end, op)) = passed.get(&input.sent.key) else { continue };
        let decided = stable.get(&copy.sent.key).and_then(|stable| stable.known(op));
        if offset >= *end && decided.is_some_and(|(decided, _)| decided > at) {
            report.violation(Anomaly::NotExactlyOnce, &[copy.op, op], || {
                let (name, value) = (book.history.key(input.sent.key), copy.sent.value);
                format!("{name} offset {offset}: {value} is its copy, and the group is at {end}")
            });
        }
    }
}
