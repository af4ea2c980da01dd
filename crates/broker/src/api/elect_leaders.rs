//! ElectLeaders (43), versions 0-2: the preferred replica leads again, or any where nobody can.
//!
//! - v1: unclean elections, an error code for all (KIP-460).
//!
//! Kafka: `ReplicationControlManager.electLeaders`.

use ottla_metadata::decide;
use ottla_wire::{
    elect_leaders_request::ElectLeadersRequest, elect_leaders_response::ElectLeadersResponse,
};

use super::{Api, Context, Outcome};

pub(super) struct ElectLeaders;

impl Api for ElectLeaders {
    type Request = ElectLeadersRequest;

    async fn handle(ctx: Context, request: ElectLeadersRequest) -> Outcome {
        let decided = ctx
            .shared
            .controller
            .decide(move |context| decide::elect_leaders(context, &request))
            .await;
        let response = decided.unwrap_or_else(|code| ElectLeadersResponse {
            error_code: code.code(),
            ..Default::default()
        });
        ctx.reply(&response)
    }
}
