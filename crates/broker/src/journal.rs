//! What happened in the broker, as far back as memory allows, and where cursors stood.
//!
//! Events are kept in queues of bounded size. Appends and commits are not events of their own: who
//! appends marks its partition, and once in a while what was marked becomes one event and one
//! sample. So an append costs a look at a flag, and an idle broker nothing.
//! Invariants: sequence numbers grow by one; the oldest events go first; no lock is held while
//! another part of the broker is asked. Kafka: none.

pub(crate) mod config;
mod event;
mod ring;
mod samples;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use ottla_coordinator::{Effects, TransactionNote};
use ottla_wire::Str;
use tokio::sync::{Notify, watch};

pub(crate) use self::samples::KEPT_MS;
pub use self::{
    event::{Change, Event},
    ring::{Complete, CompleteFrom, Queue},
    samples::{Arrival, Past, Sample},
};
use self::{
    ring::Ring,
    samples::{Commits, Position, Samples},
};
use crate::{broker::Shared, clock::now_ms, partition::Partition};

/// How often what was marked is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The journal of a broker.
#[derive(Debug)]
pub(crate) struct Journal {
    ring: Mutex<Ring>,
    /// The sequence number of the next event.
    news: watch::Sender<u64>,
    marked: Mutex<Marked>,
    wake: Notify,
    samples: Mutex<Samples>,
}

/// What has changed since the last look.
#[derive(Debug, Default)]
struct Marked {
    partitions: Vec<Arc<Partition>>,
    groups: HashMap<Str, Commits>,
}

/// Events from some point on.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// In their order.
    pub events: Vec<Arc<Event>>,
    /// The sequence number to go on from.
    pub next: u64,
    /// From where on none is missing.
    pub complete: Complete,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            ring: Mutex::default(),
            news: watch::Sender::new(0),
            marked: Mutex::default(),
            wake: Notify::new(),
            samples: Mutex::default(),
        }
    }

    /// Takes in an event.
    pub(crate) fn put(&self, mut event: Event) {
        let next = {
            let mut ring = lock(&self.ring);
            event.time_ms = now_ms();
            ring.put(event);
            ring.next
        };
        self.news.send_replace(next);
    }

    /// Marks a partition one of whose cursors has moved.
    pub(crate) fn moved(&self, partition: &Arc<Partition>) {
        let is_marked = &partition.marks.is_marked;
        if is_marked.load(Ordering::Relaxed) || is_marked.swap(true, Ordering::AcqRel) {
            return;
        }
        lock(&self.marked).partitions.push(Arc::clone(partition));
        self.wake.notify_one();
    }

    /// A group is about to commit offsets: notes where it stood, if nobody knows it yet. Gives the
    /// time.
    pub(crate) fn commits(&self, shared: &Shared, group_id: &Str) -> i64 {
        let is_known = lock(&self.samples).knows(group_id);
        let now_ms = now_ms();
        if !is_known {
            let positions = positions(shared, group_id);
            lock(&self.samples).begin(group_id, positions, now_ms);
        }
        now_ms
    }

    /// Marks a group whose offsets were committed, by a request that began then.
    pub(crate) fn committed(&self, group_id: &Str, began_ms: i64) {
        self.mark(group_id, Commits { began_ms, count: 1, ended_ms: None });
    }

    fn mark(&self, group_id: &Str, new: Commits) {
        let is_new = {
            let mut marked = lock(&self.marked);
            if let Some(commits) = marked.groups.get_mut(group_id) {
                commits.began_ms = commits.began_ms.min(new.began_ms);
                commits.count = commits.count.saturating_add(new.count);
                commits.ended_ms = commits.ended_ms.max(new.ended_ms);
                false
            } else {
                marked.groups.insert(group_id.detached(), new);
                true
            }
        };
        if is_new {
            self.wake.notify_one();
        }
    }

    /// Takes in what happened to groups.
    pub(crate) fn groups(&self, effects: &mut Effects) {
        for note in effects.notes.drain(..) {
            self.put(Event::of_group(note));
        }
        for group_id in effects.committed_groups.drain(..) {
            let now_ms = now_ms();
            self.mark(&group_id, Commits { began_ms: now_ms, count: 1, ended_ms: Some(now_ms) });
        }
    }

    /// Takes in what happened to transactional ids.
    pub(crate) fn transactions(&self, notes: &mut Vec<TransactionNote>) {
        for note in notes.drain(..) {
            self.put(Event::of_transaction(note));
        }
    }

    /// At most `max` events from `since` on that are wanted.
    pub(crate) fn since(&self, since: u64, max: usize, wanted: impl Fn(&Event) -> bool) -> Events {
        let ring = lock(&self.ring);
        let next = ring.next.max(since);
        let mut found = Events { events: Vec::new(), next, complete: ring.complete() };
        for event in ring.from(since) {
            if found.events.len() >= max {
                found.next = event.seq;
                break;
            }
            if wanted(event) {
                found.events.push(Arc::clone(event));
            }
        }
        found
    }

    /// The last events that are wanted, at most `max`, newest first.
    pub(crate) fn last(&self, max: usize, wanted: impl Fn(&Event) -> bool) -> Vec<Arc<Event>> {
        let ring = lock(&self.ring);
        ring.backwards().filter(|event| wanted(event)).take(max).cloned().collect()
    }

    /// The events of a queue from `since` on, newest first.
    pub(crate) fn back_to(&self, queue: Queue, since: u64) -> Vec<Arc<Event>> {
        let ring = lock(&self.ring);
        ring.backwards_in(queue).take_while(|event| event.seq >= since).cloned().collect()
    }

    /// The number of the first event after a time.
    pub(crate) fn seq_after(&self, time_ms: i64) -> u64 {
        let ring = lock(&self.ring);
        let mut seq = ring.next;
        for event in ring.backwards() {
            if event.time_ms <= time_ms {
                break;
            }
            seq = event.seq;
        }
        seq
    }

    /// The time of the last event before a number; `None` where there is none.
    pub(crate) fn time_before(&self, seq: u64) -> Option<i64> {
        let ring = lock(&self.ring);
        ring.backwards().find(|event| event.seq < seq).map(|event| event.time_ms)
    }

    /// From where on no event is missing.
    pub(crate) fn complete(&self) -> Complete {
        lock(&self.ring).complete()
    }

    /// Tells the sequence number of the next event whenever that grows.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Where the end of a partition stood, in order.
    pub(crate) fn ends(&self, topic: &str, partition: i32) -> Vec<Sample> {
        lock(&self.samples).ends(topic, partition)
    }

    /// What is asked of where cursors stood.
    pub(crate) fn samples<T>(&self, look: impl FnOnce(&Samples) -> T) -> T {
        look(&lock(&self.samples))
    }

    /// Where a group stood in each partition, in order.
    pub(crate) fn positions(&self, group_id: &str) -> Vec<((String, i32), Vec<Sample>)> {
        lock(&self.samples).positions(group_id)
    }

    /// Looks at what was marked, until the broker stops.
    pub(crate) async fn run(&self, shared: Arc<Shared>) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = shared.stopping.wait() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shared.stopping.wait() => return,
            }
            let marked = std::mem::take(&mut *lock(&self.marked));
            for partition in &marked.partitions {
                self.look_at_partition(partition);
            }
            for (group_id, commits) in &marked.groups {
                self.look_at_group(&shared, group_id, *commits);
            }
        }
    }

    /// Looks at a group, if it was marked: somebody asks about it now.
    pub(crate) fn look_now(&self, shared: &Shared, group_id: &str) {
        let group_id = Str::from(group_id);
        let marked = lock(&self.marked).groups.remove(&group_id);
        if let Some(commits) = marked {
            self.look_at_group(shared, &group_id, commits);
        }
    }

    fn look_at_partition(&self, partition: &Partition) {
        let marks = &partition.marks;
        // What comes after this is marked anew.
        marks.is_marked.store(false, Ordering::Release);
        let cursors = partition.cursors();
        let to = cursors.log_end_offset.get();
        let from = marks.end.swap(to, Ordering::AcqRel);
        let at = &partition.topic_partition;
        if to > from {
            self.put(
                Event::new("produce")
                    .partition(&at.topic, at.partition)
                    .with("fromOffset", from)
                    .with("toOffset", to)
                    .with("records", to.saturating_sub(from)),
            );
        }
        let segments = marks.segments.swap(cursors.segments, Ordering::AcqRel);
        if cursors.segments > segments {
            let count = cursors.segments - segments;
            let event = Event::new("segment.rolled").partition(&at.topic, at.partition);
            self.put(event.with("segments", count));
        }
        let place = (&*at.topic, at.partition);
        let mut samples = lock(&self.samples);
        let now = now_ms();
        if to != from {
            samples.end(place, from, to, now);
        }
        let stable = cursors.last_stable_offset;
        let stable = if stable < cursors.high_watermark { stable.get() } else { -1 };
        samples.stable(place, stable, now);
        let start = cursors.log_start_offset.get();
        let start_before = marks.start.swap(start, Ordering::AcqRel);
        if start != start_before {
            samples.start(place, start_before, start, now);
        }
    }

    fn look_at_group(&self, shared: &Shared, group_id: &Str, commits: Commits) {
        let positions = positions(shared, group_id);
        let moved = lock(&self.samples).group(group_id, &positions, commits, now_ms());
        if moved > 0 {
            self.put(Event::new("group.committed").group(group_id).with("partitions", moved));
        }
    }
}

/// What a group has committed.
fn positions(shared: &Shared, group_id: &Str) -> Vec<Position> {
    let mut positions = Vec::new();
    shared.groups.look(group_id, |shard| {
        shard.each_offset(group_id, |topic, partition, committed| {
            positions.push(Position {
                topic: topic.to_string(),
                partition,
                offset: committed.committed_offset.get(),
                commit_ms: committed.commit_timestamp_ms,
            });
        });
    });
    positions
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_go_and_the_numbers_say_so() {
        let journal = Journal::new();
        let text = "x".repeat(1 << 20);
        for _ in 0..40 {
            journal.put(Event::new("topic.created").with("text", &text));
        }
        let all = journal.since(0, 1_000, |_| true);
        assert_eq!(all.next, 40);
        let from = all.complete.of(Queue::Changes).seq;
        assert!(from > 20, "{from}");
        assert_eq!(all.events.len() as u64, 40 - from);
        assert_eq!(all.events[0].seq, from);
        let some = journal.since(38, 1, |_| true);
        assert_eq!((some.events[0].seq, some.next), (38, 39));
        assert!(journal.since(99, 10, |_| true).events.is_empty());
        assert_eq!(journal.last(2, |_| true)[0].seq, 39);
    }

    #[test]
    fn a_busy_kind_does_not_push_out_the_others() {
        let journal = Journal::new();
        journal.put(Event::new("topic.created").topic("London"));
        let text = "x".repeat(1 << 20);
        for _ in 0..20 {
            journal.put(Event::new("transaction.begun").with("text", &text));
        }
        journal.put(Event::new("topic.deleted").topic("London"));
        let all = journal.since(0, 1_000, |_| true);
        let kinds: Vec<_> = all.events.iter().map(|event| event.kind).collect();
        assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("topic.created", "topic.deleted"));
        assert!(all.events.is_sorted_by_key(|event| event.seq));
        assert_eq!(all.complete.of(Queue::Changes).seq, 0);
        assert_eq!(all.complete.of_all(), all.complete.of(Queue::Transactions));
        assert_eq!(journal.back_to(Queue::Changes, 1).len(), 1);
    }
}
