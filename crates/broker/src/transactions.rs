//! The transaction coordinator's outer half: one shard per partition of `__transaction_state`, its
//! log, its timers, and the requests that wait for its replies.
//!
//! The rules are in `ottla-coordinator`; here its effects are carried out. Markers are written under
//! the shard's lock, before the client hears that its transaction ends, so that where no disk has
//! to be waited for the next one can begin at once. Lock order: a shard here, then a group's shard
//! or a partition. Kafka: `TransactionCoordinator`, `TransactionStateManager`.

mod load;
mod shard;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use ottla_coordinator::{
    AddPartitions, ProducerIdAndEpoch, TransactionCall, TransactionConfig, TransactionEffects,
    TransactionReply, TransactionShard, TransactionVersion, WaiterId, partition_for,
};
use ottla_types::{ErrorCode, ProducerId, TopicPartition};
use ottla_wire::Str;
use tokio::sync::{Notify, oneshot};

use crate::{background, broker::Shared, clock::now_ms, partitions::HostedTopic};

use shard::{Shard, State};

/// The least time between two looks at the timers: a deadline that stays due must not keep the
/// thread from its clients.
const LOOK_AGAIN_MS: i64 = 10;

/// A producer as it names itself in its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionalProducer<'a> {
    pub(crate) transactional_id: &'a str,
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: i16,
}

impl TransactionalProducer<'_> {
    fn identity(&self) -> ProducerIdAndEpoch {
        let Self { producer_id, producer_epoch, .. } = *self;
        ProducerIdAndEpoch { producer_id, producer_epoch }
    }
}

/// What is to be done about partitions that are not part of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// They are refused with TRANSACTION_ABORTABLE: the client adds partitions itself.
    Only,
    /// They are added, and a transaction begins where none is open.
    Add,
}

/// All shards.
#[derive(Debug)]
pub(crate) struct Transactions {
    /// By partition; none where that is offline.
    shards: RwLock<Vec<Option<Arc<Shard>>>>,
    config: TransactionConfig,
    /// How long the end of a transaction is waited for before the next is refused.
    add_wait_ms: i64,
    next_waiter: AtomicU64,
    /// When the timer task wakes next, in ms; a shard with an earlier deadline wakes it.
    wakes_at_ms: AtomicI64,
    timer: Notify,
}

impl Transactions {
    /// No shards yet: they come with the topic.
    pub(crate) fn new(config: TransactionConfig, add_wait_ms: i64) -> Self {
        Self {
            shards: RwLock::default(),
            config,
            add_wait_ms,
            next_waiter: AtomicU64::new(1),
            wakes_at_ms: AtomicI64::new(i64::MAX),
            timer: Notify::new(),
        }
    }

    /// Makes a shard of every partition of `__transaction_state` and loads it in a thread.
    pub(crate) fn lead(&self, shared: &Arc<Shared>, topic: &Arc<HostedTopic>) {
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        shards.resize(topic.replicas().len(), None);
        let mut new = Vec::new();
        for (slot, replica) in shards.iter_mut().zip(topic.replicas()) {
            if slot.is_none()
                && let Some(partition) = replica.online()
            {
                let shard = Arc::new(Shard::new(Arc::clone(partition), self.config.clone()));
                new.push(Arc::clone(&shard));
                *slot = Some(shard);
            }
        }
        drop(shards);
        if new.is_empty() {
            return;
        }
        let shared = Arc::clone(shared);
        let load = move || load::load_all(&shared, &new);
        if let Err(error) = background::spawn("ottla-txn-load", load) {
            tracing::error!("transactions cannot be loaded: {error}");
        }
    }

    /// Whether every shard is loaded.
    pub(crate) fn is_loaded(&self) -> bool {
        self.shards().iter().all(|shard| shard.is_loaded())
    }

    /// Whether the partition is part of the producer's open transaction, as far as that is known
    /// at once and for sure. Where this is false, ask [`Transactions::verify`].
    pub(crate) fn is_part(
        &self,
        producer: TransactionalProducer<'_>,
        partition: &TopicPartition,
    ) -> bool {
        let Ok(shard) = self.find(producer.transactional_id) else { return false };
        let place = (&*partition.topic, partition.partition);
        shard.is_loaded()
            && shard.lock().rules().is_ok_and(|rules| {
                rules.is_part(producer.transactional_id, producer.identity(), place)
            })
    }

    /// Whether each partition is part of the producer's open transaction; that is on the disk when
    /// this returns. An end of the last transaction that is under way is waited for, as long as
    /// `add.partitions.to.txn.retry.backoff.max.ms` says.
    pub(crate) async fn verify(
        &self,
        shared: &Arc<Shared>,
        producer: TransactionalProducer<'_>,
        partitions: &[TopicPartition],
        mode: Verify,
    ) -> Vec<(TopicPartition, ErrorCode)> {
        let transactional_id = producer.transactional_id;
        let identity = producer.identity();
        let places = partitions.iter().map(|one| (&*one.topic, one.partition));
        match mode {
            Verify::Only => self
                .view(transactional_id, |shard| {
                    let known = shard.verify_partitions(transactional_id, identity);
                    let code_of = |one: &TopicPartition| match &known {
                        Ok(known) if known.contains(&one.topic, one.partition) => ErrorCode::None,
                        Ok(_) => ErrorCode::TransactionAbortable,
                        Err(code) => *code,
                    };
                    partitions.iter().map(|one| (one.clone(), code_of(one))).collect()
                })
                .await
                .unwrap_or_else(|code| all(partitions, code)),
            Verify::Add => {
                let reply = self
                    .add(
                        shared,
                        AddPartitions {
                            transactional_id: Str::from(transactional_id),
                            producer: identity,
                            partitions: places.collect(),
                            client_version: TransactionVersion::V2,
                            wait_until_ms: self.wait_until_ms(),
                        },
                    )
                    .await;
                all(partitions, reply.code)
            }
        }
    }

    /// Adds partitions to a transaction.
    pub(crate) async fn add(
        &self,
        shared: &Arc<Shared>,
        request: AddPartitions,
    ) -> TransactionReply {
        let transactional_id = request.transactional_id.clone();
        self.call(shared, &transactional_id, |shard, call, effects| {
            shard.add_partitions(call, request, effects);
        })
        .await
    }

    /// Until when a request that comes now may wait for the end of the last transaction.
    pub(crate) fn wait_until_ms(&self) -> i64 {
        now_ms().saturating_add(self.add_wait_ms)
    }

    /// Whether a producer may have this timeout.
    pub(crate) fn is_timeout_allowed(&self, timeout_ms: i32) -> bool {
        timeout_ms > 0 && timeout_ms <= self.config.timeout_ms_max
    }

    /// Hands a request to the shard of its transactional id and waits for the reply.
    pub(crate) async fn call(
        &self,
        shared: &Arc<Shared>,
        transactional_id: &str,
        act: impl FnOnce(&mut TransactionShard, &TransactionCall, &mut TransactionEffects),
    ) -> TransactionReply {
        let shard = match self.loaded_shard(transactional_id).await {
            Ok(shard) => shard,
            Err(code) => return TransactionReply::refused(code),
        };
        let waiter = WaiterId(self.next_waiter.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        let call = TransactionCall { now_ms: now_ms(), waiter };
        self.run(shared, &shard, |state, effects| {
            state.waiters.insert(waiter, sender);
            act(&mut state.shard, &call, effects);
        });
        let dropped = |_| TransactionReply::refused(ErrorCode::NotCoordinator);
        receiver.await.unwrap_or_else(dropped)
    }

    /// Looks at the shard of a transactional id.
    pub(crate) async fn view<T>(
        &self,
        transactional_id: &str,
        look: impl FnOnce(&TransactionShard) -> T,
    ) -> Result<T, ErrorCode> {
        let shard = self.loaded_shard(transactional_id).await?;
        let state = shard.lock();
        state.rules().map(look)
    }

    /// Looks at every shard; an error where one is not loaded.
    pub(crate) async fn view_all<T>(
        &self,
        mut look: impl FnMut(&TransactionShard) -> T,
    ) -> Result<Vec<T>, ErrorCode> {
        let shards = self.shards();
        for shard in &shards {
            shard.wait_loaded().await?;
        }
        shards.iter().map(|shard| shard.lock().rules().map(&mut look)).collect()
    }

    /// Transactional ids in all shards that are loaded.
    pub(crate) fn count(&self) -> usize {
        let shards = self.shards();
        let loaded = shards.iter().filter(|shard| shard.is_loaded());
        loaded.map(|shard| shard.lock().shard.len()).sum()
    }

    /// Aborts what takes too long, forgets what nobody uses and tries again what failed, until the
    /// broker stops.
    pub(crate) async fn run_timers(&self, shared: Arc<Shared>) {
        loop {
            // Open for every wake-up before the look at the shards: a deadline that is set during
            // the look is either seen by it or leaves its permit in `timer`.
            self.wakes_at_ms.store(i64::MAX, Ordering::SeqCst);
            let mut shards = self.shards();
            shards.retain(|shard| shard.is_loaded());
            for shard in &shards {
                let now = now_ms();
                if shard.next_deadline().is_some_and(|due| due <= now) {
                    self.run(&shared, shard, |state, effects| state.shard.tick(now, effects));
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

    /// Answers everyone who waits, since the broker stops.
    pub(crate) fn stop(&self) {
        for shard in self.shards() {
            shard.unload();
        }
    }

    /// Gives up the shard of a partition that went offline. Its ids have no coordinator then.
    pub(crate) fn resign(&self, partition: i32) {
        let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
        let slot = usize::try_from(partition).ok().and_then(|place| shards.get_mut(place));
        let shard = slot.and_then(Option::take);
        drop(shards);
        if let Some(shard) = shard {
            shard.unload();
        }
    }

    /// Lets a shard act and carries out what it asks for. What has to wait for the disk, or for a
    /// producer id, goes on in a task of its own: a client that leaves must not leave its shard
    /// half done.
    fn run(
        &self,
        shared: &Arc<Shared>,
        shard: &Arc<Shard>,
        act: impl FnOnce(&mut State, &mut TransactionEffects),
    ) {
        let outstanding = {
            let mut state = shard.lock();
            if state.is_given_up() {
                return;
            }
            let mut effects = TransactionEffects::default();
            shard.set_version(shared, &mut state);
            act(&mut state, &mut effects);
            shard.carry_out(shared, &mut state, &mut effects)
        };
        self.wake_timer(shard);
        if !outstanding.is_empty() {
            shared.spawn(shard::settle(Arc::clone(shared), Arc::clone(shard), outstanding));
        }
    }

    fn wake_timer(&self, shard: &Shard) {
        let next = shard.next_deadline().unwrap_or(i64::MAX);
        if next < self.wakes_at_ms.load(Ordering::SeqCst) {
            self.timer.notify_one();
        }
    }

    /// The shard of a transactional id, whether it is loaded or not.
    fn find(&self, transactional_id: &str) -> Result<Arc<Shard>, ErrorCode> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        let count = i32::try_from(shards.len()).unwrap_or(i32::MAX);
        let place = usize::try_from(partition_for(transactional_id, count)).unwrap_or(0);
        shards.get(place).cloned().flatten().ok_or(ErrorCode::NotCoordinator)
    }

    async fn loaded_shard(&self, transactional_id: &str) -> Result<Arc<Shard>, ErrorCode> {
        let shard = self.find(transactional_id)?;
        shard.wait_loaded().await?;
        Ok(shard)
    }

    fn shards(&self) -> Vec<Arc<Shard>> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        shards.iter().flatten().cloned().collect()
    }
}

fn all(partitions: &[TopicPartition], code: ErrorCode) -> Vec<(TopicPartition, ErrorCode)> {
    partitions.iter().map(|one| (one.clone(), code)).collect()
}
