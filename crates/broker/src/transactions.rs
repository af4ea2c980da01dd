//! The transaction coordinator's outer half: one shard per partition of `__transaction_state`, its
//! log, its timers, and the requests that wait for its replies.
//!
//! The rules are in `ottla-coordinator`; here its effects are carried out. Markers are written
//! under the shard's lock, before the client hears that its transaction ends, so that where no disk
//! has to be waited for the next one can begin at once. Lock order: a shard here, then a group's
//! shard or a partition. Kafka: `TransactionCoordinator`, `TransactionStateManager`.

mod load;
mod shard;

use std::sync::Arc;

use ottla_coordinator::{
    AddPartitions, ProducerIdAndEpoch, TransactionCall, TransactionConfig, TransactionEffects,
    TransactionReply, TransactionShard, TransactionVersion,
};
use ottla_types::{ErrorCode, ProducerId, TopicPartition};
use ottla_wire::Str;
use tokio::sync::oneshot;

use crate::{
    background,
    broker::Shared,
    clock::now_ms,
    partitions::HostedTopic,
    shards::{Shard as _, Shards},
};

use shard::{Shard, State};

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
    shards: Shards<Shard>,
    config: TransactionConfig,
    /// How long the end of a transaction is waited for before the next is refused.
    add_wait_ms: i64,
}

impl Transactions {
    /// No shards yet: they come with the topic.
    pub(crate) fn new(config: TransactionConfig, add_wait_ms: i64) -> Self {
        Self { shards: Shards::new(), config, add_wait_ms }
    }

    /// Makes a shard of every partition of `__transaction_state` and loads it in a thread.
    pub(crate) fn lead(&self, shared: &Arc<Shared>, topic: &Arc<HostedTopic>) {
        let new = self.shards.fill(topic, |partition| Shard::new(partition, self.config.clone()));
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
        self.shards.is_loaded()
    }

    /// Whether the partition is part of the producer's open transaction, as far as that is known
    /// at once and for sure. Where this is false, ask [`Transactions::verify`].
    pub(crate) fn is_part(
        &self,
        producer: TransactionalProducer<'_>,
        partition: &TopicPartition,
    ) -> bool {
        let Ok(shard) = self.shards.of(producer.transactional_id) else { return false };
        let place = (&*partition.topic, partition.partition);
        shard.loading().is_done()
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
        let shard = match self.shards.loaded_of(transactional_id).await {
            Ok(shard) => shard,
            Err(code) => return TransactionReply::refused(code),
        };
        let waiter = self.shards.new_waiter();
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
        let shard = self.shards.loaded_of(transactional_id).await?;
        let state = shard.lock();
        state.rules().map(look)
    }

    /// Looks at every shard; an error where one is not loaded.
    pub(crate) async fn view_all<T>(
        &self,
        mut look: impl FnMut(&TransactionShard) -> T,
    ) -> Result<Vec<T>, ErrorCode> {
        let shards = self.shards.all_loaded().await?;
        shards.iter().map(|shard| shard.lock().rules().map(&mut look)).collect()
    }

    /// Looks at every shard that is loaded.
    pub(crate) fn look_at_all(&self, mut look: impl FnMut(&TransactionShard)) {
        for shard in self.shards.loaded() {
            if let Ok(rules) = shard.lock().rules() {
                look(rules);
            }
        }
    }

    /// Transactional ids in all shards that are loaded.
    pub(crate) fn count(&self) -> usize {
        self.shards.loaded().iter().map(|shard| shard.lock().shard.len()).sum()
    }

    /// Aborts what takes too long, forgets what nobody uses and tries again what failed, until the
    /// broker stops.
    pub(crate) async fn run_timers(&self, shared: Arc<Shared>) {
        self.shards
            .run_timers(&shared, |shard, now| {
                self.run(&shared, shard, |state, effects| state.shard.tick(now, effects));
            })
            .await;
    }

    /// Answers everyone who waits, since the broker stops.
    pub(crate) fn stop(&self) {
        self.shards.stop();
    }

    /// Gives up the shard of a partition that went offline. Its ids have no coordinator then.
    pub(crate) fn resign(&self, partition: i32) {
        self.shards.resign(partition);
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
        self.shards.wake_timer(shard);
        if !outstanding.is_empty() {
            shared.spawn(shard::settle(Arc::clone(shared), Arc::clone(shard), outstanding));
        }
    }
}

fn all(partitions: &[TopicPartition], code: ErrorCode) -> Vec<(TopicPartition, ErrorCode)> {
    partitions.iter().map(|one| (one.clone(), code)).collect()
}
