//! What lies in the data directories when the broker starts, brought into order.
//!
//! Invariants: afterwards each partition of the image lies in at most one directory; nothing is
//! removed but what was deleted before, and what nobody knows is kept under another name.
//! Kafka: `LogManager.loadLogs`, `LogManager.isStrayReplica`.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use ottla_log::{Checkpoints, LogError, WrittenAhead};
use ottla_metadata::Image;
use ottla_types::{BrokerId, Offset, TopicIdPartition, TopicName, TopicPartition, Uuid};

use crate::{
    log_dirs::{DataDir, LogDirs},
    random::new_id,
};

/// A copy of a partition that was on its way to another directory.
#[derive(Clone, Debug)]
pub(crate) struct Future {
    pub(crate) at: TopicPartition,
    pub(crate) dir: Arc<DataDir>,
    /// The name of its directory.
    pub(crate) name: String,
}

/// What lies where.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    places: HashMap<TopicPartition, Arc<DataDir>>,
    /// Copies of partitions that were on their way.
    pub(crate) futures: Vec<Future>,
    /// Partitions that a move may have taken to a directory that does not work.
    may_be_elsewhere: HashSet<TopicPartition>,
    /// By the id of the directory.
    checkpoints: HashMap<Uuid, Checkpoints>,
    /// How far each log is compacted, by the id of the directory.
    compacted: HashMap<Uuid, BTreeMap<TopicPartition, Offset>>,
    /// What was deleted: of which partition, where, and its name.
    deleted: Vec<(Option<TopicPartition>, Arc<DataDir>, String)>,
    /// What was written ahead before the last stop, by the id of the directory.
    written_ahead: HashMap<Uuid, WrittenAhead>,
}

impl Inventory {
    /// Takes stock of every directory that works. One whose contents cannot be read fails.
    pub(crate) fn take(log_dirs: &LogDirs, image: &Image, broker_id: BrokerId) -> Self {
        let mut this = Self::default();
        for dir in log_dirs.all() {
            if let Err(error) = this.add(dir, image, broker_id) {
                dir.fail(&error);
            }
        }
        this.sort_deleted(log_dirs, image);
        this
    }

    /// Whether it may be in a directory that does not work, since what is here was set aside.
    pub(crate) fn may_be_elsewhere(&self, at: &TopicPartition) -> bool {
        self.may_be_elsewhere.contains(at)
    }

    /// Where a partition lies.
    pub(crate) fn place(&self, at: &TopicPartition) -> Option<&Arc<DataDir>> {
        self.places.get(at)
    }

    /// What was remembered of a directory's partitions.
    pub(crate) fn checkpoints(&self, dir: &DataDir) -> Option<&Checkpoints> {
        self.checkpoints.get(&dir.id)
    }

    /// Whether a directory has the recovery point of a partition.
    pub(crate) fn remembers(&self, dir: &DataDir, at: &TopicPartition) -> bool {
        let checkpoints = self.checkpoints(dir);
        checkpoints.is_some_and(|checkpoints| checkpoints.recovery_points.contains_key(at))
    }

    /// What was written ahead of a partition in a directory before the last stop.
    pub(crate) fn written_ahead(&self, dir: &DataDir, of: (Uuid, i32)) -> &[Bytes] {
        self.written_ahead.get(&dir.id).map_or(&[], |found| found.of(of.0, of.1))
    }

    /// Gives up what was written ahead in a directory, once the logs are open.
    pub(crate) fn take_written_ahead(&mut self, dir: &DataDir) -> WrittenAhead {
        self.written_ahead.remove(&dir.id).unwrap_or_default()
    }

    /// Up to where a partition's log in a directory was compacted, exclusive; 0 if it never was.
    pub(crate) fn compacted_to(&self, dir: &DataDir, at: &TopicPartition) -> Offset {
        let noted = self.compacted.get(&dir.id).and_then(|of_dir| of_dir.get(at));
        noted.copied().unwrap_or(Offset::ZERO)
    }

    /// How far logs are compacted, by the id of their directory.
    pub(crate) fn compacted(&self) -> impl Iterator<Item = (Uuid, &TopicPartition, Offset)> {
        let all = self.compacted.iter();
        all.flat_map(|(id, offsets)| offsets.iter().map(move |(at, to)| (*id, at, *to)))
    }

    /// The partitions that lie in another directory than the image says, with that directory.
    pub(crate) fn unrecorded(
        &self,
        image: &Image,
        broker_id: BrokerId,
    ) -> Vec<(TopicIdPartition, Uuid)> {
        let mut found: Vec<_> = self
            .places
            .iter()
            .filter_map(|(at, dir)| {
                let topic = image.topic(&at.topic)?;
                let partition = topic.partition(at.partition)?;
                let target = TopicIdPartition { topic_id: topic.id, partition: at.partition };
                (partition.directory(broker_id) != dir.id).then_some((target, dir.id))
            })
            .collect();
        found.sort();
        found
    }

    /// Adds what lies in one directory.
    fn add(
        &mut self,
        dir: &Arc<DataDir>,
        image: &Image,
        broker_id: BrokerId,
    ) -> Result<(), LogError> {
        let Some(log_dir) = dir.log_dir() else { return Ok(()) };
        let contents = log_dir.contents()?;
        self.checkpoints.insert(dir.id, log_dir.read_checkpoints()?);
        self.compacted.insert(dir.id, log_dir.read_cleaner_offsets()?);
        self.written_ahead.insert(dir.id, log_dir.read_written_ahead()?);
        let deleted = contents.deleted.into_iter();
        self.deleted.extend(deleted.map(|(at, name)| (at, Arc::clone(dir), name)));
        for (at, name) in contents.futures {
            self.futures.push(Future { at, dir: Arc::clone(dir), name });
        }
        for at in contents.partitions {
            if *at.topic == *TopicName::CLUSTER_METADATA {
                continue;
            }
            let state = image.topic(&at.topic).and_then(|topic| topic.partition(at.partition));
            let Some(state) = state else {
                keep_as_stray(dir, &at, "it belongs to no topic");
                continue;
            };
            let Some(other) = self.places.get(&at).cloned() else {
                self.places.insert(at, Arc::clone(dir));
                continue;
            };
            let why = "the partition is in another directory, too";
            if state.directory(broker_id) == dir.id {
                keep_as_stray(&other, &at, why);
                self.places.insert(at, Arc::clone(dir));
            } else {
                keep_as_stray(dir, &at, why);
            }
        }
        Ok(())
    }

    /// Has removed what was deleted, except where it may be the last there is of a partition: a
    /// move sets the old replica aside, and the new one may be in a directory that does not work.
    fn sort_deleted(&mut self, log_dirs: &LogDirs, image: &Image) {
        for (at, dir, name) in std::mem::take(&mut self.deleted) {
            let wanted = at.filter(|at| {
                let topic = image.topic(&at.topic);
                let is_known = topic.is_some_and(|topic| topic.partition(at.partition).is_some());
                is_known && log_dirs.has_offline() && !self.places.contains_key(at)
            });
            match wanted {
                Some(at) => drop(self.may_be_elsewhere.insert(at)),
                None => dir.deleted.add(0, name),
            }
        }
    }
}

/// Renames the directory of a partition: a new topic of that name must not find it in its way, and
/// nobody knows whether it is still wanted.
pub(crate) fn keep_as_stray(dir: &DataDir, at: &TopicPartition, why: &str) {
    let Some(log_dir) = dir.log_dir() else { return };
    match log_dir.set_aside(at, new_id()) {
        Ok(name) => {
            tracing::warn!("directory {at} in {} is kept as {name}: {why}", dir.path.display());
        }
        Err(error) => tracing::error!("directory {at} cannot be renamed: {error}"),
    }
}
