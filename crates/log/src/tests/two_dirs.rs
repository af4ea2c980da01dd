//! A broker with two data directories and one partition that moves between them.
//!
//! What it does at a move and at a start is what `moves.rs`, `inventory.rs` and `storage.rs` of the
//! broker do, without threads and with one partition; a change there belongs here, too.
//!
//! Kafka: `ReplicaAlterLogDirsThread`, `LogManager`.

use std::sync::Arc;

use ottla_types::{Offset, TopicPartition, Uuid};

use super::{
    disk::SimDisk,
    owner::{Found, first_of, note},
    world::NOW,
};
use crate::{Checkpoints, Dir, Log, LogConfig, LogError, LogReader, OpenOptions, WriteAhead};

/// Bytes copied at once.
const COPY_BYTES: usize = 1500;
/// Bytes of a file of the write-ahead log.
const WRITE_AHEAD_BYTES: u64 = 16 << 10;
const NAMES: [&str; 2] = ["d0", "d1"];

/// What the cluster knows: the topic, and the directory in which its replica is recorded to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) topic_id: Option<Uuid>,
    pub(crate) recorded: usize,
    /// False until the replica has been somewhere: what a checkpoint says is of another topic then.
    pub(crate) is_recorded: bool,
}

struct Home {
    found: Found,
    write_ahead: Option<WriteAhead>,
    /// Directories that wait to be removed.
    deleted: Vec<String>,
}

/// The copy of a log that is on its way.
struct Copy {
    target: usize,
    name: String,
    log: Log,
}

/// A log and the directory that it lies in.
pub(crate) struct Placed {
    pub(crate) dir: usize,
    pub(crate) log: Log,
}

/// The broker.
pub(crate) struct Broker {
    homes: Vec<Home>,
    config: LogConfig,
    at: TopicPartition,
    pub(crate) placed: Option<Placed>,
    copy: Option<Copy>,
    last_id: u128,
}

/// A disk with two directories that are there for good.
pub(crate) fn new_disk() -> SimDisk {
    let disk = SimDisk::new();
    for name in NAMES {
        disk.root().child(name).create().unwrap();
    }
    disk.root().sync().unwrap();
    disk
}

impl Broker {
    /// Starts on what is there. `first_id` is before all ids that directories may get.
    pub(crate) fn start(
        disk: &SimDisk,
        image: Image,
        config: &LogConfig,
        first_id: u128,
    ) -> Result<Self, LogError> {
        let mut homes = Vec::new();
        for name in NAMES {
            let found = Found::take(disk.root().child(name))?;
            homes.push(Home { found, write_ahead: None, deleted: Vec::new() });
        }
        let (at, config) = (first_of("t"), config.clone());
        let mut this = Self { homes, config, at, placed: None, copy: None, last_id: first_id };
        let (place, futures) = this.take_stock(image)?;
        if let Some(topic_id) = image.topic_id {
            let dir = place.unwrap_or(image.recorded);
            if place.is_none() && !image.is_recorded {
                this.placed = Some(Placed { dir, log: this.make(dir, topic_id)? });
            } else {
                this.open(dir, topic_id)?;
            }
        }
        this.sync_recovered();
        for (dir, name) in futures {
            this.resume(dir, name)?;
        }
        Ok(this)
    }

    fn new_id(&mut self) -> Uuid {
        self.last_id += 1;
        Uuid(self.last_id.to_be_bytes())
    }

    /// Where the partition lies, and the copies of it. As `Inventory::take`.
    #[expect(clippy::type_complexity, reason = "used once")]
    fn take_stock(
        &mut self,
        image: Image,
    ) -> Result<(Option<usize>, Vec<(usize, String)>), LogError> {
        let (mut place, mut futures) = (None, Vec::new());
        for dir in 0..self.homes.len() {
            let contents = self.homes[dir].found.log_dir.contents()?;
            self.homes[dir].deleted.extend(contents.deleted.into_iter().map(|(_, name)| name));
            futures.extend(contents.futures.into_iter().map(|(_, name)| (dir, name)));
            if !contents.partitions.contains(&self.at) {
                continue;
            }
            let stray = match place {
                _ if image.topic_id.is_none() => Some(dir),
                None => place.replace(dir),
                Some(_) if image.recorded == dir => place.replace(dir),
                Some(_) => Some(dir),
            };
            if let Some(stray) = stray {
                let unique = self.new_id();
                self.homes[stray].found.log_dir.set_aside(&self.at, unique)?;
            }
        }
        Ok((place, futures))
    }

    /// As `open_replica`.
    fn open(&mut self, dir: usize, topic_id: Uuid) -> Result<(), LogError> {
        let opened = self.homes[dir].found.open(&self.at, topic_id, &self.config);
        let log = match opened {
            Err(LogError::InconsistentTopicId { .. }) => {
                let unique = self.new_id();
                self.homes[dir].found.log_dir.set_aside(&self.at, unique)?;
                self.make(dir, topic_id)?
            }
            opened => opened?,
        };
        self.placed = Some(Placed { dir, log });
        Ok(())
    }

    /// A log of which nothing is known.
    fn make(&self, dir: usize, topic_id: Uuid) -> Result<Log, LogError> {
        let (at, config) = (self.at.clone(), self.config.clone());
        let options = OpenOptions { topic_id, config, ..OpenOptions::new(at, NOW) };
        Log::open(self.homes[dir].found.log_dir.partition_dir(&self.at), options)
    }

    fn sync_recovered(&mut self) {
        if let Some(Placed { log, .. }) = &mut self.placed
            && (log.durable_offset() < log.log_end_offset() || log.is_written_ahead())
        {
            log.sync(NOW).unwrap();
        }
        for dir in 0..self.homes.len() {
            if !self.homes[dir].found.written_ahead.is_empty() {
                self.write_ahead(dir).empty().unwrap();
            }
        }
    }

    fn write_ahead(&mut self, dir: usize) -> &mut WriteAhead {
        let Home { found, write_ahead, .. } = &mut self.homes[dir];
        let root = found.log_dir.root();
        let secret = Uuid([9; 16]);
        write_ahead.get_or_insert_with(|| {
            WriteAhead::open(root.as_ref(), &found.written_ahead, WRITE_AHEAD_BYTES, secret)
                .unwrap()
        })
    }

    /// Makes everything durable, in the write-ahead log if that can be.
    pub(crate) fn sync_ahead(&mut self) {
        let Some(Placed { dir, log }) = &mut self.placed else { return };
        let (dir, write) = (*dir, log.begin_write_ahead(4000, NOW).unwrap());
        if let Some(mut write) = write
            && !self.write_ahead(dir).is_full()
        {
            let write_ahead = self.write_ahead(dir);
            assert!(write_ahead.add(&mut write).unwrap());
            write_ahead.commit().unwrap();
            self.log().unwrap().finish_write_ahead(&write);
            return;
        }
        self.log().unwrap().sync(NOW).unwrap();
        if self.write_ahead(dir).is_full() {
            self.write_ahead(dir).empty().unwrap();
        }
    }

    pub(crate) fn log(&mut self) -> Option<&mut Log> {
        self.placed.as_mut().map(|placed| &mut placed.log)
    }

    pub(crate) fn is_moving(&self) -> bool {
        self.copy.is_some()
    }

    /// Gives a deleted topic's name to a new one. As `host_topic`.
    pub(crate) fn create(&mut self, dir: usize, topic_id: Uuid) {
        if self.homes[dir].found.log_dir.has_checkpoint(&self.at) {
            self.checkpoint().unwrap();
        }
        let log = self.make(dir, topic_id).unwrap();
        self.placed = Some(Placed { dir, log });
    }

    /// As `drop_topic`.
    pub(crate) fn delete(&mut self) {
        let Some(Placed { dir, log }) = self.placed.take() else { return };
        drop(log);
        self.cancel();
        let unique = self.new_id();
        let name = self.homes[dir].found.log_dir.delete_partition(&self.at, unique).unwrap();
        self.homes[dir].deleted.push(name);
    }

    pub(crate) fn remove_deleted(&mut self) {
        for home in &mut self.homes {
            for name in std::mem::take(&mut home.deleted) {
                home.found.log_dir.remove_deleted(&name).unwrap();
            }
        }
    }

    pub(crate) fn checkpoint(&mut self) -> Result<(), LogError> {
        for (dir, home) in self.homes.iter().enumerate() {
            let mut checkpoints = Checkpoints::default();
            if let Some(Placed { log, .. }) = self.placed.as_mut().filter(|it| it.dir == dir) {
                log.checkpoint()?;
                note(log, &mut checkpoints);
            }
            home.found.log_dir.write_checkpoints(&checkpoints)?;
        }
        Ok(())
    }

    /// Stops in good order.
    pub(crate) fn stop(mut self) {
        if let Some(log) = self.log() {
            log.close(NOW).unwrap();
        }
        for write_ahead in self.homes.iter_mut().filter_map(|home| home.write_ahead.as_mut()) {
            write_ahead.empty().unwrap();
        }
        if let Some(Copy { log, .. }) = &mut self.copy {
            log.close(NOW).unwrap();
        }
        self.checkpoint().unwrap();
        for home in &self.homes {
            home.found.log_dir.mark_clean_shutdown(1).unwrap();
        }
    }

    fn copy_options(&mut self) -> OpenOptions {
        let (at, log) = (self.at.clone(), self.log().unwrap());
        let (topic_id, config) = (log.topic_id(), log.config().clone());
        let compacted_to = log.compacted_to();
        let options = OpenOptions::new(at, NOW);
        OpenOptions { topic_id, config, compacted_to, ..options }
    }

    /// Begins to move the log to the other directory.
    pub(crate) fn begin_move(&mut self) {
        let target = 1 - self.placed.as_ref().unwrap().dir;
        if self.homes[target].found.log_dir.has_checkpoint(&self.at) {
            self.checkpoint().unwrap();
        }
        let unique = self.new_id();
        let (name, dir) = self.homes[target].found.log_dir.future_dir(&self.at, unique);
        let log = Log::open(dir, self.copy_options()).unwrap();
        self.copy = Some(Copy { target, name, log });
    }

    /// As `Moves::resume`.
    fn resume(&mut self, target: usize, name: String) -> Result<(), LogError> {
        let Some(end) = self.log().map(|log| log.log_end_offset()) else {
            self.discard(target, &name);
            return Ok(());
        };
        let copy = self.copy_options();
        let log_dir = &self.homes[target].found.log_dir;
        let options = OpenOptions {
            clean_shutdown: log_dir.was_clean(),
            left_by_ottla: log_dir.was_left_by_ottla(),
            ..copy
        };
        let dir = self.homes[target].found.log_dir.named_dir(&name);
        let opened = Log::open(dir, options).and_then(|mut log| {
            log.truncate_to(end, NOW)?;
            Ok(log)
        });
        match opened {
            Ok(log) if self.copy.is_none() => self.copy = Some(Copy { target, name, log }),
            // Of a topic that was deleted: the broker gives it up.
            Ok(_) | Err(LogError::InconsistentTopicId { .. }) => self.discard(target, &name),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn discard(&mut self, dir: usize, name: &str) {
        let unique = self.new_id();
        let name = self.homes[dir].found.log_dir.delete_future(name, &self.at, unique).unwrap();
        self.homes[dir].deleted.push(name);
    }

    pub(crate) fn cancel(&mut self) {
        if let Some(Copy { target, name, .. }) = self.copy.take() {
            self.discard(target, &name);
        }
    }

    /// Copies some more. Whether there may be more.
    pub(crate) fn copy(&mut self) -> bool {
        let (Some(copy), Some(placed)) = (&mut self.copy, &self.placed) else { return false };
        copy_from(&placed.log.reader(), placed.log.log_start_offset(), &mut copy.log).unwrap()
    }

    /// Lets the copy take the partition's place. As `finish` and `exchange`.
    pub(crate) fn finish_move(&mut self) {
        let Some(Copy { target, name, mut log }) = self.copy.take() else { return };
        log.sync(NOW).unwrap();
        let Placed { dir: source, log: old } = self.placed.take().unwrap();
        while copy_from(&old.reader(), old.log_start_offset(), &mut log).unwrap() {}
        if log.log_end_offset() < old.log_start_offset() {
            log.truncate_fully_and_start_at(old.log_end_offset(), NOW).unwrap();
        }
        assert_eq!(log.log_end_offset(), old.log_end_offset());
        log.delete_records_before(old.log_start_offset()).unwrap();
        log.set_compacted_to(old.compacted_to());
        log.close(NOW).unwrap();
        let unique = self.new_id();
        self.homes[target].found.log_dir.promote(&name, &self.at).unwrap();
        let aside = self.homes[source].found.log_dir.delete_partition(&self.at, unique).unwrap();
        self.homes[source].deleted.push(aside);
        let dir: Arc<dyn Dir> = self.homes[target].found.log_dir.partition_dir(&self.at);
        log.relocate(dir);
        self.placed = Some(Placed { dir: target, log });
    }
}

/// As the broker's.
fn copy_from(reader: &LogReader, start: Offset, log: &mut Log) -> Result<bool, LogError> {
    let end = reader.log_end_offset();
    let from = log.log_end_offset().max(start);
    if from >= end {
        return Ok(false);
    }
    let range = reader.read(from, COPY_BYTES, end, true).unwrap();
    if range.is_empty() {
        return Ok(false);
    }
    if range.base_offset > log.log_end_offset() && log.log_end_offset() < start {
        log.truncate_fully_and_start_at(range.base_offset, NOW)?;
    }
    log.append_as_follower(&range.read().unwrap(), NOW).unwrap();
    Ok(true)
}

/// In which directories, by their names, the partition lies.
pub(crate) fn places(disk: &SimDisk) -> Vec<&'static str> {
    let names = NAMES.into_iter();
    let has = |dir: &&str| {
        let found = disk.root().child(dir).list().unwrap();
        found.iter().any(|name| *name == first_of("t").to_string())
    };
    names.filter(has).collect()
}
