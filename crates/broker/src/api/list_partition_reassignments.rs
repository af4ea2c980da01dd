//! ListPartitionReassignments (46), version 0: the partitions whose replicas are being changed.
//!
//! Kafka: `ReplicationControlManager.listPartitionReassignments`.

use ottla_metadata::{Image, Partition, Topic};
use ottla_types::BrokerId;
use ottla_wire::{
    Str,
    list_partition_reassignments_request::ListPartitionReassignmentsRequest,
    list_partition_reassignments_response::{
        ListPartitionReassignmentsResponse, OngoingPartitionReassignment, OngoingTopicReassignment,
    },
};

use super::{Api, Context, Outcome};

pub(super) struct ListPartitionReassignments;

impl Api for ListPartitionReassignments {
    type Request = ListPartitionReassignmentsRequest;

    async fn handle(ctx: Context, request: ListPartitionReassignmentsRequest) -> Outcome {
        let topics = ongoing(&ctx.shared.image(), &request);
        ctx.reply(&ListPartitionReassignmentsResponse {
            topics,
            error_message: None,
            ..Default::default()
        })
    }
}

/// What is going on of what was asked for; of everything where nothing is named.
fn ongoing(
    image: &Image,
    request: &ListPartitionReassignmentsRequest,
) -> Vec<OngoingTopicReassignment> {
    let Some(asked) = &request.topics else {
        let all = image.topics().map(|topic| of_topic(topic, topic.partitions()));
        return all.filter(|topic| !topic.partitions.is_empty()).collect();
    };
    let found = asked.iter().filter_map(|wanted| {
        let topic = image.topic(&wanted.name)?;
        let partitions = wanted
            .partition_indexes
            .iter()
            .filter_map(|index| Some((*index, topic.partition(*index)?)));
        Some(of_topic(topic, partitions))
    });
    found.filter(|topic| !topic.partitions.is_empty()).collect()
}

fn of_topic<'a>(
    topic: &Topic,
    partitions: impl Iterator<Item = (i32, &'a std::sync::Arc<Partition>)>,
) -> OngoingTopicReassignment {
    let ids = |ids: &[BrokerId]| ids.iter().map(|id| id.get()).collect::<Vec<i32>>();
    let changing = partitions.filter(|(_, partition)| {
        !partition.adding_replicas.is_empty() || !partition.removing_replicas.is_empty()
    });
    let partitions = changing.map(|(partition_index, partition)| OngoingPartitionReassignment {
        partition_index,
        replicas: ids(&partition.replicas),
        adding_replicas: ids(&partition.adding_replicas),
        removing_replicas: ids(&partition.removing_replicas),
    });
    OngoingTopicReassignment {
        name: Str::from(topic.name.as_str()),
        partitions: partitions.collect(),
    }
}
