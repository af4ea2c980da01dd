//! The transactional ids of one partition of `__transaction_state`: requests in, effects out.
//!
//! How its caller drives it:
//! 1. [`TransactionShard::replay`] for every record of the log in order, then
//!    [`TransactionShard::loaded`], which goes on with the transactions that were being ended.
//! 2. A request is a call with [`TransactionEffects`]; so is [`TransactionShard::tick`], due at
//!    [`TransactionShard::next_deadline`]. A request that got no reply gets it from a later call.
//! 3. Each [`TransactionAppend`] is written, in the order of the tokens, and answered by
//!    [`TransactionShard::append_committed`] or [`TransactionShard::append_failed`].
//! 4. Each [`TransactionMarkers`] is written to its partitions, and answered by
//!    [`TransactionShard::markers_written`] once the markers are safe.
//! 5. Where [`TransactionEffects::wants_producer_id`] is set, one is fetched and given to
//!    [`TransactionShard::supply_producer_id`].
//!
//! Invariants: a transactional id has one transition under way at most, and nobody decides on its
//! state meanwhile. Only records change states: a transition counts when its append is committed.
//! Markers are written when it is sure how a transaction ends, and the next one begins after them.
//!
//! Kafka: `TransactionCoordinator`, `TransactionStateManager`, `TransactionMarkerChannelManager`.

mod append;
#[cfg(test)]
mod check;
mod effects;
mod end;
mod expiry;
mod init;
mod markers;
mod metadata;
mod note;
mod partitions;
mod record;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, VecDeque};

use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::Str;

use crate::{AppendToken, Replayed, WaiterId};

use append::PendingAppend;
pub use effects::{
    CommitWhen, TransactionAppend, TransactionCall, TransactionConfig, TransactionEffects,
    TransactionMarkers, TransactionReply,
};
use end::EndRequest;
pub use init::InitProducer;
use markers::OpenMarkers;
use metadata::Metadata;
pub use metadata::{
    ProducerIdAndEpoch, TopicPartitions, TransactionResult, TransactionState, TransactionVersion,
};
pub use note::{EndCause, TransactionLook, TransactionNote};
pub use partitions::AddPartitions;
use partitions::ParkedAdd;
pub use record::TransactionReplayError;
pub use view::TransactionFilter;

/// The transactional ids of one partition of `__transaction_state`.
#[derive(Debug, Default)]
pub struct TransactionShard {
    config: TransactionConfig,
    /// The finalized level of the feature `transaction.version`.
    version: TransactionVersion,
    entries: BTreeMap<Str, Entry>,
    appends: BTreeMap<AppendToken, PendingAppend>,
    next_token: u64,
    /// The transactions whose markers are being written.
    markers: BTreeMap<Str, OpenMarkers>,
    /// Requests to add partitions that wait until the last transaction has ended.
    parked: BTreeMap<Str, Vec<ParkedAdd>>,
    parked_deadlines: BTreeMap<(i64, WaiterId), Str>,
    /// What waits for a producer id that nobody has had.
    awaiting_id: VecDeque<AwaitingId>,
    spare_id: Option<ProducerId>,
    /// When to look for transactions that take too long; set while one is open.
    next_abort_check_ms: Option<i64>,
    /// When to look for ids that nobody uses; set while there are any.
    next_expiry_check_ms: Option<i64>,
}

/// What is known of a transactional id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    committed: Option<Metadata>,
    /// The transition under way; `None` in it forgets the id.
    pending: Option<(AppendToken, Option<Metadata>)>,
}

/// What goes on when there is a new producer id.
#[derive(Debug)]
enum AwaitingId {
    Init(WaiterId, InitProducer),
    End(WaiterId, EndRequest),
    /// The transaction of this id took too long.
    Abort(Str),
}

impl TransactionShard {
    /// A shard without transactional ids.
    pub fn new(config: TransactionConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Changes the configuration. Deadlines that are set stay as they are.
    pub fn set_config(&mut self, config: TransactionConfig) {
        self.config = config;
    }

    /// Sets the finalized level of `transaction.version`.
    pub fn set_version(&mut self, version: TransactionVersion) {
        self.version = version;
    }

    /// Applies a record that is in the log.
    pub fn replay(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Replayed, TransactionReplayError> {
        let (transactional_id, metadata) = match record::decode(key, value)? {
            Ok(decoded) => decoded,
            Err(key) => return Ok(Replayed::Skipped { key }),
        };
        drop(self.set_committed(&transactional_id, metadata));
        Ok(Replayed::Applied)
    }

    /// Brings the stored transactions to life after the last record was replayed: those that were
    /// being ended are ended, and the timeouts of the others run on.
    pub fn loaded(&mut self, now_ms: i64, effects: &mut TransactionEffects) {
        let ids: Vec<Str> = self.entries.keys().cloned().collect();
        for transactional_id in ids {
            self.follow(now_ms, &transactional_id, effects);
        }
    }

    /// Forgets everything. Requests that wait are told to look for another coordinator.
    pub fn unload(&mut self, effects: &mut TransactionEffects) {
        let refused = TransactionReply::refused(ErrorCode::NotCoordinator);
        let appending = std::mem::take(&mut self.appends).into_values();
        let parked = std::mem::take(&mut self.parked).into_values().flatten();
        let awaiting = std::mem::take(&mut self.awaiting_id).into_iter();
        let waiters = appending
            .filter_map(|pending| pending.reply.map(|(waiter, _)| waiter))
            .chain(parked.map(|add| add.waiter))
            .chain(awaiting.filter_map(|awaiting| awaiting.waiter()));
        effects.replies.extend(waiters.map(|waiter| (waiter, refused)));
        *self = Self { next_token: self.next_token, ..Self::new(self.config.clone()) };
    }

    /// When [`TransactionShard::tick`] is due, in milliseconds.
    pub fn next_deadline(&self) -> Option<i64> {
        let parked = self.parked_deadlines.first_key_value().map(|((due, _), _)| *due);
        let markers = self.markers.values().filter_map(|open| open.retry_at_ms).min();
        [self.next_abort_check_ms, self.next_expiry_check_ms, parked, markers]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due at `now_ms`: ends transactions that take too long, forgets ids that nobody
    /// uses, and tries again what failed.
    pub fn tick(&mut self, now_ms: i64, effects: &mut TransactionEffects) {
        self.refuse_parked(now_ms, effects);
        self.retry_markers(now_ms, effects);
        if self.next_abort_check_ms.is_some_and(|due| due <= now_ms) {
            self.abort_timed_out(now_ms, effects);
        }
        if self.next_expiry_check_ms.is_some_and(|due| due <= now_ms) {
            self.expire_ids(now_ms, effects);
        }
    }

    /// Gives an id that no producer has had to whoever waits for one, or says why there is none.
    pub fn supply_producer_id(
        &mut self,
        now_ms: i64,
        supplied: Result<ProducerId, ErrorCode>,
        effects: &mut TransactionEffects,
    ) {
        let awaiting = std::mem::take(&mut self.awaiting_id);
        match supplied {
            Ok(id) => self.spare_id = Some(id),
            Err(code) => {
                // A transaction that takes too long is looked at again with the next check.
                let waiters = awaiting.iter().filter_map(AwaitingId::waiter);
                let refused = TransactionReply::refused(code);
                effects.replies.extend(waiters.map(|waiter| (waiter, refused)));
                return;
            }
        }
        for awaiting in awaiting {
            match awaiting {
                AwaitingId::Init(waiter, request) => self.init(now_ms, waiter, request, effects),
                AwaitingId::End(waiter, request) => self.end(now_ms, waiter, request, effects),
                AwaitingId::Abort(transactional_id) => {
                    self.fence_if_timed_out(now_ms, &transactional_id, effects);
                }
            }
        }
    }

    /// Lets something wait for a producer id.
    fn await_id(&mut self, awaiting: AwaitingId, effects: &mut TransactionEffects) {
        self.awaiting_id.push_back(awaiting);
        effects.wants_producer_id = true;
    }

    /// The state of an id that may be decided on; an error while a transition is under way.
    fn settled(&self, transactional_id: &str) -> Result<Option<&Metadata>, ErrorCode> {
        match self.entries.get(transactional_id) {
            Some(Entry { pending: Some(_), .. }) => Err(ErrorCode::ConcurrentTransactions),
            Some(entry) => Ok(entry.committed.as_ref()),
            None => Ok(None),
        }
    }

    fn committed(&self, transactional_id: &str) -> Option<&Metadata> {
        self.entries.get(transactional_id)?.committed.as_ref()
    }
}

impl AwaitingId {
    fn waiter(&self) -> Option<WaiterId> {
        match self {
            Self::Init(waiter, _) | Self::End(waiter, _) => Some(*waiter),
            Self::Abort(_) => None,
        }
    }
}
