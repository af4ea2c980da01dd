//! Which brokers get the replicas of new partitions.
//!
//! Invariant: no broker gets two replicas of a partition, and a partition starts with a leader.
//!
//! Kafka: `ReplicationControlManager.validateManualPartitionAssignment`, `StripedReplicaPlacer`.

use ottla_types::{BrokerId, ErrorCode, LeaderEpoch, Uuid};

use super::Refusal;
use crate::{Image, LeaderRecoveryState, MetadataRecord, Partition, Registration};

/// Chooses the replicas of `count` partitions, the first of them having the number `first`.
pub(super) fn place(
    image: &Image,
    first: i32,
    count: i32,
    replication_factor: i16,
) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let refuse = |why: String| {
        Refusal::new(
            ErrorCode::InvalidReplicationFactor,
            format!("Unable to replicate the partition {replication_factor} time(s): {why}"),
        )
    };
    let takes = |broker: &&std::sync::Arc<Registration>| broker.takes_partitions();
    let (mut brokers, fenced): (Vec<_>, Vec<_>) = image
        .brokers()
        .filter(takes)
        .map(|broker| (broker.broker_id, broker.fenced))
        .partition(|(_, fenced)| !fenced);
    if brokers.is_empty() {
        return Err(refuse(
            "All brokers are currently fenced or have all their log directories cordoned."
                .to_owned(),
        ));
    }
    let awake = brokers.len();
    brokers.extend(fenced);
    let wanted = usize::try_from(replication_factor).unwrap_or(0);
    if wanted > brokers.len() {
        return Err(refuse(format!(
            "The target replication factor of {replication_factor} cannot be reached because only \
             {} broker(s) are registered or some brokers have all their log directories cordoned.",
            brokers.len()
        )));
    }
    let ids = |brokers: &[(BrokerId, bool)]| brokers.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    let (awake, asleep) = brokers.split_at(awake);
    let (awake, asleep) = (ids(awake), ids(asleep));
    Ok((0..count)
        .map(|index| {
            // Leaders go round the brokers; fenced ones get replicas only where there are not
            // enough others.
            let start = usize::try_from(first.saturating_add(index)).unwrap_or(0);
            let round = awake.iter().cycle().skip(start % awake.len()).take(awake.len());
            round.chain(&asleep).take(wanted).copied().collect()
        })
        .collect())
}

/// Checks the replicas a client chose for a partition.
pub(super) fn check_manual(
    image: &Image,
    brokers: &[i32],
    replication_factor: Option<usize>,
) -> Result<Vec<BrokerId>, Refusal> {
    let refuse = |text: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, text));
    if brokers.is_empty() {
        return refuse(
            "The manual partition assignment includes an empty replica list.".to_owned(),
        );
    }
    let mut sorted = brokers.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for id in sorted {
        if image.broker(BrokerId(id)).is_none() {
            return refuse(format!(
                "The manual partition assignment includes broker {id}, but no such broker is \
                 registered."
            ));
        }
        if previous == Some(id) {
            return refuse(format!(
                "The manual partition assignment includes the broker {id} more than once."
            ));
        }
        previous = Some(id);
    }
    if let Some(expected) = replication_factor
        && expected != brokers.len()
    {
        return refuse(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is \
             not consistent with previous partitions, which have {expected} replica(s).",
            brokers.len()
        ));
    }
    Ok(brokers.iter().copied().map(BrokerId).collect())
}

/// The record of a new partition with these replicas; `None` where none of them is up.
pub(super) fn new_partition(
    image: &Image,
    topic_id: Uuid,
    partition_id: i32,
    replicas: Vec<BrokerId>,
) -> Option<MetadataRecord> {
    let isr: Vec<_> = replicas.iter().copied().filter(|id| image.is_alive(*id)).collect();
    let directory = |id: &BrokerId| {
        image.broker(*id).map_or(Uuid::UNASSIGNED_DIR, |broker| broker.default_directory())
    };
    let partition = Partition {
        leader: *isr.first()?,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: 0,
        leader_recovery_state: LeaderRecoveryState::Recovered,
        directories: replicas.iter().map(directory).collect(),
        replicas,
        isr,
        removing_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        eligible_leader_replicas: Vec::new(),
        last_known_elr: Vec::new(),
    };
    Some(partition.to_record(topic_id, partition_id).into())
}
