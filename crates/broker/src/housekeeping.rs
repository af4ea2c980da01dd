//! What has to be done now and then: retention, `flush.ms`, expiry of producers, checkpoints.
//!
//! Kafka: the tasks of `LogManager` (`kafka-log-retention`, `kafka-log-flusher`,
//! `kafka-recovery-point-checkpoint`, `kafka-log-start-offset-checkpoint`, `PeriodicProducerExpirationCheck`).

use std::{sync::Arc, time::Duration};

use ottla_config::keys;
use ottla_log::DeletionReason;
use tokio::time::Instant;

use crate::{
    background, broker::Shared, clock::now_ms, journal::Event, partitions::HostedTopic, storage,
};

/// How often the tasks are looked at; each runs when its own time has come.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Asks for the syncs that `flush.ms` is due for, until the broker stops. Where no topic has one it only looks whether
/// that is still so.
pub(crate) async fn run_flush(shared: Arc<Shared>) {
    loop {
        let topics = shared.partitions.topics();
        let every = topics.iter().map(|topic| topic.settings().log.flush_ms).min();
        let every = every.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(u64::MAX).max(1);
        tokio::select! {
            biased;
            () = shared.stopping.wait() => return,
            () = tokio::time::sleep(LOOK_EVERY.min(Duration::from_millis(every))) => {}
        }
        for topic in topics.iter().filter(|topic| topic.settings().log.flush_ms != i64::MAX) {
            let now = now_ms();
            topic.partitions().for_each(|partition| partition.sync_if_due(now));
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
            // So that a recovery need not read much more than what follows the recovery point. A
            // failure takes the log offline.
            partition.with_live_log(|log| {
                drop(log.failure().is_none().then(|| log.checkpoint()));
            });
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
