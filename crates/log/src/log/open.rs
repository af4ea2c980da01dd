//! Opening a log: what is in the directory, what of it can be trusted, and what has to be found
//! out.
//!
//! After a clean stop only the active segment's end, the leader epochs and one producer snapshot
//! are read, so that thousands of logs open in no time. Otherwise [`super::recover`] reads what
//! follows the recovery point.
//! Kafka: `org.apache.kafka.storage.internals.log.LogLoader`.

use std::{collections::BTreeSet, io::IoSlice, path::PathBuf, sync::Arc};

use ottla_types::{Offset, Uuid};

use super::{
    Active, Log, OpenOptions,
    listing::{Found, Listing},
    recover::Recovered,
    replay::Replayed,
    sync::Unsynced,
};
use crate::{
    checkpoint::partition_words,
    dir::{Dir, OpenMode},
    epochs::EpochCache,
    error::{BadLine, LogError},
    log_dir::{LOG_STARTS, RECOVERY_POINTS},
    names::{self, Kind},
    producers::ProducerState,
    segment::Segment,
};

impl Log {
    /// Opens the log in this directory, or makes it there. One that is refused stays as it is, but
    /// for entries of indexes and for what compaction had finished.
    pub fn open(dir: Arc<dyn Dir>, options: OpenOptions) -> Result<Self, LogError> {
        let left = Left::of(&options);
        let found = Found::look(dir.as_ref(), options.clean_shutdown)?;
        let created = found.is_none();
        if created {
            ensure_never_there(dir.as_ref(), &options)?;
        }
        let found = found.unwrap_or_default();
        let (topic_id, is_id_new) = topic_id(dir.as_ref(), &options, created)?;
        let epochs = read_epochs(dir.as_ref(), &found.listing)?;
        found.finish_swaps(dir.as_ref())?;
        let segments = segments_of(&dir, &found.listing, options.log_start_offset);
        let is_new = found.listing.segments.is_empty();
        let Some(active_segment) = segments.last().cloned() else {
            unreachable!("a log without segments was given one")
        };
        let base_offset = active_segment.base_offset;
        let mut log = Self {
            active: Active::new(base_offset, options.now_ms),
            topic_partition: options.topic_partition,
            topic_id,
            config: options.config,
            producer_expiration_ms: options.producer_expiration_ms,
            segments: Arc::new(segments),
            active_segment,
            log_start_offset: options.log_start_offset,
            log_end_offset: base_offset,
            recovery_point: if created { base_offset } else { options.recovery_point },
            compacted_to: options.compacted_to,
            indexed_from: base_offset,
            index_changes: 0,
            epochs: EpochCache::default(),
            producers: ProducerState::restored(base_offset, Vec::new()),
            changed: is_new,
            unsynced: Unsynced {
                directory: is_new || !options.clean_shutdown || is_id_new,
                parent: created,
                metadata: is_id_new,
                last_sync_ms: options.now_ms,
                ..Unsynced::default()
            },
            durable: None,
            written_ahead_to: Offset::ZERO,
            retired: Vec::new(),
            failed: None,
            full: None,
            dir,
        };
        let loaded = log.look(&found.listing, epochs, left, options.now_ms)?;
        let lost = log.lost_of(&options.written_ahead)?;
        // Nothing speaks against the log: from here on its files may change.
        if created {
            log.dir.create().map_err(LogError::io("create", log.dir.path()))?;
        }
        found.tidy(log.dir.as_ref())?;
        if is_id_new {
            write_topic_id(log.dir.as_ref(), topic_id, created)?;
        }
        log.write_loaded(&found.listing, loaded)?;
        log.take_back(&lost, &options.written_ahead, options.now_ms)?;
        // Thousands of logs may be opened that nobody uses: no file stays open for that.
        log.close_idle_files();
        Ok(log)
    }

    /// Finds out what the log holds, and refuses it where something is missing.
    fn look(
        &mut self,
        listing: &Listing,
        epochs: Option<EpochCache>,
        left: Left,
        now_ms: i64,
    ) -> Result<Loaded, LogError> {
        if listing.segments.is_empty() {
            self.ensure_complete()?;
            self.settle();
            // A crash that took the segments may have left them.
            self.unsynced.epochs |= listing.epochs;
            return Ok(Loaded::Empty);
        }
        let epochs_known = epochs.is_some();
        self.epochs = epochs.unwrap_or_default();
        let clean_shutdown = left.is_in_order();
        let base_offset = self.active_segment.base_offset;
        let indexed = listing.segments.get(&base_offset).is_some_and(|kinds| {
            kinds.contains(&Kind::OffsetIndex) && kinds.contains(&Kind::TimeIndex)
        });
        let begun = self.epochs.entries().first().map(|entry| entry.1);
        let begun = begun.filter(|_| left == Left::InOrder);
        let trusted = clean_shutdown && self.load_active(indexed)? && self.ends_as_left();
        let recovered = if trusted {
            Recovered::at(self.log_end_offset, listing.snapshots.clone())
        } else {
            if clean_shutdown {
                tracing::warn!(
                    partition = %self.topic_partition,
                    "the last stop was clean but the log is not in order: recovering it"
                );
            }
            self.recover(listing, left)?
        };
        let is_short = self.log_end_offset < self.recovery_point && !recovered.removes_segments();
        if is_short && self.is_deleted_to_point(left) {
            return Ok(self.look_anew(now_ms));
        }
        self.ensure_complete()?;
        if let Some(begun) = begun {
            self.begin_where_left(begun)?;
        }
        self.ensure_end()?;
        // An epoch that begins just where recovery does may have begun before, if the checkpoint
        // lacks it.
        let begins_there =
            !trusted && self.epochs.entries().iter().any(|entry| entry.1 == recovered.from);
        let lacks_epochs = begins_there && self.reader().has_newer_epoch_before(recovered.from);
        if (!epochs_known || lacks_epochs) && self.log_end_offset > self.first_base_offset() {
            self.rebuild_epochs()?;
        } else if !clean_shutdown {
            self.find_first_epochs()?;
        }
        let replayed = self.replay_producers(&recovered, trusted, now_ms)?;
        self.settle();
        Ok(Loaded::Read { recovered, replayed })
    }

    /// Brings the files into the state that was found out.
    fn write_loaded(&mut self, listing: &Listing, loaded: Loaded) -> Result<(), LogError> {
        match loaded {
            Loaded::Empty => self.make_first_segment(),
            Loaded::Anew { gone, log_end_offset } => {
                tracing::warn!(
                    partition = %self.topic_partition,
                    %log_end_offset,
                    log_start_offset = %self.log_start_offset,
                    "a log that was not closed ends before its start: all that is left of it was \
                     deleted before, it begins anew there"
                );
                self.remove_snapshots(&listing.snapshots)?;
                for segment in gone.iter().rev() {
                    self.remove_segment(segment)?;
                }
                self.make_first_segment()
            }
            Loaded::Read { recovered, replayed } => {
                self.cut_off(&recovered)?;
                self.rebuild_missing_indexes(listing, recovered.from)?;
                self.write_replayed(replayed)
            }
        }
    }

    fn make_first_segment(&self) -> Result<(), LogError> {
        let path = self.active_segment.path(Kind::Log);
        self.active_segment.make(&self.config).map_err(LogError::io("create", &path))
    }

    /// Whether all that was on disk for good was deleted by moving the start of the log. Kafka does
    /// not sync what it moves the start over, and writes that start down as recovery point, too: a
    /// crash may then leave less than that. One line that is wrong does not look like this.
    pub(super) fn is_deleted_to_point(&self, left: Left) -> bool {
        left == Left::Torn && self.log_start_offset == self.recovery_point
    }

    /// Begins anew where the log starts, in memory.
    fn look_anew(&mut self, now_ms: i64) -> Loaded {
        let (gone, log_end_offset) = (self.segments.as_ref().clone(), self.log_end_offset);
        let first = Segment::blank(self.dir.clone(), self.log_start_offset);
        self.forget_all(Arc::new(first), now_ms);
        self.settle();
        Loaded::Anew { gone, log_end_offset }
    }

    /// Refuses a log that ends before it starts.
    fn ensure_end(&self) -> Result<(), LogError> {
        self.ensure_reaches(self.log_start_offset, LOG_STARTS)
    }

    /// Refuses a log that ends before an offset that a checkpoint of its data directory says.
    fn ensure_reaches(&self, expected: Offset, checkpoint: &str) -> Result<(), LogError> {
        let log_end_offset = self.log_end_offset;
        if log_end_offset >= expected {
            return Ok(());
        }
        let path = self.active_segment.path(Kind::Log);
        let at = partition_words(&self.topic_partition);
        let checkpoint = data_dir_file(self.dir.as_ref(), checkpoint);
        Err(LogError::Incomplete { path, log_end_offset, at, expected, checkpoint })
    }

    /// Brings the offsets into agreement, whatever the files and the checkpoints say.
    fn settle(&mut self) {
        self.log_start_offset = self.log_start_offset.max(self.first_base_offset());
        // What is appended after a lost end was never compacted.
        self.compacted_to = self.compacted_to.min(self.log_end_offset);
        let cut = self.epochs.truncate_from_end(self.log_end_offset);
        let moved = self.epochs.truncate_from_start(self.log_start_offset);
        self.unsynced.epochs |= cut || moved;
    }

    /// Makes the indexes of segments before `end` that lack them.
    fn rebuild_missing_indexes(&self, listing: &Listing, end: Offset) -> Result<(), LogError> {
        for (segment, next) in self.segments.iter().zip(self.segments.iter().skip(1)) {
            let complete = listing.segments.get(&segment.base_offset).is_some_and(|kinds| {
                kinds.contains(&Kind::OffsetIndex) && kinds.contains(&Kind::TimeIndex)
            });
            if !complete && next.base_offset <= end {
                self.rebuild_indexes(segment)?;
            }
        }
        Ok(())
    }

    pub(crate) fn first_base_offset(&self) -> Offset {
        self.segments.first().map_or(Offset::ZERO, |segment| segment.base_offset)
    }

    /// Finds the end of a log that was left in order, by its indexes and what follows their last
    /// entries. `false` if it is not in order.
    fn load_active(&mut self, indexed: bool) -> Result<bool, LogError> {
        let segment = self.active_segment.clone();
        let end = segment.size().map_err(self.io("open", &segment, Kind::Log))?;
        if end == 0 {
            return Ok(true);
        }
        if !indexed {
            return Ok(false);
        }
        let dir = self.dir.as_ref();
        let last = segment.offset_index.last(dir);
        let last = last.map_err(self.io("read", &segment, Kind::OffsetIndex))?;
        let time = segment.time_index.last(dir);
        let time = time.map_err(self.io("read", &segment, Kind::TimeIndex))?;
        let from = last.map_or(0, |entry| u64::from(entry.position));
        self.active.size = from;
        let Some(first) = self.walk_headers(&segment, from, end)? else { return Ok(false) };
        let named = last.map(|entry| segment.base_offset.plus(i64::from(entry.relative)));
        if named.is_some_and(|named| first != named) || self.active.size != end {
            return Ok(false);
        }
        segment.verified.trust_from(end);
        let Some(time) = time else { return Ok(from == 0 || self.active.largest.timestamp < 0) };
        let offset = segment.base_offset.plus(i64::from(time.relative));
        if offset < first {
            // The largest timestamp lies before what was walked over.
            let before = segment.find_largest_timestamp(from)?.largest;
            if before.timestamp >= self.active.largest.timestamp {
                self.active.largest = before;
            }
            return Ok(before.timestamp == time.timestamp);
        }
        if self.active.largest.timestamp == time.timestamp {
            self.active.largest.offset = offset;
        }
        // An index that was closed in order ends with the largest of all.
        Ok(self.active.largest.timestamp == time.timestamp)
    }

    /// Whether a log that was left in order ends where it was said to. Without a checkpoint nobody
    /// said anything.
    fn ends_as_left(&self) -> bool {
        self.recovery_point == Offset::ZERO || self.log_end_offset == self.recovery_point
    }

    /// Refuses a log that has lost what was on disk for good.
    fn ensure_complete(&self) -> Result<(), LogError> {
        self.ensure_reaches(self.recovery_point, RECOVERY_POINTS)
    }

    /// Compares the start of a log that Ottla left in order with where its leader epochs begin:
    /// there or later, since whatever moves the start cuts them, and both were synced then.
    fn begin_where_left(&mut self, begun: Offset) -> Result<(), LogError> {
        let first = self.first_base_offset();
        if begun >= first.max(self.log_start_offset) {
            return Ok(());
        }
        let epochs = self.dir.path().join(names::LEADER_EPOCHS);
        if self.reader().has_newer_epoch_before(self.log_end_offset) {
            tracing::warn!(
                file = %epochs.display(),
                "it lacks the newest epoch: made anew from the log"
            );
            return self.rebuild_epochs();
        }
        if begun < first {
            let path = self.dir.path().join(names::name(first, Kind::Log));
            return Err(LogError::Beheaded { path, first, expected: begun, epochs });
        }
        tracing::warn!(
            partition = %self.topic_partition,
            log_start_offset = %self.log_start_offset,
            leader_epochs_from = %begun,
            file = %data_dir_file(self.dir.as_ref(), LOG_STARTS).display(),
            "the start of the log is not the one that it was left with: it begins where its leader epochs do"
        );
        self.log_start_offset = begun;
        Ok(())
    }
}

/// What is known of a log before its files are changed.
enum Loaded {
    /// There are no segments.
    Empty,
    /// Nothing of it counts any more.
    Anew {
        gone: Vec<Arc<Segment>>,
        log_end_offset: Offset,
    },
    Read {
        recovered: Recovered,
        replayed: Replayed,
    },
}

/// The leader epochs; `None` if they are not there or cannot be read.
fn read_epochs(dir: &dyn Dir, listing: &Listing) -> Result<Option<EpochCache>, LogError> {
    if !listing.epochs {
        return Ok(None);
    }
    let path = dir.path().join(names::LEADER_EPOCHS);
    let content = dir.read(names::LEADER_EPOCHS).map_err(LogError::io("read", &path))?;
    match EpochCache::parse(&content.unwrap_or_default()) {
        Ok(epochs) => Ok(Some(epochs)),
        Err(fault) => {
            tracing::warn!(file = %path.display(), %fault, "made anew from the log");
            Ok(None)
        }
    }
}

/// The path of a file of the data directory that a partition lies in.
fn data_dir_file(dir: &dyn Dir, name: &str) -> PathBuf {
    let own = dir.path();
    own.parent().unwrap_or(own).join(name)
}

/// Refuses to make a log anew of which something was on disk for good.
fn ensure_never_there(dir: &dyn Dir, options: &OpenOptions) -> Result<(), LogError> {
    if options.recovery_point <= options.log_start_offset {
        return Ok(());
    }
    Err(LogError::Gone {
        path: dir.path().to_owned(),
        at: partition_words(&options.topic_partition),
        expected: options.recovery_point,
        checkpoint: data_dir_file(dir, RECOVERY_POINTS),
    })
}

/// How the log was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// All is as it should be.
    InOrder,
    /// So it is, but for leader epochs that may begin before the log does.
    InOrderByKafka,
    /// A crash may have torn what lies after the recovery point.
    Torn,
    /// A crash may have torn the last batch.
    TornLastBatch,
}

impl Left {
    fn of(options: &OpenOptions) -> Self {
        match (options.clean_shutdown, options.left_by_ottla, options.synced_one_by_one) {
            (true, true, _) => Self::InOrder,
            (true, false, _) => Self::InOrderByKafka,
            (false, _, false) => Self::Torn,
            (false, _, true) => Self::TornLastBatch,
        }
    }

    fn is_in_order(self) -> bool {
        matches!(self, Self::InOrder | Self::InOrderByKafka)
    }
}

/// The segments, of which there is at least one: without any, one that is to be made.
fn segments_of(dir: &Arc<dyn Dir>, listing: &Listing, start: Offset) -> Vec<Arc<Segment>> {
    if listing.segments.is_empty() {
        return vec![Arc::new(Segment::blank(dir.clone(), start))];
    }
    let open = |(base_offset, kinds): (&Offset, &BTreeSet<Kind>)| {
        Arc::new(Segment::on_disk(dir.clone(), *base_offset, kinds.contains(&Kind::TxnIndex)))
    };
    listing.segments.iter().map(open).collect()
}

/// Compares the topic's id with the one in `partition.metadata`. Whether that is still to be
/// written.
fn topic_id(dir: &dyn Dir, options: &OpenOptions, created: bool) -> Result<(Uuid, bool), LogError> {
    let path = dir.path().join(names::PARTITION_METADATA);
    let content = if created {
        None
    } else {
        dir.read(names::PARTITION_METADATA).map_err(LogError::io("read", &path))?
    };
    // A crash before the first sync may leave the file empty.
    let known = content.as_deref().and_then(|content| parse_partition_metadata(content).ok());
    match known {
        Some(found) if options.topic_id.is_zero() || found == options.topic_id => {
            Ok((found, false))
        }
        Some(found) => {
            let expected = options.topic_id;
            Err(LogError::InconsistentTopicId { path, found, expected })
        }
        None => Ok((options.topic_id, !options.topic_id.is_zero())),
    }
}

/// Writes `partition.metadata`.
fn write_topic_id(dir: &dyn Dir, topic_id: Uuid, created: bool) -> Result<(), LogError> {
    let text = format!("version: 0\ntopic_id: {topic_id}");
    let write = || {
        let file = dir.open(names::PARTITION_METADATA, OpenMode::Create)?;
        file.write_at(&mut [IoSlice::new(text.as_bytes())], 0)?;
        if created { Ok(()) } else { file.set_size(text.len() as u64) }
    };
    write().map_err(LogError::io("write", &dir.path().join(names::PARTITION_METADATA)))
}

/// The topic's id in a `partition.metadata` file.
pub(crate) fn parse_partition_metadata(content: &[u8]) -> Result<Uuid, BadLine> {
    let text = String::from_utf8_lossy(content);
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("version:"));
    if version.map(str::trim) != Some("0") {
        return Err(BadLine::new(1, "the version is not 0"));
    }
    let id = lines.next().and_then(|line| line.strip_prefix("topic_id:"));
    let id = id.and_then(|id| id.trim().parse().ok());
    id.ok_or_else(|| BadLine::new(2, "it is not a topic's id"))
}
