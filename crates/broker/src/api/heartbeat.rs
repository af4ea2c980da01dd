//! Heartbeat (12), versions 0-4: says that a member is alive.
//!
//! - v3: static members.
//!
//! Kafka: `KafkaApis.handleHeartbeatRequest`, `GroupMetadataManager`.

use ottla_coordinator::{Reply, refusal};
use ottla_types::ErrorCode;
use ottla_wire::messages::HeartbeatRequest;

use super::{Api, Context, Outcome};

pub(super) struct Heartbeat;

impl Api for Heartbeat {
    type Request = HeartbeatRequest;

    async fn handle(ctx: Context, request: HeartbeatRequest) -> Outcome {
        let group_id = request.group_id.clone();
        let reply = ctx
            .shared
            .groups
            .call(&ctx, &group_id, move |shard, call, effects| {
                shard.heartbeat(call, &request, effects);
            })
            .await;
        match reply {
            Ok(Reply::Heartbeat(response)) => ctx.reply(&response),
            Ok(_) => ctx.reply(&refusal::heartbeat(ErrorCode::UnknownServerError)),
            Err(code) => ctx.reply(&refusal::heartbeat(code)),
        }
    }
}
