//! InitProducerId (22), versions 0-5: a producer gets its id and epoch.
//!
//! - v3: the id and epoch that the producer had, which are raised (KIP-360).
//! - v4: PRODUCER_FENCED; before that it is INVALID_PRODUCER_EPOCH.
//!
//! Kafka: `KafkaApis.handleInitProducerIdRequest`.

use std::ops::RangeInclusive;

use ottla_coordinator::{EndCause, InitProducer, ProducerIdAndEpoch, TransactionReply};
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
    let request = InitProducer {
        transactional_id: transactional_id.clone(),
        timeout_ms,
        expected,
        end_cause: end_cause(ctx.client_id.as_deref()),
    };
    ctx.shared
        .transactions
        .call(&ctx.shared, transactional_id, |shard, call, effects| {
            shard.init_producer_id(call, request, effects);
        })
        .await
}

/// Why an open transaction ends by this request, for the journal. An administrator's request is
/// that of a new producer, byte for byte (`Admin.fenceProducers`); only what the client calls
/// itself tells them apart.
fn end_cause(client_id: Option<&str>) -> EndCause {
    let is_administrator = |client_id: &str| {
        ["ottla-cli", "ottla-console"].contains(&client_id) || client_id.starts_with("adminclient-")
    };
    if client_id.is_some_and(is_administrator) { EndCause::Operator } else { EndCause::Fenced }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_ended_by_whom_the_client_id_names() {
        for client_id in ["ottla-cli", "ottla-console", "adminclient-1"] {
            assert_eq!(end_cause(Some(client_id)), EndCause::Operator, "{client_id}");
        }
        for client_id in [None, Some("rdkafka"), Some("producer-adminclient-1")] {
            assert_eq!(end_cause(client_id), EndCause::Fenced, "{client_id:?}");
        }
    }
}
