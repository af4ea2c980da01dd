//! DeleteGroups (42), versions 0-3: deletes groups without members, offsets included.
//!
//! - v3: an error message per group. Kafka: `KafkaApis.handleDeleteGroupsRequest`.

use ottla_coordinator::{Reply, refusal};
use ottla_types::ErrorCode;
use ottla_wire::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use super::{Api, Context, Outcome};

pub(super) struct DeleteGroups;

impl Api for DeleteGroups {
    type Request = DeleteGroupsRequest;

    async fn handle(ctx: Context, request: DeleteGroupsRequest) -> Outcome {
        let mut response = DeleteGroupsResponse::default();
        // Groups of one request may live in different shards.
        let mut seen = std::collections::BTreeSet::new();
        for group_id in request.groups_names.into_iter().filter(|id| seen.insert(id.clone())) {
            let ids = [group_id.clone()];
            let reply = ctx
                .shared
                .groups
                .call(&ctx, &group_id, |shard, call, effects| {
                    shard.delete_groups(call, &ids, effects);
                })
                .await;
            let one = match reply {
                Ok(Reply::DeleteGroups(one)) => one,
                Ok(_) => refusal::delete_groups(&[group_id], ErrorCode::UnknownServerError),
                Err(code) => refusal::delete_groups(&[group_id], code),
            };
            response.results.extend(one.results);
        }
        ctx.reply(&response)
    }
}
