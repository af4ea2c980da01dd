//! One data directory: its lock, its identity, its checkpoints, and the partitions in it.
//!
//! Invariants: one process at a time has it, Kafka or Ottla; the mark of a clean shutdown is gone,
//! durably, before anything is written.
//! Kafka: `LogManager`, `MetaPropertiesEnsemble`, `CleanShutdownFileHandler`,
//! `OffsetCheckpointFile`.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ottla_types::{Offset, TopicName, TopicPartition, Uuid};
use rustix::fs::FlockOperation;

use crate::{
    checkpoint,
    dir::{Dir, DiskDir, write_atomically},
    error::{BadLine, LogError},
    write_ahead::{self, WrittenAhead},
};

const LOCK: &str = ".lock";
pub(crate) const META: &str = "meta.properties";
/// What `meta.properties` says.
const META_KEYS: [&str; 4] = ["version", "cluster.id", "node.id", "directory.id"];
const CLEAN: &str = ".kafka_cleanshutdown";
/// What tells Ottla's mark from Kafka's: white space, which Kafka reads over.
const OWN_END: &str = "\n";
/// The file of recovery points.
pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// The file of log start offsets.
pub(crate) const LOG_STARTS: &str = "log-start-offset-checkpoint";
const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";
const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// The files with an offset of each partition.
pub(crate) const OFFSET_CHECKPOINTS: [&str; 4] =
    [RECOVERY_POINTS, LOG_STARTS, CLEANER_OFFSETS, HIGH_WATERMARKS];
const DELETE_SUFFIX: &str = "-delete";
const FUTURE_SUFFIX: &str = "-future";
const STRAY_SUFFIX: &str = "-stray";
/// The longest name of a directory.
const NAME_MAX: usize = 255;

/// Whose data directory it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster.
    pub cluster_id: String,
    /// The broker's `node.id`.
    pub node_id: i32,
    /// The directory's own id; zero if Kafka was too old to give it one.
    pub directory_id: Uuid,
}

impl MetaProperties {
    pub(crate) fn parse(text: &str) -> Result<Self, BadLine> {
        let mut properties = BTreeMap::new();
        let (mut unknown, mut end) = (None, 1);
        for (number, key, value) in property_lines(text) {
            end = number;
            if META_KEYS.contains(&key) {
                properties.insert(key, (number, value));
            } else {
                unknown = unknown.or(Some(number));
            }
        }
        let get = |key: &str| {
            properties.get(key).copied().ok_or_else(|| match unknown {
                Some(line) => {
                    BadLine::new(line, format!("it is not understood, and no {key} follows"))
                }
                None => BadLine::new(end, format!("the file ends without {key}")),
            })
        };
        let (line, version) = get("version")?;
        if version != "1" {
            let cause = "the version is not 1; start it once with Kafka 3.9 or newer";
            return Err(BadLine::new(line, cause));
        }
        let (_, cluster_id) = get("cluster.id")?;
        let (line, node_id) = get("node.id")?;
        let node_id = node_id.parse();
        let node_id = node_id.map_err(|error| BadLine::new(line, format!("node.id: {error}")))?;
        let directory_id = match properties.get("directory.id") {
            Some((line, id)) => {
                id.parse().map_err(|error| BadLine::new(*line, format!("directory.id: {error}")))?
            }
            None => Uuid::ZERO,
        };
        Ok(Self { cluster_id: cluster_id.to_owned(), node_id, directory_id })
    }

    pub(crate) fn to_text(&self) -> String {
        let Self { cluster_id, node_id, directory_id } = self;
        let mut text = format!("version=1\ncluster.id={cluster_id}\nnode.id={node_id}\n");
        if !directory_id.is_zero() {
            text.push_str("directory.id=");
            text.push_str(&directory_id.to_string());
            text.push('\n');
        }
        text
    }
}

/// The properties of a text: the number of the line, the key, and the value.
fn property_lines(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', '!'])).map(
        |(number, line)| {
            let (key, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
            (number, key.trim(), value.trim())
        },
    )
}

/// Offsets of all partitions of a data directory, to be remembered over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoints {
    /// [`crate::Log::recovery_point`].
    pub recovery_points: BTreeMap<TopicPartition, Offset>,
    /// [`crate::Log::log_start_offset`], where it is not the base offset of the first segment.
    pub log_start_offsets: BTreeMap<TopicPartition, Offset>,
    /// High watermarks.
    pub high_watermarks: BTreeMap<TopicPartition, Offset>,
}

impl Checkpoints {
    /// The log start offsets as far as the records before them are on disk. A start that lies after
    /// what a power cut leaves could not be told from a lost log.
    fn durable_log_start_offsets(&self) -> BTreeMap<TopicPartition, Offset> {
        let durable = |(at, start): (&TopicPartition, &Offset)| {
            let point = self.recovery_points.get(at).copied().unwrap_or(*start);
            (at.clone(), point.min(*start))
        };
        self.log_start_offsets.iter().map(durable).collect()
    }
}

/// What lies in a data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
    /// Copies that are to take a partition's place, with the names of their directories.
    pub futures: Vec<(TopicPartition, String)>,
    /// Names of directories that wait to be removed, with the partition where its name is whole.
    pub deleted: Vec<(Option<TopicPartition>, String)>,
}

/// What the checkpoint files say.
#[derive(Debug, Default)]
struct Known {
    checkpoints: Checkpoints,
    /// How far logs were compacted.
    cleaner_offsets: BTreeMap<TopicPartition, Offset>,
    /// Partitions whose lines stay as they are.
    kept: BTreeSet<TopicPartition>,
}

impl Known {
    /// These checkpoints, and the lines that stay.
    fn with_kept(&self, checkpoints: &Checkpoints) -> Checkpoints {
        let mut all = checkpoints.clone();
        all.log_start_offsets = checkpoints.durable_log_start_offsets();
        for at in &self.kept {
            for (known, all) in [
                (&self.checkpoints.recovery_points, &mut all.recovery_points),
                (&self.checkpoints.log_start_offsets, &mut all.log_start_offsets),
                (&self.checkpoints.high_watermarks, &mut all.high_watermarks),
            ] {
                if let Some(offset) = known.get(at) {
                    all.entry(at.clone()).or_insert(*offset);
                }
            }
        }
        all
    }
}

/// A data directory that this process has to itself.
#[derive(Debug)]
pub struct LogDir {
    dir: Arc<dyn Dir>,
    /// The mark of a clean shutdown that was found.
    mark: Option<Vec<u8>>,
    meta: Option<MetaProperties>,
    /// Of each checkpoint file, what was written last.
    written: Mutex<BTreeMap<&'static str, Vec<u8>>>,
    known: Mutex<Known>,
    /// Held as long as the directory is. A simulated directory has none.
    _lock: Option<File>,
}

impl LogDir {
    /// Makes the directory if need be, and takes it. If it was left in order that is remembered,
    /// and the mark is removed.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LogError> {
        let path = path.into();
        fs::create_dir_all(&path).map_err(LogError::io("create", &path))?;
        let lock = lock(&path)?;
        Self::open_in(Arc::new(DiskDir::new(path)), Some(lock))
    }

    /// The root directory of a simulated disk.
    #[cfg(feature = "simulation")]
    pub fn simulated(disk: &crate::simulation::disk::SimDisk) -> Result<Self, LogError> {
        Self::open_in(disk.root(), None)
    }

    /// Takes a directory that is there and that nobody else has.
    pub(crate) fn open_in(dir: Arc<dyn Dir>, lock: Option<File>) -> Result<Self, LogError> {
        let this = Self::read_in(dir, lock)?;
        let (dir, path) = (&this.dir, this.path());
        if this.was_clean() {
            write_ahead::read::discard(dir.as_ref())?;
            dir.remove(CLEAN).map_err(LogError::io("remove", &path.join(CLEAN)))?;
        }
        // Also after a crash: a partition's directory that it left may be only in memory yet, and
        // its log, which finds it there, does not sync its name.
        dir.sync().map_err(LogError::io("sync", path))?;
        Ok(this)
    }

    /// Reads whose the directory is and how it was left, and leaves it as it is.
    pub(crate) fn read_in(dir: Arc<dyn Dir>, lock: Option<File>) -> Result<Self, LogError> {
        let path = dir.path().to_owned();
        let meta = dir.read(META).map_err(LogError::io("read", &path.join(META)))?;
        let parsed = meta.map(|content| MetaProperties::parse(&String::from_utf8_lossy(&content)));
        let malformed = |fault| LogError::Malformed { path: path.join(META), fault };
        let meta = parsed.transpose().map_err(malformed)?;
        let mark = dir.read(CLEAN).map_err(LogError::io("read", &path.join(CLEAN)))?;
        Ok(Self {
            dir,
            mark,
            meta,
            written: Mutex::default(),
            known: Mutex::default(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The directory itself, for files that belong to no partition.
    pub fn root(&self) -> Arc<dyn Dir> {
        Arc::clone(&self.dir)
    }

    /// Whether it was left in order, so that its logs can be trusted as they are.
    pub fn was_clean(&self) -> bool {
        self.mark.is_some()
    }

    /// Whether it was Ottla that left it in order, with leader epochs that begin where logs do.
    pub fn was_left_by_ottla(&self) -> bool {
        self.mark.as_deref().is_some_and(|mark| mark.ends_with(OWN_END.as_bytes()))
    }

    /// Leaves the directory as it was found, for an owner who has written nothing in it: if it was
    /// left in order, it is again.
    pub fn leave_as_found(&self) -> Result<(), LogError> {
        self.mark.as_deref().map_or(Ok(()), |mark| self.write_mark(mark))
    }

    /// What the write-ahead log holds that may be nowhere else: nothing after a clean stop.
    pub fn read_written_ahead(&self) -> Result<WrittenAhead, LogError> {
        let dir = self.dir.as_ref();
        if self.was_clean() { WrittenAhead::left_in_order(dir) } else { WrittenAhead::read(dir) }
    }

    /// Whose it is; `None` if nobody's yet.
    pub fn meta(&self) -> Option<&MetaProperties> {
        self.meta.as_ref()
    }

    /// Where `meta.properties` says something, for people to read: its path, and the line.
    pub fn meta_place(&self, key: &str) -> String {
        let content = self.dir.read(META).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        let line = property_lines(&text).find(|(_, found, _)| *found == key);
        let path = self.meta_path();
        match line {
            Some((number, ..)) => format!("{}, line {number}", path.display()),
            None => path.display().to_string(),
        }
    }

    /// Where it says whose it is.
    pub fn meta_path(&self) -> PathBuf {
        self.path().join(META)
    }

    /// Says whose it is, durably.
    pub fn set_meta(&mut self, meta: MetaProperties) -> Result<(), LogError> {
        let text = meta.to_text();
        write_atomically(self.dir.as_ref(), META, text.as_bytes())
            .and_then(|()| self.dir.sync())
            .map_err(LogError::io("write", &self.path().join(META)))?;
        self.meta = Some(meta);
        Ok(())
    }

    /// What lies here, by the names of the directories.
    pub fn contents(&self) -> Result<Contents, LogError> {
        let mut contents = Contents::default();
        for name in self.dir.list().map_err(LogError::io("list", self.path()))? {
            if let Some(at) = parse_partition(&name) {
                contents.partitions.push(at);
            } else if let Some(at) = parse_suffixed(&name, FUTURE_SUFFIX) {
                contents.futures.push((at, name));
            } else if name.ends_with(DELETE_SUFFIX) {
                contents.deleted.push((parse_suffixed(&name, DELETE_SUFFIX), name));
            }
        }
        Ok(contents)
    }

    /// The directory of a partition, for [`crate::Log::open`]. It need not exist.
    pub fn partition_dir(&self, at: &TopicPartition) -> Arc<dyn Dir> {
        self.dir.child(&at.to_string())
    }

    /// The directory of a copy of a partition that is to take its place, under a name that says so.
    /// `unique` is any unused id. Kafka: `UnifiedLog.logFutureDirName`.
    pub fn future_dir(&self, at: &TopicPartition, unique: Uuid) -> (String, Arc<dyn Dir>) {
        let name = suffixed(at, unique, FUTURE_SUFFIX);
        (name.clone(), self.named_dir(&name))
    }

    /// The directory with this name, as [`LogDir::contents`] gives it.
    pub fn named_dir(&self, name: &str) -> Arc<dyn Dir> {
        self.dir.child(name)
    }

    /// Lets a copy, whose log is closed, be the partition from now on, durably.
    pub fn promote(&self, name: &str, at: &TopicPartition) -> Result<(), LogError> {
        let renamed = self.dir.rename(name, &at.to_string());
        renamed.map_err(LogError::io("rename", &self.path().join(name)))?;
        self.dir.sync().map_err(LogError::io("sync", self.path()))
    }

    /// Renames what looks like a partition and belongs to nothing that is known, so that it is in
    /// nobody's way and not lost. Gives the new name. Kafka: `UnifiedLog.logStrayDirName`.
    pub fn set_aside(&self, at: &TopicPartition, unique: Uuid) -> Result<String, LogError> {
        let (from, to) = (at.to_string(), suffixed(at, unique, STRAY_SUFFIX));
        let renamed = self.dir.rename(&from, &to);
        renamed.map_err(LogError::io("rename", &self.path().join(&from)))?;
        Ok(to)
    }

    /// Deletes a partition whose log is closed: its directory gets another name at once, which is
    /// given, and can be removed later with [`LogDir::remove_deleted`]. `unique` is any unused id.
    pub fn delete_partition(&self, at: &TopicPartition, unique: Uuid) -> Result<String, LogError> {
        self.known().kept.remove(at);
        self.delete_named(&at.to_string(), at, unique)
    }

    /// The same for a copy of a partition that is no longer wanted.
    pub fn delete_future(
        &self,
        name: &str,
        at: &TopicPartition,
        unique: Uuid,
    ) -> Result<String, LogError> {
        self.delete_named(name, at, unique)
    }

    fn delete_named(
        &self,
        from: &str,
        at: &TopicPartition,
        unique: Uuid,
    ) -> Result<String, LogError> {
        let name = suffixed(at, unique, DELETE_SUFFIX);
        let renamed = self.dir.rename(from, &name);
        renamed.map_err(LogError::io("rename", &self.path().join(from)))?;
        self.dir.sync().map_err(LogError::io("sync", self.path()))?;
        Ok(name)
    }

    /// Removes the files of a deleted partition.
    pub fn remove_deleted(&self, name: &str) -> Result<(), LogError> {
        let path = self.path().join(name);
        if !name.ends_with(DELETE_SUFFIX) || name.contains('/') {
            let source = io::ErrorKind::InvalidInput.into();
            return Err(LogError::Io { what: "remove", path, source });
        }
        self.dir.remove_child(name).map_err(LogError::io("remove", &path))
    }

    /// The checkpoints. A file that is not valid counts as empty: recovery then reads more.
    pub fn read_checkpoints(&self) -> Result<Checkpoints, LogError> {
        let checkpoints = Checkpoints {
            recovery_points: self.read_offsets(RECOVERY_POINTS)?,
            log_start_offsets: self.read_offsets(LOG_STARTS)?,
            high_watermarks: self.read_offsets(HIGH_WATERMARKS)?,
        };
        self.known().checkpoints = checkpoints.clone();
        Ok(checkpoints)
    }

    /// Keeps what the checkpoints say of a partition that could not be opened, so that the next
    /// start does not take what is left of it for all there was.
    pub fn keep_checkpoints(&self, at: &TopicPartition) {
        self.known().kept.insert(at.clone());
    }

    /// Whether a checkpoint speaks of a partition with this name. Before a new one is made, those
    /// of a deleted one have to be written anew without it: the new log would seem to have lost
    /// records.
    pub fn has_checkpoint(&self, at: &TopicPartition) -> bool {
        let known = self.known();
        let Checkpoints { recovery_points, log_start_offsets, .. } = &known.checkpoints;
        recovery_points.contains_key(at) || log_start_offsets.contains_key(at)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes those checkpoints that have changed since they were last written, durably.
    pub fn write_checkpoints(&self, checkpoints: &Checkpoints) -> Result<(), LogError> {
        let checkpoints = self.known().with_kept(checkpoints);
        let files = [
            (RECOVERY_POINTS, &checkpoints.recovery_points),
            (LOG_STARTS, &checkpoints.log_start_offsets),
            (HIGH_WATERMARKS, &checkpoints.high_watermarks),
        ];
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = false;
        for (name, offsets) in files {
            let content = checkpoint::format_offsets(offsets);
            if written.get(name) == Some(&content) {
                continue;
            }
            write_atomically(self.dir.as_ref(), name, &content)
                .map_err(LogError::io("write", &self.path().join(name)))?;
            written.insert(name, content);
            changed = true;
        }
        if changed {
            self.dir.sync().map_err(LogError::io("sync", self.path()))?;
        }
        self.known().checkpoints = checkpoints;
        Ok(())
    }

    /// Says durably of one partition how far it is on disk for good, or no longer says anything.
    /// What the checkpoints say of the others stays; they must have been read.
    pub fn write_recovery_point(
        &self,
        at: &TopicPartition,
        recovery_point: Option<Offset>,
    ) -> Result<(), LogError> {
        let mut checkpoints = self.known().checkpoints.clone();
        let points = &mut checkpoints.recovery_points;
        let known = match recovery_point {
            Some(offset) => points.insert(at.clone(), offset),
            None => points.remove(at),
        };
        if known == recovery_point { Ok(()) } else { self.write_checkpoints(&checkpoints) }
    }

    /// Leaves the mark that everything here is in order. Every log must be closed and the
    /// checkpoints written before. `broker_epoch` is what the broker was registered with: a Kafka
    /// that starts here next tells its controller, which trusts the replicas only if it is right.
    /// While a log that could not be opened lies here as Kafka left it, the mark is Kafka's.
    pub fn mark_clean_shutdown(&self, broker_epoch: i64) -> Result<(), LogError> {
        let is_own = self.was_left_by_ottla() || !self.was_clean() || self.known().kept.is_empty();
        let end = if is_own { OWN_END } else { "" };
        self.write_mark(format!(r#"{{"version":0,"brokerEpoch":{broker_epoch}}}{end}"#).as_bytes())
    }

    fn write_mark(&self, mark: &[u8]) -> Result<(), LogError> {
        write_atomically(self.dir.as_ref(), CLEAN, mark)
            .and_then(|()| self.dir.sync())
            .map_err(LogError::io("write", &self.path().join(CLEAN)))
    }

    /// How far each log was compacted, exclusive. A file that is not valid counts as empty: then
    /// the logs are compacted from their start on.
    pub fn read_cleaner_offsets(&self) -> Result<BTreeMap<TopicPartition, Offset>, LogError> {
        let offsets = self.read_offsets(CLEANER_OFFSETS)?;
        self.known().cleaner_offsets.clone_from(&offsets);
        Ok(offsets)
    }

    /// How far the file says that the log of a partition with this name was compacted, exclusive.
    /// Before a new log gets that name the file has to be written anew without it: what was
    /// compacted is another one.
    pub fn cleaner_offset(&self, at: &TopicPartition) -> Option<Offset> {
        self.known().cleaner_offsets.get(at).copied()
    }

    /// Writes how far each log was compacted, durably, if the file does not say so.
    pub fn write_cleaner_offsets(
        &self,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), LogError> {
        if self.known().cleaner_offsets == *offsets {
            return Ok(());
        }
        let content = checkpoint::format_offsets(offsets);
        write_atomically(self.dir.as_ref(), CLEANER_OFFSETS, &content)
            .and_then(|()| self.dir.sync())
            .map_err(LogError::io("write", &self.path().join(CLEANER_OFFSETS)))?;
        self.known().cleaner_offsets.clone_from(offsets);
        Ok(())
    }

    fn read_offsets(
        &self,
        name: &'static str,
    ) -> Result<BTreeMap<TopicPartition, Offset>, LogError> {
        let path = self.path().join(name);
        let content = self.dir.read(name).map_err(LogError::io("read", &path))?;
        let Some(content) = content else { return Ok(BTreeMap::new()) };
        match checkpoint::parse_offsets(&content) {
            Ok(offsets) => {
                self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(name, content);
                Ok(offsets)
            }
            Err(fault) => {
                let path = path.display();
                tracing::warn!(
                    "{path} is not valid and ignored: {fault}. Look at it with: ottla log dump {path}"
                );
                Ok(BTreeMap::new())
            }
        }
    }
}

/// Takes both kinds of lock: Kafka's, which keeps other processes out, and one that keeps this
/// process from taking the directory twice.
fn lock(path: &Path) -> Result<File, LogError> {
    let name = path.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(&name).map_err(LogError::io("open", &name))?;
    take(file, path, FlockOperation::NonBlockingLockExclusive)
}

/// Keeps everyone from taking the directory, without writing anything into it. A broker that is
/// stopped may have removed the file of the lock; then there is nothing to hold.
pub(crate) fn lock_shared(path: &Path) -> Result<Option<File>, LogError> {
    let name = path.join(LOCK);
    match File::open(&name) {
        Ok(file) => take(file, path, FlockOperation::NonBlockingLockShared).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("open", &name)(error)),
    }
}

fn take(file: File, path: &Path, operation: FlockOperation) -> Result<File, LogError> {
    let taken =
        rustix::fs::flock(&file, operation).and_then(|()| rustix::fs::fcntl_lock(&file, operation));
    match taken {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::ACCESS) => {
            Err(LogError::Locked { path: path.to_owned() })
        }
        Err(error) => Err(LogError::io("lock", &path.join(LOCK))(error.into())),
    }
}

/// The partition whose directory has this name.
fn parse_partition(name: &str) -> Option<TopicPartition> {
    let (topic, partition) = name.rsplit_once('-')?;
    if partition.is_empty() || !partition.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(TopicPartition::new(TopicName::new(topic).ok()?, partition.parse().ok()?))
}

/// The partition in a name of the shape `<topic>-<partition>.<32 digits><suffix>`.
fn parse_suffixed(name: &str, suffix: &str) -> Option<TopicPartition> {
    let (partition, unique) = name.strip_suffix(suffix)?.rsplit_once('.')?;
    let is_unique = unique.len() == 32 && unique.bytes().all(|byte| byte.is_ascii_hexdigit());
    parse_partition(partition).filter(|_| is_unique)
}

/// A name of that shape, with the topic cut where it would be too long.
fn suffixed(at: &TopicPartition, unique: Uuid, suffix: &str) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(unique.0));
    let tail = format!("-{}.{hex}{suffix}", at.partition);
    let room = NAME_MAX.saturating_sub(tail.len());
    let topic: String = at.topic.chars().take(room).collect();
    format!("{topic}{tail}")
}
