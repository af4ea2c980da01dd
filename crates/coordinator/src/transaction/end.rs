//! EndTxn, and the ends that no client asks for: a producer is fenced, or takes too long.
//!
//! Up to version 4 of EndTxn, a retry looks like the request before it. From version 5 on each end
//! raises the epoch, so a retry is known by the epoch before the last.
//! Kafka: `TransactionCoordinator.endTransaction`, `endTransactionWithTV1`,
//! `abortTimedOutTransactions`.

use ottla_types::ErrorCode;
use ottla_wire::Str;

use super::{
    AwaitingId, EndCause, ProducerIdAndEpoch, TransactionCall, TransactionEffects,
    TransactionReply, TransactionResult, TransactionShard, TransactionState, TransactionVersion,
    append::Transition, metadata::Metadata,
};
use crate::WaiterId;

/// What a client asks for.
#[derive(Clone, Debug)]
pub(super) struct EndRequest {
    transactional_id: Str,
    producer: ProducerIdAndEpoch,
    result: TransactionResult,
    client_version: TransactionVersion,
}

/// What comes of it.
enum EndDecision {
    /// The transaction is ended.
    Prepare,
    /// It was, and this is a retry.
    Done,
    Refuse(ErrorCode),
}

impl TransactionShard {
    /// Ends a transaction. The reply comes when it is sure how it ends; markers follow.
    pub fn end_txn(
        &mut self,
        call: &TransactionCall,
        transactional_id: &str,
        producer: ProducerIdAndEpoch,
        (result, client_version): (TransactionResult, TransactionVersion),
        effects: &mut TransactionEffects,
    ) {
        let transactional_id = Str::from(transactional_id);
        let request = EndRequest { transactional_id, producer, result, client_version };
        self.end(call.now_ms, call.waiter, request, effects);
    }

    pub(super) fn end(
        &mut self,
        now_ms: i64,
        waiter: WaiterId,
        request: EndRequest,
        effects: &mut TransactionEffects,
    ) {
        let bumps = request.client_version.bumps_epoch();
        let is_pending = self.settled(&request.transactional_id).is_err();
        let Some(current) = self.committed(&request.transactional_id) else {
            let code = if is_pending {
                ErrorCode::ConcurrentTransactions
            } else {
                ErrorCode::InvalidProducerIdMapping
            };
            return effects.refuse(waiter, code);
        };
        let decision = if bumps {
            decide_v2(current, is_pending, &request)
        } else {
            decide_v1(current, is_pending, &request)
        };
        match decision {
            EndDecision::Refuse(code) => effects.refuse(waiter, code),
            EndDecision::Done => {
                let producer = if bumps { current.producer } else { ProducerIdAndEpoch::NONE };
                effects.replies.push((waiter, TransactionReply::granted(producer)));
            }
            EndDecision::Prepare => {
                let next_id = if current.end_needs_id(request.client_version) {
                    let Some(next_id) = self.spare_id else {
                        return self.await_id(AwaitingId::End(waiter, request), effects);
                    };
                    Some(next_id)
                } else {
                    None
                };
                let EndRequest { result, client_version, .. } = request;
                let next = current.prepare_end(result, client_version, next_id, now_ms);
                if next_id.is_some() {
                    self.spare_id = None;
                }
                // The client goes on under the name that it has when the end is complete.
                let producer =
                    if bumps { next.complete(now_ms).producer } else { ProducerIdAndEpoch::NONE };
                let reply = TransactionReply::granted(producer);
                let transition = Transition::new(next, Some((waiter, reply)));
                let transition = transition.because(EndCause::Client);
                self.transit(&request.transactional_id, transition, effects);
            }
        }
    }

    /// Aborts an open transaction in whose place another producer comes, or none. Where that takes
    /// a new producer id, there is one to spare.
    pub(super) fn fence(
        &mut self,
        now_ms: i64,
        transactional_id: &Str,
        (reply, cause): (Option<(WaiterId, TransactionReply)>, EndCause),
        effects: &mut TransactionEffects,
    ) {
        let Some(current) = self.entries.get(transactional_id).and_then(|it| it.committed.as_ref())
        else {
            return;
        };
        let next_id = if current.end_needs_id(self.version) { self.spare_id.take() } else { None };
        let next = current.prepare_fence(self.version, next_id, now_ms);
        self.transit(transactional_id, Transition::new(next, reply).because(cause), effects);
    }

    /// Whether a fence has to wait for a producer id.
    pub(super) fn fence_needs_id(&self, current: &Metadata) -> bool {
        current.end_needs_id(self.version) && self.spare_id.is_none()
    }

    /// Ends transactions that have taken longer than their timeout.
    pub(super) fn abort_timed_out(&mut self, now_ms: i64, effects: &mut TransactionEffects) {
        self.next_abort_check_ms = None;
        let ids: Vec<Str> = self.entries.keys().cloned().collect();
        for transactional_id in ids {
            self.fence_if_timed_out(now_ms, &transactional_id, effects);
            let is_open = |it: &Metadata| it.state == TransactionState::Ongoing;
            if self.committed(&transactional_id).is_some_and(is_open) {
                self.arm_abort_check(now_ms);
            }
        }
    }

    pub(super) fn fence_if_timed_out(
        &mut self,
        now_ms: i64,
        transactional_id: &Str,
        effects: &mut TransactionEffects,
    ) {
        let is_late = |it: &Metadata| {
            it.state == TransactionState::Ongoing
                && it.start_ms.saturating_add(it.timeout_ms.into()) < now_ms
        };
        if let Ok(Some(current)) = self.settled(transactional_id)
            && is_late(current)
        {
            if self.fence_needs_id(current) {
                return self.await_id(AwaitingId::Abort(transactional_id.clone()), effects);
            }
            self.fence(now_ms, transactional_id, (None, EndCause::Timeout), effects);
        }
    }

    /// Sees to it that there will be a look for transactions that take too long.
    pub(super) fn arm_abort_check(&mut self, now_ms: i64) {
        let due = now_ms.saturating_add(self.config.abort_check_interval_ms);
        self.next_abort_check_ms.get_or_insert(due);
    }
}

/// For clients that keep their epoch.
fn decide_v1(current: &Metadata, is_pending: bool, request: &EndRequest) -> EndDecision {
    if current.producer.producer_id != request.producer.producer_id {
        return EndDecision::Refuse(ErrorCode::InvalidProducerIdMapping);
    }
    if current.producer.producer_epoch != request.producer.producer_epoch {
        return EndDecision::Refuse(ErrorCode::ProducerFenced);
    }
    if is_pending || current.state.ending().is_some() {
        return EndDecision::Refuse(ErrorCode::ConcurrentTransactions);
    }
    match current.state.ended() {
        _ if current.state == TransactionState::Ongoing => EndDecision::Prepare,
        Some(ended) if ended == request.result => EndDecision::Done,
        Some(_) | None => EndDecision::Refuse(ErrorCode::InvalidTxnState),
    }
}

/// For clients whose epoch goes up with each end.
fn decide_v2(current: &Metadata, is_pending: bool, request: &EndRequest) -> EndDecision {
    if is_pending || current.state.ending().is_some() {
        return EndDecision::Refuse(ErrorCode::ConcurrentTransactions);
    }
    let ended = current.state.ended();
    let is_current = request.producer == current.producer;
    // Only an end that raised the epoch leaves the one before to be that of its own retry. After
    // the end of a client that keeps its epoch, it is that of a producer which was fenced; Kafka
    // takes it for a retry, and lets the producer back in.
    let has_raised = ended.is_some() && current.client_version.bumps_epoch();
    let is_retry = has_raised && !is_current && is_name_before(current, request.producer);
    if current.producer.producer_id != request.producer.producer_id && !is_retry {
        return EndDecision::Refuse(ErrorCode::InvalidProducerIdMapping);
    }
    if is_retry {
        return match ended {
            Some(ended) if ended == request.result => EndDecision::Done,
            _ => EndDecision::Refuse(ErrorCode::InvalidTxnState),
        };
    }
    if !is_current {
        return EndDecision::Refuse(ErrorCode::ProducerFenced);
    }
    match request.result {
        _ if current.state == TransactionState::Ongoing => EndDecision::Prepare,
        // The client does not know whether its last request has opened a transaction.
        TransactionResult::Abort => EndDecision::Prepare,
        TransactionResult::Commit => EndDecision::Refuse(ErrorCode::InvalidTxnState),
    }
}

/// Whether the producer was called this one epoch ago.
fn is_name_before(current: &Metadata, producer: ProducerIdAndEpoch) -> bool {
    let ProducerIdAndEpoch { producer_id, producer_epoch } = current.producer;
    let same_id = producer.producer_id == producer_id
        && producer.producer_epoch >= 0
        && producer.producer_epoch.checked_add(1) == Some(producer_epoch);
    // It used the last epoch, and the end gave it a new id.
    let other_id = producer.producer_id == current.prev_producer_id
        && producer.producer_epoch == i16::MAX - 1
        && producer_epoch == 0;
    same_id || other_id
}
