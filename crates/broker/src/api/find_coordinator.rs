//! FindCoordinator (10), versions 0-6: which broker keeps a group (or a transactional id).
//!
//! - v1: key type, 0 group and 1 transaction; error messages.
//! - v4: several keys at once.
//! - v6: key type 2, share groups.
//!
//! The internal topic of the coordinator is created here, on first use, and its shard is loaded
//! before the answer, so that a client's next request finds a working coordinator.
//! Kafka: `KafkaApis.getCoordinator`.

use ottla_metadata::decide::InternalTopic;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    find_coordinator_response::Coordinator,
    messages::{FindCoordinatorRequest, FindCoordinatorResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct FindCoordinator;

/// Kafka's `CoordinatorType` for groups.
const GROUP: i8 = 0;
/// Kafka's `CoordinatorType` for transactional ids.
const TRANSACTION: i8 = 1;

impl Api for FindCoordinator {
    type Request = FindCoordinatorRequest;

    async fn handle(ctx: Context, request: FindCoordinatorRequest) -> Outcome {
        if ctx.version < 4 {
            let found = find(&ctx, request.key_type, request.key).await;
            return ctx.reply(&FindCoordinatorResponse {
                error_code: found.error_code,
                error_message: found.error_message,
                node_id: found.node_id,
                host: found.host,
                port: found.port,
                ..Default::default()
            });
        }
        let mut response = FindCoordinatorResponse::default();
        for key in request.coordinator_keys {
            response.coordinators.push(find(&ctx, request.key_type, key).await);
        }
        ctx.reply(&response)
    }
}

async fn find(ctx: &Context, key_type: i8, key: Str) -> Coordinator {
    let topic = match key_type {
        GROUP => InternalTopic::ConsumerOffsets,
        TRANSACTION => InternalTopic::TransactionState,
        // Share groups are not served, so nobody coordinates them.
        _ => return refused(key, ErrorCode::InvalidRequest),
    };
    if let Err(code) = ctx.shared.ensure_internal_topic(topic).await {
        return refused(key, code);
    }
    let endpoint = ctx.shared.advertised(&ctx.peer);
    Coordinator {
        key,
        node_id: ctx.shared.broker_id.get(),
        host: endpoint.host,
        port: endpoint.port,
        error_code: ErrorCode::None.code(),
        // What Kafka says where nothing is wrong.
        error_message: Some(Str::from_static(if ctx.version < 4 { "NONE" } else { "" })),
    }
}

fn refused(key: Str, code: ErrorCode) -> Coordinator {
    Coordinator {
        key,
        node_id: -1,
        host: Str::default(),
        port: -1,
        error_code: code.code(),
        error_message: Some(Str::from_static(code.message())),
    }
}
