//! One partition this broker hosts: its log, its settings, and who waits for it.
//!
//! Invariants: everything before the high watermark is in the log; with one replica it equals the
//! log end offset. An append is safe once it is below `safe_offset`: on disk where the topic's
//! durability asks for it. Kafka: `Partition`, `UnifiedLog`, `DelayedProduce`.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bytes::BytesMut;
use ottla_log::{AppendError, FileRange, Log, LogReader};
use ottla_record::{BatchHeader, Compression, Scratch, validate_produced};
use ottla_types::{ErrorCode, LeaderEpoch, Offset, TopicPartition, Uuid};
use tokio::sync::watch;

use crate::{
    clock::now_ms,
    flusher::Flusher,
    settings::{Durability, TopicSettings},
    waiters::Waiters,
};

/// A partition, shared by everyone who serves it.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Which one.
    pub(crate) topic_partition: TopicPartition,
    /// The id of its topic.
    pub(crate) topic_id: Uuid,
    /// Fetches that wait for more records.
    pub(crate) waiters: Waiters,
    inner: Mutex<Inner>,
    safe: watch::Sender<Safe>,
    flusher: Arc<Flusher>,
    is_queued: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    log: Log,
    leader_epoch: LeaderEpoch,
    /// Records appended since the last sync was begun, for `flush.messages`.
    unsynced_records: i64,
    unsynced_since_ms: i64,
}

/// How far the partition is safe on disk.
#[derive(Clone, Copy, Debug)]
struct Safe {
    /// Exclusive.
    offset: Offset,
    /// The disk failed: nothing more will become safe.
    has_failed: bool,
}

/// A batch that was appended (or had been before).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub(crate) base_offset: Offset,
    /// Inclusive.
    pub(crate) last_offset: Offset,
    pub(crate) log_start_offset: Offset,
    /// −1 with CreateTime.
    pub(crate) log_append_time_ms: i64,
    pub(crate) record_count: i32,
    pub(crate) is_duplicate: bool,
    /// Whether the answer has to wait for [`Partition::wait_safe`].
    pub(crate) must_wait: bool,
}

/// Why a batch was not appended.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    pub(crate) text: Option<String>,
    pub(crate) record_errors: Vec<(i32, String)>,
}

impl Refused {
    /// An error with a sentence for the client.
    pub(crate) fn new(code: ErrorCode, text: String) -> Self {
        Self { code, text: Some(text), record_errors: Vec::new() }
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self { code, text: None, record_errors: Vec::new() }
    }
}

/// What a client may read at an offset.
#[derive(Debug)]
pub(crate) struct Read {
    /// The records; `None` where there are none yet.
    pub(crate) range: Option<FileRange>,
    /// Exclusive.
    pub(crate) high_watermark: Offset,
    /// Inclusive.
    pub(crate) log_start_offset: Offset,
    /// Exclusive.
    pub(crate) last_stable_offset: Offset,
}

impl Partition {
    /// Takes over an open log as its leader.
    pub(crate) fn new(
        topic_partition: TopicPartition,
        topic_id: Uuid,
        log: Log,
        leader_epoch: LeaderEpoch,
        flusher: Arc<Flusher>,
    ) -> Self {
        let safe = Safe { offset: log.recovery_point(), has_failed: false };
        Self {
            topic_partition,
            topic_id,
            waiters: Waiters::default(),
            inner: Mutex::new(Inner {
                log,
                leader_epoch,
                unsynced_records: 0,
                unsynced_since_ms: i64::MAX,
            }),
            safe: watch::Sender::new(safe),
            flusher,
            is_queued: AtomicBool::new(false),
        }
    }
}

thread_local! {
    /// Room to decompress batches into while they are checked, kept per thread.
    static SCRATCH: std::cell::RefCell<Scratch> = std::cell::RefCell::new(Scratch::new());
}

impl Partition {
    /// Checks one batch as a client sent it and appends it.
    pub(crate) fn append(
        self: &Arc<Self>,
        settings: &TopicSettings,
        batch: &mut BytesMut,
        (acks, allows_zstd): (i16, bool),
        now_ms: i64,
    ) -> Result<Appended, Refused> {
        let log_append_time_ms = check(settings, batch, allows_zstd, now_ms)?;
        let appended = self.append_checked(settings, batch, acks, now_ms)?;
        Ok(Appended { log_append_time_ms, ..appended })
    }

    /// Appends one batch that is known to be right, such as one the coordinator made.
    pub(crate) fn append_checked(
        self: &Arc<Self>,
        settings: &TopicSettings,
        batch: &mut BytesMut,
        acks: i16,
        now_ms: i64,
    ) -> Result<Appended, Refused> {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let done = inner.log.append_as_leader(batch, inner.leader_epoch, now_ms)?;
        let record_count = i32::try_from(done.last_offset.get() - done.base_offset.get() + 1);
        let record_count = record_count.unwrap_or(i32::MAX);
        let mut wants_sync = settings.durability == Durability::Fsync && acks == -1;
        if !done.duplicate {
            inner.unsynced_records = inner.unsynced_records.saturating_add(record_count.into());
            inner.unsynced_since_ms = inner.unsynced_since_ms.min(now_ms);
            // flush.messages: Kafka syncs within the append that reaches it, so that one waits too.
            wants_sync |= inner.unsynced_records >= settings.flush_messages;
        }
        let is_safe = done.last_offset < self.safe.borrow().offset;
        drop(guard);
        let must_wait = wants_sync && !is_safe;
        if must_wait {
            self.queue_sync();
        }
        if !done.duplicate {
            self.waiters.wake();
        }
        Ok(Appended {
            base_offset: done.base_offset,
            last_offset: done.last_offset,
            log_start_offset: done.log_start_offset,
            log_append_time_ms: -1,
            record_count,
            is_duplicate: done.duplicate,
            must_wait,
        })
    }

    /// Asks for a sync, unless one is asked for that has not begun.
    pub(crate) fn queue_sync(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.flusher.queue(Arc::clone(self));
        }
    }

    /// Syncs what is appended now; called by the flusher's thread. Seconds it took.
    pub(crate) fn sync(&self) -> f64 {
        // Cleared first: an append after this queues another sync, one before it is part of ours.
        self.is_queued.store(false, Ordering::Release);
        let task = {
            let mut inner = self.lock();
            inner.unsynced_records = 0;
            inner.unsynced_since_ms = i64::MAX;
            inner.log.begin_sync(now_ms())
        };
        let began = Instant::now();
        let result = match &task {
            Ok(task) => task.run().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let seconds = began.elapsed().as_secs_f64();
        let mut inner = self.lock();
        match (result, task) {
            (Ok(()), Ok(task)) => {
                let up_to = inner.log.finish_sync(&task);
                drop(inner);
                self.safe.send_if_modified(|safe| {
                    let moves = up_to > safe.offset;
                    safe.offset = safe.offset.max(up_to);
                    moves
                });
            }
            (result, _) => {
                let error = result.err().unwrap_or_default();
                // A failed sync is never tried again: the kernel may have dropped the pages.
                tracing::error!(partition = %self.topic_partition, "disk sync failed: {error}");
                inner.log.mark_failed(&error);
                drop(inner);
                self.safe.send_modify(|safe| safe.has_failed = true);
            }
        }
        seconds
    }

    /// Returns once everything up to `last_offset` (inclusive) is safe, or never will be.
    pub(crate) async fn wait_safe(&self, last_offset: Offset) -> Result<(), ErrorCode> {
        let mut receiver = self.safe.subscribe();
        let waited = receiver.wait_for(|safe| safe.has_failed || safe.offset > last_offset).await;
        match waited {
            Ok(safe) if safe.offset > last_offset => Ok(()),
            Ok(_) | Err(_) => Err(ErrorCode::KafkaStorageError),
        }
    }

    /// Reads at `offset`, up to `max_bytes`; a first batch larger than that comes whole when
    /// `at_least_one`.
    pub(crate) fn read(
        &self,
        offset: Offset,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<Read, ErrorCode> {
        let (reader, high_watermark, log_start_offset) = {
            let inner = self.lock();
            (inner.log.reader(), inner.log.log_end_offset(), inner.log.log_start_offset())
        };
        if offset < log_start_offset || offset > high_watermark {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let range = if offset == high_watermark || (max_bytes == 0 && !at_least_one) {
            None
        } else {
            let range = reader.read(offset, max_bytes, high_watermark, at_least_one);
            Some(range.map_err(|error| {
                tracing::error!(partition = %self.topic_partition, "cannot read at {offset}: {error}");
                error.code()
            })?)
        };
        Ok(Read { range, high_watermark, log_start_offset, last_stable_offset: high_watermark })
    }

    /// Checks the leader epoch a client believes in; −1 is no belief.
    pub(crate) fn check_leader_epoch(&self, believed: i32) -> Result<(), ErrorCode> {
        let current = self.leader_epoch().get();
        match believed {
            ..0 => Ok(()),
            older if older < current => Err(ErrorCode::FencedLeaderEpoch),
            newer if newer > current => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// The epoch of this leadership.
    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.lock().leader_epoch
    }

    /// First offset a client may read.
    pub(crate) fn log_start_offset(&self) -> Offset {
        self.lock().log.log_start_offset()
    }

    /// Exclusive end of what a client may read; with one replica the log end offset.
    pub(crate) fn high_watermark(&self) -> Offset {
        self.lock().log.log_end_offset()
    }

    /// Runs something short on the log, under its lock.
    pub(crate) fn with_log<T>(&self, run: impl FnOnce(&mut Log) -> T) -> T {
        run(&mut self.lock().log)
    }

    /// Bytes of all segments; 0 where that cannot be found out.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.lock().log.size_bytes().unwrap_or(0)
    }

    /// A reader of the log as it is now.
    pub(crate) fn reader(&self) -> LogReader {
        self.lock().log.reader()
    }

    /// Takes the partition out of service: its topic is deleted.
    pub(crate) fn retire(&self) {
        self.waiters.wake();
    }

    /// Syncs if `flush.ms` has passed since the oldest append that is not synced.
    pub(crate) fn sync_if_due(self: &Arc<Self>, flush_ms: i64, now_ms: i64) {
        let since = self.lock().unsynced_since_ms;
        if since != i64::MAX && now_ms.saturating_sub(since) >= flush_ms {
            self.queue_sync();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kafka's `LogValidator`: what a produced batch must be. Gives the log append time, or −1.
fn check(
    settings: &TopicSettings,
    batch: &mut BytesMut,
    allows_zstd: bool,
    now_ms: i64,
) -> Result<i64, Refused> {
    let header =
        BatchHeader::parse(batch).map_err(|error| Refused::new(error.code(), error.to_string()))?;
    let is_zstd = header.attributes.compression() == Ok(Compression::Zstd);
    if is_zstd && !allows_zstd {
        let text = "Produce requests below version 7 may not use zstd";
        return Err(Refused::new(ErrorCode::UnsupportedCompressionType, text.to_owned()));
    }
    let rules = settings.produce_rules(now_ms);
    let validated = SCRATCH
        .with_borrow_mut(|scratch| validate_produced(batch, &rules, scratch))
        .map_err(|invalid| Refused {
            code: invalid.code,
            text: Some(invalid.text),
            record_errors: invalid.record_errors,
        })?;
    Ok(validated.log_append_time)
}

impl From<AppendError> for Refused {
    fn from(error: AppendError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
