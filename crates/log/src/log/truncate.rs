//! Moving the ends of a log: cutting its tail as a follower, starting it anew, deleting records.
//!
//! Kafka: `UnifiedLog.truncateTo`, `truncateFullyAndStartAt`, `maybeIncrementLogStartOffset`.

use std::{collections::BTreeSet, sync::Arc};

use ottla_types::Offset;

use super::{Active, Log, recover::Recovered};
use crate::{
    error::LogError,
    names::{self, Kind},
    producers::ProducerState,
    segment::{Segment, TimestampOffset},
};

impl Log {
    /// Says that what lies at `offset` and after may change. Before a truncation the recovery point
    /// has to be lowered and checkpointed: after a crash within the truncation, a checkpoint that
    /// is not lower would tell of a log that has lost records.
    pub fn lower_recovery_point(&mut self, offset: Offset) {
        // A batch may begin before the offset, but not before its segment.
        let before = |segment: &&Arc<Segment>| segment.base_offset <= offset;
        let segment = self.segments.iter().rev().find(before);
        let point = segment.map_or(offset, |segment| segment.base_offset);
        self.recovery_point = self.recovery_point.min(point);
    }

    /// Removes everything at `offset` and after. A batch that begins before `offset` and ends after
    /// it is removed whole, so the end of the log may come to lie before `offset`. For followers
    /// whose leader has something else there. See [`Log::lower_recovery_point`].
    pub fn truncate_to(&mut self, offset: Offset, now_ms: i64) -> Result<(), LogError> {
        self.ensure_writable()?;
        if offset >= self.log_end_offset {
            return Ok(());
        }
        if offset < self.first_base_offset() {
            return self.truncate_fully_and_start_at(offset, now_ms);
        }
        let truncated = self.truncate_segments(offset, now_ms);
        self.checked(truncated)
    }

    /// Removes everything; the next record gets `offset`. See [`Log::lower_recovery_point`].
    pub fn truncate_fully_and_start_at(
        &mut self,
        offset: Offset,
        now_ms: i64,
    ) -> Result<(), LogError> {
        self.ensure_writable()?;
        let truncated = self.start_anew(offset, now_ms);
        self.checked(truncated)
    }

    /// Moves the start of the log to `offset`, up to its end; records before it can no longer be
    /// read. Their segments go with the next retention pass. Gives the start, which never moves
    /// back.
    pub fn delete_records_before(&mut self, offset: Offset) -> Result<Offset, LogError> {
        self.ensure_writable()?;
        if offset > self.log_end_offset || offset.0 < 0 {
            let (log_start_offset, log_end_offset) = (self.log_start_offset, self.log_end_offset);
            return Err(LogError::OffsetOutOfRange { offset, log_start_offset, log_end_offset });
        }
        if offset > self.log_start_offset {
            self.log_start_offset = offset;
            self.changed = true;
            self.unsynced.epochs |= self.epochs.truncate_from_start(offset);
        }
        Ok(self.log_start_offset)
    }

    fn truncate_segments(&mut self, offset: Offset, now_ms: i64) -> Result<(), LogError> {
        self.unsynced.truncations += 1;
        self.unsynced.directory = true;
        self.changed = true;
        let mut kept = self.segments.as_ref().clone();
        let removed = kept.split_off(kept.partition_point(|s| s.base_offset <= offset).max(1));
        for segment in removed.iter().rev() {
            self.remove_segment(segment)?;
        }
        if !removed.is_empty() {
            self.dir.sync().map_err(LogError::io("sync", self.dir.path()))?;
        }
        let was_active = removed.is_empty();
        self.set_segments(kept);
        let segment = self.active_segment.clone();
        let size = if was_active {
            self.active.size
        } else {
            segment.size().map_err(self.io("read the size of", &segment, Kind::Log))?
        };
        let located = segment.locate(offset, size)?;
        let position = located.map_or(size, |located| located.position);
        let end = located.map_or(offset, |located| located.header.base_offset.min(offset));
        self.truncate_files(&segment, position, end)?;
        self.reload_active(&segment, position, end, now_ms)?;
        self.recovery_point = self.recovery_point.min(end);
        self.log_start_offset = self.log_start_offset.min(end);
        self.unsynced.epochs |= self.epochs.truncate_from_end(end);
        let replayed =
            self.replay_producers(&Recovered::at(end, self.snapshots()?), true, now_ms)?;
        self.write_replayed(replayed)
    }

    /// Takes back what was staged and could not be written.
    pub(super) fn cut_back(&mut self) -> Result<(), LogError> {
        let (segment, end) = (self.active_segment.clone(), self.log_end_offset);
        let (size, created_ms) = (segment.known_size(), self.active.created_ms);
        self.truncate_files(&segment, size, end)?;
        self.reload_active(&segment, size, end, created_ms)?;
        self.unsynced.epochs |= self.epochs.truncate_from_end(end);
        let recovered = Recovered::at(end, self.snapshots()?);
        let replayed = self.replay_producers(&recovered, true, created_ms)?;
        self.write_replayed(replayed)
    }

    fn truncate_files(&self, segment: &Segment, size: u64, end: Offset) -> Result<(), LogError> {
        let dir = self.dir.as_ref();
        let relative = end.0.saturating_sub(segment.base_offset.0);
        let offsets = segment.offset_index.truncate(dir, |e| i64::from(e.relative) < relative);
        offsets.map_err(self.io("truncate", segment, Kind::OffsetIndex))?;
        let times = segment.time_index.truncate(dir, |e| i64::from(e.relative) < relative);
        times.map_err(self.io("truncate", segment, Kind::TimeIndex))?;
        let aborted = segment.truncate_aborted(end);
        aborted.map_err(self.io("truncate", segment, Kind::TxnIndex))?;
        let file = segment.file().map_err(self.io("open", segment, Kind::Log))?;
        // What is cut off must not come back beside what will be written there.
        let truncated = file.set_size(size).and_then(|()| file.sync());
        truncated.map_err(self.io("truncate", segment, Kind::Log))?;
        segment.set_size(size);
        segment.set_largest_timestamp(None);
        Ok(())
    }

    /// Finds out again what is known of the active segment beyond its files.
    fn reload_active(
        &mut self,
        segment: &Arc<Segment>,
        size: u64,
        end: Offset,
        now_ms: i64,
    ) -> Result<(), LogError> {
        let dir = self.dir.as_ref();
        self.active = Active::new(segment.base_offset, now_ms);
        let last = segment.offset_index.last(dir);
        let last = last.map_err(self.io("read", segment, Kind::OffsetIndex))?;
        let time = segment.time_index.last(dir);
        if let Some(time) = time.map_err(self.io("read", segment, Kind::TimeIndex))? {
            let offset = segment.base_offset.plus(i64::from(time.relative));
            self.active.largest = TimestampOffset { timestamp: time.timestamp, offset };
        }
        let from = last.map_or(0, |entry| u64::from(entry.position));
        self.active.size = from;
        if size > 0 && self.walk_headers(segment, from, size)?.is_none() {
            let path = segment.path(Kind::Log);
            let cause = "no batch where the offset index says there is one".to_owned();
            return Err(LogError::Damaged { path, position: from, cause });
        }
        self.log_end_offset = end;
        Ok(())
    }

    fn start_anew(&mut self, offset: Offset, now_ms: i64) -> Result<(), LogError> {
        let segments = self.segments.clone();
        for segment in segments.iter().rev() {
            self.remove_segment(segment)?;
        }
        self.remove_snapshots(&self.snapshots()?)?;
        let path = self.dir.path().join(names::name(offset, Kind::Log));
        let created = Segment::create(self.dir.clone(), offset, &self.config);
        self.forget_all(Arc::new(created.map_err(LogError::io("create", &path))?), now_ms);
        Ok(())
    }

    /// Has nothing but an empty segment from here on.
    pub(super) fn forget_all(&mut self, first: Arc<Segment>, now_ms: i64) {
        let offset = first.base_offset;
        self.set_segments(vec![first]);
        self.active = Active::new(offset, now_ms);
        self.log_start_offset = offset;
        self.log_end_offset = offset;
        self.recovery_point = offset;
        self.epochs.clear();
        self.producers = ProducerState::restored(offset, Vec::new());
        self.changed = true;
        self.unsynced.truncations += 1;
        self.unsynced.epochs = true;
        self.unsynced.directory = true;
    }

    pub(super) fn remove_snapshots(&self, snapshots: &BTreeSet<Offset>) -> Result<(), LogError> {
        for snapshot in snapshots {
            let name = names::name(*snapshot, Kind::Snapshot);
            let removed = self.dir.remove(&name);
            removed.map_err(LogError::io("remove", &self.dir.path().join(&name)))?;
        }
        Ok(())
    }

    fn snapshots(&self) -> Result<BTreeSet<Offset>, LogError> {
        let names = self.dir.list().map_err(LogError::io("list", self.dir.path()))?;
        let parsed = names.iter().filter_map(|name| names::parse(name));
        Ok(parsed.filter(|found| found.1 == Kind::Snapshot).map(|found| found.0).collect())
    }
}
