//! DescribeTransactions (65), version 0: the state of transactional ids.
//!
//! Kafka: `KafkaApis.handleDescribeTransactionsRequest`.

use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    describe_transactions_response::TransactionState,
    messages::{DescribeTransactionsRequest, DescribeTransactionsResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct DescribeTransactions;

impl Api for DescribeTransactions {
    type Request = DescribeTransactionsRequest;

    async fn handle(ctx: Context, request: DescribeTransactionsRequest) -> Outcome {
        let mut response = DescribeTransactionsResponse::default();
        for transactional_id in &request.transactional_ids {
            response.transaction_states.push(describe(&ctx, transactional_id).await);
        }
        ctx.reply(&response)
    }
}

async fn describe(ctx: &Context, transactional_id: &Str) -> TransactionState {
    let described = if transactional_id.is_empty() {
        Err(ErrorCode::InvalidRequest)
    } else {
        let transactions = &ctx.shared.transactions;
        transactions.view(transactional_id, |shard| shard.describe(transactional_id)).await
    };
    described.unwrap_or_else(|code| TransactionState {
        error_code: code.code(),
        transactional_id: transactional_id.clone(),
        ..Default::default()
    })
}
