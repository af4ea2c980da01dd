//! OffsetCommit (8), versions 2-10: stores how far a group has read.
//!
//! - v6: leader epochs. v7: static members. v9: member epochs of KIP-848 groups. v10: topic ids.
//!
//! Kafka: `KafkaApis.handleOffsetCommitRequest`, `OffsetMetadataManager.commitOffset`.

use ottla_coordinator::{Reply, refusal};
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    messages::{OffsetCommitRequest, OffsetCommitResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct OffsetCommit;

/// The first version that names topics by id.
const TOPIC_IDS_VERSION: i16 = 10;

impl Api for OffsetCommit {
    type Request = OffsetCommitRequest;

    async fn handle(ctx: Context, mut request: OffsetCommitRequest) -> Outcome {
        let mut response = take_unknown(&ctx, &mut request);
        if request.topics.is_empty() {
            return ctx.reply(&response);
        }
        let group_id = request.group_id.clone();
        let refused = request.clone();
        let began_ms = ctx.shared.journal.commits(&ctx.shared, &group_id);
        let reply = ctx
            .shared
            .groups
            .call(&ctx, &group_id, move |shard, call, effects| {
                shard.commit_offsets(call, &request, effects);
            })
            .await;
        ctx.shared.journal.committed(&group_id, began_ms);
        let known = match reply {
            Ok(Reply::OffsetCommit(response)) => response,
            Ok(_) => refusal::offset_commit(&refused, ErrorCode::UnknownServerError),
            Err(code) => refusal::offset_commit(&refused, code),
        };
        for topic in known.topics {
            let refused = response
                .topics
                .iter_mut()
                .find(|other| other.name == topic.name && other.topic_id == topic.topic_id);
            match refused {
                Some(refused) => refused.partitions.extend(topic.partitions),
                None => response.topics.push(topic),
            }
        }
        ctx.reply(&response)
    }
}

/// Takes topics and partitions that do not exist out of the request, and answers them.
fn take_unknown(ctx: &Context, request: &mut OffsetCommitRequest) -> OffsetCommitResponse {
    let image = ctx.shared.image();
    let by_id = ctx.version >= TOPIC_IDS_VERSION;
    let mut unknown = OffsetCommitRequest::default();
    for topic in &mut request.topics {
        let found =
            if by_id { image.topic_by_id(topic.topic_id) } else { image.topic(&topic.name) };
        if let Some(found) = found {
            // Kept with the offset in every version: it tells a topic from one created later.
            topic.topic_id = found.id;
            topic.name = Str::from(found.name.as_str());
        }
        let exists =
            |partition: i32| found.is_some_and(|topic| topic.partition(partition).is_some());
        let (known, missing) = std::mem::take(&mut topic.partitions)
            .into_iter()
            .partition(|part| exists(part.partition_index));
        topic.partitions = known;
        let missing: Vec<_> = missing;
        if !missing.is_empty() {
            let mut topic = topic.clone();
            topic.partitions = missing;
            unknown.topics.push(topic);
        }
    }
    request.topics.retain(|topic| !topic.partitions.is_empty());
    let is_unknown_id = |name: &Str| by_id && name.is_empty();
    let mut response = refusal::offset_commit(&unknown, ErrorCode::UnknownTopicOrPartition);
    for topic in response.topics.iter_mut().filter(|topic| is_unknown_id(&topic.name)) {
        for part in &mut topic.partitions {
            part.error_code = ErrorCode::UnknownTopicId.code();
        }
    }
    response
}
