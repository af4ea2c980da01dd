//! AlterPartitionReassignments: a partition gets other replicas, or keeps those it had.
//!
//! New replicas are added at once and old ones stay until the new ones are in sync. Where nothing
//! has to be copied the reassignment is over with its first record.
//!
//! Kafka: `QuorumController.alterPartitionReassignments`,
//! `ReplicationControlManager.alterPartitionReassignments`, `PartitionReassignmentRevert`.

use std::collections::BTreeSet;

use ottla_types::{BrokerId, ErrorCode};
use ottla_wire::{
    alter_partition_reassignments_request::{
        AlterPartitionReassignmentsRequest, ReassignablePartition,
    },
    alter_partition_reassignments_response::{
        AlterPartitionReassignmentsResponse, ReassignablePartitionResponse,
        ReassignableTopicResponse,
    },
    partition_change_record::PartitionChangeRecord,
};

use super::{Context, Decision, Refusal, partition_change::PartitionChange, placement};
use crate::{MetadataRecord, Partition, Topic};

/// Decides on reassignments.
pub fn alter_partition_reassignments(
    context: Context<'_>,
    request: &AlterPartitionReassignmentsRequest,
) -> Decision<AlterPartitionReassignmentsResponse> {
    let mut response = AlterPartitionReassignmentsResponse::default();
    let mut records = Vec::new();
    if request.topics.is_empty() {
        return Decision { records, response };
    }
    response.error_message = None;
    response.allow_replication_factor_change = request.allow_replication_factor_change;
    let may_resize = request.allow_replication_factor_change;
    for topic in &request.topics {
        let results = topic.partitions.iter().map(|partition| {
            let outcome = alter(context, (&topic.name, partition), may_resize);
            let (error_code, error_message) = match outcome {
                Ok(record) => {
                    records.extend(record);
                    (0, None)
                }
                Err(refusal) => refusal.into_fields(),
            };
            let partition_index = partition.partition_index;
            ReassignablePartitionResponse { partition_index, error_code, error_message }
        });
        let partitions = results.collect();
        let topic = ReassignableTopicResponse { name: topic.name.clone(), partitions };
        response.responses.push(topic);
    }
    Decision { records, response }
}

fn alter(
    context: Context<'_>,
    (name, asked): (&str, &ReassignablePartition),
    may_resize: bool,
) -> Result<Option<MetadataRecord>, Refusal> {
    let unknown = |text| Refusal::new(ErrorCode::UnknownTopicOrPartition, text);
    let number = asked.partition_index;
    let topic = context
        .image
        .topic(name)
        .ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
    let partition = topic
        .partition(number)
        .ok_or_else(|| unknown(format!("Unable to find partition {name}:{number}.")))?;
    let change = match &asked.replicas {
        Some(replicas) => reassign(context, partition, replicas, may_resize)?,
        None => revert(context, (topic, number, partition))?,
    };
    Ok(change.build().map(|change| {
        PartitionChangeRecord { partition_id: number, topic_id: topic.id, ..change }.into()
    }))
}

/// The change to other replicas. Those that go come last, as long as they are still there.
fn reassign<'a>(
    context: Context<'a>,
    partition: &'a Partition,
    replicas: &[i32],
    may_resize: bool,
) -> Result<PartitionChange<'a>, Refusal> {
    let target = placement::check_manual(context.image, replicas, None)?;
    let is_staying = |id: &&BrokerId| !partition.removing_replicas.contains(id);
    let size = partition.replicas.iter().filter(is_staying).count();
    if !may_resize && size != target.len() {
        return Err(Refusal::new(
            ErrorCode::InvalidReplicationFactor,
            format!("The replication factor is changed from {size} to {}", target.len()),
        ));
    }
    let without = |ids: &[BrokerId], others: &[BrokerId]| -> Vec<BrokerId> {
        let rest = ids.iter().copied().filter(|id| !others.contains(id));
        rest.collect::<BTreeSet<_>>().into_iter().collect()
    };
    let mut change = PartitionChange::new(context, partition);
    change.removing = without(&partition.replicas, &target);
    change.adding = without(&target, &partition.replicas);
    change.replicas = target.into_iter().chain(change.removing.iter().copied()).collect();
    Ok(change)
}

/// The change back to the replicas from before the reassignment.
fn revert<'a>(
    context: Context<'a>,
    (topic, number, partition): (&Topic, i32, &'a Partition),
) -> Result<PartitionChange<'a>, Refusal> {
    if partition.removing_replicas.is_empty() && partition.adding_replicas.is_empty() {
        return Err(Refusal::new(ErrorCode::NoReassignmentInProgress, ""));
    }
    let original = |ids: &[BrokerId]| -> Vec<BrokerId> {
        ids.iter().copied().filter(|id| !partition.adding_replicas.contains(id)).collect()
    };
    let mut change = PartitionChange::new(context, partition);
    change.replicas = original(&partition.replicas);
    change.isr = original(&partition.isr);
    change.removing.clear();
    change.adding.clear();
    if change.isr.is_empty() {
        // No old replica is in sync: going back would lose what only the new ones have.
        return Err(Refusal::new(
            ErrorCode::InvalidReplicaAssignment,
            format!(
                "Unable to revert partition assignment for {}:{number} because it would require \
                 an unclean leader election.",
                topic.name
            ),
        ));
    }
    Ok(change)
}

#[cfg(test)]
mod tests;
