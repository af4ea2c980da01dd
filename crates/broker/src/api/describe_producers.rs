//! DescribeProducers (61), version 0: the idempotent producers a partition remembers (KIP-664).
//!
//! Kafka: `KafkaApis.handleDescribeProducersRequest`.

use ottla_types::{ErrorCode, TopicName};
use ottla_wire::{
    Str,
    describe_producers_response::{PartitionResponse, ProducerState, TopicResponse},
    messages::{DescribeProducersRequest, DescribeProducersResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct DescribeProducers;

impl Api for DescribeProducers {
    type Request = DescribeProducersRequest;

    async fn handle(ctx: Context, request: DescribeProducersRequest) -> Outcome {
        let topics = request.topics.iter().map(|topic| TopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partition_indexes
                .iter()
                .map(|index| describe(&ctx, &topic.name, *index))
                .collect(),
        });
        ctx.reply(&DescribeProducersResponse { topics: topics.collect(), ..Default::default() })
    }
}

fn describe(ctx: &Context, topic_name: &str, partition_index: i32) -> PartitionResponse {
    let topic = ctx.shared.partitions.topic(topic_name);
    let unknown = || match TopicName::new(topic_name) {
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    let partition = topic.ok_or_else(unknown).and_then(|topic| topic.partition(partition_index));
    let partition = match partition {
        Ok(partition) => partition,
        Err(code) => {
            return PartitionResponse {
                partition_index,
                error_code: code.code(),
                error_message: Some(Str::from_static(code.message())),
                ..Default::default()
            };
        }
    };
    let active_producers = partition.with_log(|log| {
        log.producers()
            .map(|(producer_id, producer)| ProducerState {
                producer_id: producer_id.get(),
                producer_epoch: producer.producer_epoch.into(),
                last_sequence: producer.last_sequence(),
                last_timestamp: producer.last_timestamp,
                coordinator_epoch: producer.coordinator_epoch,
                current_txn_start_offset: producer
                    .current_txn_first_offset
                    .map_or(-1, ottla_types::Offset::get),
            })
            .collect()
    });
    PartitionResponse { partition_index, active_producers, ..Default::default() }
}
