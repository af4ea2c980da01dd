//! Opening again after a clean stop, a crash, and damage.

use super::*;

fn cut(bench: &Bench, name: &str, size: usize) {
    let file = std::fs::OpenOptions::new().write(true).open(bench.path().join(name)).unwrap();
    file.set_len(size as u64).unwrap();
}

fn filled(config: LogConfig, batches: usize) -> Bench {
    let mut bench = Bench::new(config);
    for _ in 0..batches {
        bench.append(plain(3));
    }
    bench
}

#[test]
fn a_clean_restart_changes_nothing() {
    let mut bench = filled(small(), 30);
    bench.append(produced(5, 1, 0, 2));
    let (bytes, end) = (bench.bytes(), bench.log.log_end_offset());
    let largest = bench.log.active.largest;
    for _ in 0..3 {
        bench = bench.restart();
        assert_eq!(bench.log.log_end_offset(), end);
        assert_eq!(bench.log.recovery_point(), end);
        assert_eq!(bench.log.active.largest, largest);
        assert_eq!(read_all(&bench.log.reader(), Offset(0)), bytes);
        assert_eq!(bench.log.producers().count(), 1);
        assert!(!bench.log.changed);
    }
    assert!(bench.append(produced(5, 1, 0, 2)).duplicate);
    assert_eq!(bench.append(produced(5, 1, 2, 2)).base_offset, end);
}

#[test]
fn an_empty_log_restarts_empty() {
    let bench = Bench::new(LogConfig::default()).restart().restart().crash();
    assert_eq!(bench.log.log_end_offset(), Offset::ZERO);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_to_whole_batches() {
    let sizes = [plain(2).len(), plain(1).len(), plain(4).len()];
    let total: usize = sizes.iter().sum();
    for size in 0..=total {
        let mut bench = Bench::new(LogConfig { index_interval_bytes: 1, ..LogConfig::default() });
        for count in [2, 1, 4] {
            bench.append(plain(count));
        }
        bench.log.checkpoint().unwrap();
        cut(&bench, "00000000000000000000.log", size);
        let whole = [0, sizes[0], sizes[0] + sizes[1], total];
        let ends = [0, 2, 3, 7];
        let kept = whole.iter().rposition(|end| *end <= size).unwrap();
        let mut bench = bench.crash();
        assert_eq!(bench.log.log_end_offset(), Offset(ends[kept]), "cut to {size}");
        assert_eq!(bench.bytes().len(), whole[kept], "cut to {size}");
        assert_eq!(bench.append(plain(2)).base_offset, Offset(ends[kept]));
        assert_eq!(read_all(&bench.log.reader(), Offset(0)), bench.bytes());
    }
}

#[test]
fn a_flipped_bit_after_the_recovery_point_cuts_the_log_there() {
    let size = plain(3).len();
    for at in [0, 5, 16, 22, size - 1] {
        let bench = filled(small(), 30);
        let name = bench.files(".log").swap_remove(1);
        let path = bench.path().join(&name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[size + at] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        let first: i64 = name.trim_end_matches(".log").parse().unwrap();
        let bench = bench.crash();
        // The base offset and the leader epoch are not covered by the checksum, and a base offset
        // that was raised looks like what compaction leaves.
        if at >= 16 {
            assert_eq!(bench.log.log_end_offset(), Offset(first + 3), "flipped {at}");
            assert_eq!(bench.files(".log").len(), 2);
        }
        assert_eq!(read_all(&bench.log.reader(), Offset(0)), bench.bytes());
    }
}

#[test]
fn zeros_after_the_last_batch_are_cut() {
    let bench = filled(LogConfig::default(), 3);
    let bytes = bench.bytes();
    cut(&bench, "00000000000000000000.log", bytes.len() + 5000);
    let bench = bench.crash();
    assert_eq!(bench.log.log_end_offset(), Offset(9));
    assert_eq!(bench.bytes(), bytes);
}

#[test]
fn damage_before_the_recovery_point_is_an_error() {
    let mut bench = filled(LogConfig::default(), 5);
    bench.log.sync(NOW).unwrap();
    assert_eq!(bench.log.recovery_point(), Offset(15));
    let path = bench.path().join("00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let opened = open(bench.temp.path(), &bench.config, |options| {
        options.recovery_point = Offset(15);
    });
    let Err(LogError::Damaged { position, .. }) = opened else { panic!("{opened:?}") };
    assert_eq!(position, 4 * plain(3).len() as u64);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn only_what_follows_the_recovery_point_is_read() {
    let config = LogConfig { index_interval_bytes: 1, ..LogConfig::default() };
    let mut bench = filled(config, 10);
    bench.log.sync(NOW).unwrap();
    bench.log.checkpoint().unwrap();
    bench.append(plain(3));
    // Damage that only reading from the start would find.
    let path = bench.path().join("00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[plain(3).len() - 1] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let bench = bench.crash();
    assert_eq!(bench.log.log_end_offset(), Offset(33));
}

#[test]
fn lost_or_wrong_indexes_are_made_anew() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("removed", |path| std::fs::remove_file(path).unwrap()),
        ("emptied", |path| std::fs::write(path, b"").unwrap()),
        ("garbage", |path| std::fs::write(path, [0xab; 40]).unwrap()),
        ("zeros", |path| std::fs::write(path, [0; 40]).unwrap()),
        ("odd size", |path| std::fs::write(path, [1; 7]).unwrap()),
    ];
    for suffix in [".index", ".timeindex"] {
        for (what, damage) in damages {
            for clean in [false, true] {
                let mut bench = filled(small(), 30);
                bench.log.close(NOW).unwrap();
                for name in bench.files(suffix) {
                    damage(&bench.path().join(name));
                }
                let bytes = bench.bytes();
                let mut bench = if clean { bench.restart() } else { bench.crash() };
                assert_eq!(bench.log.log_end_offset(), Offset(90), "{suffix} {what} {clean}");
                assert_eq!(bench.bytes(), bytes);
                for from in (0..90).step_by(7) {
                    let range = bench.log.reader().read(Offset(from), 1, Offset(90), true).unwrap();
                    assert_eq!(range.base_offset, Offset(from / 3 * 3), "{suffix} {what} {clean}");
                }
                bench.log.apply_retention(NOW, Offset(90)).unwrap();
                assert_eq!(bench.log.log_start_offset(), Offset(0));
            }
        }
    }
}

#[test]
fn an_index_that_kafka_left_padded_is_read() {
    let mut bench = filled(LogConfig { index_interval_bytes: 1, ..LogConfig::default() }, 30);
    bench.log.close(NOW).unwrap();
    for suffix in [".index", ".timeindex"] {
        let path = bench.path().join(format!("00000000000000000000{suffix}"));
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(if suffix == ".index" { 10_485_760 } else { 10_485_756 }).unwrap();
    }
    bench.log = open(bench.temp.path(), &bench.config, |options| {
        options.clean_shutdown = true;
        options.recovery_point = Offset(90);
    })
    .unwrap();
    assert_eq!(bench.log.log_end_offset(), Offset(90));
    let count = bench.log.active_segment.offset_index.count(bench.log.dir.as_ref()).unwrap();
    assert_eq!(count, 29);
    bench.append(plain(3));
    bench.log.close(NOW).unwrap();
    let index = std::fs::metadata(bench.path().join("00000000000000000000.index")).unwrap();
    assert_eq!(index.len(), 30 * 8);
}

#[test]
fn producers_survive_a_crash_by_snapshot_and_replay() {
    let mut bench = Bench::new(small());
    for sequence in 0..40 {
        bench.append(produced(1, 0, sequence * 2, 2));
        bench.append(produced(2, 3, sequence, 1));
    }
    let before: Vec<(ProducerId, Producer)> =
        bench.log.producers().map(|(id, producer)| (id, producer.clone())).collect();
    // Without the newest snapshots more is replayed, with the same result.
    for name in bench.files(".snapshot").iter().rev().take(2) {
        std::fs::write(bench.path().join(name), b"torn").unwrap();
    }
    let bench = bench.crash();
    let after: Vec<(ProducerId, Producer)> =
        bench.log.producers().map(|(id, producer)| (id, producer.clone())).collect();
    assert_eq!(after, before);
    assert_eq!(bench.files(".snapshot").len(), bench.log.segment_count() - 1);
}

#[test]
fn leader_epochs_that_were_lost_are_found_in_the_batches() {
    let mut bench = Bench::new(LogConfig::default());
    for epoch in [1, 1, 4, 6] {
        bench.log.append_as_leader(&mut plain(2), LeaderEpoch(epoch), NOW).unwrap();
    }
    bench.log.close(NOW).unwrap();
    let epochs = bench.log.epochs().clone();
    for content in [&b"\0\0\0\0"[..], b""] {
        std::fs::write(bench.path().join("leader-epoch-checkpoint"), content).unwrap();
        if content.is_empty() {
            std::fs::remove_file(bench.path().join("leader-epoch-checkpoint")).unwrap();
        }
        bench = bench.restart();
        assert_eq!(bench.log.epochs(), &epochs);
    }
}

#[test]
fn a_log_that_ends_before_its_checkpoints_is_an_error_and_stays() {
    let bench = filled(small(), 20);
    let bytes = bench.bytes();
    for clean in [false, true] {
        let starts_late = open(bench.temp.path(), &bench.config, |options| {
            options.log_start_offset = Offset(100);
            options.clean_shutdown = clean;
        });
        assert!(matches!(starts_late, Err(LogError::Incomplete { .. })), "{starts_late:?}");
        let ends_early = open(bench.temp.path(), &bench.config, |options| {
            options.recovery_point = Offset(61);
            options.clean_shutdown = clean;
        });
        let error = ends_early.unwrap_err().to_string();
        assert!(error.contains("recovery-point-offset-checkpoint"), "{error}");
    }
    assert_eq!(bench.bytes(), bytes);
}

#[test]
fn a_log_that_is_missing_beside_its_index_is_an_error() {
    for cleanup_compact in [false, true] {
        let mut bench = filled(LogConfig { cleanup_compact, ..small() }, 40);
        bench.log.close(NOW).unwrap();
        for name in bench.files(".log") {
            let path = bench.path().join(&name);
            let content = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let opened = open(bench.temp.path(), &bench.config, |_| {});
            let Err(LogError::Missing { path: missing, .. }) = opened else { panic!("{opened:?}") };
            assert_eq!(missing, path);
            std::fs::write(&path, content).unwrap();
        }
    }
}

/// The names and contents of all files.
fn contents(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    let names = bench.files("").into_iter();
    names.map(|name| (name.clone(), std::fs::read(bench.path().join(name)).unwrap())).collect()
}

/// A second look finds the same, and so does one after a file was brought back.
#[test]
fn a_log_that_is_refused_stays_as_it_is() {
    for clean_shutdown in [false, true] {
        for synced_one_by_one in [false, true] {
            let mut bench = filled(small(), 20);
            bench.log.close(NOW).unwrap();
            let whole = contents(&bench);
            std::fs::write(bench.path().join("leader-epoch-checkpoint.tmp"), b"x").unwrap();
            for lost in [&["log"][..], &["log", "index", "timeindex"]] {
                for base in 0..3 {
                    let stem = bench.files(".log")[base].trim_end_matches(".log").to_owned();
                    for kind in lost {
                        let path = bench.path().join(format!("{stem}.{kind}"));
                        std::fs::remove_file(path).unwrap();
                    }
                    let before = contents(&bench);
                    let look = || {
                        let opened = open(bench.temp.path(), &bench.config, |options| {
                            options.recovery_point = Offset(i64::try_from(base).unwrap() * 24 + 5);
                            options.recovery_point = options.recovery_point.min(Offset(60));
                            options.clean_shutdown = clean_shutdown;
                            options.left_by_ottla = true;
                            options.synced_one_by_one = synced_one_by_one;
                        });
                        opened.err().map(|error| error.to_string())
                    };
                    let first = look();
                    // Of a first segment that is gone as a whole only the leader epochs tell.
                    let is_told = lost.len() == 1 || base > 0 || clean_shutdown;
                    assert_eq!(first.is_some(), is_told, "{stem} {lost:?}: {first:?}");
                    if is_told {
                        assert_eq!(contents(&bench), before, "{stem} {lost:?}: {first:?}");
                        assert_eq!(look(), first);
                    }
                    for (name, content) in &whole {
                        std::fs::write(bench.path().join(name), content).unwrap();
                    }
                }
            }
        }
    }
}

/// As the cluster metadata is, where each batch was synced.
#[test]
fn a_log_that_has_lost_its_only_segment_is_refused_and_stays_as_it_is() {
    for has_index in [false, true] {
        let mut bench = filled(LogConfig::default(), 5);
        bench.log.close(NOW).unwrap();
        let suffixes = if has_index { &["log"][..] } else { &["log", "index", "timeindex"] };
        for suffix in suffixes {
            let name = format!("00000000000000000000.{suffix}");
            std::fs::remove_file(bench.path().join(name)).unwrap();
        }
        let before = contents(&bench);
        for _ in 0..2 {
            let opened = open(bench.temp.path(), &bench.config, |options| {
                options.recovery_point = Offset(15);
                options.synced_one_by_one = true;
            });
            match opened {
                Err(LogError::Missing { .. }) => assert!(has_index),
                Err(LogError::Incomplete { .. }) => assert!(!has_index),
                opened => panic!("{opened:?}"),
            }
            assert_eq!(contents(&bench), before);
        }
    }
}

/// The log is renamed first: indexes beside one that waits to be removed are no sign of a lost one.
#[test]
fn what_retention_was_about_to_delete_is_tidied_up() {
    let mut bench = filled(small(), 40);
    bench.log.close(NOW).unwrap();
    let logs = bench.files(".log");
    let first = bench.path().join(&logs[0]);
    std::fs::rename(&first, first.with_extension("log.deleted")).unwrap();
    let in_order = open(bench.temp.path(), &bench.config, |options| options.clean_shutdown = true);
    assert!(matches!(in_order, Err(LogError::Missing { .. })), "{in_order:?}");
    let bench = bench.crash();
    assert_eq!(bench.files(".log"), logs[1..]);
    assert_eq!(bench.files(".index").len(), logs.len() - 1);
    assert_eq!(bench.files(".deleted"), Vec::<String>::new());
}

#[test]
fn nothing_follows_a_hole() {
    for compacted in [false, true] {
        let config = LogConfig { cleanup_compact: compacted, ..small() };
        let bench = filled(config, 40);
        let logs = bench.files(".log");
        let first = std::fs::metadata(bench.path().join(&logs[1])).unwrap().len();
        cut(&bench, &logs[1], usize::try_from(first).unwrap() - plain(3).len());
        let second: i64 = logs[2].trim_end_matches(".log").parse().unwrap();
        let bench = bench.crash();
        // Of a log that is compacted nobody knows whether the batch was cut off or cleaned away.
        let end = if compacted { 120 } else { second - 3 };
        assert_eq!(bench.log.log_end_offset(), Offset(end), "compacted: {compacted}");
        assert_eq!(bench.files(".log").len(), if compacted { logs.len() } else { 2 });
    }
}

/// A replica of a topic that is no longer compacted, with what compaction has left of it: of the
/// first batches every fourth one.
fn with_holes(config: LogConfig) -> Bench {
    let mut leader = Bench::new(LogConfig::default());
    for _ in 0..40 {
        leader.append(plain(1));
    }
    let mut bench = Bench::new(config);
    for (number, batch) in leader.bytes().chunks(plain(1).len()).enumerate() {
        if number % 4 == 0 || number > 27 {
            bench.log.append_as_follower(batch, NOW).unwrap();
        }
    }
    bench
}

/// Segments with so many of its batches.
fn of_batches(count: usize) -> LogConfig {
    let size = plain(1).len() * count;
    LogConfig { segment_bytes: u32::try_from(size).unwrap(), ..LogConfig::default() }
}

#[test]
fn what_compaction_took_away_is_no_hole_whatever_the_settings_are_now() {
    for (config, segments) in [(LogConfig::default(), 1), (of_batches(4), 5), (of_batches(3), 7)] {
        let mut bench = with_holes(config);
        let bytes = bench.bytes();
        bench.log.sync(NOW).unwrap();
        let point = bench.log.recovery_point();
        for recovery_point in [Offset::ZERO, Offset(14), point] {
            let change = |options: &mut OpenOptions| options.recovery_point = recovery_point;
            bench.log = open(bench.temp.path(), &bench.config, change).unwrap();
            assert_eq!(bench.log.log_end_offset(), Offset(40));
            assert_eq!((bench.bytes(), bench.files(".log").len()), (bytes.clone(), segments));
            assert_eq!(read_all(&bench.log.reader(), Offset(0)), bytes);
        }
    }
}

/// Raises the offset of a segment's last batch, which looks like a hole before it.
fn raise_last(bench: &Bench, name: &str) {
    let path = bench.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - plain(1).len();
    bytes[at + 6] = 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_hole_that_nothing_bears_out_ends_the_log() {
    let filled = |config: LogConfig| {
        let mut bench = Bench::new(config);
        for _ in 0..12 {
            bench.append(plain(1));
        }
        bench
    };
    // At the end, and before another segment.
    for (config, segment, end) in [(LogConfig::default(), 0, 11), (of_batches(4), 1, 7)] {
        let bench = filled(config);
        raise_last(&bench, &bench.files(".log")[segment]);
        assert_eq!(bench.crash().log.log_end_offset(), Offset(end));
    }
    // Nor does it bear out that what the segment before has lost was compacted away.
    let bench = filled(of_batches(4));
    let logs = bench.files(".log");
    cut(&bench, &logs[1], plain(1).len());
    raise_last(&bench, &logs[2]);
    assert_eq!(bench.crash().log.log_end_offset(), Offset(5));
    // And where each batch was synced before the next one, none is cut off for it.
    let bench = with_holes(LogConfig::default());
    let opened = open(bench.temp.path(), &bench.config, |options| options.synced_one_by_one = true);
    assert!(matches!(opened, Err(LogError::Damaged { .. })), "{opened:?}");
}

#[test]
fn what_a_crash_left_behind_is_tidied_up() {
    let bench = filled(LogConfig { cleanup_compact: true, ..LogConfig::default() }, 2);
    for name in [
        "00000000000000000000.log.deleted",
        "00000000000000000000.log.cleaned",
        "leader-epoch-checkpoint.tmp",
        "00000000000000000077.log.deleted",
        "00000000000000000077.index",
    ] {
        std::fs::write(bench.path().join(name), b"x").unwrap();
    }
    std::fs::write(bench.path().join("notes"), b"mine").unwrap();
    let bench = bench.crash();
    let left = bench.files("");
    assert!(left.contains(&"notes".to_owned()));
    let leftover = |name: &&String| {
        name.contains("deleted")
            || name.contains("cleaned")
            || name.contains("tmp")
            || name.contains("77")
    };
    assert_eq!(left.iter().find(leftover), None);
}

#[test]
fn a_compaction_that_was_interrupted_is_finished() {
    let bench = filled(small(), 30);
    let logs = bench.files(".log");
    // The first two segments were merged into one.
    let mut merged = std::fs::read(bench.path().join(&logs[0])).unwrap();
    merged.extend(std::fs::read(bench.path().join(&logs[1])).unwrap());
    std::fs::write(bench.path().join(format!("{}.swap", logs[0])), &merged).unwrap();
    let bytes = bench.bytes();
    let bench = bench.crash();
    assert_eq!(bench.files(".swap"), Vec::<String>::new());
    assert_eq!(bench.files(".log").len(), logs.len() - 1);
    assert_eq!(bench.bytes(), bytes);
    assert_eq!(read_all(&bench.log.reader(), Offset(0)), bytes);
}

#[test]
fn only_the_last_batch_is_torn_where_each_was_synced_before_the_next() {
    for config in [LogConfig::default(), small()] {
        let bench = filled(config, 12);
        let (whole, logs) = (bench.bytes(), bench.files(".log"));
        let last = logs.last().unwrap();
        let size = plain(3).len();
        let reopen =
            || open(bench.temp.path(), &bench.config, |options| options.synced_one_by_one = true);
        for (number, batch) in whole.chunks(size).enumerate() {
            let name =
                logs.iter().rfind(|name| name.as_str() <= &*format!("{:020}.log", number * 3));
            let path = bench.path().join(name.unwrap());
            let before = std::fs::read(&path).unwrap();
            let at = before.windows(size).position(|window| window == batch).unwrap();
            let mut damaged = before.clone();
            // Its length, too, may be what is damaged.
            damaged[at + if number % 2 == 0 { 10 } else { size - 1 }] ^= 4;
            let is_last = number == 11;
            std::fs::write(&path, &damaged).unwrap();
            match reopen() {
                Ok(log) => assert_eq!((is_last, log.log_end_offset()), (true, Offset(33))),
                Err(LogError::Damaged { position, .. }) => {
                    assert_eq!((is_last, position), (false, at as u64));
                    assert_eq!(std::fs::read(&path).unwrap(), damaged, "it is left as it was");
                    std::fs::write(&path, &before).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
        if logs.len() > 1 {
            // A segment that ends early, and one behind it.
            cut(&bench, &logs[0], size);
            let opened = reopen();
            assert!(matches!(opened, Err(LogError::Damaged { .. })), "{opened:?}");
            assert!(bench.path().join(last).exists());
        }
    }
}

/// An offset that was raised in the last segment looks like a hole before it, but no crash leaves
/// behind it what belongs into that hole.
#[test]
fn nothing_is_cut_off_behind_an_offset_that_was_raised() {
    let mut bench = Bench::new(LogConfig { cleanup_compact: true, ..LogConfig::default() });
    bench.append(plain(3));
    bench.append(plain(3));
    let end = bench.log.log_end_offset();
    bench.log.close(NOW).unwrap();
    let path = bench.path().join("00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5] = 1;
    std::fs::write(&path, &bytes).unwrap();
    for (clean, recovery_point) in [(true, end), (false, end), (false, Offset(0))] {
        let opened = open(bench.temp.path(), &bench.config, |options| {
            options.clean_shutdown = clean;
            options.recovery_point = recovery_point;
        });
        assert!(matches!(opened, Err(LogError::Damaged { .. })), "{opened:?}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
