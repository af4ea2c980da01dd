//! One partition this broker hosts: its log, its settings, and who waits for it.
//!
//! The rules are those of `ottla-partition`; here its events come from the log and the flusher, and
//! its effects are carried out. Lock order: the partition's lock is never held while another
//! partition's, or the flusher's sync, is waited for.
//! Kafka: `Partition`, `ReplicaManager.appendRecords`, `DelayedProduce`.

mod journey;
mod produced;
mod progress;
mod read;
mod sync;
mod track;
mod transactions;
mod unreadable;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
};

pub use self::journey::Passed;
use self::{journey::Tracks, progress::Progress, unreadable::Unreadable};
pub(crate) use self::{
    journey::{Asked, Asking, Sent},
    read::Isolation,
    sync::{SyncError, Synced},
};
use crate::{
    cleaner::CleaningSwitch, clock::now_ms, log_dirs::DataDir, settings::TopicSettings,
    waiters::Waiters,
};
use bytes::Bytes;
use ottla_log::{AppendError, AppendOrigin, Cleanable, Log, LogError, LogReader, Verification};
use ottla_partition::{Effect, Event, Replication};
use ottla_record::BatchHeader;
use ottla_types::{BrokerId, ErrorCode, LeaderEpoch, Offset, TopicPartition};

/// A partition, shared by everyone who serves it.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Which one.
    pub(crate) topic_partition: TopicPartition,
    /// Whether its log may be cleaned.
    pub(crate) cleaning: CleaningSwitch,
    /// Fetches that wait for more records.
    pub(crate) waiters: Waiters,
    inner: Mutex<Inner>,
    progress: Progress,
    /// Something was appended that is to be synced and that no sync has begun for.
    sync_wanted: AtomicBool,
    /// The partition is in the flusher's queue or being synced.
    is_syncing: AtomicBool,
    /// Its directory has failed.
    is_offline: AtomicBool,
    /// A sync was put off until there is room on the disk.
    waits_for_room: AtomicBool,
    /// The last use of the write-ahead log's files in which something of it is.
    written_ahead_in: AtomicU64,
    /// Which of the logs, by [`Inner::replacements`], the sync under way is of.
    syncs_replacement: AtomicU64,
    unreadable: Unreadable,
    /// What the journal knows of it.
    pub(crate) marks: Marks,
}

/// What the journal knows of a partition.
#[derive(Debug)]
pub(crate) struct Marks {
    /// It was appended to since the journal looked.
    pub(crate) is_marked: AtomicBool,
    /// The start of the log when the journal looked.
    pub(crate) start: AtomicI64,
    /// The end of the log when the journal looked.
    pub(crate) end: AtomicI64,
    /// How many segments there were then.
    pub(crate) segments: AtomicUsize,
}

#[derive(Debug)]
struct Inner {
    log: Log,
    /// Where the log lies.
    dir: Arc<DataDir>,
    replication: Replication,
    /// What the last step came to; kept to spare an allocation per append.
    effects: Vec<Effect>,
    /// When its records got how far; made when the first one comes or is read.
    tracks: Option<Box<Tracks>>,
    /// How often another log has taken the place of the one before.
    replacements: u64,
    /// The topic is deleted: the directory is another's, or nobody's.
    is_retired: bool,
}

/// How a client's batch is appended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Producing {
    /// Who is waited for.
    pub(crate) acks: i16,
    /// Whether zstd may be used.
    pub(crate) allows_zstd: bool,
    /// What is known of its transaction, if it belongs to one.
    pub(crate) verification: Verification,
}

/// What the answer to an append has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    /// That acks=all may be answered.
    Acknowledged,
    /// The disk: `flush.messages` was reached, and Kafka syncs within the append that reaches it.
    Durable,
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
    pub(crate) size_bytes: usize,
    pub(crate) is_duplicate: bool,
    /// What the answer has to wait for with [`Partition::wait`], if anything.
    pub(crate) wait_for: Option<WaitFor>,
}

/// Why a batch was not appended.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    pub(crate) text: Option<String>,
    pub(crate) record_errors: Vec<(i32, String)>,
    /// Told to the client where the batch came as far as the log.
    pub(crate) log_start_offset: Offset,
}

impl Refused {
    /// An error with a sentence for the client.
    pub(crate) fn new(code: ErrorCode, text: String) -> Self {
        Self { text: Some(text), ..Self::from(code) }
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        let log_start_offset = Offset::NONE;
        Self { code, text: None, record_errors: Vec::new(), log_start_offset }
    }
}

impl Inner {
    /// Whether the log may be read and written.
    fn check_usable(&self) -> Result<(), ErrorCode> {
        if self.is_retired {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        if self.dir.is_online() { Ok(()) } else { Err(ErrorCode::KafkaStorageError) }
    }
}

impl Partition {
    /// Takes over an open log as the leader of a partition without other replicas.
    pub(crate) fn new(
        topic_partition: TopicPartition,
        log: Log,
        (broker_id, leader_epoch): (BrokerId, LeaderEpoch),
        settings: &TopicSettings,
        dir: Arc<DataDir>,
    ) -> Self {
        let marks = Marks {
            is_marked: AtomicBool::new(false),
            start: AtomicI64::new(log.log_start_offset().get()),
            end: AtomicI64::new(log.log_end_offset().get()),
            segments: AtomicUsize::new(log.segment_count()),
        };
        let mut replication = Replication::new(broker_id, settings.durability);
        let mut effects = Vec::new();
        let became_leader = Event::BecameLeader {
            leader_epoch,
            replicas: vec![broker_id],
            isr: vec![broker_id],
            log_end_offset: log.log_end_offset(),
            durable_offset: log.recovery_point(),
            high_watermark: log.log_end_offset(),
        };
        replication.step(became_leader, &mut effects);
        effects.clear();
        let progress =
            Progress::new(replication.acknowledged_offset(), replication.durable_offset());
        Self {
            topic_partition,
            cleaning: CleaningSwitch::default(),
            waiters: Waiters::default(),
            inner: Mutex::new(Inner {
                log,
                dir,
                replication,
                effects,
                tracks: None,
                replacements: 0,
                is_retired: false,
            }),
            written_ahead_in: AtomicU64::new(0),
            syncs_replacement: AtomicU64::new(0),
            marks,
            unreadable: Unreadable::default(),
            progress,
            sync_wanted: AtomicBool::new(false),
            is_syncing: AtomicBool::new(false),
            is_offline: AtomicBool::new(false),
            waits_for_room: AtomicBool::new(false),
        }
    }
}

impl Partition {
    /// Checks one batch as a client sent it and appends it.
    pub(crate) fn append(
        self: &Arc<Self>,
        settings: &TopicSettings,
        batch: Bytes,
        Producing { acks, allows_zstd, verification }: Producing,
        now_ms: i64,
    ) -> Result<Appended, Refused> {
        let is_one_batch =
            BatchHeader::parse(&batch).is_ok_and(|header| header.size() == batch.len());
        let reached_log = |refused: Refused| match refused.code {
            ErrorCode::CorruptMessage
            | ErrorCode::MessageTooLarge
            | ErrorCode::RecordListTooLarge
            | ErrorCode::KafkaStorageError
            | ErrorCode::UnsupportedCompressionType => refused,
            _ if is_one_batch => Refused { log_start_offset: self.log_start_offset(), ..refused },
            _ => refused,
        };
        let mut batch =
            produced::check(settings, batch, allows_zstd, now_ms).map_err(reached_log)?;
        let (origin, size_bytes) = (AppendOrigin::Client(verification), batch.size());
        let append = |log: &mut Log, leader_epoch| {
            log.append_parts(origin, &mut batch.header_bytes, &batch.body, leader_epoch, now_ms)
        };
        let appended = self.append_with(append, size_bytes, acks, now_ms).map_err(reached_log)?;
        if appended.is_duplicate {
            return Ok(appended);
        }
        Ok(Appended { log_append_time_ms: batch.log_append_time, ..appended })
    }

    /// Appends one batch that is known to be right, such as one a coordinator made.
    pub(crate) fn append_checked(
        self: &Arc<Self>,
        batch: &mut [u8],
        acks: i16,
        now_ms: i64,
    ) -> Result<Appended, Refused> {
        self.append_from(AppendOrigin::CLIENT, batch, acks, now_ms)
    }

    /// Appends one batch that is known to be right and says who it is from.
    pub(crate) fn append_from(
        self: &Arc<Self>,
        origin: AppendOrigin,
        batch: &mut [u8],
        acks: i16,
        now_ms: i64,
    ) -> Result<Appended, Refused> {
        let size_bytes = batch.len();
        let append =
            |log: &mut Log, leader_epoch| log.append_from(origin, batch, leader_epoch, now_ms);
        self.append_with(append, size_bytes, acks, now_ms)
    }

    fn append_with(
        self: &Arc<Self>,
        append: impl FnOnce(&mut Log, LeaderEpoch) -> Result<ottla_log::Appended, AppendError>,
        size_bytes: usize,
        acks: i16,
        now_ms: i64,
    ) -> Result<Appended, Refused> {
        let mut inner = self.lock();
        inner.check_usable()?;
        let leader_epoch = inner.replication.leader_epoch();
        let done = append(&mut inner.log, leader_epoch).inspect_err(|error| match error {
            AppendError::Storage(_) => inner.dir.fail(error),
            AppendError::Full(_) => inner.dir.note_full(error),
            _ => {}
        })?;
        let log_end_offset = inner.log.log_end_offset();
        let acks_all = acks == -1;
        self.step(&mut inner, Event::Appended { log_end_offset, acks_all }, now_ms);
        let wait_for = if inner.log.has_flush_messages() {
            self.queue_sync(&inner.dir);
            Some(WaitFor::Durable)
        } else {
            let is_open = inner.replication.acknowledged_offset() <= done.last_offset;
            (acks_all && is_open).then_some(WaitFor::Acknowledged)
        };
        drop(inner);
        let record_count = done.last_offset.get() - done.base_offset.get() + 1;
        Ok(Appended {
            base_offset: done.base_offset,
            last_offset: done.last_offset,
            log_start_offset: done.log_start_offset,
            // Of a duplicate Kafka tells the time that it kept with the batch.
            log_append_time_ms: if done.duplicate { done.max_timestamp } else { -1 },
            record_count: i32::try_from(record_count).unwrap_or(i32::MAX),
            size_bytes,
            is_duplicate: done.duplicate,
            wait_for,
        })
    }

    /// Tells the rules what happened and does what they ask for.
    /// Says how many were woken that waited for it.
    fn step(self: &Arc<Self>, inner: &mut Inner, event: Event, now_ms: i64) -> usize {
        let mut woken = 0;
        let Inner { log, replication, effects, dir, tracks, .. } = inner;
        if let Event::Appended { log_end_offset, .. } = event {
            Tracks::of(tracks, replication).appended(log_end_offset, now_ms);
        }
        replication.step(event, effects);
        if let Some(tracks) = tracks {
            tracks.note(effects, now_ms);
        }
        for effect in effects.drain(..) {
            match effect {
                Effect::HighWatermarkAdvanced(offset) => {
                    log.advance_high_watermark(offset);
                    // The last stable offset moves with it or not at all.
                    self.waiters.wake();
                }
                Effect::SyncWanted(_) => self.queue_sync(dir),
                Effect::DurableAdvanced(offset) => {
                    woken += self.progress.reach(WaitFor::Durable, offset);
                }
                Effect::AcknowledgedAdvanced(offset) => {
                    woken += self.progress.reach(WaitFor::Acknowledged, offset);
                }
            }
        }
        woken
    }

    /// Whether clients can see what should be on the disk first.
    pub(crate) fn owes_sync(&self) -> bool {
        self.lock().replication.owes_sync()
    }

    /// Returns once everything up to `last_offset` (inclusive) is what was waited for, or never
    /// will be.
    pub(crate) async fn wait(&self, last_offset: Offset, what: WaitFor) -> Result<(), ErrorCode> {
        self.progress.wait(last_offset, what).await
    }

    /// Takes over a topic's new settings.
    pub(crate) fn change_settings(self: &Arc<Self>, settings: &TopicSettings) {
        let mut inner = self.lock();
        inner.log.set_config(settings.log.clone());
        self.step(&mut inner, Event::DurabilityChanged(settings.durability), now_ms());
    }

    /// Checks the leader epoch a client believes in; −1 is no belief.
    pub(crate) fn check_leader_epoch(&self, believed: i32) -> Result<(), ErrorCode> {
        self.lock().replication.check_leader(LeaderEpoch(believed.max(-1)))
    }

    /// Goes on as the leader in the epoch that the image has now. Does nothing where that is the
    /// epoch it leads in.
    pub(crate) fn lead(self: &Arc<Self>, broker_id: BrokerId, leader_epoch: LeaderEpoch) -> bool {
        let mut guard = self.lock();
        let inner = &mut *guard;
        if leader_epoch <= inner.replication.leader_epoch() {
            return false;
        }
        let became_leader = Event::BecameLeader {
            leader_epoch,
            replicas: vec![broker_id],
            isr: vec![broker_id],
            log_end_offset: inner.replication.log_end_offset(),
            durable_offset: inner.replication.durable_offset(),
            high_watermark: inner.replication.high_watermark(),
        };
        self.step(inner, became_leader, now_ms());
        true
    }

    /// The epoch of this leadership.
    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.lock().replication.leader_epoch()
    }

    /// First offset a client may read.
    pub(crate) fn log_start_offset(&self) -> Offset {
        self.lock().log.log_start_offset()
    }

    /// Exclusive end of what a client may read.
    pub(crate) fn high_watermark(&self) -> Offset {
        self.lock().replication.high_watermark()
    }

    /// Exclusive end of what a reader of committed records may read.
    pub(crate) fn last_stable_offset(&self) -> Offset {
        let inner = self.lock();
        inner.log.last_stable_offset(inner.replication.high_watermark())
    }

    /// Runs something short on the log, under its lock.
    pub(crate) fn with_log<T>(&self, run: impl FnOnce(&mut Log) -> T) -> T {
        run(&mut self.lock().log)
    }

    /// The same for what changes files; nothing where the topic is deleted. Its directory has
    /// another name by then, and what is there under the old one is a new topic's.
    pub(crate) fn with_live_log<T>(&self, run: impl FnOnce(&mut Log) -> T) -> Option<T> {
        let mut inner = self.lock();
        (!inner.is_retired).then(|| run(&mut inner.log))
    }

    /// Runs something short on the log and what is known of its replicas, under their lock.
    pub(crate) fn with_replication<T>(&self, run: impl FnOnce(&Log, &Replication) -> T) -> T {
        let inner = self.lock();
        run(&inner.log, &inner.replication)
    }

    /// What of the log can be cleaned now, if it is clean up to an offset, exclusive.
    pub(crate) fn cleanable(
        &self,
        cleaned_to: Option<Offset>,
        now_ms: i64,
    ) -> Result<Cleanable, LogError> {
        let inner = self.lock();
        inner.log.cleanable(cleaned_to, inner.replication.high_watermark(), now_ms)
    }

    /// Bytes of all segments; 0 where that cannot be found out.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.lock().log.size_bytes().unwrap_or(0)
    }

    /// A reader of the log as it is now.
    pub(crate) fn reader(&self) -> LogReader {
        self.lock().log.reader()
    }

    /// Takes the partition out of service: its topic is deleted. A request that still has it must
    /// not write to files that may be a new topic's by then.
    pub(crate) fn retire(&self) {
        self.lock().is_retired = true;
        self.waiters.wake();
        // A cleaner that has begun ends before that, too.
        drop(self.cleaning.hold());
    }

    /// Goes on with another log in another directory, if `make` gives one: then `true`. Nothing is
    /// appended meanwhile; the new log has everything the old one had, and all of it is synced.
    pub(crate) fn replace_log<E>(
        self: &Arc<Self>,
        target: &Arc<DataDir>,
        make: impl FnOnce(&mut Log, &DataDir) -> Result<Option<Log>, E>,
    ) -> Result<bool, E> {
        let _held = self.cleaning.hold();
        let mut inner = self.lock();
        if inner.is_retired || !inner.dir.is_online() {
            return Ok(false);
        }
        let Inner { log, dir, .. } = &mut *inner;
        let Some(made) = make(log, dir)? else { return Ok(false) };
        inner.log = made;
        inner.dir = Arc::clone(target);
        inner.replacements += 1;
        self.written_ahead_in.store(0, Ordering::Relaxed);
        let durable_offset = inner.log.recovery_point();
        self.step(&mut inner, Event::Synced { durable_offset }, now_ms());
        Ok(true)
    }

    /// Whether its topic is deleted.
    pub(crate) fn is_retired(&self) -> bool {
        self.lock().is_retired
    }

    /// Takes the partition out of service: its directory has failed. Whoever waits is answered.
    pub(crate) fn take_offline(&self) {
        self.is_offline.store(true, Ordering::Release);
        self.progress.fail();
        self.waiters.wake();
    }

    /// Whether its directory has failed.
    pub(crate) fn is_offline(&self) -> bool {
        self.is_offline.load(Ordering::Acquire)
    }

    /// The data directory that its log lies in.
    pub(crate) fn data_dir(&self) -> Arc<DataDir> {
        Arc::clone(&self.lock().dir)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<AppendError> for Refused {
    fn from(error: AppendError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
