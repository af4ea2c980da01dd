//! AddPartitionsToTxn, AddOffsetsToTxn, and what Produce and TxnOffsetCommit ask before they write.
//!
//! Kafka: `TransactionCoordinator.handleAddPartitionsToTransaction`,
//! `handleVerifyPartitionsInTransaction`, `AddPartitionsToTxnManager`.

use ottla_types::ErrorCode;
use ottla_wire::Str;

use super::{
    Entry, ProducerIdAndEpoch, TopicPartitions, TransactionCall, TransactionEffects,
    TransactionReply, TransactionShard, TransactionState, TransactionVersion, append::Transition,
    metadata::Metadata,
};
use crate::WaiterId;

/// A request to add partitions that came while the last transaction was being ended.
#[derive(Debug)]
pub(super) struct ParkedAdd {
    pub(super) waiter: WaiterId,
    request: AddPartitions,
}

/// A request to add partitions to a transaction.
#[derive(Clone, Debug)]
pub struct AddPartitions {
    /// Whose transaction it is.
    pub transactional_id: Str,
    /// Who asks.
    pub producer: ProducerIdAndEpoch,
    /// What is to be added.
    pub partitions: TopicPartitions,
    /// 2 where the producer's epoch goes up with every end.
    pub client_version: TransactionVersion,
    /// How long the end of the last transaction may be waited for.
    pub wait_until_ms: i64,
}

impl TransactionShard {
    /// Adds partitions to the open transaction of a producer, or opens one.
    pub fn add_partitions(
        &mut self,
        call: &TransactionCall,
        request: AddPartitions,
        effects: &mut TransactionEffects,
    ) {
        self.add(call.now_ms, call.waiter, request, effects);
    }

    fn add(
        &mut self,
        now_ms: i64,
        waiter: WaiterId,
        request: AddPartitions,
        effects: &mut TransactionEffects,
    ) {
        let current = match self.settled(&request.transactional_id) {
            Ok(Some(current)) => current,
            Ok(None) => return effects.refuse(waiter, ErrorCode::InvalidProducerIdMapping),
            Err(_) => return self.park(now_ms, waiter, request, effects),
        };
        if let Err(code) = check_producer(current, request.producer) {
            return effects.refuse(waiter, code);
        }
        if current.state.ending().is_some() {
            return self.park(now_ms, waiter, request, effects);
        }
        let reply = TransactionReply::granted(ProducerIdAndEpoch::NONE);
        let is_open = current.state == TransactionState::Ongoing;
        if is_open && current.partitions.contains_all(&request.partitions) {
            effects.replies.push((waiter, reply));
            return;
        }
        let next = current.add_partitions(&request.partitions, request.client_version, now_ms);
        let transition = Transition::new(next, Some((waiter, reply)));
        self.transit(&request.transactional_id, transition, effects);
    }

    /// Whether a partition is part of the producer's open transaction, for sure.
    pub fn is_part(
        &self,
        transactional_id: &str,
        producer: ProducerIdAndEpoch,
        (topic, partition): (&str, i32),
    ) -> bool {
        let Some(Entry { committed: Some(current), pending }) = self.entries.get(transactional_id)
        else {
            return false;
        };
        let stays_open = match pending {
            None => true,
            Some((_, next)) => {
                next.as_ref().is_some_and(|next| next.state == TransactionState::Ongoing)
            }
        };
        stays_open
            && current.state == TransactionState::Ongoing
            && current.producer == producer
            && current.partitions.contains(topic, partition)
    }

    /// Whether partitions are part of the producer's open transaction: those that are, or why there
    /// is nothing to be part of. An end that is not sure yet does not count: the partition itself
    /// has the last word.
    pub fn verify_partitions(
        &self,
        transactional_id: &str,
        producer: ProducerIdAndEpoch,
    ) -> Result<&TopicPartitions, ErrorCode> {
        let current =
            self.committed(transactional_id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        check_producer(current, producer)?;
        if current.state.ending().is_some() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        Ok(&current.partitions)
    }

    /// Lets a request wait for the end of the transition that is under way.
    fn park(
        &mut self,
        now_ms: i64,
        waiter: WaiterId,
        request: AddPartitions,
        effects: &mut TransactionEffects,
    ) {
        if request.wait_until_ms <= now_ms {
            return effects.refuse(waiter, ErrorCode::ConcurrentTransactions);
        }
        let place = (request.wait_until_ms, waiter);
        self.parked_deadlines.insert(place, request.transactional_id.clone());
        let parked = self.parked.entry(request.transactional_id.clone()).or_default();
        parked.push(ParkedAdd { waiter, request });
    }

    /// Looks again at the requests that wait for an id whose state has changed.
    pub(super) fn wake_parked(
        &mut self,
        now_ms: i64,
        transactional_id: &Str,
        effects: &mut TransactionEffects,
    ) {
        for ParkedAdd { waiter, request } in
            self.parked.remove(transactional_id).unwrap_or_default()
        {
            self.parked_deadlines.remove(&(request.wait_until_ms, waiter));
            self.add(now_ms, waiter, request, effects);
        }
    }

    /// Tells those who have waited long enough to come back.
    pub(super) fn refuse_parked(&mut self, now_ms: i64, effects: &mut TransactionEffects) {
        while let Some(first) = self.parked_deadlines.first_entry()
            && first.key().0 <= now_ms
        {
            let ((_, waiter), transactional_id) = first.remove_entry();
            if let Some(parked) = self.parked.get_mut(&transactional_id) {
                parked.retain(|parked| parked.waiter != waiter);
                if parked.is_empty() {
                    self.parked.remove(&transactional_id);
                }
            }
            effects.refuse(waiter, ErrorCode::ConcurrentTransactions);
        }
    }
}

fn check_producer(current: &Metadata, producer: ProducerIdAndEpoch) -> Result<(), ErrorCode> {
    if current.producer.producer_id != producer.producer_id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if current.producer.producer_epoch != producer.producer_epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    Ok(())
}
