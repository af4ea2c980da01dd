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
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::BytesMut;
use ottla_coordinator::{
    Append, AppendKind, AppendToken, Call, CoordinatorRecord, Effects, GroupConfig, GroupShard,
    Reply, WaiterId,
};
use ottla_log::{AppendOrigin, EndMarker, Verification};
use ottla_record::{BatchBuilder, BuilderOptions};
use ottla_types::{ErrorCode, Offset, TopicName, Uuid};
use tokio::sync::oneshot;

use crate::{
    api::Context,
    background,
    broker::Shared,
    clock::now_ms,
    partition::{Partition, WaitFor},
    partitions::HostedTopic,
    settings::TopicSettings,
    shards::{self, Loading, Shards},
};

/// All shards.
#[derive(Debug)]
pub(crate) struct Groups {
    shards: Shards<Shard>,
    config: GroupConfig,
}

/// One shard and what belongs to it.
#[derive(Debug)]
struct Shard {
    partition: Arc<Partition>,
    state: Mutex<State>,
    loading: Loading,
}

#[derive(Debug)]
struct State {
    shard: GroupShard,
    waiters: HashMap<WaiterId, oneshot::Sender<Reply>>,
    /// Those who wait for the end of a transaction.
    enders: HashMap<WaiterId, oneshot::Sender<ErrorCode>>,
    /// What the shard knew is forgotten, and whoever still has it must not take it for all there
    /// is: a member would be unknown, and a group without offsets would begin anew.
    is_given_up: bool,
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
        Self { shards: Shards::new(), config }
    }

    /// Makes a shard of every partition of `__consumer_offsets` and loads it in a thread.
    pub(crate) fn lead(&self, shared: &Arc<Shared>, topic: &Arc<HostedTopic>) {
        let new = self.shards.fill(topic, |partition| Shard::new(partition, self.config.clone()));
        let shared = Arc::clone(shared);
        let load = move || load::load_all(&shared, &new);
        if let Err(error) = background::spawn("ottla-group-load", load) {
            tracing::error!("groups cannot be loaded: {error}");
        }
    }

    /// Whether every shard is loaded.
    pub(crate) fn is_loaded(&self) -> bool {
        self.shards.is_loaded()
    }

    /// Groups in all shards that are loaded.
    pub(crate) fn count(&self) -> usize {
        let shards = self.shards.loaded();
        shards.iter().map(|shard| shard.lock().shard.list_groups(&[], &[]).len()).sum()
    }

    /// Hands a request to the shard of its group and waits for the reply.
    pub(crate) async fn call(
        &self,
        ctx: &Context,
        group_id: &str,
        act: impl FnOnce(&mut GroupShard, &Call<'_>, &mut Effects),
    ) -> Result<Reply, ErrorCode> {
        let shard = self.shards.loaded_of(group_id).await?;
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
        let waiter = self.shards.new_waiter();
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
        receiver.await.map_err(|_dropped| ErrorCode::NotCoordinator)
    }

    /// Looks at a shard that is loaded.
    pub(crate) async fn view<T>(
        &self,
        group_id: &str,
        look: impl FnOnce(&GroupShard) -> T,
    ) -> Result<T, ErrorCode> {
        let shard = self.shards.loaded_of(group_id).await?;
        let state = shard.lock();
        state.rules().map(look)
    }

    /// Looks at every shard; an error where one is not loaded, or no longer.
    pub(crate) async fn view_all<T>(
        &self,
        mut look: impl FnMut(&GroupShard) -> T,
    ) -> Result<Vec<T>, ErrorCode> {
        let shards = self.shards.all_loaded().await?;
        let looks = shards.iter().map(|shard| shard.lock().rules().map(&mut look));
        // Who asks for all groups asks for none of them in particular, so it is not told to look
        // for another coordinator.
        looks.collect::<Result<_, _>>().map_err(|_given_up| ErrorCode::CoordinatorNotAvailable)
    }

    /// Looks at the shard of a group, if it is loaded.
    pub(crate) fn look<T>(&self, group_id: &str, look: impl FnOnce(&GroupShard) -> T) -> Option<T> {
        let shard = self.shards.of(group_id).ok().filter(|shard| shard.loading.is_done())?;
        let state = shard.lock();
        state.rules().ok().map(look)
    }

    /// Looks at every shard that is loaded.
    pub(crate) fn look_at_all(&self, mut look: impl FnMut(&GroupShard)) {
        for shard in self.shards.loaded() {
            let _given_up = shard.lock().rules().map(&mut look);
        }
    }

    /// Forgets the offsets of a deleted topic.
    pub(crate) fn remove_topic(&self, shared: &Arc<Shared>, topic: &TopicName, id: Uuid) {
        for shard in self.shards.all() {
            self.run(shared, &shard, |state, effects| {
                state.shard.remove_topic(now_ms(), topic, id, effects);
            });
        }
    }

    /// Expires sessions, rebalances and offsets until the broker stops.
    pub(crate) async fn run_timers(&self, shared: Arc<Shared>) {
        self.shards
            .run_timers(&shared, |shard, now| {
                self.run(&shared, shard, |state, effects| state.shard.tick(now, effects));
            })
            .await;
    }

    /// Answers everyone who is parked, since the broker stops.
    pub(crate) fn stop(&self) {
        self.shards.stop();
    }

    /// Gives up the shard of a partition that went offline. Its groups have no coordinator then.
    pub(crate) fn resign(&self, partition: i32) {
        self.shards.resign(partition);
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
            if state.is_given_up {
                return;
            }
            act(&mut state, &mut effects);
            let pending = shard.carry_out(&mut state, settings.as_deref(), aside, &mut effects);
            // Under the lock, so that whoever looks at the state knows of what led to it.
            shared.journal.groups(&mut effects);
            pending
        };
        self.shards.wake_timer(shard);
        if !pending.is_empty() {
            shared.spawn(settle(Arc::clone(shared), Arc::clone(shard), settings, pending));
        }
    }
}

impl State {
    /// The rules, unless the shard was given up.
    fn rules(&self) -> Result<&GroupShard, ErrorCode> {
        if self.is_given_up { Err(ErrorCode::NotCoordinator) } else { Ok(&self.shard) }
    }

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

impl shards::Shard for Shard {
    fn loading(&self) -> &Loading {
        &self.loading
    }

    fn next_deadline(&self) -> Option<i64> {
        self.lock().shard.next_deadline()
    }

    fn unload(&self) {
        let mut effects = Effects::default();
        let mut state = self.lock();
        state.shard.unload(&mut effects);
        state.is_given_up = true;
        state.send(&mut effects);
    }
}

impl Shard {
    /// A shard that is to be loaded.
    fn new(partition: Arc<Partition>, config: GroupConfig) -> Self {
        let shard = GroupShard::new(config);
        let state =
            State { shard, waiters: HashMap::new(), enders: HashMap::new(), is_given_up: false };
        Self { partition, state: Mutex::new(state), loading: Loading::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        if state.is_given_up {
            return;
        }
        match result {
            Ok(()) => state.shard.append_committed(now_ms(), last.token, &mut effects),
            Err(code) => state.shard.append_failed(now_ms(), last.token, code, &mut effects),
        }
        let settings = settings.as_deref();
        pending.extend(shard.carry_out(&mut state, settings, Aside::None, &mut effects));
        shared.journal.groups(&mut effects);
        drop(state);
        shared.groups.shards.wake_timer(&shard);
    }
}
