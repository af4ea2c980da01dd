//! Offsets by timestamp.

use ottla_record::{Compression, TimestampType};

use super::*;

fn find(bench: &Bench, timestamp: i64) -> Option<(i64, i64)> {
    let found = bench.log.reader().offset_for_timestamp(timestamp).unwrap();
    found.map(|found| (found.offset.0, found.timestamp))
}

#[test]
fn the_first_record_not_before_a_timestamp_is_found() {
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for compression in codecs {
        let mut bench = Bench::new(small());
        let options = BuilderOptions { compression, ..BuilderOptions::default() };
        for n in 0..40 {
            // Within a batch the timestamps are not sorted.
            let start = n * 100;
            bench.append(build(options.clone(), &[start, start + 50, start + 20], 10));
        }
        for (timestamp, expected) in [
            (-5, Some((0, 0))),
            (0, Some((0, 0))),
            (10, Some((1, 50))),
            (51, Some((3, 100))),
            (2000, Some((60, 2000))),
            (2021, Some((61, 2050))),
            (3950, Some((118, 3950))),
            (3951, None),
        ] {
            assert_eq!(find(&bench, timestamp), expected, "{} {timestamp}", compression.name());
        }
        let max = bench.log.reader().max_timestamp().unwrap().unwrap();
        assert_eq!((max.offset, max.timestamp), (Offset(118), 3950));
        assert_eq!(max.leader_epoch, EPOCH);
        let bench = bench.restart();
        assert_eq!(find(&bench, 2021), Some((61, 2050)));
        assert_eq!(bench.log.reader().max_timestamp().unwrap(), Some(max));
    }
}

#[test]
fn timestamps_that_go_back_are_found_by_offset() {
    let mut bench = Bench::new(LogConfig { index_interval_bytes: 1, ..LogConfig::default() });
    for timestamp in [100, 500, 200, 300, 500, 400, 600] {
        bench.append(build(BuilderOptions::default(), &[timestamp], 10));
    }
    for (timestamp, offset) in [(100, 0), (150, 1), (450, 1), (500, 1), (501, 6)] {
        assert_eq!(find(&bench, timestamp).unwrap().0, offset, "{timestamp}");
    }
}

/// Found by `OTTLA_ROT_CASES=15000`, case 10237.
#[test]
fn what_was_added_to_the_time_index_of_a_closed_log_does_not_hide_a_timestamp() {
    let mut bench = Bench::new(LogConfig { index_interval_bytes: 1, ..LogConfig::default() });
    for timestamp in [900, 100, 200, 300] {
        bench.append(build(BuilderOptions::default(), &[timestamp], 10));
    }
    bench.log.close(NOW).unwrap();
    let index = bench.path().join(&bench.files(".timeindex")[0]);
    let mut content = std::fs::read(&index).unwrap();
    content.extend((-5_i64).to_be_bytes());
    content.extend(1000_u32.to_be_bytes());
    std::fs::write(&index, content).unwrap();
    let bench = bench.restart();
    assert_eq!(find(&bench, 900), Some((0, 900)));
}

/// Found by `OTTLA_ROT_CASES=1000000`, case 239847.
#[test]
fn a_largest_timestamp_that_changed_hides_nothing() {
    let mut bench = Bench::new(LogConfig { index_interval_bytes: 1, ..LogConfig::default() });
    for timestamp in [900, 100, 200, 300] {
        bench.append(build(BuilderOptions::default(), &[timestamp], 10));
    }
    bench.log.close(NOW).unwrap();
    let path = bench.path().join(&bench.files(".log")[0]);
    let mut content = std::fs::read(&path).unwrap();
    content[36] ^= 8;
    std::fs::write(&path, content).unwrap();
    let ensure_told = |bench: &Bench, when: &str| {
        let reader = bench.log.reader();
        for timestamp in [900, 500] {
            let found = reader.offset_for_timestamp(timestamp);
            assert!(matches!(found, Err(crate::ReadError::Damaged { .. })), "{when}: {found:?}");
        }
        let found = reader.max_timestamp();
        assert!(matches!(found, Err(crate::ReadError::Damaged { .. })), "{when}: {found:?}");
    };
    let mut bench = bench.restart();
    ensure_told(&bench, "active");
    bench.append(build(BuilderOptions::default(), &[400], 10));
    ensure_told(&bench, "appended to");
    bench.log.roll(NOW).unwrap();
    ensure_told(&bench, "rolled");
    let bench = bench.restart();
    ensure_told(&bench, "restarted");
}

#[test]
fn an_index_that_is_made_anew_does_not_hide_what_damage_does() {
    let mut bench = Bench::new(LogConfig { index_interval_bytes: 1, ..LogConfig::default() });
    for timestamp in [100, 900, 200, 300] {
        bench.append(build(BuilderOptions::default(), &[timestamp], 10));
    }
    bench.log.roll(NOW).unwrap();
    bench.log.close(NOW).unwrap();
    let path = bench.path().join(&bench.files(".log")[0]);
    let mut content = std::fs::read(&path).unwrap();
    content[plain(1).len() + 41] = 0; // 900 becomes 132
    std::fs::write(&path, content).unwrap();
    let mut bench = bench.restart();
    for when in ["as it was left", "made anew"] {
        let found = bench.log.reader().offset_for_timestamp(900);
        assert!(matches!(found, Err(crate::ReadError::Damaged { .. })), "{when}: {found:?}");
        bench.log.apply_retention(NOW, Offset(0)).unwrap();
    }
}

#[test]
fn deleted_records_are_not_found() {
    let mut bench = Bench::new(small());
    for n in 0..40 {
        bench.append(build(BuilderOptions::default(), &[n * 10, n * 10 + 5], 10));
    }
    bench.log.delete_records_before(Offset(31)).unwrap();
    assert_eq!(find(&bench, 0), Some((31, 155)));
    assert_eq!(find(&bench, 156), Some((32, 160)));
}

#[test]
fn a_batch_whose_late_record_is_deleted_does_not_hide_those_behind_it() {
    let mut bench = Bench::new(LogConfig::default());
    for timestamps in [[90, 10], [20, 80], [70, 60]] {
        bench.append(build(BuilderOptions::default(), &timestamps, 10));
    }
    bench.log.delete_records_before(Offset(1)).unwrap();
    assert_eq!(find(&bench, 50), Some((3, 80)));
    assert_eq!(find(&bench, 85), None);
}

#[test]
fn a_batch_with_append_time_is_found_at_its_first_record() {
    let mut bench = Bench::new(LogConfig::default());
    for n in 1..4 {
        let options = BuilderOptions {
            timestamp_type: TimestampType::LogAppendTime,
            log_append_time: n * 1000,
            ..BuilderOptions::default()
        };
        bench.append(build(options, &[5, 6, 7], 10));
    }
    assert_eq!(find(&bench, 1500), Some((3, 2000)));
    let max = bench.log.reader().max_timestamp().unwrap().unwrap();
    assert_eq!((max.offset, max.timestamp), (Offset(6), 3000));
}

#[test]
fn the_first_of_several_largest_timestamps_is_given() {
    let mut bench = Bench::new(LogConfig::default());
    for timestamps in [[1, 9], [9, 3], [2, 2]] {
        bench.append(build(BuilderOptions::default(), &timestamps, 10));
    }
    let max = bench.log.reader().max_timestamp().unwrap().unwrap();
    assert_eq!((max.offset, max.timestamp), (Offset(1), 9));
}

#[test]
fn an_empty_log_has_no_timestamps() {
    let bench = Bench::new(LogConfig::default());
    assert_eq!(find(&bench, 0), None);
    assert_eq!(bench.log.reader().max_timestamp().unwrap(), None);
}

/// What comes behind damage begins the next look: it must not be taken for what nothing speaks
/// against. The last one of a segment nothing follows that could.
#[test]
fn a_search_does_not_pass_a_batch_that_is_out_of_place() {
    for wrong in [5, 8] {
        let mut bench = Bench::new(LogConfig::default());
        for timestamp in NOW..NOW + 9 {
            bench.append(build(BuilderOptions::default(), &[timestamp], 10));
        }
        bench.log.roll(NOW).unwrap();
        let bench = bench.restart();
        let path = bench.path().join("00000000000000000000.log");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[wrong * plain(1).len() + 7] = 4;
        std::fs::write(&path, bytes).unwrap();
        let reader = bench.log.reader();
        let found = reader.offset_for_timestamp(NOW + 8);
        assert!(matches!(found, Err(crate::ReadError::Damaged { .. })), "{found:?}");
        let before = reader.read(Offset(0), usize::MAX, Offset(9), true).unwrap();
        assert_eq!(before.length, wrong * plain(1).len());
    }
}
