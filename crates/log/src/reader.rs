//! Reading a log without holding up its writer.
//!
//! Invariants: a reader sees the log as it was when the reader was made, up to its end; it reads
//! whole batches and hands out places in files, not bytes. Segments that retention has deleted
//! since stay readable while their files are open or not yet removed.
//! Kafka: `LocalLog.read`, `LogSegment.read`, `FetchDataInfo`.

pub(crate) mod ahead;
mod committed;
mod leader_epochs;
pub(crate) mod look;
pub(crate) mod timestamps;

use std::{fs::File, io, sync::Arc};

use bytes::Bytes;
use ottla_types::Offset;

use crate::{
    dir::LogFile,
    epochs::EpochCache,
    error::ReadError,
    log::recent::Recent,
    names::Kind,
    segment::{Largest, Located, Segment},
    verify::Bounds,
};

/// A snapshot of a log to read from.
#[derive(Clone, Debug)]
pub struct LogReader {
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    pub(crate) log_start_offset: Offset,
    pub(crate) log_end_offset: Offset,
    /// Bytes of the last segment that belong to the snapshot.
    pub(crate) active_size: u64,
    pub(crate) active_largest: Largest,
    pub(crate) recent: Recent,
    /// Exclusive: in segments that begin before it, compaction may have left holes.
    pub(crate) compacted_to: Offset,
    /// From here on this process has written the indexes of aborted transactions.
    pub(crate) indexed_from: Offset,
    /// As they were then.
    pub(crate) epochs: EpochCache,
    /// Of the log, how often.
    pub(crate) index_changes: u64,
}

/// Some bytes of one file: batches of a log.
#[derive(Clone, Debug)]
pub struct FileRange {
    file: Option<Arc<dyn LogFile>>,
    /// Where in the file the first batch starts, in bytes.
    pub position: u64,
    /// How many bytes. 0 where there is nothing to read. The last batch may be cut.
    pub length: usize,
    /// Base offset of the first batch, which may be before the offset asked for; the offset asked
    /// for where there is no batch.
    pub base_offset: Offset,
    /// Bytes of the first batch, even if it was not taken because it is too large; 0 if there is
    /// none.
    pub first_batch_size: usize,
    /// An offset that is after everything in the range: exclusive upper bound.
    pub end_offset: Offset,
}

impl FileRange {
    fn empty(offset: Offset) -> Self {
        Self {
            file: None,
            position: 0,
            length: 0,
            base_offset: offset,
            first_batch_size: 0,
            end_offset: offset,
        }
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The operating system's file, for `sendfile`. `None` where the range is empty or the file is
    /// simulated: then [`FileRange::read`] is the way.
    pub fn as_file(&self) -> Option<&File> {
        self.file.as_ref().and_then(|file| file.as_file())
    }

    /// Reads all bytes.
    pub fn read(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.length];
        self.read_at(&mut bytes, 0)?;
        Ok(Bytes::from(bytes))
    }

    /// Fills `buffer` with the bytes from `skip` on, all of which must lie within the range.
    pub fn read_at(&self, buffer: &mut [u8], skip: usize) -> io::Result<()> {
        let end = skip.checked_add(buffer.len());
        if end.is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let Some(file) = &self.file else { return Ok(()) };
        let read = file.read_at(buffer, self.position + skip as u64)?;
        if read < buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl LogReader {
    /// First offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// Exclusive end of the log.
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// The batches from the one that holds `start`, up to `end`, which is exclusive and usually the
    /// high watermark or the last stable offset. At most `max_bytes`, which may cut the last batch;
    /// with `min_one_batch` the first batch is whole even if it is larger, without it nothing is
    /// given then. All from one segment: there may be more after it. What was on disk before the
    /// log was opened is checked when it is read first: damage is an error, and so are offsets that
    /// are missing.
    pub fn read(
        &self,
        start: Offset,
        max_bytes: usize,
        end: Offset,
        min_one_batch: bool,
    ) -> Result<FileRange, ReadError> {
        if start < self.log_start_offset || start > self.log_end_offset {
            return Err(self.out_of_range(start));
        }
        let end = end.min(self.log_end_offset);
        if start >= end {
            return Ok(FileRange::empty(start));
        }
        for at in self.segment_at(start)..self.segments.len() {
            let Some(segment) = self.segments.get(at) else { break };
            let found = self.read_segment(at, segment, start, end);
            match found {
                Ok(Some(mut range)) => {
                    let wanted = if min_one_batch {
                        max_bytes.max(range.first_batch_size)
                    } else {
                        max_bytes
                    };
                    range.length = range.length.min(wanted);
                    if range.length < range.first_batch_size {
                        range.length = 0;
                    }
                    self.verify(at, segment, &mut range)?;
                    return Ok(range);
                }
                Ok(None) => self.check_end(at, segment, start)?,
                // Retention removed the file after the snapshot was taken.
                Err(ReadError::Io { source, .. })
                    if segment.is_deleted() && source.kind() == io::ErrorKind::NotFound =>
                {
                    return Err(self.out_of_range(start));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(FileRange::empty(start))
    }

    fn read_segment(
        &self,
        at: usize,
        segment: &Segment,
        start: Offset,
        end: Offset,
    ) -> Result<Option<FileRange>, ReadError> {
        let (limit, next_base) = self.bounds(at, segment)?;
        let is_active = at + 1 == self.segments.len();
        let recent = |offset| is_active.then(|| self.recent.find(offset, limit)).flatten();
        let first = match recent(start) {
            Some(first) => first,
            None => match self.locate(at, segment, start, limit)? {
                Some(first) => first.into(),
                None => return Ok(None),
            },
        };
        let end_position = if end >= next_base {
            limit
        } else if let Some(after) = recent(end) {
            after.position
        } else {
            segment.locate(end, limit)?.map_or(limit, |after| after.position)
        };
        let length = usize::try_from(end_position.saturating_sub(first.position));
        Ok(Some(FileRange {
            file: Some(segment.file().map_err(segment.failed(Kind::Log))?),
            position: first.position,
            length: length.unwrap_or(usize::MAX),
            base_offset: first.base_offset,
            first_batch_size: first.size,
            end_offset: end.min(next_base),
        }))
    }

    /// Checks what is about to be read, and leaves out what follows damage or is no batch.
    fn verify(&self, at: usize, segment: &Segment, range: &mut FileRange) -> Result<(), ReadError> {
        let end = range.position + range.length as u64;
        let end = self.verified_end(at, segment, range.position, end)?;
        let most = usize::try_from(end.saturating_sub(range.position)).unwrap_or(usize::MAX);
        range.length = range.length.min(most);
        Ok(())
    }

    /// Where the batches from one position to another stop being in order; an error if the first
    /// one is not.
    fn verified_end(
        &self,
        at: usize,
        segment: &Segment,
        from: u64,
        end: u64,
    ) -> Result<u64, ReadError> {
        if end <= from || segment.verified.is_trusted(from, end - 1) {
            return Ok(end);
        }
        let (limit, next_base) = self.bounds(at, segment)?;
        let is_compacted = self.may_be_compacted(segment);
        let bounds = Bounds { limit, next_base, is_compacted, log: self.clone() };
        segment.verify(from, end - 1, &bounds)
    }

    /// Refuses unless all batches between two positions are in order.
    fn verify_all(
        &self,
        at: usize,
        segment: &Segment,
        mut from: u64,
        end: u64,
    ) -> Result<(), ReadError> {
        while from < end {
            let in_order = self.verified_end(at, segment, from, end)?;
            if in_order <= from {
                // No batch follows that belongs to the segment.
                break;
            }
            from = in_order;
        }
        Ok(())
    }

    /// Where a segment's batches stop being in order.
    pub(crate) fn in_order_to(&self, segment: &Segment) -> Result<u64, ReadError> {
        let at = self.segment_at(segment.base_offset);
        let (limit, _) = self.bounds(at, segment)?;
        let mut end = 0;
        loop {
            match self.verified_end(at, segment, end, limit) {
                Ok(in_order) if in_order > end => end = in_order,
                Ok(_) | Err(ReadError::Damaged { .. }) => return Ok(end),
                Err(error) => return Err(error),
            }
        }
    }

    /// The batch with an offset, or the first one after it where offsets may be missing.
    fn locate(
        &self,
        at: usize,
        segment: &Segment,
        start: Offset,
        limit: u64,
    ) -> Result<Option<Located>, ReadError> {
        let Some(first) = segment.locate(start, limit)? else { return Ok(None) };
        let wanted = start.max(segment.base_offset);
        if first.header.base_offset > wanted {
            self.check_hole(at, segment, first.position, (wanted, first.header.base_offset))?;
        }
        Ok(Some(first))
    }

    /// Whether a hole in this segment is one that must not be.
    fn misses(&self, segment: &Segment) -> bool {
        !self.may_be_compacted(segment) && !segment.was_compacted()
    }

    fn may_be_compacted(&self, segment: &Segment) -> bool {
        segment.base_offset < self.compacted_to
    }

    /// Refuses to go on to the next segment from an offset that this one should have had.
    pub(crate) fn check_end(
        &self,
        at: usize,
        segment: &Segment,
        start: Offset,
    ) -> Result<(), ReadError> {
        let (limit, next_base) = self.bounds(at, segment)?;
        if at + 1 < self.segments.len() && start < next_base && segment.base_offset <= start {
            self.check_hole(at, segment, limit, (start, next_base))?;
        }
        Ok(())
    }

    /// Refuses what looks like offsets that are missing before a position and must not be, or may
    /// be in the batch that ends there and says so wrongly.
    fn check_hole(
        &self,
        at: usize,
        segment: &Segment,
        position: u64,
        (from, to): (Offset, Offset),
    ) -> Result<(), ReadError> {
        if self.misses(segment) {
            return Err(segment.hole(position, from, to));
        }
        let last = position.saturating_sub(1);
        if position == 0 || segment.verified.is_trusted(last, last) {
            return Ok(());
        }
        let Some(before) = segment.last_batch(position)? else { return Ok(()) };
        self.verified_end(at, segment, before.position, position).map(drop)
    }

    /// Where a segment's batches end, as a position and as an offset, both exclusive.
    pub(crate) fn bounds(&self, at: usize, segment: &Segment) -> Result<(u64, Offset), ReadError> {
        match self.segments.get(at + 1) {
            Some(next) => {
                let size = segment.size().map_err(segment.failed(Kind::Log))?;
                Ok((size, next.base_offset))
            }
            None => Ok((self.active_size, self.log_end_offset)),
        }
    }

    /// Which segment an offset is in.
    pub(crate) fn segment_at(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }

    fn out_of_range(&self, offset: Offset) -> ReadError {
        let (log_start_offset, log_end_offset) = (self.log_start_offset, self.log_end_offset);
        ReadError::OffsetOutOfRange { offset, log_start_offset, log_end_offset }
    }
}
