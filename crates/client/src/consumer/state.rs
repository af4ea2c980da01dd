//! What a consumer reads and how far it is, shared by the one who reads and the one who fetches.
//!
//! Invariants: a partition that was unassigned or sought elsewhere never gives a record of before
//! (each change makes a new `version`, and what was fetched under an old one is dropped); what is
//! buffered is bounded per partition.
//! Kafka: `SubscriptionState`, `FetchBuffer`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use ottla_types::{BrokerId, LeaderEpoch, Offset};
use tokio::time::Instant;

use crate::{Error, topology::Topology};

/// A partition as the consumer keys it.
pub(crate) type Key = (Arc<str>, i32);

/// Fetched data a partition may hold that was not read yet.
const CHUNKS_MAX: usize = 2;

/// What one fetch brought for one partition.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Whole batches, and perhaps a part of one at the end.
    pub(crate) bytes: Bytes,
    /// Aborted transactions in it, `(producer_id, first_offset)`, by offset.
    pub(crate) aborted: VecDeque<(i64, i64)>,
}

/// One assigned partition.
#[derive(Debug)]
pub(crate) struct PartitionState {
    pub(crate) version: u64,
    /// From where to fetch next.
    pub(crate) fetch_offset: i64,
    /// The next offset to hand out: everything before was read or skipped.
    pub(crate) position: i64,
    /// The leader epoch of what was read or skipped last; none before.
    pub(crate) position_epoch: LeaderEpoch,
    /// Reading ends before this offset.
    pub(crate) stop_at: Option<i64>,
    pub(crate) chunks: VecDeque<Chunk>,
    pub(crate) is_fetching: bool,
    pub(crate) is_paused: bool,
    pub(crate) not_before: Option<Instant>,
    /// The exclusive end of what this consumer may see, as last heard; −1 before.
    pub(crate) end_offset: i64,
}

impl PartitionState {
    fn new(version: u64, offset: i64) -> Self {
        Self {
            version,
            fetch_offset: offset,
            position: offset,
            position_epoch: LeaderEpoch::NONE,
            stop_at: None,
            chunks: VecDeque::new(),
            is_fetching: false,
            is_paused: false,
            not_before: None,
            end_offset: -1,
        }
    }

    /// Moves past what lies before `offset`, written in a leader epoch.
    pub(crate) fn pass(&mut self, offset: Offset, epoch: LeaderEpoch) {
        if offset.0 > self.position {
            self.position = offset.0;
            self.position_epoch = epoch;
        }
    }

    pub(crate) fn is_at_stop(&self) -> bool {
        self.stop_at.is_some_and(|stop| self.position >= stop)
    }

    fn wants_data(&self) -> bool {
        !self.is_paused && self.stop_at.is_none_or(|stop| self.fetch_offset < stop)
    }
}

/// What to fetch for one partition.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Key,
    pub(crate) version: u64,
    pub(crate) offset: i64,
}

/// All that is assigned.
#[derive(Debug, Default)]
pub(crate) struct FetchState {
    pub(crate) partitions: BTreeMap<Key, PartitionState>,
    /// Whose chunk is read next.
    turns: VecDeque<Key>,
    /// Failures that whoever reads has to hear of.
    pub(crate) errors: VecDeque<Error>,
    next_version: u64,
    pub(crate) is_closed: bool,
    /// Nothing is handed out for now: the group is about to take partitions away.
    pub(crate) is_frozen: bool,
}

impl FetchState {
    /// Assigns a partition, or moves an assigned one.
    pub(crate) fn set(&mut self, key: Key, offset: i64) {
        self.next_version += 1;
        let old = self.partitions.remove(&key);
        let mut state = PartitionState::new(self.next_version, offset);
        if let Some(old) = old {
            state.is_paused = old.is_paused;
            state.stop_at = old.stop_at;
        }
        self.partitions.insert(key, state);
    }

    /// Assigns nothing any more.
    pub(crate) fn clear(&mut self) {
        self.partitions.clear();
        self.turns.clear();
    }

    /// Whether `key` is still assigned as it was at `version`.
    pub(crate) fn current(&mut self, key: &Key, version: u64) -> Option<&mut PartitionState> {
        self.partitions.get_mut(key).filter(|state| state.version == version)
    }

    /// Everything has been read up to its stop.
    pub(crate) fn is_finished(&self) -> bool {
        !self.partitions.is_empty() && self.partitions.values().all(PartitionState::is_at_stop)
    }

    /// Adds what a fetch brought.
    pub(crate) fn add(&mut self, key: &Key, version: u64, chunk: Chunk, next_offset: i64) {
        let Some(state) = self.current(key, version) else { return };
        state.fetch_offset = next_offset;
        state.chunks.push_back(chunk);
        self.turns.push_back(key.clone());
    }

    /// The next chunk to read, partitions taking turns.
    pub(crate) fn take(&mut self) -> Option<(Key, u64, Chunk)> {
        for _ in 0..self.turns.len() {
            let key = self.turns.pop_front()?;
            let Some(state) = self.partitions.get_mut(&key) else { continue };
            if state.is_paused {
                self.turns.push_back(key);
                continue;
            }
            let version = state.version;
            if let Some(chunk) = state.chunks.pop_front() {
                return Some((key, version, chunk));
            }
        }
        None
    }

    /// What to fetch from each leader that is not busy, and which topics have no leader.
    ///
    /// A broker is asked only when all its partitions have room: otherwise a full one would wait
    /// behind the long poll for the empty ones.
    pub(crate) fn wanted(
        &mut self,
        topology: &Topology,
        busy: &[BrokerId],
        now: Instant,
    ) -> (BTreeMap<i32, Vec<Wanted>>, bool) {
        let mut wanted: BTreeMap<i32, Vec<Wanted>> = BTreeMap::new();
        let mut full: Vec<i32> = Vec::new();
        let mut lacks_leader = false;
        for (key, state) in &self.partitions {
            if !state.wants_data() || state.is_fetching {
                continue;
            }
            if state.not_before.is_some_and(|then| then > now) {
                continue;
            }
            let Some((leader, _)) = topology.leader(&key.0, key.1) else {
                lacks_leader = true;
                continue;
            };
            if state.chunks.len() >= CHUNKS_MAX {
                full.push(leader.0);
                continue;
            }
            let (version, offset) = (state.version, state.fetch_offset);
            let item = Wanted { key: key.clone(), version, offset };
            wanted.entry(leader.0).or_default().push(item);
        }
        wanted.retain(|leader, _| !full.contains(leader) && !busy.contains(&BrokerId(*leader)));
        for item in wanted.values().flatten() {
            if let Some(state) = self.partitions.get_mut(&item.key) {
                state.is_fetching = true;
            }
        }
        (wanted, lacks_leader)
    }

    /// When the first partition that waits for a time may be fetched again.
    pub(crate) fn wakes_at(&self, now: Instant) -> Option<Instant> {
        self.partitions.values().filter_map(|state| state.not_before).filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> Key {
        ("t".into(), partition)
    }

    fn chunk() -> Chunk {
        Chunk { bytes: Bytes::new(), aborted: VecDeque::new() }
    }

    #[test]
    fn what_was_fetched_before_a_seek_is_dropped() {
        let mut state = FetchState::default();
        state.set(key(0), 5);
        let version = state.partitions[&key(0)].version;
        state.set(key(0), 100);
        state.add(&key(0), version, chunk(), 6);
        assert!(state.take().is_none());
        assert_eq!(state.partitions[&key(0)].fetch_offset, 100);
    }

    #[test]
    fn partitions_take_turns() {
        let mut state = FetchState::default();
        for partition in 0..2 {
            state.set(key(partition), 0);
            let version = state.partitions[&key(partition)].version;
            state.add(&key(partition), version, chunk(), 1);
        }
        let order: Vec<i32> = std::iter::from_fn(|| state.take().map(|it| it.0.1)).collect();
        assert_eq!(order, [0, 1]);
    }

    #[test]
    fn reading_is_finished_when_every_partition_is_at_its_stop() {
        let mut state = FetchState::default();
        assert!(!state.is_finished());
        state.set(key(0), 3);
        state.partitions.get_mut(&key(0)).unwrap().stop_at = Some(4);
        assert!(!state.is_finished());
        state.partitions.get_mut(&key(0)).unwrap().position = 4;
        assert!(state.is_finished());
    }
}
