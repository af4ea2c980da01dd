//! A topic and its partitions.
//!
//! Invariant: a change of leader raises the leader epoch; any change raises the partition epoch.
//!
//! Kafka: `TopicImage`, `PartitionRegistration`.

use std::{collections::BTreeMap, sync::Arc};

use ottla_types::{BrokerId, LeaderEpoch, TopicName, Uuid};
use ottla_wire::{
    partition_change_record::PartitionChangeRecord, partition_record::PartitionRecord,
};

/// In a change record: the leader stays, and so does its epoch.
pub(crate) const NO_LEADER_CHANGE: i32 = -2;

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its id, which a topic of the same name created later does not have.
    pub id: Uuid,
    pub(super) partitions: BTreeMap<i32, Arc<Partition>>,
}

impl Topic {
    /// A partition by its number.
    pub fn partition(&self, partition: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(&partition)
    }

    /// Every partition with its number, in ascending order.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = (i32, &Arc<Partition>)> {
        self.partitions.iter().map(|(number, partition)| (*number, partition))
    }

    /// How many partitions there are.
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    /// How many replicas the first partition has; 0 without partitions.
    pub fn replication_factor(&self) -> i16 {
        let first = self.partitions.values().next();
        first.map_or(0, |first| i16::try_from(first.replicas.len()).unwrap_or(i16::MAX))
    }
}

/// Whether a partition's leader has got over an election that may have lost records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderRecoveryState {
    /// There was no such election, or it has been got over.
    #[default]
    Recovered,
    /// The leader was elected from outside of the in-sync replicas.
    Recovering,
}

impl LeaderRecoveryState {
    /// Kafka's number.
    pub const fn code(self) -> i8 {
        match self {
            Self::Recovered => 0,
            Self::Recovering => 1,
        }
    }

    pub(super) const fn from_code(code: i8) -> Self {
        if code == 1 { Self::Recovering } else { Self::Recovered }
    }
}

/// A partition: where its replicas are and who leads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The broker that leads; [`BrokerId::NONE`] where there is none at the moment.
    pub leader: BrokerId,
    /// How often the leadership has changed.
    pub leader_epoch: LeaderEpoch,
    /// How often anything about the partition has changed.
    pub partition_epoch: i32,
    /// Whether the leader has got over an unclean election.
    pub leader_recovery_state: LeaderRecoveryState,
    /// The brokers that hold a replica; the first one is the preferred leader.
    pub replicas: Vec<BrokerId>,
    /// The log directory of each replica, in the order of `replicas`; zero where not known.
    pub directories: Vec<Uuid>,
    /// The replicas in sync.
    pub isr: Vec<BrokerId>,
    /// Replicas that a reassignment takes away.
    pub removing_replicas: Vec<BrokerId>,
    /// Replicas that a reassignment adds.
    pub adding_replicas: Vec<BrokerId>,
    /// Replicas out of sync that hold everything below the high watermark all the same.
    pub eligible_leader_replicas: Vec<BrokerId>,
    /// The last leader, kept while nobody is in sync or eligible.
    pub last_known_elr: Vec<BrokerId>,
}

pub(super) fn broker_ids(raw: &[i32]) -> Vec<BrokerId> {
    raw.iter().copied().map(BrokerId).collect()
}

pub(crate) fn raw_ids(ids: &[BrokerId]) -> Vec<i32> {
    ids.iter().map(|id| id.0).collect()
}

impl Partition {
    /// Whether there is a leader.
    pub fn has_leader(&self) -> bool {
        self.leader != BrokerId::NONE
    }

    /// The directory of the replica on a broker; zero where not known.
    pub fn directory(&self, broker_id: BrokerId) -> Uuid {
        let at = self.replicas.iter().position(|id| *id == broker_id);
        at.and_then(|at| self.directories.get(at)).copied().unwrap_or(Uuid::ZERO)
    }

    pub(super) fn from_record(record: &PartitionRecord) -> Self {
        let mut directories = record.directories.clone();
        directories.resize(record.replicas.len(), Uuid::ZERO);
        let optional = |ids: &Option<Vec<i32>>| ids.as_deref().map(broker_ids).unwrap_or_default();
        Self {
            leader: BrokerId(record.leader),
            leader_epoch: LeaderEpoch(record.leader_epoch),
            partition_epoch: record.partition_epoch,
            leader_recovery_state: LeaderRecoveryState::from_code(record.leader_recovery_state),
            replicas: broker_ids(&record.replicas),
            directories,
            isr: broker_ids(&record.isr),
            removing_replicas: broker_ids(&record.removing_replicas),
            adding_replicas: broker_ids(&record.adding_replicas),
            eligible_leader_replicas: optional(&record.eligible_leader_replicas),
            last_known_elr: optional(&record.last_known_elr),
        }
    }

    /// The record that makes this partition.
    pub(crate) fn to_record(&self, topic_id: Uuid, partition_id: i32) -> PartitionRecord {
        let some = |ids: &[BrokerId]| (!ids.is_empty()).then(|| raw_ids(ids));
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: raw_ids(&self.replicas),
            isr: raw_ids(&self.isr),
            removing_replicas: raw_ids(&self.removing_replicas),
            adding_replicas: raw_ids(&self.adding_replicas),
            leader: self.leader.0,
            leader_recovery_state: self.leader_recovery_state.code(),
            leader_epoch: self.leader_epoch.0,
            partition_epoch: self.partition_epoch,
            directories: self.directories.clone(),
            eligible_leader_replicas: some(&self.eligible_leader_replicas),
            last_known_elr: some(&self.last_known_elr),
        }
    }

    /// Applies a change. A change that names a leader raises the leader epoch, even where the
    /// leader is the same one.
    pub(super) fn merge(&mut self, change: &PartitionChangeRecord) {
        if let Some(replicas) = &change.replicas {
            let replicas = broker_ids(replicas);
            self.directories = replicas.iter().map(|id| self.directory(*id)).collect();
            self.replicas = replicas;
        }
        if let Some(directories) = &change.directories {
            self.directories.clone_from(directories);
            self.directories.resize(self.replicas.len(), Uuid::ZERO);
        }
        let replace = |ids: &mut Vec<BrokerId>, change: &Option<Vec<i32>>| {
            if let Some(raw) = change {
                *ids = broker_ids(raw);
            }
        };
        replace(&mut self.isr, &change.isr);
        replace(&mut self.removing_replicas, &change.removing_replicas);
        replace(&mut self.adding_replicas, &change.adding_replicas);
        replace(&mut self.eligible_leader_replicas, &change.eligible_leader_replicas);
        replace(&mut self.last_known_elr, &change.last_known_elr);
        if change.leader != NO_LEADER_CHANGE {
            self.leader = BrokerId(change.leader);
            self.leader_epoch = LeaderEpoch(self.leader_epoch.0.saturating_add(1));
        }
        if change.leader_recovery_state >= 0 {
            self.leader_recovery_state =
                LeaderRecoveryState::from_code(change.leader_recovery_state);
        }
        self.partition_epoch = self.partition_epoch.saturating_add(1);
    }
}
