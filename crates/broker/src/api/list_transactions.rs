//! ListTransactions (66), versions 0-2: the transactional ids that this broker coordinates.
//!
//! - v1: those that have been open for a while.
//! - v2: those whose names match a regular expression (KIP-1152). It is matched in linear time, so
//!   without the look-around and the back references of Kafka's.
//!
//! Kafka: `KafkaApis.handleListTransactionsRequest`,
//! `TransactionStateManager.listTransactionStates`.

use ottla_coordinator::{TransactionFilter, TransactionState};
use ottla_types::ErrorCode;
use ottla_wire::messages::{ListTransactionsRequest, ListTransactionsResponse};
use regex::Regex;

use super::{Api, Context, Outcome};
use crate::clock::now_ms;

pub(super) struct ListTransactions;

impl Api for ListTransactions {
    type Request = ListTransactionsRequest;

    async fn handle(ctx: Context, request: ListTransactionsRequest) -> Outcome {
        let response = list(&ctx, &request).await.unwrap_or_else(|code| ListTransactionsResponse {
            error_code: code.code(),
            ..Default::default()
        });
        ctx.reply(&response)
    }
}

async fn list(
    ctx: &Context,
    request: &ListTransactionsRequest,
) -> Result<ListTransactionsResponse, ErrorCode> {
    let mut response = ListTransactionsResponse::default();
    let mut states = Vec::new();
    for name in &request.state_filters {
        match TransactionState::from_name(name) {
            Some(state) => states.push(state),
            None => response.unknown_state_filters.push(name.clone()),
        }
    }
    let pattern = match request.transactional_id_pattern.as_deref() {
        None | Some("") => None,
        Some(pattern) => Some(
            Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|_| ErrorCode::InvalidRegularExpression)?,
        ),
    };
    let filter = TransactionFilter {
        producer_ids: &request.producer_id_filters,
        states: (!request.state_filters.is_empty()).then_some(&*states),
        duration_ms: request.duration_filter,
        matches: &|name| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name)),
    };
    let now = now_ms();
    let listed = ctx.shared.transactions.view_all(|shard| shard.list(now, &filter)).await?;
    response.transaction_states = listed.concat();
    Ok(response)
}
