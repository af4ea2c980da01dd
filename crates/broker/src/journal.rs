//! What happened in the broker, as far back as memory allows, and where cursors stood.
//!
//! Events are kept in a ring of bounded size. Appends and commits are not events of their own: who
//! appends marks its partition, and once in a while what was marked becomes one event and one sample. So
//! an append costs a look at a flag, and an idle broker nothing.
//! Invariants: sequence numbers grow by one; the oldest events go first; no lock is held while another
//! part of the broker is asked. Kafka: none.

mod event;
mod samples;

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use ottla_coordinator::GroupNote;
use ottla_wire::Str;
use tokio::sync::{Notify, watch};

use self::samples::Samples;
pub use self::{event::Event, samples::Sample};
use crate::{broker::Shared, clock::now_ms, partition::Partition};

/// Most bytes of events, as far as can be told.
const BYTES_MAX: usize = 16 << 20;

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

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    next: u64,
}

/// What has changed since the last look.
#[derive(Debug, Default)]
struct Marked {
    partitions: Vec<Arc<Partition>>,
    groups: HashSet<Str>,
}

/// Events from some point on.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// In their order.
    pub events: Vec<Arc<Event>>,
    /// The sequence number to go on from.
    pub next: u64,
    /// That of the oldest event there is.
    pub oldest: u64,
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
            event.seq = ring.next;
            event.time_ms = now_ms();
            ring.next += 1;
            ring.bytes += event.bytes();
            ring.events.push_back(Arc::new(event));
            while ring.bytes > BYTES_MAX
                && let Some(oldest) = ring.events.pop_front()
            {
                ring.bytes = ring.bytes.saturating_sub(oldest.bytes());
            }
            ring.next
        };
        self.news.send_replace(next);
    }

    /// Marks a partition as appended to.
    pub(crate) fn appended(&self, partition: &Arc<Partition>) {
        let is_marked = &partition.marks.is_marked;
        if is_marked.load(Ordering::Relaxed) || is_marked.swap(true, Ordering::AcqRel) {
            return;
        }
        lock(&self.marked).partitions.push(Arc::clone(partition));
        self.wake.notify_one();
    }

    /// Marks a group whose offsets were committed.
    pub(crate) fn committed(&self, group_id: &Str) {
        let is_new = {
            let mut marked = lock(&self.marked);
            !marked.groups.contains(group_id) && marked.groups.insert(group_id.detached())
        };
        if is_new {
            self.wake.notify_one();
        }
    }

    /// Takes in what happened to groups.
    pub(crate) fn groups(&self, notes: &mut Vec<GroupNote>) {
        for note in notes.drain(..) {
            self.put(Event::of_group(&note));
        }
    }

    /// At most `max` events from `since` on that are wanted.
    pub(crate) fn since(&self, since: u64, max: usize, wanted: impl Fn(&Event) -> bool) -> Events {
        let ring = lock(&self.ring);
        let oldest = ring.events.front().map_or(ring.next, |event| event.seq);
        let skipped = usize::try_from(since.saturating_sub(oldest)).unwrap_or(usize::MAX);
        let mut found = Events { events: Vec::new(), next: ring.next.max(since), oldest };
        for event in ring.events.iter().skip(skipped) {
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
        ring.events.iter().rev().filter(|event| wanted(event)).take(max).cloned().collect()
    }

    /// Tells the sequence number of the next event whenever that grows.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Where the end of a partition stood, in order.
    pub(crate) fn ends(&self, topic: &str, partition: i32) -> Vec<Sample> {
        lock(&self.samples).ends(topic, partition)
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
            for group_id in &marked.groups {
                self.look_at_group(&shared, group_id);
            }
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
        lock(&self.samples).end((&at.topic, at.partition), from, to, now_ms());
    }

    fn look_at_group(&self, shared: &Shared, group_id: &Str) {
        let mut offsets = Vec::new();
        shared.groups.look(group_id, |shard| {
            shard.each_offset(group_id, |topic, partition, committed| {
                offsets.push((topic.to_string(), partition, committed.committed_offset.get()));
            });
        });
        let moved = lock(&self.samples).group(group_id, &offsets, now_ms());
        if moved > 0 {
            self.put(Event::new("group.committed").group(group_id).with("partitions", moved));
        }
    }
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
        assert!(all.oldest > 20, "{}", all.oldest);
        assert_eq!(all.events.len() as u64, 40 - all.oldest);
        assert_eq!(all.events[0].seq, all.oldest);
        let some = journal.since(38, 1, |_| true);
        assert_eq!((some.events[0].seq, some.next), (38, 39));
        assert!(journal.since(99, 10, |_| true).events.is_empty());
        assert_eq!(journal.last(2, |_| true)[0].seq, 39);
    }
}
