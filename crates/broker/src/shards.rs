//! What both coordinators have outside of their rules: a shard for each partition of their topic,
//! which is loaded, looked at when its time has come, and given up.
//!
//! Invariant: a shard that is loaded stays loaded. Nothing here is held across an await.
//! Kafka: `CoordinatorRuntime`, `CoordinatorLoaderImpl`.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use ottla_coordinator::{WaiterId, partition_for};
use ottla_log::TxnMarker;
use ottla_record::{BatchHeader, Record};
use ottla_types::{ErrorCode, Offset};
use tokio::sync::{Notify, watch};

use crate::{
    broker::Shared,
    clock::now_ms,
    partition::{Isolation, Partition},
    partitions::HostedTopic,
};

/// How long a request waits for its shard to be loaded before it is told to come back.
const LOAD_WAIT: Duration = Duration::from_secs(5);

/// The least time between two looks at the timers: a deadline that stays due must not keep the
/// thread from its clients.
const LOOK_AGAIN_MS: i64 = 10;

/// A coordinator's part that one partition holds.
pub(crate) trait Shard {
    /// Whether it is loaded.
    fn loading(&self) -> &Loading;
    /// When it wants to be looked at, in ms.
    fn next_deadline(&self) -> Option<i64>;
    /// Answers everyone who waits; it has nothing from now on.
    fn unload(&self);
}

/// Whether a shard is loaded, for those who wait for that.
#[derive(Debug)]
pub(crate) struct Loading(watch::Sender<bool>);

impl Loading {
    /// Not yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Whether it is.
    pub(crate) fn is_done(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once it is, or after a while that it is not.
    pub(crate) async fn wait(&self) -> Result<(), ErrorCode> {
        if self.is_done() {
            return Ok(());
        }
        let mut receiver = self.0.subscribe();
        let loaded = tokio::time::timeout(LOAD_WAIT, receiver.wait_for(|loaded| *loaded)).await;
        if matches!(loaded, Ok(Ok(_))) { Ok(()) } else { Err(ErrorCode::CoordinatorLoadInProgress) }
    }
}

/// All shards of a coordinator, and the timer they share.
#[derive(Debug)]
pub(crate) struct Shards<S> {
    /// By partition; none where that is offline.
    slots: RwLock<Vec<Option<Arc<S>>>>,
    next_waiter: AtomicU64,
    /// When the timer task wakes next, in ms; a shard with an earlier deadline wakes it.
    wakes_at_ms: AtomicI64,
    timer: Notify,
}

impl<S: Shard> Shards<S> {
    /// None yet: they come with the topic.
    pub(crate) fn new() -> Self {
        Self {
            slots: RwLock::default(),
            next_waiter: AtomicU64::new(1),
            wakes_at_ms: AtomicI64::new(i64::MAX),
            timer: Notify::new(),
        }
    }

    /// Makes a shard of every partition that has none; gives those, which are to be loaded.
    pub(crate) fn fill(
        &self,
        topic: &HostedTopic,
        make: impl Fn(Arc<Partition>) -> S,
    ) -> Vec<Arc<S>> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.resize(topic.replicas().len(), None);
        let mut new = Vec::new();
        for (slot, replica) in slots.iter_mut().zip(topic.replicas()) {
            if slot.is_none()
                && let Some(partition) = replica.online()
            {
                let shard = Arc::new(make(Arc::clone(partition)));
                new.push(Arc::clone(&shard));
                *slot = Some(shard);
            }
        }
        new
    }

    /// Every one.
    pub(crate) fn all(&self) -> Vec<Arc<S>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.iter().flatten().cloned().collect()
    }

    /// Those that are loaded.
    pub(crate) fn loaded(&self) -> Vec<Arc<S>> {
        let mut all = self.all();
        all.retain(|shard| shard.loading().is_done());
        all
    }

    /// Every one; an error where one is not loaded.
    pub(crate) async fn all_loaded(&self) -> Result<Vec<Arc<S>>, ErrorCode> {
        let all = self.all();
        for shard in &all {
            shard.loading().wait().await?;
        }
        Ok(all)
    }

    /// Whether every one is loaded.
    pub(crate) fn is_loaded(&self) -> bool {
        self.all().iter().all(|shard| shard.loading().is_done())
    }

    /// That of a partition, loaded or not.
    pub(crate) fn at(&self, partition: i32) -> Result<Arc<S>, ErrorCode> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(partition).ok();
        let shard = place.and_then(|place| slots.get(place)).cloned().flatten();
        shard.ok_or(ErrorCode::NotCoordinator)
    }

    /// That of a group or a transactional id, loaded or not.
    pub(crate) fn of(&self, id: &str) -> Result<Arc<S>, ErrorCode> {
        let count = self.slots.read().unwrap_or_else(PoisonError::into_inner).len();
        match i32::try_from(count) {
            Ok(count @ 1..) => self.at(partition_for(id, count)),
            Ok(_) | Err(_) => Err(ErrorCode::NotCoordinator),
        }
    }

    /// That of a group or a transactional id, once it is loaded.
    pub(crate) async fn loaded_of(&self, id: &str) -> Result<Arc<S>, ErrorCode> {
        let shard = self.of(id)?;
        shard.loading().wait().await?;
        Ok(shard)
    }

    /// The name of one more request that waits for its reply.
    pub(crate) fn new_waiter(&self) -> WaiterId {
        WaiterId(self.next_waiter.fetch_add(1, Ordering::Relaxed))
    }

    /// Says that a shard is loaded.
    pub(crate) fn has_loaded(&self, shard: &S) {
        shard.loading().0.send_replace(true);
        self.timer.notify_one();
    }

    /// Wakes the timer task where a shard wants to be looked at before that wakes by itself.
    pub(crate) fn wake_timer(&self, shard: &S) {
        let next = shard.next_deadline().unwrap_or(i64::MAX);
        if next < self.wakes_at_ms.load(Ordering::SeqCst) {
            self.timer.notify_one();
        }
    }

    /// Looks at each shard when its time has come, until the broker stops.
    pub(crate) async fn run_timers(&self, shared: &Shared, tick: impl Fn(&Arc<S>, i64)) {
        loop {
            // Open for every wake-up before the look at the shards: a deadline that is set during
            // the look is either seen by it or leaves its permit in `timer`.
            self.wakes_at_ms.store(i64::MAX, Ordering::SeqCst);
            // A shard that is being loaded is locked for long, and has no deadline.
            let shards = self.loaded();
            for shard in &shards {
                let now = now_ms();
                if shard.next_deadline().is_some_and(|due| due <= now) {
                    tick(shard, now);
                }
            }
            let deadlines = shards.iter().filter_map(|shard| shard.next_deadline());
            let next = deadlines.min().unwrap_or(i64::MAX);
            self.wakes_at_ms.store(next, Ordering::SeqCst);
            let wait = next.saturating_sub(now_ms()).clamp(LOOK_AGAIN_MS, 3_600_000);
            tokio::select! {
                biased;
                () = shared.stopping.wait() => return,
                () = tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())) => {}
                () = self.timer.notified() => {}
            }
        }
    }

    /// Gives up the shard of a partition that went offline.
    pub(crate) fn resign(&self, partition: i32) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let slot = usize::try_from(partition).ok().and_then(|place| slots.get_mut(place));
        let shard = slot.and_then(Option::take);
        drop(slots);
        if let Some(shard) = shard {
            shard.unload();
        }
    }

    /// Gives up all of them, since the broker stops.
    pub(crate) fn stop(&self) {
        self.all().iter().for_each(|shard| shard.unload());
    }
}

/// What is replayed.
pub(crate) enum Replayed<'a> {
    /// A record of a batch.
    Record(&'a BatchHeader, &'a Record),
    /// The end of a transaction.
    Marker(&'a BatchHeader, TxnMarker),
}

/// Gives everything that is in a partition to `take`, from its start on. Reads so many bytes at
/// once. The error says what could not be read, and where.
pub(crate) fn replay(
    partition: &Partition,
    bytes_at_once: usize,
    mut take: impl FnMut(Replayed<'_>),
) -> Result<(), String> {
    let mut offset = partition.log_start_offset();
    loop {
        let read = partition.read(offset, (bytes_at_once, true), Isolation::Uncommitted, None);
        let Some(range) = read.map_err(|code| code.to_string())?.range else { return Ok(()) };
        let bytes = range.read().map_err(|error| format!("at offset {offset}: {error}"))?;
        let next = replay_batches(&bytes, &mut take)
            .map_err(|error| format!("at offset {offset}: {error}"))?;
        if next <= offset {
            return Ok(());
        }
        offset = next;
    }
}

/// Replays whole batches; the offset after the last one.
fn replay_batches(
    bytes: &Bytes,
    take: &mut impl FnMut(Replayed<'_>),
) -> Result<Offset, ottla_record::BatchError> {
    let mut next = Offset::NONE;
    for batch in ottla_record::Batches::new(bytes) {
        let (header, batch) = batch?;
        next = header.next_offset();
        if header.attributes.is_control() {
            if let Some(marker) = TxnMarker::read(&header, ottla_record::body(batch)) {
                take(Replayed::Marker(&header, marker));
            }
            continue;
        }
        let (_, records) = ottla_record::decode_batch(&bytes.slice_ref(batch), usize::MAX)?;
        for (_, record) in &records {
            take(Replayed::Record(&header, record));
        }
    }
    Ok(next)
}
