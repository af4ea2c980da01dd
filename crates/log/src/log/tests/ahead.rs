//! Looking at batches ahead of who reads them.

use super::*;
use crate::{FileRange, ReadError};

/// How long what is read at once is.
const LENGTH: usize = 300;

/// A log of one segment.
fn filled() -> Bench {
    let mut bench = Bench::new(LogConfig::default());
    for _ in 0..40 {
        bench.append(plain(1));
    }
    bench
}

/// The same, there from before, and a reader who has read its first batches.
fn read_once() -> (Bench, LogReader, FileRange) {
    let bench = filled().restart();
    let reader = bench.log.reader();
    let range = read_at(&reader, Offset(0)).unwrap();
    (bench, reader, range)
}

fn read_at(reader: &LogReader, from: Offset) -> Result<FileRange, ReadError> {
    reader.read(from, LENGTH, reader.log_end_offset(), true)
}

/// The batch, and so the offset, that lies so many times [`LENGTH`] from the beginning.
fn batch_at(lengths: usize) -> Offset {
    Offset(i64::try_from(lengths * LENGTH / plain(1).len()).unwrap())
}

/// Turns a bit of a batch.
fn damage(bench: &Bench, batch: Offset) {
    let path = bench.path().join("00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let end = plain(1).len() * usize::try_from(batch.get() + 1).unwrap();
    bytes[end - 1] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
}

#[test]
fn what_was_looked_at_ahead_is_not_looked_at_again() {
    let (bench, reader, range) = read_once();
    reader.ahead(&range).unwrap().look(|| false);
    // Whoever looked again would find this; what lies behind is looked at when it is read.
    damage(&bench, batch_at(4));
    damage(&bench, batch_at(6));
    assert_eq!(read_at(&reader, batch_at(4)).unwrap().length, LENGTH);
    let behind = read_at(&reader, batch_at(6)).unwrap_err();
    assert!(matches!(behind, ReadError::Damaged { .. }), "{behind:?}");
}

#[test]
fn one_looks_ahead_until_half_of_it_is_used_up() {
    let (_bench, reader, range) = read_once();
    let ahead = reader.ahead(&range).unwrap();
    assert!(reader.ahead(&range).is_none(), "somebody is about it");
    ahead.look(|| false);
    assert!(reader.ahead(&range).is_none(), "enough was looked at");
    let later = read_at(&reader, batch_at(3)).unwrap();
    assert!(reader.ahead(&later).is_some(), "less than half of it is left");
    let last = read_at(&reader, Offset(39)).unwrap();
    assert!(reader.ahead(&last).is_none(), "nothing is left");
}

#[test]
fn it_ends_when_it_is_over() {
    let (_bench, reader, range) = read_once();
    reader.ahead(&range).unwrap().look(|| true);
    assert!(reader.ahead(&range).is_some(), "nothing was looked at, and nobody is about it");
}

#[test]
fn nobody_looks_ahead_at_what_this_process_has_written() {
    let bench = filled();
    let reader = bench.log.reader();
    let range = read_at(&reader, Offset(0)).unwrap();
    assert!(reader.ahead(&range).is_none());
}

#[test]
fn damage_ahead_is_told_to_who_comes_to_it() {
    let (bench, reader, range) = read_once();
    let damaged = batch_at(3);
    damage(&bench, damaged);
    reader.ahead(&range).unwrap().look(|| false);
    let before = read_at(&reader, damaged.plus(-1)).unwrap();
    assert_eq!(before.length, plain(1).len());
    let there = read_at(&reader, damaged).unwrap_err();
    assert!(matches!(there, ReadError::Damaged { .. }), "{there:?}");
}
