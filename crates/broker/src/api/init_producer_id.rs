//! InitProducerId (22), versions 0-5: a producer id for an idempotent producer.
//!
//! - v3: the current id and epoch, to have the epoch raised (KIP-360).
//! - v4: PRODUCER_FENCED. v5: TRANSACTION_ABORTABLE (KIP-890).
//!
//! Differs from Kafka: transactional ids are not served yet, so they are refused.
//! Kafka: `TransactionCoordinator.handleInitProducerId`.

use std::ops::RangeInclusive;

use ottla_types::ErrorCode;
use ottla_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::{Api, Context, Outcome};

pub(super) struct InitProducerId;

impl Api for InitProducerId {
    type Request = InitProducerIdRequest;
    /// Version 6 (two-phase commit) is not stable in Kafka 4.4.
    const VERSIONS: RangeInclusive<i16> = 0..=5;

    async fn handle(ctx: Context, request: InitProducerIdRequest) -> Outcome {
        let has_id = request.producer_id != -1;
        let has_epoch = request.producer_epoch != -1;
        let result = if has_id != has_epoch {
            Err(ErrorCode::InvalidRequest)
        } else if let Some(id) = &request.transactional_id {
            Err(if id.is_empty() {
                ErrorCode::InvalidRequest
            } else {
                ErrorCode::TransactionalIdAuthorizationFailed
            })
        } else {
            ctx.shared.producer_ids.next(&ctx.shared).await
        };
        ctx.reply(&match result {
            Ok(producer_id) => {
                InitProducerIdResponse { producer_id: producer_id.get(), ..Default::default() }
            }
            Err(code) => InitProducerIdResponse {
                error_code: code.code(),
                producer_id: -1,
                producer_epoch: -1,
                ..Default::default()
            },
        })
    }
}
