//! DeleteRecords (21), versions 0-2: moves a partition's log start offset forward.
//!
//! Offset −1 means the high watermark. Kafka: `ReplicaManager.deleteRecordsOnLocalLog`.

use ottla_log::LogError;
use ottla_types::{ErrorCode, Offset};
use ottla_wire::{
    delete_records_request::DeleteRecordsPartition,
    delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
    messages::{DeleteRecordsRequest, DeleteRecordsResponse},
};

use super::{Api, Context, Outcome};
use crate::storage;

pub(super) struct DeleteRecords;

impl Api for DeleteRecords {
    type Request = DeleteRecordsRequest;

    async fn handle(ctx: Context, request: DeleteRecordsRequest) -> Outcome {
        let topics = request.topics.iter().map(|topic| DeleteRecordsTopicResult {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|part| match delete(&ctx, &topic.name, part) {
                    Ok(low_watermark) => DeleteRecordsPartitionResult {
                        partition_index: part.partition_index,
                        low_watermark: low_watermark.get(),
                        ..Default::default()
                    },
                    Err(code) => DeleteRecordsPartitionResult {
                        partition_index: part.partition_index,
                        low_watermark: -1,
                        error_code: code.code(),
                    },
                })
                .collect(),
        });
        ctx.reply(&DeleteRecordsResponse { topics: topics.collect(), ..Default::default() })
    }
}

fn delete(ctx: &Context, topic: &str, part: &DeleteRecordsPartition) -> Result<Offset, ErrorCode> {
    let topic = ctx.shared.partitions.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic.name.is_internal() {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition = topic.partition(part.partition_index)?;
    if !topic.settings().log.cleanup_delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let high_watermark = partition.high_watermark();
    let before = if part.offset == -1 { high_watermark } else { Offset(part.offset) };
    if before < Offset::ZERO || before > high_watermark {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let from = partition.log_start_offset();
    let deleted = partition.with_live_log(|log| {
        log.sync_written_ahead(before)?;
        log.delete_records_before(before)
    });
    let start = deleted.ok_or(ErrorCode::UnknownTopicOrPartition)?.map_err(|error| {
        tracing::error!(partition = %partition.topic_partition, "cannot delete records: {error}");
        if matches!(error, LogError::Io { .. }) {
            partition.data_dir().note(&error);
        }
        ErrorCode::KafkaStorageError
    })?;
    storage::checkpoint(&ctx.shared);
    let event = ctx.event("records.purged").partition(&topic.name, part.partition_index);
    ctx.shared.journal.put(event.with("fromOffset", from).with("toOffset", start));
    ctx.shared.journal.moved(&partition);
    Ok(start)
}
