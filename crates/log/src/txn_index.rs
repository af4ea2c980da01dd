//! Aborted transactions of a segment, so that readers of committed records know what to skip.
//!
//! Invariant: entries are sorted by the offset of their marker. A segment without aborted
//! transactions has no such file.
//! Kafka: `TransactionIndex`, `AbortedTxn`.

use std::io::{self, IoSlice};

use ottla_types::{Offset, ProducerId};

use crate::{
    dir::{Dir, LogFile, OpenMode},
    producers::CompletedTxn,
};

/// Bytes of an entry.
pub(crate) const SIZE: usize = 34;
const VERSION: i16 = 0;

/// Entries read at once, about a kilobyte.
const BLOCK: usize = 30;

/// An aborted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose it was.
    pub producer_id: ProducerId,
    /// Its first offset.
    pub first_offset: Offset,
    /// The offset of its abort marker, inclusive.
    pub last_offset: Offset,
    /// The last stable offset once the marker was written.
    pub last_stable_offset: Offset,
}

impl From<CompletedTxn> for AbortedTxn {
    fn from(txn: CompletedTxn) -> Self {
        let CompletedTxn { producer_id, first_offset, last_offset, last_stable_offset, .. } = txn;
        Self { producer_id, first_offset, last_offset, last_stable_offset }
    }
}

impl AbortedTxn {
    fn to_bytes(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let fields = [
            self.producer_id.0,
            self.first_offset.0,
            self.last_offset.0,
            self.last_stable_offset.0,
        ];
        let (version, rest) = bytes.split_at_mut(2);
        version.copy_from_slice(&VERSION.to_be_bytes());
        for (place, field) in rest.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }

    /// The last stable offset may lie behind the marker: Kafka's followers write it so where they
    /// get more in one piece.
    fn is_possible(&self) -> bool {
        self.producer_id.0 >= 0 && self.first_offset.0 >= 0 && self.first_offset < self.last_offset
    }

    /// The last stable offset may be lower: Kafka leaves out all that the same producer has begun.
    fn follows(&self, last: &Self) -> bool {
        self.last_offset > last.last_offset
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let version = i16::from_be_bytes(*bytes.first_chunk()?);
        let mut fields = bytes.get(2..)?.chunks_exact(8).map(|field| {
            field.first_chunk().map_or(-1, |field: &[u8; 8]| i64::from_be_bytes(*field))
        });
        let parsed = Self {
            producer_id: ProducerId(fields.next()?),
            first_offset: Offset(fields.next()?),
            last_offset: Offset(fields.next()?),
            last_stable_offset: Offset(fields.next()?),
        };
        (version == VERSION).then_some(parsed)
    }
}

/// What an index says as a whole, which was looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    /// Of all transactions the lowest.
    pub(crate) first_offset: Offset,
    last: Option<AbortedTxn>,
}

impl Outline {
    pub(crate) const EMPTY: Self = Self { first_offset: Offset(i64::MAX), last: None };

    /// Of an index of a segment with the offsets from `base` to `end`, exclusive. `None` if it
    /// holds something else than entries, or one that hides those that follow.
    pub(crate) fn of(content: &[u8], base: Offset, end: Offset) -> Option<Self> {
        let entries = parse(content);
        let is_within = entries.first().is_none_or(|first| base <= first.last_offset)
            && entries.last().is_none_or(|last| last.last_offset < end);
        let mut first_offset = Self::EMPTY.first_offset;
        for entry in entries.iter().rev() {
            if entry.last_stable_offset > first_offset {
                return None;
            }
            first_offset = first_offset.min(entry.first_offset);
        }
        let is_whole = entries.len() * SIZE == content.len();
        (is_whole && is_within).then_some(Self { first_offset, last: entries.last().copied() })
    }

    /// Of the index with one more entry.
    pub(crate) fn followed_by(self, entry: &AbortedTxn) -> Option<Self> {
        let is_hidden = self.last.is_some_and(|last| {
            !entry.follows(&last) || last.last_stable_offset > entry.first_offset
        });
        let first_offset = self.first_offset.min(entry.first_offset);
        (!is_hidden).then_some(Self { first_offset, last: Some(*entry) })
    }
}

/// The entries of a file, up to the first that cannot be one.
pub(crate) fn read(dir: &dyn Dir, name: &str) -> io::Result<Vec<AbortedTxn>> {
    let content = dir.read(name)?.ok_or(io::ErrorKind::NotFound)?;
    Ok(parse(&content))
}

/// The entries of a file of this content, up to the first that cannot be one.
pub(crate) fn parse(content: &[u8]) -> Vec<AbortedTxn> {
    let mut entries: Vec<AbortedTxn> = Vec::new();
    for entry in content.chunks_exact(SIZE).map_while(AbortedTxn::parse) {
        if !entry.is_possible() || entries.last().is_some_and(|last| !entry.follows(last)) {
            break;
        }
        entries.push(entry);
    }
    entries
}

/// The entries that tell of the offsets from `start` to `end`, exclusive: from the first whose
/// marker is not before `start` to the first after whose marker everything before `end` was stable,
/// or to the first that cannot be one. Reads a small part of the file besides.
pub(crate) fn read_between(
    dir: &dyn Dir,
    name: &str,
    start: Offset,
    end: Offset,
) -> io::Result<Vec<AbortedTxn>> {
    let file = dir.open(name, OpenMode::Read)?;
    let mut at = first_from(file.as_ref(), start)?;
    let mut entries: Vec<AbortedTxn> = Vec::new();
    let mut block = [0; BLOCK * SIZE];
    loop {
        let read = file.read_at(&mut block, at * SIZE as u64)?;
        let read = block.get(..read).unwrap_or_default();
        for entry in read.chunks_exact(SIZE) {
            let Some(entry) = AbortedTxn::parse(entry) else { return Ok(entries) };
            if !entry.is_possible() || entries.last().is_some_and(|last| !entry.follows(last)) {
                return Ok(entries);
            }
            if entry.last_offset >= start {
                entries.push(entry);
            }
            if entry.last_stable_offset >= end {
                return Ok(entries);
            }
        }
        if read.len() < block.len() {
            return Ok(entries);
        }
        at += BLOCK as u64;
    }
}

/// An entry at or before the first one whose marker is not before `start`, less than a block away.
fn first_from(file: &dyn LogFile, start: Offset) -> io::Result<u64> {
    let (mut first, mut end) = (0, file.size()? / SIZE as u64);
    while end - first > BLOCK as u64 {
        let middle = u64::midpoint(first, end);
        let mut bytes = [0; SIZE];
        let is_before = file.read_at(&mut bytes, middle * SIZE as u64)? == SIZE
            && AbortedTxn::parse(&bytes).is_some_and(|entry| entry.last_offset < start);
        (first, end) = if is_before { (middle + 1, end) } else { (first, middle) };
    }
    Ok(first)
}

/// Makes it a file with these entries, durably.
pub(crate) fn replace(dir: &dyn Dir, name: &str, entries: &[AbortedTxn]) -> io::Result<()> {
    let file = dir.open(name, OpenMode::Create)?;
    file.set_size(0)?;
    file.write_at(&mut [IoSlice::new(&format(entries))], 0)?;
    file.sync()
}

/// A file with these entries.
pub(crate) fn format(entries: &[AbortedTxn]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_bytes()).collect()
}

/// Appends one entry, making the file if need be.
pub(crate) fn append(dir: &dyn Dir, name: &str, aborted: AbortedTxn) -> io::Result<()> {
    let file = dir.open(name, OpenMode::Create)?;
    let whole = file.size()? / SIZE as u64 * SIZE as u64;
    file.write_at(&mut [IoSlice::new(&aborted.to_bytes())], whole)
}

/// Keeps only entries whose marker is before `end`, durably: where the log now ends at its recovery
/// point, no later sync comes by here.
pub(crate) fn truncate(dir: &dyn Dir, name: &str, end: Offset) -> io::Result<()> {
    let entries = read(dir, name)?;
    let kept = (entries.partition_point(|entry| entry.last_offset < end) * SIZE) as u64;
    let file = dir.open(name, OpenMode::Create)?;
    if file.size()? > kept {
        file.set_size(kept)?;
        file.sync()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::DiskDir;

    #[test]
    fn a_part_has_what_the_whole_has_of_a_range() {
        let temp = tempfile::tempdir().unwrap();
        let dir = DiskDir::new(temp.path());
        for count in [0, 1, 29, 30, 31, 60, 61, 500] {
            // Every third one overlaps the one before it, and holds the last stable offset back.
            let entries: Vec<_> = (0..count)
                .map(|n| AbortedTxn {
                    producer_id: ProducerId(n),
                    first_offset: Offset(n * 10 - if n % 3 == 2 { 15 } else { 5 } + 20),
                    last_offset: Offset(n * 10 + 20),
                    last_stable_offset: Offset(n * 10 + if n % 3 == 1 { 15 } else { 21 }),
                })
                .collect();
            let _none = dir.remove("i");
            let file = dir.open("i", OpenMode::Create).unwrap();
            file.write_at(&mut [IoSlice::new(&format(&entries))], 0).unwrap();
            // What another thread is writing.
            file.write_at(&mut [IoSlice::new(&[0; 7])], (entries.len() * SIZE) as u64).unwrap();
            assert_eq!(parse(&format(&entries)), entries);
            for start in 0..count * 10 + 40 {
                let end = Offset(start + 25);
                let start = Offset(start);
                let stable = entries.iter().position(|entry| entry.last_stable_offset >= end);
                let upto = stable.map_or(entries.len(), |at| at + 1);
                let wanted: Vec<_> =
                    entries[..upto].iter().filter(|e| e.last_offset >= start).copied().collect();
                assert_eq!(read_between(&dir, "i", start, end).unwrap(), wanted);
            }
        }
    }

    #[test]
    fn an_entry_has_kafkas_layout() {
        let entry = AbortedTxn {
            producer_id: ProducerId(1),
            first_offset: Offset(2),
            last_offset: Offset(3),
            last_stable_offset: Offset(4),
        };
        let bytes = entry.to_bytes();
        assert_eq!(&bytes[..2], [0, 0]);
        assert_eq!(bytes[9], 1);
        assert_eq!(bytes[17], 2);
        assert_eq!(bytes[25], 3);
        assert_eq!(bytes[33], 4);
        assert_eq!(AbortedTxn::parse(&bytes), Some(entry));
    }
}
