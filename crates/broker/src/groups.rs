//! The group coordinator's outer half: one shard per partition of `__consumer_offsets`, its log,
//! its timers, and the requests that wait for its replies.
//!
//! The rules are in `ottla-coordinator`; here its effects are carried out. Appends of a shard are
//! written in the order it asked for them, under its lock; where the disk has to be waited for,
//! that happens outside of the lock. Kafka: `CoordinatorRuntime`, `GroupCoordinatorService`.

mod load;
mod transactional;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use ottla_coordinator::{
    Append, AppendKind, AppendToken, Call, CoordinatorRecord, Effects, GroupConfig, GroupShard,
    Reply, WaiterId, partition_for,
};
use ottla_log::{AppendOrigin, EndMarker, Verification};
use ottla_record::{BatchBuilder, BuilderOptions};
use ottla_types::{ErrorCode, Offset, TopicName, Uuid};
use tokio::sync::{Notify, oneshot, watch};

use crate::{
    api::Context,
    background,
    broker::Shared,
    clock::now_ms,
    partition::{Partition, WaitFor},
    partitions::HostedTopic,
    settings::TopicSettings,
};

/// How long a request waits for its shard to be loaded before it is told to come back.
const LOAD_WAIT: Duration = Duration::from_secs(5);

/// The least time between two looks at the timers: a deadline that stays due must not keep the
/// thread from its clients.
const LOOK_AGAIN_MS: i64 = 10;

/// All shards.
#[derive(Debug)]
pub(crate) struct Groups {
    /// By partition; none where that is offline.
    shards: RwLock<Vec<Option<Arc<Shard>>>>,
    config: GroupConfig,
    next_waiter: AtomicU64,
    /// When the timer task wakes next, in ms; a shard with an earlier deadline wakes it.
    wakes_at_ms: AtomicI64,
    timer: Notify,
}

/// One shard and what belongs to it.
#[derive(Debug)]
struct Shard {
    partition: Arc<Partition>,
    state: Mutex<State>,
    is_loaded: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    shard: GroupShard,
    waiters: HashMap<WaiterId, oneshot::Sender<Reply>>,
    /// Those who wait for the end of a transaction.
    enders: HashMap<WaiterId, oneshot::Sender<ErrorCode>>,
}

/// An append whose records are in the log and not yet safe.
struct Unsafe {
    token: AppendToken,
    last_offset: Offset,
    wait_for: WaitFor,
}

/// What the shard's rules know nothing of and its next batch needs.
#[derive(Clone, Copy, Debug)]
enum Aside {
    None,
    /// What is known of the transaction that the batch is part of.
    Verified(Verification),
    /// The marker to write.
    Marker(EndMarker),
}

impl Aside {
    fn verification(self) -> Verification {
        match self {
            Self::Verified(verification) => verification,
            Self::None | Self::Marker(_) => Verification::None,
        }
    }
}

impl Groups {
    /// No shards yet: they come with the topic.
    pub(crate) fn new(config: GroupConfig) -> Self {
        Self {
            shards: RwLock::default(),
            config,
            next_waiter: AtomicU64::new(1),
            wakes_at_ms: AtomicI64::new(i64::MAX),
            timer: Notify::new(),
        }
    }

    /// Makes a shard of every partition of `__consumer_offsets` and loads it in a thread.
    pub(crate) fn lead(&self, shared: &Arc<Shared>, topic: &Arc<HostedTopic>) {
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        shards.resize(topic.replicas().len(), None);
        let mut new = Vec::new();
        for (slot, replica) in shards.iter_mut().zip(topic.replicas()) {
            if slot.is_none()
                && let Some(partition) = replica.online()
            {
                let shard = Arc::new(Shard {
                    partition: Arc::clone(partition),
                    state: Mutex::new(State {
                        shard: GroupShard::new(self.config.clone()),
                        waiters: HashMap::new(),
                        enders: HashMap::new(),
                    }),
                    is_loaded: watch::Sender::new(false),
                });
                new.push(Arc::clone(&shard));
                *slot = Some(shard);
            }
        }
        drop(shards);
        let shared = Arc::clone(shared);
        let load = move || {
            for shard in &new {
                load::load(&shared, shard);
            }
        };
        if let Err(error) = background::spawn("ottla-group-load", load) {
            tracing::error!("groups cannot be loaded: {error}");
        }
    }

    /// Whether every shard is loaded.
    pub(crate) fn is_loaded(&self) -> bool {
        self.shards().iter().all(|shard| shard.is_loaded())
    }

    /// Groups in all shards that are loaded.
    pub(crate) fn count(&self) -> usize {
        let shards = self.shards();
        let loaded = shards.iter().filter(|shard| shard.is_loaded());
        loaded.map(|shard| shard.lock().shard.list_groups(&[], &[]).len()).sum()
    }

    /// Hands a request to the shard of its group and waits for the reply.
    pub(crate) async fn call(
        &self,
        ctx: &Context,
        group_id: &str,
        act: impl FnOnce(&mut GroupShard, &Call<'_>, &mut Effects),
    ) -> Result<Reply, ErrorCode> {
        let shard = self.shard_of(group_id).await?;
        self.call_on(ctx, &shard, Aside::None, act).await
    }

    /// The same for a shard that is known to be loaded.
    async fn call_on(
        &self,
        ctx: &Context,
        shard: &Arc<Shard>,
        aside: Aside,
        act: impl FnOnce(&mut GroupShard, &Call<'_>, &mut Effects),
    ) -> Result<Reply, ErrorCode> {
        let waiter = self.new_waiter();
        let (sender, receiver) = oneshot::channel();
        let client_host = format!("/{}", ctx.peer.remote.ip());
        let call = Call {
            now_ms: now_ms(),
            waiter,
            version: ctx.version,
            client_id: ctx.client_id.as_deref().unwrap_or_default(),
            client_host: &client_host,
        };
        self.run_with(&ctx.shared, shard, aside, |state, effects| {
            state.waiters.insert(waiter, sender);
            act(&mut state.shard, &call, effects);
        });
        receiver.await.map_err(|_dropped| ErrorCode::CoordinatorNotAvailable)
    }

    /// Looks at a shard that is loaded.
    pub(crate) async fn view<T>(
        &self,
        group_id: &str,
        look: impl FnOnce(&GroupShard) -> T,
    ) -> Result<T, ErrorCode> {
        let shard = self.shard_of(group_id).await?;
        let state = shard.lock();
        Ok(look(&state.shard))
    }

    /// Looks at every shard; an error where one is not loaded.
    pub(crate) async fn view_all<T>(
        &self,
        mut look: impl FnMut(&GroupShard) -> T,
    ) -> Result<Vec<T>, ErrorCode> {
        let shards = self.shards();
        for shard in &shards {
            shard.wait_loaded().await?;
        }
        Ok(shards.iter().map(|shard| look(&shard.lock().shard)).collect())
    }

    /// Looks at the shard of a group, if it is loaded.
    pub(crate) fn look<T>(&self, group_id: &str, look: impl FnOnce(&GroupShard) -> T) -> Option<T> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        let count = i32::try_from(shards.len()).ok().filter(|count| *count > 0)?;
        let place = usize::try_from(partition_for(group_id, count)).ok()?;
        let shard = shards.get(place)?.clone().filter(|shard| shard.is_loaded())?;
        drop(shards);
        let state = shard.lock();
        Some(look(&state.shard))
    }

    /// Looks at every shard that is loaded.
    pub(crate) fn look_at_all(&self, mut look: impl FnMut(&GroupShard)) {
        for shard in self.shards().iter().filter(|shard| shard.is_loaded()) {
            look(&shard.lock().shard);
        }
    }

    /// Forgets the offsets of a deleted topic.
    pub(crate) fn remove_topic(&self, shared: &Arc<Shared>, topic: &TopicName, id: Uuid) {
        for shard in self.shards() {
            self.run(shared, &shard, |state, effects| {
                state.shard.remove_topic(now_ms(), topic, id, effects);
            });
        }
    }

    /// Expires sessions, rebalances and offsets until the broker stops.
    pub(crate) async fn run_timers(&self, shared: Arc<Shared>) {
        loop {
            // Open for every wake-up before the look at the shards: a deadline that is set during
            // the look is either seen by it or leaves its permit in `timer`.
            self.wakes_at_ms.store(i64::MAX, Ordering::SeqCst);
            // A shard that is being loaded is locked for long, and has no deadline.
            let mut shards = self.shards();
            shards.retain(|shard| shard.is_loaded());
            for shard in &shards {
                let now = now_ms();
                if shard.lock().shard.next_deadline().is_some_and(|due| due <= now) {
                    self.run(&shared, shard, |state, effects| state.shard.tick(now, effects));
                }
            }
            let deadlines = shards.iter().filter_map(|shard| shard.lock().shard.next_deadline());
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

    /// Answers everyone who is parked, since the broker stops.
    pub(crate) fn stop(&self) {
        for shard in self.shards() {
            shard.unload();
        }
    }

    /// Gives up the shard of a partition that went offline. Its groups have no coordinator then.
    pub(crate) fn resign(&self, partition: i32) {
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        let slot = usize::try_from(partition).ok().and_then(|place| shards.get_mut(place));
        let shard = slot.and_then(Option::take);
        drop(shards);
        if let Some(shard) = shard {
            shard.unload();
        }
    }

    /// Lets a shard act and carries out what it asks for. What has to wait for the disk goes on in
    /// a task of its own: a client that leaves must not leave its shard half done.
    fn run(
        &self,
        shared: &Arc<Shared>,
        shard: &Arc<Shard>,
        act: impl FnOnce(&mut State, &mut Effects),
    ) {
        self.run_with(shared, shard, Aside::None, act);
    }

    /// The same where something of the broker's goes with the batch that the shard asks for.
    fn run_with(
        &self,
        shared: &Arc<Shared>,
        shard: &Arc<Shard>,
        aside: Aside,
        act: impl FnOnce(&mut State, &mut Effects),
    ) {
        let settings = shared.partitions.topic(TopicName::CONSUMER_OFFSETS).map(|t| t.settings());
        let mut effects = Effects::default();
        let pending = {
            let mut state = shard.lock();
            act(&mut state, &mut effects);
            shard.carry_out(&mut state, settings.as_deref(), aside, &mut effects)
        };
        shared.journal.groups(&mut effects.notes);
        self.wake_timer(shard);
        if !pending.is_empty() {
            shared.spawn(settle(Arc::clone(shared), Arc::clone(shard), settings, pending));
        }
    }

    fn new_waiter(&self) -> WaiterId {
        WaiterId(self.next_waiter.fetch_add(1, Ordering::Relaxed))
    }

    fn wake_timer(&self, shard: &Shard) {
        let next = shard.lock().shard.next_deadline().unwrap_or(i64::MAX);
        if next < self.wakes_at_ms.load(Ordering::SeqCst) {
            self.timer.notify_one();
        }
    }

    async fn shard_of(&self, group_id: &str) -> Result<Arc<Shard>, ErrorCode> {
        let shard = {
            let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
            let count = i32::try_from(shards.len()).unwrap_or(i32::MAX);
            if count == 0 {
                return Err(ErrorCode::NotCoordinator);
            }
            let place = usize::try_from(partition_for(group_id, count)).unwrap_or(0);
            shards.get(place).cloned().flatten().ok_or(ErrorCode::NotCoordinator)?
        };
        shard.wait_loaded().await?;
        Ok(shard)
    }

    fn shard_at(&self, partition: i32) -> Result<Arc<Shard>, ErrorCode> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(partition).ok();
        let shard = place.and_then(|place| shards.get(place)).cloned().flatten();
        shard.ok_or(ErrorCode::NotCoordinator)
    }

    fn shards(&self) -> Vec<Arc<Shard>> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        shards.iter().flatten().cloned().collect()
    }
}

impl State {
    fn send(&mut self, effects: &mut Effects) {
        for (waiter, reply) in effects.replies.drain(..) {
            if let Reply::EndTransaction(code) = reply {
                let sender = self.enders.remove(&waiter);
                let _gone = sender.map(|sender| sender.send(code));
            } else if let Some(sender) = self.waiters.remove(&waiter) {
                // The client may have gone; then nobody wants the reply.
                drop(sender.send(reply));
            }
        }
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_loaded(&self) -> bool {
        *self.is_loaded.borrow()
    }

    fn unload(&self) {
        let mut effects = Effects::default();
        let mut state = self.lock();
        state.shard.unload(&mut effects);
        state.send(&mut effects);
    }

    async fn wait_loaded(&self) -> Result<(), ErrorCode> {
        let mut receiver = self.is_loaded.subscribe();
        let loaded = tokio::time::timeout(LOAD_WAIT, receiver.wait_for(|loaded| *loaded)).await;
        if matches!(loaded, Ok(Ok(_))) { Ok(()) } else { Err(ErrorCode::CoordinatorLoadInProgress) }
    }

    /// Sends replies and writes appends until nothing is left but what waits for the disk.
    fn carry_out(
        &self,
        state: &mut State,
        settings: Option<&TopicSettings>,
        aside: Aside,
        effects: &mut Effects,
    ) -> Vec<Unsafe> {
        let mut pending = Vec::new();
        loop {
            state.send(effects);
            let appends = std::mem::take(&mut effects.appends);
            if appends.is_empty() {
                return pending;
            }
            for append in appends {
                let token = append.token;
                match settings
                    .ok_or(ErrorCode::NotCoordinator)
                    .and_then(|s| self.write(s, aside, &append))
                {
                    Ok(None) => state.shard.append_committed(now_ms(), token, effects),
                    Ok(Some((last_offset, wait_for))) => {
                        pending.push(Unsafe { token, last_offset, wait_for });
                    }
                    Err(code) => state.shard.append_failed(now_ms(), token, code, effects),
                }
            }
        }
    }

    /// Writes one batch; the last offset if it has to be waited for.
    fn write(
        &self,
        settings: &TopicSettings,
        aside: Aside,
        append: &Append,
    ) -> Result<Option<(Offset, WaitFor)>, ErrorCode> {
        let now = now_ms();
        let mut options = BuilderOptions {
            compression: settings.offsets_compression,
            ..BuilderOptions::default()
        };
        let mut origin = AppendOrigin::COORDINATOR;
        let appended = match (append.kind, aside) {
            (AppendKind::EndTransaction { .. }, Aside::Marker(marker)) => {
                self.partition.append_end_marker(settings, &marker, now)
            }
            (AppendKind::EndTransaction { .. }, _) => return Err(ErrorCode::UnknownServerError),
            (kind, aside) => {
                if let AppendKind::Transactional { producer_id, producer_epoch } = kind {
                    options.transactional = true;
                    (options.producer_id, options.producer_epoch) = (producer_id, producer_epoch);
                    origin = AppendOrigin::Coordinator(aside.verification());
                }
                let mut batch = batch_of(&append.records, options, now)?;
                if batch.len() > settings.max_message_bytes {
                    return Err(ErrorCode::MessageTooLarge);
                }
                self.partition.append_from(origin, &mut batch, -1, now)
            }
        };
        let appended = appended.map_err(|refused| refused.code)?;
        Ok(appended.wait_for.map(|wait_for| (appended.last_offset, wait_for)))
    }
}

fn batch_of(
    records: &[CoordinatorRecord],
    options: BuilderOptions,
    now_ms: i64,
) -> Result<BytesMut, ErrorCode> {
    let mut batch = BatchBuilder::new(options);
    for CoordinatorRecord { key, value } in records {
        batch
            .append_parts(now_ms, Some(key), value.as_deref(), std::iter::empty())
            .map_err(|error| error.code())?;
    }
    batch.finish().map_err(|error| error.code())
}

/// Waits for the disk; what becomes safe may ask for more.
async fn settle(
    shared: Arc<Shared>,
    shard: Arc<Shard>,
    settings: Option<Arc<TopicSettings>>,
    mut pending: Vec<Unsafe>,
) {
    while let Some(last) = pending.pop() {
        let result = shard.partition.wait(last.last_offset, last.wait_for).await;
        let mut effects = Effects::default();
        let mut state = shard.lock();
        match result {
            Ok(()) => state.shard.append_committed(now_ms(), last.token, &mut effects),
            Err(code) => state.shard.append_failed(now_ms(), last.token, code, &mut effects),
        }
        let settings = settings.as_deref();
        pending.extend(shard.carry_out(&mut state, settings, Aside::None, &mut effects));
        drop(state);
        shared.journal.groups(&mut effects.notes);
        shared.groups.wake_timer(&shard);
    }
}
