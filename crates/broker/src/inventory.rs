//! What lies in the data directories when the broker starts, brought into order.
//!
//! Invariants: afterwards each partition of the image lies in at most one directory; nothing is
//! removed but what was deleted before, and what nobody knows is kept under another name.
//! Kafka: `LogManager.loadLogs`, `LogManager.isStrayReplica`.

use std::{
    collections::{BTreeMap, HashMap},
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
    /// Copies whose partition lies elsewhere.
    pub(crate) futures: Vec<Future>,
    /// By the id of the directory.
    checkpoints: HashMap<Uuid, Checkpoints>,
    /// How far each log is compacted, by the id of the directory.
    compacted: HashMap<Uuid, BTreeMap<TopicPartition, Offset>>,
    /// What was written ahead before the last stop, by the id of the directory.
    written_ahead: HashMap<Uuid, WrittenAhead>,
}

impl Inventory {
    /// Takes stock of every directory that works. One whose contents cannot be read fails.
    pub(crate) fn take(log_dirs: &LogDirs, image: &Image, broker_id: BrokerId) -> Self {
        let mut this = Self::default();
        let mut set_aside = Vec::new();
        for dir in log_dirs.all() {
            match this.add(dir, image, broker_id) {
                Ok(names) => set_aside.extend(names),
                Err(error) => dir.fail(&error),
            }
        }
        this.finish_moves(&set_aside);
        this
    }

    /// Where a partition lies.
    pub(crate) fn place(&self, at: &TopicPartition) -> Option<&Arc<DataDir>> {
        self.places.get(at)
    }

    /// What was remembered of a directory's partitions.
    pub(crate) fn checkpoints(&self, dir: &DataDir) -> Option<&Checkpoints> {
        self.checkpoints.get(&dir.id)
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

    /// Adds what lies in one directory. Gives the partitions of which it holds what was deleted.
    fn add(
        &mut self,
        dir: &Arc<DataDir>,
        image: &Image,
        broker_id: BrokerId,
    ) -> Result<Vec<TopicPartition>, LogError> {
        let Some(log_dir) = dir.log_dir() else { return Ok(Vec::new()) };
        let contents = log_dir.contents()?;
        self.checkpoints.insert(dir.id, log_dir.read_checkpoints()?);
        self.compacted.insert(dir.id, log_dir.read_cleaner_offsets()?);
        self.written_ahead.insert(dir.id, log_dir.read_written_ahead()?);
        let mut set_aside = Vec::new();
        for (at, name) in contents.deleted {
            set_aside.extend(at);
            dir.deleted.add(0, name);
        }
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
        Ok(set_aside)
    }

    /// A move between directories ends with the old replica being set aside and the copy taking its
    /// name. Where the stop came between the two, the copy takes its name now. A copy whose
    /// partition is gone without a trace may lack records: it stays what it is.
    fn finish_moves(&mut self, set_aside: &[TopicPartition]) {
        let futures = std::mem::take(&mut self.futures);
        for future in futures {
            let is_place_free = !self.places.contains_key(&future.at);
            if !is_place_free || !set_aside.contains(&future.at) {
                self.futures.push(future);
                continue;
            }
            let Some(log_dir) = future.dir.log_dir() else { continue };
            match log_dir.promote(&future.name, &future.at) {
                Ok(()) => drop(self.places.insert(future.at, future.dir)),
                Err(error) => future.dir.fail(&error),
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
