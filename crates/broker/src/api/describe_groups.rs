//! DescribeGroups (15), versions 0-6: groups with their members and assignments.
//!
//! - v3: authorized operations. v4: static members. v6: GROUP_ID_NOT_FOUND and a message.
//!
//! Kafka: `KafkaApis.handleDescribeGroupsRequest`.

use ottla_coordinator::refusal;
use ottla_wire::messages::{DescribeGroupsRequest, DescribeGroupsResponse};

use super::{Api, Context, Outcome};
use crate::authorized;

pub(super) struct DescribeGroups;

impl Api for DescribeGroups {
    type Request = DescribeGroupsRequest;

    async fn handle(ctx: Context, request: DescribeGroupsRequest) -> Outcome {
        let mut response = DescribeGroupsResponse::default();
        for group_id in &request.groups {
            let version = ctx.version;
            let described = ctx
                .shared
                .groups
                .view(group_id, |shard| shard.describe_group(group_id, version))
                .await;
            let mut group =
                described.unwrap_or_else(|code| refusal::described_group(group_id, code));
            group.authorized_operations =
                if request.include_authorized_operations && group.error_code == 0 {
                    authorized::GROUP
                } else {
                    authorized::NOT_ASKED
                };
            response.groups.push(group);
        }
        ctx.reply(&response)
    }
}
