//! What is known of each idempotent producer: its epoch, its last five batches, its open
//! transaction.
//!
//! Invariants: [`ProducerState::check`] changes nothing; [`ProducerState::update`] only follows
//! what is in the log, so replaying the log's headers gives the same state. Batches of a producer
//! are remembered within one epoch only.
//! Kafka: `ProducerStateManager`, `ProducerAppendInfo`, `ProducerStateEntry`.

mod end_marker;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;
mod verification;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_record::{BatchHeader, records};
use ottla_types::{Offset, ProducerId};

use crate::error::AppendError;

pub use self::end_marker::{EndMarker, TxnResult};
use self::verification::Unverified;
pub use self::verification::{FirstBatch, Verification, VerificationGuard};

/// Batches remembered per producer.
pub const BATCHES_KEPT: usize = 5;

/// Who appends, and so what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A client: everything is checked.
    Client(Verification),
    /// A coordinator of this broker: it has no sequence numbers, so only epochs are checked.
    Coordinator(Verification),
    /// The transaction coordinator ends a transaction.
    Marker {
        /// `transaction.version` of the transaction. From 2 on every transaction has an epoch of
        /// its own, and the marker one above that.
        transaction_version: i16,
    },
    /// The partition's leader, which has checked: nothing is.
    Replication,
}

impl AppendOrigin {
    /// A client whose transactions nobody asks about.
    pub const CLIENT: Self = Self::Client(Verification::Off);
    /// A coordinator whose transactions nobody asks about.
    pub const COORDINATOR: Self = Self::Coordinator(Verification::Off);
}

/// One remembered batch of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducedBatch {
    /// Sequence number of its last record.
    pub last_sequence: i32,
    /// Offset of its last record, inclusive.
    pub last_offset: Offset,
    /// Its last offset minus its first.
    pub offset_delta: i32,
    /// Its largest timestamp, in ms.
    pub timestamp: i64,
}

impl ProducedBatch {
    pub(crate) fn of(header: &BatchHeader) -> Self {
        Self {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        }
    }

    /// Offset of its first record.
    pub const fn base_offset(&self) -> Offset {
        Offset(self.last_offset.0.saturating_sub(self.offset_delta as i64))
    }

    /// Sequence number of its first record. Sequences wrap after `i32::MAX`.
    pub const fn base_sequence(&self) -> i32 {
        let first = self.last_sequence.wrapping_sub(self.offset_delta);
        // Below 0 it wrapped, after `i32::MAX`: the sign bit is what it wrapped by.
        if first < 0 { first & i32::MAX } else { first }
    }
}

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The newest epoch seen; −1 if none.
    pub producer_epoch: i16,
    /// Epoch of the transaction coordinator that ended its last transaction; −1 if none.
    pub coordinator_epoch: i32,
    /// Largest timestamp of its last batch, in ms.
    pub last_timestamp: i64,
    /// First offset of its open transaction.
    pub current_txn_first_offset: Option<Offset>,
    batches: VecDeque<ProducedBatch>,
}

impl Producer {
    /// Its last batches in this epoch, oldest first, at most [`BATCHES_KEPT`].
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &ProducedBatch> {
        self.batches.iter()
    }

    /// Sequence number of the last record in this epoch; −1 if there is none.
    pub fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(-1, |batch| batch.last_sequence)
    }

    fn is_in_transaction(&self, producer_epoch: i16) -> bool {
        self.current_txn_first_offset.is_some() && self.producer_epoch == producer_epoch
    }

    fn new() -> Self {
        Self {
            producer_epoch: -1,
            coordinator_epoch: -1,
            last_timestamp: -1,
            current_txn_first_offset: None,
            batches: VecDeque::new(),
        }
    }

    fn set_epoch(&mut self, producer_epoch: i16) {
        if self.producer_epoch != producer_epoch {
            self.batches.clear();
            self.producer_epoch = producer_epoch;
        }
    }

    fn remember(&mut self, batch: ProducedBatch) {
        if self.batches.len() >= BATCHES_KEPT {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }

    fn duplicate_of(&self, header: &BatchHeader) -> Option<ProducedBatch> {
        if header.producer_epoch != self.producer_epoch {
            return None;
        }
        let same = |batch: &&ProducedBatch| {
            batch.base_sequence() == header.base_sequence
                && batch.last_sequence == header.last_sequence()
        };
        self.batches.iter().find(same).copied()
    }
}

/// What the only record of a control batch says about a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnMarker {
    /// Whether the transaction was committed, not aborted.
    pub committed: bool,
    /// Epoch of the transaction coordinator that decided.
    pub coordinator_epoch: i32,
}

impl TxnMarker {
    /// Reads the marker out of a control batch, given its bytes after the header. `None` for other
    /// control records, and for batches that compaction has emptied.
    pub fn read(header: &BatchHeader, body: &[u8]) -> Option<Self> {
        if !header.attributes.is_control() {
            return None;
        }
        let record = records(header, body).next()?.ok()?;
        // The key is a version and a type; the value a version and the coordinator's epoch.
        let kind = i16::from_be_bytes(*record.key?.get(2..)?.first_chunk()?);
        let coordinator_epoch = i32::from_be_bytes(*record.value?.get(2..)?.first_chunk()?);
        match kind {
            0 => Some(Self { committed: false, coordinator_epoch }),
            1 => Some(Self { committed: true, coordinator_epoch }),
            _ => None,
        }
    }
}

/// A transaction that a marker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompletedTxn {
    pub(crate) producer_id: ProducerId,
    pub(crate) first_offset: Offset,
    /// Offset of the marker.
    pub(crate) last_offset: Offset,
    pub(crate) committed: bool,
    /// First offset of the oldest transaction that was still open, or the offset after the marker.
    pub(crate) last_stable_offset: Offset,
}

/// What is known of all producers of one log.
#[derive(Debug, Default)]
pub(crate) struct ProducerState {
    producers: BTreeMap<ProducerId, Producer>,
    /// Open transactions: their first offset and who opened them.
    open: BTreeMap<Offset, ProducerId>,
    /// Ended transactions, by first offset, with the offset of their marker, as long as the high
    /// watermark may be before the marker.
    unreplicated: BTreeMap<Offset, Offset>,
    /// Producers whose first batch in a transaction waits for the transaction coordinator.
    unverified: BTreeMap<ProducerId, Unverified>,
    /// Producers of whom nothing more is in the log than what is remembered.
    recalled: BTreeSet<ProducerId>,
    /// The offset up to which the log was taken in, exclusive.
    pub(crate) end_offset: Offset,
}

impl ProducerState {
    /// The state at this offset, with these producers.
    pub(crate) fn restored(end_offset: Offset, producers: Vec<(ProducerId, Producer)>) -> Self {
        let mut state = Self { end_offset, ..Self::default() };
        for (producer_id, producer) in producers {
            if let Some(first_offset) = producer.current_txn_first_offset {
                state.open.insert(first_offset, producer_id);
            }
            state.producers.insert(producer_id, producer);
        }
        state
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (ProducerId, &Producer)> {
        self.producers.iter().map(|(producer_id, producer)| (*producer_id, producer))
    }

    /// The offset before which the log may have this batch although it is not remembered, since the
    /// state was restored from a snapshot, which keeps one batch of each producer.
    pub(crate) fn forgotten_before(&self, header: &BatchHeader) -> Option<Offset> {
        let producer = self.producers.get(&header.producer_id)?;
        let first = producer.batches.front()?;
        let may_be = producer.producer_epoch == header.producer_epoch
            && producer.batches.len() < BATCHES_KEPT
            && header.base_sequence < first.base_sequence()
            && !self.recalled.contains(&header.producer_id);
        may_be.then(|| first.base_offset())
    }

    /// Remembers batches that were found in the log, oldest first, as many as there is room for.
    pub(crate) fn recall(&mut self, producer_id: ProducerId, found: Vec<ProducedBatch>) {
        self.recalled.insert(producer_id);
        let Some(producer) = self.producers.get_mut(&producer_id) else { return };
        let room = BATCHES_KEPT.saturating_sub(producer.batches.len());
        for batch in found.into_iter().rev().take(room) {
            producer.batches.push_front(batch);
        }
    }

    /// Checks a batch against what its producer sent before. Gives the batch that it repeats, if
    /// it does.
    pub(crate) fn check(
        &self,
        header: &BatchHeader,
        marker: Option<TxnMarker>,
        origin: AppendOrigin,
    ) -> Result<Option<ProducedBatch>, AppendError> {
        if !header.has_producer_id() || origin == AppendOrigin::Replication {
            return Ok(None);
        }
        let producer = self.producers.get(&header.producer_id);
        if header.attributes.is_control() {
            if let Some(producer) = producer {
                check_marker(producer, header, marker, origin)?;
            }
            return Ok(None);
        }
        let (is_client, verification) = match origin {
            AppendOrigin::Client(verification) => (true, verification),
            AppendOrigin::Coordinator(verification) => (false, verification),
            AppendOrigin::Marker { .. } | AppendOrigin::Replication => (false, Verification::Off),
        };
        if let Some(producer) = producer {
            if is_client && let Some(duplicate) = producer.duplicate_of(header) {
                return Ok(Some(duplicate));
            }
            check_epoch(producer, header, header.producer_epoch < producer.producer_epoch)?;
        }
        if header.attributes.is_transactional() {
            self.check_verified(producer, header, verification)?;
        }
        if is_client {
            self.check_unverified_sequence(producer, header)?;
        }
        let Some(producer) = producer else { return Ok(None) };
        if is_client {
            check_sequence(producer, header)?;
        }
        if producer.current_txn_first_offset.is_some() && !header.attributes.is_transactional() {
            return Err(AppendError::InvalidTxnState { producer_id: header.producer_id.0 });
        }
        Ok(None)
    }

    /// Whether the producer has a transaction open here that a batch of this epoch belongs to.
    pub(crate) fn has_ongoing(&self, producer_id: ProducerId, producer_epoch: i16) -> bool {
        let producer = self.producers.get(&producer_id);
        producer.is_some_and(|producer| producer.is_in_transaction(producer_epoch))
    }

    /// Notes that the coordinator is asked whether a batch may begin a transaction here. `None`
    /// where the transaction is open already, so that nobody need be asked.
    pub(crate) fn begin_verification(
        &mut self,
        first: &FirstBatch,
        now_ms: i64,
    ) -> Option<VerificationGuard> {
        if self.has_ongoing(first.producer_id, first.producer_epoch) {
            return None;
        }
        let entry = self.unverified.entry(first.producer_id);
        let entry = entry.or_insert_with(|| Unverified::new(first, now_ms));
        entry.ask_again(first);
        Some(entry.guard)
    }

    fn check_verified(
        &self,
        producer: Option<&Producer>,
        header: &BatchHeader,
        verification: Verification,
    ) -> Result<(), AppendError> {
        let guard = match verification {
            Verification::Off => return Ok(()),
            Verification::None => None,
            Verification::Guard(guard) => Some(guard),
        };
        if producer.is_some_and(|producer| producer.is_in_transaction(header.producer_epoch)) {
            return Ok(());
        }
        let asked = self.unverified.get(&header.producer_id).map(|unverified| unverified.guard);
        if guard.is_some() && asked == guard {
            return Ok(());
        }
        Err(AppendError::NotInTransaction { producer_id: header.producer_id.0 })
    }

    /// Holds back a sequence that would get ahead of one that still waits for the coordinator.
    fn check_unverified_sequence(
        &self,
        producer: Option<&Producer>,
        header: &BatchHeader,
    ) -> Result<(), AppendError> {
        let Some(unverified) = self.unverified.get(&header.producer_id) else { return Ok(()) };
        let found = header.base_sequence;
        let is_new = producer.is_none_or(|producer| producer.batches.is_empty());
        let last = if unverified.bumps_epoch && found != 0 && is_new {
            -1
        } else if found > unverified.lowest_sequence {
            unverified.lowest_sequence.saturating_sub(1)
        } else {
            return Ok(());
        };
        let (producer_id, producer_epoch) = (header.producer_id.0, header.producer_epoch);
        Err(AppendError::OutOfOrderSequence { producer_id, producer_epoch, found, last })
    }

    /// Takes in a batch that is in the log, or about to be. Gives the transaction that it ends.
    pub(crate) fn update(
        &mut self,
        header: &BatchHeader,
        marker: Option<TxnMarker>,
    ) -> Option<CompletedTxn> {
        self.end_offset = self.end_offset.max(header.next_offset());
        if !header.has_producer_id() {
            return None;
        }
        if !self.unverified.is_empty() {
            // Either the transaction is over, or it is open here from now on.
            self.unverified.remove(&header.producer_id);
        }
        if let Some(marker) = marker {
            return self.end_transaction(header, marker);
        }
        if header.attributes.is_control() {
            return None;
        }
        let producer = self.producers.entry(header.producer_id).or_insert_with(Producer::new);
        producer.set_epoch(header.producer_epoch);
        producer.last_timestamp = header.max_timestamp;
        producer.remember(ProducedBatch::of(header));
        if header.attributes.is_transactional() && producer.current_txn_first_offset.is_none() {
            producer.current_txn_first_offset = Some(header.base_offset);
            self.open.insert(header.base_offset, header.producer_id);
        }
        None
    }

    fn end_transaction(&mut self, header: &BatchHeader, marker: TxnMarker) -> Option<CompletedTxn> {
        let producer = self.producers.entry(header.producer_id).or_insert_with(Producer::new);
        producer.set_epoch(header.producer_epoch);
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_timestamp = header.max_timestamp;
        let first_offset = producer.current_txn_first_offset.take()?;
        self.open.remove(&first_offset);
        let last_offset = header.last_offset();
        self.unreplicated.insert(first_offset, last_offset);
        let still_open = self.open.keys().next().copied();
        Some(CompletedTxn {
            producer_id: header.producer_id,
            first_offset,
            last_offset,
            committed: marker.committed,
            last_stable_offset: still_open.unwrap_or(header.next_offset()),
        })
    }

    /// The first offset that a reader of committed records may not see yet, given the high
    /// watermark.
    pub(crate) fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        let open = self.open.keys().next().copied();
        let ended = self.unreplicated.iter().find(|(_, marker)| **marker >= high_watermark);
        [open, ended.map(|(first, _)| *first)].into_iter().flatten().fold(high_watermark, Ord::min)
    }

    /// Forgets ended transactions whose markers are before the high watermark.
    pub(crate) fn advance_high_watermark(&mut self, high_watermark: Offset) {
        if !self.unreplicated.is_empty() {
            self.unreplicated.retain(|_, marker| *marker >= high_watermark);
        }
    }

    /// Forgets producers that were idle for `expiration_ms` and have no open transaction.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, producer| {
            producer.current_txn_first_offset.is_some()
                || now_ms.saturating_sub(producer.last_timestamp) < expiration_ms
        });
        self.unverified.retain(|_, unverified| !unverified.is_expired(now_ms, expiration_ms));
        self.recalled.retain(|producer_id| self.producers.contains_key(producer_id));
    }
}

fn check_epoch(
    producer: &Producer,
    header: &BatchHeader,
    is_too_old: bool,
) -> Result<(), AppendError> {
    if !is_too_old {
        return Ok(());
    }
    Err(AppendError::InvalidProducerEpoch {
        producer_id: header.producer_id.0,
        found: header.producer_epoch,
        current: producer.producer_epoch,
    })
}

/// Markers of transactions that have an epoch of their own lie above it. One at the producer's
/// epoch is a repetition if nothing is open, and would end a later transaction if something is.
fn check_marker(
    producer: &Producer,
    header: &BatchHeader,
    marker: Option<TxnMarker>,
    origin: AppendOrigin,
) -> Result<(), AppendError> {
    let (found, current) = (header.producer_epoch, producer.producer_epoch);
    let ends_older = matches!(origin, AppendOrigin::Marker { transaction_version: 2.. })
        && found == current
        && producer.current_txn_first_offset.is_some();
    check_epoch(producer, header, found < current || ends_older)?;
    match marker {
        Some(marker) if marker.coordinator_epoch < producer.coordinator_epoch => {
            Err(AppendError::TransactionCoordinatorFenced {
                producer_id: header.producer_id.0,
                found: marker.coordinator_epoch,
                current: producer.coordinator_epoch,
            })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_sequence(producer: &Producer, header: &BatchHeader) -> Result<(), AppendError> {
    let found = header.base_sequence;
    let same_epoch = header.producer_epoch == producer.producer_epoch;
    let last = if same_epoch { producer.last_sequence() } else { -1 };
    let expected = if last == i32::MAX { 0 } else { last + 1 };
    if found == expected || producer.producer_epoch == -1 {
        return Ok(());
    }
    Err(AppendError::OutOfOrderSequence {
        producer_id: header.producer_id.0,
        producer_epoch: header.producer_epoch,
        found,
        last,
    })
}
