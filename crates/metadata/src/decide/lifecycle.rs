//! A cluster's and a broker's life: the first records of all, a broker's start and its stop.
//!
//! A broker that stops in an orderly way gives its leaderships away and is fenced; one that starts
//! registers anew and takes back what nobody else leads. A partition's leader epoch rises each
//! time, as it does in Kafka: an orderly restart of its only broker raises it by two, a crash by
//! one. So whatever the log of a crashed broker lost, its clients and followers can tell.
//!
//! Kafka: `ActivationRecordsGenerator`, `ClusterControlManager.registerBroker`,
//! `ReplicationControlManager.handleBrokerInControlledShutdown`/`handleBrokerUnfenced`,
//! `PartitionChangeBuilder`.

use ottla_types::{BrokerId, TopicIdPartition, Uuid};
use ottla_wire::{
    abort_transaction_record::AbortTransactionRecord,
    begin_transaction_record::BeginTransactionRecord,
    broker_registration_change_record::BrokerRegistrationChangeRecord, config_record::ConfigRecord,
    end_transaction_record::EndTransactionRecord, feature_level_record::FeatureLevelRecord,
    partition_change_record::PartitionChangeRecord,
};

use super::directories::assigned;
use crate::{
    Endpoint, Image, LeaderRecoveryState, MetadataRecord, Partition, Registration, ResourceType,
    feature, image::raw_ids,
};

/// The `metadata.version` from which there are metadata transactions (3.6-IV1).
const METADATA_TRANSACTIONS: i16 = 13;

/// The first records of a new cluster: what its directory was prepared with, by Kafka's
/// `kafka-storage format` for example, or else the features that Ottla starts with; and what they
/// entail.
pub fn bootstrap(prepared: &[MetadataRecord]) -> Vec<MetadataRecord> {
    let mut records = prepared.to_vec();
    if records.is_empty() {
        records.extend(feature::INITIAL.iter().map(|(name, level)| {
            FeatureLevelRecord { name: (*name).into(), feature_level: *level }.into()
        }));
    }
    let level = |name: &str| {
        let of = |record: &MetadataRecord| match record {
            MetadataRecord::FeatureLevel(level) if *level.name == *name => {
                Some(level.feature_level)
            }
            _ => None,
        };
        records.iter().filter_map(of).next_back().unwrap_or(0)
    };
    let has_transactions = level(feature::METADATA_VERSION) >= METADATA_TRANSACTIONS;
    if level(feature::ELIGIBLE_LEADER_REPLICAS_VERSION) > 0 {
        // Eligible leaders are found by one minimum for the whole cluster, so it has to be
        // recorded.
        records.push(
            ConfigRecord {
                resource_type: ResourceType::BROKER.0,
                resource_name: "".into(),
                name: "min.insync.replicas".into(),
                value: Some("1".into()),
            }
            .into(),
        );
    }
    if has_transactions {
        let name = Some("Bootstrap records".into());
        records.insert(0, BeginTransactionRecord { name }.into());
        records.push(EndTransactionRecord {}.into());
    }
    records
}

/// A broker that starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerStart {
    /// The broker.
    pub broker_id: BrokerId,
    /// Its epoch: the offset that the first record of the decision will have.
    pub broker_epoch: i64,
    /// A random id for this run of the process.
    pub incarnation_id: Uuid,
    /// The addresses it advertises.
    pub endpoints: Vec<Endpoint>,
    /// Where it stands.
    pub rack: Option<String>,
    /// Its log directories that work.
    pub directories: Vec<Uuid>,
    /// Those of them that take no new partitions.
    pub cordoned: Vec<Uuid>,
    /// Partitions that it has found in another directory than is recorded, with that directory.
    pub assignments: Vec<(TopicIdPartition, Uuid)>,
}

/// What to record when a broker starts and its logs are recovered: it registers, comes up, and
/// leads again what nobody else leads. A transaction that was left open is aborted first; the epoch
/// is that of the first record all the same.
///
/// The records need not be committed together.
pub fn start_broker(image: &Image, start: &BrokerStart) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    if image.is_in_transaction() {
        let reason = Some("The broker that began it has stopped.".into());
        records.push(AbortTransactionRecord { reason }.into());
    }
    let registration = Registration {
        broker_id: start.broker_id,
        broker_epoch: start.broker_epoch,
        incarnation_id: start.incarnation_id,
        endpoints: start.endpoints.clone(),
        features: feature::supported().collect(),
        rack: start.rack.clone(),
        fenced: true,
        in_controlled_shutdown: false,
        directories: start.directories.clone(),
        cordoned_directories: (!start.cordoned.is_empty()).then(|| start.cordoned.clone()),
    };
    records.push(registration.to_record().into());
    records.push(fence(start.broker_id, start.broker_epoch, -1).into());
    records.extend(changes(image, |target, partition| returned(image, start, (target, partition))));
    records
}

/// What changes about a partition when its broker starts; `None` where nothing does. It is led
/// again where its directory works, and no longer where that does not.
fn returned(
    image: &Image,
    start: &BrokerStart,
    (target, partition): (TopicIdPartition, &Partition),
) -> Option<PartitionChangeRecord> {
    let found = start.assignments.iter().find(|(one, _)| *one == target).map(|(_, dir)| *dir);
    let moved = found.and_then(|dir| assigned(partition, start.broker_id, dir));
    let dir = found.unwrap_or_else(|| partition.directory(start.broker_id));
    let works = dir.is_unknown_dir() || start.directories.contains(&dir);
    if !works {
        return without(image, partition, start.broker_id);
    }
    let elected = elected(partition, start.broker_id);
    match (elected, moved) {
        (Some(change), Some(moved)) => {
            Some(PartitionChangeRecord { directories: moved.directories, ..change })
        }
        (change, moved) => change.or(moved),
    }
}

/// What to record when a broker is about to stop: it gives its leaderships away and is fenced. From
/// then on it is not in sync with anything.
///
/// The records need not be committed together. A broker that is not registered records nothing.
pub fn stop_broker(image: &Image, broker_id: BrokerId) -> Vec<MetadataRecord> {
    let Some(broker) = image.broker(broker_id) else { return Vec::new() };
    let epoch = broker.broker_epoch;
    let mut records: Vec<MetadataRecord> = vec![
        BrokerRegistrationChangeRecord {
            broker_id: broker_id.0,
            broker_epoch: epoch,
            in_controlled_shutdown: 1,
            ..BrokerRegistrationChangeRecord::default()
        }
        .into(),
    ];
    records.extend(changes(image, |_, partition| without(image, partition, broker_id)));
    records.push(fence(broker_id, epoch, 1).into());
    records
}

/// A change of a broker's fencing: 1 fences it, -1 lets it in.
fn fence(broker_id: BrokerId, broker_epoch: i64, fenced: i8) -> BrokerRegistrationChangeRecord {
    BrokerRegistrationChangeRecord {
        broker_id: broker_id.0,
        broker_epoch,
        fenced,
        ..BrokerRegistrationChangeRecord::default()
    }
}

/// The changes of every partition that changes, by topic and number.
pub(super) fn changes(
    image: &Image,
    change: impl Fn(TopicIdPartition, &Partition) -> Option<PartitionChangeRecord>,
) -> Vec<MetadataRecord> {
    let of_topic = |topic: &std::sync::Arc<crate::Topic>| {
        let topic_id = topic.id;
        let records: Vec<MetadataRecord> = topic
            .partitions()
            .filter_map(|(partition_id, partition)| {
                let target = TopicIdPartition { topic_id, partition: partition_id };
                let change = change(target, partition)?;
                Some(PartitionChangeRecord { partition_id, topic_id, ..change }.into())
            })
            .collect();
        records
    };
    image.topics().flat_map(of_topic).collect()
}

/// What changes about a partition when `broker_id` has come up; `None` where nothing does.
pub(super) fn elected(partition: &Partition, broker_id: BrokerId) -> Option<PartitionChangeRecord> {
    let is_ours = partition.replicas.contains(&broker_id);
    if !is_ours || (partition.has_leader() && partition.leader != broker_id) {
        return None;
    }
    let recovering = partition.leader_recovery_state == LeaderRecoveryState::Recovering;
    let mut change = PartitionChangeRecord {
        leader: broker_id.0,
        // The log is recovered before its broker starts, so an election that Kafka left half done
        // is done now.
        leader_recovery_state: if recovering { LeaderRecoveryState::Recovered.code() } else { -1 },
        ..PartitionChangeRecord::default()
    };
    if partition.isr.contains(&broker_id) {
        return Some(change);
    }
    let is_eligible = partition.eligible_leader_replicas.contains(&broker_id);
    let nobody_else = partition.isr.is_empty() && partition.eligible_leader_replicas.is_empty();
    let was_last = partition.last_known_elr.contains(&broker_id)
        || (partition.last_known_elr.is_empty() && partition.replicas == [broker_id]);
    let may_lead = is_eligible || (nobody_else && was_last);
    if !may_lead {
        return None;
    }
    change.isr = Some(vec![broker_id.0]);
    let emptied = |ids: &[BrokerId]| (!ids.is_empty()).then(Vec::new);
    change.eligible_leader_replicas = emptied(&partition.eligible_leader_replicas);
    change.last_known_elr = emptied(&partition.last_known_elr);
    Some(change)
}

/// What changes about a partition when `broker_id` stops; `None` where nothing does.
pub(super) fn without(
    image: &Image,
    partition: &Partition,
    broker_id: BrokerId,
) -> Option<PartitionChangeRecord> {
    let leads = partition.leader == broker_id;
    if !leads && !partition.isr.contains(&broker_id) {
        return None;
    }
    let mut change = PartitionChangeRecord::default();
    let rest: Vec<_> = partition.isr.iter().copied().filter(|id| *id != broker_id).collect();
    let mut candidates = partition.replicas.iter().filter(|id| rest.contains(id));
    let successor = candidates.find(|id| image.is_alive(**id)).copied();
    if leads {
        change.leader = successor.unwrap_or(BrokerId::NONE).0;
    }
    if !rest.is_empty() {
        change.isr = Some(raw_ids(&rest));
    } else if image.is_elr_enabled() {
        // Nobody is in sync, and this broker has everything.
        change.isr = Some(Vec::new());
        change.eligible_leader_replicas = Some(vec![broker_id.0]);
        change.last_known_elr = Some(vec![broker_id.0]);
    }
    (change != PartitionChangeRecord::default()).then_some(change)
}

#[cfg(test)]
mod tests;
