//! Deleting old segments.

use super::*;
use crate::DeletionReason;

fn aged(config: LogConfig, batches: i64) -> Bench {
    let mut bench = Bench::new(config);
    for n in 0..batches {
        bench.append(build(BuilderOptions::default(), &[NOW + n * 1000], 100));
    }
    bench
}

#[test]
fn segments_whose_newest_record_is_too_old_go() {
    let mut bench = aged(LogConfig { retention_ms: 10_000, ..small() }, 30);
    let segments = bench.log.segment_count();
    let end = bench.log.log_end_offset();
    let none = bench.log.apply_retention(NOW + 10_000, end).unwrap();
    assert_eq!(none, []);
    let deleted = bench.log.apply_retention(NOW + 25_000, end).unwrap();
    assert!(deleted.iter().all(|segment| segment.reason == DeletionReason::Time));
    assert_eq!(bench.log.segment_count(), segments - deleted.len());
    // Kept: the segment with the record of 15 s, and what follows.
    let start = bench.log.log_start_offset();
    assert!(start > Offset(0) && start <= Offset(15), "{start}");
    assert_eq!(bench.files(".log.deleted").len(), deleted.len());
    let error = bench.log.reader().read(Offset(0), 1, end, true).unwrap_err();
    assert_eq!(error.code(), ottla_types::ErrorCode::OffsetOutOfRange);
    bench.log.remove_retired(NOW + 25_000 + 59_999).unwrap();
    assert_eq!(bench.files(".log.deleted").len(), deleted.len());
    bench.log.remove_retired(NOW + 25_000 + 60_000).unwrap();
    assert_eq!(bench.files(".deleted"), Vec::<String>::new());
}

#[test]
fn if_all_segments_go_a_new_one_begins_at_the_end() {
    let mut bench = aged(LogConfig { retention_ms: 10_000, ..small() }, 30);
    bench.append(produced(9, 0, 0, 1));
    bench.log.apply_retention(NOW + 1_000_000, Offset(31)).unwrap();
    assert_eq!(bench.log.segment_count(), 1);
    assert_eq!(bench.log.log_start_offset(), Offset(31));
    assert_eq!(bench.log.log_end_offset(), Offset(31));
    assert_eq!(bench.log.apply_retention(NOW + 2_000_000, Offset(31)).unwrap(), []);
    // What is known of producers outlives their records.
    let mut bench = bench.restart();
    assert!(bench.append(produced(9, 0, 0, 1)).duplicate);
    assert_eq!(bench.append(produced(9, 0, 1, 1)).base_offset, Offset(31));
}

#[test]
fn segments_before_the_size_limit_go() {
    let mut bench = aged(LogConfig { retention_ms: -1, ..small() }, 60);
    let total = bench.log.size_bytes().unwrap();
    bench.log.set_config(LogConfig { retention_ms: -1, retention_bytes: 3000, ..small() });
    let deleted = bench.log.apply_retention(NOW, Offset(60)).unwrap();
    let size = bench.log.size_bytes().unwrap();
    assert_eq!(size, total - deleted.iter().map(|segment| segment.size).sum::<u64>());
    // One segment less would be below the limit.
    assert!((3000..4000).contains(&size), "{size}");
}

#[test]
fn nothing_after_the_high_watermark_goes() {
    let mut bench = aged(LogConfig { retention_ms: 1, ..small() }, 30);
    let second = bench.log.segments.get(1).unwrap().base_offset;
    let deleted = bench.log.apply_retention(NOW + 1_000_000, Offset(second.0 + 1)).unwrap();
    assert_eq!(deleted.len(), 1);
    assert_eq!(bench.log.log_start_offset(), second);
}

#[test]
fn segments_before_deleted_records_go_whatever_the_policy() {
    let config = LogConfig { cleanup_delete: false, cleanup_compact: true, ..small() };
    let mut bench = aged(config, 30);
    assert_eq!(bench.log.delete_records_before(Offset(20)).unwrap(), Offset(20));
    assert_eq!(bench.log.delete_records_before(Offset(5)).unwrap(), Offset(20));
    assert!(bench.log.delete_records_before(Offset(31)).is_err());
    let deleted = bench.log.apply_retention(NOW, Offset(30)).unwrap();
    assert!(deleted.iter().all(|s| s.reason == DeletionReason::LogStartOffset));
    assert!(!deleted.is_empty());
    let bench = bench.restart();
    assert_eq!(bench.log.log_start_offset(), Offset(20));
    assert!(bench.log.first_base_offset() <= Offset(20));
}

#[test]
fn a_reader_from_before_reads_on_until_the_files_are_gone() {
    let mut bench = aged(LogConfig { retention_ms: 1, ..small() }, 30);
    bench.log.close_idle_files();
    let reader = bench.log.reader();
    bench.log.apply_retention(NOW + 1_000_000, Offset(30)).unwrap();
    assert_eq!(headers(&read_all(&reader, Offset(0))).len(), 30);
    bench.log.remove_retired(i64::MAX).unwrap();
    for segment in reader.segments.iter() {
        segment.close_files();
    }
    let error = reader.read(Offset(0), 1, Offset(30), true).unwrap_err();
    assert_eq!(error.code(), ottla_types::ErrorCode::OffsetOutOfRange);
}

#[test]
fn records_without_timestamps_are_as_old_as_their_file() {
    let mut bench = Bench::new(LogConfig { retention_ms: 1000, ..LogConfig::default() });
    bench.append(build(BuilderOptions::default(), &[-1], 10));
    let modified = bench.log.active_segment.file().unwrap().modified_ms().unwrap();
    assert_eq!(bench.log.apply_retention(modified + 1000, Offset(1)).unwrap(), []);
    assert_eq!(bench.log.apply_retention(modified + 1001, Offset(1)).unwrap().len(), 1);
}

#[test]
fn what_lies_behind_damage_is_no_older_than_its_file() {
    let config = LogConfig { retention_ms: 1000, ..LogConfig::default() };
    for is_active in [false, true] {
        let mut bench = Bench::new(LogConfig { index_interval_bytes: 1, ..config.clone() });
        for timestamp in [100, 200, 900, 300] {
            bench.append(build(BuilderOptions::default(), &[timestamp], 10));
        }
        if !is_active {
            bench.log.roll(NOW).unwrap();
        }
        bench.log.close(NOW).unwrap();
        let path = bench.path().join(&bench.files(".log")[0]);
        let mut content = std::fs::read(&path).unwrap();
        let third = content.len() / 2;
        content[third + 36] ^= 8;
        std::fs::write(&path, content).unwrap();
        let mut bench = bench.restart();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let modified = i64::try_from(modified).unwrap();
        let end = bench.log.log_end_offset();
        assert_eq!(bench.log.apply_retention(modified + 1000, end).unwrap(), [], "{is_active}");
        let deleted = bench.log.apply_retention(modified + 1001, end).unwrap();
        assert_eq!(deleted.len(), 1, "{is_active}");
    }
}
