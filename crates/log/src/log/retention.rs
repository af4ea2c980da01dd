//! Deleting old segments, and later their files.
//!
//! Invariants: segments go from the oldest on, never past the high watermark; the log always has an
//! active segment; what is known of producers stays.
//! Kafka: `UnifiedLog.deleteOldSegments`, `LocalLog.deleteSegmentFiles`.

use std::{collections::HashSet, io, sync::Arc};

use ottla_types::Offset;

use super::Log;
use crate::{
    dir::OpenMode,
    error::LogError,
    names::{self, Kind},
    segment::Segment,
};

/// Why a segment was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionReason {
    /// Its newest record is older than `retention.ms`.
    Time,
    /// The log was larger than `retention.bytes`.
    Size,
    /// All its records are before the start of the log.
    LogStartOffset,
}

/// A segment that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Its base offset.
    pub base_offset: Offset,
    /// Its size in bytes.
    pub size: u64,
    /// Why it was deleted.
    pub reason: DeletionReason,
}

/// Files that wait to be removed.
#[derive(Debug)]
pub(crate) struct Retired {
    due_ms: i64,
    names: Vec<String>,
}

impl Log {
    /// Deletes the segments that the topic's settings no longer keep: their files are renamed now
    /// and removed after `file.delete.delay.ms` by a later pass. Only segments wholly before the
    /// high watermark go. If all go, a new one is begun first.
    pub fn apply_retention(
        &mut self,
        now_ms: i64,
        high_watermark: Offset,
    ) -> Result<Vec<Deleted>, LogError> {
        self.ensure_writable()?;
        self.remove_retired(now_ms)?;
        let damaged: Vec<Arc<Segment>> =
            self.segments.iter().filter(|s| s.index_damaged()).cloned().collect();
        for segment in damaged.iter().filter(|s| s.base_offset != self.active_base_offset()) {
            self.rebuild_indexes(segment)?;
        }
        let mut deletable = self.deletable(now_ms, high_watermark)?;
        if deletable.is_empty() {
            return Ok(deletable);
        }
        let deleted = self.delete_first(deletable.len(), now_ms);
        deletable.truncate(self.checked(deleted)?);
        for segment in &deletable {
            tracing::info!(
                partition = %self.topic_partition,
                base_offset = %segment.base_offset,
                size = segment.size,
                reason = ?segment.reason,
                "deleted a segment"
            );
        }
        Ok(deletable)
    }

    /// Removes the files of deleted segments whose time has come. When the next ones are due, in
    /// ms.
    pub fn remove_retired(&mut self, now_ms: i64) -> Result<Option<i64>, LogError> {
        let due = self.retired.iter().take_while(|retired| retired.due_ms <= now_ms).count();
        for retired in self.retired.drain(..due) {
            for name in retired.names {
                let removed = self.dir.remove(&name);
                removed.map_err(LogError::io("remove", &self.dir.path().join(&name)))?;
            }
        }
        Ok(self.retired.first().map(|retired| retired.due_ms))
    }

    /// The first segments of the log, as far as they may go.
    fn deletable(&self, now_ms: i64, high_watermark: Offset) -> Result<Vec<Deleted>, LogError> {
        let config = &self.config;
        let by_time = config.cleanup_delete && config.retention_ms >= 0;
        let by_size = config.cleanup_delete && config.retention_bytes >= 0;
        let mut excess = if by_size {
            i128::from(self.size_bytes()?) - i128::from(config.retention_bytes)
        } else {
            -1
        };
        let mut deletable = Vec::new();
        for (at, segment) in self.segments.iter().enumerate() {
            let next_base = self.segments.get(at + 1).map(|next| next.base_offset);
            let end = next_base.unwrap_or(self.log_end_offset);
            if high_watermark < end {
                break;
            }
            let size = segment.size().map_err(self.io("read the size of", segment, Kind::Log))?;
            if next_base.is_none() && size == 0 {
                break;
            }
            excess -= i128::from(size);
            let reason = if by_time && self.age(segment, now_ms)? > config.retention_ms {
                DeletionReason::Time
            } else if by_size && excess >= 0 {
                DeletionReason::Size
            } else if next_base.is_some_and(|base| base <= self.log_start_offset) {
                DeletionReason::LogStartOffset
            } else {
                break;
            };
            deletable.push(Deleted { base_offset: segment.base_offset, size, reason });
        }
        Ok(deletable)
    }

    /// How long ago the newest record of a segment was made, in ms.
    fn age(&self, segment: &Segment, now_ms: i64) -> Result<i64, LogError> {
        let found = if segment.base_offset == self.active_base_offset() {
            self.active.known_largest()
        } else {
            segment.largest_timestamp()?
        };
        let mut newest = found.largest.timestamp;
        if newest < 0 || found.stopped_at.is_some() {
            // Records without timestamps are as old as their file, and those behind damage, which
            // could not be read, no older than need be.
            let modified = segment.file().and_then(|file| file.modified_ms());
            newest =
                newest.max(modified.map_err(self.io("read the time of", segment, Kind::Log))?);
        }
        Ok(now_ms.saturating_sub(newest))
    }

    /// Makes the producers' states durable with which the log may start once its first segments are
    /// gone, or some of them: nothing else could give them back.
    fn sync_snapshots_up_to(&self, count: usize) -> Result<(), LogError> {
        let may_be_first = self.segments.iter().take(count.saturating_add(1)).skip(1);
        let mut unsynced = may_be_first.filter(|s| s.base_offset >= self.recovery_point);
        unsynced.try_for_each(|segment| self.sync_snapshot(segment.base_offset))
    }

    /// Makes the producers' state at an offset durable, if it is there.
    pub(super) fn sync_snapshot(&self, offset: Offset) -> Result<(), LogError> {
        let name = names::name(offset, Kind::Snapshot);
        let synced = match self.dir.open(&name, OpenMode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.and_then(|snapshot| snapshot.sync()),
        };
        synced.map_err(LogError::io("sync", &self.dir.path().join(&name)))
    }

    /// Says how many it were: the last one stays where there is no room for another.
    fn delete_first(&mut self, mut count: usize, now_ms: i64) -> Result<usize, LogError> {
        if count == self.segments.len() {
            match self.roll_to(self.log_end_offset, now_ms) {
                // Those before make room for the one that follows.
                Err(error) if error.is_full() && count > 1 => count -= 1,
                rolled => rolled?,
            }
        }
        self.sync_snapshots_up_to(count)?;
        let mut going = self.segments.as_ref().clone();
        let kept = going.split_off(count.min(going.len().saturating_sub(1)));
        let starts_within = kept.first().is_some_and(|s| s.base_offset < self.log_start_offset);
        if starts_within && self.recovery_point < self.log_start_offset {
            // What lies before the start in the segment that is first from now on: a log that lost
            // it in a power cut would end before its recovery point. Where there is no room it is
            // only for the leader epochs: the records were synced before that.
            match self.sync(now_ms) {
                Err(error) if error.is_full() => {}
                synced => drop(synced?),
            }
        }
        self.set_segments(kept);
        self.log_start_offset = self.log_start_offset.max(self.first_base_offset());
        self.recovery_point = self.recovery_point.max(self.log_start_offset);
        self.unsynced.epochs |= self.epochs.truncate_from_start(self.log_start_offset);
        self.changed = true;
        let renamed = self.set_aside(&going, |_, _| false)?;
        for segment in going {
            segment.offset_index.mark_deleted();
            segment.time_index.mark_deleted();
        }
        // A crash must not bring back a later segment without an earlier one.
        self.dir.sync().map_err(LogError::io("sync", self.dir.path()))?;
        self.retire(renamed, now_ms);
        Ok(count)
    }

    /// Gives the files of segments the names under which they wait to be removed, but for those
    /// that stay. Of each the log goes first: a crash leaves none without its aborted transactions,
    /// and whoever finds the indexes sees where their log is. Gives the names, for [`Log::retire`]
    /// once they are durable.
    pub(super) fn set_aside(
        &mut self,
        segments: &[Arc<Segment>],
        stays: impl Fn(&Segment, Kind) -> bool,
    ) -> Result<Vec<String>, LogError> {
        self.remove_waiting(segments)?;
        let mut renamed = Vec::new();
        for segment in segments {
            segment.mark_deleted();
            for kind in Kind::ALL.into_iter().filter(|kind| !stays(segment, *kind)) {
                let name = names::name(segment.base_offset, kind);
                let to = format!("{name}{}", names::DELETED);
                match self.dir.rename(&name, &to) {
                    Ok(()) => renamed.push(to),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(LogError::io("rename", &self.dir.path().join(&name))(error));
                    }
                }
            }
        }
        Ok(renamed)
    }

    /// Removes what waits under the names that the files of these segments are about to get: a
    /// compaction has replaced segments of the same offsets. A start that finds such a file is to
    /// know that it was renamed together with its log.
    fn remove_waiting(&mut self, segments: &[Arc<Segment>]) -> Result<(), LogError> {
        if self.retired.is_empty() {
            return Ok(());
        }
        let names = segments.iter().flat_map(|segment| segment.file_names());
        let taken: HashSet<String> =
            names.map(|name| format!("{name}{}", names::DELETED)).collect();
        for retired in &mut self.retired {
            for name in retired.names.extract_if(.., |name| taken.contains(name)) {
                let removed = self.dir.remove(&name);
                removed.map_err(LogError::io("remove", &self.dir.path().join(&name)))?;
            }
        }
        Ok(())
    }

    /// Has files removed after `file.delete.delay.ms`.
    pub(super) fn retire(&mut self, names: Vec<String>, now_ms: i64) {
        let due_ms = now_ms.saturating_add(self.config.file_delete_delay_ms);
        self.retired.push(Retired { due_ms, names });
    }
}
