//! AddPartitionsToTxn (24), versions 0-5: partitions become part of a transaction.
//!
//! - v2: PRODUCER_FENCED; before that it is INVALID_PRODUCER_EPOCH.
//! - v4: several transactions at once, for brokers, which may also only ask (KIP-890).
//! - v5: TRANSACTION_ABORTABLE.
//!
//! Kafka: `KafkaApis.handleAddPartitionsToTxnRequest`.

use ottla_coordinator::{AddPartitions, ProducerIdAndEpoch, TransactionVersion};
use ottla_types::{ErrorCode, ProducerId, TopicName, TopicPartition};
use ottla_wire::{
    Str,
    add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction},
    add_partitions_to_txn_response::{
        AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
    },
    messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse},
};

use super::{Api, Context, Outcome};
use crate::transactions::{TransactionalProducer, Verify};

pub(super) struct AddPartitionsToTxn;

impl Api for AddPartitionsToTxn {
    type Request = AddPartitionsToTxnRequest;

    async fn handle(ctx: Context, request: AddPartitionsToTxnRequest) -> Outcome {
        let mut response = AddPartitionsToTxnResponse::default();
        if ctx.version < 4 {
            let transaction = AddPartitionsToTxnTransaction {
                transactional_id: request.v3_and_below_transactional_id,
                producer_id: request.v3_and_below_producer_id,
                producer_epoch: request.v3_and_below_producer_epoch,
                verify_only: false,
                topics: request.v3_and_below_topics,
            };
            response.results_by_topic_v3_and_below = handle_one(&ctx, &transaction).await;
            return ctx.reply(&response);
        }
        for transaction in &request.transactions {
            response.results_by_transaction.push(AddPartitionsToTxnResult {
                transactional_id: transaction.transactional_id.clone(),
                topic_results: handle_one(&ctx, transaction).await,
            });
        }
        ctx.reply(&response)
    }
}

async fn handle_one(
    ctx: &Context,
    transaction: &AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let refusal = |topic: &Str, partition: i32| {
        let hosted = ctx.shared.partitions.topic(topic);
        if is_internal(topic) && ctx.version < 4 {
            Some(ErrorCode::TopicAuthorizationFailed)
        } else if hosted.is_none_or(|hosted| hosted.replica(partition).is_none()) {
            Some(ErrorCode::UnknownTopicOrPartition)
        } else {
            None
        }
    };
    if each(&transaction.topics).any(|(topic, partition)| refusal(topic, partition).is_some()) {
        return results(&transaction.topics, |topic, partition| {
            refusal(topic, partition).unwrap_or(ErrorCode::OperationNotAttempted)
        });
    }
    if transaction.transactional_id.is_empty() {
        return results(&transaction.topics, |_, _| ErrorCode::InvalidRequest);
    }
    if transaction.verify_only {
        verify(ctx, transaction).await
    } else {
        add(ctx, transaction).await
    }
}

async fn add(
    ctx: &Context,
    transaction: &AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let transactions = &ctx.shared.transactions;
    let request = AddPartitions {
        transactional_id: transaction.transactional_id.clone(),
        producer: producer(transaction),
        partitions: each(&transaction.topics).map(|(topic, it)| (topic.as_str(), it)).collect(),
        client_version: if ctx.version < 4 {
            TransactionVersion::V0
        } else {
            TransactionVersion::V2
        },
        wait_until_ms: transactions.wait_until_ms(),
    };
    let code = match transactions.add(&ctx.shared, request).await.code {
        ErrorCode::ProducerFenced if ctx.version < 2 => ErrorCode::InvalidProducerEpoch,
        code => code,
    };
    results(&transaction.topics, |_, _| code)
}

async fn verify(
    ctx: &Context,
    transaction: &AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let named = |(topic, partition): (&Str, i32)| {
        TopicName::new(topic).ok().map(|topic| TopicPartition::new(topic, partition))
    };
    let partitions: Vec<_> = each(&transaction.topics).filter_map(named).collect();
    let producer = TransactionalProducer {
        transactional_id: &transaction.transactional_id,
        producer_id: ProducerId(transaction.producer_id),
        producer_epoch: transaction.producer_epoch,
    };
    let verified =
        ctx.shared.transactions.verify(&ctx.shared, producer, &partitions, Verify::Only).await;
    let mut codes = verified.into_iter().map(|(_, code)| code);
    results(&transaction.topics, |_, _| codes.next().unwrap_or(ErrorCode::UnknownServerError))
}

fn is_internal(topic: &Str) -> bool {
    TopicName::new(topic).is_ok_and(|name| name.is_internal())
}

fn producer(transaction: &AddPartitionsToTxnTransaction) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch {
        producer_id: ProducerId(transaction.producer_id),
        producer_epoch: transaction.producer_epoch,
    }
}

fn each(topics: &[AddPartitionsToTxnTopic]) -> impl Iterator<Item = (&Str, i32)> {
    topics.iter().flat_map(|topic| topic.partitions.iter().map(move |it| (&topic.name, *it)))
}

fn results(
    topics: &[AddPartitionsToTxnTopic],
    mut code_of: impl FnMut(&Str, i32) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let mut results = Vec::with_capacity(topics.len());
    for topic in topics {
        let partitions =
            topic.partitions.iter().map(|&partition_index| AddPartitionsToTxnPartitionResult {
                partition_index,
                partition_error_code: code_of(&topic.name, partition_index).code(),
            });
        results.push(AddPartitionsToTxnTopicResult {
            name: topic.name.clone(),
            results_by_partition: partitions.collect(),
        });
    }
    results
}
