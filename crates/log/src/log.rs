//! The log of one partition: its segments, what it knows of producers and epochs, and its one
//! writer.
//!
//! Invariants, all by offset: `log_start_offset <= log_end_offset`; `recovery_point <=
//! log_end_offset`; segments are sorted, the first starts at or before the log's start, the last
//! one is the active one and the only one written. After a failed write or sync nothing is written
//! any more; a write for which there is no room leaves the log as it was.
//! Kafka: `org.apache.kafka.storage.internals.log.UnifiedLog`.

pub(crate) mod ahead;
pub(crate) mod append;
pub(crate) mod compact;
mod listing;
mod mend;
pub(crate) mod open;
mod recall;
pub(crate) mod recent;
mod recover;
mod relocate;
mod replay;
pub(crate) mod retention;
pub(crate) mod sync;
#[cfg(test)]
mod tests;
mod truncate;

use std::{io, sync::Arc};

use bytes::Bytes;
use ottla_types::{LeaderEpoch, Offset, ProducerId, TopicPartition, Uuid};

use crate::{
    config::LogConfig,
    dir::Dir,
    epochs::EpochCache,
    error::LogError,
    names::{self, Kind},
    producers::{FirstBatch, Producer, ProducerState, VerificationGuard},
    reader::LogReader,
    segment::{Largest, Segment, TimestampOffset},
    write_ahead::Mark,
};

use self::{recent::Recent, retention::Retired, sync::Unsynced};

/// What a log is opened with.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Whose log it is.
    pub topic_partition: TopicPartition,
    /// The topic's id; zero if none is known, which is then not compared nor written.
    pub topic_id: Uuid,
    /// The topic's settings.
    pub config: LogConfig,
    /// From the checkpoint: everything before it is on disk. 0 if there is none.
    pub recovery_point: Offset,
    /// From the checkpoint: the first offset that may be read. 0 if there is none.
    pub log_start_offset: Offset,
    /// From the checkpoint: up to where the log was compacted, exclusive. 0 if it never was. Before
    /// it a crash is not to be blamed for offsets that are missing.
    pub compacted_to: Offset,
    /// Whether the data directory was left in order. Then the log is trusted as it is.
    pub clean_shutdown: bool,
    /// Whether it was Ottla that left it in order: its leader epochs begin where the log does, or
    /// later. Kafka writes them some time after the start has moved, and may stop before that.
    pub left_by_ottla: bool,
    /// Whether each batch was synced before the next one was written. Then a crash can have torn
    /// the last batch only, and what follows a batch that is not whole tells of damage.
    pub synced_one_by_one: bool,
    /// `producer.id.expiration.ms`.
    pub producer_expiration_ms: i64,
    /// What was written ahead of it, [`crate::WrittenAhead::of`]. Nothing after a clean stop.
    pub written_ahead: Vec<Bytes>,
    /// The time, in ms since 1970.
    pub now_ms: i64,
}

impl OpenOptions {
    /// Options for a partition that has no log yet.
    pub fn new(topic_partition: TopicPartition, now_ms: i64) -> Self {
        Self {
            topic_partition,
            topic_id: Uuid::ZERO,
            config: LogConfig::default(),
            recovery_point: Offset::ZERO,
            log_start_offset: Offset::ZERO,
            compacted_to: Offset::ZERO,
            clean_shutdown: false,
            left_by_ottla: false,
            synced_one_by_one: false,
            producer_expiration_ms: 24 * 60 * 60 * 1000,
            written_ahead: Vec::new(),
            now_ms,
        }
    }
}

/// What is known of the active segment beyond its files.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    /// Bytes of batches, with those staged but not written yet.
    pub(crate) size: u64,
    /// Bytes of the file for which room is reserved by [`Log::reserve_ahead`].
    reserved: u64,
    /// Bytes of batches since the last entry of the offset index.
    bytes_since_index: u64,
    pub(crate) largest: TimestampOffset,
    /// What a look for it before the batches that were recovered came to, if damage ended that.
    unread: Option<Largest>,
    /// Largest timestamp of the first batch, in ms; −1 if it has none, `None` if there is no batch.
    first_timestamp: Option<i64>,
    /// When this log began or opened the segment, in ms.
    created_ms: i64,
    recent: Recent,
}

impl Active {
    pub(crate) fn new(base_offset: Offset, created_ms: i64) -> Self {
        Self {
            size: 0,
            reserved: 0,
            bytes_since_index: 0,
            largest: TimestampOffset { timestamp: -1, offset: base_offset },
            unread: None,
            first_timestamp: None,
            created_ms,
            recent: Recent::default(),
        }
    }

    fn known_largest(&self) -> Largest {
        let largest = self.largest;
        let whole = Largest { largest, up_to: None, stopped_at: None };
        self.unread.map_or(whole, |unread| Largest { largest, ..unread })
    }
}

/// The log of one partition. See the crate's documentation for how it is used.
#[derive(Debug)]
pub struct Log {
    dir: Arc<dyn Dir>,
    topic_partition: TopicPartition,
    topic_id: Uuid,
    config: LogConfig,
    producer_expiration_ms: i64,
    /// Never empty.
    segments: Arc<Vec<Arc<Segment>>>,
    active_segment: Arc<Segment>,
    active: Active,
    log_start_offset: Offset,
    log_end_offset: Offset,
    recovery_point: Offset,
    /// Exclusive: how far the log was compacted, as long as that is known.
    compacted_to: Offset,
    /// From here on this process has written the indexes of aborted transactions.
    indexed_from: Offset,
    /// How often other segments, or other indexes of aborted transactions, took the place of some.
    index_changes: u64,
    epochs: EpochCache,
    producers: ProducerState,
    /// Whether closing has to write indexes and producers: not if nothing changed since the log was
    /// opened in good order.
    changed: bool,
    unsynced: Unsynced,
    /// How far it is durable, here or in the write-ahead log, since it was synced first.
    durable: Option<Mark>,
    /// How far it was asked to be written ahead, exclusive, whether that is done or not.
    written_ahead_to: Offset,
    retired: Vec<Retired>,
    failed: Option<Arc<str>>,
    /// Why the last append was refused, where there was no room for it.
    full: Option<Arc<str>>,
}

impl Log {
    /// Whose log this is.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The topic's id; zero if none is known.
    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The directory of the partition.
    pub fn dir(&self) -> &Arc<dyn Dir> {
        &self.dir
    }

    /// The topic's settings.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes the topic's settings. They hold from the next append or retention pass on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// First offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The next offset to be written: exclusive end of the log.
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// How far the log was compacted, exclusive, as far as is known.
    pub fn compacted_to(&self) -> Offset {
        self.compacted_to
    }

    /// Says that the log was compacted up to an offset, exclusive. Offsets may be missing there,
    /// whatever the topic's settings are now; elsewhere a missing offset is damage.
    pub fn set_compacted_to(&mut self, offset: Offset) {
        self.compacted_to = self.compacted_to.max(offset);
    }

    /// Everything before it is durable in the log's own files.
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// Bytes of batches in all segments.
    pub fn size_bytes(&self) -> Result<u64, LogError> {
        let mut total = 0;
        for segment in self.segments.iter() {
            total += segment.size().map_err(self.io("read the size of", segment, Kind::Log))?;
        }
        Ok(total)
    }

    /// How many segments there are.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Base offset of the active segment.
    pub fn active_base_offset(&self) -> Offset {
        self.active_segment.base_offset
    }

    /// Why the log takes nothing any more, if a write or sync failed.
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Takes the log offline: every later change is refused with this reason. Reads go on.
    pub fn mark_failed(&mut self, reason: &str) {
        if self.failed.is_none() {
            tracing::error!(partition = %self.topic_partition, reason, "the log goes offline");
            self.failed = Some(reason.into());
        }
    }

    /// A snapshot of the log to read from. Cheap: no file is touched.
    pub fn reader(&self) -> LogReader {
        LogReader {
            segments: self.segments.clone(),
            log_start_offset: self.log_start_offset,
            log_end_offset: self.log_end_offset,
            active_size: self.active_segment.known_size(),
            active_largest: self.active.known_largest(),
            recent: self.active.recent,
            compacted_to: if self.config.cleanup_compact {
                Offset(i64::MAX)
            } else {
                self.compacted_to
            },
            indexed_from: self.indexed_from,
            epochs: self.epochs.clone(),
            index_changes: self.index_changes,
        }
    }

    /// The leader epochs of the log.
    pub fn epochs(&self) -> &EpochCache {
        &self.epochs
    }

    /// The epoch that wrote the record at this offset.
    pub fn leader_epoch_for(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.epoch_of(offset)
    }

    /// Where an epoch ends, exclusive, as `OffsetForLeaderEpoch` answers it: the largest epoch of
    /// the log that is not newer than the one asked for, and its end. `None` if that is not known.
    pub fn epoch_end_offset(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_offset(epoch, self.log_end_offset)
    }

    /// Notes that a new leader epoch starts at the end of the log. Nothing is written before the
    /// next append or sync.
    pub fn assign_leader_epoch(&mut self, epoch: LeaderEpoch) {
        if self.epochs.assign(epoch, self.log_end_offset) {
            self.unsynced.epochs = true;
        }
    }

    /// What is known of each producer, by id.
    pub fn producers(&self) -> impl ExactSizeIterator<Item = (ProducerId, &Producer)> {
        self.producers.iter()
    }

    /// Forgets producers that were idle for `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now_ms: i64) {
        self.producers.expire(now_ms, self.producer_expiration_ms);
    }

    /// Notes that the transaction coordinator is asked whether a batch may begin a transaction
    /// here. `None` where that transaction is open already, so that nobody need be asked.
    pub fn begin_verification(
        &mut self,
        first: &FirstBatch,
        now_ms: i64,
    ) -> Option<VerificationGuard> {
        self.producers.begin_verification(first, now_ms)
    }

    /// First offset that a reader of committed records may not see: the start of the oldest
    /// transaction that is open or whose marker is not before the high watermark, else the high
    /// watermark.
    pub fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        let stable = self.producers.last_stable_offset(high_watermark);
        // Deleted records are as good as decided.
        stable.max(self.log_start_offset.min(high_watermark))
    }

    /// Says how far the high watermark is, so that ended transactions before it can be forgotten.
    pub fn advance_high_watermark(&mut self, high_watermark: Offset) {
        self.producers.advance_high_watermark(high_watermark);
    }

    /// Closes files that nobody used lately; they are opened again on demand. For a periodic pass
    /// over idle partitions.
    pub fn close_idle_files(&self) {
        for segment in self.segments.iter() {
            segment.close_files();
        }
    }

    fn ensure_writable(&self) -> Result<(), LogError> {
        match &self.failed {
            Some(reason) => Err(LogError::Failed(reason.clone())),
            None => Ok(()),
        }
    }

    /// If `result` is an error, takes the log offline; not if there was only no room on the disk.
    fn checked<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(error) = &result
            && !error.is_full()
        {
            let reason = error.to_string();
            self.mark_failed(&reason);
        }
        result
    }

    fn io(
        &self,
        what: &'static str,
        segment: &Segment,
        kind: Kind,
    ) -> impl FnOnce(io::Error) -> LogError + use<> {
        // The path is only made up for an error.
        let (dir, base_offset) = (self.dir.clone(), segment.base_offset);
        move |source| {
            let path = dir.path().join(names::name(base_offset, kind));
            LogError::Io { what, path, source }
        }
    }

    /// Replaces the segments, of which there must be at least one. Where batches lie is to be found
    /// out anew.
    fn set_segments(&mut self, segments: Vec<Arc<Segment>>) {
        if let Some(last) = segments.last() {
            self.active.recent = Recent::default();
            self.active_segment = last.clone();
            self.segments = Arc::new(segments);
            self.index_changes += 1;
        }
    }
}
