//! Moves of replicas from one data directory of this broker to another.
//!
//! A move copies the log while the partition goes on, and ends under the partition's lock: the rest
//! is copied and synced, the copy takes the partition's name, the old directory is set aside, and
//! the partition goes on with the copy. A copy that a stop interrupted is gone on with after the
//! next start.
//! Kafka: `ReplicaAlterLogDirsThread`, `Partition.maybeReplaceCurrentWithFutureReplica`.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use ottla_config::keys;
use ottla_log::{Dir, Log, LogError, OpenOptions};
use ottla_types::{Offset, TopicIdPartition, TopicPartition};

use crate::{
    broker::Shared, clock::now_ms, inventory::Inventory, log_dirs::DataDir, partition::Partition,
    random::new_id, storage, throttle::Throttle,
};

/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Steps that may go wrong in a row before a move is given up.
const FAILURES_MAX: u32 = 10;

/// The copy of a partition in the directory that it is to move to.
#[derive(Debug)]
pub(crate) struct Move {
    partition: Arc<Partition>,
    /// Where to.
    pub(crate) target: Arc<DataDir>,
    /// The name of the copy's directory.
    name: String,
    /// Steps in a row that went wrong.
    failures: AtomicU32,
    /// None once the move has ended. Whoever holds this lock may take the partition's, not the
    /// other way round.
    log: Mutex<Option<Log>>,
}

impl Drop for Move {
    fn drop(&mut self) {
        self.partition.cleaning.release();
    }
}

impl Move {
    /// The partition on its way.
    pub(crate) fn at(&self) -> &TopicPartition {
        &self.partition.topic_partition
    }

    /// Bytes of the copy and the offset after its last record; `None` once the move has ended.
    pub(crate) fn progress(&self) -> Option<(u64, Offset)> {
        let log = self.lock();
        let log = log.as_ref()?;
        Some((log.size_bytes().unwrap_or(0), log.log_end_offset()))
    }

    /// Whether the copy could not be written or synced.
    fn has_failed(&self) -> bool {
        self.lock().as_ref().is_some_and(|log| log.failure().is_some())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Log>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All moves, and the threads that do them.
#[derive(Debug)]
pub(crate) struct Moves {
    state: Mutex<State>,
    work: Condvar,
    throttle: Throttle,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Arc<Move>>,
    /// Those of which a thread does a step now.
    under_way: Vec<Arc<Move>>,
    is_stopping: bool,
}

/// What came of a look at a move.
enum Step {
    /// So many bytes were copied, and there may be more.
    More(u64),
    /// The copy has everything, for now.
    CaughtUp,
    /// The move was cancelled.
    Gone,
}

impl Moves {
    /// None yet.
    pub(crate) fn new() -> Self {
        let throttle = Throttle::new(Instant::now());
        Self { state: Mutex::default(), work: Condvar::new(), throttle }
    }

    /// The moves that have not ended.
    pub(crate) fn all(&self) -> Vec<Arc<Move>> {
        self.state().queue.iter().cloned().collect()
    }

    /// The move of a partition.
    pub(crate) fn find(&self, at: &TopicPartition) -> Option<Arc<Move>> {
        self.state().queue.iter().find(|one| one.at() == at).cloned()
    }

    /// Begins to move a partition. It must not be on its way already.
    pub(crate) fn begin(
        &self,
        shared: &Shared,
        partition: &Arc<Partition>,
        target: &Arc<DataDir>,
    ) -> Result<(), LogError> {
        let at = &partition.topic_partition;
        let Some(log_dir) = target.log_dir() else {
            return Err(LogError::Failed("the directory is offline".into()));
        };
        if log_dir.has_checkpoint(at) {
            // Of when it lay there before, or of a deleted topic of the same name: not of the copy.
            storage::checkpoint(shared);
        }
        if !shared.cleaners.forget_older(shared, at, target) {
            return Err(LogError::Failed("an old line of its cannot be removed now".into()));
        }
        let (name, dir) = log_dir.future_dir(at, new_id());
        let log = Log::open(dir, options(shared, partition))?;
        self.add(partition, target, (name, log));
        Ok(())
    }

    /// Goes on with the copies that the last stop interrupted. Those of what is gone are removed.
    pub(crate) fn resume(&self, shared: &Shared, inventory: &Inventory) {
        for future in &inventory.futures {
            let at = &future.at;
            let topic = shared.partitions.topic(&at.topic);
            let partition = topic.as_ref().and_then(|topic| topic.partition(at.partition).ok());
            let Some(log_dir) = future.dir.log_dir() else { continue };
            let is_known = shared.image().topic(&at.topic).is_some();
            let Some(partition) = partition else {
                if !is_known {
                    discard(&future.dir, &future.name, at);
                }
                continue;
            };
            let options = OpenOptions {
                clean_shutdown: log_dir.was_clean(),
                left_by_ottla: log_dir.was_left_by_ottla(),
                ..options(shared, &partition)
            };
            let opened = Log::open(log_dir.named_dir(&future.name), options).and_then(|mut log| {
                // A crash may have taken the end of the partition: what follows it is not its.
                log.truncate_to(partition.with_log(|log| log.log_end_offset()), now_ms())?;
                Ok(log)
            });
            match opened {
                Ok(log) if self.find(at).is_none() => {
                    tracing::info!("the move of {at} to {} goes on", future.dir.path.display());
                    self.add(&partition, &future.dir, (future.name.clone(), log));
                }
                Ok(_) => discard(&future.dir, &future.name, at),
                Err(error) => {
                    tracing::warn!("the move of {at} is given up: {error}");
                    discard(&future.dir, &future.name, at);
                }
            }
        }
    }

    fn add(&self, partition: &Arc<Partition>, target: &Arc<DataDir>, copy: (String, Log)) {
        let (name, log) = copy;
        target.add_replica();
        let (partition, target) = (Arc::clone(partition), Arc::clone(target));
        let (failures, log) = (AtomicU32::new(0), Mutex::new(Some(log)));
        // As long as the move lives: a copy of a log that is cleaned meanwhile would be partly
        // clean.
        partition.cleaning.turn_off();
        let one = Arc::new(Move { partition, target, name, failures, log });
        let mut state = self.state();
        if state.queue.iter().any(|other| other.at() == one.at()) {
            // Two requests at the same time: the first one counts.
            drop(state);
            one.target.remove_replica();
            discard(&one.target, &one.name, one.at());
            return;
        }
        state.queue.push_back(one);
        // One that rests may hear of it as well: all must.
        self.work.notify_all();
    }

    /// Gives up the move of a partition, if it is on its way, and removes the copy.
    pub(crate) fn cancel(&self, at: &TopicPartition) {
        if let Some(one) = self.find(at) {
            self.give_up(&one);
        }
    }

    fn give_up(&self, one: &Arc<Move>) {
        // While the last step is under way this waits for its end.
        let was_under_way = one.lock().take().is_some();
        self.remove(one);
        if was_under_way {
            one.target.remove_replica();
            discard(&one.target, &one.name, one.at());
        }
    }

    /// Lets the next step of a move be done, by whoever comes.
    fn put_back(&self, one: &Arc<Move>) {
        self.state().under_way.retain(|it| !Arc::ptr_eq(it, one));
    }

    fn remove(&self, done: &Arc<Move>) {
        self.state().queue.retain(|one| !Arc::ptr_eq(one, done));
    }

    /// Starts `num.replica.alter.log.dirs.threads`, else one for each directory; they end after
    /// [`Self::stop`].
    pub(crate) fn start(shared: &Arc<Shared>) -> std::io::Result<Vec<JoinHandle<()>>> {
        let wanted = shared.config().get(&keys::NUM_REPLICA_ALTER_LOG_DIRS_THREADS);
        let wanted = wanted.and_then(|count| usize::try_from(count).ok());
        let count = wanted.unwrap_or_else(|| shared.log_dirs.all().len());
        let start = |_| {
            let shared = Arc::clone(shared);
            let thread = std::thread::Builder::new().name("ottla-moves".to_owned());
            thread.spawn(move || {
                while let Some(next) = shared.moves.next() {
                    shared.moves.carry_on(&shared, &next);
                    shared.moves.put_back(&next);
                }
            })
        };
        (0..count.max(1)).map(start).collect()
    }

    /// Lets the threads end after what they are at.
    pub(crate) fn stop(&self) {
        self.state().is_stopping = true;
        self.work.notify_all();
    }

    /// Closes the copies, so that they can be trusted after the next start.
    pub(crate) fn close(&self) {
        self.all().iter().for_each(|one| close(one));
    }

    fn next(&self) -> Option<Arc<Move>> {
        let mut state = self.state();
        loop {
            if state.is_stopping {
                return None;
            }
            let is_free = |one: &&Arc<Move>| !state.under_way.iter().any(|it| Arc::ptr_eq(it, one));
            if let Some(next) = state.queue.iter().find(is_free).cloned() {
                state.under_way.push(Arc::clone(&next));
                return Some(next);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Copies some more; ends the move where the copy has everything.
    fn carry_on(&self, shared: &Arc<Shared>, one: &Arc<Move>) {
        if one.partition.is_retired() {
            self.give_up(one);
            return;
        }
        let source = one.partition.data_dir();
        if one.partition.is_offline() || !source.is_online() || !one.target.is_online() {
            // The copy stays for the next start: it may be all that is left.
            close(one);
            self.remove(one);
            return;
        }
        // A cleaner that was at work when the move began ends first.
        drop(one.partition.cleaning.hold());
        let stepped = copy(one).and_then(|step| match step {
            Step::More(bytes) => {
                self.rest(shared, bytes);
                Ok(false)
            }
            Step::Gone => Ok(true),
            Step::CaughtUp => {
                shared.cleaners.note_copy(shared, one.at(), (&source, &one.target));
                finish(one)
            }
        });
        let failures = one.failures.load(Ordering::Relaxed);
        match stepped {
            Ok(false) => one.failures.store(0, Ordering::Relaxed),
            Ok(true) => {
                self.remove(one);
                record(shared, one, &source);
            }
            // Compaction or retention may have taken a file away before it was opened.
            Err(error) if failures < FAILURES_MAX => {
                one.failures.store(failures + 1, Ordering::Relaxed);
                if one.has_failed() {
                    one.target.fail(&error);
                }
            }
            Err(error) => {
                tracing::error!(
                    "{} cannot be moved to {}: {error}",
                    one.at(),
                    one.target.path.display()
                );
                self.give_up(one);
            }
        }
    }

    /// Waits until what was copied was no faster than
    /// `replica.alter.log.dirs.io.max.bytes.per.second` allows.
    fn rest(&self, shared: &Shared, bytes: u64) {
        let key = &keys::REPLICA_ALTER_LOG_DIRS_IO_MAX_BYTES_PER_SECOND;
        #[expect(clippy::cast_precision_loss, reason = "a speed need not be exact")]
        let allowed = || shared.config().get(key) as f64;
        let _stopping = self.throttle.pace(bytes, allowed, |time| {
            let waited =
                self.work.wait_timeout_while(self.state(), time, |state| !state.is_stopping);
            let state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.is_stopping { Err(()) } else { Ok(()) }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn options(shared: &Shared, partition: &Partition) -> OpenOptions {
    let of_log = |log: &mut Log| (log.topic_id(), log.config().clone(), log.compacted_to());
    let (topic_id, config, compacted_to) = partition.with_log(of_log);
    OpenOptions {
        topic_id,
        config,
        compacted_to,
        producer_expiration_ms: shared.config().get(&keys::PRODUCER_ID_EXPIRATION_MS).into(),
        ..OpenOptions::new(partition.topic_partition.clone(), now_ms())
    }
}

fn close(one: &Move) {
    let closed = one.lock().as_mut().map(|log| log.close(now_ms()));
    if let Some(Err(error)) = closed {
        one.target.fail(&error);
    }
}

/// Removes the copy of a partition.
fn discard(dir: &DataDir, name: &str, at: &TopicPartition) {
    let Some(log_dir) = dir.log_dir() else { return };
    match log_dir.delete_future(name, at, new_id()) {
        Ok(name) => dir.deleted.add(0, name),
        Err(error) => tracing::error!("the copy of {at} cannot be removed: {error}"),
    }
}

/// Copies up to [`COPY_BYTES`].
fn copy(one: &Move) -> Result<Step, LogError> {
    let mut log = one.lock();
    let Some(log) = log.as_mut() else { return Ok(Step::Gone) };
    let (reader, start) = one.partition.with_log(|log| (log.reader(), log.log_start_offset()));
    copy_from(&reader, start, log)
}

/// Copies from a reader of the partition's log, whose first offset is `start`.
fn copy_from(
    reader: &ottla_log::LogReader,
    start: Offset,
    log: &mut Log,
) -> Result<Step, LogError> {
    let end = reader.log_end_offset();
    let from = log.log_end_offset().max(start);
    if from >= end {
        return Ok(Step::CaughtUp);
    }
    let range = reader.read(from, COPY_BYTES, end, true)?;
    if range.is_empty() {
        return Ok(Step::CaughtUp);
    }
    if range.base_offset > log.log_end_offset() && log.log_end_offset() < start {
        // What the copy has was deleted meanwhile.
        log.truncate_fully_and_start_at(range.base_offset, now_ms())?;
    }
    let path = log.dir().path().to_owned();
    let bytes = range.read().map_err(|source| LogError::Io { what: "read for", path, source })?;
    let appended = log.append_as_follower(&bytes, now_ms());
    appended.map_err(|error| LogError::Failed(error.to_string().into()))?;
    Ok(Step::More(bytes.len() as u64))
}

/// Lets the copy take the partition's place. `false` where that cannot be, at present.
fn finish(one: &Move) -> Result<bool, LogError> {
    let mut slot = one.lock();
    // What is synced before the partition is locked does not hold it up.
    if let Some(log) = slot.as_mut() {
        log.sync(now_ms())?;
    }
    one.partition.replace_log(&one.target, |old, old_dir| {
        let Some(log) = slot.as_mut() else { return Ok(None) };
        while let Step::More(_) = copy_from(&old.reader(), old.log_start_offset(), log)? {}
        if log.log_end_offset() < old.log_start_offset() {
            log.truncate_fully_and_start_at(old.log_end_offset(), now_ms())?;
        }
        if log.log_end_offset() != old.log_end_offset() {
            return Err(LogError::Failed("the copy does not end where the log does".into()));
        }
        log.delete_records_before(old.log_start_offset())?;
        log.set_config(old.config().clone());
        log.set_compacted_to(old.compacted_to());
        log.close(now_ms())?;
        let dir = exchange(one, old_dir, old.config().file_delete_delay_ms)?;
        old_dir.remove_replica();
        log.relocate(dir);
        Ok(slot.take())
    })
}

/// Lets the copy have the partition's name, and then sets the partition's directory aside. In
/// between both have it: a start then takes the one that is recorded, which has everything. If the
/// copy cannot have the name, nothing has changed; if the other directory cannot be set aside, it
/// has failed, and the partition is where it was to go.
fn exchange(one: &Move, old_dir: &DataDir, delay_ms: i64) -> Result<Arc<dyn Dir>, LogError> {
    let at = one.at();
    let (Some(source), Some(target)) = (old_dir.log_dir(), one.target.log_dir()) else {
        return Err(LogError::Failed("a directory has failed".into()));
    };
    if let Err(error) = target.promote(&one.name, at) {
        if !error.is_name_taken() {
            one.target.note(&error);
        }
        return Err(error);
    }
    match source.delete_partition(at, new_id()) {
        Ok(aside) => old_dir.deleted.add(now_ms().saturating_add(delay_ms), aside),
        Err(error) => old_dir.fail(&error),
    }
    Ok(target.partition_dir(at))
}

/// Tells the cluster where the replica is now.
fn record(shared: &Arc<Shared>, one: &Move, source: &DataDir) {
    let (at, target) = (one.at(), &one.target);
    let Some(topic) = shared.partitions.topic(&at.topic) else { return };
    if one.partition.data_dir().id != target.id {
        return;
    }
    tracing::info!("{at} is in {} now", target.path.display());
    shared.cleaners.note_moved(shared, at, (source, target));
    let moved = TopicIdPartition { topic_id: topic.id, partition: at.partition };
    shared.record_directories(vec![(moved, target.id)]);
}
