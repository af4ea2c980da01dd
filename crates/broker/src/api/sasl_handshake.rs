//! SaslHandshake (17), versions 0-1: there is no SASL on a PLAINTEXT listener.
//!
//! Kafka answers ILLEGAL_SASL_STATE there, and so do we.
//! Kafka: `KafkaApis.handleSaslHandshakeRequest`.

use ottla_types::ErrorCode;
use ottla_wire::messages::{SaslHandshakeRequest, SaslHandshakeResponse};

use super::{Api, Context, Outcome};

pub(super) struct SaslHandshake;

impl Api for SaslHandshake {
    type Request = SaslHandshakeRequest;

    async fn handle(ctx: Context, _request: SaslHandshakeRequest) -> Outcome {
        ctx.reply(&SaslHandshakeResponse {
            error_code: ErrorCode::IllegalSaslState.code(),
            mechanisms: Vec::new(),
        })
    }
}
