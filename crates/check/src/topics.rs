//! What partitions have in them at the end: anomalies 23, 24 and 28.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    anomaly::Anomaly,
    book::{Book, Fate, Final, Write},
    history::{Function, Key, Op, Symbol},
    report::Report,
};

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    gaps(book, report);
    replicas(book, report);
    compacted(book, report);
}

/// Missing offsets where nothing but records takes one.
fn gaps(book: &Book<'_>, report: &mut Report) {
    let transactions = book.writes().iter().filter(|write| write.op.function == Function::Txn);
    let transactional: BTreeSet<Key> = transactions.map(|write| write.sent.key).collect();
    for (key, all) in book.raw_finals.iter().chain(&book.finals) {
        if transactional.contains(key) || book.history.is_compacted(*key) {
            continue;
        }
        let mut expected = all.start;
        let offsets = all.records.iter().map(|(offset, _)| *offset);
        for offset in offsets.chain(all.end) {
            if offset > expected {
                report.violation(Anomaly::OffsetGap, &[all.op], || {
                    let key = book.history.key(*key);
                    format!("{key}: offset {expected} is missing, {offset} is there")
                });
            }
            expected = offset + 1;
        }
    }
}

/// A replica's records by offset.
type Replica<'h> = (&'h Op, BTreeMap<i64, Option<u64>>);

/// Replicas that do not have the same.
fn replicas(book: &Book<'_>, report: &mut Report) {
    let mut logs: BTreeMap<Key, Vec<Replica<'_>>> = BTreeMap::new();
    for op in book.history.ops().iter().filter(|op| op.replica.is_some() && op.is_ok()) {
        let mut records: BTreeMap<Key, BTreeMap<i64, Option<u64>>> = BTreeMap::new();
        for record in op.polled() {
            records.entry(record.key).or_default().insert(record.offset, record.value);
        }
        for (key, records) in records {
            logs.entry(key).or_default().push((op, records));
        }
    }
    for (key, logs) in logs {
        for ((one, records), (other, others)) in logs.iter().zip(logs.iter().skip(1)) {
            let ends = (records.keys().next_back(), others.keys().next_back());
            let (Some(end), Some(other_end)) = ends else { continue };
            let end = end.min(other_end);
            let differs =
                records.range(..=end).zip(others.range(..=end)).find(|(one, other)| one != other);
            if let Some(((offset, value), (_, other_value))) = differs {
                report.violation(Anomaly::ReplicaDivergence, &[one, other], || {
                    let key = book.history.key(key);
                    format!("{key} offset {offset}: {value:?} in one, {other_value:?} in the other")
                });
            }
        }
    }
}

/// The records of one key of a compacted topic.
#[derive(Default)]
struct OfKey<'b, 'h> {
    writes: Vec<&'b Write<'h>>,
}

fn compacted(book: &Book<'_>, report: &mut Report) {
    let mut keys: BTreeMap<(Key, Symbol), OfKey<'_, '_>> = BTreeMap::new();
    for write in book.writes() {
        if let Some(record_key) = write.sent.record_key
            && book.history.is_compacted(write.sent.key)
        {
            keys.entry((write.sent.key, record_key)).or_default().writes.push(write);
        }
    }
    for ((key, record_key), of_key) in keys {
        if let Some(all) = book.finals.get(&key) {
            of_key.check(book, all, record_key, report);
        }
    }
}

impl OfKey<'_, '_> {
    fn check(&self, book: &Book<'_>, all: &Final<'_>, record_key: Symbol, report: &mut Report) {
        let committed = self.writes.iter().filter(|write| write.fate == Fate::Committed);
        let placed = committed.filter_map(|write| Some((write.position?, write)));
        let Some((newest_at, newest)) = placed.max_by_key(|(at, _)| *at) else { return };
        if all.has(newest.sent.value) {
            return;
        }
        let there = self.writes.iter().filter(|write| all.has(write.sent.value));
        let last = there.filter_map(|write| Some((write.position?, write)));
        let last = last.max_by_key(|(at, _)| *at);
        if last.is_some_and(|(at, _)| at > newest_at) {
            return;
        }
        // A tombstone of which nobody knows may have deleted the key, and be gone itself.
        let may_be_deleted =
            self.writes.iter().any(|write| write.fate == Fate::Unknown && write.sent.tombstone);
        let name = || (book.history.key(newest.sent.key), book.history.name(record_key));
        if newest.sent.tombstone {
            if let Some((at, older)) = last {
                report.violation(Anomaly::CompactedRevived, &[newest.op, older.op, all.op], || {
                    let (key, record_key) = name();
                    format!("{key}: {record_key} was deleted at {newest_at} and is back from {at}")
                });
            }
        } else if !may_be_deleted {
            report.violation(Anomaly::CompactedNewest, &[newest.op, all.op], || {
                let (key, record_key) = name();
                format!("{key}: the newest of {record_key}, at {newest_at}, is not there")
            });
        }
    }
}
