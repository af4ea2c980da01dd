//! An owner of a data directory that does what a broker does.
//!
//! Kafka: `LogManager`.

use std::{collections::BTreeMap, sync::Arc};

use ottla_types::{Offset, TopicName, TopicPartition, Uuid};

use super::{disk::SimDisk, world::NOW};
use crate::{
    Checkpoints, Dir, FileSystem, Log, LogConfig, LogDir, LogError, OpenOptions, PendingWrite,
    Settling, WriteAhead, WrittenAhead,
};

/// Bytes of a file of the write-ahead log: a few groups, so that it is turned often.
const WRITE_AHEAD_BYTES: u64 = 16 << 10;

/// Most that is written ahead at once.
const WRITE_BYTES: usize = 4000;

/// What is known of a data directory before its logs are opened.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) log_dir: LogDir,
    checkpoints: Checkpoints,
    compacted: BTreeMap<TopicPartition, Offset>,
    pub(crate) written_ahead: WrittenAhead,
}

impl Found {
    /// Takes a directory that is there.
    pub(crate) fn take(dir: Arc<dyn Dir>) -> Result<Self, LogError> {
        let log_dir = LogDir::open_in(dir, None)?;
        let checkpoints = log_dir.read_checkpoints()?;
        let compacted = log_dir.read_cleaner_offsets()?;
        let written_ahead = log_dir.read_written_ahead()?;
        Ok(Self { log_dir, checkpoints, compacted, written_ahead })
    }

    /// Opens the log of a partition, as a broker does at its start.
    pub(crate) fn open(
        &self,
        at: &TopicPartition,
        topic_id: Uuid,
        config: &LogConfig,
    ) -> Result<Log, LogError> {
        let Checkpoints { recovery_points, log_start_offsets, .. } = &self.checkpoints;
        let options = OpenOptions {
            compacted_to: self.compacted.get(at).copied().unwrap_or_default(),
            topic_id,
            config: config.clone(),
            recovery_point: recovery_points.get(at).copied().unwrap_or_default(),
            log_start_offset: log_start_offsets.get(at).copied().unwrap_or_default(),
            clean_shutdown: self.log_dir.was_clean(),
            left_by_ottla: self.log_dir.was_left_by_ottla(),
            written_ahead: self.written_ahead.of(topic_id, at.partition).to_vec(),
            ..OpenOptions::new(at.clone(), NOW)
        };
        Log::open(self.log_dir.partition_dir(at), options)
    }
}

/// A data directory and its log. Another one may lie beside it.
#[derive(Debug)]
pub(crate) struct Owner {
    log_dir: LogDir,
    pub(crate) log: Log,
    /// Of another partition. It shares the checkpoints and the write-ahead log.
    pub(crate) other: Option<Log>,
    file_system: FileSystem,
    write_ahead: Option<WriteAhead>,
    /// What the files of the write-ahead log hold, where that was not settled.
    written_ahead: WrittenAhead,
    /// What the other file of the write-ahead log holds, while it is not settled, and whether the
    /// file system is synced for it.
    unsettled: Option<(Vec<Settling>, bool)>,
    /// What is being written ahead, of one log or of both.
    under_way: Vec<PendingWrite>,
}

/// Whose log it is, and the topic's id.
pub(crate) const OF_LOG: (&str, Uuid) = ("t", Uuid([7; 16]));
/// The same of the other one.
pub(crate) const OF_OTHER: (&str, Uuid) = ("u", Uuid([8; 16]));

/// The first partition of a topic.
pub(crate) fn first_of(topic: &str) -> TopicPartition {
    TopicPartition::new(TopicName::new(topic).unwrap(), 0)
}

impl Owner {
    /// Starts on what is on the disk, as a broker does.
    pub(crate) fn start(disk: &SimDisk, config: &LogConfig) -> Result<Self, LogError> {
        let found = Found::take(disk.root())?;
        let log = found.open(&first_of(OF_LOG.0), OF_LOG.1, config)?;
        let at = first_of(OF_OTHER.0);
        let is_there = found.log_dir.contents()?.partitions.contains(&at);
        let other = is_there.then(|| found.open(&at, OF_OTHER.1, config)).transpose()?;
        Ok(Self {
            log,
            other,
            file_system: FileSystem::simulated(disk),
            write_ahead: None,
            unsettled: None,
            under_way: Vec::new(),
            written_ahead: found.written_ahead,
            log_dir: found.log_dir,
        })
    }

    /// Makes the other log.
    pub(crate) fn add_other(&mut self) {
        let (topic, topic_id) = OF_OTHER;
        let options = OpenOptions {
            topic_id,
            config: self.log.config().clone(),
            ..OpenOptions::new(first_of(topic), NOW)
        };
        let dir = self.log_dir.partition_dir(&first_of(topic));
        self.other = Some(Log::open(dir, options).unwrap());
    }

    fn logs(&mut self) -> impl Iterator<Item = &mut Log> {
        std::iter::once(&mut self.log).chain(&mut self.other)
    }

    /// What a broker does with the log before it serves.
    pub(crate) fn sync_recovered(&mut self) {
        for log in self.logs() {
            if log.durable_offset() < log.log_end_offset() || log.is_written_ahead() {
                log.sync(NOW).unwrap();
            }
        }
        if !self.written_ahead.is_empty() {
            self.write_ahead().empty().unwrap();
        }
    }

    fn write_ahead(&mut self) -> &mut WriteAhead {
        let root = self.log_dir.root();
        let open = || {
            WriteAhead::open(root.as_ref(), &self.written_ahead, WRITE_AHEAD_BYTES, Uuid([9; 16]))
        };
        self.write_ahead.get_or_insert_with(|| open().unwrap())
    }

    /// Makes everything durable, in the write-ahead log if that can be. Whether it was.
    pub(crate) fn sync_ahead(&mut self) -> bool {
        let is_ahead = self.begin_ahead();
        if is_ahead {
            self.finish_ahead();
        } else {
            self.sync_logs();
        }
        is_ahead
    }

    fn sync_logs(&mut self) {
        for log in self.logs() {
            log.sync(NOW).unwrap();
        }
    }

    /// Begins to write ahead what there is, if that can be.
    pub(crate) fn begin_ahead(&mut self) -> bool {
        self.finish_ahead();
        let writes: Option<Vec<PendingWrite>> =
            self.logs().map(|log| log.begin_write_ahead(WRITE_BYTES, NOW).unwrap()).collect();
        let has_room = writes.is_some() && (!self.write_ahead().is_full() || self.turn());
        self.under_way = writes.filter(|_| has_room).unwrap_or_default();
        !self.under_way.is_empty()
    }

    /// What was begun is durable after it. Whether there was something.
    pub(crate) fn finish_ahead(&mut self) -> bool {
        let mut writes = std::mem::take(&mut self.under_way);
        if writes.is_empty() {
            return false;
        }
        let write_ahead = self.write_ahead();
        // What it was to read may be gone: the log was compacted or truncated meanwhile.
        if writes.iter_mut().all(|write| write_ahead.add(write).unwrap_or(false)) {
            write_ahead.commit().unwrap();
            for (log, write) in self.logs().zip(&writes) {
                log.finish_write_ahead(write);
            }
        } else {
            // As a broker does.
            self.sync_logs();
        }
        true
    }

    fn turn(&mut self) -> bool {
        let has_turned = self.write_ahead().turn().unwrap();
        if has_turned {
            let begun = self.logs().map(|log| log.begin_settling()).collect();
            self.unsettled = Some((begun, false));
        }
        has_turned
    }

    /// One step of settling what the other file of the write-ahead log holds.
    pub(crate) fn settle(&mut self) {
        match self.unsettled.take() {
            Some((begun, false)) => {
                self.file_system.sync().unwrap();
                self.unsettled = Some((begun, true));
            }
            Some((begun, true)) => {
                for (log, begun) in self.logs().zip(begun) {
                    log.finish_settling(begun);
                }
                self.write_ahead().settled();
            }
            None => {}
        }
    }

    /// What settles the other file of the write-ahead log, whether it is time for that or not.
    pub(crate) fn sync_file_system(&self) -> std::io::Result<()> {
        self.file_system.sync()
    }

    /// Leaves nothing in the write-ahead log that counts.
    pub(crate) fn empty_write_ahead(&mut self) {
        self.sync_logs();
        self.unsettled = None;
        if self.write_ahead.is_some() {
            self.write_ahead().empty().unwrap();
        }
    }

    /// What the broker's housekeeping does now and then.
    pub(crate) fn checkpoint(&mut self) -> Result<(), LogError> {
        let mut checkpoints = Checkpoints::default();
        for log in self.logs() {
            log.checkpoint()?;
            note(log, &mut checkpoints);
        }
        self.log_dir.write_checkpoints(&checkpoints)
    }

    /// What a cleaner does after a round.
    pub(crate) fn note_cleaned(&self, to: Offset) -> Result<(), LogError> {
        self.log_dir.write_cleaner_offsets(&[(first_of(OF_LOG.0), to)].into())
    }

    /// Stops in good order.
    pub(crate) fn stop(mut self) -> Result<(), LogError> {
        self.logs().try_for_each(|log| log.close(NOW))?;
        self.unsettled = None;
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.empty().unwrap();
        }
        self.checkpoint()?;
        self.log_dir.mark_clean_shutdown(1)
    }
}

/// What the checkpoints say of a log.
pub(crate) fn note(log: &Log, checkpoints: &mut Checkpoints) {
    let at = log.topic_partition().clone();
    checkpoints.recovery_points.insert(at.clone(), log.recovery_point());
    checkpoints.high_watermarks.insert(at.clone(), log.log_end_offset());
    if log.log_start_offset() > Offset::ZERO {
        checkpoints.log_start_offsets.insert(at, log.log_start_offset());
    }
}
