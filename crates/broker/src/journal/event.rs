//! One event.
//!
//! Kafka: none.

use std::{fmt::Display, net::SocketAddr};

use ottla_coordinator::{
    GroupChange, GroupNote, TopicPartitions, TransactionLook, TransactionNote, TransactionState,
};

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its number: events are counted from 0 at the broker's start.
    pub seq: u64,
    /// When, in ms since 1970.
    pub time_ms: i64,
    /// What, as in `topic.created`.
    pub kind: &'static str,
    /// To which topic.
    pub topic: Option<String>,
    /// To which of its partitions.
    pub partition: Option<i32>,
    /// To which group.
    pub group_id: Option<String>,
    /// To or by which of its members.
    pub member_id: Option<String>,
    /// By which client.
    pub client_id: Option<String>,
    /// From where.
    pub remote: Option<SocketAddr>,
    /// To which transactional id.
    pub transactional_id: Option<String>,
    /// What else there is to say.
    pub detail: Vec<(&'static str, String)>,
    /// What it changed, where the state before it can be had back.
    pub change: Option<Box<Change>>,
}

/// What an event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A group.
    Group(GroupChange),
    /// A transactional id.
    Transaction {
        /// How it stood; `None` where nobody knew it.
        before: Option<TransactionLook>,
        /// How it stands; `None` where it is forgotten.
        after: Option<TransactionLook>,
    },
}

impl Event {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    pub(crate) fn topic(mut self, topic: &str) -> Self {
        self.topic = Some(topic.to_owned());
        self
    }

    pub(crate) fn partition(mut self, topic: &str, partition: i32) -> Self {
        self.partition = Some(partition);
        self.topic(topic)
    }

    pub(crate) fn group(mut self, group_id: &str) -> Self {
        self.group_id = Some(group_id.to_owned());
        self
    }

    pub(crate) fn member(mut self, member_id: &str, client_id: &str) -> Self {
        self.member_id = Some(member_id.to_owned());
        self.client(Some(client_id))
    }

    pub(crate) fn client(mut self, client_id: Option<&str>) -> Self {
        self.client_id = client_id.map(str::to_owned);
        self
    }

    pub(crate) fn remote(mut self, remote: SocketAddr) -> Self {
        self.remote = Some(remote);
        self
    }

    pub(crate) fn transactional_id(mut self, transactional_id: &str) -> Self {
        self.transactional_id = Some(transactional_id.to_owned());
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.detail.push((name, value.to_string()));
        self
    }

    /// What a group's own rules say has happened to it.
    pub(super) fn of_group(note: GroupNote) -> Self {
        let event =
            |kind| Self::new(kind).group(&note.group_id).with("generationId", note.generation_id);
        let mut event = match &note.change {
            GroupChange::Joined { member } => {
                event("group.joined").member(&member.member_id, &member.client_id)
            }
            GroupChange::Left { member, cause } => {
                let event = event("group.left").member(&member.member_id, &member.client_id);
                event.with("cause", cause.name())
            }
            GroupChange::Renamed { before, after } => {
                let event = event("group.renamed").member(&after.member_id, &after.client_id);
                event.with("from", &before.member_id)
            }
            GroupChange::Assigned { after, .. } => {
                event("group.assigned").with("members", after.len())
            }
            GroupChange::State { from, to, cause } => {
                let event = event("group.state").with("from", from.name()).with("to", to.name());
                match cause {
                    Some(cause) => event.with("cause", cause.name()),
                    None => event,
                }
            }
        };
        event.change = Some(Box::new(Change::Group(note.change)));
        event
    }

    /// What the rules of transactions say has happened to an id.
    pub(super) fn of_transaction(note: TransactionNote) -> Self {
        let TransactionNote { transactional_id, before, after, cause } = note;
        let mut event = match &after {
            Some(after) => Self::of_transition(before.as_ref(), after),
            None => Self::new("transaction.forgotten"),
        };
        if let Some(cause) = cause {
            event = event.with("cause", cause.name());
        }
        event.transactional_id = Some(transactional_id.to_string());
        event.change = Some(Box::new(Change::Transaction { before, after }));
        event
    }

    fn of_transition(before: Option<&TransactionLook>, after: &TransactionLook) -> Self {
        let was_open = before.is_some_and(|it| it.state == TransactionState::Ongoing);
        let kind = match after.state {
            TransactionState::Ongoing if was_open => "transaction.partitions",
            TransactionState::Ongoing => "transaction.begun",
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                "transaction.prepared"
            }
            TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                "transaction.completed"
            }
            TransactionState::Empty
            | TransactionState::Dead
            | TransactionState::PrepareEpochFence => "transaction.initialized",
        };
        let mut event = Self::new(kind)
            .with("producerId", after.producer.producer_id.get())
            .with("producerEpoch", after.producer.producer_epoch);
        if let Some(before) = before.filter(|before| before.producer != after.producer) {
            event = event.with("epochBefore", before.producer.producer_epoch);
        }
        match after.state {
            TransactionState::Ongoing => {
                let known = before.filter(|_| was_open).map(|before| &before.partitions);
                event.with("partitions", named(&after.partitions, known))
            }
            TransactionState::PrepareCommit | TransactionState::CompleteCommit => {
                event.with("result", "commit")
            }
            TransactionState::PrepareAbort | TransactionState::CompleteAbort => {
                event.with("result", "abort")
            }
            _ => event,
        }
        .with("ms", after.last_update_ms.saturating_sub(after.start_ms.max(0)))
    }

    /// What it takes in memory, behind an `Arc` in a queue, as far as can be told.
    pub(super) fn bytes(&self) -> usize {
        let texts =
            [&self.topic, &self.group_id, &self.member_id, &self.client_id, &self.transactional_id];
        let details = self.detail.iter().map(|(_, value)| value);
        let texts = texts.into_iter().flatten().chain(details);
        let texts: usize = texts.map(|text| allocated(text.capacity())).sum();
        let detail = allocated(self.detail.capacity() * size_of::<(&str, String)>());
        let change = self.change.as_ref().map_or(0, |change| change.bytes());
        allocated(size_of::<Self>() + 16) + QUEUE_BYTES + texts + detail + change
    }
}

/// Its place in a queue, half of which may be empty.
const QUEUE_BYTES: usize = 16;

/// What so many bytes take on the heap: allocators keep a word beside them, and round up.
fn allocated(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { (bytes + 8).next_multiple_of(16).max(32) }
}

impl Change {
    fn bytes(&self) -> usize {
        let own = match self {
            Self::Group(GroupChange::Assigned { before, after }) => {
                let all = before.iter().chain(after);
                all.map(|(id, assignment)| id.len() + assignment.len() + 64).sum()
            }
            Self::Group(GroupChange::Renamed { .. }) => 256,
            Self::Group(_) => 128,
            // Names are shared with the coordinator's state; the rest is a tree of small sets.
            Self::Transaction { before, after } => {
                let looks = before.iter().chain(after);
                looks.map(|look| 64 + 64 * look.partitions.len()).sum()
            }
        };
        size_of::<Self>() + own
    }
}

/// Most partitions that an event names.
const NAMED_MAX: usize = 20;

/// Partitions that are not known yet, as in `London-0, London-1`.
fn named(partitions: &TopicPartitions, known: Option<&TopicPartitions>) -> String {
    let is_new = |(topic, partition): &(&ottla_wire::Str, i32)| {
        known.is_none_or(|known| !known.contains(topic, *partition))
    };
    let new: Vec<_> = partitions.iter().filter(is_new).collect();
    let mut names: Vec<String> = new
        .iter()
        .take(NAMED_MAX)
        .map(|(topic, partition)| format!("{topic}-{partition}"))
        .collect();
    if new.len() > NAMED_MAX {
        names.push(format!("{} others", new.len() - NAMED_MAX));
    }
    names.join(", ")
}
