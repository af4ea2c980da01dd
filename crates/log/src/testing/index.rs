//! The readers of indexes by themselves, on files with anything in them.

use std::{fmt::Debug, io};

use ottla_types::{Offset, ProducerId};

use crate::{
    dir::Dir,
    index::{Entry, Index, OffsetEntry, TimeEntry},
    txn_index::{self, AbortedTxn, Outline},
};

/// Reads a file of a directory as each kind of index. What is found in a sorted one is what a walk
/// through all of its entries finds. Changes the file.
pub fn read_as_every_index(dir: &dyn Dir, name: &str) -> io::Result<()> {
    let content = dir.read(name)?.unwrap_or_default();
    check_transactions(dir, name, &content)?;
    let offsets = [0, 1, 255, 1 << 16, u32::MAX];
    check::<OffsetEntry, u32>(dir, name, &content, |entry| entry.relative, &offsets)?;
    dir.open(name, crate::OpenMode::Create)?.set_size(0)?;
    dir.open(name, crate::OpenMode::Create)?.write_at(&mut [io::IoSlice::new(&content)], 0)?;
    let times = [i64::MIN, -1, 0, 1, 1 << 16, i64::MAX];
    check::<TimeEntry, i64>(dir, name, &content, |entry| entry.timestamp, &times)
}

fn check<E: Entry + PartialEq, K: Copy + Ord + Debug>(
    dir: &dyn Dir,
    name: &str,
    content: &[u8],
    key: impl Fn(&E) -> K,
    wanted: &[K],
) -> io::Result<()> {
    let index = Index::<E>::on_disk(name.to_owned());
    let all: Vec<E> = content.chunks_exact(E::SIZE).filter_map(E::decode).collect();
    let count = usize::try_from(index.count(dir)?).unwrap_or(usize::MAX);
    assert!(count <= all.len(), "no more entries than there is room for");
    let entries = all.get(..count).unwrap_or_default();
    assert_eq!(index.last(dir)?, entries.last().copied());
    let is_sorted =
        index.is_sorted(dir, |last, entry| last.is_none_or(|last| key(last) < key(entry)))?;
    let keys: Vec<K> = entries.iter().map(&key).collect();
    assert_eq!(is_sorted, keys.is_sorted_by(|one, other| one < other));
    for wanted in wanted.iter().chain(&keys).copied().take(40) {
        let last = index.last_before(dir, |entry| key(entry) <= wanted)?;
        let first = index.first_from(dir, |entry| key(entry) < wanted)?;
        if is_sorted {
            assert_eq!(last, entries.iter().rev().find(|it| key(it) <= wanted).copied());
            assert_eq!(first, entries.iter().find(|it| key(it) >= wanted).copied());
        }
    }
    let Some(entry) = entries.first().copied() else { return index.flush(dir) };
    index.push(dir, entry)?;
    index.flush(dir)?;
    assert_eq!(index.count(dir)?, count as u64 + 1);
    let size = dir.read(name)?.unwrap_or_default().len();
    assert_eq!(size, (count + 1) * E::SIZE, "nothing else is in the file");
    index.truncate(dir, |_| false)?;
    assert_eq!(index.count(dir)?, 0);
    Ok(())
}

fn check_transactions(dir: &dyn Dir, name: &str, content: &[u8]) -> io::Result<()> {
    let entries = txn_index::parse(content);
    assert!(entries.is_sorted_by_key(|entry| entry.last_offset), "in the order of their markers");
    // No other is asked about a part: an entry may hide those behind it.
    let is_whole = Outline::of(content, Offset::ZERO, Offset(i64::MAX)).is_some();
    let starts = entries.iter().map(|entry| entry.last_offset).chain([Offset(0), Offset(i64::MAX)]);
    for start in starts.take(40) {
        for end in [start, start.plus(1), start.plus(100), Offset(i64::MAX)] {
            let found = txn_index::read_between(dir, name, start, end)?;
            let overlaps = |entry: &&AbortedTxn| entry.first_offset < end;
            let expected = entries.iter().filter(|entry| entry.last_offset >= start);
            assert!(
                !is_whole || expected.filter(overlaps).eq(found.iter().filter(overlaps)),
                "from {start} to {end}"
            );
        }
    }
    let end = Offset(i64::MAX);
    txn_index::truncate(dir, name, end)?;
    let kept = entries.partition_point(|entry| entry.last_offset < end);
    let entries = entries.get(..kept).unwrap_or_default();
    let offset = entries.last().map_or(Offset(1), |last| last.last_offset.plus(1));
    let next = AbortedTxn {
        producer_id: ProducerId(1),
        first_offset: Offset(0),
        last_offset: offset,
        last_stable_offset: offset,
    };
    txn_index::append(dir, name, next)?;
    let again = txn_index::parse(&dir.read(name)?.unwrap_or_default());
    assert!(again.starts_with(entries), "what was there is still there");
    txn_index::truncate(dir, name, Offset(0))?;
    assert_eq!(dir.read(name)?.unwrap_or_default().len(), 0);
    dir.open(name, crate::OpenMode::Create)?.write_at(&mut [io::IoSlice::new(content)], 0)
}
