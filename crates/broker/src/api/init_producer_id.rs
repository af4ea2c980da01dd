//! InitProducerId (22), versions 0-5: a producer gets its id and epoch.
//!
//! - v3: the id and epoch that the producer had, which are raised (KIP-360).
//! - v4: PRODUCER_FENCED; before that it is INVALID_PRODUCER_EPOCH.
//!
//! Kafka: `KafkaApis.handleInitProducerIdRequest`.

use std::ops::RangeInclusive;

use ottla_coordinator::{ProducerIdAndEpoch, TransactionReply};
use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::{Api, Context, Outcome};

pub(super) struct InitProducerId;

impl Api for InitProducerId {
    type Request = InitProducerIdRequest;
    /// Version 6 (two-phase commit) is not stable in Kafka 4.4.
    const VERSIONS: RangeInclusive<i16> = 0..=5;

    async fn handle(ctx: Context, request: InitProducerIdRequest) -> Outcome {
        let TransactionReply { code, producer } = init(&ctx, &request).await;
        let code = match code {
            ErrorCode::ProducerFenced if ctx.version < 4 => ErrorCode::InvalidProducerEpoch,
            code => code,
        };
        ctx.reply(&InitProducerIdResponse {
            error_code: code.code(),
            producer_id: producer.producer_id.get(),
            producer_epoch: producer.producer_epoch,
            ..Default::default()
        })
    }
}

async fn init(ctx: &Context, request: &InitProducerIdRequest) -> TransactionReply {
    let has_id = request.producer_id != -1;
    let has_epoch = request.producer_epoch != -1;
    if has_id != has_epoch {
        return TransactionReply::refused(ErrorCode::InvalidRequest);
    }
    let Some(transactional_id) = &request.transactional_id else {
        return match ctx.shared.producer_ids.next(&ctx.shared).await {
            Ok(producer_id) => TransactionReply {
                code: ErrorCode::None,
                producer: ProducerIdAndEpoch { producer_id, producer_epoch: 0 },
            },
            Err(code) => TransactionReply::refused(code),
        };
    };
    if transactional_id.is_empty() {
        return TransactionReply::refused(ErrorCode::InvalidRequest);
    }
    let timeout_ms = request.transaction_timeout_ms;
    if !ctx.shared.transactions.is_timeout_allowed(timeout_ms) {
        return TransactionReply::refused(ErrorCode::InvalidTransactionTimeout);
    }
    let expected = has_id.then_some(ProducerIdAndEpoch {
        producer_id: ProducerId(request.producer_id),
        producer_epoch: request.producer_epoch,
    });
    ctx.shared
        .transactions
        .call(&ctx.shared, transactional_id, |shard, call, effects| {
            shard.init_producer_id(call, transactional_id, timeout_ms, expected, effects);
        })
        .await
}
