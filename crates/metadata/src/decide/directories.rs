//! In which directories of a broker its replicas are, and what follows when one of those fails.
//!
//! Kafka: `ReplicationControlManager.handleAssignReplicasToDirs`, `handleDirectoriesOffline`.

use ottla_types::{BrokerId, TopicIdPartition, Uuid};
use ottla_wire::{
    broker_registration_change_record::BrokerRegistrationChangeRecord,
    partition_change_record::PartitionChangeRecord,
};

use super::lifecycle::{changes, elected, without};
use crate::{Image, MetadataRecord, Partition};

/// What to record once replicas are on a broker in directories other than those recorded. A replica
/// in [`Uuid::LOST_DIR`] cannot be served, and leads no longer; one that was lost and is found
/// leads again, and so does one that has moved out of a directory that failed meanwhile. Partitions
/// that do not exist, or not on this broker, are left out.
pub fn assign_directories(
    image: &Image,
    broker_id: BrokerId,
    assignments: &[(TopicIdPartition, Uuid)],
) -> Vec<MetadataRecord> {
    let broker = image.broker(broker_id);
    let has_failed = |recorded: Uuid| broker.is_some_and(|broker| !broker.has_online(recorded));
    let change = |(target, directory): &(TopicIdPartition, Uuid)| {
        let partition = image.topic_by_id(target.topic_id)?.partition(target.partition)?;
        let assigned = assigned(partition, broker_id, *directory)?;
        let led = if *directory == Uuid::LOST_DIR {
            without(image, partition, broker_id)
        } else if !partition.has_leader() && has_failed(partition.directory(broker_id)) {
            elected(partition, broker_id)
        } else {
            None
        };
        let change =
            PartitionChangeRecord { directories: assigned.directories, ..led.unwrap_or_default() };
        let (partition_id, topic_id) = (target.partition, target.topic_id);
        Some(PartitionChangeRecord { partition_id, topic_id, ..change }.into())
    };
    assignments.iter().filter_map(change).collect()
}

/// What changes about a partition whose replica is in a directory; `None` where that is recorded.
pub(super) fn assigned(
    partition: &Partition,
    broker_id: BrokerId,
    directory: Uuid,
) -> Option<PartitionChangeRecord> {
    let at = partition.replicas.iter().position(|id| *id == broker_id)?;
    let mut directories = partition.directories.clone();
    let slot = directories.get_mut(at).filter(|known| **known != directory)?;
    *slot = directory;
    Some(PartitionChangeRecord {
        directories: Some(directories),
        ..PartitionChangeRecord::default()
    })
}

/// What to record when a broker is left with these directories: it gives away the leadership of
/// what lay in the others. A broker that is not registered, or has lost nothing, records nothing.
pub fn fail_directories(image: &Image, broker_id: BrokerId, left: &[Uuid]) -> Vec<MetadataRecord> {
    let Some(broker) = image.broker(broker_id) else { return Vec::new() };
    let is_lost = |id: &Uuid| broker.directories.contains(id) && !left.contains(id);
    if left.is_empty() || !broker.directories.iter().any(is_lost) {
        return Vec::new();
    }
    let mut records: Vec<MetadataRecord> = vec![
        BrokerRegistrationChangeRecord {
            broker_id: broker_id.0,
            broker_epoch: broker.broker_epoch,
            log_dirs: left.to_vec(),
            ..BrokerRegistrationChangeRecord::default()
        }
        .into(),
    ];
    records.extend(changes(image, |_, partition| {
        let is_there = is_lost(&partition.directory(broker_id));
        if is_there { without(image, partition, broker_id) } else { None }
    }));
    records
}

/// What to record when other directories of a broker than before take no new partitions.
pub fn cordon_directories(
    image: &Image,
    broker_id: BrokerId,
    cordoned: &[Uuid],
) -> Vec<MetadataRecord> {
    let Some(broker) = image.broker(broker_id) else { return Vec::new() };
    if broker.cordoned_directories.as_deref().unwrap_or_default() == cordoned {
        return Vec::new();
    }
    let change = BrokerRegistrationChangeRecord {
        broker_id: broker_id.0,
        broker_epoch: broker.broker_epoch,
        cordoned_log_dirs: Some(cordoned.to_vec()),
        ..BrokerRegistrationChangeRecord::default()
    };
    vec![change.into()]
}

#[cfg(test)]
mod tests;
