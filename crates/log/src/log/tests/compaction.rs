//! Compaction by example. What holds in general is in `compaction_model`.

use std::cell::RefCell;

use ottla_record::{Compression, RecordIter, Scratch, TimestampType, body, records};

use super::{transactions::in_transaction, *};
use crate::{
    CleanError, Cleaner, CleanerOptions, Cleaning, Interrupted, Pace, ReadError, SharedLog,
};

/// A log that nobody else uses.
pub(super) struct Alone<'a>(pub(super) RefCell<&'a mut Log>);

impl SharedLog for Alone<'_> {
    fn with<T>(&self, run: impl FnOnce(&mut Log) -> T) -> T {
        run(&mut self.0.borrow_mut())
    }
}

/// No limit.
pub(super) struct Unpaced;

impl Pace for Unpaced {
    fn moved(&mut self, _bytes: u64) -> Result<(), Interrupted> {
        Ok(())
    }
}

pub(super) const OPTIONS: CleanerOptions =
    CleanerOptions { dedupe_bytes: 1 << 20, load_factor: 0.9, io_bytes: 8 << 10 };

/// Compacted, each segment of about five batches.
pub(super) fn compacted() -> LogConfig {
    LogConfig {
        cleanup_compact: true,
        cleanup_delete: false,
        delete_retention_ms: 1000,
        segment_bytes: 500,
        index_interval_bytes: 100,
        ..LogConfig::default()
    }
}

pub(super) fn keyed(options: BuilderOptions, all: &[(&str, Option<&str>)]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(options);
    for (key, value) in all {
        let key = Some(Bytes::copy_from_slice(key.as_bytes()));
        let value = value.map(|value| Bytes::copy_from_slice(value.as_bytes()));
        builder.append(&Record { timestamp: NOW, key, value, ..Record::default() }).unwrap();
    }
    builder.finish().unwrap().to_vec()
}

/// Cleans from a checkpoint on.
pub(super) fn clean_from(
    log: &mut Log,
    cleaned_to: Option<Offset>,
    now_ms: i64,
) -> Result<Cleaning, CleanError> {
    let cleanable = log.cleanable(cleaned_to, log.log_end_offset(), now_ms).unwrap();
    Cleaner::new(OPTIONS).clean(&Alone(RefCell::new(log)), &cleanable, &mut Unpaced, now_ms)
}

pub(super) fn clean(bench: &mut Bench, now_ms: i64) -> Cleaning {
    clean_from(&mut bench.log, None, now_ms).unwrap()
}

/// Every record: its offset, key and value.
type Found = (i64, String, Option<String>);

pub(super) fn all_records(bytes: &[u8]) -> Vec<Found> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut found = Vec::new();
    for batch in Batches::new(bytes) {
        let (header, batch) = batch.unwrap();
        ottla_record::check_crc(batch).unwrap();
        if header.attributes.is_control() {
            continue;
        }
        let mut scratch = Scratch::new();
        let inside: RecordIter<'_> = scratch.records(&header, batch, 1 << 20).unwrap();
        for record in inside {
            let record = record.unwrap();
            let key = text(record.key.unwrap());
            found.push((record.offset(&header).0, key, record.value.map(text)));
        }
    }
    found
}

pub(super) fn stored(bench: &Bench) -> Vec<(i64, String)> {
    let all = all_records(&bench.bytes());
    all.into_iter().map(|(offset, key, _)| (offset, key)).collect()
}

pub(super) fn at(offset: i64, key: &str) -> (i64, String) {
    (offset, key.to_owned())
}

pub(super) fn put(bench: &mut Bench, key: &str, value: Option<&str>) {
    bench.append(keyed(BuilderOptions::default(), &[(key, value)]));
}

#[test]
fn only_the_last_record_of_a_key_stays_at_its_offset() {
    let mut bench = Bench::new(compacted());
    let batch = [("a", Some("1")), ("b", Some("2")), ("a", Some("3"))];
    bench.append(keyed(BuilderOptions::default(), &batch)); // 0-2
    put(&mut bench, "c", Some("4")); // 3
    put(&mut bench, "b", Some("5")); // 4
    bench.log.roll(NOW).unwrap();
    put(&mut bench, "a", Some("6")); // 5, in the active segment
    let cleaning = clean(&mut bench, NOW);
    assert_eq!(cleaning.end_offset, Offset(5));
    assert_eq!(stored(&bench), [at(2, "a"), at(3, "c"), at(4, "b"), at(5, "a")]);
    let headers = headers(&bench.bytes());
    let spans: Vec<(i64, i64)> =
        headers.iter().map(|header| (header.base_offset.0, header.last_offset().0)).collect();
    assert_eq!(spans, [(0, 2), (3, 3), (4, 4), (5, 5)]);
    assert!(headers.iter().all(|header| header.leader_epoch == EPOCH));
    assert_eq!((cleaning.stats.records_read, cleaning.stats.records_kept), (5, 3));
    assert_eq!(cleaning.stats.keys, 3);
}

#[test]
fn what_compaction_took_is_no_damage_when_the_topic_is_no_longer_compacted() {
    let mut bench = Bench::new(LogConfig { segment_bytes: 150, ..compacted() });
    for key in ["a", "b", "c", "c", "c", "c"] {
        put(&mut bench, key, Some("a value that fills a segment with two others"));
    }
    bench.log.roll(NOW).unwrap();
    put(&mut bench, "c", Some("last"));
    bench.log.roll(NOW).unwrap();
    let cleaned_to = clean(&mut bench, NOW).end_offset;
    let plain = LogConfig { cleanup_compact: false, cleanup_delete: true, ..compacted() };
    bench.config = LogConfig { segment_bytes: 150, retention_ms: -1, ..plain };
    bench.log.set_config(bench.config.clone());
    let expected = stored(&bench);
    for _ in 0..2 {
        let mut from = 0;
        while from < 7 {
            let reader = Arc::new(bench.log.reader());
            let range = reader.read(Offset(from), 1, Offset(7), true).unwrap();
            from = headers(&range.read().unwrap())[0].next_offset().0;
        }
        let all = all_records(&read_all(&bench.log.reader(), Offset(0)));
        assert_eq!(all.len(), expected.len());
        // After a restart only the checkpoint tells.
        bench = bench.restart();
        bench.log.set_compacted_to(cleaned_to);
    }
}

#[test]
fn small_segments_become_one() {
    let mut bench = Bench::new(LogConfig { segment_bytes: 2000, ..compacted() });
    for n in 0..12 {
        put(&mut bench, &format!("{}", n % 3), Some("v"));
        bench.log.roll(NOW).unwrap();
    }
    assert_eq!(bench.log.segment_count(), 13);
    let cleaning = clean(&mut bench, NOW);
    assert_eq!(cleaning.stats.segments_read, 12);
    assert_eq!(cleaning.stats.segments_written, 1);
    assert_eq!(bench.log.segment_count(), 2);
    let names = ["00000000000000000000.log", "00000000000000000012.log"];
    assert_eq!(bench.files(".log"), names);
    // What is known of producers at offsets that begin no segment any more goes, too.
    assert_eq!(bench.files(".snapshot"), ["00000000000000000012.snapshot"]);
    let retired = bench.files(".deleted");
    assert!(retired.len() >= 12 * 3, "{retired:?}");
    bench.log.remove_retired(NOW + 60_000).unwrap();
    assert_eq!(bench.files(".deleted"), [""; 0]);
    assert_eq!(stored(&bench), [at(9, "0"), at(10, "1"), at(11, "2")]);
    let bench = bench.crash();
    assert_eq!(bench.log.log_end_offset(), Offset(12));
    assert_eq!(stored(&bench).len(), 3);
}

#[test]
fn a_segment_from_which_nothing_goes_is_not_written() {
    let mut bench = Bench::new(compacted());
    for n in 0..20 {
        put(&mut bench, &format!("{n}"), Some("a value that takes some room"));
    }
    let segments = bench.log.segment_count();
    let before = bench.bytes();
    let cleaning = clean(&mut bench, NOW);
    assert!(segments > 3);
    assert_eq!(cleaning.stats.bytes_written, 0);
    assert_eq!(cleaning.stats.segments_read, segments as u64 - 1);
    assert_eq!(bench.bytes(), before);
    assert_eq!(bench.files(".deleted"), [""; 0]);
    assert_eq!(bench.files(".cleaned"), [""; 0]);
    // One record of a later segment goes: what was before it stays, byte for byte.
    put(&mut bench, "11", None);
    bench.log.roll(NOW).unwrap();
    let cleaning = clean_from(&mut bench.log, Some(cleaning.end_offset), NOW).unwrap();
    assert_eq!(stored(&bench).len(), 20);
    assert!(cleaning.stats.segments_written <= 2, "{cleaning:?}");
}

#[test]
fn a_tombstone_goes_when_its_delete_horizon_has_passed() {
    let mut bench = Bench::new(compacted());
    put(&mut bench, "a", Some("1"));
    put(&mut bench, "a", None);
    put(&mut bench, "b", Some("2"));
    bench.log.roll(NOW).unwrap();
    let end = clean(&mut bench, NOW).end_offset;
    assert_eq!(stored(&bench), [at(1, "a"), at(2, "b")]);
    let horizons: Vec<Option<i64>> =
        headers(&bench.bytes()).iter().map(BatchHeader::delete_horizon_ms).collect();
    assert_eq!(horizons, [Some(NOW + 1000), None]);
    assert_eq!(clean(&mut bench, NOW + 999).stats.bytes_written, 0);
    assert_eq!(stored(&bench), [at(1, "a"), at(2, "b")]);
    clean(&mut bench, NOW + 1000);
    assert_eq!(stored(&bench), [at(2, "b")]);
    assert_eq!(end, Offset(3));
}

#[test]
fn the_record_of_a_tombstone_keeps_its_timestamp_and_headers() {
    let mut bench = Bench::new(compacted());
    let headers = vec![ottla_record::Header { key: "h".to_owned(), value: Some("x".into()) }];
    let key = Some(Bytes::from_static(b"a"));
    let record = Record { timestamp: NOW - 77, key, value: None, headers };
    let mut builder = BatchBuilder::new(BuilderOptions::default());
    builder.append(&record).unwrap();
    bench.append(builder.finish().unwrap().to_vec());
    bench.log.roll(NOW).unwrap();
    clean(&mut bench, NOW);
    let bytes = bench.bytes();
    let header = BatchHeader::parse(&bytes).unwrap();
    let kept = records(&header, body(&bytes)).next().unwrap().unwrap();
    assert_eq!((kept.timestamp(&header), header.max_timestamp), (NOW - 77, NOW - 77));
    assert_eq!(kept.headers().next().unwrap().value, Some(&b"x"[..]));
}

#[test]
fn every_codec_stays_what_it_was() {
    for compression in Compression::ALL {
        for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
            let mut bench = Bench::new(compacted());
            let options = BuilderOptions {
                compression,
                timestamp_type,
                log_append_time: NOW + 5,
                ..BuilderOptions::default()
            };
            let all = [("a", Some("1")), ("b", Some("2")), ("c", Some("3"))];
            bench.append(keyed(options, &all));
            put(&mut bench, "b", Some("4"));
            bench.log.roll(NOW).unwrap();
            clean(&mut bench, NOW);
            assert_eq!(stored(&bench), [at(0, "a"), at(2, "c"), at(3, "b")]);
            let header = headers(&bench.bytes())[0];
            assert_eq!(header.attributes.compression().unwrap(), compression);
            assert_eq!(header.attributes.timestamp_type(), timestamp_type);
            let append_time = timestamp_type == TimestampType::LogAppendTime;
            assert_eq!(header.max_timestamp, if append_time { NOW + 5 } else { NOW });
        }
    }
}

#[test]
fn the_last_batch_of_a_producer_and_of_the_round_stay_without_records() {
    let mut bench = Bench::new(compacted());
    let idempotent = |base_sequence| BuilderOptions {
        producer_id: ProducerId(7),
        producer_epoch: 2,
        base_sequence,
        ..BuilderOptions::default()
    };
    bench.append(keyed(idempotent(0), &[("a", Some("1"))])); // 0
    bench.append(keyed(idempotent(1), &[("a", Some("2")), ("b", Some("2"))])); // 1-2
    put(&mut bench, "b", Some("3")); // 3
    put(&mut bench, "a", Some("4")); // 4
    put(&mut bench, "b", Some("5")); // 5
    bench.log.roll(NOW).unwrap();
    put(&mut bench, "b", Some("6")); // 6
    bench.log.roll(NOW).unwrap();
    let producers = |bench: &Bench| -> Vec<_> {
        bench.log.producers().map(|(id, producer)| (id, producer.clone())).collect()
    };
    let before = producers(&bench);
    clean(&mut bench, NOW);
    let spans: Vec<(i64, i64, i32)> = headers(&bench.bytes())
        .iter()
        .map(|header| (header.base_offset.0, header.last_offset().0, header.record_count))
        .collect();
    assert_eq!(spans, [(1, 2, 0), (4, 4, 1), (6, 6, 1)]);
    let empty = headers(&bench.bytes())[0];
    assert_eq!((empty.producer_epoch, empty.base_sequence, empty.max_timestamp), (2, 1, NOW));
    assert_eq!(producers(&bench), before);
    // The duplicate is still known after the log was read again from its start.
    std::fs::remove_file(bench.path().join("00000000000000000007.snapshot")).unwrap();
    let mut bench = bench.crash();
    let duplicate = bench.append(keyed(idempotent(1), &[("a", Some("2")), ("b", Some("2"))]));
    assert!(duplicate.duplicate);
    assert_eq!((duplicate.base_offset, duplicate.last_offset), (Offset(1), Offset(2)));
    bench.append(keyed(idempotent(3), &[("z", Some("1"))]));
}

#[test]
fn a_full_memory_ends_the_round_and_the_next_one_goes_on() {
    let mut bench = Bench::new(compacted());
    for n in 0..300 {
        put(&mut bench, &format!("{}", n % 100), Some("v"));
    }
    bench.log.roll(NOW).unwrap();
    let options = CleanerOptions { dedupe_bytes: 12 * 40, ..OPTIONS };
    let (mut cleaned_to, mut rounds) = (None, 0);
    loop {
        let cleanable = bench.log.cleanable(cleaned_to, Offset(300), NOW).unwrap();
        if cleanable.cleanable_bytes == 0 {
            break;
        }
        let alone = Alone(RefCell::new(&mut bench.log));
        let cleaned = Cleaner::new(options).clean(&alone, &cleanable, &mut Unpaced, NOW).unwrap();
        assert!(cleaned.end_offset > cleanable.first_dirty_offset);
        cleaned_to = Some(cleaned.end_offset);
        rounds += 1;
    }
    assert!(rounds >= 300 / 40, "{rounds}");
    let expected: Vec<(i64, String)> = (200..300).map(|n| at(n, &format!("{}", n % 100))).collect();
    assert_eq!(stored(&bench), expected);
}

#[test]
fn what_is_cleaned_ends_where_something_is_undecided_young_or_written() {
    let mut bench = Bench::new(LogConfig { min_compaction_lag_ms: 100, ..compacted() });
    for timestamp in [NOW, NOW + 10, NOW + 20, NOW + 30] {
        bench.append(build(BuilderOptions::default(), &[timestamp], 10));
        bench.log.roll(NOW).unwrap();
    }
    let until = |bench: &Bench, high_watermark, now| {
        let cleanable = bench.log.cleanable(None, Offset(high_watermark), now).unwrap();
        cleanable.first_uncleanable_offset.0
    };
    assert_eq!(until(&bench, 4, NOW + 1000), 4);
    assert_eq!(until(&bench, 2, NOW + 1000), 2);
    assert_eq!(until(&bench, 4, NOW + 100), 1);
    assert_eq!(until(&bench, 4, NOW + 99), 0);
    assert_eq!(until(&bench, 4, NOW + 129), 3);
    bench.append(build(in_transaction(1, 0), &[NOW], 10)); // 4
    bench.log.roll(NOW).unwrap();
    bench.append(plain(1));
    bench.log.roll(NOW).unwrap();
    assert_eq!(until(&bench, 6, NOW + 1000), 4);
}

#[test]
fn a_log_is_as_dirty_as_the_part_that_was_not_cleaned() {
    let mut bench = Bench::new(LogConfig { max_compaction_lag_ms: 500, ..compacted() });
    for _ in 0..4 {
        bench.append(build(BuilderOptions::default(), &[NOW], 10));
        bench.log.roll(NOW).unwrap();
    }
    let cleanable = |bench: &Bench, cleaned_to, now| {
        bench.log.cleanable(Some(Offset(cleaned_to)), Offset(4), now).unwrap()
    };
    let close_to = |ratio: f64, expected: f64| (ratio - expected).abs() < 1e-9;
    assert!(close_to(cleanable(&bench, 0, NOW).dirty_ratio(), 1.0));
    assert!(close_to(cleanable(&bench, 1, NOW).dirty_ratio(), 0.75));
    assert!(close_to(cleanable(&bench, 4, NOW).dirty_ratio(), 0.0));
    assert_eq!(cleanable(&bench, 0, NOW + 500).overdue_ms, 0);
    assert_eq!(cleanable(&bench, 0, NOW + 510).overdue_ms, 10);
    assert_eq!(cleanable(&bench, 4, NOW + 510).overdue_ms, 0);
    assert!(!cleanable(&bench, 4, NOW).is_reset);
    let reset = cleanable(&bench, 5, NOW);
    assert_eq!((reset.is_reset, reset.first_dirty_offset), (true, Offset(0)));
    bench.log.delete_records_before(Offset(2)).unwrap();
    let reset = cleanable(&bench, 1, NOW);
    assert_eq!((reset.is_reset, reset.first_dirty_offset), (true, Offset(2)));
}

#[test]
fn a_segment_ends_when_a_record_has_waited_long_enough_for_compaction() {
    let mut bench = Bench::new(LogConfig { max_compaction_lag_ms: 500, ..compacted() });
    bench.append(build(BuilderOptions::default(), &[NOW], 10));
    bench.append(build(BuilderOptions::default(), &[NOW + 500], 10));
    assert_eq!(bench.log.segment_count(), 1);
    bench.append(build(BuilderOptions::default(), &[NOW + 501], 10));
    assert_eq!(bench.log.segment_count(), 2);
}

#[test]
fn a_reader_goes_on_with_the_segments_it_has() {
    let mut bench = Bench::new(compacted());
    bench.append(keyed(in_transaction(1, 0), &[("x", Some("aborted"))]));
    transactions::mark(&mut bench, 1, false);
    for n in 0..40 {
        put(&mut bench, &format!("{}", n % 4), Some("v"));
    }
    // Else the producer's last batch would stay, and its marker with it.
    bench.append(keyed(in_transaction(1, 1), &[("0", Some("committed"))]));
    transactions::mark(&mut bench, 1, true);
    bench.log.roll(NOW).unwrap();
    let reader = bench.log.reader();
    let end = bench.log.log_end_offset();
    let before = read_all(&reader, Offset(0));
    let aborted = reader.aborted_transactions(Offset(0), end).unwrap();
    assert_eq!(aborted.len(), 1);
    clean(&mut bench, NOW);
    clean(&mut bench, NOW + 1000);
    clean(&mut bench, NOW + 2000);
    assert_eq!(bench.log.reader().aborted_transactions(Offset(0), end).unwrap(), []);
    assert_eq!(read_all(&reader, Offset(0)), before);
    assert_eq!(reader.aborted_transactions(Offset(0), end).unwrap(), aborted);
    assert_eq!(all_records(&read_all(&bench.log.reader(), Offset(0))).len(), 4);
}

#[test]
fn a_round_gives_up_when_the_log_was_cut_or_has_lost_segments() {
    struct Meddler<'a, 'b>(&'a Alone<'b>, fn(&mut Log));
    impl Pace for Meddler<'_, '_> {
        fn moved(&mut self, _bytes: u64) -> Result<(), Interrupted> {
            self.0.with(self.1);
            Ok(())
        }
    }
    let retain = |log: &mut Log| {
        log.delete_records_before(Offset(10)).unwrap();
        drop(log.apply_retention(NOW, log.log_end_offset()).unwrap());
    };
    let truncate = |log: &mut Log| log.truncate_to(Offset(40), NOW).unwrap();
    let meddlers: [fn(&mut Log); 2] = [retain, truncate];
    for meddle in meddlers {
        let mut bench = Bench::new(compacted());
        for n in 0..48 {
            put(&mut bench, &format!("{}", n % 4), Some("v"));
        }
        bench.log.roll(NOW).unwrap();
        let cleanable = bench.log.cleanable(None, Offset(48), NOW).unwrap();
        let alone = Alone(RefCell::new(&mut bench.log));
        let mut pace = Meddler(&alone, meddle);
        let error = Cleaner::new(OPTIONS).clean(&alone, &cleanable, &mut pace, NOW).unwrap_err();
        assert!(matches!(error, CleanError::Changed), "{error}");
        assert_eq!(bench.log.failure(), None);
        assert_eq!(bench.files(".cleaned"), [""; 0]);
        let start = bench.log.log_start_offset();
        assert!(!read_all(&bench.log.reader(), start).is_empty());
    }
}

#[test]
fn a_round_ends_when_it_is_told_to() {
    struct Once(u32);
    impl Pace for Once {
        fn moved(&mut self, _bytes: u64) -> Result<(), Interrupted> {
            self.0 += 1;
            if self.0 > 10 { Err(Interrupted) } else { Ok(()) }
        }
    }
    let mut bench = Bench::new(compacted());
    for n in 0..48 {
        put(&mut bench, &format!("{}", n % 4), Some("v"));
    }
    bench.log.roll(NOW).unwrap();
    let cleanable = bench.log.cleanable(None, Offset(48), NOW).unwrap();
    let alone = Alone(RefCell::new(&mut bench.log));
    let error = Cleaner::new(OPTIONS).clean(&alone, &cleanable, &mut Once(0), NOW).unwrap_err();
    assert!(matches!(error, CleanError::Interrupted));
    assert_eq!(bench.files(".cleaned"), [""; 0]);
    clean(&mut bench, NOW);
    assert_eq!(stored(&bench).len(), 4);
}

#[test]
fn damage_ends_the_round_and_leaves_the_log_as_it_was() {
    let mut bench = Bench::new(compacted());
    for n in 0..20 {
        put(&mut bench, &format!("{}", n % 4), Some("v"));
    }
    bench.log.roll(NOW).unwrap();
    let path = bench.path().join("00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let before = bench.bytes();
    let error = clean_from(&mut bench.log, None, NOW).unwrap_err();
    assert!(matches!(error, CleanError::Unreadable(_)), "{error}");
    assert!(error.to_string().contains("00000000000000000000.log"), "{error}");
    assert_eq!(bench.bytes(), before);
    assert_eq!(bench.log.failure(), None);
}

/// Without the index an aborted record would take the place of the committed one before it, for
/// good.
#[test]
fn a_round_does_not_take_an_aborted_transaction_for_committed_where_its_index_is_wrong() {
    let mut bench = Bench::new(compacted());
    put(&mut bench, "x", Some("committed"));
    bench.append(keyed(in_transaction(1, 0), &[("x", Some("aborted"))]));
    transactions::mark(&mut bench, 1, false);
    bench.append(keyed(in_transaction(1, 1), &[("z", Some("committed"))]));
    transactions::mark(&mut bench, 1, true);
    put(&mut bench, "y", Some("v"));
    bench.log.roll(NOW).unwrap();
    let mut bench = bench.restart();
    let index = bench.path().join("00000000000000000000.txnindex");
    let whole = std::fs::read(&index).unwrap();
    let mut other_marker = whole.clone();
    other_marker[25] = 4;
    for wrong in [&whole[..0], &whole[..whole.len() - 1], &other_marker, &[]] {
        std::fs::write(&index, wrong).unwrap();
        if wrong.is_empty() {
            std::fs::remove_file(&index).unwrap();
        }
        bench = bench.restart();
        clean(&mut bench, NOW);
        assert!(stored(&bench).contains(&at(0, "x")), "{:?}", stored(&bench));
        assert!(stored(&bench).contains(&at(3, "z")), "{:?}", stored(&bench));
    }
}

/// The offset that it got is the last one of its segment: what follows is there, and not nothing.
#[test]
fn an_offset_that_was_raised_to_the_last_one_is_damage() {
    let mut bench = Bench::new(compacted());
    for _ in 0..5 {
        put(&mut bench, "k", Some("v"));
    }
    bench.log.roll(NOW).unwrap();
    let mut bench = bench.restart();
    let path = bench.path().join("00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let third = headers(&bytes)[..2].iter().map(BatchHeader::size).sum::<usize>();
    bytes[third + 7] = 4;
    bench.log.close(NOW).unwrap();
    std::fs::write(&path, bytes).unwrap();
    bench = bench.restart();
    for offset in [2, 3] {
        let read = bench.log.reader().read(Offset(offset), 1, Offset(5), true);
        assert!(matches!(read, Err(ReadError::Damaged { .. })), "{offset}: {read:?}");
    }
}

/// The keys are read from where the last round ended, behind the marker of an aborted transaction.
#[test]
fn what_was_aborted_before_a_round_begins_says_nothing_of_what_follows() {
    let mut bench = Bench::new(LogConfig { index_interval_bytes: 1, ..compacted() });
    bench.append(keyed(in_transaction(1, 0), &[("x", Some("aborted"))]));
    transactions::mark(&mut bench, 1, false);
    put(&mut bench, "y", Some("v"));
    let cleaned_to = bench.log.log_end_offset();
    for sequence in [1, 2] {
        bench.append(keyed(in_transaction(1, sequence), &[("k", Some("committed"))]));
        transactions::mark(&mut bench, 1, true);
    }
    bench.log.roll(NOW).unwrap();
    clean_from(&mut bench.log, Some(cleaned_to), NOW).unwrap();
    let stored = stored(&bench);
    assert!(!stored.contains(&at(3, "k")) && stored.contains(&at(5, "k")), "{stored:?}");
}

#[test]
fn an_offset_that_is_out_of_place_is_damage() {
    let mut bench = Bench::new(compacted());
    for n in 0..20 {
        put(&mut bench, &format!("{}", n % 4), Some("v"));
    }
    bench.log.roll(NOW).unwrap();
    let path = bench.path().join("00000000000000000000.log");
    let original = std::fs::read(&path).unwrap();
    let second = headers(&original)[0].size();
    for wrong in [0_i64, 1_000_000] {
        // No checksum covers the base offset.
        let mut bytes = original.clone();
        bytes[second..second + 8].copy_from_slice(&wrong.to_be_bytes());
        std::fs::write(&path, bytes).unwrap();
        let error = clean_from(&mut bench.log, None, NOW).unwrap_err();
        assert!(matches!(error, CleanError::Unreadable(_)), "{error}");
    }
    std::fs::write(&path, original).unwrap();
    clean(&mut bench, NOW);
    assert_eq!(stored(&bench).len(), 4);
}

/// The end of a batch is not taken for what compaction has left out of the log.
#[test]
fn a_batch_that_ends_too_early_is_no_hole() {
    for (batches, offset) in [(3, 1), (1, 1)] {
        let mut bench = Bench::new(LogConfig { segment_bytes: 1 << 20, ..compacted() });
        for _ in 0..batches {
            bench.append(plain(3));
        }
        bench.log.roll(NOW).unwrap();
        bench.append(plain(3));
        let mut bench = bench.restart();
        let path = bench.path().join("00000000000000000000.log");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[26] = 0;
        std::fs::write(&path, bytes).unwrap();
        bench = bench.restart();
        let end = bench.log.log_end_offset();
        let read = bench.log.reader().read(Offset(offset), 1, end, true);
        assert!(matches!(read, Err(ReadError::Damaged { .. })), "{read:?}");
    }
}

#[test]
fn a_merged_segment_without_records_is_as_old_as_the_last_one_it_was_made_of() {
    let config = LogConfig { retention_ms: 5000, cleanup_delete: true, ..compacted() };
    let mut bench = Bench::new(LogConfig { segment_bytes: 2000, ..config });
    for n in 0..3 {
        put(&mut bench, "a", Some(&format!("{n}")));
        bench.log.roll(NOW).unwrap();
    }
    put(&mut bench, "a", Some("last"));
    bench.log.roll(NOW).unwrap();
    put(&mut bench, "b", Some("active"));
    let cleanable = bench.log.cleanable(None, Offset(5), NOW).unwrap();
    assert_eq!(cleanable.first_uncleanable_offset, Offset(4));
    let path = |base: i64| bench.path().join(format!("{base:020}.log"));
    let modified = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let file = std::fs::File::options().write(true).open(path(3)).unwrap();
    file.set_modified(long_ago).unwrap();
    let first = path(0);
    clean(&mut bench, NOW);
    assert_eq!(modified(&first), long_ago);
}
