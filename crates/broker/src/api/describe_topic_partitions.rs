//! DescribeTopicPartitions (75), version 0: topics page by page (KIP-966).
//!
//! Kafka: `DescribeTopicPartitionsRequestHandler`, `KRaftMetadataCache.describeTopicResponse`.

use std::collections::BTreeSet;

use ottla_config::keys;
use ottla_metadata::{Image, Partition, Topic};
use ottla_types::{BrokerId, ErrorCode, TopicName};
use ottla_wire::{
    Str,
    describe_topic_partitions_response::{
        Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
    },
    messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse},
};

use super::{Api, Context, Outcome};
use crate::authorized;

pub(super) struct DescribeTopicPartitions;

impl Api for DescribeTopicPartitions {
    type Request = DescribeTopicPartitionsRequest;

    async fn handle(ctx: Context, request: DescribeTopicPartitionsRequest) -> Outcome {
        if is_bad_cursor(&request) {
            return ctx.reply(&refuse(&request));
        }
        let image = ctx.shared.image();
        let mut names: BTreeSet<String> = if request.topics.is_empty() {
            image.topics().map(|topic| topic.name.to_string()).collect()
        } else {
            request.topics.iter().map(|topic| topic.name.to_string()).collect()
        };
        let (first, first_partition) =
            request.cursor.as_ref().map_or((String::new(), 0), |cursor| {
                (cursor.topic_name.to_string(), cursor.partition_index)
            });
        names.retain(|name| *name >= first);
        let most = ctx.shared.config().get(&keys::MAX_REQUEST_PARTITION_SIZE_LIMIT);
        let mut left = request.response_partition_limit.clamp(1, most.max(1));
        let mut response = DescribeTopicPartitionsResponse::default();
        for name in names {
            if left == 0 {
                response.next_cursor =
                    Some(Cursor { topic_name: Str::from(name), partition_index: 0 });
                break;
            }
            let start = if name == first { first_partition } else { 0 };
            let (topic, next) = match image.topic(&name) {
                Some(topic) => page(&image, topic, start, left),
                None => (unknown(&name), None),
            };
            left = left.saturating_sub(i32::try_from(topic.partitions.len()).unwrap_or(0));
            response.topics.push(topic);
            if let Some(partition_index) = next {
                response.next_cursor =
                    Some(Cursor { topic_name: Str::from(name), partition_index });
                break;
            }
        }
        ctx.reply(&response)
    }
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let code = match TopicName::new(name) {
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(Str::from(name)),
        topic_authorized_operations: authorized::TOPIC,
        ..Default::default()
    }
}

/// Whether the cursor points to where no page can start.
fn is_bad_cursor(request: &DescribeTopicPartitionsRequest) -> bool {
    request.cursor.as_ref().is_some_and(|cursor| {
        let is_asked_for = request.topics.is_empty()
            || request.topics.iter().any(|topic| topic.name == cursor.topic_name);
        cursor.partition_index < 0 || !is_asked_for
    })
}

fn refuse(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.clone()),
        ..Default::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() }
}

/// The partitions from `start`, at most `limit`; where the next page starts, if there is one.
fn page(
    image: &Image,
    topic: &Topic,
    start: i32,
    limit: i32,
) -> (DescribeTopicPartitionsResponseTopic, Option<i32>) {
    let end = start.saturating_add(limit);
    let partitions = topic
        .partitions()
        .filter(|(index, _)| (start..end).contains(index))
        .map(|(index, partition)| describe(image, index, partition));
    let response = DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::None.code(),
        name: Some(Str::from(topic.name.as_str())),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: authorized::TOPIC,
    };
    (response, (end < topic.partition_count()).then_some(end))
}

fn describe(
    image: &Image,
    index: i32,
    partition: &Partition,
) -> DescribeTopicPartitionsResponsePartition {
    let ids = |ids: &[BrokerId]| ids.iter().map(|id| id.get()).collect::<Vec<i32>>();
    DescribeTopicPartitionsResponsePartition {
        error_code: ErrorCode::None.code(),
        partition_index: index,
        leader_id: partition.leader.get(),
        leader_epoch: partition.leader_epoch.get(),
        replica_nodes: ids(&partition.replicas),
        isr_nodes: ids(&partition.isr),
        eligible_leader_replicas: Some(ids(&partition.eligible_leader_replicas)),
        last_known_elr: Some(ids(&partition.last_known_elr)),
        offline_replicas: ids(&image.offline_replicas(partition)),
    }
}
