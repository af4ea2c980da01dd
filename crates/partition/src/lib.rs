//! The replication rules of one partition, as a machine without I/O.
//!
//! [`Replication`] is told what happened ([`Event`]) and says what follows ([`Effect`]); the broker
//! appends, syncs and answers.
//!
//! | state | event | next | effects |
//! |---|---|---|---|
//! | any | `BecameLeader` | leader, with offsets as given | all offsets that wait on nobody |
//! | any | `BecameFollower` | follower | none |
//! | leader | `Appended` | log end moves | `SyncWanted`, or high watermark and acknowledged offset |
//! | leader | `Fetched` | the follower's end moves | high watermark, acknowledged offset |
//! | any | `Synced` | durable offset moves | durable offset, acknowledged offset |
//! | leader | `IsrChanged` | other replicas count | high watermark, acknowledged offset |
//! | any | `DurabilityChanged` | another rule counts | acknowledged offset |
//! | any | `Truncated` | offsets are cut | none |
//!
//! Invariants: the high watermark, the durable and the acknowledged offset lie at or below the log
//! end offset, and only a truncation takes one of them back. An acknowledged record survives what
//! the durability in force promises, and consumers see no record whose producer still waits for
//! the disk: what they read and commit would otherwise go with the power, and other records would
//! take its offsets. Records that nobody waits for are seen at once, unless they lie behind such.
//!
//! Architecture invariant: knows nothing of files, sockets, clocks and locks.
//!
//! Kafka: `kafka.cluster.Partition`, `ReplicaState`.

mod durability;

use std::collections::BTreeMap;

pub use durability::{Durability, UnknownDurability};
use ottla_types::{BrokerId, ErrorCode, LeaderEpoch, Offset};

/// Something that happened to the partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The metadata log made this broker the leader.
    BecameLeader {
        /// The epoch of the leadership.
        leader_epoch: LeaderEpoch,
        /// The brokers that hold a replica, this one included.
        replicas: Vec<BrokerId>,
        /// Those in sync, this one included.
        isr: Vec<BrokerId>,
        /// The offset after the last record of the local log.
        log_end_offset: Offset,
        /// The offset after the last record that is synced to the disk.
        durable_offset: Offset,
        /// The high watermark known so far, from the checkpoint or from the time as a follower.
        high_watermark: Offset,
    },
    /// The metadata log made another broker the leader, or nobody.
    BecameFollower {
        /// The epoch of the leadership.
        leader_epoch: LeaderEpoch,
    },
    /// Records were written to the local log.
    Appended {
        /// The offset after the last of them.
        log_end_offset: Offset,
        /// Whether somebody waits for all in-sync replicas to have them.
        acks_all: bool,
    },
    /// The local log was synced to the disk.
    Synced {
        /// The offset after the last record that was.
        durable_offset: Offset,
    },
    /// A follower asked for records.
    Fetched {
        /// The follower.
        follower: BrokerId,
        /// The offset it asked from: everything below, it has.
        fetch_offset: Offset,
    },
    /// Other replicas are in sync.
    IsrChanged {
        /// All that are, this one included.
        isr: Vec<BrokerId>,
    },
    /// `ottla.ack.durability` changed.
    DurabilityChanged(Durability),
    /// The local log lost its end.
    Truncated {
        /// The offset after the last record that is left.
        log_end_offset: Offset,
    },
}

/// Something for the broker to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Consumers may read the records below this offset.
    HighWatermarkAdvanced(Offset),
    /// The records below this offset are on the disk of this broker.
    DurableAdvanced(Offset),
    /// Produce requests with acks=all whose records lie below this offset are to be answered.
    AcknowledgedAdvanced(Offset),
    /// Somebody waits for the records below this offset to be on the disk: sync soon.
    SyncWanted(Offset),
}

/// The replication of one partition, as seen from one of its replicas.
#[derive(Clone, Debug)]
pub struct Replication {
    broker_id: BrokerId,
    durability: Durability,
    leader_epoch: LeaderEpoch,
    is_leader: bool,
    replica_count: usize,
    /// The log end offset of each in-sync replica but this one; none where it is not known yet.
    in_sync: BTreeMap<BrokerId, Option<Offset>>,
    log_end_offset: Offset,
    durable_offset: Offset,
    high_watermark: Offset,
    acknowledged: Offset,
    /// From the first to the end of the last append whose producer waits for the disk.
    awaiting_sync: Option<(Offset, Offset)>,
}

impl Replication {
    /// A replica on broker `broker_id` that nobody has made leader or follower yet.
    pub fn new(broker_id: BrokerId, durability: Durability) -> Self {
        Self {
            broker_id,
            durability,
            leader_epoch: LeaderEpoch::NONE,
            is_leader: false,
            replica_count: 1,
            in_sync: BTreeMap::new(),
            log_end_offset: Offset::ZERO,
            durable_offset: Offset::ZERO,
            high_watermark: Offset::ZERO,
            acknowledged: Offset::ZERO,
            awaiting_sync: None,
        }
    }

    /// Takes an event in, and adds what follows from it.
    pub fn step(&mut self, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::BecameLeader {
                leader_epoch,
                replicas,
                isr,
                log_end_offset,
                durable_offset,
                high_watermark,
            } => {
                self.leader_epoch = leader_epoch;
                self.is_leader = true;
                self.replica_count = replicas.len();
                self.in_sync.clear();
                self.set_isr(&isr);
                self.log_end_offset = log_end_offset;
                self.durable_offset = durable_offset.min(log_end_offset);
                self.high_watermark = high_watermark.min(log_end_offset);
                self.acknowledged = self.acknowledged.min(log_end_offset);
                // Whoever waits for the disk goes on waiting through an election.
                self.limit_awaiting_sync();
            }
            Event::BecameFollower { leader_epoch } => {
                self.leader_epoch = leader_epoch;
                self.is_leader = false;
                self.in_sync.clear();
                self.awaiting_sync = None;
            }
            Event::Appended { log_end_offset, acks_all } => {
                let base_offset = self.log_end_offset;
                self.log_end_offset = self.log_end_offset.max(log_end_offset);
                if acks_all && self.syncs_before_ack() && self.durable_offset < log_end_offset {
                    let (first, _) = self.awaiting_sync.unwrap_or((base_offset, log_end_offset));
                    self.awaiting_sync = Some((first, log_end_offset));
                    effects.push(Effect::SyncWanted(log_end_offset));
                }
            }
            Event::Synced { durable_offset } => {
                let durable_offset = durable_offset.min(self.log_end_offset);
                if durable_offset > self.durable_offset {
                    self.durable_offset = durable_offset;
                    effects.push(Effect::DurableAdvanced(durable_offset));
                }
            }
            Event::Fetched { follower, fetch_offset } => {
                if let Some(end) = self.in_sync.get_mut(&follower) {
                    *end = Some(fetch_offset);
                }
            }
            Event::IsrChanged { isr } => self.set_isr(&isr),
            Event::DurabilityChanged(durability) => self.durability = durability,
            Event::Truncated { log_end_offset } => self.truncate(log_end_offset),
        }
        self.advance(effects);
    }

    fn set_isr(&mut self, isr: &[BrokerId]) {
        let known = std::mem::take(&mut self.in_sync);
        let others = isr.iter().filter(|id| **id != self.broker_id);
        self.in_sync = others.map(|id| (*id, known.get(id).copied().flatten())).collect();
    }

    fn truncate(&mut self, log_end_offset: Offset) {
        self.log_end_offset = self.log_end_offset.min(log_end_offset);
        for offset in [&mut self.durable_offset, &mut self.high_watermark, &mut self.acknowledged] {
            *offset = (*offset).min(self.log_end_offset);
        }
        self.limit_awaiting_sync();
    }

    fn limit_awaiting_sync(&mut self) {
        if let Some((first, end)) = &mut self.awaiting_sync {
            *first = (*first).min(self.log_end_offset);
            *end = (*end).min(self.log_end_offset);
        }
    }

    /// The offset before which no producer waits for the disk any more.
    fn visible_end(&mut self) -> Offset {
        let all = self.log_end_offset;
        let Some((first, end)) = self.awaiting_sync else { return all };
        if self.durable_offset >= end || !self.syncs_before_ack() {
            self.awaiting_sync = None;
            return all;
        }
        first.max(self.durable_offset)
    }

    /// Moves the offsets that nothing holds back any more.
    fn advance(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_leader {
            return;
        }
        let visible_end = self.visible_end();
        let held_by_all =
            self.in_sync.values().try_fold(visible_end, |least, end| end.map(|end| least.min(end)));
        if let Some(high_watermark) = held_by_all.filter(|offset| *offset > self.high_watermark) {
            self.high_watermark = high_watermark;
            effects.push(Effect::HighWatermarkAdvanced(high_watermark));
        }
        let acknowledged = if self.syncs_before_ack() {
            self.high_watermark.min(self.durable_offset)
        } else {
            self.high_watermark
        };
        if acknowledged > self.acknowledged {
            self.acknowledged = acknowledged;
            effects.push(Effect::AcknowledgedAdvanced(acknowledged));
        }
    }

    /// Whether acks=all waits for this broker's disk.
    fn syncs_before_ack(&self) -> bool {
        self.durability.syncs_before_ack(self.replica_count)
    }

    /// Whether this broker may answer a request that believes in leader epoch `requested`
    /// ([`LeaderEpoch::NONE`]: in any).
    pub fn check_leader(&self, requested: LeaderEpoch) -> Result<(), ErrorCode> {
        self.check_epoch(requested)?;
        if self.is_leader { Ok(()) } else { Err(ErrorCode::NotLeaderOrFollower) }
    }

    /// Whether leader epoch `requested` is the current one; where it is [`LeaderEpoch::NONE`],
    /// nobody asked.
    pub fn check_epoch(&self, requested: LeaderEpoch) -> Result<(), ErrorCode> {
        match requested {
            LeaderEpoch::NONE => Ok(()),
            older if older < self.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            newer if newer > self.leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// Whether enough replicas are in sync to take records with acks=all. A partition with fewer
    /// replicas than `min.insync.replicas` takes them when all of its replicas are in sync.
    pub fn check_min_insync_replicas(&self, min: i32) -> Result<(), ErrorCode> {
        let in_sync = self.in_sync.len().saturating_add(1);
        let min = usize::try_from(min).unwrap_or(0).min(self.replica_count);
        if in_sync < min { Err(ErrorCode::NotEnoughReplicas) } else { Ok(()) }
    }

    /// Whether this broker leads the partition.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }

    /// The current leader epoch.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The offset after the last record of the local log.
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// The offset after the last record that consumers may read.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The offset after the last record that is synced to the disk.
    pub fn durable_offset(&self) -> Offset {
        self.durable_offset
    }

    /// Whether records may be seen that the durability in force wants on the disk: after a crash,
    /// what it left in the page cache.
    pub fn owes_sync(&self) -> bool {
        self.syncs_before_ack() && self.durable_offset < self.high_watermark
    }

    /// The offset after the last record that acks=all is answered for.
    pub fn acknowledged_offset(&self) -> Offset {
        self.acknowledged
    }

    /// Asserts the invariants; for debug builds and tests.
    pub fn check(&self) {
        assert!(self.high_watermark <= self.log_end_offset, "only records can be committed");
        assert!(self.durable_offset <= self.log_end_offset, "only records can be durable");
        assert!(self.acknowledged <= self.log_end_offset, "only records can be acknowledged");
        assert!(
            !self.in_sync.contains_key(&self.broker_id),
            "this replica's own end is its log's end"
        );
    }
}

#[cfg(test)]
mod tests;
