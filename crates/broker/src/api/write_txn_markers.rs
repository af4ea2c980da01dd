//! WriteTxnMarkers (27), versions 1-2: ends transactions in partitions. Brokers send it, and tools
//! that abort a hanging transaction.
//!
//! - v2: the version of the transaction (KIP-1228).
//!
//! Kafka: `KafkaApis.handleWriteTxnMarkersRequest`.

use ottla_coordinator::TransactionResult;
use ottla_types::{ErrorCode, LeaderEpoch, ProducerId, TopicName, TopicPartition};
use ottla_wire::{
    Str,
    messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse},
    write_txn_markers_request::WritableTxnMarker,
    write_txn_markers_response::{
        WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
    },
};

use super::{Api, Context, Outcome};
use crate::markers::{self, MarkerEntry};

pub(super) struct WriteTxnMarkers;

impl Api for WriteTxnMarkers {
    type Request = WriteTxnMarkersRequest;

    async fn handle(ctx: Context, request: WriteTxnMarkersRequest) -> Outcome {
        let mut response = WriteTxnMarkersResponse::default();
        for marker in &request.markers {
            response.markers.push(write(&ctx, marker).await);
        }
        ctx.reply(&response)
    }
}

async fn write(ctx: &Context, wanted: &WritableTxnMarker) -> WritableTxnMarkerResult {
    let mut result =
        WritableTxnMarkerResult { producer_id: wanted.producer_id, ..Default::default() };
    let mut partitions = Vec::new();
    for topic in &wanted.topics {
        let indexes = topic.partition_indexes.iter();
        match TopicName::new(&topic.name) {
            Ok(name) => {
                partitions.extend(indexes.map(|index| TopicPartition::new(name.clone(), *index)));
            }
            Err(_) => indexes.for_each(|index| {
                push(&mut result, &topic.name, *index, ErrorCode::UnknownTopicOrPartition);
            }),
        }
    }
    let entry = MarkerEntry {
        producer_id: ProducerId(wanted.producer_id),
        producer_epoch: wanted.producer_epoch,
        coordinator_epoch: LeaderEpoch(wanted.coordinator_epoch),
        result: if wanted.transaction_result {
            TransactionResult::Commit
        } else {
            TransactionResult::Abort
        },
        transaction_version: wanted.transaction_version.into(),
        partitions,
    };
    // Everything is appended before anything is waited for: the syncs run side by side.
    for (at, written) in markers::write(&ctx.shared, &entry) {
        let settled = match written {
            Ok(Some(unsettled)) => unsettled.settle().await,
            Ok(None) => Ok(()),
            Err(code) => Err(code),
        };
        if settled.is_ok() {
            note(ctx, wanted, &at);
        }
        let code = settled.err().unwrap_or(ErrorCode::None);
        push(&mut result, &Str::from(at.topic.as_str()), at.partition, code);
    }
    result
}

/// Somebody other than the coordinator has ended a transaction: an operator, mostly.
fn note(ctx: &Context, wanted: &WritableTxnMarker, at: &TopicPartition) {
    let result = if wanted.transaction_result { "commit" } else { "abort" };
    let event = ctx.event("transaction.marker").partition(&at.topic, at.partition);
    ctx.shared.journal.put(
        event
            .with("producerId", wanted.producer_id)
            .with("producerEpoch", wanted.producer_epoch)
            .with("result", result)
            .with("cause", "operator"),
    );
    let hosted = ctx.shared.partitions.topic(&at.topic);
    if let Some(Ok(partition)) = hosted.map(|topic| topic.partition(at.partition)) {
        ctx.shared.journal.moved(&partition);
    }
}

fn push(result: &mut WritableTxnMarkerResult, topic: &Str, index: i32, code: ErrorCode) {
    let part = WritableTxnMarkerPartitionResult { partition_index: index, error_code: code.code() };
    match result.topics.iter_mut().find(|known| known.name == *topic) {
        Some(known) => known.partitions.push(part),
        None => result
            .topics
            .push(WritableTxnMarkerTopicResult { name: topic.clone(), partitions: vec![part] }),
    }
}
