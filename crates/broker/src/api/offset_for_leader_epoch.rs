//! OffsetForLeaderEpoch (23), versions 2-4: where a leader epoch ends, for clients and followers
//! that check whether their history is ours (KIP-101, KIP-320).
//!
//! - v3: replica id. Kafka: `KafkaApis.handleOffsetForLeaderEpochRequest`.

use ottla_types::{ErrorCode, LeaderEpoch, Offset};
use ottla_wire::{
    messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse},
    offset_for_leader_epoch_request::OffsetForLeaderPartition,
    offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
};

use super::{Api, Context, Outcome};

pub(super) struct OffsetForLeaderEpoch;

impl Api for OffsetForLeaderEpoch {
    type Request = OffsetForLeaderEpochRequest;

    async fn handle(ctx: Context, request: OffsetForLeaderEpochRequest) -> Outcome {
        let topics = request.topics.iter().map(|topic| OffsetForLeaderTopicResult {
            topic: topic.topic.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|part| answer(&ctx, &topic.topic, part))
                .collect(),
        });
        ctx.reply(&OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() })
    }
}

fn answer(ctx: &Context, topic: &str, part: &OffsetForLeaderPartition) -> EpochEndOffset {
    let mut response = EpochEndOffset {
        partition: part.partition,
        leader_epoch: LeaderEpoch::NONE.get(),
        end_offset: Offset::NONE.get(),
        ..Default::default()
    };
    match find(ctx, topic, part) {
        Ok(Some((leader_epoch, end_offset))) => {
            response.leader_epoch = leader_epoch.get();
            response.end_offset = end_offset.get();
        }
        Ok(None) => {}
        Err(code) => response.error_code = code.code(),
    }
    response
}

fn find(
    ctx: &Context,
    topic: &str,
    part: &OffsetForLeaderPartition,
) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
    let topic = ctx.shared.partitions.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(part.partition)?;
    partition.check_leader_epoch(part.current_leader_epoch)?;
    let asked = LeaderEpoch(part.leader_epoch);
    if asked == partition.leader_epoch() {
        // The current epoch has not ended: its end is what a client may read up to.
        return Ok(Some((asked, partition.high_watermark())));
    }
    Ok(partition.with_log(|log| log.epoch_end_offset(asked)))
}
