//! Leader epochs of batches that changed while nobody looked, and those of the checkpoint.

use super::{compaction::*, *};
use crate::{CleanError, ReadError, names};

/// A log with one batch, and offset, of each of these epochs.
fn with_epochs(config: &LogConfig, epochs: &[i32]) -> Bench {
    let mut bench = Bench::new(config.clone());
    for epoch in epochs {
        bench.log.append_as_leader(&mut plain(1), LeaderEpoch(*epoch), NOW).unwrap();
    }
    bench.log.close(NOW).unwrap();
    bench
}

/// Opens it once more, as one that was left in order. The files stay as they are.
fn reopen(bench: &mut Bench) {
    let end = bench.log.log_end_offset();
    let opened = open(bench.temp.path(), &bench.config, |options| {
        options.clean_shutdown = true;
        options.left_by_ottla = true;
        options.recovery_point = end;
    });
    bench.log = opened.unwrap();
}

/// All of it in one segment, and each batch in one of its own.
fn configs() -> [LogConfig; 2] {
    let alone = u32::try_from(plain(1).len()).unwrap();
    [LogConfig::default(), LogConfig { segment_bytes: alone, ..LogConfig::default() }]
}

/// Changes the leader epoch of a batch.
fn change(bench: &Bench, offset: i64, epoch: i32) {
    for name in bench.files(".log") {
        let path = bench.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let mut position = 0;
        for header in headers(&bytes.clone()) {
            if header.base_offset == Offset(offset) {
                bytes[position + 12..position + 16].copy_from_slice(&epoch.to_be_bytes());
            }
            position += header.size();
        }
        std::fs::write(&path, bytes).unwrap();
    }
}

fn write_checkpoint(bench: &Bench, lines: &[&str]) {
    let text = format!("0\n{}\n{}\n", lines.len(), lines.join("\n"));
    std::fs::write(bench.path().join(names::LEADER_EPOCHS), text).unwrap();
}

/// The offsets that cannot be read, by reads that begin there and by one of all that comes before.
fn refused(bench: &Bench) -> Vec<i64> {
    let end = bench.log.log_end_offset();
    let is_refused = |offset: &i64| {
        let reader = bench.log.reader();
        match reader.read(Offset(*offset), 1, end, true) {
            Ok(_) => false,
            Err(ReadError::Damaged { cause, .. }) => {
                assert!(cause.contains("by leader-epoch-checkpoint"), "{cause}");
                true
            }
            Err(error) => panic!("{error}"),
        }
    };
    let backwards: Vec<i64> = (0..end.0).rev().filter(is_refused).collect();
    let forwards: Vec<i64> = (0..end.0).filter(is_refused).collect();
    assert!(forwards.iter().eq(backwards.iter().rev()), "{forwards:?} and {backwards:?}");
    forwards
}

#[test]
fn a_leader_epoch_that_changed_is_damage_where_epochs_would_not_only_grow() {
    let epochs = [1, 1, 3, 3, 3, 6, 7, 7];
    for config in configs() {
        let mut bench = with_epochs(&config, &epochs);
        for (offset, epoch, is_damage) in [
            // The first one of the log.
            (0, 0, true),
            (0, 2, true),
            (0, i32::MIN, true),
            // The last one of an epoch.
            (1, 0, true),
            (1, 9, true),
            (1, 2, false),
            (1, 3, false),
            // The first one of an epoch. Nobody has heard of epoch 2.
            (2, 2, true),
            (2, 4, true),
            (2, 1, false),
            // One in the middle.
            (3, 2, true),
            (3, 7, true),
            (3, i32::MIN, true),
            // The only one of its epoch.
            (5, 1, true),
            (5, 4, false),
            (5, 8, true),
            // The last one of the log.
            (7, 3, true),
            (7, 8, false),
            // This says that nothing is known.
            (3, -1, false),
        ] {
            change(&bench, offset, epoch);
            reopen(&mut bench);
            let expected = if is_damage { vec![offset] } else { Vec::new() };
            assert_eq!(refused(&bench), expected, "{epoch} at offset {offset}");
            change(&bench, offset, epochs[usize::try_from(offset).unwrap()]);
        }
    }
}

#[test]
fn the_batches_beside_one_that_is_damaged_are_read() {
    let bench = with_epochs(&LogConfig::default(), &[4; 9]);
    let bytes = bench.bytes();
    change(&bench, 5, 6);
    let bench = bench.restart();
    let reader = bench.log.reader();
    let before = reader.read(Offset(0), usize::MAX, Offset(9), true).unwrap().read().unwrap();
    assert_eq!(before, bytes[..5 * plain(1).len()]);
    let error = reader.read(Offset(5), usize::MAX, Offset(9), true).unwrap_err().to_string();
    assert!(error.contains("its leader epoch is 6, and 4 by leader-epoch-checkpoint"), "{error}");
    let after = reader.read(Offset(6), usize::MAX, Offset(9), true).unwrap().read().unwrap();
    assert_eq!(after, bytes[6 * plain(1).len()..]);
}

#[test]
fn no_batch_is_refused_for_a_checkpoint_that_is_wrong() {
    let epochs = [1, 1, 3, 5, 5, 5, 6, 7, 7];
    let right = ["1 0", "3 2", "5 3", "6 6", "7 7"];
    for config in configs() {
        let mut bench = with_epochs(&config, &epochs);
        let bytes = bench.bytes();
        let mut check = |lines: &[&str]| {
            write_checkpoint(&bench, lines);
            reopen(&mut bench);
            assert_eq!(refused(&bench), [0; 0], "{lines:?}");
            assert_eq!(read_all(&bench.log.reader(), Offset(0)), bytes, "{lines:?}");
        };
        // Older ones.
        (0..right.len()).for_each(|count| check(&right[..count]));
        // One number is another one.
        for line in 0..right.len() {
            for number in 0..10 {
                let (epoch, start) = right[line].split_once(' ').unwrap();
                for changed in [format!("{epoch} {number}"), format!("{number} {start}")] {
                    let mut lines = right;
                    lines[line] = &changed;
                    check(&lines);
                }
            }
        }
    }
}

#[test]
fn a_checkpoint_from_before_does_not_bring_back_what_was_deleted() {
    let mut bench = with_epochs(&LogConfig::default(), &[1, 1, 3, 3]).restart();
    bench.log.delete_records_before(Offset(1)).unwrap();
    bench.log.close(NOW).unwrap();
    write_checkpoint(&bench, &["1 0"]);
    let bench = bench.restart();
    assert_eq!(bench.log.log_start_offset(), Offset(1));
    let expected = [(LeaderEpoch(1), Offset(1)), (LeaderEpoch(3), Offset(2))];
    assert_eq!(bench.log.epochs().entries(), expected);
}

#[test]
fn an_epoch_that_the_checkpoint_lacks_begins_where_it_did_and_not_where_recovery_does() {
    let config = LogConfig { index_interval_bytes: 1, ..LogConfig::default() };
    let bench = with_epochs(&config, &[1, 1, 3, 3, 3, 3]);
    write_checkpoint(&bench, &["1 0"]);
    let log = open(bench.temp.path(), &config, |options| options.recovery_point = Offset(5));
    let expected = [(LeaderEpoch(1), Offset(0)), (LeaderEpoch(3), Offset(2))];
    assert_eq!(log.unwrap().epochs().entries(), expected);
}

#[test]
fn the_start_of_the_log_may_lie_within_a_batch() {
    let mut bench = Bench::new(LogConfig::default());
    for epoch in [2, 2, 2] {
        bench.log.append_as_leader(&mut plain(10), LeaderEpoch(epoch), NOW).unwrap();
    }
    bench.log.delete_records_before(Offset(15)).unwrap();
    bench.log.close(NOW).unwrap();
    let mut bench = bench.restart();
    assert_eq!(bench.log.epochs().entries(), [(LeaderEpoch(2), Offset(15))]);
    assert!(bench.log.reader().read(Offset(15), 1, Offset(30), true).is_ok());
    bench.log.close(NOW).unwrap();
    change(&bench, 10, 7);
    let reader = bench.restart().log.reader();
    assert!(reader.read(Offset(15), 1, Offset(30), true).is_err());
}

#[test]
fn recovery_notes_no_epoch_that_the_next_batch_speaks_against() {
    let entries = |all: &[(i32, i64)]| -> Vec<(LeaderEpoch, Offset)> {
        all.iter().map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start))).collect()
    };
    for (offset, epoch, expected, damaged) in [
        (1, 1 << 30, entries(&[(1, 0), (3, 3)]), vec![1]),
        (1, 0, entries(&[(1, 0), (3, 3)]), vec![1]),
        // The last one before another segment.
        (2, 9, entries(&[(1, 0), (3, 3)]), vec![2]),
        (3, 9, entries(&[(1, 0), (3, 4)]), vec![3]),
        // Nothing speaks against these.
        (3, 2, entries(&[(1, 0), (2, 3), (3, 4)]), vec![]),
        (5, 9, entries(&[(1, 0), (3, 3), (9, 5)]), vec![]),
    ] {
        for config in configs() {
            let bench = with_epochs(&config, &[1, 1, 1, 3, 3, 3]);
            change(&bench, offset, epoch);
            std::fs::remove_file(bench.path().join(names::LEADER_EPOCHS)).unwrap();
            let path = bench.temp.path();
            let log = open(path, &config, |_| {}).unwrap();
            let bench = Bench { log, ..bench };
            assert_eq!(bench.log.epochs().entries(), expected, "{epoch} at offset {offset}");
            assert_eq!(refused(&bench), damaged, "{epoch} at offset {offset}");
        }
    }
}

#[test]
fn epochs_before_the_first_one_known_keep_none_out() {
    let bench = with_epochs(&LogConfig::default(), &[1, 1, 1, 3, 3]);
    change(&bench, 2, 900);
    write_checkpoint(&bench, &["3 3"]);
    let end = bench.log.log_end_offset();
    let log = open(bench.temp.path(), &bench.config, |options| options.recovery_point = end);
    let epochs = log.unwrap().epochs().entries().to_vec();
    assert_eq!(epochs, [(LeaderEpoch(1), Offset(0)), (LeaderEpoch(3), Offset(3))]);
}

/// Makes the header of a batch unreadable, or gives it back: its magic is another one.
fn break_header(bench: &Bench, offset: i64, magic: u8) {
    let logs = bench.files(".log");
    let name = logs.iter().rfind(|name| **name <= format!("{offset:020}.log")).unwrap();
    let path = bench.path().join(name);
    let base: i64 = name.trim_end_matches(".log").parse().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(offset - base).unwrap() * plain(1).len() + 16] = magic;
    std::fs::write(&path, &bytes).unwrap();
}

/// What a start after a crash knows of the epochs, where the last segment was on disk.
fn epochs_after_crash(bench: &Bench) -> Vec<(i32, i64)> {
    let end = bench.log.log_end_offset();
    let log = open(bench.temp.path(), &bench.config, |options| options.recovery_point = end);
    let log = log.unwrap();
    log.epochs().entries().iter().map(|(epoch, start)| (epoch.0, start.0)).collect()
}

#[test]
fn epochs_before_what_cannot_be_read_are_known_where_they_go_on_behind_it() {
    let [_, alone] = configs();
    let bench = with_epochs(&alone, &[1, 1, 1, 3, 3, 3, 4, 4]);
    for (checkpoint, broken, expected) in [
        (&["4 6"][..], 0, &[(1, 1), (3, 3), (4, 6)][..]),
        (&["4 6"], 1, &[(1, 0), (3, 3), (4, 6)]),
        // It may be of either.
        (&["4 6"], 2, &[(3, 3), (4, 6)]),
        (&["4 6"], 3, &[(3, 4), (4, 6)]),
        (&["4 6"], 4, &[(1, 0), (3, 3), (4, 6)]),
        (&["4 6"], 5, &[(4, 6)]),
        (&["3 4", "4 6"], 2, &[(3, 3), (4, 6)]),
        (&["3 4", "4 6"], 3, &[(3, 4), (4, 6)]),
        // Nobody looks at what is known.
        (&["3 4", "4 6"], 4, &[(1, 0), (3, 3), (4, 6)]),
        (&["1 0", "3 3", "4 6"], 2, &[(1, 0), (3, 3), (4, 6)]),
    ] {
        write_checkpoint(&bench, checkpoint);
        break_header(&bench, broken, 9);
        let found = epochs_after_crash(&bench);
        assert_eq!(found, expected, "{checkpoint:?}, and offset {broken} cannot be read");
        break_header(&bench, broken, 2);
    }
}

/// In the same segment nothing can be read behind it.
#[test]
fn epochs_behind_what_cannot_be_read_are_not_guessed() {
    let mut bench = with_epochs(&LogConfig::default(), &[1, 1, 1, 3, 3, 4, 4]);
    bench.log.roll(NOW).unwrap();
    bench.log.append_as_leader(&mut plain(1), LeaderEpoch(4), NOW).unwrap();
    bench.log.close(NOW).unwrap();
    for (checkpoint, broken, expected) in [
        (&["4 5"][..], 2, &[(4, 5)][..]),
        (&["3 4", "4 5"], 2, &[(3, 4), (4, 5)]),
        (&["1 2", "3 3", "4 5"], 1, &[(1, 0), (3, 3), (4, 5)]),
        (&["1 1", "3 3", "4 5"], 3, &[(1, 0), (3, 3), (4, 5)]),
    ] {
        write_checkpoint(&bench, checkpoint);
        break_header(&bench, broken, 9);
        assert_eq!(epochs_after_crash(&bench), expected, "{checkpoint:?} and {broken}");
        break_header(&bench, broken, 2);
    }
}

/// An offset that changed says nothing of where the epoch of its batch begins.
#[test]
fn epochs_before_the_first_one_known_do_not_begin_at_an_offset_that_changed() {
    let config = LogConfig { index_interval_bytes: 1, ..LogConfig::default() };
    let bench = with_epochs(&config, &[1, 1, 3, 3, 3, 4, 4]);
    write_checkpoint(&bench, &["4 5"]);
    let path = bench.path().join("00000000000000000000.log");
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(epochs_after_crash(&bench), [(1, 0), (3, 2), (4, 5)]);
    for (offset, changed) in [(2, 3), (2, 0), (2, 6), (2, 130), (4, 5), (4, 132)] {
        let mut bytes = whole.clone();
        bytes[offset * plain(1).len() + 7] = changed;
        std::fs::write(&path, &bytes).unwrap();
        let found = epochs_after_crash(&bench);
        assert_eq!(found, [(4, 5)], "offset {offset} is {changed} now");
    }
}

#[test]
fn compaction_does_not_carry_on_a_leader_epoch_that_changed() {
    let mut bench = Bench::new(compacted());
    for n in 0..20 {
        bench.append(keyed(BuilderOptions::default(), &[(&format!("{}", n % 4), Some("v"))]));
    }
    bench.log.roll(NOW).unwrap();
    bench.log.close(NOW).unwrap();
    let sound = bench.restart();
    change(&sound, 7, 4);
    let before = sound.bytes();
    let mut bench = sound.restart();
    let error = clean_from(&mut bench.log, None, NOW).unwrap_err();
    assert!(matches!(error, CleanError::Unreadable(_)), "{error}");
    assert_eq!(bench.bytes(), before);
    bench.log.close(NOW).unwrap();
    change(&bench, 7, EPOCH.0);
    let mut bench = bench.restart();
    clean_from(&mut bench.log, None, NOW).unwrap();
    let bench = bench.restart();
    assert_eq!(
        headers(&read_all(&bench.log.reader(), Offset(0))).len(),
        headers(&bench.bytes()).len()
    );
}
