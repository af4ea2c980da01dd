//! Copies with transactions: anomaly 27.
//!
//! A record of the output names its input. Of what is in the output at the end no two come from
//! one input, each comes from what is in the input, and the group got past no input without it.

use std::collections::BTreeMap;

use crate::{
    anomaly::Anomaly,
    book::{Book, Write},
    history::{Copied, Function, Key, Op},
    report::Report,
};

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    for copied in &book.history.settings().copies {
        let copies = copies(book, copied, report);
        missing(book, copied, &copies, report);
    }
}

/// The first copy of each input.
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

fn missing(
    book: &Book<'_>,
    copied: &Copied,
    copies: &BTreeMap<u64, &Write<'_>>,
    report: &mut Report,
) {
    // What the group had committed when it was asked last.
    let mut ends: BTreeMap<Key, (i64, &Op)> = BTreeMap::new();
    for op in book.history.ops().iter().filter(|op| op.function == Function::Committed) {
        let is_its = op.group.is_some_and(|group| book.history.name(group) == copied.group);
        for (key, at) in op.offsets().filter(|_| is_its && op.is_ok()) {
            if let Some(at) = at {
                ends.insert(key, (at, op));
            }
        }
    }
    for (key, (end, op)) in ends {
        if book.history.topic(key) != copied.input {
            continue;
        }
        let Some(all) = book.finals.get(&key) else { continue };
        for (offset, value) in all.records.iter().filter(|(offset, _)| *offset < end) {
            let Some(value) = value else { continue };
            if !copies.contains_key(value) {
                report.violation(Anomaly::NotExactlyOnce, &[op, all.op], || {
                    let key = book.history.key(key);
                    format!("{key} offset {offset}: {value} was passed and is not in the output")
                });
            }
        }
    }
}
