//! The data directories of this broker: which there are, which work, and which takes what is new.
//!
//! Invariants: all directories belong to one cluster and one broker; each is locked, has an id, its
//! checkpoints and a flusher of its own; one that has failed is never written again before a
//! restart. The cluster metadata is in exactly one of them.
//! Kafka: `LogManager`, `MetaPropertiesEnsemble`, `LogDirFailureChannel`.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use ottla_config::{ServerConfig, keys};
use ottla_log::{FileSystem, LogDir, LogError, MetaProperties, WrittenAhead};
use ottla_types::{BrokerId, TopicPartition, Uuid};
use tokio::sync::Notify;

use crate::{
    broker::StartError, flusher::Flusher, metrics::Metrics, partition::Partition, random::new_id,
};

/// Free bytes from which on a directory that was full is no longer called that.
const ROOM_BYTES: u64 = 1 << 20;

/// Most partitions that are not there yet and were sent to a directory.
const PREFERRED_MAX: usize = 10_000;

/// One data directory.
#[derive(Debug)]
pub(crate) struct DataDir {
    /// As the configuration names it.
    configured: String,
    /// As clients are told.
    pub(crate) path: PathBuf,
    /// Zero where it could not be read.
    pub(crate) id: Uuid,
    /// What to remove a while later.
    pub(crate) deleted: DeletedDirs,
    /// None where it could not be opened. With what syncs the partitions that lie here.
    open: Option<(LogDir, Arc<Flusher>)>,
    has_failed: AtomicBool,
    /// Why it has failed.
    reason: OnceLock<String>,
    is_full: AtomicBool,
    /// Partitions and copies of partitions that lie here.
    replicas: AtomicUsize,
    /// Told when the directory fails.
    failures: Arc<Notify>,
}

impl DataDir {
    /// The directory, unless it has failed.
    pub(crate) fn log_dir(&self) -> Option<&LogDir> {
        self.open.as_ref().filter(|_| self.is_online()).map(|(log_dir, _)| log_dir)
    }

    /// Asks for a sync of a partition that lies here.
    pub(crate) fn queue_sync(&self, partition: Arc<Partition>) {
        if let Some((_, flusher)) = &self.open {
            flusher.queue(partition);
        }
    }

    /// Whether it is this one that syncs what lies here.
    pub(crate) fn is_synced_by(&self, flusher: &Flusher) -> bool {
        self.open.as_ref().is_some_and(|(_, own)| std::ptr::eq(Arc::as_ptr(own), flusher))
    }

    /// Takes what was written ahead of the partitions here before the start. `is_wanted` says that
    /// not all of it is in their own files by now.
    pub(crate) fn take_over(&self, found: WrittenAhead, is_wanted: bool) {
        let Some((_, flusher)) = self.open.as_ref().filter(|_| self.is_online()) else { return };
        if let Err(error) = flusher.take_over(found, is_wanted) {
            self.fail(&format_args!("write-ahead log: {error}"));
        }
    }

    /// Whether something was written ahead before the start that a partition still wants.
    pub(crate) fn keeps_written_ahead(&self) -> bool {
        self.open.as_ref().is_some_and(|(_, flusher)| flusher.keeps_written_ahead())
    }

    /// Says that nothing counts any more that was written ahead.
    pub(crate) fn empty_write_ahead(&self) -> io::Result<()> {
        self.open.as_ref().map_or(Ok(()), |(_, flusher)| flusher.empty_write_ahead())
    }

    /// Syncs partitions that lie here and that nobody uses yet.
    pub(crate) fn sync_now(&self, partitions: &[Arc<Partition>]) {
        if let Some((_, flusher)) = &self.open {
            flusher.sync_now(partitions);
        }
    }

    /// Makes everything durable that was written to the directory's file system.
    pub(crate) fn sync_file_system(&self) -> io::Result<()> {
        self.open.as_ref().map_or(Ok(()), |(_, flusher)| flusher.sync_file_system())
    }

    /// Lets the threads end that sync.
    pub(crate) fn stop_flusher(&self) {
        if let Some((_, flusher)) = &self.open {
            flusher.stop();
        }
    }

    /// Whether it works.
    pub(crate) fn is_online(&self) -> bool {
        !self.has_failed.load(Ordering::Acquire)
    }

    /// Why it was taken out of service.
    pub(crate) fn failure(&self) -> &str {
        self.reason.get().map_or("it could not be opened", String::as_str)
    }

    /// Takes the directory out of service, since a write or a sync has failed. The kernel may have
    /// dropped what it could not write, so nothing here can be trusted to be tried again.
    pub(crate) fn fail(&self, reason: &dyn std::fmt::Display) {
        if !self.has_failed.swap(true, Ordering::AcqRel) {
            drop(self.reason.set(reason.to_string()));
            let path = self.path.display();
            tracing::error!("log directory {path} is offline until the broker restarts: {reason}");
            self.failures.notify_one();
        }
    }

    /// Says, once until there is room again, that there is none.
    pub(crate) fn note_full(&self, reason: &dyn std::fmt::Display) {
        if !self.is_full.swap(true, Ordering::AcqRel) {
            let path = self.path.display();
            tracing::error!(
                "log directory {path} is full: records are refused until there is room: {reason}"
            );
        }
    }

    /// Takes in that something could not be written here.
    pub(crate) fn note(&self, error: &LogError) {
        if error.is_full() { self.note_full(error) } else { self.fail(error) }
    }

    /// Whether there is room again, after there was none.
    pub(crate) fn look_for_room(&self) {
        if !self.is_full.load(Ordering::Acquire) {
            return;
        }
        if free_bytes(&self.path).is_ok_and(|bytes| bytes >= ROOM_BYTES) {
            self.is_full.store(false, Ordering::Release);
            tracing::info!("log directory {} has room again", self.path.display());
        }
    }

    /// Replicas and copies of replicas that lie here.
    pub(crate) fn replicas(&self) -> usize {
        self.replicas.load(Ordering::Relaxed)
    }

    /// A replica lies here from now on.
    pub(crate) fn add_replica(&self) {
        self.replicas.fetch_add(1, Ordering::Relaxed);
    }

    /// A replica is gone from here.
    pub(crate) fn remove_replica(&self) {
        self.replicas.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that can be written to the file system of a directory.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(path)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Directories of deleted partitions, which are removed a while after they got out of the way:
/// whoever reads from them may finish.
#[derive(Debug, Default)]
pub(crate) struct DeletedDirs {
    /// When, in ms since 1970, and which.
    waiting: Mutex<Vec<(i64, String)>>,
}

impl DeletedDirs {
    /// Has a directory removed at a time.
    pub(crate) fn add(&self, due_ms: i64, name: String) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((due_ms, name));
    }

    /// Takes out what is due.
    pub(crate) fn take_due(&self, now_ms: i64) -> Vec<String> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let due = waiting.extract_if(.., |(due_ms, _)| *due_ms <= now_ms);
        due.map(|(_, name)| name).collect()
    }
}

/// All directories.
#[derive(Debug)]
pub(crate) struct LogDirs {
    /// Those of `log.dirs`, in their order.
    dirs: Vec<Arc<DataDir>>,
    /// That of `metadata.log.dir`: one of the others, or one that holds nothing else.
    metadata: Arc<DataDir>,
    /// Where partitions are to go that are not there yet, as AlterReplicaLogDirs has asked.
    preferred: Mutex<HashMap<TopicPartition, Arc<DataDir>>>,
    failures: Arc<Notify>,
}

/// What the start found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) log_dirs: LogDirs,
    pub(crate) cluster_id: String,
    pub(crate) broker_id: BrokerId,
    pub(crate) flusher_threads: Vec<JoinHandle<()>>,
}

/// Takes the data directories. One that is nobody's becomes part of the cluster that the others
/// belong to; where all are nobody's, they become a new cluster. One that cannot be read is
/// offline, unless it is that of the cluster metadata.
pub(crate) fn open(config: &ServerConfig, metrics: &Arc<Metrics>) -> Result<Opened, StartError> {
    let node_id = config.get(&keys::NODE_ID);
    let metadata_path = config.metadata_log_dir();
    let mut paths: Vec<&str> = config.log_dirs().iter().map(String::as_str).collect();
    let hosting = paths.len();
    if !paths.contains(&metadata_path) {
        paths.push(metadata_path);
    }
    let mut found = Vec::new();
    for path in paths {
        match open_dir(path) {
            Ok(log_dir) => found.push((path, Some(log_dir))),
            Err(error @ LogError::Io { .. }) if path != metadata_path => {
                tracing::error!("log directory {path} is offline: {error}");
                found.push((path, None));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let cluster_id = cluster_id(&found, config)?;
    let failures = Arc::new(Notify::new());
    let mut dirs = Vec::new();
    let mut flusher_threads = Vec::new();
    for (path, mut log_dir) in found {
        let id = identify(path, log_dir.as_mut(), &cluster_id, node_id)?;
        let has_failed = AtomicBool::new(log_dir.is_none());
        let open = match log_dir {
            Some(log_dir) => {
                let file_system = file_system(&log_dir)?;
                let metrics = Arc::clone(metrics);
                let (flusher, threads) = Flusher::start(log_dir.root(), file_system, metrics)?;
                flusher_threads.extend(threads);
                Some((log_dir, flusher))
            }
            None => None,
        };
        dirs.push(Arc::new(DataDir {
            configured: path.to_owned(),
            path: std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)),
            id,
            deleted: DeletedDirs::default(),
            has_failed,
            reason: OnceLock::new(),
            is_full: AtomicBool::new(false),
            open,
            replicas: AtomicUsize::new(0),
            failures: Arc::clone(&failures),
        }));
    }
    check_ids(&dirs)?;
    if !dirs.iter().take(hosting).any(|dir| dir.is_online()) {
        let paths = config.log_dirs().join(", ");
        return Err(StartError::Config(format!(
            "none of the directories works: {paths} (log.dirs)"
        )));
    }
    let metadata = dirs.iter().find(|dir| dir.configured == metadata_path).cloned();
    let metadata =
        metadata.ok_or_else(|| StartError::Config("log.dirs names no directory".to_owned()))?;
    dirs.truncate(hosting);
    let log_dirs = LogDirs { dirs, metadata, preferred: Mutex::default(), failures };
    log_dirs.check_metadata()?;
    Ok(Opened { log_dirs, cluster_id, broker_id: BrokerId(node_id), flusher_threads })
}

fn open_dir(path: &str) -> Result<LogDir, LogError> {
    #[cfg(feature = "simulation")]
    if let Some(log_dir) = crate::simulation::log_dir() {
        return log_dir;
    }
    LogDir::open(path)
}

fn file_system(log_dir: &LogDir) -> Result<FileSystem, LogError> {
    #[cfg(feature = "simulation")]
    if let Some(file_system) = crate::simulation::file_system() {
        return Ok(file_system);
    }
    FileSystem::of(log_dir.path())
}

/// The cluster that the directories belong to; a new one where they belong to none.
fn cluster_id(
    found: &[(&str, Option<LogDir>)],
    config: &ServerConfig,
) -> Result<String, StartError> {
    let (metadata_path, node_id) = (config.metadata_log_dir(), config.get(&keys::NODE_ID));
    let wanted = config.get(&keys::OTTLA_CLUSTER_ID);
    let mut known: Option<(&LogDir, &MetaProperties)> = None;
    let mut is_metadata_new = false;
    for (path, log_dir) in found {
        let Some(log_dir) = log_dir else { continue };
        let Some(meta) = log_dir.meta() else {
            is_metadata_new |= *path == metadata_path;
            continue;
        };
        if meta.node_id != node_id {
            return Err(StartError::Config(format!(
                "data directory {path} belongs to broker {} ({}), and node.id is {node_id}. Look at \
                 it with: ottla log dump {}",
                meta.node_id,
                log_dir.meta_place("node.id"),
                log_dir.meta_path().display()
            )));
        }
        if let Some(wanted) = wanted.filter(|wanted| *wanted != meta.cluster_id) {
            let origin = config.origin(&keys::OTTLA_CLUSTER_ID).unwrap_or_default();
            return Err(StartError::Config(format!(
                "data directory {path} belongs to cluster {}, and {origin} asks for cluster \
                 {wanted} (CLUSTER_ID, ottla.cluster.id): use another directory, or leave the id \
                 out. Look at it with: ottla log dump {}",
                meta.cluster_id,
                log_dir.meta_path().display()
            )));
        }
        match known {
            Some((other, known)) if known.cluster_id != meta.cluster_id => {
                return Err(StartError::Config(format!(
                    "data directories of two clusters (log.dirs): {} has cluster.id {}, and {} has \
                     {}. Look at both with: ottla log dump {} {}",
                    log_dir.meta_place("cluster.id"),
                    meta.cluster_id,
                    other.meta_place("cluster.id"),
                    known.cluster_id,
                    log_dir.meta_path().display(),
                    other.meta_path().display()
                )));
            }
            Some(_) => {}
            None => known = Some((log_dir, meta)),
        }
    }
    match known {
        None => Ok(wanted.map_or_else(|| new_id().to_string(), str::to_owned)),
        Some((other, known)) if is_metadata_new => Err(StartError::Config(format!(
            "{metadata_path}/meta.properties is missing, while {} belongs to cluster {}: is \
             {metadata_path}, the directory of the cluster metadata, mounted? If the metadata is in \
             another directory, name that with metadata.log.dir. Look at both with: ottla log dump \
             {metadata_path}/meta.properties {}",
            other.path().display(),
            known.cluster_id,
            other.meta_path().display()
        ))),
        Some((_, known)) => Ok(known.cluster_id.clone()),
    }
}

/// Says whose the directory is, where that is not written in it yet, and gives its id.
fn identify(
    path: &str,
    log_dir: Option<&mut LogDir>,
    cluster_id: &str,
    node_id: i32,
) -> Result<Uuid, StartError> {
    let Some(log_dir) = log_dir else { return Ok(Uuid::ZERO) };
    let meta = log_dir.meta().cloned();
    if let Some(meta) = meta.as_ref().filter(|meta| !meta.directory_id.is_zero()) {
        return Ok(meta.directory_id);
    }
    if meta.is_none() {
        tracing::info!("data directory {path} is new");
    }
    let directory_id = new_id();
    log_dir.set_meta(MetaProperties {
        cluster_id: cluster_id.to_owned(),
        node_id,
        directory_id,
    })?;
    Ok(directory_id)
}

fn check_ids(dirs: &[Arc<DataDir>]) -> Result<(), StartError> {
    for (at, dir) in dirs.iter().enumerate().filter(|(_, dir)| !dir.id.is_zero()) {
        if let Some(other) = dirs.iter().skip(at + 1).find(|other| other.id == dir.id) {
            return Err(StartError::Config(format!(
                "data directories {} and {} have the same directory.id: one is a copy of the other \
                 (log.dirs)",
                dir.path.display(),
                other.path.display()
            )));
        }
    }
    Ok(())
}

impl LogDirs {
    /// Every directory that holds partitions, in the order of the configuration.
    pub(crate) fn all(&self) -> &[Arc<DataDir>] {
        &self.dirs
    }

    /// Those of them that work.
    pub(crate) fn online(&self) -> impl Iterator<Item = &Arc<DataDir>> {
        self.dirs.iter().filter(|dir| dir.is_online())
    }

    /// Whether one of them does not work.
    pub(crate) fn has_offline(&self) -> bool {
        self.dirs.iter().any(|dir| !dir.is_online())
    }

    /// The one with the cluster metadata.
    pub(crate) fn metadata(&self) -> &Arc<DataDir> {
        &self.metadata
    }

    /// All of them, that of the cluster metadata included.
    pub(crate) fn every(&self) -> impl Iterator<Item = &Arc<DataDir>> {
        let is_apart = !self.dirs.iter().any(|dir| Arc::ptr_eq(dir, &self.metadata));
        self.dirs.iter().chain(is_apart.then_some(&self.metadata))
    }

    /// Leaves all of them as they were found, where nothing was written yet.
    pub(crate) fn leave_as_found(&self) {
        for dir in self.every() {
            let Some(log_dir) = dir.log_dir() else { continue };
            if let Err(error) = log_dir.leave_as_found() {
                // The next start then looks at every log there, which is right, too.
                tracing::warn!("{error}");
            }
        }
    }

    /// The ids of those that work.
    pub(crate) fn online_ids(&self) -> Vec<Uuid> {
        self.online().map(|dir| dir.id).collect()
    }

    /// The ids of those that `cordoned.log.dirs` names.
    pub(crate) fn cordoned_ids(&self, config: &ServerConfig) -> Vec<Uuid> {
        self.online().filter(|dir| is_cordoned(config, dir)).map(|dir| dir.id).collect()
    }

    /// The one with this id, if it works.
    pub(crate) fn with_id(&self, id: Uuid) -> Option<&Arc<DataDir>> {
        self.online().find(|dir| dir.id == id)
    }

    /// The one with this path, as clients are told it.
    pub(crate) fn at_path(&self, path: &str) -> Option<&Arc<DataDir>> {
        self.dirs.iter().find(|dir| dir.path.to_str() == Some(path))
    }

    /// Where a new replica goes: the directory with the fewest, as in Kafka. `cordoned.log.dirs`
    /// take none, unless there are no others.
    pub(crate) fn emptiest(&self, config: &ServerConfig) -> Option<Arc<DataDir>> {
        let fewest = |dir: &&Arc<DataDir>| dir.replicas.load(Ordering::Relaxed);
        let open = self.online().filter(|dir| !is_cordoned(config, dir)).min_by_key(fewest);
        open.or_else(|| self.online().min_by_key(fewest)).cloned()
    }

    /// Has a partition that is not there yet go to a directory, as long as the broker runs.
    pub(crate) fn prefer(&self, at: TopicPartition, dir: &Arc<DataDir>) {
        let mut preferred = self.preferred();
        if preferred.len() < PREFERRED_MAX || preferred.contains_key(&at) {
            preferred.insert(at, Arc::clone(dir));
        } else {
            tracing::warn!("{at} does not go to {}: too many are waiting", dir.path.display());
        }
    }

    /// The directory that a new partition was sent to, if that works; it is then forgotten.
    pub(crate) fn take_preferred(&self, at: &TopicPartition) -> Option<Arc<DataDir>> {
        self.preferred().remove(at).filter(|dir| dir.is_online())
    }

    fn preferred(&self) -> MutexGuard<'_, HashMap<TopicPartition, Arc<DataDir>>> {
        self.preferred.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a directory fails, or has failed since this was asked last.
    pub(crate) async fn failure(&self) {
        self.failures.notified().await;
    }

    /// The metadata in two directories would be two truths.
    fn check_metadata(&self) -> Result<(), StartError> {
        let at = crate::metadata_log::topic_partition()?.to_string();
        let others = self.dirs.iter().filter(|dir| !Arc::ptr_eq(dir, &self.metadata));
        match others.map(|dir| dir.path.join(&at)).find(|path| path.exists()) {
            None => Ok(()),
            Some(path) => Err(StartError::Config(format!(
                "{} is not in the directory of the cluster metadata, which is {} (metadata.log.dir)",
                path.display(),
                self.metadata.path.display()
            ))),
        }
    }
}

/// Whether `cordoned.log.dirs` names the directory.
pub(crate) fn is_cordoned(config: &ServerConfig, dir: &DataDir) -> bool {
    config.get(&keys::CORDONED_LOG_DIRS).iter().any(|one| one == "*" || *one == dir.configured)
}
