//! CreatePartitions: more partitions for a topic.
//!
//! Kafka: `ControllerApis.createPartitions`, `ReplicationControlManager.createPartitions`.

use ottla_types::ErrorCode;
use ottla_wire::{
    create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic},
    create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult},
};

use super::{Context, Decision, RECORDS_PER_BATCH_MAX, Refusal, placement, repeated};
use crate::MetadataRecord;

/// Decides on a request for more partitions. Topics that the client may not alter are not in it any
/// more.
pub fn create_partitions(
    context: Context<'_>,
    request: &CreatePartitionsRequest,
) -> Decision<CreatePartitionsResponse> {
    let twice = repeated(request.topics.iter().map(|topic| topic.name.as_str()));
    let mut decision =
        Decision { records: Vec::new(), response: CreatePartitionsResponse::default() };
    for name in &twice {
        let refusal = Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
        decision.response.results.push(refused(name, refusal));
    }
    let too_many = added(context, request) > RECORDS_PER_BATCH_MAX;
    for topic in request.topics.iter().filter(|topic| !twice.contains(topic.name.as_str())) {
        let outcome = if too_many {
            Err(Refusal::new(
                ErrorCode::PolicyViolation,
                "Excessively large number of additional partitions per request.",
            ))
        } else {
            records(context, topic)
        };
        decision.response.results.push(match outcome {
            Ok(records) => {
                decision.records.extend(records);
                CreatePartitionsTopicResult {
                    name: topic.name.clone(),
                    error_code: 0,
                    error_message: None,
                }
            }
            Err(refusal) => refused(&topic.name, refusal),
        });
    }
    if request.validate_only {
        decision.records.clear();
    }
    decision
}

/// How many partitions the request asks for in addition.
fn added(context: Context<'_>, request: &CreatePartitionsRequest) -> usize {
    let more = |topic: &CreatePartitionsTopic| {
        let existing = context.image.topic(&topic.name)?.partition_count();
        usize::try_from(topic.count.saturating_sub(existing)).ok()
    };
    request.topics.iter().filter_map(more).fold(0, usize::saturating_add)
}

fn refused(name: &str, refusal: Refusal) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = refusal.into_fields();
    CreatePartitionsTopicResult { name: name.into(), error_code, error_message }
}

fn records(
    context: Context<'_>,
    request: &CreatePartitionsTopic,
) -> Result<Vec<MetadataRecord>, Refusal> {
    let Some(topic) = context.image.topic(&request.name) else {
        return Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, ""));
    };
    let existing = topic.partition_count();
    let invalid = |text| Err(Refusal::new(ErrorCode::InvalidPartitions, text));
    if request.count == existing {
        return invalid(format!("Topic already has {existing} partition(s)."));
    }
    if request.count < existing {
        return invalid(format!(
            "The topic {} currently has {existing} partition(s); {} would not be an increase.",
            request.name, request.count
        ));
    }
    let added = request.count - existing;
    let replication_factor = topic.replication_factor();
    let replicas = match &request.assignments {
        None => placement::place(context.image, existing, added, replication_factor)?,
        Some(assignments) => {
            if usize::try_from(added) != Ok(assignments.len()) {
                return Err(Refusal::new(
                    ErrorCode::InvalidReplicaAssignment,
                    format!(
                        "Attempted to add {added} additional partition(s), but only {} \
                         assignment(s) were specified.",
                        assignments.len()
                    ),
                ));
            }
            let expected = usize::try_from(replication_factor).ok();
            assignments
                .iter()
                .map(|chosen| placement::check_manual(context.image, &chosen.broker_ids, expected))
                .collect::<Result<_, _>>()?
        }
    };
    (existing..)
        .zip(replicas)
        .map(|(number, replicas)| {
            placement::new_partition(context.image, topic.id, number, replicas).ok_or_else(|| {
                Refusal::new(
                    ErrorCode::InvalidReplicaAssignment,
                    format!(
                        "All brokers specified in the manual partition assignment for partition \
                         {number} are fenced or in controlled shutdown."
                    ),
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
