//! AlterPartitionReassignments (45), versions 0-1: gives partitions other replicas.
//!
//! - v1: the client may insist on as many replicas as there were (KIP-860).
//!
//! Kafka: `ReplicationControlManager.alterPartitionReassignments`.

use ottla_metadata::decide;
use ottla_wire::{
    Str, alter_partition_reassignments_request::AlterPartitionReassignmentsRequest,
    alter_partition_reassignments_response::AlterPartitionReassignmentsResponse,
};

use super::{Api, Context, Outcome};

pub(super) struct AlterPartitionReassignments;

impl Api for AlterPartitionReassignments {
    type Request = AlterPartitionReassignmentsRequest;

    async fn handle(ctx: Context, request: AlterPartitionReassignmentsRequest) -> Outcome {
        let decided = ctx
            .shared
            .controller
            .decide(move |context| decide::alter_partition_reassignments(context, &request))
            .await;
        let response = decided.unwrap_or_else(|code| AlterPartitionReassignmentsResponse {
            error_code: code.code(),
            error_message: Some(Str::from_static(code.message())),
            ..Default::default()
        });
        ctx.reply(&response)
    }
}
