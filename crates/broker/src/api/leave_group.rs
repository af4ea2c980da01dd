//! LeaveGroup (13), versions 0-5: takes members out of a group.
//!
//! - v3: several members at once, static ones too (KIP-345). v5: reason (KIP-800).
//!
//! Kafka: `KafkaApis.handleLeaveGroupRequest`, `GroupMetadataManager`.

use ottla_coordinator::{Reply, refusal};
use ottla_types::ErrorCode;
use ottla_wire::messages::LeaveGroupRequest;

use super::{Api, Context, Outcome};

pub(super) struct LeaveGroup;

impl Api for LeaveGroup {
    type Request = LeaveGroupRequest;

    async fn handle(ctx: Context, request: LeaveGroupRequest) -> Outcome {
        let group_id = request.group_id.clone();
        let reply = ctx
            .shared
            .groups
            .call(&ctx, &group_id, move |shard, call, effects| {
                shard.leave_group(call, &request, effects);
            })
            .await;
        match reply {
            Ok(Reply::LeaveGroup(response)) => ctx.reply(&response),
            Ok(_) => ctx.reply(&refusal::leave_group(ErrorCode::UnknownServerError)),
            Err(code) => ctx.reply(&refusal::leave_group(code)),
        }
    }
}
