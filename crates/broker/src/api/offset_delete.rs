//! OffsetDelete (47), version 0: forgets committed offsets of a group (KIP-496).
//!
//! Kafka: `KafkaApis.handleOffsetDeleteRequest`.

use ottla_coordinator::{Reply, refusal};
use ottla_types::ErrorCode;
use ottla_wire::{
    messages::OffsetDeleteRequest,
    offset_delete_request::OffsetDeleteRequestTopic,
    offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
};

use super::{Api, Context, Outcome};

pub(super) struct OffsetDelete;

impl Api for OffsetDelete {
    type Request = OffsetDeleteRequest;

    async fn handle(ctx: Context, mut request: OffsetDeleteRequest) -> Outcome {
        let unknown = take_unknown(&ctx, &mut request.topics);
        let group_id = request.group_id.clone();
        let reply = ctx
            .shared
            .groups
            .call(&ctx, &group_id, move |shard, call, effects| {
                shard.delete_offsets(call, &request, effects);
            })
            .await;
        let mut response = match reply {
            Ok(Reply::OffsetDelete(response)) => response,
            Ok(_) => refusal::offset_delete(ErrorCode::UnknownServerError),
            Err(code) => refusal::offset_delete(code),
        };
        if response.error_code == 0 {
            for topic in unknown {
                match response.topics.iter_mut().find(|known| known.name == topic.name) {
                    Some(known) => known.partitions.extend(topic.partitions),
                    None => response.topics.push(topic),
                }
            }
        }
        ctx.reply(&response)
    }
}

fn take_unknown(
    ctx: &Context,
    topics: &mut Vec<OffsetDeleteRequestTopic>,
) -> Vec<OffsetDeleteResponseTopic> {
    let image = ctx.shared.image();
    let mut unknown = Vec::new();
    topics.retain_mut(|topic| {
        let found = image.topic(&topic.name);
        let mut missing = Vec::new();
        topic.partitions.retain(|part| {
            let exists = found.is_some_and(|found| found.partition(part.partition_index).is_some());
            if !exists {
                missing.push(OffsetDeleteResponsePartition {
                    partition_index: part.partition_index,
                    error_code: ErrorCode::UnknownTopicOrPartition.code(),
                });
            }
            exists
        });
        if !missing.is_empty() {
            let name = topic.name.clone();
            unknown.push(OffsetDeleteResponseTopic { name, partitions: missing });
        }
        !topic.partitions.is_empty()
    });
    unknown
}
