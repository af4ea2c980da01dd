//! The routes, each with its description: the OpenAPI document comes from them.
//!
//! Kafka: none.

mod cluster;
mod configs;
mod export;
mod produce;
mod records;
mod records_query;
mod search;
mod session;
mod tail;
mod topics;

use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::console::Console;

#[derive(OpenApi)]
#[openapi(info(
    title = "Ottla console",
    description = "64-bit numbers are text. Times are milliseconds since 1970, as text. Errors have a code, a message and sometimes a hint."
))]
struct Document;

/// Every route, and what describes them.
pub(crate) fn router() -> (axum::Router<Console>, utoipa::openapi::OpenApi) {
    let routes = OpenApiRouter::new()
        .routes(routes!(session::show))
        .routes(routes!(cluster::overview))
        .routes(routes!(topics::list, topics::create))
        .routes(routes!(topics::show, topics::delete))
        .routes(routes!(topics::add_partitions))
        .routes(routes!(topics::purge))
        .routes(routes!(configs::of_topic, configs::alter_topic))
        .routes(routes!(records::page, produce::send))
        .routes(routes!(produce::partitioner))
        .routes(routes!(search::search))
        .routes(routes!(tail::tail))
        .routes(routes!(export::export));
    OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", routes).split_for_parts()
}

/// The description as JSON.
pub(crate) fn document() -> String {
    let (_, document) = router();
    // It is made of plain types alone.
    document.to_pretty_json().unwrap_or_default()
}
