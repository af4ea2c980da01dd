//! EndTxn (26), versions 0-5: commits or aborts a transaction.
//!
//! - v2: PRODUCER_FENCED; before that it is INVALID_PRODUCER_EPOCH.
//! - v5: each end raises the epoch, and the answer says which one it is (KIP-890).
//!
//! Kafka: `KafkaApis.handleEndTxnRequest`.

use ottla_coordinator::{
    ProducerIdAndEpoch, TransactionReply, TransactionResult, TransactionVersion,
};
use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::messages::{EndTxnRequest, EndTxnResponse};

use super::{Api, Context, Outcome};

pub(super) struct EndTxn;

impl Api for EndTxn {
    type Request = EndTxnRequest;

    async fn handle(ctx: Context, request: EndTxnRequest) -> Outcome {
        let TransactionReply { code, producer } = end(&ctx, &request).await;
        let code = match code {
            ErrorCode::ProducerFenced if ctx.version < 2 => ErrorCode::InvalidProducerEpoch,
            code => code,
        };
        ctx.reply(&EndTxnResponse {
            error_code: code.code(),
            producer_id: producer.producer_id.get(),
            producer_epoch: producer.producer_epoch,
            ..Default::default()
        })
    }
}

async fn end(ctx: &Context, request: &EndTxnRequest) -> TransactionReply {
    let transactional_id = &request.transactional_id;
    if transactional_id.is_empty() {
        return TransactionReply::refused(ErrorCode::InvalidRequest);
    }
    let producer = ProducerIdAndEpoch {
        producer_id: ProducerId(request.producer_id),
        producer_epoch: request.producer_epoch,
    };
    let result =
        if request.committed { TransactionResult::Commit } else { TransactionResult::Abort };
    let version = if ctx.version >= 5 { TransactionVersion::V2 } else { TransactionVersion::V0 };
    ctx.shared
        .transactions
        .call(&ctx.shared, transactional_id, |shard, call, effects| {
            shard.end_txn(call, transactional_id, producer, (result, version), effects);
        })
        .await
}
