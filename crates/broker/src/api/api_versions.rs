//! ApiVersions (18), versions 0-5: what this broker speaks, and the cluster's feature levels.
//!
//! - v3: the client's name and version (KIP-511), features (KIP-584), tagged fields.
//! - v4: features whose lowest level is 0 are listed too (KAFKA-17011).
//! - v5: the client may say which cluster and broker it means (KIP-1242).
//!
//! The response header is always version 0, and a version we do not know is answered in version 0
//! with our own range, so that any client can go on. Kafka: `ApiVersionManager`.

use bytes::Bytes;
use ottla_metadata::feature;
use ottla_types::ErrorCode;
use ottla_wire::{
    ApiKey, Message as _, Reader, Str,
    api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey},
    messages::{ApiVersionsRequest, ApiVersionsResponse},
};

use super::{APIS, Api, Context, Outcome};
use crate::net::connection::ClientIdentity;

pub(super) struct ApiVersions;

impl Api for ApiVersions {
    type Request = ApiVersionsRequest;

    async fn handle(ctx: Context, request: ApiVersionsRequest) -> Outcome {
        let error_code = check(&ctx, &request);
        if error_code.is_error() {
            let response = ApiVersionsResponse {
                error_code: error_code.code(),
                ..ApiVersionsResponse::default()
            };
            return ctx.reply(&response);
        }
        let mut response = ApiVersionsResponse { api_keys: api_keys(), ..Default::default() };
        if ctx.version >= 3 {
            add_features(&ctx, &mut response);
        }
        ctx.reply(&response)
    }
}

/// The answer to a version of ApiVersions that we do not know.
pub(super) fn unsupported(ctx: &Context) -> Outcome {
    let api_keys = api_keys().into_iter().filter(|api| api.api_key == ApiKey::ApiVersions.code());
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: api_keys.collect(),
        ..Default::default()
    };
    ctx.reply_in_version(&response, 0)
}

/// Keeps what the client says about itself.
pub(super) fn note_client(client: &mut ClientIdentity, frame: &Bytes, body: usize, version: i16) {
    let mut reader = Reader::new(frame.slice(body.min(frame.len())..));
    if let Ok(request) = ApiVersionsRequest::decode(&mut reader, version)
        && version >= 3
    {
        let own = |text: &Str| Some(Str::from(text.as_str()));
        client.software_name = own(&request.client_software_name);
        client.software_version = own(&request.client_software_version);
    }
}

fn check(ctx: &Context, request: &ApiVersionsRequest) -> ErrorCode {
    let valid = |text: &str| {
        let inner = |c: u8| c.is_ascii_alphanumeric() || c == b'.' || c == b'-';
        let edge = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        bytes.iter().all(|c| inner(*c)) && edge(bytes.first()) && edge(bytes.last())
    };
    if ctx.version >= 3
        && !(valid(&request.client_software_name) && valid(&request.client_software_version))
    {
        return ErrorCode::InvalidRequest;
    }
    // The two belong together: one without the other says nothing.
    if request.cluster_id.is_some() != (request.node_id >= 0) {
        return ErrorCode::InvalidRequest;
    }
    let shared = &ctx.shared;
    let other_cluster =
        request.cluster_id.as_ref().is_some_and(|id| id.as_str() != shared.cluster_id.as_str());
    let other_broker = request.node_id >= 0 && request.node_id != shared.broker_id.get();
    if other_cluster || other_broker { ErrorCode::RebootstrapRequired } else { ErrorCode::None }
}

fn api_keys() -> Vec<ApiVersion> {
    APIS.iter()
        .map(|row| ApiVersion {
            api_key: row.key.code(),
            // librdkafka takes a Produce that does not start at 0 for a broker without compression.
            min_version: if row.key == ApiKey::Produce { 0 } else { *row.versions.start() },
            max_version: *row.versions.end(),
        })
        .collect()
}

fn add_features(ctx: &Context, response: &mut ApiVersionsResponse) {
    let image = ctx.shared.image();
    for range in feature::supported() {
        if range.min == 0 && ctx.version < 4 {
            continue;
        }
        response.supported_features.push(SupportedFeatureKey {
            name: Str::from(range.name),
            min_version: range.min,
            max_version: range.max,
        });
    }
    for (name, level) in feature::finalized(&image) {
        response.finalized_features.push(FinalizedFeatureKey {
            name: Str::from(name),
            max_version_level: level,
            min_version_level: level,
        });
    }
    response.finalized_features_epoch = ctx.shared.controller.last_applied().get();
}
