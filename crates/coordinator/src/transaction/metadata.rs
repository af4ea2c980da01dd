//! The state of a transactional id, and the transitions between its states.
//!
//! A transition gives a new state and changes nothing. Invariants: the epochs of a producer id
//! never go back; only a completed end changes the producer id of an id that is not idle; an end
//! keeps the partitions until it is complete.
//!
//! Kafka: `TransactionMetadata`, `TransactionState`, `TransactionVersion`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::Str;

/// From this epoch on a producer needs a new id. One more is kept for fencing it.
const EPOCH_EXHAUSTED: i16 = i16::MAX - 1;

/// A producer with its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdAndEpoch {
    /// Which producer.
    pub producer_id: ProducerId,
    /// Which of its lives.
    pub producer_epoch: i16,
}

impl ProducerIdAndEpoch {
    /// "None" on the wire.
    pub const NONE: Self = Self { producer_id: ProducerId::NONE, producer_epoch: -1 };

    fn is_exhausted(self) -> bool {
        self.producer_epoch >= EPOCH_EXHAUSTED
    }

    fn bumped(self) -> Self {
        Self { producer_epoch: self.producer_epoch.saturating_add(1), ..self }
    }
}

/// A level of the feature `transaction.version`: the server's, or what a client's request implies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionVersion(pub i16);

impl TransactionVersion {
    /// Clients that add partitions themselves and keep their epoch.
    pub const V0: Self = Self(0);
    /// Clients whose epoch changes with every transaction (KIP-890).
    pub const V2: Self = Self(2);

    /// Whether every end of a transaction raises the epoch.
    pub const fn bumps_epoch(self) -> bool {
        self.0 >= 2
    }
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionResult {
    /// Its records are seen.
    Commit,
    /// Its records are passed over.
    Abort,
}

/// Where a transactional id stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// It has a producer and has had no transaction since.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// The transaction will be committed; markers are being written.
    PrepareCommit,
    /// The transaction will be aborted; markers are being written.
    PrepareAbort,
    /// The last transaction was committed.
    CompleteCommit,
    /// The last transaction was aborted.
    CompleteAbort,
    /// The id has expired. Nobody sees this state.
    Dead,
    /// A producer is being fenced. Nobody sees this state.
    PrepareEpochFence,
}

impl TransactionState {
    const ALL: [(Self, i8, &'static str); 8] = [
        (Self::Empty, 0, "Empty"),
        (Self::Ongoing, 1, "Ongoing"),
        (Self::PrepareCommit, 2, "PrepareCommit"),
        (Self::PrepareAbort, 3, "PrepareAbort"),
        (Self::CompleteCommit, 4, "CompleteCommit"),
        (Self::CompleteAbort, 5, "CompleteAbort"),
        (Self::Dead, 6, "Dead"),
        (Self::PrepareEpochFence, 7, "PrepareEpochFence"),
    ];

    /// What clients call it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, ..)| *state == self).map_or("", |(.., name)| name)
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(.., known)| *known == name).map(|(state, ..)| *state)
    }

    /// Its number in records.
    pub(super) fn id(self) -> i8 {
        Self::ALL.iter().find(|(state, ..)| *state == self).map_or(-1, |(_, id, _)| *id)
    }

    /// The state that a record has under this number; none for those that are never written.
    pub(super) fn from_id(id: i8) -> Option<Self> {
        let (state, ..) = Self::ALL.iter().find(|(_, known, _)| *known == id)?;
        (!matches!(state, Self::Dead | Self::PrepareEpochFence)).then_some(*state)
    }

    /// How the transaction ends, while markers are being written.
    pub(super) fn ending(self) -> Option<TransactionResult> {
        match self {
            Self::PrepareCommit => Some(TransactionResult::Commit),
            Self::PrepareAbort => Some(TransactionResult::Abort),
            _ => None,
        }
    }

    /// How the last transaction has ended.
    pub(super) fn ended(self) -> Option<TransactionResult> {
        match self {
            Self::CompleteCommit => Some(TransactionResult::Commit),
            Self::CompleteAbort => Some(TransactionResult::Abort),
            _ => None,
        }
    }

    /// Whether no transaction is open or being ended.
    pub(super) fn is_idle(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort)
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Partitions by topic, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicPartitions(BTreeMap<Str, BTreeSet<i32>>);

impl TopicPartitions {
    /// Adds a partition. The name's bytes are copied, so that a request's frame can go.
    pub fn insert(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.0.get_mut(topic) {
            partitions.insert(partition);
        } else {
            self.0.insert(Str::from(topic), BTreeSet::from([partition]));
        }
    }

    /// Takes a partition out.
    pub fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.0.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.0.remove(topic);
            }
        }
    }

    /// Whether a partition is among them.
    pub fn contains(&self, topic: &str, partition: i32) -> bool {
        self.0.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every partition.
    pub fn iter(&self) -> impl Iterator<Item = (&Str, i32)> {
        self.0.iter().flat_map(|(topic, partitions)| partitions.iter().map(move |it| (topic, *it)))
    }

    /// The partitions of each topic.
    pub fn topics(&self) -> impl Iterator<Item = (&Str, Vec<i32>)> {
        self.0.iter().map(|(topic, partitions)| (topic, partitions.iter().copied().collect()))
    }

    pub(super) fn contains_all(&self, others: &Self) -> bool {
        others.iter().all(|(topic, partition)| self.contains(topic, partition))
    }
}

impl<'a> FromIterator<(&'a str, i32)> for TopicPartitions {
    fn from_iter<I: IntoIterator<Item = (&'a str, i32)>>(partitions: I) -> Self {
        let mut all = Self::default();
        for (topic, partition) in partitions {
            all.insert(topic, partition);
        }
        all
    }
}

/// The state of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) producer: ProducerIdAndEpoch,
    /// The producer id before the last transition.
    pub(super) prev_producer_id: ProducerId,
    /// The producer id after the end that is under way, if its epochs are used up.
    pub(super) next_producer_id: ProducerId,
    /// The epoch before the last one, by which retries are known. It is not in the records.
    pub(super) last_producer_epoch: i16,
    pub(super) timeout_ms: i32,
    pub(super) state: TransactionState,
    pub(super) partitions: TopicPartitions,
    /// −1 where there was no transaction yet.
    pub(super) start_ms: i64,
    pub(super) last_update_ms: i64,
    pub(super) client_version: TransactionVersion,
}

/// How a producer is given an identity.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Initialized {
    /// By this transition.
    By(Box<Metadata>),
    /// It takes a new producer id.
    NeedsId,
}

impl Metadata {
    /// What there is before a transactional id has a producer.
    pub(super) fn new(producer_id: ProducerId, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            producer: ProducerIdAndEpoch { producer_id, producer_epoch: -1 },
            prev_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            last_producer_epoch: -1,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: TopicPartitions::default(),
            start_ms: -1,
            last_update_ms: now_ms,
            client_version: TransactionVersion::V0,
        }
    }

    /// Whether a producer that says what it was called may be given a new identity.
    pub(super) fn may_initialize(&self, expected: ProducerIdAndEpoch) -> bool {
        // Nobody is called anything before the first epoch.
        self.producer.producer_epoch == -1
            || expected.producer_id == self.producer.producer_id
            // The answer that gave it a new id was lost.
            || (expected.producer_id == self.prev_producer_id && expected.is_exhausted())
    }

    /// What the producer was called before it got its last epoch.
    pub(super) fn last_producer(&self) -> ProducerIdAndEpoch {
        let producer_id = match self.producer.producer_epoch {
            0 => self.prev_producer_id,
            _ => self.producer.producer_id,
        };
        ProducerIdAndEpoch { producer_id, producer_epoch: self.last_producer_epoch }
    }

    /// Gives an id without an open transaction a new epoch, or `fresh` once epochs are used up.
    pub(super) fn initialize(
        &self,
        timeout_ms: i32,
        expected: Option<ProducerIdAndEpoch>,
        fresh: &mut Option<ProducerId>,
        now_ms: i64,
    ) -> Result<Initialized, ErrorCode> {
        let epoch = self.producer.producer_epoch;
        let emptied = Self {
            timeout_ms,
            state: TransactionState::Empty,
            partitions: TopicPartitions::default(),
            start_ms: -1,
            last_update_ms: now_ms,
            ..self.clone()
        };
        if let Some(expected) = expected
            && expected != self.producer
            && epoch != -1
        {
            // A new producer has set the last epoch to −1, so this is the one that asked before, or
            // whose last end was its last word. It keeps what it was given.
            return if expected == self.last_producer() {
                Ok(Initialized::By(Box::new(emptied)))
            } else {
                Err(ErrorCode::ProducerFenced)
            };
        }
        let producer = if self.producer.is_exhausted() {
            let Some(producer_id) = fresh.take() else { return Ok(Initialized::NeedsId) };
            ProducerIdAndEpoch { producer_id, producer_epoch: 0 }
        } else {
            self.producer.bumped()
        };
        Ok(Initialized::By(Box::new(Self {
            producer,
            prev_producer_id: self.producer.producer_id,
            last_producer_epoch: if expected.is_some() { epoch } else { -1 },
            ..emptied
        })))
    }

    /// Adds partitions to the open transaction, or opens one with them.
    pub(super) fn add_partitions(
        &self,
        added: &TopicPartitions,
        client_version: TransactionVersion,
        now_ms: i64,
    ) -> Self {
        let mut next = Self {
            prev_producer_id: self.producer.producer_id,
            state: TransactionState::Ongoing,
            start_ms: if self.state.is_idle() { now_ms } else { self.start_ms },
            last_update_ms: now_ms,
            client_version,
            ..self.clone()
        };
        for (topic, partition) in added.iter() {
            next.partitions.insert(topic, partition);
        }
        next
    }

    /// Whether the end of a transaction takes a new producer id.
    pub(super) fn end_needs_id(&self, client_version: TransactionVersion) -> bool {
        client_version.bumps_epoch() && self.producer.is_exhausted()
    }

    /// Decides how the transaction ends. With version 2 the epoch goes up, and where epochs are
    /// used up, `next_producer_id` takes over when the end is complete. An id without a transaction
    /// can be aborted with version 2: a client does not always know whether there is one.
    pub(super) fn prepare_end(
        &self,
        result: TransactionResult,
        client_version: TransactionVersion,
        next_producer_id: Option<ProducerId>,
        now_ms: i64,
    ) -> Self {
        let bumps = client_version.bumps_epoch();
        Self {
            producer: if bumps { self.producer.bumped() } else { self.producer },
            prev_producer_id: self.producer.producer_id,
            next_producer_id: next_producer_id.unwrap_or(ProducerId::NONE),
            last_producer_epoch: if bumps {
                self.producer.producer_epoch
            } else {
                self.last_producer_epoch
            },
            state: match result {
                TransactionResult::Commit => TransactionState::PrepareCommit,
                TransactionResult::Abort => TransactionState::PrepareAbort,
            },
            start_ms: if self.state.is_idle() { now_ms } else { self.start_ms },
            last_update_ms: now_ms,
            client_version,
            ..self.clone()
        }
    }

    /// Aborts the transaction of a producer that another takes the place of, or that took too long:
    /// from now on its epoch is not the last one.
    pub(super) fn prepare_fence(
        &self,
        version: TransactionVersion,
        next_producer_id: Option<ProducerId>,
        now_ms: i64,
    ) -> Self {
        let ended = self.prepare_end(TransactionResult::Abort, version, next_producer_id, now_ms);
        if version.bumps_epoch() {
            return ended;
        }
        Self {
            producer: self.producer.bumped(),
            last_producer_epoch: -1,
            client_version: TransactionVersion::V0,
            ..ended
        }
    }

    /// Ends what [`Metadata::prepare_end`] decided on, once every partition has its marker.
    pub(super) fn complete(&self, now_ms: i64) -> Self {
        let producer = if self.client_version.bumps_epoch() && self.next_producer_id.is_some() {
            ProducerIdAndEpoch { producer_id: self.next_producer_id, producer_epoch: 0 }
        } else {
            self.producer
        };
        Self {
            producer,
            prev_producer_id: self.producer.producer_id,
            next_producer_id: ProducerId::NONE,
            state: match self.state {
                TransactionState::PrepareCommit => TransactionState::CompleteCommit,
                _ => TransactionState::CompleteAbort,
            },
            partitions: TopicPartitions::default(),
            last_update_ms: now_ms,
            ..self.clone()
        }
    }
}
