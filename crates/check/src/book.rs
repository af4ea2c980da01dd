//! The history by values and partitions: who wrote what, who read it where, what became of it.
//!
//! Invariants: writes are in the order of their values, versions in that of partitions and offsets.
//! The position of a write is where it was read, or else where it was acknowledged: an
//! acknowledgement that reads contradict counts for nothing.

use std::collections::BTreeMap;

use crate::history::{Function, History, Isolation, Key, Op, Outcome, Sent};

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is there for good.
    Committed,
    /// It must never be seen.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// A record that was written or was to be written.
#[derive(Debug)]
pub(crate) struct Write<'h> {
    pub(crate) op: &'h Op,
    pub(crate) sent: &'h Sent,
    pub(crate) fate: Fate,
    /// Where it lies, as far as that is known.
    pub(crate) position: Option<i64>,
    first_read: usize,
    reads: usize,
}

/// A record that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read<'h> {
    pub(crate) value: u64,
    pub(crate) key: Key,
    pub(crate) offset: i64,
    pub(crate) op: &'h Op,
}

impl Read<'_> {
    /// Whether Kafka promises that this read shows only what was committed.
    pub(crate) fn is_of_committed(&self) -> bool {
        self.op.isolation == Isolation::ReadCommitted
    }
}

/// That a value lies at an offset, and who says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version<'h> {
    pub(crate) key: Key,
    pub(crate) offset: i64,
    pub(crate) value: u64,
    pub(crate) op: &'h Op,
}

/// A partition as it was read as a whole, at the end.
#[derive(Debug)]
pub(crate) struct Final<'h> {
    pub(crate) op: &'h Op,
    /// The log start offset.
    pub(crate) start: i64,
    /// The high watermark, where it was told.
    pub(crate) end: Option<i64>,
    /// By offset.
    pub(crate) records: Vec<(i64, Option<u64>)>,
    values: Vec<u64>,
}

impl Final<'_> {
    pub(crate) fn has(&self, value: u64) -> bool {
        self.values.binary_search(&value).is_ok()
    }

    /// The highest offset of a record.
    pub(crate) fn last(&self) -> i64 {
        self.records.last().map_or(-1, |(offset, _)| *offset)
    }
}

/// The books of a history.
#[derive(Debug)]
pub(crate) struct Book<'h> {
    pub(crate) history: &'h History,
    writes: Vec<Write<'h>>,
    /// By value, partition and offset.
    reads: Vec<Read<'h>>,
    pub(crate) versions: Vec<Version<'h>>,
    /// The offsets of what is there for good, by partition.
    visible: BTreeMap<Key, Vec<i64>>,
    /// What was read at the end of what is committed.
    pub(crate) finals: BTreeMap<Key, Final<'h>>,
    /// What was read at the end of everything.
    pub(crate) raw_finals: BTreeMap<Key, Final<'h>>,
}

impl<'h> Book<'h> {
    pub(crate) fn new(history: &'h History) -> Self {
        let mut reads = Vec::new();
        for op in history.ops().iter().filter(|op| op.replica.is_none()) {
            for record in op.polled() {
                let Some(value) = record.value else { continue };
                reads.push(Read { value, key: record.key, offset: record.offset, op });
            }
        }
        reads.sort_unstable_by_key(|read| (read.value, read.key, read.offset, read.op.number));
        let writes = writes(history, &reads);
        let mut book = Self {
            history,
            writes,
            reads,
            versions: Vec::new(),
            visible: BTreeMap::new(),
            finals: finals(history, Isolation::ReadCommitted),
            raw_finals: finals(history, Isolation::ReadUncommitted),
        };
        book.versions = book.find_versions();
        book.visible = book.find_visible();
        book
    }

    /// Every write.
    pub(crate) fn writes(&self) -> &[Write<'h>] {
        &self.writes
    }

    /// Every read, by value, partition and offset.
    pub(crate) fn reads(&self) -> &[Read<'h>] {
        &self.reads
    }

    /// Who wrote a value.
    pub(crate) fn write(&self, value: u64) -> Option<&Write<'h>> {
        let at = self.writes.binary_search_by_key(&value, |write| write.sent.value).ok()?;
        self.writes.get(at)
    }

    /// Who read what was written, in the order of partitions and offsets.
    pub(crate) fn reads_of(&self, write: &Write<'h>) -> &[Read<'h>] {
        self.reads.get(write.first_read..write.first_read + write.reads).unwrap_or_default()
    }

    /// The reads of a write in which Kafka promises that it is committed.
    pub(crate) fn committed_reads_of(&self, write: &Write<'h>) -> impl Iterator<Item = &Read<'h>> {
        let is_plain = write.op.function == Function::Send;
        self.reads_of(write).iter().filter(move |read| is_plain || read.is_of_committed())
    }

    /// The lowest offset above `after` and below `before` of a record that is there for good.
    pub(crate) fn visible_between(&self, key: Key, after: i64, before: i64) -> Option<i64> {
        let offsets = self.visible.get(&key)?;
        let next = offsets.partition_point(|offset| *offset <= after);
        offsets.get(next).copied().filter(|offset| *offset < before)
    }

    fn find_versions(&self) -> Vec<Version<'h>> {
        let mut versions = Vec::with_capacity(self.writes.len());
        for write in &self.writes {
            let (key, value) = (write.sent.key, write.sent.value);
            if let Some(offset) = write.position
                && write.reads == 0
            {
                versions.push(Version { key, offset, value, op: write.op });
            }
        }
        let mut before = None;
        for read in &self.reads {
            let place = (read.value, read.key, read.offset);
            if before != Some(place) {
                let Read { value, key, offset, op } = *read;
                versions.push(Version { key, offset, value, op });
            }
            before = Some(place);
        }
        versions.sort_unstable_by_key(|version| (version.key, version.offset, version.value));
        versions
    }

    fn find_visible(&self) -> BTreeMap<Key, Vec<i64>> {
        let mut visible: BTreeMap<Key, Vec<i64>> = BTreeMap::new();
        for version in &self.versions {
            let write = self.write(version.value);
            let is_there = write.is_some_and(|write| {
                write.fate == Fate::Committed && write.sent.key == version.key
            });
            if is_there {
                visible.entry(version.key).or_default().push(version.offset);
            }
        }
        visible
    }
}

/// The writes with what became of them.
fn writes<'h>(history: &'h History, reads: &[Read<'h>]) -> Vec<Write<'h>> {
    let mut writes: Vec<Write<'h>> = Vec::new();
    for op in history.ops() {
        for sent in op.sends() {
            let fate = Fate::Unknown;
            writes.push(Write { op, sent, fate, position: None, first_read: 0, reads: 0 });
        }
    }
    writes.sort_unstable_by_key(|write| (write.sent.value, write.op.number));
    writes.dedup_by_key(|write| write.sent.value);
    // Operations of which something was seen: what is torn is not unseen.
    let mut seen = vec![false; history.ops().len()];
    let mut at = 0;
    for write in &mut writes {
        let value = write.sent.value;
        let rest = reads.get(at..).unwrap_or_default();
        write.first_read = at + rest.partition_point(|read| read.value < value);
        let rest = reads.get(write.first_read..).unwrap_or_default();
        write.reads = rest.iter().take_while(|read| read.value == value).count();
        at = write.first_read + write.reads;
        let own = rest.get(..write.reads).unwrap_or_default();
        write.position = position(write.sent, own);
        let is_plain = write.op.function == Function::Send;
        let is_seen = own.iter().any(|read| is_plain || read.is_of_committed());
        if is_seen && let Some(seen) = seen.get_mut(write.op.number as usize) {
            *seen = true;
        }
    }
    for write in &mut writes {
        let is_plain = write.op.function == Function::Send;
        let is_seen = if is_plain {
            write.reads > 0 || write.sent.offset.is_some()
        } else {
            seen.get(write.op.number as usize).copied().unwrap_or(false)
        };
        write.fate = match write.op.outcome {
            Outcome::Fail => Fate::Failed,
            Outcome::Ok => Fate::Committed,
            Outcome::Info if is_seen => Fate::Committed,
            Outcome::Info => Fate::Unknown,
        };
    }
    writes
}

/// Where a record lies, as far as that is known.
fn position(sent: &Sent, reads: &[Read<'_>]) -> Option<i64> {
    let of_key = || reads.iter().filter(|read| read.key == sent.key).map(|read| read.offset);
    let acked = sent.offset.filter(|acked| reads.is_empty() || of_key().any(|at| at == *acked));
    acked.or_else(|| of_key().next())
}

fn finals(history: &History, isolation: Isolation) -> BTreeMap<Key, Final<'_>> {
    let mut finals = BTreeMap::new();
    for op in history.ops() {
        let counts = op.function == Function::Read && op.is_ok() && op.replica.is_none();
        if !counts || op.isolation != isolation {
            continue;
        }
        for log in op.logs() {
            let (start, end) = (log.start.unwrap_or(0), log.high_watermark);
            let all = Final { op, start, end, records: Vec::new(), values: Vec::new() };
            finals.insert(log.key, all);
        }
        for record in op.polled() {
            if let Some(all) = finals.get_mut(&record.key) {
                all.records.push((record.offset, record.value));
                all.values.extend(record.value);
            }
        }
    }
    for all in finals.values_mut() {
        all.records.sort_unstable();
        all.values.sort_unstable();
    }
    finals
}
