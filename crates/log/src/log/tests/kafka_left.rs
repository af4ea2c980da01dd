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
