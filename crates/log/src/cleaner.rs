//! Compaction: of every key only the newest record stays.
//!
//! A round has two phases. First the keys of the part of the log that was not cleaned yet are put
//! into a map in memory, each with its last offset; if the map gets full, the round ends there.
//! Then all segments up to the end of the round are written anew without the records that the map
//! knows to be old, several small segments into one, and take the place of the old ones. Offsets
//! never change, and readers go on with the segments they have.
//!
//! Invariants: nothing is lost or comes back wherever the process dies (see
//! [`crate::log`]`::compact`); memory is bounded by [`CleanerOptions`] but for one batch; the log
//! is locked only while segments are exchanged. A pass that finds the log changed under it gives
//! up: somebody truncated it or retention came first.
//! Kafka: `Cleaner`, `LogCleaner`.

mod filter;
mod group;
mod offset_map;
mod output;
mod rewrite;
mod transactions;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    sync::Arc,
};

use ottla_record::{BatchError, BatchHeader, Scratch, body};
use ottla_types::Offset;

pub(crate) use filter::LastRecord;
pub(crate) use output::Cleaned;

use self::{filter::DECOMPRESSED_MAX, offset_map::OffsetMap, transactions::Transactions};
use crate::{
    config::LogConfig,
    dir::{Dir, LogFile},
    error::{LogError, ReadError},
    log::{Log, compact::Cleanable},
    names::Kind,
    producers::TxnMarker,
    reader::LogReader,
    scan::{Scan, ScanError},
    segment::Segment,
    txn_index::AbortedTxn,
};

/// How much a cleaner may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerOptions {
    /// Memory for keys, in bytes: the share of this cleaner in `log.cleaner.dedupe.buffer.size`.
    pub dedupe_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`: how full that memory may get.
    pub load_factor: f64,
    /// Memory for reading and writing, in bytes: its share in `log.cleaner.io.buffer.size`.
    pub io_bytes: usize,
}

/// A log that others use, too.
pub trait SharedLog {
    /// Runs something on the log while nobody else does.
    fn with<T>(&self, run: impl FnOnce(&mut Log) -> T) -> T;
}

/// The cleaner was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// Sets the pace of a cleaner.
pub trait Pace {
    /// The cleaner has read or written so many bytes. May wait; an error ends the round.
    fn moved(&mut self, bytes: u64) -> Result<(), Interrupted>;
}

/// Why a round ended early. The log is as good as before.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// Its [`Pace`] said so.
    #[error("the cleaner was told to stop")]
    Interrupted,
    /// The log was truncated, or retention deleted segments that were being cleaned.
    #[error("the log changed while it was cleaned")]
    Changed,
    /// The disk has no room for what is written.
    #[error("no room for {}", path.display())]
    NoRoom {
        /// What was written.
        path: PathBuf,
    },
    /// The log holds something that cannot be read. Trying again does not help.
    #[error(transparent)]
    Unreadable(ReadError),
    /// The disk failed, now or before. The log has been taken offline.
    #[error(transparent)]
    Storage(LogError),
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanStats {
    /// Bytes of batches whose keys were put into the map.
    pub map_bytes_read: u64,
    /// Keys in the map.
    pub keys: u64,
    /// Keys that the map would have taken.
    pub keys_max: u64,
    /// Bytes of the map.
    pub map_bytes: u64,
    /// Bytes of batches that were looked at to be cleaned.
    pub bytes_read: u64,
    /// Bytes of batches that stayed.
    pub bytes_kept: u64,
    /// Bytes of batches that were written: not those of segments from which nothing went.
    pub bytes_written: u64,
    /// Records that were looked at to be cleaned.
    pub records_read: u64,
    /// Records that stayed.
    pub records_kept: u64,
    /// Records without a key, which do not belong into a compacted topic and went.
    pub records_without_key: u64,
    /// Segments that were looked at.
    pub segments_read: u64,
    /// Segments that took their place.
    pub segments_written: u64,
}

/// A round that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaning {
    /// The first offset that was not cleaned: where the next round begins.
    pub end_offset: Offset,
    /// What was done.
    pub stats: CleanStats,
}

/// Cleans one log after the other.
#[derive(Debug)]
pub struct Cleaner {
    options: CleanerOptions,
    scratch: Scratch,
}

/// The log as it was when the round began.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) reader: LogReader,
    pub(crate) dir: Arc<dyn Dir>,
    pub(crate) config: LogConfig,
    pub(crate) truncations: u64,
    pub(crate) recovery_point: Offset,
}

impl Cleaner {
    /// A cleaner that allocates nothing yet.
    pub fn new(options: CleanerOptions) -> Self {
        Self { options, scratch: Scratch::new() }
    }

    /// Cleans a log as far as `cleanable` says or the memory for keys allows. The segments that
    /// take the place of others are durable when this returns.
    pub fn clean(
        &mut self,
        log: &impl SharedLog,
        cleanable: &Cleanable,
        pace: &mut impl Pace,
        now_ms: i64,
    ) -> Result<Cleaning, CleanError> {
        let mut cleaned = self.run(log, cleanable, pace, now_ms);
        // Each time one more segment is in order.
        while let Err(CleanError::Unreadable(ReadError::WronglyIndexed {
            one, other, seen, ..
        })) = cleaned
        {
            let mended = log.with(|log| log.mend_txn_indexes(one, other, seen));
            let mended = mended.map_err(read_failed);
            cleaned = mended.and_then(|()| self.run(log, cleanable, pace, now_ms));
        }
        if let Err(CleanError::Storage(error)) = &cleaned {
            log.with(|log| log.mark_failed(&error.to_string()));
        }
        cleaned
    }

    fn run(
        &mut self,
        log: &impl SharedLog,
        cleanable: &Cleanable,
        pace: &mut impl Pace,
        now_ms: i64,
    ) -> Result<Cleaning, CleanError> {
        let round = log.with(|log| log.begin_round());
        let mut stats = CleanStats::default();
        let end_offset = cleanable.first_dirty_offset;
        if cleanable.first_uncleanable_offset <= end_offset {
            return Ok(Cleaning { end_offset, stats });
        }
        // First of all: where an index has to be made anew, the round begins again.
        for (at, segment) in round.segments(Offset::ZERO, cleanable.first_uncleanable_offset) {
            round.aborted(at, segment, pace)?;
            segment.close_files();
        }
        let map = self.map_keys(&round, cleanable, pace, &mut stats)?;
        round.sync(cleanable.first_dirty_offset, map.next_offset())?;
        let end_offset = map.next_offset();
        self.rewrite_all(log, &round, (cleanable, &map), pace, (&mut stats, now_ms))?;
        Ok(Cleaning { end_offset, stats })
    }

    /// Puts the keys of the part that is not clean into a map, as far as there is room.
    fn map_keys(
        &mut self,
        round: &Round,
        cleanable: &Cleanable,
        pace: &mut impl Pace,
        stats: &mut CleanStats,
    ) -> Result<OffsetMap, CleanError> {
        let (start, end) = (cleanable.first_dirty_offset, cleanable.first_uncleanable_offset);
        let CleanerOptions { dedupe_bytes, load_factor, .. } = self.options;
        let mut map = OffsetMap::new(dedupe_bytes, load_factor, start, end);
        let mut transactions = Transactions::default();
        let mut is_full = false;
        for (at, segment) in round.segments(start, end) {
            let next = round.next_base(at, end);
            let aborted = round.aborted(at, segment, pace)?.into_iter();
            // Of those that ended before, nobody comes by the marker.
            transactions.expect(aborted.filter(|txn| txn.last_offset >= start));
            is_full = !self.map_segment(
                (segment, Order::of(round, segment)),
                (start, next),
                (&mut map, &mut transactions),
                pace,
                stats,
            )?;
            segment.close_files();
            if is_full {
                break;
            }
            map.advance(next);
        }
        if is_full {
            tracing::debug!(
                end_offset = %map.next_offset(),
                keys = map.entries(),
                "the memory for keys is full: the round ends before the cleanable part does"
            );
        }
        stats.keys = map.entries() as u64;
        stats.keys_max = map.entries_max() as u64;
        stats.map_bytes = map.memory_bytes() as u64;
        Ok(map)
    }

    /// `false` if the map is full.
    fn map_segment(
        &mut self,
        (segment, mut order): (&Segment, Order<'_>),
        (start, next): (Offset, Offset),
        (map, transactions): (&mut OffsetMap, &mut Transactions),
        pace: &mut impl Pace,
        stats: &mut CleanStats,
    ) -> Result<bool, CleanError> {
        let (file, size) = open(segment)?;
        let from = segment.indexed_position(start, size, file.as_ref()).map_err(read_failed)?;
        let mut scan = Scan::with_window(file.as_ref(), from, size, self.window());
        let mut paced = from;
        loop {
            let position = scan.position();
            if position - paced >= self.window() as u64 {
                pace.moved(position - paced).map_err(|Interrupted| CleanError::Interrupted)?;
                paced = position;
            }
            let next_batch = scan.next_whole().map_err(damaged(segment, position))?;
            let Some((header, batch)) = next_batch else { break };
            order.check(segment, position, &header)?;
            if header.base_offset >= next {
                break;
            }
            stats.map_bytes_read += header.size() as u64;
            let is_unwanted = if header.attributes.is_control() {
                let marker = TxnMarker::read(&header, body(batch));
                transactions.see_control(&header, marker);
                true
            } else {
                transactions.see_data(&header)
            };
            if is_unwanted {
                continue;
            }
            let put = put_keys(map, start, (&header, batch), &mut self.scratch);
            if !put.map_err(|cause| unreadable(segment, position, &cause))? {
                return Ok(false);
            }
        }
        pace.moved(size.saturating_sub(paced)).map_err(|Interrupted| CleanError::Interrupted)?;
        Ok(true)
    }

    /// Bytes to read or write at once.
    fn window(&self) -> usize {
        (self.options.io_bytes / 2).max(4096)
    }
}

impl Round {
    /// The segments that hold offsets from `start` to `end`, exclusive, with their places.
    fn segments(&self, start: Offset, end: Offset) -> impl Iterator<Item = (usize, &Arc<Segment>)> {
        let first = self.reader.segment_at(start);
        let segments = self.reader.segments.iter().enumerate().skip(first);
        segments.take_while(move |(_, segment)| segment.base_offset < end)
    }

    /// Makes what is about to replace older records durable: those are on disk for good, and a
    /// power cut must not take both.
    fn sync(&self, start: Offset, end: Offset) -> Result<(), CleanError> {
        let mut is_named = true;
        let failed = |path: &Path| {
            let io = LogError::io("sync", path);
            move |error| CleanError::Storage(io(error))
        };
        for (at, segment) in self.segments(start, end) {
            if self.next_base(at, Offset(i64::MAX)) > self.recovery_point {
                let (file, _) = open(segment)?;
                file.sync().map_err(failed(&segment.path(Kind::Log)))?;
                is_named = false;
            }
        }
        if is_named { Ok(()) } else { self.dir.sync().map_err(failed(self.dir.path())) }
    }

    /// The transactions that were aborted in a segment, as the markers have it.
    fn aborted(
        &self,
        at: usize,
        segment: &Segment,
        pace: &mut impl Pace,
    ) -> Result<Vec<AbortedTxn>, CleanError> {
        let (_, size) = open(segment)?;
        let was_settled = segment.verified.is_settled(0, size);
        let aborted = self.reader.aborted_in_segment(at).map_err(|e| gone_or(segment, e))?;
        let looked_at = if was_settled { 0 } else { size };
        pace.moved(looked_at).map_err(|Interrupted| CleanError::Interrupted)?;
        Ok(aborted)
    }

    /// Where a segment ends, exclusive, but not after `end`.
    fn next_base(&self, at: usize, end: Offset) -> Offset {
        self.reader.segments.get(at + 1).map_or(end, |next| next.base_offset.min(end))
    }
}

/// `false` if the map got full.
fn put_keys(
    map: &mut OffsetMap,
    start: Offset,
    (header, batch): (&BatchHeader, &[u8]),
    scratch: &mut Scratch,
) -> Result<bool, BatchError> {
    for record in scratch.records(header, batch, DECOMPRESSED_MAX)? {
        let record = record?;
        let offset = record.offset(header);
        let Some(key) = record.key.filter(|_| offset >= start) else { continue };
        if !map.put(key, offset) {
            return Ok(false);
        }
    }
    map.advance(header.next_offset());
    Ok(true)
}

fn open(segment: &Segment) -> Result<(Arc<dyn LogFile>, u64), CleanError> {
    let opened = segment.file().and_then(|file| Ok((file, segment.size()?)));
    opened.map_err(|source| gone_or(segment, segment.failed(Kind::Log)(source)))
}

/// An error of reading a segment, unless a truncation has taken it meanwhile, or retention.
fn gone_or(segment: &Segment, error: ReadError) -> CleanError {
    if segment.is_deleted() { CleanError::Changed } else { read_failed(error) }
}

/// An error of reading: damage stays as it is, while a disk that cannot be read is out of order.
fn read_failed(error: ReadError) -> CleanError {
    match error {
        ReadError::Io { .. } => CleanError::Storage(error.into()),
        ReadError::Damaged { .. }
        | ReadError::WronglyIndexed { .. }
        | ReadError::OffsetOutOfRange { .. } => CleanError::Unreadable(error),
    }
}

fn damaged(segment: &Segment, position: u64) -> impl FnOnce(ScanError) -> CleanError {
    move |error| match error {
        ScanError::Io(source) => read_failed(segment.failed(Kind::Log)(source)),
        ScanError::Batch(cause) => unreadable(segment, position, &cause),
    }
}

fn unreadable(segment: &Segment, position: u64, cause: &dyn Display) -> CleanError {
    CleanError::Unreadable(ReadError::damaged(&segment.path(Kind::Log), position, cause))
}

/// Looks at what no checksum covers: that the offsets of a segment's batches only grow, and end
/// before the next segment begins, and at their leader epochs.
struct Order<'a> {
    reader: &'a LogReader,
    next: Offset,
    end: Offset,
    before: Option<BatchHeader>,
}

impl<'a> Order<'a> {
    fn of(round: &'a Round, segment: &Segment) -> Self {
        let (next, reader) = (segment.base_offset, &round.reader);
        let end = round.next_base(reader.segment_at(next), Offset(i64::MAX));
        Self { reader, next, end, before: None }
    }

    fn check(
        &mut self,
        segment: &Segment,
        position: u64,
        header: &BatchHeader,
    ) -> Result<(), CleanError> {
        let Self { next, end, .. } = *self;
        if header.base_offset < next || header.next_offset() > end {
            let (first, last) = (header.base_offset, header.last_offset());
            let cause = format!("offsets {first} to {last} are not between {next} and {end}");
            return Err(unreadable(segment, position, &cause));
        }
        let before = self.before.replace(*header);
        let wrong = self.reader.wrong_leader_epoch(segment, (position, header), before.as_ref());
        if let Some(cause) = wrong {
            return Err(unreadable(segment, position, &cause));
        }
        self.next = header.next_offset();
        Ok(())
    }
}
