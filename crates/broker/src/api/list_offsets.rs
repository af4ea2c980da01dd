//! ListOffsets (2), versions 1-11: offsets by time, and the ends of a partition.
//!
//! - v2: isolation level. v4: leader epochs. v7: the largest timestamp (−3, KIP-734).
//! - v8: earliest local (−4). v9: last tiered (−5, KIP-1005). v11: earliest pending upload (−6).
//!
//! Where nothing matches the answer is −1/−1. The leader epoch is the record's own.
//! Kafka: `KafkaApis.handleListOffsetRequest`, `UnifiedLog.fetchOffsetByTimestamp`.

use std::collections::BTreeMap;

use ottla_log::TimestampedOffset;
use ottla_types::{ErrorCode, LeaderEpoch, Offset};
use ottla_wire::{
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
    messages::{ListOffsetsRequest, ListOffsetsResponse},
};

use super::{Api, Context, Outcome};
use crate::partition::Isolation;

pub(super) struct ListOffsets;

/// The first version that has a place for the leader epoch.
const LEADER_EPOCH_VERSION: i16 = 4;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

impl Api for ListOffsets {
    type Request = ListOffsetsRequest;

    async fn handle(ctx: Context, request: ListOffsetsRequest) -> Outcome {
        let isolation = Isolation::from(request.isolation_level);
        let topics = request.topics.iter().map(|topic| ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: answer_all(&ctx, &topic.name, &topic.partitions, isolation),
        });
        ctx.reply(&ListOffsetsResponse { topics: topics.collect(), ..Default::default() })
    }
}

/// A partition that is asked for more than once is refused, once.
fn answer_all(
    ctx: &Context,
    topic: &str,
    parts: &[ListOffsetsPartition],
    isolation: Isolation,
) -> Vec<ListOffsetsPartitionResponse> {
    let mut counts = BTreeMap::new();
    for part in parts {
        *counts.entry(part.partition_index).or_insert(0_usize) += 1;
    }
    let mut answers = Vec::with_capacity(counts.len());
    for part in parts {
        match counts.remove(&part.partition_index) {
            Some(1) => answers.push(answer(ctx, topic, part, isolation)),
            Some(_) => answers.push(ListOffsetsPartitionResponse {
                partition_index: part.partition_index,
                error_code: ErrorCode::InvalidRequest.code(),
                timestamp: -1,
                offset: -1,
                ..Default::default()
            }),
            None => {}
        }
    }
    answers
}

fn answer(
    ctx: &Context,
    topic: &str,
    part: &ListOffsetsPartition,
    isolation: Isolation,
) -> ListOffsetsPartitionResponse {
    let mut response = ListOffsetsPartitionResponse {
        partition_index: part.partition_index,
        timestamp: -1,
        offset: -1,
        ..Default::default()
    };
    match find(ctx, topic, part, isolation) {
        Ok(Some(found)) => {
            response.offset = found.offset.get();
            response.timestamp = found.timestamp;
            if ctx.version >= LEADER_EPOCH_VERSION {
                response.leader_epoch = found.leader_epoch.get();
            }
        }
        Ok(None) => {}
        Err(code) => response.error_code = code.code(),
    }
    response
}

/// Which special timestamps a version knows.
fn is_known(version: i16, timestamp: i64) -> bool {
    match timestamp {
        LATEST | EARLIEST | 0.. => true,
        MAX_TIMESTAMP => version >= 7,
        EARLIEST_LOCAL => version >= 8,
        LATEST_TIERED => version >= 9,
        EARLIEST_PENDING_UPLOAD => version >= 11,
        _ => false,
    }
}

fn find(
    ctx: &Context,
    topic: &str,
    part: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<Option<TimestampedOffset>, ErrorCode> {
    if !is_known(ctx.version, part.timestamp) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let topic = ctx.shared.partitions.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(part.partition_index)?;
    partition.check_leader_epoch(part.current_leader_epoch)?;
    let at = |offset: Offset, leader_epoch: LeaderEpoch| {
        Some(TimestampedOffset { offset, timestamp: -1, leader_epoch })
    };
    let storage = |error: ottla_log::ReadError| {
        tracing::error!(partition = %partition.topic_partition, "cannot look up offsets: {error}");
        ErrorCode::KafkaStorageError
    };
    let end = match isolation {
        Isolation::Uncommitted => partition.high_watermark(),
        Isolation::Committed => partition.last_stable_offset(),
    };
    let is_visible = |found: &TimestampedOffset| found.offset < end;
    match part.timestamp {
        LATEST => Ok(at(end, partition.leader_epoch())),
        EARLIEST | EARLIEST_LOCAL => {
            let start = partition.log_start_offset();
            let epoch = partition.with_log(|log| log.leader_epoch_for(start));
            Ok(at(start, epoch.unwrap_or_else(|| partition.leader_epoch())))
        }
        // Nothing is tiered: there is no last tiered offset and no segment waits for upload.
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(None),
        MAX_TIMESTAMP => {
            let found = partition.reader().max_timestamp().map_err(storage)?;
            Ok(found.filter(is_visible))
        }
        timestamp => {
            let found = partition.reader().offset_for_timestamp(timestamp).map_err(storage)?;
            Ok(found.filter(is_visible))
        }
    }
}
