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
    listing::{Listing, list},
    recover::Recovered,
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
    /// Opens the log in this directory, or makes it there.
    pub fn open(dir: Arc<dyn Dir>, options: OpenOptions) -> Result<Self, LogError> {
        let left = Left::of(&options);
        let mut listing = list(dir.as_ref(), options.clean_shutdown)?;
        let created = listing.is_none();
        if created {
            ensure_never_there(dir.as_ref(), &options)?;
            dir.create().map_err(LogError::io("create", dir.path()))?;
        }
        let listing = listing.take().unwrap_or_default();
        let mut unsynced = Unsynced { last_sync_ms: options.now_ms, ..Unsynced::default() };
        unsynced.parent = created;
        let topic_id = topic_id(dir.as_ref(), &options, created, &mut unsynced)?;
        let (segments, is_new) = open_segments(&dir, &listing, &options)?;
        unsynced.directory |= is_new || !options.clean_shutdown;
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
            recovery_point: options.recovery_point,
            compacted_to: options.compacted_to,
            indexed_from: base_offset,
            epochs: EpochCache::default(),
            producers: ProducerState::restored(base_offset, Vec::new()),
            changed: is_new,
            unsynced,
            durable: None,
            written_ahead_to: Offset::ZERO,
            retired: Vec::new(),
            failed: None,
            full: None,
            dir,
        };
        if !is_new {
            log.load(&listing, left, options.now_ms)?;
        } else if created {
            log.recovery_point = log.log_end_offset;
        } else {
            log.ensure_complete()?;
        }
        log.settle()?;
        log.take_back(&options.written_ahead, options.now_ms)?;
        // Thousands of logs may be opened that nobody uses: no file stays open for that.
        log.close_idle_files();
        Ok(log)
    }

    fn load(&mut self, listing: &Listing, left: Left, now_ms: i64) -> Result<(), LogError> {
        let clean_shutdown = left == Left::InOrder;
        let epochs_known = self.read_epochs(listing)?;
        let base_offset = self.active_segment.base_offset;
        let indexed = listing.segments.get(&base_offset).is_some_and(|kinds| {
            kinds.contains(&Kind::OffsetIndex) && kinds.contains(&Kind::TimeIndex)
        });
        let trusted = clean_shutdown && self.load_active(indexed)? && self.ends_as_left();
        let recovered = if trusted {
            Recovered { from: self.log_end_offset, snapshots: listing.snapshots.clone() }
        } else {
            if clean_shutdown {
                tracing::warn!(
                    partition = %self.topic_partition,
                    "the last stop was clean but the log is not in order: recovering it"
                );
            }
            self.recover(listing, left)?
        };
        self.ensure_complete()?;
        if clean_shutdown && epochs_known {
            self.ensure_start()?;
        }
        if !epochs_known && self.log_end_offset > self.first_base_offset() {
            self.rebuild_epochs()?;
        } else if !clean_shutdown {
            self.find_first_epochs()?;
        }
        self.rebuild_missing_indexes(listing, recovered.from)?;
        self.load_producers(&recovered, trusted, now_ms)
    }

    /// Brings the offsets into agreement, whatever the files and the checkpoints say.
    fn settle(&mut self) -> Result<(), LogError> {
        if self.log_start_offset > self.log_end_offset {
            return Err(LogError::Incomplete {
                path: self.active_segment.path(Kind::Log),
                log_end_offset: self.log_end_offset,
                at: partition_words(&self.topic_partition),
                expected: self.log_start_offset,
                checkpoint: data_dir_file(self.dir.as_ref(), LOG_STARTS),
            });
        }
        self.log_start_offset = self.log_start_offset.max(self.first_base_offset());
        // What is appended after a lost end was never compacted.
        self.compacted_to = self.compacted_to.min(self.log_end_offset);
        let cut = self.epochs.truncate_from_end(self.log_end_offset);
        let moved = self.epochs.truncate_from_start(self.log_start_offset);
        self.unsynced.epochs |= cut || moved;
        Ok(())
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
        if self.log_end_offset >= self.recovery_point {
            return Ok(());
        }
        Err(LogError::Incomplete {
            path: self.active_segment.path(Kind::Log),
            log_end_offset: self.log_end_offset,
            at: partition_words(&self.topic_partition),
            expected: self.recovery_point,
            checkpoint: data_dir_file(self.dir.as_ref(), RECOVERY_POINTS),
        })
    }

    /// Compares the start of a log that was left in order with its leader epochs, of which the first one begins there or
    /// later: whatever moves the start cuts them, and both were synced then.
    fn ensure_start(&mut self) -> Result<(), LogError> {
        let Some(begun) = self.epochs.entries().first().map(|entry| entry.1) else { return Ok(()) };
        let first = self.first_base_offset();
        if begun < first {
            let path = self.segments.first().map(|segment| segment.path(Kind::Log));
            let (path, epochs) = (path.unwrap_or_default(), names::LEADER_EPOCHS);
            let epochs = self.dir.path().join(epochs);
            return Err(LogError::Beheaded { path, first, expected: begun, epochs });
        }
        if begun < self.log_start_offset {
            tracing::warn!(
                partition = %self.topic_partition,
                log_start_offset = %self.log_start_offset,
                leader_epochs_from = %begun,
                file = %data_dir_file(self.dir.as_ref(), LOG_STARTS).display(),
                "the start of the log is not the one that it was left with: it begins where its leader epochs do"
            );
            self.log_start_offset = begun;
        }
        Ok(())
    }

    /// `false` if the epochs cannot be read.
    fn read_epochs(&mut self, listing: &Listing) -> Result<bool, LogError> {
        if !listing.epochs {
            return Ok(false);
        }
        let path = self.dir.path().join(names::LEADER_EPOCHS);
        let content = self.dir.read(names::LEADER_EPOCHS).map_err(LogError::io("read", &path))?;
        match EpochCache::parse(&content.unwrap_or_default()) {
            Ok(epochs) => self.epochs = epochs,
            Err(fault) => {
                tracing::warn!(file = %path.display(), %fault, "made anew from the log");
                return Ok(false);
            }
        }
        Ok(true)
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
    /// A crash may have torn what lies after the recovery point.
    Torn,
    /// A crash may have torn the last batch.
    TornLastBatch,
}

impl Left {
    fn of(options: &OpenOptions) -> Self {
        match (options.clean_shutdown, options.synced_one_by_one) {
            (true, _) => Self::InOrder,
            (false, false) => Self::Torn,
            (false, true) => Self::TornLastBatch,
        }
    }
}

/// The segments, of which there is at least one, and whether it was made just now.
fn open_segments(
    dir: &Arc<dyn Dir>,
    listing: &Listing,
    options: &OpenOptions,
) -> Result<(Vec<Arc<Segment>>, bool), LogError> {
    if listing.segments.is_empty() {
        let start = options.log_start_offset;
        let created = Segment::create(dir.clone(), start, &options.config);
        let path = dir.path().join(names::name(start, Kind::Log));
        return Ok((vec![Arc::new(created.map_err(LogError::io("create", &path))?)], true));
    }
    let open = |(base_offset, kinds): (&Offset, &BTreeSet<Kind>)| {
        Arc::new(Segment::on_disk(dir.clone(), *base_offset, kinds.contains(&Kind::TxnIndex)))
    };
    Ok((listing.segments.iter().map(open).collect(), false))
}

/// Compares the topic's id with the one in `partition.metadata`, which is written if there is none.
fn topic_id(
    dir: &dyn Dir,
    options: &OpenOptions,
    created: bool,
    unsynced: &mut Unsynced,
) -> Result<Uuid, LogError> {
    let path = dir.path().join(names::PARTITION_METADATA);
    let content = if created {
        None
    } else {
        dir.read(names::PARTITION_METADATA).map_err(LogError::io("read", &path))?
    };
    // A crash before the first sync may leave the file empty.
    let known = content.as_deref().and_then(|content| parse_partition_metadata(content).ok());
    match known {
        Some(found) if options.topic_id.is_zero() || found == options.topic_id => Ok(found),
        Some(found) => {
            let expected = options.topic_id;
            Err(LogError::InconsistentTopicId { path, found, expected })
        }
        None if options.topic_id.is_zero() => Ok(Uuid::ZERO),
        None => {
            let text = format!("version: 0\ntopic_id: {}", options.topic_id);
            let write = || {
                let file = dir.open(names::PARTITION_METADATA, OpenMode::Create)?;
                file.write_at(&mut [IoSlice::new(text.as_bytes())], 0)?;
                if created { Ok(()) } else { file.set_size(text.len() as u64) }
            };
            write().map_err(LogError::io("write", &path))?;
            unsynced.metadata = true;
            unsynced.directory = true;
            Ok(options.topic_id)
        }
    }
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
