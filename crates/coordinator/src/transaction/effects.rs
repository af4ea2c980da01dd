//! What goes into a shard of transactions beside requests, and what comes out of it.

use ottla_types::ErrorCode;
use ottla_wire::Str;

use super::{
    ProducerIdAndEpoch, TopicPartitions, TransactionNote, TransactionResult, TransactionVersion,
};
use crate::{AppendToken, CoordinatorRecord, WaiterId};

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct TransactionCall {
    /// The wall clock in milliseconds.
    pub now_ms: i64,
    /// Where the reply goes.
    pub waiter: WaiterId,
}

/// The limits and times of the coordinator, by the names of Kafka's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionConfig {
    /// `transaction.max.timeout.ms`, inclusive.
    pub timeout_ms_max: i32,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub abort_check_interval_ms: i64,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub expiry_check_interval_ms: i64,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self {
            timeout_ms_max: 900_000,
            id_expiration_ms: 7 * 24 * 60 * 60 * 1_000,
            abort_check_interval_ms: 10_000,
            expiry_check_interval_ms: 3_600_000,
        }
    }
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionReply {
    /// What was wrong, if anything.
    pub code: ErrorCode,
    /// What the producer calls itself from now on; none where the request is not about that.
    pub producer: ProducerIdAndEpoch,
}

impl TransactionReply {
    /// An error.
    pub const fn refused(code: ErrorCode) -> Self {
        Self { code, producer: ProducerIdAndEpoch::NONE }
    }

    /// Success, with what the producer calls itself.
    pub(super) const fn granted(producer: ProducerIdAndEpoch) -> Self {
        Self { code: ErrorCode::None, producer }
    }
}

/// When an append counts as committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitWhen {
    /// When it is safe: somebody is told of it.
    Safe,
    /// When the log has it. Whoever is told of what comes after it waits for both, and if it is
    /// lost, the transition is made again.
    Written,
}

/// Records to be written as one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionAppend {
    /// Names the append when its outcome is reported.
    pub token: AppendToken,
    /// The records, at least one.
    pub records: Vec<CoordinatorRecord>,
    /// What the report of its outcome has to wait for.
    pub commit_when: CommitWhen,
}

/// The markers that end a transaction, to be written to each of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionMarkers {
    /// Whose transaction it is.
    pub transactional_id: Str,
    /// The producer that the markers name.
    pub producer: ProducerIdAndEpoch,
    /// How it ends.
    pub result: TransactionResult,
    /// The client's version: from 2 on, the markers have an epoch of their own.
    pub version: TransactionVersion,
    /// Where.
    pub partitions: TopicPartitions,
}

/// What a call asks its caller to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransactionEffects {
    /// To be sent at once.
    pub replies: Vec<(WaiterId, TransactionReply)>,
    /// To be written, in this order.
    pub appends: Vec<TransactionAppend>,
    /// To be written.
    pub markers: Vec<TransactionMarkers>,
    /// An id that no producer has had is to be given to
    /// [`super::TransactionShard::supply_producer_id`].
    pub wants_producer_id: bool,
    /// What happened, for whoever keeps a history.
    pub notes: Vec<TransactionNote>,
}

impl TransactionEffects {
    pub(super) fn refuse(&mut self, waiter: WaiterId, code: ErrorCode) {
        self.replies.push((waiter, TransactionReply::refused(code)));
    }
}
