//! One shard and what belongs to it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ottla_coordinator::{
    AppendToken, CommitWhen, CoordinatorRecord, ProducerIdAndEpoch, TransactionConfig,
    TransactionEffects, TransactionMarkers, TransactionReply, TransactionShard, TransactionVersion,
    WaiterId,
};
use ottla_metadata::feature;
use ottla_record::{BatchBuilder, BuilderOptions};
use ottla_types::{ErrorCode, Offset, TopicName, TopicPartition};
use ottla_wire::Str;
use tokio::sync::oneshot;

use crate::{
    broker::Shared,
    clock::now_ms,
    journal::Event,
    markers::{self, MarkerEntry, Unsettled},
    partition::{Partition, WaitFor},
    shards::{self, Loading},
};

/// A shard with its partition.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) partition: Arc<Partition>,
    state: Mutex<State>,
    loading: Loading,
}

/// What the lock of a shard is around.
#[derive(Debug)]
pub(super) struct State {
    pub(super) shard: TransactionShard,
    pub(super) waiters: HashMap<WaiterId, oneshot::Sender<TransactionReply>>,
    /// What the shard knew is forgotten, and whoever still has it must not take it for all there
    /// is: an id that seems to be unknown would get a new producer, and the old one no fence.
    is_given_up: bool,
}

/// What cannot be done at once.
#[derive(Debug)]
pub(super) enum Outstanding {
    /// An append is in the log and not yet safe.
    Append { token: AppendToken, last_offset: Offset, wait_for: WaitFor },
    /// Some of a transaction's markers are not yet safe.
    Markers(PendingMarkers),
    /// A producer id is to be fetched.
    ProducerId,
}

/// The markers of a transaction.
#[derive(Debug)]
pub(super) struct PendingMarkers {
    transactional_id: Str,
    producer: ProducerIdAndEpoch,
    results: Vec<(TopicPartition, Result<Option<Unsettled>, ErrorCode>)>,
}

impl State {
    /// The rules, unless the shard was given up.
    pub(super) fn rules(&self) -> Result<&TransactionShard, ErrorCode> {
        if self.is_given_up { Err(ErrorCode::NotCoordinator) } else { Ok(&self.shard) }
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    fn send(&mut self, effects: &mut TransactionEffects) {
        for (waiter, reply) in effects.replies.drain(..) {
            if let Some(sender) = self.waiters.remove(&waiter) {
                // The client may have gone; then nobody wants the reply.
                let _gone = sender.send(reply);
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
        let mut effects = TransactionEffects::default();
        let mut state = self.lock();
        state.shard.unload(&mut effects);
        state.is_given_up = true;
        state.send(&mut effects);
    }
}

impl Shard {
    /// A shard that is to be loaded.
    pub(super) fn new(partition: Arc<Partition>, config: TransactionConfig) -> Self {
        let state = State {
            shard: TransactionShard::new(config),
            waiters: HashMap::new(),
            is_given_up: false,
        };
        Self { partition, state: Mutex::new(state), loading: Loading::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the rules which level of `transaction.version` is finalized.
    #[expect(clippy::unused_self, reason = "the level will be one of a partition's leader")]
    pub(super) fn set_version(&self, shared: &Shared, state: &mut State) {
        let level = feature::finalized_level(&shared.image(), feature::TRANSACTION_VERSION);
        state.shard.set_version(TransactionVersion(level));
    }

    /// Does what a shard asks for until nothing is left but what takes time.
    pub(super) fn carry_out(
        &self,
        shared: &Arc<Shared>,
        state: &mut State,
        effects: &mut TransactionEffects,
    ) -> Vec<Outstanding> {
        let mut outstanding = Vec::new();
        loop {
            shared.journal.transactions(&mut effects.notes);
            state.send(effects);
            let appends = std::mem::take(&mut effects.appends);
            let markers = std::mem::take(&mut effects.markers);
            if std::mem::take(&mut effects.wants_producer_id) {
                match shared.producer_ids.try_next() {
                    Some(id) => state.shard.supply_producer_id(now_ms(), Ok(id), effects),
                    None => outstanding.push(Outstanding::ProducerId),
                }
            } else if appends.is_empty() && markers.is_empty() {
                return outstanding;
            }
            for append in appends {
                let token = append.token;
                match self.write(shared, &append.records) {
                    Ok(Some((last_offset, wait_for))) if append.commit_when == CommitWhen::Safe => {
                        outstanding.push(Outstanding::Append { token, last_offset, wait_for });
                    }
                    Ok(_) => state.shard.append_committed(now_ms(), token, effects),
                    Err(code) => state.shard.append_failed(now_ms(), token, code, effects),
                }
            }
            for markers in markers {
                let pending = self.write_markers(shared, markers);
                if pending.is_settled() {
                    pending.report(shared, &mut state.shard, effects);
                } else {
                    outstanding.push(Outstanding::Markers(pending));
                }
            }
        }
    }

    /// Writes records as one batch; the last offset if it has to be waited for.
    fn write(
        &self,
        shared: &Shared,
        records: &[CoordinatorRecord],
    ) -> Result<Option<(Offset, WaitFor)>, ErrorCode> {
        let topic = shared.partitions.topic(TopicName::TRANSACTION_STATE);
        let settings = topic.ok_or(ErrorCode::NotCoordinator)?.settings();
        let now = now_ms();
        let mut batch = BatchBuilder::new(BuilderOptions::default());
        for CoordinatorRecord { key, value } in records {
            batch
                .append_parts(now, Some(key), value.as_deref(), std::iter::empty())
                .map_err(|error| error.code())?;
        }
        let mut batch = batch.finish().map_err(|error| error.code())?;
        if batch.len() > settings.max_message_bytes {
            return Err(ErrorCode::MessageTooLarge);
        }
        let appended =
            self.partition.append_checked(&mut batch, -1, now).map_err(|refused| refused.code)?;
        Ok(appended.wait_for.map(|wait_for| (appended.last_offset, wait_for)))
    }

    fn write_markers(&self, shared: &Arc<Shared>, markers: TransactionMarkers) -> PendingMarkers {
        let named = |(topic, partition): (&Str, i32)| {
            // A name that is none is no topic of this broker.
            TopicName::new(topic).ok().map(|topic| TopicPartition::new(topic, partition))
        };
        let partitions: Vec<_> = markers.partitions.iter().filter_map(named).collect();
        let entry = MarkerEntry {
            producer_id: markers.producer.producer_id,
            producer_epoch: markers.producer.producer_epoch,
            coordinator_epoch: self.partition.leader_epoch(),
            result: markers.result,
            transaction_version: markers.version.0,
            partitions,
        };
        PendingMarkers {
            transactional_id: markers.transactional_id,
            producer: markers.producer,
            results: markers::write(shared, &entry)
                .into_iter()
                .map(|(place, written)| (place, written.and_then(try_settle)))
                .collect(),
        }
    }
}

fn try_settle(written: Option<Unsettled>) -> Result<Option<Unsettled>, ErrorCode> {
    written.map_or(Ok(None), Unsettled::try_settle)
}

impl PendingMarkers {
    fn is_settled(&self) -> bool {
        self.results.iter().all(|(_, result)| !matches!(result, Ok(Some(_))))
    }

    async fn settle(&mut self) {
        for (_, result) in &mut self.results {
            if let Ok(Some(unsettled)) = std::mem::replace(result, Ok(None)) {
                *result = unsettled.settle().await.map(|()| None);
            }
        }
    }

    fn report(
        &self,
        shared: &Shared,
        shard: &mut TransactionShard,
        effects: &mut TransactionEffects,
    ) {
        let failed = self.results.iter().filter(|(_, result)| result.is_err()).count();
        shared.journal.put(
            Event::new("transaction.markers")
                .transactional_id(&self.transactional_id)
                .with("producerId", self.producer.producer_id.get())
                .with("producerEpoch", self.producer.producer_epoch)
                .with("markers", self.results.len() - failed)
                .with("failed", failed),
        );
        for (at, _) in &self.results {
            let hosted = shared.partitions.topic(&at.topic);
            if let Some(Ok(partition)) = hosted.map(|topic| topic.partition(at.partition)) {
                shared.journal.moved(&partition);
            }
        }
        let results = self.results.iter().map(|(place, result)| {
            let code = result.as_ref().err().copied().unwrap_or(ErrorCode::None);
            if !matches!(code, ErrorCode::None | ErrorCode::UnknownTopicOrPartition) {
                let transactional_id = &*self.transactional_id;
                tracing::warn!(transactional_id, partition = %place, "no transaction marker: {code}");
            }
            (&*place.topic, place.partition, code)
        });
        let whose = (&self.transactional_id, self.producer);
        shard.markers_written(now_ms(), whose, results, effects);
    }
}

/// Waits for what takes time; what is done then may ask for more.
pub(super) async fn settle(
    shared: Arc<Shared>,
    shard: Arc<Shard>,
    mut outstanding: Vec<Outstanding>,
) {
    while let Some(mut last) = outstanding.pop() {
        let mut result = Ok(());
        let mut supplied = Err(ErrorCode::CoordinatorNotAvailable);
        match &mut last {
            Outstanding::Append { last_offset, wait_for, .. } => {
                result = shard.partition.wait(*last_offset, *wait_for).await;
            }
            Outstanding::Markers(pending) => pending.settle().await,
            Outstanding::ProducerId => supplied = shared.producer_ids.next(&shared).await,
        }
        let mut effects = TransactionEffects::default();
        let mut state = shard.lock();
        if state.is_given_up {
            return;
        }
        shard.set_version(&shared, &mut state);
        match last {
            Outstanding::Append { token, .. } => match result {
                Ok(()) => state.shard.append_committed(now_ms(), token, &mut effects),
                Err(code) => state.shard.append_failed(now_ms(), token, code, &mut effects),
            },
            Outstanding::Markers(pending) => {
                pending.report(&shared, &mut state.shard, &mut effects);
            }
            Outstanding::ProducerId => {
                state.shard.supply_producer_id(now_ms(), supplied, &mut effects);
            }
        }
        outstanding.extend(shard.carry_out(&shared, &mut state, &mut effects));
        drop(state);
        shared.transactions.shards.wake_timer(&shard);
    }
}
