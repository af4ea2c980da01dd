//! Random histories, cleaned, against plain maps.

use std::collections::{BTreeMap, BTreeSet};

use ottla_record::Compression;
use proptest::prelude::*;

use super::{
    compaction::{OPTIONS, Unpaced, compacted, keyed},
    *,
};
use crate::{AppendOrigin, Cleaner, CleanerOptions, TxnMarker};

const KEYS: u8 = 8;
/// Producers from here on use transactions.
const TRANSACTIONAL: i64 = 4;

#[derive(Clone, Debug)]
enum Operation {
    /// Who appends; which keys, each with a value or as a tombstone; in which codec.
    Append(i64, Vec<(u8, bool)>, u8),
    EndTxn(i64, bool),
    NewEpoch(i64),
    Roll,
    Wait(i64),
    /// With so many slots for keys.
    Clean(usize),
    DeleteRecords(u8),
    Retain,
    Restart,
    Crash,
}

fn operation() -> impl Strategy<Value = Operation> {
    let records = prop::collection::vec((0..KEYS, prop::bool::weighted(0.75)), 1..5);
    prop_oneof![
        20 => (0..TRANSACTIONAL + 3, records, 0..5_u8)
            .prop_map(|(producer, records, codec)| Operation::Append(producer, records, codec)),
        5 => (TRANSACTIONAL..TRANSACTIONAL + 3, any::<bool>())
            .prop_map(|(producer, committed)| Operation::EndTxn(producer, committed)),
        1 => (1..TRANSACTIONAL).prop_map(Operation::NewEpoch),
        3 => Just(Operation::Roll),
        3 => (0..2000_i64).prop_map(Operation::Wait),
        6 => prop_oneof![Just(1 << 16), 16..40_usize].prop_map(Operation::Clean),
        1 => any::<u8>().prop_map(Operation::DeleteRecords),
        1 => Just(Operation::Retain),
        1 => Just(Operation::Restart),
        1 => Just(Operation::Crash),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Committed,
    Aborted,
}

/// A record as it was appended.
#[derive(Clone, Debug)]
struct Known {
    producer: i64,
    key: String,
    value: Option<String>,
    state: State,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    records: BTreeMap<i64, Known>,
    /// Every batch as it was appended, by base offset.
    batches: BTreeMap<i64, BatchHeader>,
    /// Epoch and next sequence number.
    producers: BTreeMap<i64, (i16, i32)>,
    in_txn: BTreeSet<i64>,
    now_ms: i64,
    cleaned_to: Option<Offset>,
    start: i64,
}

impl Model {
    pub(super) fn new() -> Self {
        Self { now_ms: NOW, ..Self::default() }
    }

    pub(super) fn append(
        &mut self,
        log: &mut Log,
        producer: i64,
        records: &[(u8, bool)],
        codec: u8,
    ) {
        let compression = Compression::from_id(codec).unwrap();
        let mut options = BuilderOptions { compression, ..BuilderOptions::default() };
        if producer > 0 {
            let (epoch, sequence) = self.producers.entry(producer).or_default();
            options.producer_id = ProducerId(producer);
            options.producer_epoch = *epoch;
            options.base_sequence = *sequence;
            options.transactional = producer >= TRANSACTIONAL;
            *sequence += i32::try_from(records.len()).unwrap();
        }
        let end = log.log_end_offset().0;
        let texts: Vec<(String, Option<String>)> = (end..)
            .zip(records)
            .map(|(offset, (key, has_value))| {
                (format!("k{key}"), has_value.then(|| format!("v{offset}")))
            })
            .collect();
        let all: Vec<(&str, Option<&str>)> =
            texts.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        let mut batch = keyed(options.clone(), &all);
        log.append_as_leader(&mut batch, EPOCH, self.now_ms).unwrap();
        self.batches.insert(end, BatchHeader::parse(&batch).unwrap());
        if options.transactional {
            self.in_txn.insert(producer);
        }
        let state = if options.transactional { State::Open } else { State::Committed };
        for (offset, (key, value)) in (end..).zip(texts) {
            self.records.insert(offset, Known { producer, key, value, state });
        }
    }

    pub(super) fn end_txn(&mut self, log: &mut Log, producer: i64, committed: bool) {
        if !self.in_txn.remove(&producer) {
            return;
        }
        let mut batch = transactions::marker(producer, committed, 0);
        let end = log.log_end_offset().0;
        log.append_from(AppendOrigin::COORDINATOR, &mut batch, EPOCH, self.now_ms).unwrap();
        self.batches.insert(end, BatchHeader::parse(&batch).unwrap());
        let state = if committed { State::Committed } else { State::Aborted };
        for known in self.records.values_mut() {
            if known.producer == producer && known.state == State::Open {
                known.state = state;
            }
        }
    }

    /// What a reader of committed records knows in the end: the newest value of each key.
    fn view(&self) -> BTreeMap<String, (i64, String)> {
        let committed = self.records.range(self.start..).filter(|r| r.1.state == State::Committed);
        let mut view = BTreeMap::new();
        for (offset, known) in committed {
            match &known.value {
                Some(value) => view.insert(known.key.clone(), (*offset, value.clone())),
                None => view.remove(&known.key),
            };
        }
        view
    }

    fn clean(&mut self, bench: &mut Bench, slots: usize) {
        let end = bench.log.log_end_offset();
        bench.log.advance_high_watermark(end);
        let cleanable = bench.log.cleanable(self.cleaned_to, end, self.now_ms).unwrap();
        if cleanable.cleanable_bytes == 0 {
            return;
        }
        let producers = producers(&bench.log);
        let options = CleanerOptions { dedupe_bytes: slots * 12, ..OPTIONS };
        let alone = compaction::Alone(std::cell::RefCell::new(&mut bench.log));
        let mut cleaner = Cleaner::new(options);
        let cleaned = cleaner.clean(&alone, &cleanable, &mut Unpaced, self.now_ms).unwrap();
        assert!(cleaned.end_offset > cleanable.first_dirty_offset);
        assert!(cleaned.end_offset <= cleanable.first_uncleanable_offset);
        self.cleaned_to = Some(cleaned.end_offset);
        assert_eq!(bench.log.log_end_offset(), end);
        assert_eq!(self::producers(&bench.log), producers);
        self.check_clean(bench, cleaned.end_offset.0);
        assert_eq!(bench.files(".cleaned"), [""; 0]);
        assert_eq!(bench.files(".swap"), [""; 0]);
    }

    /// Before `end` no key is there twice, and nothing aborted.
    fn check_clean(&self, bench: &Bench, end: i64) {
        let mut keys = BTreeSet::new();
        for (offset, key, _) in compaction::all_records(&bench.bytes()) {
            if offset >= end || offset < self.start {
                continue;
            }
            assert!(keys.insert(key.clone()), "{key} is there twice, again at {offset}");
            assert_ne!(self.records[&offset].state, State::Aborted, "{offset}");
        }
    }

    /// What holds at any time.
    pub(super) fn check(&self, log: &Log) {
        let reader = log.reader();
        let bytes = read_all(&reader, Offset(self.start));
        let mut last = -1;
        for header in headers(&bytes) {
            assert!(header.base_offset.0 > last);
            last = header.last_offset().0;
            let known = self.batches[&header.base_offset.0];
            let fields = |header: &BatchHeader| {
                let h = *header;
                let who = (h.producer_id, h.producer_epoch, h.base_sequence);
                let kind = (h.attributes.is_control(), h.attributes.is_transactional());
                (h.last_offset(), h.leader_epoch, who, kind)
            };
            assert_eq!(fields(&header), fields(&known));
        }
        for (offset, key, value) in compaction::all_records(&bytes) {
            let known = &self.records[&offset];
            assert_eq!((&known.key, &known.value), (&key, &value), "at {offset}");
        }
        assert_eq!(visible(&reader, &bytes, self.start), self.view());
        check_offsets(&reader, self.start);
    }
}

/// Whatever offset a reader asks for, it gets the first batch that ends there or later.
fn check_offsets(reader: &LogReader, start: i64) {
    let all = headers(&read_all(reader, Offset(start)));
    for offset in start..reader.log_end_offset().0 {
        let range = reader.read(Offset(offset), 1, reader.log_end_offset(), true).unwrap();
        let expected = all.iter().find(|header| header.last_offset().0 >= offset);
        let found = headers(&range.read().unwrap()).first().copied();
        assert_eq!(found.map(|h| h.base_offset), expected.map(|h| h.base_offset), "{offset}");
    }
}

/// Reads as a consumer with `read_committed` does.
fn visible(reader: &LogReader, bytes: &[u8], start: i64) -> BTreeMap<String, (i64, String)> {
    let end = reader.log_end_offset();
    let mut aborted = reader.aborted_transactions(Offset(start), end).unwrap();
    aborted.sort_by_key(|txn| std::cmp::Reverse(txn.first_offset));
    let mut skipped = BTreeSet::new();
    let mut view = BTreeMap::new();
    let mut undecided: BTreeMap<i64, Vec<(i64, String, Option<String>)>> = BTreeMap::new();
    let mut visible: BTreeMap<i64, (String, Option<String>)> = BTreeMap::new();
    for batch in Batches::new(bytes) {
        let (header, batch) = batch.unwrap();
        while let Some(txn) = aborted.last().filter(|txn| txn.first_offset <= header.last_offset())
        {
            skipped.insert(txn.producer_id.0);
            aborted.pop();
        }
        let producer = header.producer_id.0;
        if header.attributes.is_control() {
            let marker = TxnMarker::read(&header, ottla_record::body(batch));
            if marker.is_some_and(|marker| !marker.committed) {
                skipped.remove(&producer);
            }
            let decided = undecided.remove(&producer).unwrap_or_default();
            if marker.is_some_and(|marker| marker.committed) {
                let decided = decided.into_iter();
                visible.extend(decided.map(|(offset, key, value)| (offset, (key, value))));
            }
            continue;
        }
        let records = compaction::all_records(batch).into_iter().filter(|r| r.0 >= start);
        if header.attributes.is_transactional() {
            if !skipped.contains(&producer) {
                undecided.entry(producer).or_default().extend(records);
            }
        } else {
            visible.extend(records.map(|(offset, key, value)| (offset, (key, value))));
        }
    }
    for (offset, (key, value)) in visible {
        match value {
            Some(value) => view.insert(key, (offset, value)),
            None => view.remove(&key),
        };
    }
    view
}

pub(super) type Producers = Vec<(i64, Producer)>;

pub(super) fn producers(log: &Log) -> Producers {
    log.producers().map(|(id, producer)| (id.0, producer.clone())).collect()
}

/// What a snapshot keeps of producers, and so a restart.
pub(super) fn lasting(producers: &Producers) -> Vec<(i64, i16, Option<i32>, Option<Offset>)> {
    let last = |(id, producer): &(i64, Producer)| {
        let sequence = producer.batches().next_back().map(|batch| batch.last_sequence);
        (*id, producer.producer_epoch, sequence, producer.current_txn_first_offset)
    };
    producers.iter().map(last).collect()
}

fn step(mut bench: Bench, model: &mut Model, operation: Operation) -> Bench {
    match operation {
        Operation::Append(producer, records, codec) => {
            model.append(&mut bench.log, producer, &records, codec);
        }
        Operation::EndTxn(producer, committed) => {
            model.end_txn(&mut bench.log, producer, committed);
        }
        Operation::NewEpoch(producer) => {
            let (epoch, sequence) = model.producers.entry(producer).or_default();
            *epoch += 1;
            *sequence = 0;
        }
        Operation::Roll => bench.log.roll(model.now_ms).unwrap(),
        Operation::Wait(ms) => model.now_ms += ms,
        Operation::Clean(slots) => model.clean(&mut bench, slots),
        Operation::DeleteRecords(at) => {
            // Not into a transaction, whose end a reader from there would not understand.
            let stable = bench.log.last_stable_offset(bench.log.log_end_offset()).0;
            let to = model.start + (stable - model.start).max(0) * i64::from(at) / 255;
            let inside = model
                .records
                .range(to..)
                .next()
                .is_some_and(|(_, known)| known.producer >= TRANSACTIONAL);
            if !inside {
                model.start = to;
                bench.log.delete_records_before(Offset(to)).unwrap();
            }
        }
        Operation::Retain => {
            let end = bench.log.log_end_offset();
            bench.log.apply_retention(model.now_ms, end).unwrap();
        }
        Operation::Restart | Operation::Crash => {
            let before = lasting(&producers(&bench.log));
            let is_crash = matches!(operation, Operation::Crash);
            bench = if is_crash { bench.crash() } else { bench.restart() };
            assert_eq!(lasting(&producers(&bench.log)), before);
        }
    }
    bench
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_cleaned_log_says_the_same_in_fewer_records(
        operations in prop::collection::vec(operation(), 1..120),
    ) {
        let mut bench = Bench::new(LogConfig { segment_bytes: 600, ..compacted() });
        let mut model = Model::new();
        for operation in operations {
            let is_looked_at = !matches!(
                operation,
                Operation::Append(..) | Operation::EndTxn(..) | Operation::Wait(..)
            );
            bench = step(bench, &mut model, operation);
            if is_looked_at {
                model.check(&bench.log);
            }
        }
        bench.log.roll(model.now_ms).unwrap();
        model.clean(&mut bench, 1 << 16);
        model.check(&bench.log);
        let bench = bench.crash();
        model.check(&bench.log);
    }
}
