//! OffsetFetch (9), versions 1-10: how far groups have read.
//!
//! - v2: null for all topics, and an error for the whole. v5: leader epochs. v7: stable offsets
//!   only (KIP-447). v8: several groups (KIP-709). v10: topic ids.
//!
//! Kafka: `KafkaApis.handleOffsetFetchRequest`.

use ottla_coordinator::{Reply, RequireStable, offset_fetch};
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    messages::OffsetFetchRequest,
    offset_fetch_request::OffsetFetchRequestGroup,
    offset_fetch_response::{OffsetFetchResponseGroup, OffsetFetchResponseTopics},
};

use super::{Api, Context, Outcome};

pub(super) struct OffsetFetch;

/// The first version that names topics by id.
const TOPIC_IDS_VERSION: i16 = 10;

impl Api for OffsetFetch {
    type Request = OffsetFetchRequest;

    async fn handle(ctx: Context, request: OffsetFetchRequest) -> Outcome {
        let stable = if request.require_stable { RequireStable::Yes } else { RequireStable::No };
        let mut groups = Vec::new();
        for group in offset_fetch::groups(&request, ctx.version) {
            groups.push(fetch(&ctx, group, stable).await);
        }
        ctx.reply(&offset_fetch::response(groups, ctx.version))
    }
}

async fn fetch(
    ctx: &Context,
    mut group: OffsetFetchRequestGroup,
    stable: RequireStable,
) -> OffsetFetchResponseGroup {
    let unknown = name_topics(ctx, &mut group);
    let group_id = group.group_id.clone();
    let refused = group.clone();
    let reply = ctx
        .shared
        .groups
        .call(ctx, &group_id, move |shard, call, effects| {
            shard.fetch_offsets(call, group, stable, effects);
        })
        .await;
    let mut response = match reply {
        Ok(Reply::OffsetFetch(response)) => response,
        Ok(_) => offset_fetch::refused_group(&refused, ErrorCode::UnknownServerError, ctx.version),
        Err(code) => offset_fetch::refused_group(&refused, code, ctx.version),
    };
    if ctx.version >= TOPIC_IDS_VERSION {
        let image = ctx.shared.image();
        for topic in response.topics.iter_mut().filter(|topic| topic.topic_id.is_zero()) {
            topic.topic_id = image.topic(&topic.name).map(|found| found.id).unwrap_or_default();
        }
        response.topics.retain(|topic| !topic.topic_id.is_zero());
    }
    response.topics.extend(unknown);
    response
}

/// Gives topics that are asked for by id their names; those without one are answered.
fn name_topics(
    ctx: &Context,
    group: &mut OffsetFetchRequestGroup,
) -> Vec<OffsetFetchResponseTopics> {
    let mut unknown = Vec::new();
    if ctx.version < TOPIC_IDS_VERSION {
        return unknown;
    }
    let image = ctx.shared.image();
    if let Some(topics) = &mut group.topics {
        topics.retain_mut(|topic| {
            let found = image.topic_by_id(topic.topic_id);
            if let Some(found) = found {
                topic.name = Str::from(found.name.as_str());
            } else {
                unknown.push(offset_fetch::refused_topic(topic, ErrorCode::UnknownTopicId));
            }
            found.is_some()
        });
    }
    unknown
}
