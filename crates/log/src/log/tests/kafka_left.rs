//! Directories that Kafka left as it may, and that are in order for all that.

use super::*;

fn filled(config: LogConfig, batches: usize) -> Bench {
    let mut bench = Bench::new(config);
    for _ in 0..batches {
        bench.append(plain(3));
    }
    bench
}

/// Opens what was left in order.
fn reopen(bench: &Bench, left_by_ottla: bool, start: Offset) -> Result<Log, LogError> {
    open(bench.temp.path(), &bench.config, |options| {
        options.clean_shutdown = true;
        options.left_by_ottla = left_by_ottla;
        options.log_start_offset = start;
        options.recovery_point = bench.log.log_end_offset();
    })
}

/// Retention has renamed a segment, and Kafka stopped before it wrote the leader epochs.
#[test]
fn leader_epochs_from_before_retention_begin_where_the_first_segment_does() {
    let mut bench = filled(small(), 40);
    bench.log.close(NOW).unwrap();
    let logs = bench.files(".log");
    for kind in ["log", "index", "timeindex"] {
        let path = bench.path().join(&logs[0]).with_extension(kind);
        std::fs::rename(&path, path.with_extension(format!("{kind}.deleted"))).unwrap();
    }
    let own = reopen(&bench, true, Offset::ZERO);
    assert!(matches!(own, Err(LogError::Beheaded { .. })), "{own:?}");
    let start = Offset(logs[1].trim_end_matches(".log").parse().unwrap());
    let mut log = reopen(&bench, false, Offset::ZERO).unwrap();
    assert_eq!(log.log_start_offset(), start);
    assert_eq!(log.epochs().entries(), [(EPOCH, start)]);
    log.close(NOW).unwrap();
    // From then on they are Ottla's own.
    assert_eq!(reopen(&bench, true, Offset::ZERO).unwrap().log_start_offset(), start);
}

/// The same with records that were deleted, which the checkpoint of log starts tells of.
#[test]
fn leader_epochs_from_before_a_deletion_bring_no_record_back() {
    let mut bench = filled(LogConfig::default(), 10);
    bench.log.close(NOW).unwrap();
    // Ottla writes both: here it is the checkpoint that is wrong.
    let own = reopen(&bench, true, Offset(15)).unwrap();
    assert_eq!(own.log_start_offset(), Offset(0));
    let mut log = reopen(&bench, false, Offset(15)).unwrap();
    assert_eq!(log.log_start_offset(), Offset(15));
    assert_eq!(log.epochs().entries(), [(EPOCH, Offset(15))]);
    log.close(NOW).unwrap();
    assert_eq!(reopen(&bench, true, Offset(15)).unwrap().log_start_offset(), Offset(15));
}

/// After a crash, with the start of the log and the recovery point that the checkpoints name.
fn open_after_crash(bench: &Bench, start: i64, point: i64) -> Result<Log, LogError> {
    open(bench.temp.path(), &bench.config, |options| {
        options.log_start_offset = Offset(start);
        options.recovery_point = Offset(point);
    })
}

fn assert_begun_anew(bench: &mut Bench, start: i64) {
    bench.log = open_after_crash(bench, start, start).unwrap();
    bench.log.close(NOW).unwrap();
    bench.log = reopen(bench, true, Offset(start)).unwrap();
    assert_eq!(bench.log.log_start_offset(), Offset(start));
    assert_eq!(bench.log.log_end_offset(), Offset(start));
    assert_eq!(bench.files(".log"), [format!("{start:020}.log")]);
    assert_eq!(bench.files(".index"), [format!("{start:020}.index")]);
    assert_eq!(bench.files(".timeindex"), [format!("{start:020}.timeindex")]);
    assert_eq!(bench.files(".snapshot"), [format!("{start:020}.snapshot")]);
    assert_eq!(bench.log.epochs().entries(), []);
    assert_eq!(bench.log.producers().count(), 0);
    assert_eq!(bench.append(plain(3)).base_offset, Offset(start));
    bench.log.sync(NOW).unwrap();
    bench.log = open_after_crash(bench, start, start).unwrap();
    assert_eq!(bench.log.epochs().entries(), [(EPOCH, Offset(start))]);
    assert_eq!(read_all(&bench.log.reader(), Offset(start)), bench.bytes());
}

/// Of two producers, with 45 records.
fn produced_by_two(config: LogConfig) -> Bench {
    let mut bench = Bench::new(config);
    for sequence in 0..15 {
        bench.append(produced(i64::from(sequence % 2), 0, sequence / 2 * 3, 3));
    }
    bench
}

/// Kafka moves the start of the log and its recovery point, writes both down, and does not sync
/// what it has deleted so: a power cut may take the end of that.
#[test]
fn a_log_that_ends_before_what_was_deleted_begins_anew_behind_it() {
    for config in [LogConfig::default(), small()] {
        for (start, torn) in [(46, 0), (50, 0), (45, 1), (46, 70)] {
            let mut bench = produced_by_two(config.clone());
            if torn > 0 {
                let path = bench.path().join(bench.files(".log").last().unwrap());
                let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
                file.set_len(file.metadata().unwrap().len() - torn).unwrap();
            }
            assert_begun_anew(&mut bench, start);
        }
    }
}

/// The last segment goes first, and of each the log last.
#[test]
fn a_log_that_was_about_to_begin_anew_does_so_after_another_crash() {
    let count = produced_by_two(small()).files(".log").len();
    assert!(count > 1);
    for kept in 0..count {
        let mut bench = produced_by_two(small());
        bench.log.close(NOW).unwrap();
        for name in bench.files(".snapshot") {
            std::fs::remove_file(bench.path().join(name)).unwrap();
        }
        for name in bench.files(".log").iter().skip(kept) {
            for kind in ["timeindex", "index", "log"] {
                let path = bench.path().join(name).with_extension(kind);
                std::fs::remove_file(path).unwrap();
            }
        }
        assert_begun_anew(&mut bench, 46);
    }
}

#[test]
fn no_log_begins_anew_for_one_checkpoint_or_after_a_stop_in_order() {
    let bench = produced_by_two(LogConfig::default());
    let bytes = bench.bytes();
    for (start, point, clean_shutdown) in
        [(46, 46, true), (46, 45, false), (46, 47, false), (45, 46, false), (0, 46, false)]
    {
        let opened = open(bench.temp.path(), &bench.config, |options| {
            options.log_start_offset = Offset(start);
            options.recovery_point = Offset(point);
            options.clean_shutdown = clean_shutdown;
        });
        assert!(matches!(opened, Err(LogError::Incomplete { .. })), "{opened:?}");
        assert_eq!(bench.bytes(), bytes);
    }
    // What lies behind damage is not what a crash has left.
    let path = bench.path().join("00000000000000000000.log");
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let opened = open_after_crash(&bench, 45, 45);
    assert!(matches!(opened, Err(LogError::Damaged { .. })), "{opened:?}");
    assert_eq!(bench.bytes(), damaged);
}
