//! Indexes that are wrong when a log is opened, and readers that read it in any order and pieces.
//!
//! `OTTLA_INDEX_CASES=20000 cargo test -p ottla-log wrong_indexes` tries more, from
//! `OTTLA_INDEX_FROM` on; `OTTLA_INDEX_CASE=…` repeats one.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    compaction::{at, clean, clean_from, compacted, keyed, put, stored},
    transactions::{in_transaction, mark, marker, transactional},
    *,
};
use crate::{AbortedTxn, FileRange, ReadError, TxnMarker, tests::asked, tests::random::Random};

/// What a client asks for: the aborted transactions of what it read, as the owner of a log answers.
fn aborted_in(bench: &mut Bench, start: i64, range: &FileRange) -> Vec<AbortedTxn> {
    for _ in 0..100 {
        match bench.log.reader().aborted_in_range(Offset(start), range) {
            Err(ReadError::WronglyIndexed { one, other, seen, .. }) => {
                bench.log.mend_txn_indexes(one, other, seen).unwrap();
            }
            aborted => return aborted.unwrap(),
        }
    }
    panic!("mended again and again");
}

/// Offsets of the data that a client sees which reads so many bytes, and where it reads on.
fn read(bench: &mut Bench, start: i64, bytes: usize) -> (BTreeSet<i64>, i64) {
    let stable = bench.log.last_stable_offset(bench.log.log_end_offset());
    let range = bench.log.reader().read(Offset(start), bytes, stable, true).unwrap();
    let mut aborted = aborted_in(bench, start, &range);
    aborted.sort_by_key(|txn| std::cmp::Reverse(txn.first_offset));
    let (mut seen, mut skipped, mut next) = (BTreeSet::new(), BTreeSet::new(), stable.0);
    let content = range.read().unwrap();
    for (header, batch) in Batches::new(&content).map_while(Result::ok) {
        while let Some(txn) = aborted.pop_if(|txn| txn.first_offset <= header.last_offset()) {
            skipped.insert(txn.producer_id);
        }
        next = header.next_offset().0;
        if let Some(marker) = TxnMarker::read(&header, ottla_record::body(batch)) {
            if !marker.committed {
                skipped.remove(&header.producer_id);
            }
        } else if header.record_count > 0
            && !(header.attributes.is_transactional() && skipped.contains(&header.producer_id))
        {
            seen.extend((start.max(header.base_offset.0))..next);
        }
    }
    (seen, next)
}

/// The data of a log: where it lies, and whether it was committed.
#[derive(Clone, Debug, Default)]
struct Truth {
    batches: Vec<(BatchHeader, Option<TxnMarker>)>,
}

impl Truth {
    fn take_in(&mut self, base_offset: Offset, batch: &[u8]) {
        let mut header = BatchHeader::parse(batch).unwrap();
        header.base_offset = base_offset;
        self.batches.push((header, TxnMarker::read(&header, ottla_record::body(batch))));
    }

    fn seen(&self, from: i64, to: i64) -> BTreeSet<i64> {
        let (mut seen, mut next) = (BTreeSet::new(), BTreeMap::new());
        for (header, marker) in self.batches.iter().rev() {
            if let Some(marker) = marker {
                next.insert(header.producer_id, marker.committed);
            } else if !header.attributes.is_transactional()
                || next.get(&header.producer_id) != Some(&false)
            {
                let offsets = header.base_offset.0..header.next_offset().0;
                seen.extend(offsets.filter(|it| (from..to).contains(it)));
            }
        }
        seen
    }

    fn truncate(&mut self, to: Offset) {
        self.batches.retain(|(header, _)| header.base_offset < to);
    }
}

/// A log and what was written to it.
struct World {
    bench: Bench,
    truth: Truth,
    sequences: BTreeMap<i64, i32>,
    producers: usize,
    /// No key is there twice then, so that only what was aborted goes.
    is_compacted: bool,
    context: String,
}

impl World {
    fn data(&self, options: BuilderOptions, count: usize) -> Vec<u8> {
        let end = self.bench.log.log_end_offset().0;
        let keys: Vec<String> = (end..).take(count).map(|offset| format!("k{offset}")).collect();
        let records: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("v"))).collect();
        keyed(options, &records)
    }

    fn append(&mut self, random: &mut Random) {
        let producer = 1 + i64::try_from(random.below(self.producers)).unwrap();
        let batch = match random.below(10) {
            0 => self.data(BuilderOptions::default(), 1 + random.below(3)),
            1..=5 => {
                let count = 1 + random.below(3);
                let sequence = *self.sequences.entry(producer).or_default();
                *self.sequences.entry(producer).or_default() += i32::try_from(count).unwrap();
                self.data(in_transaction(producer, sequence), count)
            }
            _ => marker(producer, random.below(3) == 0, 0),
        };
        let mut written = batch.clone();
        let origin = crate::AppendOrigin::COORDINATOR;
        let appended = self.bench.log.append_from(origin, &mut written, EPOCH, NOW).unwrap();
        self.truth.take_in(appended.base_offset, &batch);
    }

    /// Stops, changes a file, and starts.
    fn damage(&mut self, random: &mut Random) -> String {
        self.bench.log.close(NOW).unwrap();
        let kind = if random.below(6) == 0 { ".index" } else { ".txnindex" };
        let names = self.bench.files(kind);
        if names.is_empty() {
            return "nothing".to_owned();
        }
        let name = &names[random.below(names.len())];
        let path = self.bench.path().join(name);
        let mut content = std::fs::read(&path).unwrap();
        let what = match random.below(5) {
            0 if kind == ".txnindex" => {
                std::fs::remove_file(&path).unwrap();
                return format!("{name} removed");
            }
            1 => {
                content.truncate(random.below(content.len() + 1));
                "cut"
            }
            2 if !content.is_empty() => {
                let at = random.below(content.len());
                content[at] ^= 1 << random.below(8);
                "flipped"
            }
            _ if kind == ".txnindex" && content.len() >= 34 => {
                let at = random.below(content.len() / 34) * 34 + 2 + 8 * random.below(4);
                let old = i64::from_be_bytes(*content[at..].first_chunk().unwrap());
                let by = i64::try_from(random.below(13)).unwrap() - 6;
                content[at..at + 8].copy_from_slice(&(old + by).max(0).to_be_bytes());
                "shifted"
            }
            _ => "unchanged",
        };
        std::fs::write(&path, content).unwrap();
        format!("{name} {what}")
    }

    fn reopen(&mut self, random: &mut Random) {
        let (end, start) = (self.bench.log.log_end_offset(), self.bench.log.log_start_offset());
        let point = self.bench.log.recovery_point();
        let clean = random.below(3) > 0;
        self.bench.log = open(self.bench.temp.path(), &self.bench.config, |options| {
            options.clean_shutdown = clean;
            options.recovery_point = if clean { end } else { point };
            options.log_start_offset = start;
        })
        .unwrap();
    }

    /// `false` if the log is of no use any more.
    fn step(&mut self, random: &mut Random) -> bool {
        let log = &mut self.bench.log;
        let (start, end) = (log.log_start_offset().0, log.log_end_offset().0);
        let stable = log.last_stable_offset(Offset(end)).0;
        let pick = |random: &mut Random, from: i64, to: i64| {
            from + i64::try_from(random.below(usize::try_from(to - from).unwrap() + 1)).unwrap()
        };
        match random.below(40) {
            0 => log.roll(NOW).unwrap(),
            1 => drop(log.delete_records_before(Offset(pick(random, start, stable))).unwrap()),
            2 => drop(log.apply_retention(NOW, Offset(end)).unwrap()),
            3 if self.is_compacted => {
                let end = Offset(end);
                log.advance_high_watermark(end);
                if log.cleanable(None, end, NOW).unwrap().cleanable_bytes > 0 {
                    clean_from(log, None, NOW).unwrap();
                }
            }
            3 => {
                let to = Offset(pick(random, start.max(end - 20), end));
                if log.truncate_to(to, NOW).is_err() {
                    // A damaged offset index is not made anew for that.
                    return false;
                }
                let end = log.log_end_offset();
                self.truth.truncate(end);
                self.sequences.clear();
            }
            4..15 => self.append(random),
            _ if start < stable => {
                let from = pick(random, start, stable - 1);
                let bytes = [1, 100, 300, 1000, 1 << 20][random.below(5)];
                let (seen, next) = read(&mut self.bench, from, bytes);
                assert_eq!(seen, self.truth.seen(from, next), "{} {from} to {next}", self.context);
            }
            _ => {}
        }
        true
    }
}

fn case(seed: u64, is_compacted: bool) {
    let mut random = Random::new(seed);
    let config = LogConfig {
        segment_bytes: [300, 1000, 5000, 1 << 20][random.below(4)],
        index_interval_bytes: [1, 100, 4096][random.below(3)],
        ..if is_compacted { compacted() } else { LogConfig::default() }
    };
    let producers = 1 + random.below(5);
    let (truth, sequences) = Default::default();
    let context = format!("case {seed} (compacted: {is_compacted}):");
    let mut world =
        World { bench: Bench::new(config), truth, sequences, producers, is_compacted, context };
    for _ in 0..10 + random.below(200) {
        world.append(&mut random);
    }
    for _ in 0..2 {
        let what = world.damage(&mut random);
        world.context = format!("{} {what};", world.context);
        world.reopen(&mut random);
        if !(0..60).all(|_| world.step(&mut random)) {
            return;
        }
    }
}

fn cases(fixed: &[u64], is_compacted: bool) {
    if let Some(seed) = asked::number("OTTLA_INDEX_CASE") {
        return case(seed, is_compacted);
    }
    let from = asked::number("OTTLA_INDEX_FROM").unwrap_or(0);
    let count = asked::number("OTTLA_INDEX_CASES").unwrap_or(50);
    for seed in fixed.iter().copied().chain(from..from + count) {
        case(seed, is_compacted);
    }
}

#[test]
fn whatever_is_read_in_whatever_order_says_what_the_markers_say() {
    cases(&[101, 123, 135, 145, 2997], false);
}

#[test]
fn whatever_is_read_of_a_compacted_log_says_what_the_markers_said() {
    cases(&[], true);
}

/// Restarts a log with a byte of its first index changed.
fn with_byte(mut bench: Bench, at: usize, byte: u8) -> Bench {
    bench.log.close(NOW).unwrap();
    let path = bench.path().join("00000000000000000000.txnindex");
    let mut content = std::fs::read(&path).unwrap();
    content[at] = byte;
    std::fs::write(&path, content).unwrap();
    bench.restart()
}

const LAST_OFFSET: usize = 25;
const LAST_STABLE_OFFSET: usize = 33;

#[test]
fn a_range_that_was_in_order_is_in_order_in_parts() {
    let mut bench = Bench::new(LogConfig { index_interval_bytes: 1, ..LogConfig::default() });
    bench.append(transactional(9, 0, 1)); // 0
    bench.append(transactional(1, 0, 1)); // 1
    mark(&mut bench, 1, false); // 2
    mark(&mut bench, 9, false); // 3
    bench.append(plain(1)); // 4
    // A reader of the first batch looks no further than this entry.
    let mut bench = with_byte(bench, LAST_STABLE_OFFSET, 3);
    assert_eq!(read(&mut bench, 0, 1 << 20).0, BTreeSet::from([4]));
    assert_eq!(read(&mut bench, 0, 1), (BTreeSet::new(), 1));
}

#[test]
fn a_marker_that_is_elsewhere_hides_nothing_of_who_begins_to_read_before_it() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    bench.append(transactional(1, 1, 1)); // 2
    mark(&mut bench, 1, true); // 3
    bench.append(plain(1)); // 4
    let mut bench = with_byte(bench, LAST_OFFSET, 2);
    assert_eq!(read(&mut bench, 0, 1 << 20).0, BTreeSet::from([2, 4]));
    assert_eq!(read(&mut bench, 2, 1 << 20).0, BTreeSet::from([2, 4]));
}

#[test]
fn an_entry_that_cannot_be_one_does_not_hide_what_is_added_behind_it() {
    let last_stable_offsets = [0, 3, 4, 200].map(|offset| (LAST_STABLE_OFFSET, offset));
    for (at, byte) in [(0, 1), (17, 9), (LAST_OFFSET, 200)].into_iter().chain(last_stable_offsets) {
        let mut bench = Bench::new(LogConfig::default());
        bench.append(transactional(1, 0, 1)); // 0
        mark(&mut bench, 1, false); // 1
        bench.append(plain(1)); // 2
        let mut bench = with_byte(bench, at, byte);
        bench.append(transactional(2, 0, 1)); // 3
        mark(&mut bench, 2, false); // 4
        bench.append(plain(1)); // 5
        assert_eq!(read(&mut bench, 3, 1 << 20).0, BTreeSet::from([5]), "{byte} at {at}");
        assert_eq!(read(&mut bench, 0, 1 << 20).0, BTreeSet::from([2, 5]), "{byte} at {at}");
    }
}

#[test]
fn an_index_of_a_follower_of_kafka_is_not_made_anew() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    bench.append(plain(1)); // 2
    bench.append(transactional(2, 0, 1)); // 3
    mark(&mut bench, 2, false); // 4
    // It got all that in one piece, with the second transaction open already.
    let mut bench = with_byte(bench, LAST_STABLE_OFFSET, 3);
    let path = bench.path().join("00000000000000000000.txnindex");
    let before = std::fs::read(&path).unwrap();
    assert_eq!(read(&mut bench, 0, 1 << 20).0, BTreeSet::from([2]));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn an_entry_cannot_name_a_marker_that_was_still_to_be_written() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    bench.append(plain(1)); // 2
    let mut bench = with_byte(bench, LAST_OFFSET, 5);
    bench.append(transactional(1, 1, 1)); // 3
    mark(&mut bench, 1, true); // 4
    bench.append(plain(2)); // 5, 6
    bench.append(transactional(1, 2, 1)); // 7
    mark(&mut bench, 1, true); // 8
    assert_eq!(read(&mut bench, 3, 1 << 20).0, BTreeSet::from([3, 5, 6, 7]));
}

#[test]
fn who_begins_within_a_batch_compares_all_of_it() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    bench.append(plain(4)); // 2 to 5
    bench.append(transactional(1, 1, 1)); // 6
    mark(&mut bench, 1, true); // 7
    bench.append(plain(1)); // 8
    let mut bench = with_byte(bench, LAST_OFFSET, 3);
    assert_eq!(read(&mut bench, 4, 1 << 20).0, BTreeSet::from([4, 5, 6, 8]));
    assert_eq!(read(&mut bench, 2, 1 << 20).0, BTreeSet::from([2, 3, 4, 5, 6, 8]));
}

#[test]
fn a_marker_is_not_among_what_no_transaction_has_written() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    bench.append(plain(1)); // 2
    bench.append(plain(1)); // 3
    bench.append(transactional(1, 1, 1)); // 4
    mark(&mut bench, 1, true); // 5
    bench.append(plain(1)); // 6
    let mut bench = with_byte(bench, LAST_OFFSET, 3);
    assert_eq!(read(&mut bench, 2, 2 * plain(1).len()).0, BTreeSet::from([2, 3]));
    assert_eq!(read(&mut bench, 4, 1 << 20).0, BTreeSet::from([4, 6]));
    assert_eq!(read(&mut bench, 2, 1 << 20).0, BTreeSet::from([2, 3, 4, 6]));
}

/// Changes the bytes of a file of a log that was closed.
fn change(bench: &Bench, name: &str, f: impl FnOnce(&mut Vec<u8>)) {
    let path = bench.path().join(name);
    let mut content = std::fs::read(&path).unwrap();
    f(&mut content);
    std::fs::write(&path, content).unwrap();
}

/// How often an index had to be made anew before the aborted transactions were known of what is
/// read at an offset, up to another.
fn mends(bench: &mut Bench, start: i64, end: i64) -> usize {
    let range = bench.log.reader().read(Offset(start), 1 << 20, Offset(end), true).unwrap();
    let mut mends = 0;
    while let Err(error) = bench.log.reader().aborted_in_range(Offset(start), &range) {
        let ReadError::WronglyIndexed { one, other, seen, .. } = error else { panic!("{error}") };
        bench.log.mend_txn_indexes(one, other, seen).unwrap();
        mends += 1;
    }
    mends
}

#[test]
fn an_index_that_does_not_matter_to_a_reader_is_left_alone() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(plain(1)); // 0
    bench.append(transactional(2, 0, 1)); // 1
    mark(&mut bench, 2, true); // 2
    bench.append(transactional(1, 0, 1)); // 3
    bench.log.roll(NOW).unwrap();
    for n in 1..50 {
        mark(&mut bench, 1, false); // 2n + 2
        bench.append(transactional(1, n, 1)); // 2n + 3
        bench.log.roll(NOW).unwrap();
    }
    mark(&mut bench, 1, true);
    bench.log.close(NOW).unwrap();
    for name in bench.files(".txnindex") {
        change(&bench, &name, |content| content.truncate(content.len() - 1));
    }
    let mut bench = bench.restart();
    assert_eq!(mends(&mut bench, 0, 3), 0);
    assert_eq!(mends(&mut bench, 0, 4), 1);
    assert_eq!(mends(&mut bench, 0, 4), 0);
}

#[test]
fn only_the_index_that_is_wrong_is_made_anew() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, true); // 1
    bench.log.roll(NOW).unwrap();
    bench.append(plain(1)); // 2
    bench.append(plain(1)); // 3
    bench.log.roll(NOW).unwrap();
    bench.append(plain(4)); // 4 to 7
    bench.append(transactional(1, 1, 1)); // 8
    mark(&mut bench, 1, false); // 9
    bench.append(plain(1)); // 10
    bench.log.close(NOW).unwrap();
    change(&bench, "00000000000000000004.txnindex", |content| content[17] = 0);
    // Nobody reads this.
    change(&bench, "00000000000000000002.log", |content| content[65] ^= 1);
    let mut bench = bench.restart();
    assert_eq!(mends(&mut bench, 0, 2), 1);
}

#[test]
fn what_follows_an_ended_segment_does_not_keep_its_index_from_being_made() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    bench.append(plain(1)); // 2
    bench.log.roll(NOW).unwrap();
    bench.append(plain(1)); // 3
    bench.log.close(NOW).unwrap();
    change(&bench, "00000000000000000000.log", |content| content.extend([0; 4096]));
    std::fs::remove_file(bench.path().join("00000000000000000000.txnindex")).unwrap();
    let mut bench = bench.restart();
    assert_eq!(read(&mut bench, 0, 1 << 20).0, BTreeSet::from([2]));
}

#[test]
fn last_stable_offsets_that_go_back_are_those_of_a_follower_of_kafka() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    bench.append(transactional(1, 1, 1)); // 2
    bench.append(transactional(2, 0, 1)); // 3
    mark(&mut bench, 2, false); // 4
    mark(&mut bench, 1, true); // 5
    bench.append(plain(1)); // 6
    bench.log.close(NOW).unwrap();
    let name = "00000000000000000000.txnindex";
    // It got all that in one piece, and Kafka leaves out all transactions of the same producer.
    change(&bench, name, |content| {
        (content[LAST_STABLE_OFFSET], content[34 + LAST_STABLE_OFFSET]) = (3, 2);
    });
    let before = std::fs::read(bench.path().join(name)).unwrap();
    assert_eq!(crate::inspect::inspect_partition(&bench.path()).unwrap().findings, []);
    let mut bench = bench.restart();
    assert_eq!(read(&mut bench, 0, 1 << 20).0, BTreeSet::from([2, 6]));
    assert_eq!(std::fs::read(bench.path().join(name)).unwrap(), before);
}

#[test]
fn an_index_that_cannot_be_mended_is_named() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    let error = bench.log.mend_txn_indexes(Offset(1), Offset(1), 0).unwrap_err();
    let ReadError::Damaged { path, .. } = error else { panic!("{error}") };
    assert_eq!(path, bench.path().join("00000000000000000000.txnindex"));
    bench.log.mark_failed("made to fail");
    let error = bench.log.mend_txn_indexes(Offset(1), Offset(1), 0).unwrap_err();
    assert!(matches!(&error, ReadError::Io { path: named, .. } if *named == path), "{error}");
}

#[test]
fn readers_that_find_the_same_index_wrong_are_all_answered() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    let mut bench = with_byte(bench, 0, 1);
    let reader = bench.log.reader();
    let range = reader.read(Offset(0), 1 << 20, Offset(2), true).unwrap();
    let found = || reader.aborted_in_range(Offset(0), &range).unwrap_err();
    for error in [found(), found()] {
        let ReadError::WronglyIndexed { one, other, seen, .. } = error else { panic!("{error}") };
        bench.log.mend_txn_indexes(one, other, seen).unwrap();
    }
    assert_eq!(aborted_in(&mut bench, 0, &range).len(), 1);
}

#[test]
fn a_round_does_not_believe_what_was_in_order_in_parts_only() {
    let mut bench = Bench::new(compacted());
    bench.append(keyed(in_transaction(9, 0), &[("a", Some("committed"))])); // 0
    bench.append(keyed(in_transaction(1, 0), &[("x", Some("aborted"))])); // 1
    mark(&mut bench, 1, false); // 2
    bench.append(keyed(in_transaction(2, 0), &[("y", Some("aborted"))])); // 3
    mark(&mut bench, 2, false); // 4
    mark(&mut bench, 9, true); // 5
    put(&mut bench, "z", Some("v")); // 6
    bench.log.roll(NOW).unwrap();
    // The entry that follows cannot follow that.
    let mut bench = with_byte(bench, LAST_STABLE_OFFSET, 3);
    for offset in 0..7 {
        let is_seen = [0, 6].contains(&offset);
        assert_eq!(read(&mut bench, offset, 1).0.contains(&offset), is_seen, "{offset}");
    }
    clean(&mut bench, NOW);
    assert_eq!(stored(&bench), [at(0, "a"), at(6, "z")]);
}
