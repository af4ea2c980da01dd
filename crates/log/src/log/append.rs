//! Appending: check the producer, give offsets, stamp, roll, and write in one call.
//!
//! Invariants: offsets are dense on a leader; nothing of a batch is changed but its base offset and
//! leader epoch; readers see a batch only once its write has returned.
//! Kafka: `UnifiedLog.append`, `LogSegment.append`, `LogSegment.shouldRoll`.

use std::{io::IoSlice, sync::Arc};

use ottla_record::{BATCH_OVERHEAD, BatchError, BatchHeader, Batches, body, stamp};
use ottla_types::{LeaderEpoch, Offset};

use super::{Active, Log};
use crate::{
    dir::OpenMode,
    error::{AppendError, LogError},
    index::{OffsetEntry, TimeEntry},
    names::{self, Kind},
    producers::{AppendOrigin, CompletedTxn, TxnMarker, snapshot},
    segment::{Segment, TimestampOffset},
};

/// Where a batch is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record, inclusive.
    pub last_offset: Offset,
    /// First offset of the log that may be read.
    pub log_start_offset: Offset,
    /// Whether the producer had sent it before: then nothing was appended now, and the offsets are
    /// those it got then.
    pub duplicate: bool,
    /// Its largest timestamp, or its append time, in ms.
    pub max_timestamp: i64,
}

/// A batch that has passed all checks.
struct Checked {
    header: BatchHeader,
    marker: Option<TxnMarker>,
}

/// Batches that have their offsets but are not written yet.
#[derive(Default)]
struct Staged {
    /// The end of the log once they are written.
    end_offset: Offset,
    completed: Vec<CompletedTxn>,
}

impl Log {
    /// Appends exactly one batch of magic 2 whose content the caller has validated. Its base offset
    /// and leader epoch are written into it.
    pub fn append_as_leader(
        &mut self,
        batch: &mut [u8],
        leader_epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        self.append_from(AppendOrigin::CLIENT, batch, leader_epoch, now_ms)
    }

    /// The same for a batch of another origin, or of a client whose transactions are asked about.
    pub fn append_from(
        &mut self,
        origin: AppendOrigin,
        batch: &mut [u8],
        leader_epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        let have = batch.len();
        let Some((header, body)) = batch.split_first_chunk_mut() else {
            return Err(BatchError::Truncated { needed: BATCH_OVERHEAD, have }.into());
        };
        self.append_parts(origin, header, body, leader_epoch, now_ms)
    }

    /// The same for a batch whose header is not in front of its body, so that the body can be in
    /// memory that others look at. Only the header is written into.
    pub fn append_parts(
        &mut self,
        origin: AppendOrigin,
        header: &mut [u8; BATCH_OVERHEAD],
        body: &[u8],
        leader_epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        self.look_for_room((header.len() + body.len()) as u64);
        let Checked { header: mut parsed, marker } = match self.check(header, body, origin)? {
            Ok(checked) => checked,
            Err(duplicate) => return Ok(duplicate),
        };
        let last_offset = self.log_end_offset.plus(i64::from(parsed.last_offset_delta));
        if self.should_roll(&parsed, last_offset, now_ms) {
            let rolled = self.roll_to(self.log_end_offset, now_ms);
            self.note_full(&rolled);
            drop(self.checked(rolled));
        }
        self.check_storage()?;
        parsed.base_offset = self.log_end_offset;
        parsed.leader_epoch = leader_epoch;
        stamp(header, parsed.base_offset, leader_epoch);
        let mut staged = Staged::default();
        self.take_in(&parsed, marker, &mut staged);
        self.write(&mut [IoSlice::new(header), IoSlice::new(body)], &mut staged);
        self.check_storage()?;
        Ok(Appended {
            base_offset: parsed.base_offset,
            last_offset: parsed.last_offset(),
            log_start_offset: self.log_start_offset,
            duplicate: false,
            max_timestamp: parsed.max_timestamp,
        })
    }

    /// Appends batches that the partition's leader has given offsets and epochs. A batch cut off at
    /// the end is ignored; those before one that is refused are appended. Gives the new end of the
    /// log.
    pub fn append_as_follower(&mut self, bytes: &[u8], now_ms: i64) -> Result<Offset, AppendError> {
        let mut run = 0;
        self.look_for_room(bytes.len() as u64);
        let mut staged = Staged { end_offset: self.log_end_offset, ..Staged::default() };
        let mut walk = Batches::new(bytes);
        loop {
            let position = walk.position();
            let Some(item) = walk.next() else { break };
            let (header, batch) = match self.check_next(item, staged.end_offset) {
                Ok(next) => next,
                Err(error) => {
                    self.write_run(bytes.get(run..position), &mut staged);
                    return Err(error);
                }
            };
            if self.should_roll(&header, header.last_offset(), now_ms) {
                self.write_run(bytes.get(run..position), &mut staged);
                self.check_storage()?;
                run = position;
                let rolled = self.roll_to(header.base_offset, now_ms);
                self.note_full(&rolled);
                drop(self.checked(rolled));
            }
            if let Some(reason) = &self.full {
                return Err(AppendError::Full(reason.clone()));
            }
            let marker = TxnMarker::read(&header, body(batch));
            self.take_in(&header, marker, &mut staged);
        }
        self.write_run(bytes.get(run..walk.position()), &mut staged);
        self.check_storage()?;
        Ok(self.log_end_offset)
    }

    /// The next of a leader's batches, if it follows an end of the log.
    fn check_next<'a>(
        &self,
        item: Result<(BatchHeader, &'a [u8]), BatchError>,
        log_end_offset: Offset,
    ) -> Result<(BatchHeader, &'a [u8]), AppendError> {
        let (header, batch) = item?;
        if let Some(reason) = &self.failed {
            return Err(AppendError::Storage(reason.clone()));
        }
        if header.base_offset < log_end_offset {
            let found = header.base_offset;
            return Err(AppendError::OffsetsOutOfOrder { found, log_end_offset });
        }
        Ok((header, batch))
    }

    /// Whether the disk is what nothing can be appended for.
    fn check_storage(&self) -> Result<(), AppendError> {
        match (&self.failed, &self.full) {
            (Some(reason), _) => Err(AppendError::Storage(reason.clone())),
            (None, Some(reason)) => Err(AppendError::Full(reason.clone())),
            (None, None) => Ok(()),
        }
    }

    /// Begins a new segment at the end of the log, unless the active one is empty.
    pub fn roll(&mut self, now_ms: i64) -> Result<(), LogError> {
        self.ensure_writable()?;
        if self.active.size == 0 {
            return Ok(());
        }
        let rolled = self.roll_to(self.log_end_offset, now_ms);
        self.checked(rolled)
    }

    /// The inner error says that the batch is there already.
    fn check(
        &mut self,
        header: &[u8; BATCH_OVERHEAD],
        body: &[u8],
        origin: AppendOrigin,
    ) -> Result<Result<Checked, Appended>, AppendError> {
        if let Some(reason) = &self.failed {
            return Err(AppendError::Storage(reason.clone()));
        }
        let size = header.len() + body.len();
        let header = BatchHeader::parse(header)?;
        if header.size() != size {
            return Err(BatchError::Truncated { needed: header.size(), have: size }.into());
        }
        if size as u64 > u64::from(self.config.segment_bytes) {
            let segment_bytes = self.config.segment_bytes;
            return Err(AppendError::LargerThanSegment { size, segment_bytes });
        }
        let marker = TxnMarker::read(&header, body);
        let mut checked = self.producers.check(&header, marker, origin);
        if matches!(checked, Err(AppendError::OutOfOrderSequence { .. })) && self.recall(&header) {
            checked = self.producers.check(&header, marker, origin);
        }
        match checked? {
            Some(known) => Ok(Err(Appended {
                base_offset: known.base_offset(),
                last_offset: known.last_offset,
                log_start_offset: self.log_start_offset,
                duplicate: true,
                max_timestamp: known.timestamp,
            })),
            None => Ok(Ok(Checked { header, marker })),
        }
    }

    /// Takes a batch that is about to be written into epochs, producers and indexes.
    fn take_in(&mut self, header: &BatchHeader, marker: Option<TxnMarker>, staged: &mut Staged) {
        self.active.recent.push(header, self.active.size);
        if self.epochs.assign(header.leader_epoch, header.base_offset) {
            self.unsynced.epochs = true;
        }
        staged.completed.extend(self.producers.update(header, marker).filter(|txn| !txn.committed));
        staged.end_offset = header.next_offset();
        let indexed = self.active.take_in(&self.active_segment, header, &self.config);
        let what = self.io("write", &self.active_segment, Kind::OffsetIndex);
        drop(self.checked(indexed.map_err(what)));
    }

    fn write_run(&mut self, run: Option<&[u8]>, staged: &mut Staged) {
        if let Some(run) = run.filter(|run| !run.is_empty()) {
            self.write(&mut [IoSlice::new(run)], staged);
        }
    }

    /// Writes what was staged and lets readers see it; takes the log offline if that fails, unless
    /// there is only no room: then the log is as if nothing had been staged.
    fn write(&mut self, slices: &mut [IoSlice<'_>], staged: &mut Staged) {
        if self.failed.is_some() {
            return;
        }
        let size: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        let segment = self.active_segment.clone();
        let start = self.active.size.saturating_sub(size);
        let had_txn_index = segment.has_txn_index();
        let written = segment
            .file()
            .and_then(|file| file.write_at(slices, start))
            .map_err(self.io("write", &segment, Kind::Log))
            .and_then(|()| self.index_aborted(&segment, &mut staged.completed));
        self.note_full(&written);
        if self.checked(written).is_ok() {
            segment.set_size(self.active.size);
            self.unsynced.directory |= segment.has_txn_index() && !had_txn_index;
            self.changed = true;
            self.log_end_offset = staged.end_offset;
        } else if self.failed.is_none() {
            staged.end_offset = self.log_end_offset;
            if let Err(error) = self.cut_back() {
                self.mark_failed(&error.to_string());
            }
        }
    }

    /// After a refusal for lack of room: whether there is room for so many bytes now. To look is
    /// cheap, while to write in vain means to find out again what the log knew.
    fn look_for_room(&mut self, size: u64) {
        if self.full.is_none() || self.failed.is_some() {
            return;
        }
        let segment = self.active_segment.clone();
        let room = segment
            .file()
            .and_then(|file| file.reserve(self.active.size.saturating_add(size)))
            .map_err(self.io("write", &segment, Kind::Log));
        self.full = None;
        self.note_full(&room);
        drop(self.checked(room));
    }

    fn note_full<T>(&mut self, result: &Result<T, LogError>) {
        if let Err(error) = result
            && error.is_full()
        {
            self.full = Some(error.to_string().into());
        }
    }

    pub(super) fn index_aborted(
        &self,
        segment: &Segment,
        completed: &mut Vec<CompletedTxn>,
    ) -> Result<(), LogError> {
        for txn in completed.drain(..) {
            let pushed = segment.push_aborted(txn.into(), self.log_end_offset);
            pushed.map_err(self.io("write", segment, Kind::TxnIndex))?;
        }
        Ok(())
    }

    /// Whether a batch must go into a new segment, `last_offset` being its own.
    fn should_roll(&self, header: &BatchHeader, last_offset: Offset, now_ms: i64) -> bool {
        let (active, config) = (&self.active, &self.config);
        let base_offset = self.active_segment.base_offset;
        if last_offset.0.saturating_sub(base_offset.0) > i64::from(i32::MAX) {
            return true;
        }
        if active.size == 0 {
            return false;
        }
        let waited = match active.first_timestamp {
            Some(first) if first >= 0 => header.max_timestamp.saturating_sub(first),
            Some(_) | None => now_ms.saturating_sub(active.created_ms),
        };
        active.size + header.size() as u64 > u64::from(config.segment_bytes)
            || waited > config.segment_ms_max().saturating_sub(self.jitter(base_offset))
            || self.indexes_are_full()
    }

    fn indexes_are_full(&self) -> bool {
        let (segment, dir) = (&self.active_segment, self.dir.as_ref());
        let room = u64::from(self.config.segment_index_bytes);
        // Every entry costs `index_interval_bytes`: far from the limit no index need be asked.
        if self.active.size / u64::from(self.config.index_interval_bytes.max(1)) < room / 16 {
            return false;
        }
        // A full index means a new segment; an unreadable one shows when it is written.
        let offsets = segment.offset_index.count(dir).unwrap_or(u64::MAX);
        let times = segment.time_index.count(dir).unwrap_or(u64::MAX);
        // One entry of the time index is kept for when the segment is closed.
        offsets >= room / 8 || times.saturating_add(1) >= room / 12
    }

    /// By how much this segment's time is shortened, in ms: anything, as long as it differs between
    /// partitions.
    fn jitter(&self, base_offset: Offset) -> i64 {
        let most = self.config.segment_jitter_ms.min(self.config.segment_ms);
        if most <= 0 {
            return 0;
        }
        let seed = format!("{} {base_offset}", self.topic_partition);
        i64::from(crc_fast::crc32_iscsi(seed.as_bytes())) % most
    }

    /// Ends the active segment and begins one at `base_offset`.
    pub(super) fn roll_to(&mut self, base_offset: Offset, now_ms: i64) -> Result<(), LogError> {
        self.ensure_writable()?;
        self.sync_before_hole()?;
        self.flush_indexes()?;
        self.trim()?;
        let largest = self.active.unread.is_none().then_some(self.active.largest);
        self.active_segment.set_largest_timestamp(largest);
        self.write_snapshot(base_offset)?;
        let created = Segment::create(self.dir.clone(), base_offset, &self.config);
        let path = self.dir.path().join(names::name(base_offset, Kind::Log));
        let segment = Arc::new(created.map_err(LogError::io("create", &path))?);
        let mut segments = self.segments.as_ref().clone();
        // An empty active segment is replaced by one of another name; its files go with retention.
        segments.retain(|old| old.base_offset != base_offset);
        segments.push(segment);
        self.set_segments(segments);
        self.active = Active::new(base_offset, now_ms);
        self.log_end_offset = self.log_end_offset.max(base_offset);
        self.unsynced.directory = true;
        Ok(())
    }

    /// Keeps room for at least half of so many bytes in the active segment, as long as there is
    /// some: what follows can be appended when others have filled the disk.
    pub fn reserve_ahead(&mut self, bytes: u64) {
        let size = self.active.size;
        if self.active.reserved >= size.saturating_add(bytes / 2) {
            return;
        }
        let end = size.saturating_add(bytes);
        // Without room, or on a file system that cannot reserve, it is as it was.
        if self.active_segment.file().and_then(|file| file.reserve(end)).is_ok() {
            self.active.reserved = end;
        }
    }

    /// Gives back what is reserved of the active segment and nothing will be written to.
    pub(super) fn trim(&self) -> Result<(), LogError> {
        if !self.config.preallocate && self.active.reserved == 0 {
            return Ok(());
        }
        let segment = &self.active_segment;
        let trimmed = segment.file().and_then(|file| file.set_size(self.active.size));
        trimmed.map_err(self.io("truncate", segment, Kind::Log))
    }

    /// Writes the active segment's indexes whole, with the time index's last entry.
    pub(super) fn flush_indexes(&self) -> Result<(), LogError> {
        let (segment, dir) = (&self.active_segment, self.dir.as_ref());
        segment.offset_index.flush(dir).map_err(self.io("write", segment, Kind::OffsetIndex))?;
        push_time(segment, self.active.largest)
            .and_then(|()| segment.time_index.flush(dir))
            .map_err(self.io("write", segment, Kind::TimeIndex))
    }

    /// Writes the producers' state at `offset`. Its checksum tells a torn one, so it is not synced.
    pub(super) fn write_snapshot(&self, offset: Offset) -> Result<(), LogError> {
        self.write_snapshot_content(offset, &snapshot::format(&self.producers))
    }

    pub(super) fn write_snapshot_content(
        &self,
        offset: Offset,
        content: &[u8],
    ) -> Result<(), LogError> {
        let name = names::name(offset, Kind::Snapshot);
        let write = || {
            let file = self.dir.open(&name, OpenMode::Create)?;
            file.write_at(&mut [IoSlice::new(content)], 0)?;
            file.set_size(content.len() as u64)
        };
        write().map_err(LogError::io("write", &self.dir.path().join(&name)))
    }
}

impl Active {
    /// Counts a batch in, and gives it an index entry if one is due.
    pub(crate) fn take_in(
        &mut self,
        segment: &Segment,
        header: &BatchHeader,
        config: &crate::LogConfig,
    ) -> std::io::Result<()> {
        let position = self.size;
        if position == 0 {
            self.first_timestamp = Some(header.max_timestamp);
        }
        if header.max_timestamp > self.largest.timestamp {
            let (timestamp, offset) = (header.max_timestamp, header.last_offset());
            self.largest = TimestampOffset { timestamp, offset };
        }
        let size = header.size() as u64;
        let due = self.bytes_since_index > u64::from(config.index_interval_bytes);
        self.size += size;
        self.bytes_since_index = if due { size } else { self.bytes_since_index + size };
        if !due {
            return Ok(());
        }
        let relative = header.last_offset().0.saturating_sub(segment.base_offset.0);
        if let (Ok(relative), Ok(position)) = (u32::try_from(relative), u32::try_from(position)) {
            let entry = OffsetEntry { relative, position };
            segment.offset_index.push(segment.dir(), entry)?;
            push_time(segment, self.largest)?;
        }
        Ok(())
    }
}

/// Adds the largest timestamp so far to the time index, if it has grown.
pub(crate) fn push_time(segment: &Segment, largest: TimestampOffset) -> std::io::Result<()> {
    let last = segment.time_index.last(segment.dir())?;
    let grown = last.is_none_or(|last| last.timestamp < largest.timestamp);
    let relative = u32::try_from(largest.offset.0.saturating_sub(segment.base_offset.0));
    match relative {
        Ok(relative) if grown && largest.timestamp >= 0 => {
            let entry = TimeEntry { timestamp: largest.timestamp, relative };
            segment.time_index.push(segment.dir(), entry)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
