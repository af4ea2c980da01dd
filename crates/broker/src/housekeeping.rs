//! What has to be done now and then: retention, `flush.ms`, expiry of producers, checkpoints.
//!
//! Kafka: the tasks of `LogManager` (`kafka-log-retention`, `kafka-log-flusher`,
//! `kafka-recovery-point-checkpoint`, `kafka-log-start-offset-checkpoint`,
//! `PeriodicProducerExpirationCheck`).

use std::{sync::Arc, time::Duration};

use ottla_config::keys;
use ottla_log::{DeletionReason, Log};
use tokio::time::Instant;

use crate::{
    background, broker::Shared, clock::now_ms, journal::Event, partitions::HostedTopic, storage,
};

/// How often the tasks are looked at; each runs when its own time has come.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Asks for the syncs that `flush.ms` is due for, until the broker stops. Which topics have one is
/// looked at now and then.
pub(crate) async fn run_flush(shared: Arc<Shared>) {
    let mut topics: Arc<[Arc<HostedTopic>]> = Arc::default();
    let mut listed_at = None;
    loop {
        if listed_at.is_none_or(|at: Instant| at.elapsed() >= LOOK_EVERY) {
            let has_one = |topic: &Arc<HostedTopic>| topic.settings().log.flush_ms != i64::MAX;
            topics = shared.partitions.topics().into_iter().filter(has_one).collect();
            listed_at = Some(Instant::now());
        }
        let every = topics.iter().map(|topic| topic.settings().log.flush_ms).min();
        let every =
            every.and_then(|ms| u64::try_from(ms).ok()).map_or(LOOK_EVERY, Duration::from_millis);
        tokio::select! {
            biased;
            () = shared.stopping.wait() => return,
            () = tokio::time::sleep(every.clamp(Duration::from_millis(1), LOOK_EVERY)) => {}
        }
        if topics.is_empty() {
            continue;
        }
        let some = Arc::clone(&topics);
        // A partition may be locked while a disk is waited for.
        let done = background::blocking(move || {
            let all = some.iter().flat_map(|topic| topic.partitions());
            all.for_each(|partition| partition.sync_if_due(now_ms()));
        });
        if let Err(error) = done.await {
            tracing::error!("flush.ms was not looked at: {error}");
        }
    }
}

/// Runs until the broker stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let config = shared.config();
    let initial_delay = config.get(&keys::LOG_INITIAL_TASK_DELAY_MS);
    let mut retention =
        Task::new(initial_delay, config.get(&keys::LOG_RETENTION_CHECK_INTERVAL_MS));
    let mut checkpoint =
        Task::new(initial_delay, config.get(&keys::LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS).into());
    let mut starts = Task::new(
        initial_delay,
        config.get(&keys::LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS).into(),
    );
    let mut expiry = Task::new(
        initial_delay,
        config.get(&keys::PRODUCER_ID_EXPIRATION_CHECK_INTERVAL_MS).into(),
    );
    let mut files_task = Task::new(0, 1_000);
    loop {
        tokio::select! {
            biased;
            () = shared.stopping.wait() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let files = files_task.is_due();
        // What moves a log's start writes it down at once: this is for what may not have.
        let are_starts_due = starts.is_due();
        let due = Due {
            retention: retention.is_due(),
            checkpoint: checkpoint.is_due() || are_starts_due,
            expiry: expiry.is_due(),
        };
        let work = Arc::clone(&shared);
        // Deleting files and writing checkpoints may block: not on a thread that serves clients.
        let done = background::blocking(move || look(&work, due, files)).await;
        if let Err(error) = done {
            tracing::error!("housekeeping failed: {error}");
        }
    }
}

/// A task with its own interval.
struct Task {
    next: Instant,
    every: Duration,
}

impl Task {
    fn new(initial_delay_ms: i64, every_ms: i64) -> Self {
        let span = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1));
        Self { next: Instant::now() + span(initial_delay_ms), every: span(every_ms) }
    }

    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.every;
        }
        is_due
    }
}

#[derive(Clone, Copy)]
struct Due {
    retention: bool,
    checkpoint: bool,
    expiry: bool,
}

/// `files` says whether the files of what was deleted are looked at, too.
fn look(shared: &Arc<Shared>, due: Due, files: bool) {
    let now = now_ms();
    let mut moved = false;
    for topic in shared.partitions.topics() {
        moved |= look_at(shared, &topic, due, now);
    }
    if files {
        shared.controller.tend();
        storage::remove_deleted(shared, now);
        shared.log_dirs.online().for_each(|dir| dir.look_for_room());
    }
    if due.checkpoint || moved {
        storage::checkpoint(shared);
    }
}

/// What a segment was deleted for, by the name of the config where there is one.
fn cause_of(reason: DeletionReason) -> &'static str {
    match reason {
        DeletionReason::Time => "retention.ms",
        DeletionReason::Size => "retention.bytes",
        DeletionReason::LogStartOffset => "logStartOffset",
    }
}

/// Whether a log start offset has moved.
fn look_at(shared: &Shared, topic: &HostedTopic, due: Due, now: i64) -> bool {
    let mut moved = false;
    for partition in topic.partitions() {
        if due.retention {
            let high_watermark = partition.high_watermark();
            match partition.with_live_log(|log| log.apply_retention(now, high_watermark)) {
                None => continue,
                Some(Ok(deleted)) => {
                    moved |= !deleted.is_empty();
                    if !deleted.is_empty() {
                        shared.journal.moved(partition);
                    }
                    for it in &deleted {
                        let at = &partition.topic_partition;
                        let event =
                            Event::new("segment.deleted").partition(&at.topic, at.partition);
                        shared.journal.put(
                            event
                                .with("baseOffset", it.base_offset)
                                .with("bytes", it.size)
                                .with("cause", cause_of(it.reason)),
                        );
                    }
                }
                Some(Err(error)) => partition.data_dir().note(&error),
            }
        }
        if due.checkpoint {
            // So that a recovery need not read much more than what follows the recovery point.
            let checkpoint = |log: &mut Log| {
                if log.failure().is_none() { log.checkpoint() } else { Ok(()) }
            };
            if let Some(Err(error)) = partition.with_live_log(checkpoint) {
                partition.data_dir().note(&error);
            }
        }
        if due.expiry {
            partition.with_log(|log| log.expire_producers(now));
        }
        if let Some(Err(error)) = partition.with_live_log(|log| log.remove_retired(now)) {
            partition.data_dir().note(&error);
        }
        partition.sync_if_put_off();
    }
    moved
}
