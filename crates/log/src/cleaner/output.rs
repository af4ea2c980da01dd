//! The segment that takes the place of a group, while it is written.
//!
//! Invariants: its files have names of their own until they are complete and durable. As long as
//! nothing has gone from a single segment nothing is written, so that a segment that is clean
//! already costs no more than reading it.
//! Kafka: `UnifiedLog.createNewCleanedSegment`.

use std::{
    io::{self, IoSlice},
    sync::Arc,
};

use ottla_record::BatchHeader;
use ottla_types::Offset;

use super::{CleanError, Interrupted, Pace, read_failed};
use crate::{
    config::LogConfig,
    dir::{Dir, LogFile, OpenMode},
    error::{LogError, is_full},
    log::{Active, append::push_time},
    names::{self, Kind},
    segment::{Segment, TimestampOffset},
    txn_index::{self, AbortedTxn},
};

/// A segment whose files are complete and durable, under names that a restart throws away.
#[derive(Debug)]
pub(crate) struct Cleaned {
    pub(crate) base_offset: Offset,
    pub(crate) size: u64,
    pub(crate) largest: TimestampOffset,
    /// The kinds of files it has.
    pub(crate) kinds: Vec<Kind>,
}

/// A segment that is being written.
pub(super) struct Output<'a> {
    dir: &'a dyn Dir,
    config: &'a LogConfig,
    segment: Segment,
    active: Active,
    /// The segment of which everything was kept so far.
    same_as: Option<Arc<Segment>>,
    file: Option<Arc<dyn LogFile>>,
    buffer: Vec<u8>,
    buffer_bytes: usize,
}

impl<'a> Output<'a> {
    /// Nothing is written yet. `same_as` is the only source, if there is only one.
    pub(super) fn new(
        (dir, config): (&'a Arc<dyn Dir>, &'a LogConfig),
        base_offset: Offset,
        same_as: Option<Arc<Segment>>,
        buffer_bytes: usize,
    ) -> Self {
        Self {
            dir: dir.as_ref(),
            config,
            segment: Segment::cleaned(dir.clone(), base_offset),
            active: Active::new(base_offset, 0),
            same_as,
            file: None,
            buffer: Vec::new(),
            buffer_bytes,
        }
    }

    /// A batch stays as it is in its source.
    pub(super) fn keep(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
        pace: &mut impl Pace,
    ) -> Result<(), CleanError> {
        if self.same_as.is_none() {
            self.push(batch, pace)?;
        }
        self.take_in(header)
    }

    /// A batch changes.
    pub(super) fn replace(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
        pace: &mut impl Pace,
    ) -> Result<(), CleanError> {
        self.diverge(pace)?;
        self.push(batch, pace)?;
        self.take_in(header)
    }

    /// A batch goes.
    pub(super) fn leave_out(&mut self, pace: &mut impl Pace) -> Result<(), CleanError> {
        self.diverge(pace)
    }

    /// Makes the segment complete and durable. `None` if it would be the same as its source.
    pub(super) fn finish(
        mut self,
        aborted: &[AbortedTxn],
        modified_ms: Option<i64>,
        pace: &mut impl Pace,
    ) -> Result<Option<Cleaned>, CleanError> {
        if let Some(source) = &self.same_as {
            let known = source.aborted().map_err(source.failed(Kind::TxnIndex));
            if known.map_err(read_failed)? == aborted {
                return Ok(None);
            }
            self.diverge(pace)?;
        }
        let file = self.open()?;
        self.write_out(pace)?;
        self.write_indexes().map_err(self.failed("write", Kind::OffsetIndex))?;
        let mut kinds = vec![Kind::OffsetIndex, Kind::TimeIndex];
        if !aborted.is_empty() {
            self.write_aborted(aborted).map_err(self.failed("write", Kind::TxnIndex))?;
            kinds.push(Kind::TxnIndex);
        }
        kinds.push(Kind::Log);
        if let Some(modified_ms) = modified_ms {
            file.set_modified_ms(modified_ms).map_err(self.failed("write", Kind::Log))?;
        }
        file.sync().map_err(self.failed("sync", Kind::Log))?;
        let base_offset = self.segment.base_offset;
        Ok(Some(Cleaned {
            base_offset,
            size: self.active.size,
            largest: self.active.largest,
            kinds,
        }))
    }

    /// Bytes of batches that the segment has.
    pub(super) fn size(&self) -> u64 {
        self.active.size
    }

    /// Writes what was kept of the only source so far, if that was everything.
    fn diverge(&mut self, pace: &mut impl Pace) -> Result<(), CleanError> {
        let Some(source) = self.same_as.take() else { return Ok(()) };
        let (from, _) = super::open(&source)?;
        let mut position = 0;
        while position < self.active.size {
            let left = usize::try_from(self.active.size - position).unwrap_or(usize::MAX);
            let mut bytes = std::mem::take(&mut self.buffer);
            bytes.resize(left.min(self.buffer_bytes), 0);
            let read = from.read_at(&mut bytes, position);
            let read = read.map_err(source.failed(Kind::Log)).map_err(read_failed)?;
            if read < bytes.len() {
                let cause = io::ErrorKind::UnexpectedEof.into();
                return Err(read_failed(source.failed(Kind::Log)(cause)));
            }
            self.buffer = bytes;
            self.write_at(position, pace)?;
            position += read as u64;
        }
        Ok(())
    }

    fn take_in(&mut self, header: &BatchHeader) -> Result<(), CleanError> {
        let taken = self.active.take_in(&self.segment, header, self.config);
        taken.map_err(self.failed("write", Kind::OffsetIndex))
    }

    /// Adds a batch that follows those taken in.
    fn push(&mut self, batch: &[u8], pace: &mut impl Pace) -> Result<(), CleanError> {
        if self.buffer.len() + batch.len() > self.buffer_bytes {
            self.write_out(pace)?;
        }
        self.buffer.extend_from_slice(batch);
        Ok(())
    }

    /// Writes what is in the buffer, which ends where the batches taken in end.
    fn write_out(&mut self, pace: &mut impl Pace) -> Result<(), CleanError> {
        let start = self.active.size.saturating_sub(self.buffer.len() as u64);
        self.write_at(start, pace)
    }

    fn write_at(&mut self, position: u64, pace: &mut impl Pace) -> Result<(), CleanError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let file = self.open()?;
        let written = file.write_at(&mut [IoSlice::new(&self.buffer)], position);
        written.map_err(self.failed("write", Kind::Log))?;
        let bytes = self.buffer.len() as u64;
        self.buffer.clear();
        pace.moved(bytes).map_err(|Interrupted| CleanError::Interrupted)
    }

    fn open(&mut self) -> Result<Arc<dyn LogFile>, CleanError> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let name = names::cleaned(self.segment.base_offset, Kind::Log);
        let opened = self.dir.open(&name, OpenMode::Create).and_then(|file| {
            // A round that did not come to its end may have left one.
            file.set_size(0)?;
            Ok(file)
        });
        let file = opened.map_err(self.failed("create", Kind::Log))?;
        self.file = Some(file.clone());
        Ok(file)
    }

    fn write_indexes(&self) -> io::Result<()> {
        let (segment, dir) = (&self.segment, self.dir);
        push_time(segment, self.active.largest)?;
        segment.offset_index.flush(dir)?;
        segment.time_index.flush(dir)?;
        segment.offset_index.open_file(dir)?.sync()?;
        segment.time_index.open_file(dir)?.sync()
    }

    fn write_aborted(&self, aborted: &[AbortedTxn]) -> io::Result<()> {
        let name = names::cleaned(self.segment.base_offset, Kind::TxnIndex);
        txn_index::replace(self.dir, &name, aborted)
    }

    fn failed(
        &self,
        what: &'static str,
        kind: Kind,
    ) -> impl FnOnce(io::Error) -> CleanError + use<> {
        let path = self.dir.path().join(names::cleaned(self.segment.base_offset, kind));
        move |source| {
            if is_full(&source) {
                CleanError::NoRoom { path }
            } else {
                CleanError::Storage(LogError::io(what, &path)(source))
            }
        }
    }
}

/// Removes what a round that did not come to its end has written. Where that fails the next start
/// of the log does it.
pub(super) fn discard(dir: &dyn Dir, base_offset: Offset) {
    for kind in Kind::ALL {
        drop(dir.remove(&names::cleaned(base_offset, kind)));
    }
}
