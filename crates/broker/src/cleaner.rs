//! The threads that compact logs: each takes the dirtiest one that nobody else is at.
//!
//! Invariants: how far a log is clean is noted only once it is so on disk, for the directory it
//! lies in; no directory has a line of a log that another one of the same name is about to replace;
//! a log that cannot be read is left alone until the broker restarts, and others go on.
//! Retention does not wait for a cleaner: where it takes segments away, the cleaner begins anew.
//! Kafka: `LogCleaner`, `LogCleanerManager`.

mod switch;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ottla_config::{ServerConfig, keys};
use ottla_log::{
    CleanError, Cleanable, Cleaner, CleanerOptions, Cleaning, Interrupted, Log, LogError, Pace,
    SharedLog,
};
use ottla_types::{Offset, TopicPartition, Uuid};

pub(crate) use self::switch::CleaningSwitch;
use self::switch::Cleans;
use crate::{
    broker::Shared, clock::now_ms, inventory::Inventory, journal::Event, log_dirs::DataDir,
    partition::Partition, partitions::Replica, throttle::Throttle,
};

/// All cleaners.
#[derive(Debug)]
pub(crate) struct Cleaners {
    state: Mutex<State>,
    wake: Condvar,
    throttle: Throttle,
}

#[derive(Debug, Default)]
struct State {
    is_stopping: bool,
    threads: Vec<JoinHandle<()>>,
    /// Threads that are to go on.
    running: usize,
    in_progress: HashMap<TopicPartition, Arc<Partition>>,
    uncleanable: HashSet<TopicPartition>,
    /// How far each log is clean, exclusive, and in which directory.
    cleaned: HashMap<TopicPartition, (Uuid, Offset)>,
    /// The same of copies that are about to take the place of logs.
    copies: HashMap<TopicPartition, (Uuid, Offset)>,
}

impl State {
    fn start_threads(&mut self, shared: &Arc<Shared>, wanted: usize) {
        while self.running < wanted && !self.is_stopping {
            let number = self.running;
            let shared = Arc::clone(shared);
            let thread = std::thread::Builder::new().name(format!("ottla-cleaner-{number}"));
            match thread.spawn(move || shared.cleaners.run(&shared, number)) {
                Ok(thread) => self.threads.push(thread),
                Err(error) => {
                    tracing::error!("logs are not compacted: no thread can be started: {error}");
                    return;
                }
            }
            self.running += 1;
        }
    }
}

/// The configuration, which may change while the broker runs.
#[derive(Clone, Copy, Debug)]
struct Settings {
    threads: usize,
    options: CleanerOptions,
    backoff: Duration,
}

impl Settings {
    fn read(config: &ServerConfig) -> Self {
        let threads = usize::try_from(config.get(&keys::LOG_CLEANER_THREADS)).unwrap_or(0);
        let size = |bytes: i64| usize::try_from(bytes).unwrap_or(0) / threads.max(1);
        Self {
            threads: if config.get(&keys::LOG_CLEANER_ENABLE) { threads } else { 0 },
            options: CleanerOptions {
                dedupe_bytes: size(config.get(&keys::LOG_CLEANER_DEDUPE_BUFFER_SIZE)),
                load_factor: config.get(&keys::LOG_CLEANER_IO_BUFFER_LOAD_FACTOR),
                io_bytes: size(config.get(&keys::LOG_CLEANER_IO_BUFFER_SIZE).into()),
            },
            backoff: Duration::from_millis(
                u64::try_from(config.get(&keys::LOG_CLEANER_BACKOFF_MS)).unwrap_or(0).max(1),
            ),
        }
    }
}

/// A log that is to be cleaned.
#[derive(Debug)]
struct Job {
    partition: Arc<Partition>,
    dir: Arc<DataDir>,
    cleanable: Cleanable,
}

impl SharedLog for Partition {
    fn with<T>(&self, run: impl FnOnce(&mut Log) -> T) -> T {
        self.with_log(run)
    }
}

/// Rests where the cleaners are too fast, until another speed is allowed, and stops where somebody
/// wants the partition's files.
struct Paced<'a> {
    throttle: &'a Throttle,
    shared: &'a Shared,
    cleans: &'a Cleans<'a>,
}

impl Pace for Paced<'_> {
    fn moved(&mut self, bytes: u64) -> Result<(), Interrupted> {
        let key = &keys::LOG_CLEANER_IO_MAX_BYTES_PER_SECOND;
        let allowed = || self.shared.config().get(key);
        self.throttle.pace(bytes, allowed, |time| self.cleans.rest(time))
    }
}

impl Cleaners {
    /// No thread runs yet.
    pub(crate) fn new() -> Self {
        let throttle = Throttle::new(Instant::now());
        Self { state: Mutex::default(), wake: Condvar::new(), throttle }
    }

    /// Takes over how far the logs are clean, and starts the threads. They end after
    /// [`Self::stop`].
    pub(crate) fn start(&self, shared: &Arc<Shared>, inventory: &Inventory) {
        let mut state = self.lock();
        for (id, at, to) in inventory.compacted() {
            let Some(topic) = shared.partitions.topic(&at.topic) else { continue };
            let is_there = match topic.replica(at.partition) {
                Some(Replica::Open(partition)) => partition.data_dir().id == id,
                // It may be repaired.
                Some(Replica::Offline { dir: Some(dir) }) => dir.id == id,
                Some(Replica::Offline { dir: None } | Replica::Waiting { .. }) | None => false,
            };
            // What is appended after a lost end is not clean.
            let open = topic.replica(at.partition).and_then(Replica::online);
            let to = open.map_or(to, |open| to.min(open.with_log(|log| log.log_end_offset())));
            if is_there && to > Offset::ZERO {
                state.cleaned.insert(at.clone(), (id, to));
            }
        }
        // The other lines go: later they would be taken for those of others.
        for dir in shared.log_dirs.online() {
            write(shared, &state, dir);
        }
        state.start_threads(shared, Settings::read(&shared.config()).threads);
    }

    /// Ends the threads, and what they are at.
    pub(crate) fn stop(&self) {
        let threads = {
            let mut state = self.lock();
            state.is_stopping = true;
            for partition in state.in_progress.values() {
                partition.cleaning.turn_off();
            }
            std::mem::take(&mut state.threads)
        };
        self.wake.notify_all();
        for thread in threads {
            drop(thread.join());
        }
    }

    /// Forgets a partition whose topic is deleted: a new one of that name was never cleaned.
    pub(crate) fn forget(&self, shared: &Shared, at: &TopicPartition, dir: &DataDir) {
        {
            let mut state = self.lock();
            state.uncleanable.remove(at);
            state.cleaned.remove(at);
        }
        // Where there is no room now, whoever is to get the name tries again.
        let _is_written = self.forget_older(shared, at, dir);
    }

    /// Forgets what is noted in a directory about a partition that is about to be made there, or to
    /// move there: of a deleted topic of the same name, or of when it lay there before. `false`
    /// where that cannot be written now, so that a restart would take it for what the partition is.
    pub(crate) fn forget_older(&self, shared: &Shared, at: &TopicPartition, dir: &DataDir) -> bool {
        let has_line = || dir.log_dir().is_some_and(|it| it.cleaner_offset(at).is_some());
        let mut state = self.lock();
        state.copies.remove(at);
        if state.cleaned.get(at).is_some_and(|(noted_in, _)| *noted_in == dir.id) {
            state.cleaned.remove(at);
        }
        if has_line() {
            write(shared, &state, dir);
        }
        !has_line()
    }

    /// Partitions that are left alone because they cannot be read.
    pub(crate) fn uncleanable(&self) -> usize {
        self.lock().uncleanable.len()
    }

    fn run(&self, shared: &Arc<Shared>, number: usize) {
        loop {
            let settings = Settings::read(&shared.config());
            if self.ends(shared, number, settings.threads) {
                return;
            }
            let job = if settings.threads > 0 { self.pick(shared) } else { None };
            match job {
                Some(job) => self.clean(shared, &job, &settings),
                None => self.pause(settings.backoff),
            }
        }
    }

    /// Whether this thread has nothing more to do. The first one sees to it that there are others.
    fn ends(&self, shared: &Arc<Shared>, number: usize, wanted: usize) -> bool {
        let mut state = self.lock();
        if state.is_stopping {
            return true;
        }
        // The last one to be started goes first, so that the others keep their numbers.
        if number >= wanted.max(1) && number + 1 == state.running {
            state.running -= 1;
            return true;
        }
        if number == 0 {
            state.start_threads(shared, wanted);
        }
        false
    }

    fn pause(&self, backoff: Duration) {
        let waited = self.wake.wait_timeout_while(self.lock(), backoff, |s| !s.is_stopping);
        drop(waited);
    }

    /// The dirtiest log, which is then this thread's.
    fn pick(&self, shared: &Shared) -> Option<Job> {
        let mut dirtiest: Option<Job> = None;
        let mut ratio_max = 0.0_f64;
        for topic in shared.partitions.topics() {
            let settings = topic.settings();
            if !settings.log.cleanup_compact {
                continue;
            }
            for partition in topic.partitions() {
                let Some(job) = self.look(shared, partition) else { continue };
                let ratio = job.cleanable.dirty_ratio();
                ratio_max = ratio_max.max(ratio);
                let is_due = job.cleanable.overdue_ms > 0 && job.cleanable.cleanable_bytes > 0;
                if (is_due || ratio > settings.log.min_cleanable_ratio)
                    && dirtiest.as_ref().is_none_or(|it| it.cleanable.dirty_ratio() < ratio)
                {
                    dirtiest = Some(job);
                }
            }
        }
        shared.metrics.looked_for_dirt(ratio_max);
        let job = dirtiest?;
        let at = job.partition.topic_partition.clone();
        let mut state = self.lock();
        if state.is_stopping || state.in_progress.contains_key(&at) {
            return None;
        }
        state.in_progress.insert(at, Arc::clone(&job.partition));
        Some(job)
    }

    /// What of a partition can be cleaned; `None` if it is not to be.
    fn look(&self, shared: &Shared, partition: &Arc<Partition>) -> Option<Job> {
        let at = &partition.topic_partition;
        let (dir, cleaned_to) = {
            let state = self.lock();
            if state.in_progress.contains_key(at) || state.uncleanable.contains(at) {
                return None;
            }
            if partition.cleaning.is_held() {
                return None;
            }
            let dir = partition.data_dir();
            let noted = state.cleaned.get(at).filter(|(noted_in, _)| *noted_in == dir.id);
            (dir, noted.map(|(_, to)| *to))
        };
        if !dir.is_online() || partition.is_offline() || partition.is_retired() {
            return None;
        }
        match partition.cleanable(cleaned_to, now_ms()) {
            Ok(cleanable) => {
                if cleanable.is_reset {
                    self.note(shared, partition, &dir, cleanable.first_dirty_offset);
                }
                Some(Job { partition: Arc::clone(partition), dir, cleanable })
            }
            // It failed before, and somebody has said so.
            Err(LogError::Failed(_)) => None,
            Err(error @ LogError::Io { .. }) => {
                dir.fail(&error);
                None
            }
            Err(error) => {
                self.give_up(at, &error);
                None
            }
        }
    }

    fn clean(&self, shared: &Arc<Shared>, job: &Job, settings: &Settings) {
        let Job { partition, dir, cleanable } = job;
        let at = &partition.topic_partition;
        let cleans = partition.cleaning.begin();
        if cleans.is_none() {
            // Somebody is about to take the files away.
            self.pause(settings.backoff);
        }
        if let Some(cleans) = cleans.filter(|_| !partition.is_retired()) {
            let began = Instant::now();
            let mut pace = Paced { throttle: &self.throttle, shared, cleans: &cleans };
            let mut cleaner = Cleaner::new(settings.options);
            let cleaned = cleaner.clean(partition.as_ref(), cleanable, &mut pace, now_ms());
            match cleaned {
                Ok(cleaning) => {
                    report(at, cleanable, &cleaning, began.elapsed());
                    shared.journal.put(compacted(at, cleanable, &cleaning, began.elapsed()));
                    shared.metrics.cleaned(&cleaning.stats);
                    self.note(shared, partition, dir, cleaning.end_offset);
                }
                Err(
                    CleanError::Interrupted
                    | CleanError::Changed
                    | CleanError::Storage(LogError::Failed(_)),
                ) => {}
                Err(CleanError::Storage(error)) => dir.note(&error),
                Err(error @ CleanError::NoRoom { .. }) => {
                    tracing::warn!(partition = %at, "not compacted: {error}");
                    self.pause(settings.backoff);
                }
                Err(error @ CleanError::Unreadable(_)) => self.give_up(at, &error),
            }
        }
        self.lock().in_progress.remove(at);
    }

    /// Leaves a partition alone from now on.
    fn give_up(&self, at: &TopicPartition, error: &dyn std::fmt::Display) {
        if self.lock().uncleanable.insert(at.clone()) {
            tracing::error!(partition = %at, "not compacted until the broker restarts: {error}");
        }
    }

    /// Notes how far a log is clean.
    fn note(&self, shared: &Shared, partition: &Partition, dir: &DataDir, to: Offset) {
        let at = &partition.topic_partition;
        let mut state = self.lock();
        // Deleting a topic retires its partitions before they are forgotten here.
        if partition.is_retired() {
            return;
        }
        state.cleaned.insert(at.clone(), (dir.id, to));
        write(shared, &state, dir);
    }

    /// Notes that a copy is as clean as its log, before it takes that one's place: nobody cleans
    /// the log while it is copied. A power cut right after must not leave a copy of which nobody
    /// knows where compaction has left holes. Without an end of the move, the next start drops the
    /// line.
    pub(crate) fn note_copy(&self, shared: &Shared, at: &TopicPartition, to: (&DataDir, &DataDir)) {
        let (source, target) = to;
        let mut state = self.lock();
        let noted = state.cleaned.get(at).filter(|(noted_in, _)| *noted_in == source.id);
        if let Some((_, offset)) = noted.copied() {
            state.copies.insert(at.clone(), (target.id, offset));
            write(shared, &state, target);
        }
    }

    /// Takes note that a log lies in another directory now, where its copy was noted.
    pub(crate) fn note_moved(
        &self,
        shared: &Shared,
        at: &TopicPartition,
        to: (&DataDir, &DataDir),
    ) {
        let (source, target) = to;
        let mut state = self.lock();
        state.copies.remove(at);
        match state.cleaned.get_mut(at) {
            Some((noted_in, _)) if *noted_in == source.id => *noted_in = target.id,
            Some(_) | None => return,
        }
        write(shared, &state, target);
        write(shared, &state, source);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes how far the logs in a directory are clean.
fn write(shared: &Shared, state: &State, dir: &DataDir) {
    let is_there = |at: &TopicPartition| {
        let topic = shared.partitions.topic(&at.topic);
        topic.is_some_and(|topic| topic.replica(at.partition).is_some())
    };
    let offsets: BTreeMap<TopicPartition, Offset> = state
        .cleaned
        .iter()
        .chain(&state.copies)
        .filter(|(at, (noted_in, _))| *noted_in == dir.id && is_there(at))
        .map(|(at, (_, to))| (at.clone(), *to))
        .collect();
    let Some(log_dir) = dir.log_dir() else { return };
    if let Err(error) = log_dir.write_cleaner_offsets(&offsets) {
        dir.note(&error);
    }
}

fn report(at: &TopicPartition, cleanable: &Cleanable, cleaning: &Cleaning, took: Duration) {
    let stats = &cleaning.stats;
    tracing::info!(
        partition = %at,
        from = %cleanable.first_dirty_offset,
        to = %cleaning.end_offset,
        bytes_read = stats.bytes_read,
        bytes_kept = stats.bytes_kept,
        records_read = stats.records_read,
        records_kept = stats.records_kept,
        keys = stats.keys,
        took_ms = took.as_millis(),
        "compacted"
    );
    if stats.records_without_key > 0 {
        tracing::warn!(
            partition = %at,
            count = stats.records_without_key,
            "records without a key were removed from a compacted topic"
        );
    }
}

/// The round as an event.
fn compacted(at: &TopicPartition, from: &Cleanable, cleaning: &Cleaning, took: Duration) -> Event {
    let stats = &cleaning.stats;
    Event::new("compaction.finished")
        .partition(&at.topic, at.partition)
        .with("fromOffset", from.first_dirty_offset)
        .with("toOffset", cleaning.end_offset)
        .with("bytesBefore", stats.bytes_read)
        .with("bytesAfter", stats.bytes_kept)
        .with("recordsBefore", stats.records_read)
        .with("recordsAfter", stats.records_kept)
        .with("ms", took.as_millis())
}
