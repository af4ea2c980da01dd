//! ListConfigResources (74), versions 0-1: what there is that can be configured.
//!
//! - v0: subscriptions to client metrics, as ListClientMetricsResources.
//! - v1: any kinds of resources (KIP-1142).
//!
//! Kafka: `KafkaApis.handleListConfigResources`.

use ottla_metadata::{Image, ResourceType};
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    list_config_resources_request::ListConfigResourcesRequest,
    list_config_resources_response::{ConfigResource, ListConfigResourcesResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct ListConfigResources;

/// The kinds in the order in which they are answered.
const KINDS: [ResourceType; 5] = [
    ResourceType::GROUP,
    ResourceType::CLIENT_METRICS,
    ResourceType::BROKER_LOGGER,
    ResourceType::BROKER,
    ResourceType::TOPIC,
];

impl Api for ListConfigResources {
    type Request = ListConfigResourcesRequest;

    async fn handle(ctx: Context, request: ListConfigResourcesRequest) -> Outcome {
        let supported: &[ResourceType] =
            if ctx.version == 0 { &[ResourceType::CLIENT_METRICS] } else { &KINDS };
        let wanted: Vec<ResourceType> =
            request.resource_types.iter().map(|code| ResourceType(*code)).collect();
        if wanted.iter().any(|kind| !supported.contains(kind)) {
            let error_code = ErrorCode::UnsupportedVersion.code();
            return ctx.reply(&ListConfigResourcesResponse { error_code, ..Default::default() });
        }
        let image = ctx.shared.image();
        let mut config_resources = Vec::new();
        for kind in supported.iter().filter(|kind| wanted.is_empty() || wanted.contains(kind)) {
            config_resources.extend(
                names(&image, *kind)
                    .into_iter()
                    .map(|resource_name| ConfigResource { resource_name, resource_type: kind.0 }),
            );
        }
        ctx.reply(&ListConfigResourcesResponse { config_resources, ..Default::default() })
    }
}

/// The names of all resources of a kind. Topics and brokers are there without a configuration of
/// their own; groups and subscriptions only count with one.
fn names(image: &Image, kind: ResourceType) -> Vec<Str> {
    match kind {
        ResourceType::TOPIC => image.topics().map(|topic| Str::from(topic.name.as_str())).collect(),
        ResourceType::BROKER | ResourceType::BROKER_LOGGER => image
            .brokers()
            .filter(|broker| !broker.fenced)
            .map(|broker| Str::from(broker.broker_id.to_string()))
            .collect(),
        _ => image
            .configured()
            .filter(|(resource, _)| resource.resource_type == kind)
            .map(|(resource, _)| Str::from(resource.name.as_str()))
            .collect(),
    }
}
