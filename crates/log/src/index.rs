//! A sorted file of fixed-size entries that is only appended to: offset index and time index.
//!
//! Invariants: entries in the file are sorted; at most [`TAIL_MAX`] entries are in memory and not
//! in the file; nothing is mapped. A crash may lose the entries in memory: recovery makes them
//! anew.
//! Kafka: `AbstractIndex`, `OffsetIndex`, `TimeIndex`, which map the file instead.

use std::{
    io::{self, IoSlice},
    marker::PhantomData,
    sync::{Arc, MutexGuard},
};

use crate::{
    dir::{Dir, LogFile, OpenMode},
    names,
    open_files::{HoldsFile, Reopenable},
};

/// Most entries held in memory before they are written.
pub(crate) const TAIL_MAX: usize = 512;

/// One entry of an index.
pub(crate) trait Entry: Copy + Send + std::fmt::Debug + 'static {
    /// Bytes in the file.
    const SIZE: usize;
    fn encode(self, into: &mut Vec<u8>);
    /// `bytes` has exactly [`Entry::SIZE`] bytes.
    fn decode(bytes: &[u8]) -> Option<Self>;
    /// Whether these are the zeros that Kafka leaves after the last entry of a file it did not
    /// trim.
    fn is_padding(self) -> bool;
}

/// Where the batch that ends with an offset starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    /// Last offset of the batch, relative to the segment's base offset.
    pub(crate) relative: u32,
    /// Where the batch starts in the file, in bytes.
    pub(crate) position: u32,
}

impl Entry for OffsetEntry {
    const SIZE: usize = 8;

    fn encode(self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.relative.to_be_bytes());
        into.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            relative: u32::from_be_bytes(*bytes.first_chunk()?),
            position: u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?),
        })
    }

    fn is_padding(self) -> bool {
        // The first batch of a segment never has an entry.
        self.position == 0
    }
}

/// The largest timestamp up to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    /// In ms.
    pub(crate) timestamp: i64,
    /// Last offset of the batch that has it, relative to the segment's base offset.
    pub(crate) relative: u32,
}

impl Entry for TimeEntry {
    const SIZE: usize = 12;

    fn encode(self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.timestamp.to_be_bytes());
        into.extend_from_slice(&self.relative.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            timestamp: i64::from_be_bytes(*bytes.first_chunk()?),
            relative: u32::from_be_bytes(*bytes.get(8..)?.first_chunk()?),
        })
    }

    fn is_padding(self) -> bool {
        self.timestamp == 0 && self.relative == 0
    }
}

/// An index file and its entries that are not in the file yet.
#[derive(Debug)]
pub(crate) struct Index<E> {
    name: String,
    state: Arc<Reopenable<State<E>>>,
    entry: PhantomData<E>,
}

#[derive(Debug)]
struct State<E> {
    /// Whether the file has the name of one that waits to be removed.
    is_deleted: bool,
    file: Option<Arc<dyn LogFile>>,
    /// Entries in the file; `None` until someone looked.
    written: Option<u64>,
    /// Whether there are others after them, which do not count.
    is_longer: bool,
    /// The last entry in the file, if someone looked.
    last_written: Option<E>,
    tail: Vec<E>,
}

impl<E: Send> HoldsFile for State<E> {
    fn close_file(&mut self) {
        self.file = None;
    }
}

impl<E: Entry> Index<E> {
    /// An index without entries, whose file may not exist.
    pub(crate) fn empty(name: String) -> Self {
        Self::with(name, Some(0))
    }

    /// An index in a file that was not looked at yet.
    pub(crate) fn on_disk(name: String) -> Self {
        Self::with(name, None)
    }

    fn with(name: String, written: Option<u64>) -> Self {
        let state = Reopenable::new(State {
            is_deleted: false,
            file: None,
            written,
            is_longer: false,
            last_written: None,
            tail: Vec::new(),
        });
        Self { name, state, entry: PhantomData }
    }

    /// How many entries there are.
    pub(crate) fn count(&self, dir: &dyn Dir) -> io::Result<u64> {
        let mut state = self.lock();
        Ok(self.written(dir, &mut state)? + state.tail.len() as u64)
    }

    /// The last entry.
    pub(crate) fn last(&self, dir: &dyn Dir) -> io::Result<Option<E>> {
        let mut state = self.lock();
        if let Some(last) = state.tail.last() {
            return Ok(Some(*last));
        }
        match self.written(dir, &mut state)?.checked_sub(1) {
            Some(last) => {
                if state.last_written.is_none() {
                    let file = self.file(dir, &mut state)?;
                    state.last_written = read_one(file.as_ref(), last)?;
                }
                Ok(state.last_written)
            }
            None => Ok(None),
        }
    }

    /// The last entry for which `before` holds. It must hold for the first entries and for none
    /// after the first for which it does not.
    pub(crate) fn last_before(
        &self,
        dir: &dyn Dir,
        before: impl Fn(&E) -> bool,
    ) -> io::Result<Option<E>> {
        let mut state = self.lock();
        let in_tail = state.tail.partition_point(&before);
        if let Some(found) = in_tail.checked_sub(1).and_then(|at| state.tail.get(at)) {
            return Ok(Some(*found));
        }
        let written = self.written(dir, &mut state)?;
        if written == 0 {
            return Ok(None);
        }
        let file = self.file(dir, &mut state)?;
        drop(state);
        let count = partition_point(file.as_ref(), written, &before)?;
        match count.checked_sub(1) {
            Some(at) => read_one(file.as_ref(), at),
            None => Ok(None),
        }
    }

    /// The first entry for which `before` does not hold, under the same condition.
    pub(crate) fn first_from(
        &self,
        dir: &dyn Dir,
        before: impl Fn(&E) -> bool,
    ) -> io::Result<Option<E>> {
        let mut state = self.lock();
        let in_tail = state.tail.partition_point(&before);
        let found = state.tail.get(in_tail).copied();
        let written = self.written(dir, &mut state)?;
        if in_tail > 0 || written == 0 {
            return Ok(found);
        }
        let file = self.file(dir, &mut state)?;
        drop(state);
        let count = partition_point(file.as_ref(), written, &before)?;
        if count < written { read_one(file.as_ref(), count) } else { Ok(found) }
    }

    /// Appends an entry; every [`TAIL_MAX`] of them are written.
    pub(crate) fn push(&self, dir: &dyn Dir, entry: E) -> io::Result<()> {
        let mut state = self.lock();
        state.tail.push(entry);
        if state.tail.len() >= TAIL_MAX { self.write_tail(dir, &mut state) } else { Ok(()) }
    }

    /// Writes all entries to the file, which exists afterwards and holds nothing else.
    pub(crate) fn flush(&self, dir: &dyn Dir) -> io::Result<()> {
        let mut state = self.lock();
        self.write_tail(dir, &mut state)?;
        let written = self.written(dir, &mut state)?;
        let file = self.make_file(dir, &mut state)?;
        let size = written.saturating_mul(E::SIZE as u64);
        if file.size()? != size {
            file.set_size(size)?;
        }
        state.is_longer = false;
        Ok(())
    }

    /// Keeps only the entries for which `keep` holds, which must be the first ones.
    pub(crate) fn truncate(&self, dir: &dyn Dir, keep: impl Fn(&E) -> bool) -> io::Result<()> {
        self.keep_first(dir, keep)?;
        self.cut_file(dir)
    }

    /// The same, and leaves the file as it is until [`Index::cut_file`], or until there are more
    /// than [`TAIL_MAX`] new entries.
    pub(crate) fn keep_first(&self, dir: &dyn Dir, keep: impl Fn(&E) -> bool) -> io::Result<()> {
        let mut state = self.lock();
        let in_tail = state.tail.partition_point(&keep);
        state.tail.truncate(in_tail);
        if in_tail > 0 {
            return Ok(());
        }
        let written = self.written(dir, &mut state)?;
        if written == 0 {
            return Ok(());
        }
        let file = self.file(dir, &mut state)?;
        let kept = partition_point(file.as_ref(), written, &keep)?;
        state.is_longer |= kept < written;
        state.written = Some(kept);
        state.last_written = None;
        Ok(())
    }

    /// Takes from the file what is not kept.
    pub(crate) fn cut_file(&self, dir: &dyn Dir) -> io::Result<()> {
        let mut state = self.lock();
        let Some(written) = state.written.filter(|_| state.is_longer) else { return Ok(()) };
        self.file(dir, &mut state)?.set_size(written.saturating_mul(E::SIZE as u64))?;
        state.is_longer = false;
        Ok(())
    }

    /// Whether every entry is acceptable after the one before it.
    pub(crate) fn is_sorted(
        &self,
        dir: &dyn Dir,
        follows: impl Fn(Option<&E>, &E) -> bool,
    ) -> io::Result<bool> {
        let mut state = self.lock();
        let written = self.written(dir, &mut state)?;
        if written == 0 {
            return Ok(true);
        }
        let file = self.file(dir, &mut state)?;
        let mut last: Option<E> = None;
        let mut from = 0;
        while from < written {
            let to = written.min(from + TAIL_MAX as u64);
            for entry in read_block::<E>(file.as_ref(), from, to)? {
                if !follows(last.as_ref(), &entry) {
                    return Ok(false);
                }
                last = Some(entry);
            }
            from = to;
        }
        Ok(true)
    }

    /// The open file, to be synced; it is made if need be, so its segment must be there. All
    /// entries are in it only after [`Index::flush`].
    pub(crate) fn open_file(&self, dir: &dyn Dir) -> io::Result<Arc<dyn LogFile>> {
        let mut state = self.lock();
        self.make_file(dir, &mut state)
    }

    /// Whether there are entries that are only in memory.
    pub(crate) fn has_unwritten(&self) -> bool {
        !self.lock().tail.is_empty()
    }

    /// Closes the file until it is needed again.
    pub(crate) fn close_file(&self) {
        self.lock().file = None;
    }

    /// The file has got the name of one that waits to be removed.
    pub(crate) fn mark_deleted(&self) {
        let mut state = self.lock();
        state.file = None;
        state.is_deleted = true;
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock()
    }

    /// The file, which has to be there: whoever reads may come when its segment is gone, and an
    /// index without its log would tell the next start of a lost one.
    fn file(&self, dir: &dyn Dir, state: &mut State<E>) -> io::Result<Arc<dyn LogFile>> {
        self.open(dir, state, OpenMode::Write)
    }

    /// The file, for one who writes.
    fn make_file(&self, dir: &dyn Dir, state: &mut State<E>) -> io::Result<Arc<dyn LogFile>> {
        self.open(dir, state, OpenMode::Create)
    }

    fn open(
        &self,
        dir: &dyn Dir,
        state: &mut State<E>,
        mode: OpenMode,
    ) -> io::Result<Arc<dyn LogFile>> {
        self.state.note_use();
        if let Some(file) = &state.file {
            return Ok(file.clone());
        }
        let file = if state.is_deleted {
            dir.open(&format!("{}{}", self.name, names::DELETED), OpenMode::Read)?
        } else {
            dir.open(&self.name, mode)?
        };
        state.file = Some(file.clone());
        Ok(file)
    }

    fn written(&self, dir: &dyn Dir, state: &mut State<E>) -> io::Result<u64> {
        if let Some(written) = state.written {
            return Ok(written);
        }
        let file = match self.file(dir, state) {
            // It has none yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !state.is_deleted => {
                return Ok(0);
            }
            file => file?,
        };
        let whole = file.size()? / E::SIZE as u64;
        let last = match whole.checked_sub(1) {
            Some(last) => read_one::<E>(file.as_ref(), last)?,
            None => None,
        };
        let written = if last.is_none_or(Entry::is_padding) {
            partition_point::<E>(file.as_ref(), whole, |entry| !entry.is_padding())?
        } else {
            state.last_written = last;
            whole
        };
        state.written = Some(written);
        Ok(written)
    }

    fn write_tail(&self, dir: &dyn Dir, state: &mut State<E>) -> io::Result<()> {
        if state.tail.is_empty() {
            return Ok(());
        }
        let written = self.written(dir, state)?;
        let mut bytes = Vec::with_capacity(state.tail.len() * E::SIZE);
        for entry in &state.tail {
            entry.encode(&mut bytes);
        }
        let file = self.make_file(dir, state)?;
        file.write_at(&mut [IoSlice::new(&bytes)], written.saturating_mul(E::SIZE as u64))?;
        state.written = Some(written + state.tail.len() as u64);
        state.last_written = state.tail.last().copied();
        state.tail.clear();
        Ok(())
    }
}

fn read_one<E: Entry>(file: &dyn LogFile, at: u64) -> io::Result<Option<E>> {
    Ok(read_block(file, at, at + 1)?.into_iter().next())
}

fn read_block<E: Entry>(file: &dyn LogFile, from: u64, to: u64) -> io::Result<Vec<E>> {
    let count = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
    let mut bytes = vec![0; count.saturating_mul(E::SIZE)];
    let read = file.read_at(&mut bytes, from.saturating_mul(E::SIZE as u64))?;
    if read < bytes.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.chunks_exact(E::SIZE).filter_map(E::decode).collect())
}

/// How many of the first `written` entries `before` holds for: binary search down to one block.
fn partition_point<E: Entry>(
    file: &dyn LogFile,
    written: u64,
    before: impl Fn(&E) -> bool,
) -> io::Result<u64> {
    let (mut low, mut high) = (0, written);
    while high - low > TAIL_MAX as u64 {
        let middle = u64::midpoint(low, high);
        if read_one(file, middle)?.is_some_and(|entry| before(&entry)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low + read_block(file, low, high)?.partition_point(before) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::DiskDir;

    fn entry(n: u32) -> OffsetEntry {
        OffsetEntry { relative: n * 10, position: (n + 1) * 100 }
    }

    fn filled(dir: &dyn Dir, count: u32) -> Index<OffsetEntry> {
        let index = Index::empty("0.index".to_owned());
        for n in 0..count {
            index.push(dir, entry(n)).unwrap();
        }
        index
    }

    #[test]
    fn an_entry_is_found_in_memory_and_in_the_file() {
        let temp = tempfile::tempdir().unwrap();
        let dir = DiskDir::new(temp.path());
        for count in [0, 1, 511, 512, 513, 1024, 3000] {
            let index = filled(&dir, count);
            let written = u32::try_from(TAIL_MAX).unwrap();
            assert_eq!(index.lock().tail.len(), usize::try_from(count % written).unwrap());
            for n in [0, 1, 500, 511, 512, 513, 1023, 1500, 2047, 2048, 2999, 5000] {
                for (target, found) in [(n * 10, n), (n * 10 + 9, n)] {
                    let last = index.last_before(&dir, |entry| entry.relative <= target);
                    let expected = count.checked_sub(1).map(|last| entry(found.min(last)));
                    assert_eq!(last.unwrap(), expected, "{count} entries, {target}");
                }
            }
            for n in [0, 1, 511, 512, 513, 1024, 2999, 3000] {
                let first = index.first_from(&dir, |entry| entry.relative < n * 10);
                assert_eq!(first.unwrap(), (n < count).then(|| entry(n)), "{count} entries, {n}");
            }
            assert_eq!(index.last_before(&dir, |_| false).unwrap(), None);
            assert_eq!(index.last(&dir).unwrap(), count.checked_sub(1).map(entry));
        }
    }

    #[test]
    fn a_truncated_index_has_its_first_entries() {
        let temp = tempfile::tempdir().unwrap();
        let dir = DiskDir::new(temp.path());
        for keep in [0, 1, 511, 512, 600, 1000, 1023, 1024, 1100] {
            let index = filled(&dir, 1100);
            index.truncate(&dir, |entry| entry.relative < keep * 10).unwrap();
            assert_eq!(index.count(&dir).unwrap(), u64::from(keep));
            assert_eq!(index.last(&dir).unwrap(), keep.checked_sub(1).map(entry));
            index.push(&dir, entry(keep)).unwrap();
            index.flush(&dir).unwrap();
            let again = Index::<OffsetEntry>::on_disk("0.index".to_owned());
            assert_eq!(again.count(&dir).unwrap(), u64::from(keep) + 1);
            assert_eq!(again.last(&dir).unwrap(), Some(entry(keep)));
            let sorted = again.is_sorted(&dir, |last, next| {
                last.is_none_or(|last| last.relative < next.relative)
            });
            assert!(sorted.unwrap());
        }
    }
}
