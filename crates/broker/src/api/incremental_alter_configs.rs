//! IncrementalAlterConfigs (44), versions 0-1: sets, deletes, appends to and subtracts from single
//! values (KIP-339).
//!
//! Kafka: `ConfigurationControlManager.incrementalAlterConfigs`.

use ottla_metadata::decide;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    incremental_alter_configs_request::AlterConfigsResource,
    incremental_alter_configs_response::AlterConfigsResourceResponse,
    messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse},
};

use super::{Api, Context, Outcome};
use crate::journal::{Event, config};

pub(super) struct IncrementalAlterConfigs;

impl Api for IncrementalAlterConfigs {
    type Request = IncrementalAlterConfigsRequest;

    async fn handle(ctx: Context, request: IncrementalAlterConfigsRequest) -> Outcome {
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
            .decide(move |context| decide::incremental_alter_configs(context, &request))
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

fn refused(resources: Vec<(i8, Str)>, code: ErrorCode) -> IncrementalAlterConfigsResponse {
    let responses =
        resources.into_iter().map(|(resource_type, resource_name)| AlterConfigsResourceResponse {
            error_code: code.code(),
            error_message: Some(Str::from_static(code.message())),
            resource_type,
            resource_name,
        });
    IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}
