//! What of a log can be cleaned, and how cleaned segments take the place of others.
//!
//! The files of a cleaned segment are called `.cleaned` until they are complete and durable, and a
//! restart throws them away. Then, each step durable before the next begins: all of them become
//! `.swap`, from where on a restart finishes what was begun; the old segments become `.deleted`;
//! the `.log` gets its own name, then the indexes. A restart that finds a `.log.swap` removes what
//! has a name of its own in its range, which can only be old segments, since no index has its own
//! name before its `.log` has.
//! Kafka: `LogCleanerManager.cleanableOffsets`, `LogToClean`, `LocalLog.replaceSegments`.

use std::{collections::BTreeMap, io, sync::Arc};

use ottla_types::{Offset, ProducerId};

use super::Log;
use crate::{
    cleaner::{CleanError, Cleaned, LastRecord, Round},
    error::LogError,
    names::{self, Kind},
    scan::{ScanError, header_at},
    segment::Segment,
};

/// What of a log can be cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanable {
    /// The first offset that was not cleaned yet.
    pub first_dirty_offset: Offset,
    /// Exclusive end of what can be cleaned now: the base offset of a segment.
    pub first_uncleanable_offset: Offset,
    /// Bytes of the segments before the first dirty offset.
    pub clean_bytes: u64,
    /// Bytes of the segments from there on that can be cleaned.
    pub cleanable_bytes: u64,
    /// How long a record has been waiting beyond `max.compaction.lag.ms`, in ms; 0 if none has.
    pub overdue_ms: i64,
    /// Whether the checkpoint does not fit the log: it should be set to the first dirty offset.
    pub is_reset: bool,
}

impl Cleanable {
    /// The share of the log that is not clean, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a ratio need not be exact")]
    pub fn dirty_ratio(&self) -> f64 {
        let total = self.clean_bytes.saturating_add(self.cleanable_bytes);
        if total == 0 { 0.0 } else { self.cleanable_bytes as f64 / total as f64 }
    }
}

impl Log {
    /// What of the log can be cleaned now, if it was cleaned up to `cleaned_to` (exclusive, from
    /// the checkpoint).
    pub fn cleanable(
        &self,
        cleaned_to: Option<Offset>,
        high_watermark: Offset,
        now_ms: i64,
    ) -> Result<Cleanable, LogError> {
        self.ensure_writable()?;
        let start = self.log_start_offset;
        let checkpoint = cleaned_to.unwrap_or(start);
        let is_valid = start <= checkpoint && checkpoint <= self.log_end_offset;
        if checkpoint > self.log_end_offset {
            tracing::warn!(
                partition = %self.topic_partition,
                cleaned_to = %checkpoint,
                log_end_offset = %self.log_end_offset,
                "the log ends before where it was cleaned to: cleaning all of it again"
            );
        }
        let first_dirty_offset = if is_valid { checkpoint } else { start };
        let limit = self.first_uncleanable(first_dirty_offset, high_watermark, now_ms)?;
        // Only whole segments are cleaned.
        let first_uncleanable_offset =
            self.segment_holding(limit).map_or(Offset::ZERO, |segment| segment.base_offset);
        let first_dirty_segment = self.place_of(first_dirty_offset.min(first_uncleanable_offset));
        let (mut clean_bytes, mut cleanable_bytes) = (0, 0);
        for (at, segment) in self.segments.iter().enumerate() {
            let size = segment.size().map_err(self.io("read the size of", segment, Kind::Log))?;
            if segment.base_offset < first_dirty_offset {
                clean_bytes += size;
            }
            if at >= first_dirty_segment && segment.base_offset < first_uncleanable_offset {
                cleanable_bytes += size;
            }
        }
        Ok(Cleanable {
            first_dirty_offset,
            first_uncleanable_offset,
            clean_bytes,
            cleanable_bytes,
            overdue_ms: self.overdue(first_dirty_offset, now_ms)?,
            is_reset: !is_valid,
        })
    }

    /// The first offset that may not be cleaned: what is not decided yet, what is still written,
    /// or what is too young.
    fn first_uncleanable(
        &self,
        first_dirty_offset: Offset,
        high_watermark: Offset,
        now_ms: i64,
    ) -> Result<Offset, LogError> {
        let mut limit =
            self.last_stable_offset(high_watermark).min(self.active_segment.base_offset);
        if self.config.min_compaction_lag_ms > 0 {
            let young_from = now_ms.saturating_sub(self.config.min_compaction_lag_ms);
            for segment in self.ended_segments(first_dirty_offset) {
                let largest = segment.largest_timestamp()?;
                segment.close_files();
                if largest.largest.timestamp > young_from {
                    limit = limit.min(segment.base_offset);
                    break;
                }
            }
        }
        Ok(limit.max(first_dirty_offset))
    }

    /// By how much the oldest segment that is not clean is older than `max.compaction.lag.ms`.
    fn overdue(&self, first_dirty_offset: Offset, now_ms: i64) -> Result<i64, LogError> {
        let clean_until = now_ms.saturating_sub(self.config.max_compaction_lag_ms.max(0));
        if clean_until <= 0 {
            return Ok(0);
        }
        let mut earliest = i64::MAX;
        for segment in self.ended_segments(first_dirty_offset) {
            let first = first_timestamp(segment);
            let first = first.map_err(self.io("read", segment, Kind::Log))?;
            earliest = earliest.min(first.filter(|first| *first > 0).unwrap_or(i64::MAX));
        }
        Ok(clean_until.saturating_sub(earliest).max(0))
    }

    /// The segments that are no longer written, from the one that holds `offset` on.
    fn ended_segments(&self, offset: Offset) -> impl Iterator<Item = &Arc<Segment>> {
        let ended = self.segments.len().saturating_sub(1);
        self.segments.iter().take(ended).skip(self.place_of(offset))
    }

    pub(super) fn place_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }

    fn segment_holding(&self, offset: Offset) -> Option<&Arc<Segment>> {
        self.segments.get(self.place_of(offset))
    }

    /// The log as a round of cleaning needs it.
    pub(crate) fn begin_round(&self) -> Round {
        Round {
            reader: self.reader(),
            dir: self.dir.clone(),
            config: self.config.clone(),
            truncations: self.unsynced.truncations,
            recovery_point: self.recovery_point,
        }
    }

    /// What the log must go on to say of each producer.
    pub(crate) fn last_records(&self) -> BTreeMap<ProducerId, LastRecord> {
        let last = |(producer_id, producer): (ProducerId, &crate::Producer)| {
            let last_data_offset = producer.batches().next_back().map(|batch| batch.last_offset);
            let producer_epoch = producer.producer_epoch;
            (producer_id, LastRecord { last_data_offset, producer_epoch })
        };
        self.producers.iter().map(last).collect()
    }

    /// Puts a cleaned segment in the place of those it was made of. The names are durable only
    /// after [`crate::Dir::sync`].
    pub(crate) fn exchange(
        &mut self,
        round: &Round,
        cleaned: &Cleaned,
        sources: &[Arc<Segment>],
        now_ms: i64,
    ) -> Result<(), CleanError> {
        self.ensure_writable().map_err(CleanError::Storage)?;
        let Some(first) = self.place_of_all(sources) else { return Err(CleanError::Changed) };
        if round.truncations != self.unsynced.truncations {
            return Err(CleanError::Changed);
        }
        self.exchange_files(cleaned, sources, now_ms).map_err(CleanError::Storage)?;
        let segment = Segment::on_disk(
            self.dir.clone(),
            cleaned.base_offset,
            cleaned.kinds.contains(&Kind::TxnIndex),
        );
        segment.set_size(cleaned.size);
        segment.verified.trust_from(0);
        segment.verified.settle(0, u64::MAX, Offset(i64::MAX));
        segment.set_largest_timestamp(Some(cleaned.largest));
        let mut segments = self.segments.as_ref().clone();
        segments.splice(first..first + sources.len(), [Arc::new(segment)]);
        self.set_segments(segments);
        self.unsynced.directory = true;
        self.set_compacted_to(cleaned.base_offset.plus(1));
        Ok(())
    }

    /// Where these segments are in the log, if they all are, one after the other, and none of them
    /// is the active one.
    fn place_of_all(&self, sources: &[Arc<Segment>]) -> Option<usize> {
        let ended = self.segments.len().saturating_sub(1);
        let first = self.place_of(sources.first()?.base_offset);
        let there = self.segments.get(..ended)?.get(first..first + sources.len())?;
        let is_same = there.iter().zip(sources).all(|(one, other)| Arc::ptr_eq(one, other));
        is_same.then_some(first)
    }

    fn exchange_files(
        &mut self,
        cleaned: &Cleaned,
        sources: &[Arc<Segment>],
        now_ms: i64,
    ) -> Result<(), LogError> {
        for source in sources {
            // Those who read from the old segment go on with the files that are open now.
            source.hold_files().map_err(self.io("open", source, Kind::Log))?;
        }
        let names = |kind: &Kind| names::name(cleaned.base_offset, *kind);
        for kind in &cleaned.kinds {
            let name = names(kind);
            self.rename(&format!("{name}{}", names::CLEANED), &format!("{name}{}", names::SWAP))?;
        }
        self.sync_names()?;
        // What is known of producers at the base offset of the replacement stays.
        let stays = |source: &Segment, kind| {
            kind == Kind::Snapshot && source.base_offset == cleaned.base_offset
        };
        let renamed = self.set_aside(sources, stays)?;
        self.sync_names()?;
        self.retire(renamed, now_ms);
        let (logs, indexes): (Vec<Kind>, Vec<Kind>) =
            cleaned.kinds.iter().copied().partition(|kind| *kind == Kind::Log);
        for kind in &logs {
            self.rename(&format!("{}{}", names(kind), names::SWAP), &names(kind))?;
        }
        self.sync_names()?;
        for kind in &indexes {
            self.rename(&format!("{}{}", names(kind), names::SWAP), &names(kind))?;
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), LogError> {
        let renamed = self.dir.rename(from, to);
        renamed.map_err(LogError::io("rename", &self.dir.path().join(from)))
    }

    fn sync_names(&self) -> Result<(), LogError> {
        self.dir.sync().map_err(LogError::io("sync", self.dir.path()))
    }
}

/// The largest timestamp of a segment's first batch.
fn first_timestamp(segment: &Segment) -> io::Result<Option<i64>> {
    let (file, size) = (segment.file()?, segment.size()?);
    match header_at(file.as_ref(), 0, size) {
        Ok(first) => Ok(first.map(|header| header.max_timestamp)),
        Err(ScanError::Io(error)) => Err(error),
        // Whoever cleans the segment finds out.
        Err(ScanError::Batch(_)) => Ok(None),
    }
}
