//! What the batches of a log say of its leader epochs and producers, where their files do not.
//!
//! Kafka: `UnifiedLog.rebuildProducerState`, `UnifiedLog.createLeaderEpochCache`.

use ottla_record::BatchHeader;
use ottla_types::{LeaderEpoch, Offset};

use super::{Log, recover::Recovered};
use crate::{
    dir::OpenMode,
    epochs::{EpochCache, recovery::EpochRecovery},
    error::{LogError, ReadError},
    names::{self, Kind},
    producers::{CompletedTxn, ProducerState, TxnMarker, snapshot},
    scan::{Scan, ScanError},
    segment::Segment,
};

/// What the files of the producers lack.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// Offsets of snapshots that are not to be believed, or of no use.
    unwanted: Vec<Offset>,
    /// The snapshots that are missing, by the base offset of their segment.
    snapshots: Vec<(Offset, Vec<u8>)>,
    /// Aborted transactions, with the base offset of the segment that their marker is in.
    aborted: Vec<(Offset, CompletedTxn)>,
}

impl Log {
    /// Makes the leader epochs anew from all batches.
    pub(super) fn rebuild_epochs(&mut self) -> Result<(), LogError> {
        let (mut epochs, mut recovery) = (EpochCache::default(), EpochRecovery::default());
        let from = self.first_base_offset();
        self.each_header(from, |_, header, _| {
            recovery.take_in(&mut epochs, header.leader_epoch, header.base_offset);
        })?;
        recovery.end(&mut epochs);
        self.epochs = epochs;
        self.unsynced.epochs = true;
        Ok(())
    }

    /// Finds the epochs before the first one known, which the log's start had left behind when the
    /// start that is known now was not checkpointed yet.
    ///
    /// What cannot be read does not keep the log from being opened: nothing is noted of what lies
    /// before it, unless the same epoch goes on behind it.
    pub(super) fn find_first_epochs(&mut self) -> Result<(), LogError> {
        let Some(known) = self.epochs.entries().first().copied() else {
            return Ok(());
        };
        let start = self.log_start_offset.max(self.first_base_offset());
        if known.1 <= start {
            return Ok(());
        }
        let first = self.segments.partition_point(|segment| segment.base_offset <= start);
        let mut parts = Vec::new();
        let (mut epochs, mut recovery) = (EpochCache::default(), EpochRecovery::default());
        for (number, segment) in self.segments.iter().enumerate().skip(first.saturating_sub(1)) {
            if segment.base_offset >= known.1 {
                break;
            }
            let next_base = self.segments.get(number + 1).map(|next| next.base_offset);
            let end = next_base.unwrap_or(self.log_end_offset);
            let is_read = self.each_before(segment, (start, end), known, |epoch, from| {
                recovery.take_in(&mut epochs, epoch, from);
            })?;
            if !is_read {
                tracing::warn!(
                    file = %segment.path(Kind::Log).display(),
                    "not all of it can be read: what leader epochs lie before that may not be known"
                );
                recovery.end(&mut epochs);
                parts.push(std::mem::take(&mut epochs));
            }
        }
        recovery.end(&mut epochs);
        let mut found = joined(epochs, &self.epochs);
        while let Some(part) = parts.pop()
            && part.latest() == found.entries().first().map(|entry| entry.0)
        {
            found = joined(part, &found);
        }
        self.unsynced.epochs |= found != self.epochs;
        self.epochs = found;
        Ok(())
    }

    /// Calls `f` with the leader epoch and the first offset of each batch of a segment from the
    /// start of the log on, up to where the epochs are known. `false` if they cannot all be read,
    /// or one of them is not where it belongs: the one before it may be wrong just as well then.
    fn each_before(
        &self,
        segment: &Segment,
        (start, segment_end): (Offset, Offset),
        (known_epoch, known_from): (LeaderEpoch, Offset),
        mut f: impl FnMut(LeaderEpoch, Offset),
    ) -> Result<bool, LogError> {
        let end = segment.size().map_err(self.io("read the size of", segment, Kind::Log))?;
        let file = segment.file().map_err(self.io("open", segment, Kind::Log))?;
        let position = match segment.locate(start, end) {
            Ok(located) => located.map_or(end, |located| located.position),
            Err(ReadError::Damaged { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut scan = Scan::headers(file.as_ref(), position, end);
        let mut last: Option<BatchHeader> = None;
        loop {
            let found = match scan.next_header() {
                Ok(found) => Ok(found.map(|(_, header)| header)),
                Err(ScanError::Batch(cause)) => Err(cause),
                Err(ScanError::Io(source)) => {
                    return Err(self.io("read", segment, Kind::Log)(source));
                }
            };
            let header = found.as_ref().ok().copied().flatten();
            let next = header.map_or(segment_end, |header| header.base_offset);
            if let Some(last) = last {
                if last.next_offset() > next {
                    return Ok(false);
                }
                if last.base_offset >= known_from {
                    return Ok(true);
                }
                // One that is newer than what follows was changed, and would keep that out.
                if last.leader_epoch <= known_epoch {
                    f(last.leader_epoch, last.base_offset.max(start));
                }
            }
            if header.is_none() {
                return Ok(found.is_ok());
            }
            last = header;
        }
    }

    /// Restores the producers from the last snapshot that can be believed and what follows it, and
    /// changes no file: [`Log::write_replayed`] does. `trusted`: the log was left in order, so
    /// nothing else needs to be written again.
    pub(super) fn replay_producers(
        &mut self,
        recovered: &Recovered,
        trusted: bool,
        now_ms: i64,
    ) -> Result<Replayed, LogError> {
        let mut replayed = Replayed::default();
        let mut chosen = None;
        for offset in recovered.snapshots.iter().rev().copied() {
            let at_base = self.segments.binary_search_by_key(&offset, |s| s.base_offset).is_ok();
            let believed = offset <= recovered.from && offset <= self.log_end_offset;
            if believed && chosen.is_none() {
                chosen = self.read_snapshot(offset, trusted)?;
                if chosen.is_none() {
                    replayed.unwanted.push(offset);
                }
            } else if !believed || !at_base {
                replayed.unwanted.push(offset);
            }
        }
        let (from, mut producers) =
            chosen.unwrap_or_else(|| (self.first_base_offset(), ProducerState::default()));
        self.changed |= !trusted || from < self.log_end_offset;
        let aborted_from = recovered.from.max(self.recovery_point);
        self.indexed_from = aborted_from.min(self.log_end_offset);
        self.each_header(from, |segment, header, marker| {
            let base_offset = segment.base_offset;
            if base_offset > from && producers.end_offset <= base_offset {
                replayed.snapshots.push((base_offset, snapshot::format(&producers)));
            }
            let completed = producers.update(header, marker);
            replayed.aborted.extend(
                completed
                    .filter(|txn| !trusted && !txn.committed && txn.last_offset >= aborted_from)
                    .map(|txn| (base_offset, txn)),
            );
        })?;
        // A segment that is empty yet has a snapshot, too: later it may be the first one.
        for segment in self.segments.iter() {
            let base_offset = segment.base_offset;
            if base_offset > from && base_offset >= producers.end_offset {
                replayed.snapshots.push((base_offset, snapshot::format(&producers)));
            }
        }
        producers.end_offset = self.log_end_offset;
        producers.expire(now_ms, self.producer_expiration_ms);
        self.producers = producers;
        Ok(replayed)
    }

    /// Gives segments the snapshots that are not there or not believed, and the indexes of aborted
    /// transactions what they lack.
    pub(super) fn write_replayed(&self, replayed: Replayed) -> Result<(), LogError> {
        for offset in replayed.unwanted {
            let name = names::name(offset, Kind::Snapshot);
            let removed = self.dir.remove(&name);
            removed.map_err(LogError::io("remove", &self.dir.path().join(&name)))?;
        }
        for (offset, content) in replayed.snapshots {
            self.write_snapshot_content(offset, &content)?;
            if offset < self.recovery_point {
                // No later sync comes by here, and once those before it are gone nothing else knows
                // of them.
                self.sync_snapshot(offset)?;
            }
        }
        for (base_offset, txn) in replayed.aborted {
            let segment = self.segments.iter().find(|s| s.base_offset == base_offset);
            if let Some(segment) = segment {
                self.index_aborted(segment, &mut vec![txn])?;
            }
        }
        Ok(())
    }

    fn read_snapshot(
        &self,
        offset: Offset,
        trusted: bool,
    ) -> Result<Option<(Offset, ProducerState)>, LogError> {
        let name = names::name(offset, Kind::Snapshot);
        let path = self.dir.path().join(&name);
        if !trusted {
            // As with the log: it was not synced when it was written.
            let file = self.dir.open(&name, OpenMode::Read);
            file.map_err(LogError::io("open", &path))?.forget_clean(0);
        }
        let content = self.dir.read(&name).map_err(LogError::io("read", &path))?;
        match snapshot::parse(&content.unwrap_or_default()) {
            Ok(producers) => Ok(Some((offset, ProducerState::restored(offset, producers)))),
            Err(cause) => {
                tracing::warn!(file = %path.display(), cause, "not valid: using an older one");
                Ok(None)
            }
        }
    }

    /// Calls `f` with every header from an offset to the end of the log, and with the marker that
    /// the batch is, if it is one.
    fn each_header(
        &self,
        from: Offset,
        mut f: impl FnMut(&Segment, &BatchHeader, Option<TxnMarker>),
    ) -> Result<(), LogError> {
        if from >= self.log_end_offset {
            return Ok(());
        }
        let first = self.segments.partition_point(|segment| segment.base_offset <= from);
        for segment in self.segments.iter().skip(first.saturating_sub(1)) {
            let end = segment.size().map_err(self.io("read the size of", segment, Kind::Log))?;
            let file = segment.file().map_err(self.io("open", segment, Kind::Log))?;
            let start = segment.locate(from, end)?.map_or(end, |located| located.position);
            let mut scan = Scan::headers(file.as_ref(), start, end);
            loop {
                let position = scan.position();
                let (header, marker) = match scan.next_marked() {
                    Ok(Some((_, header, marker))) => (header, marker),
                    Ok(None) => break,
                    Err(ScanError::Io(source)) => {
                        return Err(self.io("read", segment, Kind::Log)(source));
                    }
                    Err(ScanError::Batch(cause)) => {
                        let (path, cause) = (segment.path(Kind::Log), cause.to_string());
                        return Err(LogError::Damaged { path, position, cause });
                    }
                };
                f(segment, &header, marker);
            }
        }
        Ok(())
    }
}

/// The epochs of a log's beginning, and those of what follows it.
fn joined(mut epochs: EpochCache, next: &EpochCache) -> EpochCache {
    for (epoch, start) in next.entries() {
        epochs.assign(*epoch, *start);
    }
    epochs
}
