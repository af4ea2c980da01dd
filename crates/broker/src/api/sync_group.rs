//! SyncGroup (14), versions 0-5: brings the leader's assignment and gives each member its own.
//!
//! - v3: static members. v5: protocol type and name.
//!
//! Kafka: `KafkaApis.handleSyncGroupRequest`, `GroupMetadataManager`.

use ottla_coordinator::{Reply, refusal};
use ottla_types::ErrorCode;
use ottla_wire::messages::SyncGroupRequest;

use super::{Api, Context, Outcome};

pub(super) struct SyncGroup;

impl Api for SyncGroup {
    type Request = SyncGroupRequest;

    async fn handle(ctx: Context, request: SyncGroupRequest) -> Outcome {
        let group_id = request.group_id.clone();
        let reply = ctx
            .shared
            .groups
            .call(&ctx, &group_id, move |shard, call, effects| {
                shard.sync_group(call, &request, effects);
            })
            .await;
        match reply {
            Ok(Reply::SyncGroup(response)) => ctx.reply(&response),
            Ok(_) => ctx.reply(&refusal::sync_group(ErrorCode::UnknownServerError)),
            Err(code) => ctx.reply(&refusal::sync_group(code)),
        }
    }
}
