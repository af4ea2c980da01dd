//! Appending and reading back.

use super::*;
use crate::AppendError;

#[test]
fn offsets_are_dense_and_bytes_come_back() {
    let mut bench = Bench::new(LogConfig::default());
    for (count, base) in [(3, 0), (1, 3), (5, 4)] {
        let appended = bench.append(plain(count));
        assert_eq!(appended.base_offset, Offset(base));
        assert_eq!(appended.last_offset, Offset(base + i64::try_from(count).unwrap() - 1));
        assert!(!appended.duplicate);
    }
    assert_eq!(bench.log.log_end_offset(), Offset(9));
    let bytes = read_all(&bench.log.reader(), Offset::ZERO);
    assert_eq!(bytes, bench.bytes());
    let read = headers(&bytes);
    let bases: Vec<i64> = read.iter().map(|header| header.base_offset.0).collect();
    assert_eq!(bases, [0, 3, 4]);
    assert!(read.iter().all(|header| header.leader_epoch == EPOCH));
}

#[test]
fn an_offset_inside_a_batch_gives_the_whole_batch() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(plain(3));
    bench.append(plain(4));
    let reader = bench.log.reader();
    let range = reader.read(Offset(5), usize::MAX, Offset(7), true).unwrap();
    assert_eq!(range.base_offset, Offset(3));
    assert_eq!(headers(&range.read().unwrap()).len(), 1);
}

#[test]
fn the_first_batch_is_whole_and_the_last_may_be_cut() {
    let mut bench = Bench::new(LogConfig::default());
    let size = plain(3).len();
    for _ in 0..3 {
        bench.append(plain(3));
    }
    let reader = bench.log.reader();
    let length = |max, min_one| reader.read(Offset(0), max, Offset(9), min_one).unwrap().length;
    assert_eq!(length(1, true), size);
    assert_eq!(length(1, false), 0);
    assert_eq!(length(size, false), size);
    assert_eq!(length(size + 5, true), size + 5);
    assert_eq!(length(usize::MAX, true), 3 * size);
    let bounded = reader.read(Offset(0), usize::MAX, Offset(6), true).unwrap();
    assert_eq!((bounded.length, bounded.end_offset), (2 * size, Offset(6)));
}

#[test]
fn offsets_outside_of_the_log_are_refused_and_its_end_is_empty() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(plain(3));
    let reader = bench.log.reader();
    assert!(reader.read(Offset(3), 100, Offset(3), true).unwrap().is_empty());
    for outside in [-1, 4] {
        let error = reader.read(Offset(outside), 100, Offset(3), true).unwrap_err();
        assert_eq!(error.code(), ottla_types::ErrorCode::OffsetOutOfRange);
    }
}

#[test]
fn a_reader_does_not_see_what_comes_after_it() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(plain(3));
    let before = bench.log.reader();
    bench.append(plain(3));
    assert_eq!(before.log_end_offset(), Offset(3));
    assert_eq!(headers(&read_all(&before, Offset(0))).len(), 1);
    assert_eq!(headers(&read_all(&bench.log.reader(), Offset(0))).len(), 2);
}

#[test]
fn segments_roll_by_size_and_are_read_through() {
    let mut bench = Bench::new(small());
    for _ in 0..40 {
        bench.append(plain(3));
    }
    assert!(bench.log.segment_count() > 3);
    for name in bench.files(".log") {
        assert!(std::fs::metadata(bench.path().join(name)).unwrap().len() <= 1000);
    }
    for from in 0..120 {
        let read = headers(&read_all(&bench.log.reader(), Offset(from)));
        assert_eq!(read.first().unwrap().base_offset, Offset(from / 3 * 3), "from {from}");
        assert_eq!(read.last().unwrap().last_offset(), Offset(119));
    }
    assert_eq!(bench.files(".log").len(), bench.log.segment_count());
    assert_eq!(bench.files(".snapshot").len(), bench.log.segment_count() - 1);
}

#[test]
fn segments_roll_by_the_records_time() {
    let config = LogConfig { segment_ms: 1000, ..LogConfig::default() };
    let mut bench = Bench::new(config);
    let at = |timestamp| build(BuilderOptions::default(), &[timestamp], 1);
    for (timestamp, segments) in [(5000, 1), (6000, 1), (6001, 2), (7001, 2), (9000, 3)] {
        bench.append(at(timestamp));
        assert_eq!(bench.log.segment_count(), segments, "at {timestamp}");
    }
}

#[test]
fn segments_without_timestamps_roll_by_the_clock() {
    let config = LogConfig { segment_ms: 1000, ..LogConfig::default() };
    let mut bench = Bench::new(config);
    for (now, segments) in [(NOW, 1), (NOW + 1000, 1), (NOW + 1001, 2)] {
        let mut batch = build(BuilderOptions::default(), &[-1], 1);
        bench.log.append_as_leader(&mut batch, EPOCH, now).unwrap();
        assert_eq!(bench.log.segment_count(), segments);
    }
}

#[test]
fn segments_roll_when_an_index_is_full() {
    let config =
        LogConfig { index_interval_bytes: 1, segment_index_bytes: 96, ..LogConfig::default() };
    let mut bench = Bench::new(config);
    for _ in 0..30 {
        bench.append(plain(1));
    }
    for name in bench.files(".index") {
        assert!(std::fs::metadata(bench.path().join(name)).unwrap().len() <= 96);
    }
    assert!(bench.log.segment_count() >= 2);
}

#[test]
fn a_batch_larger_than_a_segment_is_refused() {
    let mut bench = Bench::new(small());
    let mut batch = build(BuilderOptions::default(), &[NOW], 1000);
    let error = bench.log.append_as_leader(&mut batch, EPOCH, NOW).unwrap_err();
    assert_eq!(error.code(), ottla_types::ErrorCode::RecordListTooLarge);
    assert_eq!(bench.log.log_end_offset(), Offset::ZERO);
}

#[test]
fn what_is_refused_or_there_already_does_not_hinder_what_follows() {
    let mut bench = Bench::new(small());
    let mut batches: Vec<Vec<u8>> =
        vec![plain(2), produced(1, 0, 0, 2), produced(1, 0, 0, 2), produced(1, 0, 9, 1), plain(1)];
    batches.extend(vec![plain(3); 10]);
    let appended = batches.iter_mut().map(|batch| bench.log.append_as_leader(batch, EPOCH, NOW));
    let results: Vec<_> = appended.collect();
    let bases: Vec<i64> =
        results.iter().map(|r| r.as_ref().map_or(-1, |appended| appended.base_offset.0)).collect();
    let mut expected = vec![0, 2, 2, -1, 4];
    expected.extend((0..10).map(|n| 5 + 3 * n));
    assert_eq!(bases, expected);
    assert!(results[2].as_ref().unwrap().duplicate);
    assert!(matches!(results[3], Err(AppendError::OutOfOrderSequence { .. })));
    assert!(bench.log.segment_count() > 1);
    assert_eq!(headers(&read_all(&bench.log.reader(), Offset(0))).len(), 13);
}

#[test]
fn a_follower_has_the_leaders_bytes() {
    let mut leader = Bench::new(small());
    for count in 1..20 {
        leader.append(plain(count % 4 + 1));
    }
    let mut follower = Bench::new(LogConfig { segment_bytes: 700, ..small() });
    let bytes = read_all(&leader.log.reader(), Offset(0));
    let half = bytes.len() / 2;
    let end = follower.log.append_as_follower(&bytes[..half], NOW).unwrap();
    let taken: usize = headers(&bytes[..half]).iter().map(BatchHeader::size).sum();
    assert!(end < leader.log.log_end_offset());
    follower.log.append_as_follower(&bytes[taken..], NOW).unwrap();
    assert_eq!(follower.bytes(), leader.bytes());
    assert_eq!(follower.log.log_end_offset(), leader.log.log_end_offset());
    assert_eq!(follower.log.epochs(), leader.log.epochs());
    let again = follower.log.append_as_follower(&bytes, NOW).unwrap_err();
    assert!(matches!(again, AppendError::OffsetsOutOfOrder { .. }));
}

#[test]
fn a_follower_takes_what_comes_before_a_batch_that_it_refuses() {
    let mut leader = Bench::new(LogConfig::default());
    for count in 1..5 {
        leader.append(plain(count));
    }
    let bytes = leader.bytes();
    let sizes: Vec<usize> = headers(&bytes).iter().map(BatchHeader::size).collect();
    let half = sizes[..2].iter().sum::<usize>();
    let mut follower = Bench::new(LogConfig::default());
    let twice = [&bytes[..half], &bytes[..]].concat();
    let refused = follower.log.append_as_follower(&twice, NOW).unwrap_err();
    assert!(matches!(refused, AppendError::OffsetsOutOfOrder { .. }), "{refused}");
    assert_eq!(follower.bytes(), &bytes[..half]);
    let mut broken = bytes[half..].to_vec();
    broken[sizes[2] + 16] = 9;
    follower.log.append_as_follower(&broken, NOW).unwrap_err();
    follower.log.append_as_follower(&bytes[half + sizes[2]..], NOW).unwrap();
    assert_eq!(follower.bytes(), bytes);
    assert_eq!(read_all(&follower.log.reader(), Offset(0)), bytes);
}

#[test]
fn epochs_are_noted_with_their_first_offset() {
    let mut bench = Bench::new(LogConfig::default());
    let mut batch = plain(3);
    bench.log.append_as_leader(&mut batch, LeaderEpoch(1), NOW).unwrap();
    bench.log.assign_leader_epoch(LeaderEpoch(2));
    bench.log.append_as_leader(&mut batch, LeaderEpoch(4), NOW).unwrap();
    bench = bench.restart();
    assert_eq!(
        bench.log.epochs().entries(),
        [(LeaderEpoch(1), Offset(0)), (LeaderEpoch(4), Offset(3))]
    );
    assert_eq!(bench.log.leader_epoch_for(Offset(2)), Some(LeaderEpoch(1)));
    assert_eq!(bench.log.epoch_end_offset(LeaderEpoch(1)), Some((LeaderEpoch(1), Offset(3))));
    let text = std::fs::read_to_string(bench.path().join("leader-epoch-checkpoint")).unwrap();
    assert_eq!(text, "0\n2\n1 0\n4 3\n");
}

#[test]
fn the_topic_id_is_kept_and_another_one_is_refused() {
    let bench = Bench::new(LogConfig::default());
    let text = std::fs::read_to_string(bench.path().join("partition.metadata")).unwrap();
    assert_eq!(text, format!("version: 0\ntopic_id: {}", Uuid([7; 16])));
    let other = open(bench.temp.path(), &bench.config, |options| options.topic_id = Uuid([8; 16]));
    assert!(matches!(other, Err(LogError::InconsistentTopicId { .. })));
    let any = open(bench.temp.path(), &bench.config, |options| options.topic_id = Uuid::ZERO);
    assert_eq!(any.unwrap().topic_id(), Uuid([7; 16]));
}

/// Seven batches of a producer, with those of another one between them.
fn seven_batches(config: LogConfig) -> Bench {
    let mut bench = Bench::new(config);
    for sequence in 0..7 {
        bench.append(produced(1, 0, sequence * 2, 2));
        bench.append(produced(2, 0, sequence * 3, 3));
    }
    bench
}

#[test]
fn batches_that_come_again_after_a_stop_are_known_although_the_snapshot_has_the_last_one_only() {
    for config in [LogConfig::default(), small(), LogConfig { segment_bytes: 200, ..small() }] {
        for is_crash in [false, true] {
            let bench = seven_batches(config.clone());
            let mut bench = if is_crash { bench.crash() } else { bench.restart() };
            let end = bench.log.log_end_offset();
            for sequence in [2, 3, 4, 5, 6] {
                let again = bench.append(produced(1, 0, sequence * 2, 2));
                assert!(again.duplicate);
                assert_eq!(again.base_offset, Offset(i64::from(sequence) * 5));
            }
            // Older ones are out of order, as ever, and so is what never was one batch.
            for (sequence, count) in [(0, 2), (2, 2), (6, 1), (5, 2)] {
                let mut batch = produced(1, 0, sequence, count);
                let refused = bench.log.append_as_leader(&mut batch, EPOCH, NOW).unwrap_err();
                assert!(matches!(refused, AppendError::OutOfOrderSequence { .. }), "{refused}");
            }
            assert_eq!(bench.log.log_end_offset(), end);
            assert_eq!(bench.append(produced(1, 0, 14, 2)).base_offset, end);
        }
    }
}

#[test]
fn batches_of_an_older_epoch_are_not_taken_for_those_of_this_one() {
    let mut bench = seven_batches(LogConfig::default());
    bench.append(produced(1, 1, 0, 4));
    bench.append(produced(1, 1, 4, 4));
    let mut bench = bench.restart();
    let mut batch = produced(1, 1, 2, 2);
    let refused = bench.log.append_as_leader(&mut batch, EPOCH, NOW).unwrap_err();
    assert!(matches!(refused, AppendError::OutOfOrderSequence { .. }), "{refused}");
    assert!(bench.append(produced(1, 1, 0, 4)).duplicate);
}

/// Room on the disk that a segment of a partition takes, in bytes.
fn room(bench: &Bench, base_offset: u64) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let path = bench.path().join(format!("{base_offset:020}.log"));
    std::fs::metadata(path).unwrap().blocks() * 512
}

#[test]
fn room_that_was_reserved_is_given_back_once_nothing_will_be_written_there() {
    let bytes = 1 << 20;
    let config = LogConfig { preallocate: true, segment_bytes: 1 << 20, ..LogConfig::default() };
    let mut bench = Bench::new(config);
    assert!(room(&bench, 0) >= bytes);
    bench.append(plain(1));
    assert!(room(&bench, 0) >= bytes);
    bench.log.roll(NOW).unwrap();
    assert!(room(&bench, 0) < bytes && room(&bench, 1) >= bytes);
    bench.append(plain(1));
    let mut bench = bench.crash();
    assert_eq!(bench.append(plain(1)).base_offset, Offset(2));
    let bench = bench.restart();
    assert!(room(&bench, 1) < bytes);
    assert_eq!(bench.log.log_end_offset(), Offset(3));
}
