//! ListGroups (16), versions 0-5: every group this broker coordinates.
//!
//! - v4: states (KIP-518). v5: types (KIP-848).
//!
//! Kafka: `KafkaApis.handleListGroupsRequest`.

use ottla_wire::messages::{ListGroupsRequest, ListGroupsResponse};

use super::{Api, Context, Outcome};

pub(super) struct ListGroups;

impl Api for ListGroups {
    type Request = ListGroupsRequest;

    async fn handle(ctx: Context, request: ListGroupsRequest) -> Outcome {
        let listed = ctx
            .shared
            .groups
            .view_all(|shard| shard.list_groups(&request.states_filter, &request.types_filter))
            .await;
        ctx.reply(&match listed {
            Ok(groups) => ListGroupsResponse { groups: groups.concat(), ..Default::default() },
            Err(code) => ListGroupsResponse { error_code: code.code(), ..Default::default() },
        })
    }
}
