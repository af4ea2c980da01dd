//! What a change of replicas or of the leader comes to for one partition.
//!
//! Invariants: a leader that is elected is alive, and in sync unless the election may be unclean; a
//! reassignment is over as soon as every replica that stays is in sync; where a replica is taken
//! away the leader epoch rises, so that it cannot take itself for one of the leader's.
//!
//! Kafka: `PartitionChangeBuilder`, `PartitionReassignmentReplicas`.

use std::collections::BTreeSet;

use ottla_types::{BrokerId, Uuid};
use ottla_wire::partition_change_record::PartitionChangeRecord;

use super::Context;
use crate::{LeaderRecoveryState, Partition, image::raw_ids};

/// Who may become the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// The leader stays while it can; else a replica that has everything.
    Clean,
    /// The first replica, where it has everything; else as above.
    Preferred,
    /// Where nobody has everything, any replica that is alive.
    Unclean,
}

/// What a partition is to become.
#[derive(Debug)]
pub(super) struct PartitionChange<'a> {
    context: Context<'a>,
    before: &'a Partition,
    pub(super) replicas: Vec<BrokerId>,
    pub(super) isr: Vec<BrokerId>,
    pub(super) removing: Vec<BrokerId>,
    pub(super) adding: Vec<BrokerId>,
    pub(super) election: Election,
}

impl<'a> PartitionChange<'a> {
    /// A change of this partition that leaves everything as it is.
    pub(super) fn new(context: Context<'a>, before: &'a Partition) -> Self {
        Self {
            context,
            before,
            replicas: before.replicas.clone(),
            isr: before.isr.clone(),
            removing: before.removing_replicas.clone(),
            adding: before.adding_replicas.clone(),
            election: Election::Clean,
        }
    }

    /// The change as a record, without topic and partition; `None` where nothing changes.
    pub(super) fn build(mut self) -> Option<PartitionChangeRecord> {
        self.complete_reassignment();
        let before = self.before;
        let mut eligible = self.eligible();
        let mut change = PartitionChangeRecord::default();
        let elected = self.elect(&eligible);
        let loses_a_replica = before.replicas.iter().any(|id| !self.replicas.contains(id));
        if elected.leader != before.leader {
            change.leader = elected.leader.0;
            if elected.is_unclean || eligible.contains(&elected.leader) {
                self.isr = vec![elected.leader];
                eligible.retain(|id| *id != elected.leader);
            }
            if elected.is_unclean {
                eligible.clear();
            }
            // The log was recovered when its broker started.
            if before.leader_recovery_state == LeaderRecoveryState::Recovering {
                change.leader_recovery_state = LeaderRecoveryState::Recovered.code();
            }
        } else if loses_a_replica {
            change.leader = before.leader.0;
        }
        if elected.leader != BrokerId::NONE && !before.last_known_elr.is_empty() {
            change.last_known_elr = Some(Vec::new());
        }
        change.isr = differing(&before.isr, &self.isr);
        change.eligible_leader_replicas = differing(&before.eligible_leader_replicas, &eligible);
        change.replicas = differing(&before.replicas, &self.replicas);
        change.removing_replicas = differing(&before.removing_replicas, &self.removing);
        change.adding_replicas = differing(&before.adding_replicas, &self.adding);
        if change.replicas.is_some() {
            change.directories =
                Some(self.directories()).filter(|after| *after != before.directories);
        }
        (change != PartitionChangeRecord::default()).then_some(change)
    }

    /// Ends the reassignment if all replicas that stay are in sync.
    fn complete_reassignment(&mut self) {
        if self.removing.is_empty() && self.adding.is_empty() {
            return;
        }
        let staying = |ids: &[BrokerId]| -> Vec<BrokerId> {
            ids.iter().copied().filter(|id| !self.removing.contains(id)).collect()
        };
        let (replicas, isr) = (staying(&self.replicas), staying(&self.isr));
        if replicas.is_empty() || isr.is_empty() || !replicas.iter().all(|id| isr.contains(id)) {
            return;
        }
        (self.replicas, self.isr) = (replicas, isr);
        self.removing.clear();
        self.adding.clear();
    }

    /// The replicas that are not in sync and have all the same what was acknowledged. There are
    /// none beside a replica in sync, since that alone may have acknowledged records.
    fn eligible(&self) -> Vec<BrokerId> {
        if !self.context.image.is_elr_enabled() || !self.isr.is_empty() {
            return Vec::new();
        }
        let had_all = self.before.eligible_leader_replicas.iter().chain(&self.before.isr);
        let eligible: BTreeSet<BrokerId> = had_all
            .copied()
            .filter(|id| !self.isr.contains(id) && self.replicas.contains(id))
            .collect();
        eligible.into_iter().collect()
    }

    fn elect(&self, eligible: &[BrokerId]) -> Elected {
        let is_alive = |id: &BrokerId| self.is_alive(*id);
        let has_all =
            |id: &BrokerId| self.isr.contains(id) || (self.isr.is_empty() && eligible.contains(id));
        let preferred = self.replicas.first().filter(|_| self.election == Election::Preferred);
        let mut candidates =
            preferred.into_iter().chain([&self.before.leader]).chain(&self.replicas);
        if let Some(leader) = candidates.find(|id| has_all(id) && is_alive(id)) {
            return Elected { leader: *leader, is_unclean: false };
        }
        if self.isr.is_empty()
            && eligible.is_empty()
            && let [last] = self.before.last_known_elr.as_slice()
            && is_alive(last)
        {
            return Elected { leader: *last, is_unclean: true };
        }
        let anybody = self.replicas.iter().find(|id| is_alive(id));
        match anybody.filter(|_| self.election == Election::Unclean) {
            Some(leader) => Elected { leader: *leader, is_unclean: true },
            None => Elected { leader: BrokerId::NONE, is_unclean: false },
        }
    }

    /// Whether a replica can be served: its broker is up, and so is the directory it lies in.
    fn is_alive(&self, id: BrokerId) -> bool {
        let image = self.context.image;
        let directory = self.before.directory(id);
        let works = |known: &[Uuid]| {
            directory.is_unknown_dir() || known.is_empty() || known.contains(&directory)
        };
        image.is_alive(id) && image.broker(id).is_some_and(|broker| works(&broker.directories))
    }

    /// The directory of each replica: the known one, or where its broker puts new ones.
    fn directories(&self) -> Vec<Uuid> {
        let directory = |id: &BrokerId| {
            if self.before.replicas.contains(id) {
                return self.before.directory(*id);
            }
            let broker = self.context.image.broker(*id);
            broker.map_or(Uuid::UNASSIGNED_DIR, |broker| broker.default_directory())
        };
        self.replicas.iter().map(directory).collect()
    }
}

/// The outcome of an election; [`BrokerId::NONE`] where nobody can lead.
struct Elected {
    leader: BrokerId,
    is_unclean: bool,
}

/// The new list where it differs from the old one.
fn differing(before: &[BrokerId], after: &[BrokerId]) -> Option<Vec<i32>> {
    (before != after).then(|| raw_ids(after))
}
