//! DescribeQuorum (55), versions 0-2: who votes on the cluster's metadata, and how far they are.
//!
//! - v1: when a voter last fetched and was caught up (KIP-836).
//! - v2: the voters' directories and addresses, error messages (KIP-853).
//!
//! The quorum is this broker alone, which is always caught up with itself.
//!
//! Kafka: `KafkaRaftClient.handleDescribeQuorumRequest`, `DescribeQuorumResponse`.

use ottla_types::{ErrorCode, TopicName, Uuid};
use ottla_wire::{
    Str,
    describe_quorum_request::{self as asked, DescribeQuorumRequest},
    describe_quorum_response::{
        DescribeQuorumResponse, Node, PartitionData, ReplicaState, TopicData,
    },
};

use super::{Api, Context, Outcome};
use crate::clock::now_ms;

pub(super) struct DescribeQuorum;

impl Api for DescribeQuorum {
    type Request = DescribeQuorumRequest;

    async fn handle(ctx: Context, request: DescribeQuorumRequest) -> Outcome {
        if !is_for_the_metadata(&request.topics) {
            return ctx.reply(&not_hosted(&ctx, request.topics));
        }
        let partition = describe(&ctx);
        let mut response = DescribeQuorumResponse {
            topics: vec![TopicData {
                topic_name: Str::from_static(TopicName::CLUSTER_METADATA),
                partitions: vec![partition],
            }],
            ..Default::default()
        };
        if ctx.version >= 2 {
            // There is no listener for controllers yet, so there is no address to tell.
            let node_id = ctx.shared.broker_id.get();
            response.nodes.push(Node { node_id, listeners: Vec::new() });
        }
        ctx.reply(&response)
    }
}

/// Whether exactly the one partition that has a quorum is asked for.
fn is_for_the_metadata(topics: &[asked::TopicData]) -> bool {
    let [topic] = topics else { return false };
    let [partition] = topic.partitions.as_slice() else { return false };
    topic.topic_name == TopicName::CLUSTER_METADATA && partition.partition_index == 0
}

/// The answer to every other question, in the shape of the question.
fn not_hosted(ctx: &Context, topics: Vec<asked::TopicData>) -> DescribeQuorumResponse {
    let code = ErrorCode::UnknownTopicOrPartition;
    let refused = |partition: asked::PartitionData| PartitionData {
        partition_index: partition.partition_index,
        error_code: code.code(),
        error_message: Some(if ctx.version >= 2 {
            Str::from_static(code.message())
        } else {
            Str::default()
        }),
        ..Default::default()
    };
    let topics = topics.into_iter().map(|topic| TopicData {
        topic_name: topic.topic_name,
        partitions: topic.partitions.into_iter().map(refused).collect(),
    });
    DescribeQuorumResponse { topics: topics.collect(), ..Default::default() }
}

fn describe(ctx: &Context) -> PartitionData {
    let controller = &ctx.shared.controller;
    let broker_id = ctx.shared.broker_id;
    let image = ctx.shared.image();
    // What is written here is synced, and what is synced is committed.
    let end = controller.last_applied().get().saturating_add(1);
    let directory = image.broker(broker_id).and_then(|broker| broker.directories.first().copied());
    let now = if ctx.version >= 1 { now_ms() } else { -1 };
    PartitionData {
        leader_id: broker_id.get(),
        leader_epoch: controller.leader_epoch().get(),
        high_watermark: end,
        current_voters: vec![ReplicaState {
            replica_id: broker_id.get(),
            replica_directory_id: if ctx.version >= 2 {
                directory.unwrap_or(Uuid::ZERO)
            } else {
                Uuid::ZERO
            },
            log_end_offset: end,
            last_fetch_timestamp: now,
            last_caught_up_timestamp: now,
        }],
        ..Default::default()
    }
}
