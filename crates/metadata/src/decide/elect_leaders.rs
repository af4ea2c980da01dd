//! ElectLeaders: the preferred replica leads again, or any replica where nobody else can.
//!
//! Kafka: `QuorumController.electLeaders`, `ReplicationControlManager.electLeaders`.

use ottla_types::ErrorCode;
use ottla_wire::{
    elect_leaders_request::ElectLeadersRequest,
    elect_leaders_response::{ElectLeadersResponse, PartitionResult, ReplicaElectionResult},
    partition_change_record::PartitionChangeRecord,
};

use super::{
    Context, Decision, Refusal,
    partition_change::{Election, PartitionChange},
};
use crate::MetadataRecord;

/// Decides on elections.
pub fn elect_leaders(
    context: Context<'_>,
    request: &ElectLeadersRequest,
) -> Decision<ElectLeadersResponse> {
    let mut decision = Decision { records: Vec::new(), response: ElectLeadersResponse::default() };
    if request.topic_partitions.as_ref().is_some_and(Vec::is_empty) {
        return decision;
    }
    let election = match request.election_type {
        0 => Election::Preferred,
        1 => Election::Unclean,
        other => {
            let text = format!("Unknown election type {other}");
            let refusal = Refusal::new(ErrorCode::InvalidRequest, text);
            decision.response = refuse_elections(request, &refusal);
            return decision;
        }
    };
    let Some(asked) = &request.topic_partitions else {
        elect_all(context, election, &mut decision);
        return decision;
    };
    for topic in asked {
        let results = topic.partitions.iter().map(|partition| {
            match elect(context, (&topic.topic, *partition), election) {
                Ok(record) => {
                    decision.records.push(record);
                    result(*partition, None)
                }
                Err(refusal) => result(*partition, Some(refusal)),
            }
        });
        let partition_result = results.collect();
        let result = ReplicaElectionResult { topic: topic.topic.clone(), partition_result };
        decision.response.replica_election_results.push(result);
    }
    decision
}

/// Holds an election for every partition. Those that need none are not named in the response.
fn elect_all(
    context: Context<'_>,
    election: Election,
    decision: &mut Decision<ElectLeadersResponse>,
) {
    for topic in context.image.topics() {
        let mut partition_result = Vec::new();
        for (partition, _) in topic.partitions() {
            match elect(context, (&topic.name, partition), election) {
                Ok(record) => {
                    decision.records.push(record);
                    partition_result.push(result(partition, None));
                }
                Err(refusal) if refusal.code == ErrorCode::ElectionNotNeeded => {}
                Err(refusal) => partition_result.push(result(partition, Some(refusal))),
            }
        }
        let topic = topic.name.as_str().into();
        let result = ReplicaElectionResult { topic, partition_result };
        decision.response.replica_election_results.push(result);
    }
}

fn elect(
    context: Context<'_>,
    (name, number): (&str, i32),
    election: Election,
) -> Result<MetadataRecord, Refusal> {
    let unknown = |text| Refusal::new(ErrorCode::UnknownTopicOrPartition, text);
    let topic =
        context.image.topic(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
    let partition = topic
        .partition(number)
        .ok_or_else(|| unknown(format!("No such partition as {name}-{number}")))?;
    let is_fine = match election {
        Election::Preferred => partition.replicas.first() == Some(&partition.leader),
        Election::Clean | Election::Unclean => partition.has_leader(),
    };
    if is_fine {
        let text = "Leader election not needed for topic partition.";
        return Err(Refusal::new(ErrorCode::ElectionNotNeeded, text));
    }
    let mut change = PartitionChange::new(context, partition);
    change.election = election;
    let Some(change) = change.build() else {
        let code = match election {
            Election::Preferred => ErrorCode::PreferredLeaderNotAvailable,
            Election::Clean | Election::Unclean => ErrorCode::EligibleLeadersNotAvailable,
        };
        return Err(Refusal::new(code, code.message()));
    };
    Ok(PartitionChangeRecord { partition_id: number, topic_id: topic.id, ..change }.into())
}

fn result(partition_id: i32, refusal: Option<Refusal>) -> PartitionResult {
    let (error_code, error_message) = refusal.map_or((0, None), Refusal::into_fields);
    PartitionResult { partition_id, error_code, error_message }
}

/// The answer to elections of which none can be held.
fn refuse_elections(request: &ElectLeadersRequest, refusal: &Refusal) -> ElectLeadersResponse {
    let topics = request.topic_partitions.iter().flatten();
    let results = topics.map(|topic| ReplicaElectionResult {
        topic: topic.topic.clone(),
        partition_result: topic
            .partitions
            .iter()
            .map(|partition| result(*partition, Some(refusal.clone())))
            .collect(),
    });
    ElectLeadersResponse {
        error_code: refusal.code.code(),
        replica_election_results: results.collect(),
        ..ElectLeadersResponse::default()
    }
}

#[cfg(test)]
pub(super) mod tests;
