//! DescribeConfigs (32), versions 1-4: every key of a topic, broker or group, with its sources.
//!
//! - v1: sources and synonyms (KIP-226). v3: types and documentation (KIP-569).
//!
//! Kafka: `ConfigHelper`.

use ottla_config::{
    Described, Synonym, describe_broker, describe_broker_defaults, describe_group, describe_topic,
};
use ottla_metadata::ResourceType;
use ottla_types::{ErrorCode, TopicName};
use ottla_wire::{
    Str,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{
        DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
    },
    messages::{DescribeConfigsRequest, DescribeConfigsResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct DescribeConfigs;

impl Api for DescribeConfigs {
    type Request = DescribeConfigsRequest;

    async fn handle(ctx: Context, request: DescribeConfigsRequest) -> Outcome {
        let results = request.resources.iter().map(|resource| {
            let mut result = DescribeConfigsResult {
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                ..Default::default()
            };
            match describe(&ctx, resource) {
                Ok(described) => {
                    let wanted = described.into_iter().filter(|one| is_wanted(resource, &one.name));
                    result.configs = wanted.map(|one| entry(one, &request)).collect();
                }
                Err((code, text)) => {
                    result.error_code = code.code();
                    result.error_message = Some(Str::from(text));
                }
            }
            result
        });
        ctx.reply(&DescribeConfigsResponse { results: results.collect(), ..Default::default() })
    }
}

fn is_wanted(resource: &DescribeConfigsResource, name: &str) -> bool {
    resource
        .configuration_keys
        .as_ref()
        .is_none_or(|keys| keys.is_empty() || keys.iter().any(|key| *key == *name))
}

fn describe(
    ctx: &Context,
    resource: &DescribeConfigsResource,
) -> Result<Vec<Described>, (ErrorCode, String)> {
    let name = resource.resource_name.as_str();
    let (config, image) = (ctx.shared.config(), ctx.shared.image());
    match ResourceType(resource.resource_type) {
        ResourceType::TOPIC => {
            TopicName::new(name)
                .map_err(|error| (ErrorCode::InvalidTopicException, error.to_string()))?;
            if image.topic(name).is_none() {
                return Err((ErrorCode::UnknownTopicOrPartition, String::new()));
            }
            Ok(describe_topic(&config, image.topic_overrides(name)))
        }
        ResourceType::BROKER if name.is_empty() => {
            Ok(describe_broker_defaults(image.cluster_overrides()))
        }
        ResourceType::BROKER => {
            let own = ctx.shared.broker_id;
            if name.parse() == Ok(own.get()) {
                return Ok(describe_broker(&config));
            }
            let text = format!(
                "Unexpected broker id, expected {own} or empty string, but received {name}"
            );
            Err((ErrorCode::InvalidRequest, text))
        }
        ResourceType::GROUP if name.is_empty() => {
            Err((ErrorCode::InvalidRequest, "Group name must not be empty".to_owned()))
        }
        ResourceType::GROUP => Ok(describe_group(&config, image.group_overrides(name))),
        // The loggers of the JVM have no counterpart here, and no client metrics are collected.
        ResourceType::BROKER_LOGGER => {
            let own = ctx.shared.broker_id;
            if name.parse() == Ok(own.get()) {
                return Ok(Vec::new());
            }
            let text = format!("Unexpected broker id, expected {own} but received {name}");
            Err((ErrorCode::InvalidRequest, text))
        }
        ResourceType::CLIENT_METRICS => Ok(Vec::new()),
        ResourceType(other) => {
            Err((ErrorCode::InvalidRequest, format!("Unsupported resource type: {other}")))
        }
    }
}

fn entry(described: Described, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
    let synonyms = described.synonyms.into_iter().map(|Synonym { name, value, source }| {
        DescribeConfigsSynonym {
            name: Str::from(name),
            value: value.map(Str::from),
            source: source.code(),
        }
    });
    DescribeConfigsResourceResult {
        name: Str::from(described.name),
        value: described.value.map(Str::from),
        read_only: described.read_only,
        config_source: described.source.code(),
        is_sensitive: described.is_sensitive,
        synonyms: if request.include_synonyms { synonyms.collect() } else { Vec::new() },
        config_type: described.config_type,
        documentation: described
            .doc
            .filter(|_| request.include_documentation)
            .map(Str::from_static),
    }
}
