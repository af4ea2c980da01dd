//! AddOffsetsToTxn (25), versions 0-4: a transaction will commit offsets of a group.
//!
//! - v2: PRODUCER_FENCED; before that it is INVALID_PRODUCER_EPOCH.
//!
//! Kafka: `KafkaApis.handleAddOffsetsToTxnRequest`.

use ottla_coordinator::{
    AddPartitions, ProducerIdAndEpoch, TopicPartitions, TransactionVersion, partition_for,
};
use ottla_metadata::decide::InternalTopic;
use ottla_types::{ErrorCode, ProducerId, TopicName};
use ottla_wire::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::{Api, Context, Outcome};

pub(super) struct AddOffsetsToTxn;

impl Api for AddOffsetsToTxn {
    type Request = AddOffsetsToTxnRequest;

    async fn handle(ctx: Context, request: AddOffsetsToTxnRequest) -> Outcome {
        let code = match add(&ctx, request).await {
            ErrorCode::ProducerFenced if ctx.version < 2 => ErrorCode::InvalidProducerEpoch,
            code => code,
        };
        ctx.reply(&AddOffsetsToTxnResponse { error_code: code.code(), ..Default::default() })
    }
}

async fn add(ctx: &Context, request: AddOffsetsToTxnRequest) -> ErrorCode {
    if request.transactional_id.is_empty() {
        return ErrorCode::InvalidRequest;
    }
    // Its number of partitions says which of them the group is in.
    if let Err(code) = ctx.shared.ensure_internal_topic(InternalTopic::ConsumerOffsets).await {
        return code;
    }
    let Some(topic) = ctx.shared.partitions.topic(TopicName::CONSUMER_OFFSETS) else {
        return ErrorCode::CoordinatorNotAvailable;
    };
    let count = i32::try_from(topic.replicas().len()).unwrap_or(i32::MAX);
    let partition = partition_for(&request.group_id, count);
    let transactions = &ctx.shared.transactions;
    let request = AddPartitions {
        transactional_id: request.transactional_id,
        producer: ProducerIdAndEpoch {
            producer_id: ProducerId(request.producer_id),
            producer_epoch: request.producer_epoch,
        },
        partitions: TopicPartitions::from_iter([(TopicName::CONSUMER_OFFSETS, partition)]),
        client_version: TransactionVersion::V0,
        wait_until_ms: transactions.wait_until_ms(),
    };
    transactions.add(&ctx.shared, request).await.code
}
