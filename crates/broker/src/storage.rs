//! The data directory: opened at the start, filled with logs, closed at the stop.
//!
//! Kafka: `LogManager`, `StorageTool.format` (a directory that is nobody's becomes a new cluster).

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use ottla_config::{Properties, ServerConfig, TopicConfig, keys};
use ottla_log::{Checkpoints, Log, LogDir, LogError, MetaProperties, OpenOptions};
use ottla_metadata::{Image, Topic};
use ottla_types::{BrokerId, LeaderEpoch, Offset, TopicName, TopicPartition, Uuid};

use crate::{
    broker::{Shared, StartError},
    clock::now_ms,
    controller::new_id,
    partition::Partition,
    partitions::HostedTopic,
    settings::TopicSettings,
};

/// A data directory that is ours.
#[derive(Debug)]
pub(crate) struct DataDir {
    pub(crate) path: PathBuf,
    pub(crate) log_dir: LogDir,
    pub(crate) cluster_id: String,
    pub(crate) broker_id: BrokerId,
    pub(crate) directory_id: Uuid,
    pub(crate) checkpoints: Checkpoints,
}

/// Takes the data directory; one that is nobody's becomes a new cluster.
pub(crate) fn open_data_dir(config: &ServerConfig) -> Result<DataDir, StartError> {
    let paths = config.log_dirs();
    let [path] = paths else {
        return Err(StartError::Config(format!(
            "log.dirs names {} directories, and this version uses one",
            paths.len()
        )));
    };
    let node_id = config.get(&keys::NODE_ID);
    let mut log_dir = LogDir::open(path)?;
    let wanted = config.get(&keys::OTTLA_CLUSTER_ID);
    let mut meta = log_dir.meta().cloned().unwrap_or_else(|| MetaProperties {
        cluster_id: wanted.map_or_else(|| new_id().to_string(), str::to_owned),
        node_id,
        directory_id: Uuid::ZERO,
    });
    if meta.node_id != node_id {
        return Err(StartError::Config(format!(
            "data directory {path} belongs to broker {}, and node.id is {node_id}",
            meta.node_id
        )));
    }
    if let Some(wanted) = wanted.filter(|wanted| *wanted != meta.cluster_id) {
        let origin = config.origin(&keys::OTTLA_CLUSTER_ID).unwrap_or_default();
        return Err(StartError::Config(format!(
            "data directory {path} belongs to cluster {}, and {origin} asks for cluster {wanted} \
             (CLUSTER_ID, ottla.cluster.id): use another directory, or leave the id out",
            meta.cluster_id
        )));
    }
    if meta.directory_id.is_zero() {
        meta.directory_id = new_id();
        log_dir.set_meta(meta.clone())?;
    }
    let checkpoints = log_dir.read_checkpoints()?;
    Ok(DataDir {
        path: std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path)),
        log_dir,
        cluster_id: meta.cluster_id,
        broker_id: BrokerId(node_id),
        directory_id: meta.directory_id,
        checkpoints,
    })
}

/// Directories of deleted partitions, which are removed a while after they got out of the way:
/// whoever reads from them may finish.
#[derive(Debug, Default)]
pub(crate) struct DeletedDirs {
    /// When, in ms since 1970, and which.
    waiting: Mutex<Vec<(i64, String)>>,
}

impl DeletedDirs {
    fn add(&self, due_ms: i64, name: String) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((due_ms, name));
    }

    /// Takes out what is due.
    fn take_due(&self, now_ms: i64) -> Vec<String> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let due = waiting.extract_if(.., |(due_ms, _)| *due_ms <= now_ms);
        due.map(|(_, name)| name).collect()
    }
}

/// Opens the log of every partition in the image, several at a time.
pub(crate) fn open_partitions(
    shared: &Arc<Shared>,
    checkpoints: &Checkpoints,
) -> Result<(), StartError> {
    let image = shared.image();
    find_deleted(shared);
    set_strays_aside(shared, &image);
    let topics: Vec<&Arc<Topic>> = image.topics().collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = topics.len().div_ceil(threads).max(1);
    let opened: Vec<Result<(), LogError>> = std::thread::scope(|scope| {
        let parts: Vec<_> = topics
            .chunks(share)
            .map(|part| {
                let image = &image;
                scope.spawn(move || {
                    part.iter().try_for_each(|topic| host(shared, image, topic, checkpoints))
                })
            })
            .collect();
        parts.into_iter().filter_map(|part| part.join().ok()).collect()
    });
    for result in opened {
        result?;
    }
    Ok(())
}

/// Creates the logs of a topic, or those that are new.
pub(crate) fn host_topic(
    shared: &Arc<Shared>,
    image: &Image,
    topic: &Topic,
) -> Result<(), LogError> {
    host(shared, image, topic, &Checkpoints::default())
}

fn host(
    shared: &Arc<Shared>,
    image: &Image,
    topic: &Topic,
    checkpoints: &Checkpoints,
) -> Result<(), LogError> {
    let settings = Arc::new(settings_of(shared, image, &topic.name));
    let known = shared.partitions.topic_by_id(topic.id);
    let mut partitions = Vec::new();
    for (index, state) in topic.partitions() {
        let open = known.as_ref().and_then(|known| known.partition(index));
        partitions.push(if let Some(open) = open {
            open
        } else {
            let at = TopicPartition::new(topic.name.clone(), index);
            open_partition(shared, (at, topic.id, state.leader_epoch), &settings, checkpoints)?
        });
    }
    let bytes_in = shared.metrics.topic_bytes_in(&topic.name);
    let hosted = HostedTopic::new(topic.name.clone(), topic.id, partitions, settings, bytes_in);
    shared.partitions.insert(Arc::new(hosted));
    Ok(())
}

fn open_partition(
    shared: &Arc<Shared>,
    (at, topic_id, leader_epoch): (TopicPartition, Uuid, LeaderEpoch),
    settings: &TopicSettings,
    checkpoints: &Checkpoints,
) -> Result<Arc<Partition>, LogError> {
    let dir = shared.log_dir.partition_dir(&at);
    let options = OpenOptions {
        topic_id,
        config: settings.log.clone(),
        recovery_point: checkpoints.recovery_points.get(&at).copied().unwrap_or_default(),
        log_start_offset: checkpoints.log_start_offsets.get(&at).copied().unwrap_or_default(),
        clean_shutdown: shared.log_dir.was_clean(),
        producer_expiration_ms: shared.config().get(&keys::PRODUCER_ID_EXPIRATION_MS).into(),
        ..OpenOptions::new(at.clone(), now_ms())
    };
    let log = Log::open(dir, options)?;
    let flusher = Arc::clone(&shared.flusher);
    let leader = (shared.broker_id, leader_epoch);
    Ok(Arc::new(Partition::new(at, log, leader, settings, flusher)))
}

fn settings_of(shared: &Shared, image: &Image, topic: &TopicName) -> TopicSettings {
    let server = shared.config();
    let overrides: &Properties = image.topic_overrides(topic);
    let config = TopicConfig::new(&server, overrides);
    TopicSettings::new(&server, &config)
}

/// Reads a topic's configuration again.
pub(crate) fn refresh_settings(shared: &Shared, image: &Image, topic: &HostedTopic) {
    let settings = settings_of(shared, image, &topic.name);
    topic.change_settings(&Arc::new(settings));
}

/// Takes a deleted topic out of service and its files out of the way.
pub(crate) fn drop_topic(shared: &Shared, id: Uuid) {
    let Some(topic) = shared.partitions.remove(id) else { return };
    shared.metrics.forget_topic(&topic.name);
    let due_ms = now_ms().saturating_add(topic.settings().log.file_delete_delay_ms);
    for partition in topic.partitions() {
        partition.retire();
        match shared.log_dir.delete_partition(&partition.topic_partition, new_id()) {
            Ok(name) => shared.deleted_dirs.add(due_ms, name),
            Err(error) => {
                let at = &partition.topic_partition;
                tracing::error!("partition {at} cannot be deleted: {error}");
            }
        }
    }
}

/// Removes the files of partitions that were deleted long enough ago.
pub(crate) fn remove_deleted(shared: &Shared, now_ms: i64) {
    for name in shared.deleted_dirs.take_due(now_ms) {
        if let Err(error) = shared.log_dir.remove_deleted(&name) {
            tracing::error!("files of a deleted partition cannot be removed: {error}");
        }
    }
}

/// Finds the partitions whose files a stop came too early to remove.
fn find_deleted(shared: &Shared) {
    match shared.log_dir.deleted_partitions() {
        Ok(names) => names.into_iter().for_each(|name| shared.deleted_dirs.add(0, name)),
        Err(error) => tracing::error!("deleted partitions cannot be listed: {error}"),
    }
}

/// Renames directories that look like partitions and belong to no topic: a new topic of that name
/// must not find them in its way, and nobody knows whether they are still wanted.
fn set_strays_aside(shared: &Shared, image: &Image) {
    let Ok(found) = shared.log_dir.partitions() else { return };
    let is_known = |at: &TopicPartition| {
        let topic = image.topic(&at.topic);
        *at.topic == *TopicName::CLUSTER_METADATA
            || topic.is_some_and(|topic| topic.partition(at.partition).is_some())
    };
    for stray in found.iter().filter(|at| !is_known(at)) {
        let from = shared.data_dir.join(stray.to_string());
        let unique = u128::from_be_bytes(new_id().0);
        let to = shared.data_dir.join(format!("{stray}.{unique:032x}-stray"));
        match std::fs::rename(&from, &to) {
            Ok(()) => tracing::warn!(
                "directory {stray} belongs to no topic; it is kept as {}",
                to.display()
            ),
            Err(error) => tracing::error!("directory {stray} cannot be renamed: {error}"),
        }
    }
}

/// Writes the recovery points, log start offsets and high watermarks.
pub(crate) fn checkpoint(shared: &Shared) -> Result<(), LogError> {
    let mut checkpoints = Checkpoints::default();
    for partition in shared.partitions.all() {
        let at = &partition.topic_partition;
        partition.with_log(|log| {
            checkpoints.recovery_points.insert(at.clone(), log.recovery_point());
            checkpoints.high_watermarks.insert(at.clone(), log.log_end_offset());
            if log.log_start_offset() > Offset::ZERO {
                checkpoints.log_start_offsets.insert(at.clone(), log.log_start_offset());
            }
        });
    }
    shared.log_dir.write_checkpoints(&checkpoints)
}

/// Syncs and closes every log and says that all is in order.
pub(crate) fn close(shared: &Shared) -> Result<(), LogError> {
    let mut first_failure = None;
    for partition in shared.partitions.all() {
        let closed = partition.with_log(|log| log.close(now_ms()));
        if let Err(error) = closed {
            tracing::error!(partition = %partition.topic_partition, "cannot be closed: {error}");
            first_failure = first_failure.or(Some(error));
        }
    }
    checkpoint(shared)?;
    if let Some(error) = first_failure {
        // Without the mark the next start looks at every log again, which is right.
        return Err(error);
    }
    let image = shared.image();
    let broker_epoch = image.broker(shared.broker_id).map_or(-1, |it| it.broker_epoch);
    shared.log_dir.mark_clean_shutdown(broker_epoch)
}

/// The error of a path that is not there, for those who have only a sentence.
pub(crate) fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
