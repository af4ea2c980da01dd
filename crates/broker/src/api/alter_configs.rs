//! AlterConfigs (33), versions 0-2: replaces the whole configuration of topics and brokers.
//!
//! Kafka: `ConfigurationControlManager.legacyAlterConfigs`.

use ottla_metadata::decide;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    alter_configs_response::AlterConfigsResourceResponse,
    messages::{AlterConfigsRequest, AlterConfigsResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct AlterConfigs;

impl Api for AlterConfigs {
    type Request = AlterConfigsRequest;

    async fn handle(ctx: Context, request: AlterConfigsRequest) -> Outcome {
        let resources: Vec<(i8, Str)> = request
            .resources
            .iter()
            .map(|resource| (resource.resource_type, resource.resource_name.clone()))
            .collect();
        let decided = ctx
            .shared
            .controller
            .decide(move |context| decide::alter_configs(context, &request))
            .await;
        let response = decided.unwrap_or_else(|code| refused(resources, code));
        ctx.reply(&response)
    }
}

fn refused(resources: Vec<(i8, Str)>, code: ErrorCode) -> AlterConfigsResponse {
    let responses =
        resources.into_iter().map(|(resource_type, resource_name)| AlterConfigsResourceResponse {
            error_code: code.code(),
            error_message: Some(Str::from_static(code.message())),
            resource_type,
            resource_name,
        });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}
