//! AlterConfigs (33), versions 0-2: replaces the whole configuration of topics and brokers.
//!
//! Kafka: `ConfigurationControlManager.legacyAlterConfigs`.

use ottla_metadata::decide;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    alter_configs_request::AlterConfigsResource,
    alter_configs_response::AlterConfigsResourceResponse,
    messages::{AlterConfigsRequest, AlterConfigsResponse},
};

use super::{Api, Context, Outcome};
use crate::journal::{Event, config};

pub(super) struct AlterConfigs;

impl Api for AlterConfigs {
    type Request = AlterConfigsRequest;

    async fn handle(ctx: Context, request: AlterConfigsRequest) -> Outcome {
        let resources: Vec<(i8, Str)> = request
            .resources
            .iter()
            .map(|resource| (resource.resource_type, resource.resource_name.clone()))
            .collect();
        let is_tried = request.validate_only;
        let events: Vec<Event> = request.resources.iter().map(|it| changed(&ctx, it)).collect();
        let decided = ctx
            .shared
            .controller
            .decide(move |context| decide::alter_configs(context, &request))
            .await;
        let response = decided.unwrap_or_else(|code| refused(resources, code));
        for event in events.into_iter().zip(&response.responses).filter_map(done) {
            if !is_tried {
                ctx.shared.journal.put(event);
            }
        }
        ctx.reply(&response)
    }
}

/// The event that a change of configs makes, if it is made.
fn changed(ctx: &Context, resource: &AlterConfigsResource) -> Event {
    let values = resource.configs.iter().map(|it| (it.name.as_str(), it.value.as_deref()));
    config::changed(ctx, (resource.resource_type, &resource.resource_name), values)
}

fn done((event, answer): (Event, &AlterConfigsResourceResponse)) -> Option<Event> {
    (answer.error_code == ErrorCode::None.code()).then_some(event)
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
