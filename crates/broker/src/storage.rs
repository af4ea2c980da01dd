//! The logs in the data directories: opened at the start, made and dropped with their topics,
//! closed at the stop.
//!
//! Invariant: a partition whose log may lie in a directory that does not work is offline; it is not
//! made anew elsewhere, where it would be empty. Kafka: `LogManager`,
//! `Partition.createLogIfNotExists`.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use ottla_config::{Properties, TopicConfig, keys};
use ottla_log::{Checkpoints, Log, LogError, OpenOptions};
use ottla_metadata::{Image, Topic};
use ottla_types::{LeaderEpoch, Offset, TopicIdPartition, TopicName, TopicPartition, Uuid};

use crate::{
    broker::Shared,
    clock::now_ms,
    inventory::{Inventory, keep_as_stray},
    journal::Event,
    log_dirs::DataDir,
    metadata_log,
    partition::Partition,
    partitions::{HostedTopic, Replica},
    random::new_id,
    settings::TopicSettings,
};

/// A log to be opened, and whose it is.
struct Work {
    /// Which topic, and which of its partitions, by place.
    place: (usize, usize),
    at: TopicPartition,
    topic_id: Uuid,
    leader_epoch: LeaderEpoch,
    settings: Arc<TopicSettings>,
    dir: Arc<DataDir>,
    /// False for a new partition: what a directory remembers by its name is of a deleted topic.
    was_anywhere: bool,
}

/// Opens the log of every partition in the image, several at a time per directory. Gives the
/// replicas that are in another directory than is recorded: those that were nowhere with the one
/// they are in now, those that cannot be opened with [`Uuid::LOST_DIR`].
pub(crate) fn open_partitions(
    shared: &Arc<Shared>,
    inventory: &mut Inventory,
) -> Vec<(TopicIdPartition, Uuid)> {
    let image = shared.image();
    let topics: Vec<&Arc<Topic>> = image.topics().collect();
    let mut queues: HashMap<Uuid, VecDeque<Work>> = HashMap::new();
    let mut replicas: Vec<Vec<Replica>> = Vec::new();
    let mut settings = Vec::new();
    let mut unrecorded = Vec::new();
    for (place, topic) in topics.iter().enumerate() {
        let of_topic = Arc::new(settings_of(shared, &image, &topic.name));
        let mut of_partitions = Vec::new();
        for (number, (index, state)) in topic.partitions().enumerate() {
            let at = TopicPartition::new(topic.name.clone(), index);
            let recorded = state.directory(shared.broker_id);
            let found = inventory.place(&at).cloned();
            let is_lost = found.is_none();
            of_partitions.push(Replica::Offline { dir: None });
            let Some(dir) = found.or_else(|| place_for_lost(shared, inventory, &at, recorded))
            else {
                continue;
            };
            if is_lost && dir.id != recorded {
                let target = TopicIdPartition { topic_id: topic.id, partition: index };
                unrecorded.push((target, dir.id));
            }
            dir.add_replica();
            queues.entry(dir.id).or_default().push_back(Work {
                place: (place, number),
                at,
                topic_id: topic.id,
                leader_epoch: state.leader_epoch,
                settings: Arc::clone(&of_topic),
                dir,
                was_anywhere: !(is_lost && recorded.is_unknown_dir()),
            });
        }
        settings.push(of_topic);
        replicas.push(of_partitions);
    }
    let opened = open_all(shared, queues, inventory);
    sync_recovered(&opened);
    let mut wants_written_ahead = still_written_ahead(&opened);
    for ((topic, partition), replica) in opened {
        if let Some(topic) = topics.get(topic)
            && is_lost(&replica)
        {
            let partition = i32::try_from(partition).unwrap_or(i32::MAX);
            if let Replica::Offline { dir: Some(dir) } = &replica
                && !inventory.written_ahead(dir, (topic.id, partition)).is_empty()
            {
                wants_written_ahead.insert(dir.id);
            }
            unrecorded.push((TopicIdPartition { topic_id: topic.id, partition }, Uuid::LOST_DIR));
        }
        let slot = replicas.get_mut(topic).and_then(|topic| topic.get_mut(partition));
        if let Some(slot) = slot {
            *slot = replica;
        }
    }
    for dir in shared.log_dirs.online() {
        let is_wanted = wants_written_ahead.contains(&dir.id);
        dir.take_over(inventory.take_written_ahead(dir), is_wanted);
    }
    for ((topic, replicas), settings) in topics.iter().zip(replicas).zip(settings) {
        let bytes_in = shared.metrics.topic_bytes_in(&topic.name);
        let hosted = HostedTopic::new(topic.name.clone(), topic.id, replicas, settings, bytes_in);
        shared.partitions.insert(Arc::new(hosted));
    }
    unrecorded
}

/// Whether a log cannot be opened though its directory works.
fn is_lost(replica: &Replica) -> bool {
    matches!(replica, Replica::Offline { dir: Some(dir) } if dir.is_online())
}

/// Where to make the log of a partition that is in no directory; `None` where it may be in one
/// that does not work or is not there.
fn place_for_lost(
    shared: &Shared,
    inventory: &Inventory,
    at: &TopicPartition,
    recorded: Uuid,
) -> Option<Arc<DataDir>> {
    let dirs = &shared.log_dirs;
    if inventory.may_be_elsewhere(at) {
        tracing::error!(
            partition = %at,
            "the partition is offline: it was moved away, and not every directory of log.dirs works"
        );
        return None;
    }
    if let Some(dir) = dirs.with_id(recorded) {
        return Some(Arc::clone(dir));
    }
    if recorded == Uuid::LOST_DIR
        && let Some(dir) = dirs.online().find(|dir| inventory.remembers(dir, at))
    {
        // There it is missed: another directory would know nothing of it and make it anew.
        return Some(Arc::clone(dir));
    }
    if (recorded.is_unknown_dir() || recorded == Uuid::LOST_DIR) && !dirs.has_offline() {
        return dirs.emptiest(&shared.config());
    }
    tracing::error!(
        partition = %at,
        directory = %recorded,
        "the partition is offline: its log directory does not work, or is not in log.dirs"
    );
    None
}

/// Opens the logs, with `num.recovery.threads.per.data.dir` threads for each directory.
fn open_all(
    shared: &Arc<Shared>,
    queues: HashMap<Uuid, VecDeque<Work>>,
    inventory: &Inventory,
) -> Vec<((usize, usize), Replica)> {
    let threads = shared.config().get(&keys::NUM_RECOVERY_THREADS_PER_DATA_DIR);
    let queues: Vec<Mutex<VecDeque<Work>>> = queues.into_values().map(Mutex::new).collect();
    let next = |queue: &Mutex<VecDeque<Work>>| {
        queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    };
    let run = |queue: &Mutex<VecDeque<Work>>| {
        let mut done = Vec::new();
        while let Some(work) = next(queue) {
            let checkpoints = inventory.checkpoints(&work.dir).filter(|_| work.was_anywhere);
            let known = checkpoints.map(|checkpoints| Known {
                checkpoints,
                compacted_to: inventory.compacted_to(&work.dir, &work.at),
                written_ahead: inventory
                    .written_ahead(&work.dir, (work.topic_id, work.at.partition)),
            });
            done.push((work.place, open_replica(shared, &work, known)));
        }
        done
    };
    if let ([only], 1) = (queues.as_slice(), threads) {
        return run(only);
    }
    std::thread::scope(|scope| {
        let started: Vec<_> = queues
            .iter()
            .flat_map(|queue| (0..threads).map(move |_| queue))
            .map(|queue| scope.spawn(|| run(queue)))
            .collect();
        started.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    })
}

/// Syncs what a crashed broker left in the page cache. Consumers will read it like the rest, and
/// then it must not go with the power: what they committed would lie behind the end of the log.
fn sync_recovered(opened: &[((usize, usize), Replica)]) {
    let mut owing: HashMap<Uuid, (Arc<DataDir>, Vec<Arc<Partition>>)> = HashMap::new();
    for (_, replica) in opened {
        let Replica::Open(partition) = replica else { continue };
        if partition.owes_sync() || partition.with_log(|log| log.is_written_ahead()) {
            let dir = partition.data_dir();
            let of_dir = owing.entry(dir.id).or_insert_with(|| (dir, Vec::new()));
            of_dir.1.push(Arc::clone(partition));
        }
    }
    for (dir, partitions) in owing.into_values() {
        dir.sync_now(&partitions);
    }
}

/// The directories in which a log still has something that is only written ahead.
fn still_written_ahead(opened: &[((usize, usize), Replica)]) -> HashSet<Uuid> {
    let open = opened.iter().filter_map(|(_, replica)| replica.online());
    let still = open.filter(|partition| partition.with_log(|log| log.is_written_ahead()));
    still.map(|partition| partition.data_dir().id).collect()
}

/// What is known of a log from before the last stop.
#[derive(Clone, Copy)]
struct Known<'a> {
    /// Those of its directory.
    checkpoints: &'a Checkpoints,
    /// Up to where it was compacted, exclusive.
    compacted_to: Offset,
    /// What was written ahead of it.
    written_ahead: &'a [Bytes],
}

/// Makes the log of a partition that is new, once nothing is noted about its name any more.
fn make_replica(shared: &Shared, work: &Work) -> Replica {
    let Work { at, dir, .. } = work;
    if dir.log_dir().is_some_and(|log_dir| log_dir.has_checkpoint(at)) {
        // Of a topic of the same name that was deleted a moment ago.
        checkpoint(shared);
    }
    if shared.cleaners.forget_older(shared, at, dir) {
        return open_replica(shared, work, None);
    }
    // There is no room to write that down; the controller tries again.
    shared.partitions.set_waiting(true);
    Replica::Waiting { dir: Arc::clone(dir) }
}

/// Opens one log. Where that fails only its partition is offline, unless the directory takes no
/// writes.
fn open_replica(shared: &Shared, work: &Work, known: Option<Known<'_>>) -> Replica {
    let mut opened = open_log(shared, work, known);
    if let Err(error @ LogError::InconsistentTopicId { .. }) = &opened {
        keep_as_stray(&work.dir, &work.at, &error.to_string());
        opened = open_log(shared, work, None);
    }
    match opened {
        Ok(Some(log)) => {
            let leader = (shared.broker_id, work.leader_epoch);
            let (at, dir) = (work.at.clone(), Arc::clone(&work.dir));
            let partition = Partition::new(at, log, leader, &work.settings, dir);
            Replica::Open(Arc::new(partition))
        }
        Ok(None) => Replica::Offline { dir: Some(Arc::clone(&work.dir)) },
        Err(error) if error.is_full() && known.is_none() => {
            work.dir.note_full(&error);
            shared.partitions.set_waiting(true);
            Replica::Waiting { dir: Arc::clone(&work.dir) }
        }
        Err(error) => {
            tracing::error!(partition = %work.at, "the partition is offline: {error}");
            if known.is_none() && error.is_refused_change() {
                // Of a new one, which had nothing that could be wrong.
                work.dir.fail(&error);
            }
            if let Some(log_dir) = work.dir.log_dir() {
                log_dir.keep_checkpoints(&work.at);
            }
            Replica::Offline { dir: Some(Arc::clone(&work.dir)) }
        }
    }
}

/// `None` where the directory has failed.
fn open_log(
    shared: &Shared,
    work: &Work,
    known: Option<Known<'_>>,
) -> Result<Option<Log>, LogError> {
    let Some(log_dir) = work.dir.log_dir() else { return Ok(None) };
    let remembered = |offsets: fn(&Checkpoints) -> &std::collections::BTreeMap<_, Offset>| {
        known
            .and_then(|known| offsets(known.checkpoints).get(&work.at))
            .copied()
            .unwrap_or_default()
    };
    let options = OpenOptions {
        topic_id: work.topic_id,
        config: work.settings.log.clone(),
        recovery_point: remembered(|all| &all.recovery_points),
        log_start_offset: remembered(|all| &all.log_start_offsets),
        compacted_to: known.map_or(Offset::ZERO, |known| known.compacted_to),
        clean_shutdown: log_dir.was_clean(),
        left_by_ottla: log_dir.was_left_by_ottla(),
        written_ahead: known.map_or_else(Vec::new, |known| known.written_ahead.to_vec()),
        producer_expiration_ms: shared.config().get(&keys::PRODUCER_ID_EXPIRATION_MS).into(),
        ..OpenOptions::new(work.at.clone(), now_ms())
    };
    Log::open(log_dir.partition_dir(&work.at), options).map(Some)
}

/// Creates the logs of a topic, or those that are new. Gives the replicas that are in another
/// directory than the image says, with that directory; it is [`Uuid::LOST_DIR`] for those that
/// cannot be opened.
pub(crate) fn host_topic(
    shared: &Arc<Shared>,
    image: &Image,
    topic: &Topic,
) -> Vec<(TopicIdPartition, Uuid)> {
    let settings = Arc::new(settings_of(shared, image, &topic.name));
    let known = shared.partitions.topic_by_id(topic.id);
    let mut replicas = Vec::new();
    let mut unrecorded = Vec::new();
    for (index, state) in topic.partitions() {
        let mut waits_in = None;
        match known.as_ref().and_then(|known| known.replica(index)) {
            Some(Replica::Waiting { dir }) => waits_in = Some(Arc::clone(dir)),
            Some(replica) => {
                if state.leader == shared.broker_id
                    && let Some(partition) = replica.online()
                    && partition.lead(shared.broker_id, state.leader_epoch)
                {
                    shared.journal.put(leader_changed(topic, index, state.leader_epoch));
                }
                if is_lost(replica) && state.directory(shared.broker_id) != Uuid::LOST_DIR {
                    let target = TopicIdPartition { topic_id: topic.id, partition: index };
                    unrecorded.push((target, Uuid::LOST_DIR));
                }
                replicas.push(replica.clone());
                continue;
            }
            None => {}
        }
        let is_new = waits_in.is_none();
        let recorded = state.directory(shared.broker_id);
        let at = TopicPartition::new(topic.name.clone(), index);
        let dir = waits_in
            .or_else(|| shared.log_dirs.take_preferred(&at))
            .or_else(|| shared.log_dirs.with_id(recorded).cloned())
            .or_else(|| shared.log_dirs.emptiest(&shared.config()));
        let Some(dir) = dir else {
            tracing::error!(partition = %at, "the partition is offline: no directory works");
            replicas.push(Replica::Offline { dir: None });
            continue;
        };
        if is_new {
            dir.add_replica();
        }
        let id = dir.id;
        let work = Work {
            place: (0, 0),
            at,
            topic_id: topic.id,
            leader_epoch: state.leader_epoch,
            settings: Arc::clone(&settings),
            dir,
            was_anywhere: false,
        };
        let replica = make_replica(shared, &work);
        let found_in = if is_lost(&replica) { Uuid::LOST_DIR } else { id };
        if found_in != recorded {
            let target = TopicIdPartition { topic_id: topic.id, partition: index };
            unrecorded.push((target, found_in));
        }
        replicas.push(replica);
    }
    let bytes_in = shared.metrics.topic_bytes_in(&topic.name);
    let hosted = HostedTopic::new(topic.name.clone(), topic.id, replicas, settings, bytes_in);
    shared.partitions.insert(Arc::new(hosted));
    note_hosted(shared, topic, known.map_or(0, |known| known.replicas().len()));
    unrecorded
}

/// Writes into the journal that a topic is there, or has more partitions than `before`.
fn note_hosted(shared: &Shared, topic: &Topic, before: usize) {
    let count = topic.partitions().len();
    let event = if before == 0 {
        Event::new("topic.created").topic(&topic.name).with("partitions", count)
    } else if count > before {
        let event = Event::new("topic.partitions").topic(&topic.name);
        event.with("from", before).with("partitions", count)
    } else {
        return;
    };
    shared.journal.put(event);
}

/// The event that a partition is led anew, by this broker.
fn leader_changed(topic: &Topic, partition: i32, epoch: LeaderEpoch) -> Event {
    let event = Event::new("leader.changed").partition(&topic.name, partition);
    event.with("leaderEpoch", epoch)
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
    shared.journal.put(Event::new("topic.config").topic(&topic.name));
}

/// Takes a deleted topic out of service and its files out of the way. Files in a directory that
/// does not work stay; when it works again they belong to no topic.
pub(crate) fn drop_topic(shared: &Shared, id: Uuid) {
    let Some(topic) = shared.partitions.remove(id) else { return };
    shared.metrics.forget_topic(&topic.name);
    shared.journal.put(Event::new("topic.deleted").topic(&topic.name));
    let due_ms = now_ms().saturating_add(topic.settings().log.file_delete_delay_ms);
    for (index, replica) in (0..).zip(topic.replicas()) {
        let at = TopicPartition::new(topic.name.clone(), index);
        let dir = match replica {
            Replica::Open(partition) => {
                partition.retire();
                partition.data_dir()
            }
            Replica::Waiting { dir } | Replica::Offline { dir: Some(dir) } => Arc::clone(dir),
            Replica::Offline { dir: None } => continue,
        };
        shared.moves.cancel(&at);
        shared.cleaners.forget(shared, &at, &dir);
        dir.remove_replica();
        let Some(log_dir) = dir.log_dir() else { continue };
        match log_dir.delete_partition(&at, new_id()) {
            Ok(name) => dir.deleted.add(due_ms, name),
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                tracing::error!("partition {at} cannot be deleted: {error}");
                dir.note(&error);
            }
        }
    }
}

/// Removes the files of partitions that were deleted long enough ago.
pub(crate) fn remove_deleted(shared: &Shared, now_ms: i64) {
    for dir in shared.log_dirs.online() {
        let Some(log_dir) = dir.log_dir() else { continue };
        for name in dir.deleted.take_due(now_ms) {
            if let Err(error) = log_dir.remove_deleted(&name) {
                tracing::error!("files of a deleted partition cannot be removed: {error}");
            }
        }
    }
}

/// Writes the recovery points, log start offsets and high watermarks of every directory.
pub(crate) fn checkpoint(shared: &Shared) {
    let mut by_dir: HashMap<Uuid, Checkpoints> = HashMap::new();
    for partition in shared.partitions.all() {
        let checkpoints = by_dir.entry(partition.data_dir().id).or_default();
        let at = &partition.topic_partition;
        partition.with_log(|log| {
            checkpoints.recovery_points.insert(at.clone(), log.recovery_point());
            checkpoints.high_watermarks.insert(at.clone(), log.log_end_offset());
            if log.log_start_offset() > Offset::ZERO {
                checkpoints.log_start_offsets.insert(at.clone(), log.log_start_offset());
            }
        });
    }
    if let Ok(at) = metadata_log::topic_partition() {
        let checkpoints = by_dir.entry(shared.log_dirs.metadata().id).or_default();
        checkpoints.recovery_points.insert(at, shared.controller.recovery_point());
    }
    for dir in shared.log_dirs.every() {
        let Some(log_dir) = dir.log_dir() else { continue };
        let checkpoints = by_dir.remove(&dir.id).unwrap_or_default();
        if let Err(error) = log_dir.write_checkpoints(&checkpoints) {
            dir.note(&error);
        }
    }
}

/// Logs that are closed together: with each some files may be open.
const CLOSED_AT_ONCE: usize = 256;

/// Syncs and closes every log and says of each directory that all is in order, where it is.
pub(crate) fn close(shared: &Shared) -> Result<(), LogError> {
    let mut first_failure = None;
    let mut by_dir: HashMap<Uuid, Vec<Arc<Partition>>> = HashMap::new();
    for partition in shared.partitions.all() {
        by_dir.entry(partition.data_dir().id).or_default().push(partition);
    }
    for dir in shared.log_dirs.all() {
        let partitions = by_dir.remove(&dir.id).unwrap_or_default();
        for some in partitions.chunks(CLOSED_AT_ONCE).take_while(|_| dir.is_online()) {
            if let Err(error) = close_together(dir, some) {
                // Without the mark the next start looks at every log there again, which is right.
                dir.fail(&error);
                first_failure = first_failure.or(Some(error));
            }
        }
        if dir.is_online()
            && let Err(error) = dir.empty_write_ahead()
        {
            dir.fail(&error);
        }
    }
    shared.moves.close();
    checkpoint(shared);
    let image = shared.image();
    let broker_epoch = image.broker(shared.broker_id).map_or(-1, |it| it.broker_epoch);
    for dir in shared.log_dirs.every() {
        let Some(log_dir) = dir.log_dir().filter(|_| !dir.keeps_written_ahead()) else { continue };
        if !log_dir.was_clean() && has_unopened(shared, dir) {
            // It lies there as the crash has left it, and not in order.
            continue;
        }
        if let Err(error) = log_dir.mark_clean_shutdown(broker_epoch) {
            first_failure = first_failure.or(Some(error));
        }
    }
    first_failure.map_or(Ok(()), Err)
}

/// Whether a log lies there that could not be opened.
fn has_unopened(shared: &Shared, dir: &DataDir) -> bool {
    let lies_there = |replica: &Replica| match replica {
        Replica::Offline { dir: Some(lies_in) } => lies_in.id == dir.id,
        Replica::Offline { dir: None } | Replica::Open(_) | Replica::Waiting { .. } => false,
    };
    shared.partitions.topics().iter().any(|topic| topic.replicas().iter().any(lies_there))
}

/// Closes logs of one directory with few syncs of its file system.
fn close_together(dir: &DataDir, partitions: &[Arc<Partition>]) -> Result<(), LogError> {
    let failed = |source| LogError::Io { what: "sync", path: dir.path.clone(), source };
    let mut tasks = Vec::new();
    for partition in partitions {
        let task = partition.with_log(|log| {
            if log.begin_close()? {
                log.begin_file_system_sync(now_ms()).map(Some)
            } else {
                Ok(None)
            }
        })?;
        if let Some(task) = task {
            task.stage().map_err(failed)?;
            tasks.push((partition, task));
        }
    }
    if !tasks.is_empty() {
        dir.sync_file_system().map_err(failed)?;
        let mut is_again = false;
        for (_, task) in &tasks {
            is_again |= task.install().map_err(failed)?;
        }
        if is_again {
            dir.sync_file_system().map_err(failed)?;
        }
    }
    for (partition, task) in &tasks {
        partition.with_log(|log| log.finish_sync(task));
    }
    for partition in partitions {
        partition.with_log(|log| log.close_idle_files());
    }
    Ok(())
}

/// The error of a path that is not there, for those who have only a sentence.
pub(crate) fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
