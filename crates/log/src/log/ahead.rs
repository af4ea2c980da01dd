//! What of a log is durable in the write-ahead log of its data directory, and taking it back.
//!
//! Invariants: the recovery point tells what is durable in the log's own files; between it and
//! [`Log::durable_offset`] everything is in the write-ahead log as well. See [`crate::WriteAhead`].

use std::io;

use bytes::Bytes;
use ottla_record::Batches;
use ottla_types::Offset;

use super::Log;
use crate::{
    error::{AppendError, LogError},
    names::Kind,
    write_ahead::{Mark, PendingWrite},
};

impl Log {
    /// Everything before it is durable, wherever.
    pub fn durable_offset(&self) -> Offset {
        self.mark().map_or(self.recovery_point, |mark| self.recovery_point.max(mark.offset))
    }

    /// Whether something of it is in the write-ahead log, or about to be, that is not durable in
    /// its own files.
    pub fn is_written_ahead(&self) -> bool {
        self.written_ahead_to > self.recovery_point
    }

    /// What has to be written ahead for everything to be durable: at most `most` bytes. `None`
    /// where only [`Log::begin_sync`] does it: there is more, or names, epochs or segments are new.
    /// Opens a file if need be.
    pub fn begin_write_ahead(
        &mut self,
        most: usize,
        now_ms: i64,
    ) -> Result<Option<PendingWrite>, LogError> {
        self.ensure_writable()?;
        let unsynced = &self.unsynced;
        let has_new_names = unsynced.directory || unsynced.parent || unsynced.metadata;
        if has_new_names || unsynced.epochs || self.topic_id.is_zero() {
            return Ok(None);
        }
        let Some(durable) = self.mark().filter(|it| it.segment == self.active_segment.base_offset)
        else {
            return Ok(None);
        };
        let mark = self.mark_of_end();
        let size = usize::try_from(mark.position.saturating_sub(durable.position));
        let Some(size) = size.ok().filter(|size| *size <= most) else { return Ok(None) };
        self.unsynced.last_sync_ms = now_ms;
        let segment = &self.active_segment;
        let file = (size > 0).then(|| segment.file()).transpose();
        let file = file.map_err(self.io("open", segment, Kind::Log));
        let of = (self.topic_id, self.topic_partition.partition);
        let file = self.checked(file)?;
        self.written_ahead_to = self.written_ahead_to.max(mark.offset);
        Ok(Some(PendingWrite { file, of, position: durable.position, size, mark }))
    }

    /// Takes in that it was written ahead. Gives the durable offset.
    pub fn finish_write_ahead(&mut self, write: &PendingWrite) -> Offset {
        self.reach(write.mark);
        self.durable_offset()
    }

    /// What is written ahead by now, and on its own will never be synced: for
    /// [`Log::finish_settling`], once the file system is synced.
    pub fn begin_settling(&self) -> Settling {
        Settling(self.mark())
    }

    /// Moves the recovery point over what was written ahead: it is durable in the log's own files.
    pub fn finish_settling(&mut self, Settling(mark): Settling) {
        if let Some(mark) = mark.filter(|mark| mark.truncations == self.unsynced.truncations)
            && self.failed.is_none()
        {
            self.recovery_point = self.recovery_point.max(mark.offset);
        }
    }

    /// Before a segment follows: syncs what of the one so far is only written ahead, or about to
    /// be. A power cut could take its end and leave the next one; of a compacted log, such a hole
    /// looks like those that compaction leaves.
    pub(super) fn sync_before_hole(&self) -> Result<(), LogError> {
        if !self.is_written_ahead() {
            return Ok(());
        }
        let segment = &self.active_segment;
        // What there is no room for by now is lost: not what can be put off.
        let synced = segment.file().and_then(|file| file.sync()).map_err(io::Error::other);
        synced.map_err(self.io("sync", segment, Kind::Log))
    }

    /// Makes what is durable in the write-ahead log durable in the log's own files, if some of it
    /// is before an offset: a start of the log is remembered as far as those are. Waits for the
    /// disk. A sync under way goes on: names and epochs are left to it.
    pub fn sync_written_ahead(&mut self, before: Offset) -> Result<(), LogError> {
        self.ensure_writable()?;
        if self.recovery_point >= before || !self.is_written_ahead() {
            return Ok(());
        }
        let durable_offset = self.durable_offset();
        let synced = self.unsynced_files().and_then(|files| {
            let synced = files.iter().try_for_each(|file| file.sync()).map_err(io::Error::other);
            synced.map_err(LogError::io("sync", self.dir.path()))
        });
        self.checked(synced)?;
        self.recovery_point = self.recovery_point.max(durable_offset);
        Ok(())
    }

    pub(super) fn mark_of_end(&self) -> Mark {
        Mark {
            offset: self.log_end_offset,
            segment: self.active_segment.base_offset,
            position: self.active.size,
            truncations: self.unsynced.truncations,
        }
    }

    /// Everything before this mark is durable.
    pub(super) fn reach(&mut self, mark: Mark) {
        let is_further = self.mark().is_none_or(|known| known.offset < mark.offset);
        if is_further && mark.truncations == self.unsynced.truncations && self.failed.is_none() {
            self.durable = Some(mark);
        }
    }

    /// The furthest one, as long as the log was not truncated since.
    fn mark(&self) -> Option<Mark> {
        self.durable.filter(|mark| mark.truncations == self.unsynced.truncations)
    }

    /// What was written ahead and the log has lost. Refuses what would leave a hole: what belongs
    /// there was acknowledged and is lost.
    pub(super) fn lost_of(&self, written: &[Bytes]) -> Result<Vec<Bytes>, LogError> {
        let mut end = self.log_end_offset;
        let mut last_epoch = self.epochs.entries().last().map(|entry| entry.0);
        let mut all_lost = Vec::new();
        for bytes in written {
            let mut walk = Batches::new(bytes);
            let mut from = 0;
            while let Some(Ok((header, _))) = walk.next()
                && header.base_offset < end
            {
                from = walk.position();
            }
            let lost = bytes.slice(from..);
            let first = match Batches::new(&lost).next() {
                None => continue,
                Some(first) => first.map_err(|error| LogError::Failed(error.to_string().into()))?.0,
            };
            if last_epoch.is_some_and(|last| first.leader_epoch < last) {
                // Whoever does not know of what was written ahead has recovered the log and gone
                // on.
                tracing::warn!(
                    partition = %self.topic_partition,
                    log_end_offset = %end,
                    "what was written ahead is older than the log, which somebody else has gone on with: left out"
                );
                break;
            }
            if first.base_offset != end {
                let (path, found) = (self.active_segment.path(Kind::Log), first.base_offset);
                return Err(LogError::Hole { path, log_end_offset: end, found });
            }
            for (header, _) in Batches::new(&lost).filter_map(Result::ok) {
                end = header.next_offset();
                last_epoch = last_epoch.max(Some(header.leader_epoch));
            }
            all_lost.push(lost);
        }
        Ok(all_lost)
    }

    /// Appends what was written ahead and the log has lost, of all that was written ahead.
    pub(super) fn take_back(
        &mut self,
        lost: &[Bytes],
        written: &[Bytes],
        now_ms: i64,
    ) -> Result<(), LogError> {
        let end = self.log_end_offset;
        if let Some(last) = last_offset(written) {
            self.written_ahead_to = last.plus(1);
        }
        for bytes in lost {
            self.append_as_follower(bytes, now_ms).map_err(|error| match error {
                AppendError::Storage(reason) | AppendError::Full(reason) => {
                    LogError::Failed(reason)
                }
                other => LogError::Failed(other.to_string().into()),
            })?;
        }
        if end < self.log_end_offset {
            tracing::info!(
                partition = %self.topic_partition,
                from = %end,
                to = %self.log_end_offset,
                "took back what was acknowledged and only in the write-ahead log"
            );
        }
        Ok(())
    }
}

/// The last offset of what was written ahead.
pub(crate) fn last_offset(written: &[Bytes]) -> Option<Offset> {
    let last = written.iter().rfind(|bytes| !bytes.is_empty())?;
    Batches::new(last).filter_map(Result::ok).last().map(|(header, _)| header.last_offset())
}

/// How far a log was written ahead when a sync of the file system began.
#[derive(Clone, Copy, Debug)]
pub struct Settling(Option<Mark>);
