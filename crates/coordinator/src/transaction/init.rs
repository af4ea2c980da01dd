//! InitProducerId: a producer takes over a transactional id.
//!
//! Kafka: `TransactionCoordinator.handleInitProducerId`.

use ottla_types::ErrorCode;
use ottla_wire::Str;

use super::{
    AwaitingId, EndCause, ProducerIdAndEpoch, TransactionCall, TransactionEffects,
    TransactionReply, TransactionShard, TransactionState,
    append::Transition,
    metadata::{Initialized, Metadata},
};
use crate::WaiterId;

/// What a producer asks for, or an administrator, who wants nothing but to end what is open.
#[derive(Clone, Debug)]
pub struct InitProducer {
    /// The id that is taken over.
    pub transactional_id: Str,
    /// How long its transactions may take, in ms.
    pub timeout_ms: i32,
    /// What the producer was called so far, where it goes on after an error.
    pub expected: Option<ProducerIdAndEpoch>,
    /// What is noted of a transaction that has to be aborted for it.
    pub end_cause: EndCause,
}

impl TransactionShard {
    /// Whether a producer may have this timeout.
    pub fn is_timeout_allowed(&self, timeout_ms: i32) -> bool {
        timeout_ms > 0 && timeout_ms <= self.config.timeout_ms_max
    }

    /// Gives a transactional id to a producer, and with it a new epoch or a new producer id.
    ///
    /// A transaction that is open is aborted first; the producer is to ask again then.
    pub fn init_producer_id(
        &mut self,
        call: &TransactionCall,
        request: InitProducer,
        effects: &mut TransactionEffects,
    ) {
        self.init(call.now_ms, call.waiter, request, effects);
    }

    pub(super) fn init(
        &mut self,
        now_ms: i64,
        waiter: WaiterId,
        request: InitProducer,
        effects: &mut TransactionEffects,
    ) {
        let InitProducer { transactional_id, timeout_ms, expected, end_cause } = &request;
        let current = match self.settled(transactional_id) {
            Ok(current) => current.cloned(),
            Err(code) => return effects.refuse(waiter, code),
        };
        let current = match current {
            Some(current) => current,
            None => match self.spare_id.take() {
                Some(producer_id) => Metadata::new(producer_id, *timeout_ms, now_ms),
                None => return self.await_id(AwaitingId::Init(waiter, request), effects),
            },
        };
        if expected.is_some_and(|expected| !current.may_initialize(expected)) {
            return effects.refuse(waiter, ErrorCode::ProducerFenced);
        }
        match current.state {
            TransactionState::Ongoing if self.fence_needs_id(&current) => {
                self.await_id(AwaitingId::Init(waiter, request), effects);
            }
            TransactionState::Ongoing => {
                let reply = TransactionReply::refused(ErrorCode::ConcurrentTransactions);
                let ending = (Some((waiter, reply)), *end_cause);
                self.fence(now_ms, transactional_id, ending, effects);
            }
            state if state.is_idle() => {
                let fresh = &mut self.spare_id;
                match current.initialize(*timeout_ms, *expected, fresh, now_ms) {
                    Ok(Initialized::By(next)) => {
                        let reply = TransactionReply::granted(next.producer);
                        let transition = Transition::new(*next, Some((waiter, reply)));
                        self.transit(transactional_id, transition, effects);
                    }
                    Ok(Initialized::NeedsId) => {
                        self.await_id(AwaitingId::Init(waiter, request), effects);
                    }
                    Err(code) => effects.refuse(waiter, code),
                }
            }
            _ => effects.refuse(waiter, ErrorCode::ConcurrentTransactions),
        }
    }
}
