//! Cutting the tail.

use super::*;

#[test]
fn a_truncated_log_goes_on_from_there() {
    for to in 0..=60 {
        let mut bench = Bench::new(small());
        for n in 0..20 {
            let epoch = LeaderEpoch(n / 5);
            let mut batch = produced(1, 0, n * 3, 3);
            bench.log.append_as_leader(&mut batch, epoch, NOW).unwrap();
        }
        let bytes = bench.bytes();
        bench.log.truncate_to(Offset(to), NOW).unwrap();
        // Whole batches only.
        let end = to / 3 * 3;
        assert_eq!(bench.log.log_end_offset(), Offset(end), "to {to}");
        let kept = bench.bytes();
        assert_eq!(kept, bytes[..kept.len()], "to {to}");
        assert_eq!(headers(&kept).len(), usize::try_from(end / 3).unwrap());
        let newest = bench.log.epochs().latest();
        let last = if end == 0 {
            None
        } else {
            Some(LeaderEpoch((i32::try_from(end).unwrap() / 3 - 1) / 5))
        };
        assert_eq!(newest, last, "to {to}");
        let next = i32::try_from(end).unwrap();
        assert_eq!(bench.append(produced(1, 0, next, 3)).base_offset, Offset(end));
        let bench = bench.crash();
        assert_eq!(bench.log.log_end_offset(), Offset(end + 3));
        assert_eq!(read_all(&bench.log.reader(), Offset(0)), bench.bytes());
    }
}

#[test]
fn a_log_can_start_anew_anywhere() {
    let mut bench = Bench::new(small());
    for _ in 0..20 {
        bench.append(plain(3));
    }
    bench.log.truncate_fully_and_start_at(Offset(5), NOW).unwrap();
    assert_eq!(bench.log.log_start_offset(), Offset(5));
    assert_eq!(bench.append(plain(2)).base_offset, Offset(5));
    assert_eq!(bench.files(".log"), ["00000000000000000005.log"]);
    let mut bench = bench.restart();
    assert_eq!(bench.log.log_end_offset(), Offset(7));
    bench.log.truncate_fully_and_start_at(Offset(5), NOW).unwrap();
    assert_eq!(bench.bytes(), b"");
    assert_eq!(bench.append(plain(2)).base_offset, Offset(5));
}

#[test]
fn a_sync_that_began_before_a_truncation_does_not_count() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(plain(3));
    let task = bench.log.begin_sync(NOW).unwrap();
    task.run().unwrap();
    bench.log.truncate_to(Offset(0), NOW).unwrap();
    bench.append(plain(3));
    assert_eq!(bench.log.finish_sync(&task), Offset(0));
    assert_eq!(bench.log.sync(NOW).unwrap(), Offset(3));
}

/// An index without its log would be taken for what is left of a lost one.
#[test]
fn who_reads_from_a_segment_that_is_gone_makes_no_index() {
    let mut bench = Bench::new(small());
    for _ in 0..20 {
        bench.append(plain(3));
    }
    bench = bench.restart();
    let reader = bench.log.reader();
    // It has opened the logs by now, and no index.
    for segment in reader.segments.iter() {
        segment.file().unwrap();
    }
    bench.log.truncate_to(Offset(3), NOW).unwrap();
    let end = reader.log_end_offset();
    drop(reader.read(Offset(50), 1, end, true));
    drop(reader.offset_for_timestamp(NOW));
    assert_eq!(bench.files(".log"), ["00000000000000000000.log"]);
    assert_eq!(bench.files(".index"), ["00000000000000000000.index"]);
    assert_eq!(bench.files(".timeindex"), ["00000000000000000000.timeindex"]);
}
