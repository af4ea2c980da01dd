//! Consumer groups: anomalies 21 and 22.
//!
//! Clients only commit what they got further to, and a member that lost its partitions is
//! refused: so a group's offset only grows. Offsets of a committed transaction may be pending for
//! a moment, which only those see who ask with `read_committed`: they are told to wait.

use std::collections::BTreeMap;

use crate::{
    anomaly::Anomaly,
    book::Book,
    floor::Floor,
    history::{Function, Isolation, Key, Op, Outcome, Symbol},
    report::Report,
};

/// A group's offset in a partition.
type Place = (Symbol, Key);

/// What is known of one of them.
#[derive(Default)]
struct Offsets<'h> {
    /// What everybody must see.
    plain: Floor<'h>,
    /// What those see who wait for transactions.
    stable: Floor<'h>,
    /// What was to be committed, with the best end that this had.
    tried: BTreeMap<i64, bool>,
}

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    let groups = groups(book);
    for op in book.history.ops() {
        let (Function::Committed, true, Some(group)) = (op.function, op.is_ok(), op.group) else {
            continue;
        };
        for (key, now) in op.offsets() {
            let Some(offsets) = groups.get(&(group, key)) else { continue };
            let name = || format!("{} in {}", book.history.name(group), book.history.key(key));
            let floor = match op.isolation {
                Isolation::ReadCommitted => &offsets.stable,
                Isolation::ReadUncommitted => &offsets.plain,
            };
            if let Some((before, by)) = floor.known(op)
                && now.is_none_or(|now| now < before)
            {
                report.violation(Anomaly::GroupOffsetBack, &[by, op], || {
                    let now = now.map_or("gone".to_owned(), |now| now.to_string());
                    format!("{}: the offset is {now}, it was {before}", name())
                });
            }
            let Some(now) = now else { continue };
            if !offsets.tried.get(&now).copied().unwrap_or(false) {
                report.violation(Anomaly::DirtyGroupOffset, &[op], || {
                    let why = match offsets.tried.get(&now) {
                        Some(_) => "whose commit failed",
                        None => "which nobody committed",
                    };
                    format!("{}: the offset is {now}, {why}", name())
                });
            }
            beyond(book, op, (key, now), name, report);
        }
    }
    owners(book, report);
}

/// An offset behind everything there is at the end.
fn beyond(
    book: &Book<'_>,
    op: &Op,
    (key, now): (Key, i64),
    name: impl Fn() -> String,
    report: &mut Report,
) {
    let finals = [book.raw_finals.get(&key), book.finals.get(&key)].into_iter().flatten();
    let ends = finals.filter_map(|all| Some((all.end?, all.op)));
    if let Some((end, by)) = ends.max_by_key(|(end, _)| *end)
        && now > end
    {
        report.violation(Anomaly::DirtyGroupOffset, &[op, by], || {
            format!("{}: the offset is {now}, the log ends at {end}", name())
        });
    }
}

fn groups<'h>(book: &Book<'h>) -> BTreeMap<Place, Offsets<'h>> {
    let mut groups: BTreeMap<Place, Offsets<'h>> = BTreeMap::new();
    for op in book.history.ops() {
        let Some(group) = op.group else { continue };
        let is_txn = op.function == Function::Txn;
        let is_told = op.function == Function::Committed;
        if !is_txn && !is_told && op.function != Function::Commit {
            continue;
        }
        for (key, at) in op.offsets() {
            let Some(at) = at else { continue };
            let offsets = groups.entry((group, key)).or_default();
            if op.is_ok() {
                offsets.stable.add(at, op);
                if !is_txn {
                    offsets.plain.add(at, op);
                }
            }
            if !is_told {
                *offsets.tried.entry(at).or_default() |= op.outcome != Outcome::Fail;
            }
        }
    }
    for offsets in groups.values_mut() {
        offsets.plain.sort();
        offsets.stable.sort();
    }
    groups
}

fn owners(book: &Book<'_>, report: &mut Report) {
    let mut owners: BTreeMap<(Place, i32), &Op> = BTreeMap::new();
    for op in book.history.ops().iter().filter(|op| op.function == Function::Rebalance) {
        let (Some(group), Some(generation)) = (op.group, op.generation) else { continue };
        for key in op.keys() {
            let first = owners.entry(((group, key), generation)).or_insert(op);
            if first.name.process != op.name.process {
                report.violation(Anomaly::TwoOwners, &[first, op], || {
                    let (group, key) = (book.history.name(group), book.history.key(key));
                    format!("{group}: two members own {key} in generation {generation}")
                });
            }
        }
    }
}
