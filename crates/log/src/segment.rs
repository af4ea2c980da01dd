//! One segment: a `.log` file of batches, and its indexes.
//!
//! Invariants: a segment is shared by the log that writes it and by readers; only the log changes
//! it. Batches are sorted by offset. An index only speeds up what a scan from the first batch would
//! find as well: an entry that does not lead to the batch it names is not believed.
//! Kafka: `org.apache.kafka.storage.internals.log.LogSegment`.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ottla_record::BatchHeader;
use ottla_types::{Offset, ProducerId};

use crate::{
    LogConfig,
    aborted::Known,
    dir::{Dir, LogFile, OpenMode},
    error::ReadError,
    index::{Index, OffsetEntry, TimeEntry},
    names::{self, Kind},
    open_files::{HoldsFile, Reopenable},
    producers::{Producer, snapshot},
    scan::{Scan, ScanError, header_at},
    txn_index::{AbortedTxn, Outline},
    verify::Verified,
};

/// "Nobody asked for the size yet."
const SIZE_UNKNOWN: u64 = u64::MAX;

/// A timestamp and the last offset of the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimestampOffset {
    /// In ms; −1 if there is none.
    pub(crate) timestamp: i64,
    pub(crate) offset: Offset,
}

/// The largest timestamp of the batches up to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Largest {
    pub(crate) largest: TimestampOffset,
    /// Exclusive; `None` if it is that of all that was written.
    pub(crate) up_to: Option<Offset>,
    /// The position of what follows and is no batch.
    pub(crate) stopped_at: Option<u64>,
}

/// A batch and where it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    pub(crate) position: u64,
    pub(crate) header: BatchHeader,
}

/// The `.log` file of a segment, while it is open.
#[derive(Debug, Default)]
struct Slot(Option<Arc<dyn LogFile>>);

impl HoldsFile for Slot {
    fn close_file(&mut self) {
        self.0 = None;
    }
}

/// One segment of a log.
#[derive(Debug)]
pub(crate) struct Segment {
    dir: Arc<dyn Dir>,
    pub(crate) base_offset: Offset,
    pub(crate) offset_index: Index<OffsetEntry>,
    pub(crate) time_index: Index<TimeEntry>,
    file: Arc<Reopenable<Slot>>,
    size: AtomicU64,
    largest: Mutex<Option<Largest>>,
    deleted: AtomicBool,
    has_txn_index: AtomicBool,
    /// The aborted transactions of a segment that compaction has replaced.
    pub(crate) held_aborted: OnceLock<Vec<AbortedTxn>>,
    pub(crate) aborted_known: Mutex<Known>,
    index_damaged: AtomicBool,
    pub(crate) verified: Verified,
}

impl Segment {
    /// A segment whose files are there already. Nothing is opened yet.
    pub(crate) fn on_disk(dir: Arc<dyn Dir>, base_offset: Offset, has_txn_index: bool) -> Self {
        Self {
            offset_index: Index::on_disk(names::name(base_offset, Kind::OffsetIndex)),
            time_index: Index::on_disk(names::name(base_offset, Kind::TimeIndex)),
            size: AtomicU64::new(SIZE_UNKNOWN),
            has_txn_index: AtomicBool::new(has_txn_index),
            aborted_known: Mutex::new(if has_txn_index {
                Known::Nothing
            } else {
                Known::Whole(Outline::EMPTY)
            }),
            verified: Verified::nothing(),
            ..Self::blank(dir, base_offset)
        }
    }

    /// What was known of producers where the segment begins; `None` where that was not kept.
    pub(crate) fn producers_before(&self) -> Option<Vec<(ProducerId, Producer)>> {
        let content = self.dir.read(&names::name(self.base_offset, Kind::Snapshot));
        snapshot::parse(&content.ok().flatten()?).ok()
    }

    /// A segment that does not exist, with its `.log` file. The indexes are made when they have
    /// entries, or when the segment is rolled or closed.
    pub(crate) fn create(
        dir: Arc<dyn Dir>,
        base_offset: Offset,
        config: &LogConfig,
    ) -> io::Result<Self> {
        let segment = Self::blank(dir, base_offset);
        segment.make(config)?;
        Ok(segment)
    }

    /// Makes the `.log` file of a segment that does not exist, and with `preallocate` reserves its
    /// room.
    pub(crate) fn make(&self, config: &LogConfig) -> io::Result<()> {
        let name = names::name(self.base_offset, Kind::Log);
        let file = self.dir.open(&name, OpenMode::Create)?;
        if config.preallocate
            && let Err(error) = file.reserve(u64::from(config.segment_bytes))
        {
            // What was reserved before the room ran out is others', and an empty segment is in the
            // way of this log.
            file.set_size(0)?;
            self.dir.remove(&name)?;
            return Err(error);
        }
        self.slot().0 = Some(file);
        Ok(())
    }

    /// A segment that compaction is writing, whose files have names of their own. Nothing is made
    /// yet.
    pub(crate) fn cleaned(dir: Arc<dyn Dir>, base_offset: Offset) -> Self {
        Self {
            offset_index: Index::empty(names::cleaned(base_offset, Kind::OffsetIndex)),
            time_index: Index::empty(names::cleaned(base_offset, Kind::TimeIndex)),
            ..Self::blank(dir, base_offset)
        }
    }

    /// A segment that does not exist.
    pub(crate) fn blank(dir: Arc<dyn Dir>, base_offset: Offset) -> Self {
        Self {
            dir,
            base_offset,
            offset_index: Index::empty(names::name(base_offset, Kind::OffsetIndex)),
            time_index: Index::empty(names::name(base_offset, Kind::TimeIndex)),
            file: Reopenable::new(Slot::default()),
            size: AtomicU64::new(0),
            largest: Mutex::new(None),
            deleted: AtomicBool::new(false),
            has_txn_index: AtomicBool::new(false),
            held_aborted: OnceLock::new(),
            aborted_known: Mutex::new(Known::Whole(Outline::EMPTY)),
            index_damaged: AtomicBool::new(false),
            verified: Verified::everything(),
        }
    }

    pub(crate) fn dir(&self) -> &dyn Dir {
        self.dir.as_ref()
    }

    /// The path of one of its files, for people to read.
    pub(crate) fn path(&self, kind: Kind) -> PathBuf {
        self.dir.path().join(names::name(self.base_offset, kind))
    }

    /// The `.log` file, opened if it is not.
    pub(crate) fn file(&self) -> io::Result<Arc<dyn LogFile>> {
        let mut slot = self.slot();
        self.file.note_use();
        if let Some(file) = &slot.0 {
            return Ok(file.clone());
        }
        let file = self.dir.open(&self.log_name(), OpenMode::Write)?;
        slot.0 = Some(file.clone());
        Ok(file)
    }

    /// The `.log` file once more, for one who reads it from end to end beside others: the kernel
    /// reads ahead for each by itself.
    pub(crate) fn open_anew(&self) -> io::Result<Arc<dyn LogFile>> {
        let file = self.dir.open(&self.log_name(), OpenMode::Read)?;
        // Looked at afterwards: another segment may have got the name, and this be its file.
        let is_replaced = self.held_aborted.get().is_some() || self.is_deleted();
        if is_replaced { self.file() } else { Ok(file) }
    }

    fn log_name(&self) -> String {
        let mut name = names::name(self.base_offset, Kind::Log);
        if self.deleted.load(Ordering::Acquire) {
            name.push_str(names::DELETED);
        }
        name
    }

    /// Closes files that can be opened again when someone needs them.
    pub(crate) fn close_files(&self) {
        self.slot().close_file();
        self.offset_index.close_file();
        self.time_index.close_file();
    }

    /// Opens what readers may still want of a segment whose names another one is about to get.
    pub(crate) fn hold_files(&self) -> io::Result<()> {
        self.file()?;
        self.offset_index.open_file(self.dir())?;
        self.time_index.open_file(self.dir())?;
        let aborted = self.aborted()?;
        self.held_aborted.get_or_init(|| aborted);
        Ok(())
    }

    /// Bytes of batches in the `.log` file.
    pub(crate) fn size(&self) -> io::Result<u64> {
        match self.size.load(Ordering::Acquire) {
            SIZE_UNKNOWN => {
                let size = self.file()?.size()?;
                self.size.store(size, Ordering::Release);
                Ok(size)
            }
            size => Ok(size),
        }
    }

    /// The size of a segment that was made or whose size was asked for. For the active segment: the
    /// bytes that were written, without those that are only staged.
    pub(crate) fn known_size(&self) -> u64 {
        match self.size.load(Ordering::Acquire) {
            SIZE_UNKNOWN => 0,
            size => size,
        }
    }

    pub(crate) fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Release);
    }

    /// The largest timestamp of a segment that is no longer written.
    pub(crate) fn largest_timestamp(&self) -> Result<Largest, ReadError> {
        if let Some(largest) = *self.largest_slot() {
            return Ok(largest);
        }
        let end = self.size().map_err(self.failed(Kind::Log))?;
        let largest = self.find_largest_timestamp(end)?;
        *self.largest_slot() = Some(largest);
        Ok(largest)
    }

    /// The largest timestamp of the batches before position `end`: the last one that the time index
    /// knows, or one of a batch after that. An index that ends too early or is wrong is found out.
    pub(crate) fn find_largest_timestamp(&self, end: u64) -> Result<Largest, ReadError> {
        let failed = |source| self.failed(Kind::TimeIndex)(source);
        let last = self.time_index.last(self.dir.as_ref()).map_err(failed)?;
        let named = match last {
            Some(entry) => self.named_batch(entry, end)?,
            None => None,
        };
        let known = named.map(|named| (named.position, named.header));
        let mut largest = TimestampOffset { timestamp: -1, offset: self.base_offset };
        if let Some((_, header)) = known {
            let (timestamp, offset) = (header.max_timestamp, header.last_offset());
            largest = TimestampOffset { timestamp, offset };
        }
        let indexed = largest.timestamp;
        let file = self.file().map_err(self.failed(Kind::Log))?;
        let mut scan = Scan::batches(file.as_ref(), known.map_or(0, |known| known.0), end);
        let mut end_offset = self.base_offset;
        let stopped_at = loop {
            let position = scan.position();
            match scan.next_batch() {
                Ok(Some(header)) => {
                    end_offset = header.next_offset();
                    if header.max_timestamp > largest.timestamp {
                        let (timestamp, offset) = (header.max_timestamp, header.last_offset());
                        largest = TimestampOffset { timestamp, offset };
                    }
                }
                Err(ScanError::Io(source)) => return Err(self.failed(Kind::Log)(source)),
                // Whether anything is missing, the offset tells, unless the log is compacted.
                Ok(None) => break None,
                Err(ScanError::Batch(_)) => break Some(position),
            }
        };
        if largest.timestamp > indexed {
            self.set_index_damaged(true);
        }
        Ok(Largest { largest, up_to: Some(end_offset), stopped_at })
    }

    /// The batch that an entry of the time index names, if it has that timestamp.
    fn named_batch(&self, entry: TimeEntry, end: u64) -> Result<Option<Located>, ReadError> {
        let offset = self.base_offset.plus(i64::from(entry.relative));
        let located = match self.locate(offset, end) {
            Err(ReadError::Damaged { .. }) => None,
            located => located?,
        };
        Ok(located.filter(|batch| {
            batch.header.last_offset() == offset && batch.header.max_timestamp == entry.timestamp
        }))
    }

    pub(crate) fn set_largest_timestamp(&self, largest: Option<TimestampOffset>) {
        *self.largest_slot() =
            largest.map(|largest| Largest { largest, up_to: None, stopped_at: None });
    }

    pub(crate) fn mark_deleted(&self) {
        self.deleted.store(true, Ordering::Release);
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    pub(crate) fn has_txn_index(&self) -> bool {
        self.has_txn_index.load(Ordering::Acquire)
    }

    pub(crate) fn set_has_txn_index(&self, has: bool) {
        self.has_txn_index.store(has, Ordering::Release);
    }

    /// Whether an index entry led nowhere. The log then makes the indexes anew.
    pub(crate) fn index_damaged(&self) -> bool {
        self.index_damaged.load(Ordering::Acquire)
    }

    pub(crate) fn set_index_damaged(&self, damaged: bool) {
        self.index_damaged.store(damaged, Ordering::Release);
    }

    /// The first batch before position `end` whose last offset is `target` or more.
    pub(crate) fn locate(&self, target: Offset, end: u64) -> Result<Option<Located>, ReadError> {
        let file = self.file().map_err(self.failed(Kind::Log))?;
        let start = self.indexed_position(target, end, file.as_ref())?;
        let mut scan = Scan::headers(file.as_ref(), start, end);
        let mut next = self.base_offset;
        loop {
            match scan.next_header() {
                Ok(Some((position, header))) => {
                    self.ensure_after(next, position, &header)?;
                    if header.last_offset() >= target {
                        return Ok(Some(Located { position, header }));
                    }
                    next = header.next_offset();
                }
                Ok(None) => return Ok(None),
                Err(ScanError::Io(source)) => return Err(self.failed(Kind::Log)(source)),
                Err(ScanError::Batch(cause)) => {
                    return Err(self.damage(scan.position(), &cause.to_string()));
                }
            }
        }
    }

    /// The last batch before a position; `None` where no batch ends there, or it cannot be read.
    pub(crate) fn last_batch(&self, end: u64) -> Result<Option<Located>, ReadError> {
        let file = self.file().map_err(self.failed(Kind::Log))?;
        let from = self.indexed_position(Offset(i64::MAX), end, file.as_ref())?;
        let mut scan = Scan::headers(file.as_ref(), from, end);
        let (mut last, mut next) = (None, self.base_offset);
        while let Ok(Some((position, header))) = scan.next_header() {
            self.ensure_after(next, position, &header)?;
            next = header.next_offset();
            last = Some(Located { position, header });
        }
        Ok(last.filter(|_| scan.position() == end))
    }

    fn ensure_after(
        &self,
        next: Offset,
        position: u64,
        header: &BatchHeader,
    ) -> Result<(), ReadError> {
        if header.base_offset >= next {
            return Ok(());
        }
        let cause = format!("offset {} follows offset {next}", header.base_offset);
        Err(self.damage(position, &cause))
    }

    /// A position from which a scan for `target` may start: that of a batch whose last offset is
    /// `target` or less, or 0.
    pub(crate) fn indexed_position(
        &self,
        target: Offset,
        end: u64,
        file: &dyn LogFile,
    ) -> Result<u64, ReadError> {
        let relative = target.0.saturating_sub(self.base_offset.0);
        let before = |entry: &OffsetEntry| {
            i64::from(entry.relative) <= relative && u64::from(entry.position) < end
        };
        let entry = self
            .offset_index
            .last_before(self.dir.as_ref(), before)
            .map_err(self.failed(Kind::OffsetIndex))?;
        let Some(entry) = entry else { return Ok(0) };
        let position = u64::from(entry.position);
        let named = self.base_offset.plus(i64::from(entry.relative));
        // In an index out of order the search may end anywhere.
        if before(&entry)
            && let Ok(Some(header)) = header_at(file, position, end)
            && header.last_offset() == named
        {
            return Ok(position);
        }
        if !self.index_damaged.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                file = %self.path(Kind::OffsetIndex).display(),
                position,
                "the offset index names a batch that is not there: reading without it"
            );
        }
        Ok(0)
    }

    /// An offset before which no record has this timestamp or a later one.
    pub(crate) fn indexed_offset(&self, timestamp: i64, end: u64) -> Result<Offset, ReadError> {
        let before = |entry: &TimeEntry| entry.timestamp < timestamp;
        let entry = self.time_index.last_before(self.dir.as_ref(), before);
        let entry = entry.map_err(self.failed(Kind::TimeIndex))?;
        let Some(entry) = entry else { return Ok(self.base_offset) };
        if before(&entry)
            && let Some(named) = self.named_batch(entry, end)?
        {
            return Ok(named.header.last_offset());
        }
        if !self.index_damaged.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                file = %self.path(Kind::TimeIndex).display(),
                "the time index names a batch that is not there: reading without it"
            );
        }
        Ok(self.base_offset)
    }

    /// Wraps an error of one of its files.
    pub(crate) fn failed(&self, kind: Kind) -> impl FnOnce(io::Error) -> ReadError {
        move |source| ReadError::Io { path: self.path(kind), source }
    }

    /// All names that its files may have, that of the `.log` file first.
    pub(crate) fn file_names(&self) -> impl DoubleEndedIterator<Item = String> {
        Kind::ALL.into_iter().map(|kind| names::name(self.base_offset, kind))
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.file.lock()
    }

    fn largest_slot(&self) -> MutexGuard<'_, Option<Largest>> {
        self.largest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
