//! The events themselves, oldest first, each kind in a queue that others cannot crowd out.
//!
//! A broker with thousands of transactions a second still knows which group was rebalanced an hour
//! ago. Invariant: a queue holds every event of its kinds from its `complete_from` on. Kafka: none.

use std::{collections::VecDeque, sync::Arc};

use super::Event;

/// What events are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// What clients do all the time: connections, appends, commits.
    Activity,
    /// Transactions.
    Transactions,
    /// What changes: topics, groups, configs, segments.
    Changes,
}

impl Queue {
    /// Where events of a kind, or of those that begin with it, are kept.
    pub fn of(kind: &str) -> Self {
        match kind.split('.').next().unwrap_or_default() {
            "transaction" => Self::Transactions,
            "connection" | "client" | "metadata" | "produce" => Self::Activity,
            "group" if kind == "group.committed" => Self::Activity,
            _ => Self::Changes,
        }
    }

    /// Most bytes that its events take.
    fn bytes_max(self) -> usize {
        match self {
            Self::Activity | Self::Changes => 5 << 20,
            Self::Transactions => 6 << 20,
        }
    }

    fn place(self) -> usize {
        match self {
            Self::Activity => 0,
            Self::Transactions => 1,
            Self::Changes => 2,
        }
    }
}

/// From where on nothing is missing, by queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Complete([CompleteFrom; 3]);

/// A number of an event, and the time of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompleteFrom {
    /// The sequence number from which on every event is there.
    pub seq: u64,
    /// The time before which some are not, in ms; `None` where none has gone yet.
    pub time_ms: Option<i64>,
}

impl Complete {
    /// From where on the events of a queue are all there.
    pub fn of(&self, queue: Queue) -> CompleteFrom {
        self.0.get(queue.place()).copied().unwrap_or_default()
    }

    /// From where on every event is there.
    pub fn of_all(&self) -> CompleteFrom {
        self.0.iter().copied().max_by_key(|from| from.seq).unwrap_or_default()
    }
}

/// Every event that is kept.
#[derive(Debug, Default)]
pub(super) struct Ring {
    queues: [Kept; 3],
    pub(super) next: u64,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    complete_from: CompleteFrom,
}

impl Ring {
    pub(super) fn put(&mut self, mut event: Event) {
        event.seq = self.next;
        event.detail.shrink_to_fit();
        self.next += 1;
        let queue = Queue::of(event.kind);
        let Some(kept) = self.queues.get_mut(queue.place()) else { return };
        kept.bytes += event.bytes();
        kept.events.push_back(Arc::new(event));
        while kept.bytes > queue.bytes_max()
            && let Some(oldest) = kept.events.pop_front()
        {
            kept.bytes = kept.bytes.saturating_sub(oldest.bytes());
            kept.complete_from =
                CompleteFrom { seq: oldest.seq + 1, time_ms: Some(oldest.time_ms) };
        }
    }

    pub(super) fn complete(&self) -> Complete {
        Complete(self.queues.each_ref().map(|kept| kept.complete_from))
    }

    /// Every event from a number on, in order.
    pub(super) fn from(&self, seq: u64) -> impl Iterator<Item = &Arc<Event>> {
        let mut rests = self.queues.each_ref().map(|kept| {
            let skipped = kept.events.partition_point(|event| event.seq < seq);
            kept.events.range(skipped..).peekable()
        });
        std::iter::from_fn(move || {
            let numbered = rests.iter_mut().filter_map(|rest| Some((rest.peek()?.seq, rest)));
            numbered.min_by_key(|(seq, _)| *seq).and_then(|(_, rest)| rest.next())
        })
    }

    /// Every event, newest first.
    pub(super) fn backwards(&self) -> impl Iterator<Item = &Arc<Event>> {
        let mut rests = self.queues.each_ref().map(|kept| kept.events.iter().rev().peekable());
        std::iter::from_fn(move || {
            let numbered = rests.iter_mut().filter_map(|rest| Some((rest.peek()?.seq, rest)));
            numbered.max_by_key(|(seq, _)| *seq).and_then(|(_, rest)| rest.next())
        })
    }

    /// The events of a queue, newest first.
    pub(super) fn backwards_in(&self, queue: Queue) -> impl Iterator<Item = &Arc<Event>> {
        self.queues.get(queue.place()).into_iter().flat_map(|kept| kept.events.iter().rev())
    }
}
