//! JoinGroup (11), versions 0-9: joins a group; answers when its generation is formed.
//!
//! - v1: rebalance timeout. v4: MEMBER_ID_REQUIRED (KIP-394). v5: static members (KIP-345).
//! - v7: protocol type. v8: reason (KIP-800). v9: the leader may skip the assignment (KIP-814).
//!
//! Kafka: `KafkaApis.handleJoinGroupRequest`, `GroupMetadataManager`.

use ottla_coordinator::{Reply, refusal};
use ottla_types::ErrorCode;
use ottla_wire::messages::JoinGroupRequest;

use super::{Api, Context, Outcome};

pub(super) struct JoinGroup;

impl Api for JoinGroup {
    type Request = JoinGroupRequest;

    async fn handle(ctx: Context, request: JoinGroupRequest) -> Outcome {
        let group_id = request.group_id.clone();
        let uuid = random_uuid();
        let refused = request.clone();
        let reply = ctx
            .shared
            .groups
            .call(&ctx, &group_id, move |shard, call, effects| {
                shard.join_group(call, &request, &uuid, effects);
            })
            .await;
        match reply {
            Ok(Reply::JoinGroup(response)) => ctx.reply(&response),
            Ok(_) => ctx.reply(&refusal::join_group(
                &refused,
                ctx.version,
                ErrorCode::UnknownServerError,
            )),
            Err(code) => ctx.reply(&refusal::join_group(&refused, ctx.version, code)),
        }
    }
}

/// A random id in the hexadecimal form that ends the member ids Kafka makes.
fn random_uuid() -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(crate::random::new_id().0));
    let mut text = String::with_capacity(36);
    for (place, digit) in hex.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
