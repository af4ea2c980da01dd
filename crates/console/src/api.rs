//! The routes, each with its description: the OpenAPI document comes from them.
//!
//! Kafka: none.

mod brokers;
mod cluster;
mod configs;
mod connect;
mod connections;
mod events;
mod export;
pub(crate) mod groups;
mod history;
mod journey;
mod lanes;
pub(crate) mod live;
pub(crate) mod log;
mod produce;
mod record;
mod records;
mod records_query;
pub(crate) mod reset;
mod search;
pub(crate) mod session;
mod tail;
pub(crate) mod topics;
mod transactions;

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
    let parts = [
        cluster_routes(),
        topic_routes(),
        record_routes(),
        log_routes(),
        group_routes(),
        history_routes(),
        transaction_routes(),
    ];
    let routes = parts.into_iter().fold(Routes::new(), Routes::merge);
    OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", routes).split_for_parts()
}

type Routes = OpenApiRouter<Console>;

fn cluster_routes() -> Routes {
    Routes::new()
        .routes(routes!(session::show, session::open, session::close))
        .routes(routes!(cluster::overview))
}

fn topic_routes() -> Routes {
    Routes::new()
        .routes(routes!(topics::list, topics::create))
        .routes(routes!(topics::show, topics::delete))
        .routes(routes!(topics::add_partitions))
        .routes(routes!(topics::purge))
        .routes(routes!(configs::of_topic, configs::alter_topic))
}

fn record_routes() -> Routes {
    Routes::new()
        .routes(routes!(records::page, produce::send))
        .routes(routes!(produce::partitioner))
        .routes(routes!(search::search))
        .routes(routes!(tail::tail))
        .routes(routes!(export::export))
        .routes(routes!(record::show))
        .routes(routes!(journey::show))
        .routes(routes!(record::value))
        .routes(routes!(record::key))
}

fn log_routes() -> Routes {
    Routes::new()
        .routes(routes!(live::live))
        .routes(routes!(live::cursors))
        .routes(routes!(log::segments))
        .routes(routes!(log::batches))
        .routes(routes!(log::batch))
}

fn group_routes() -> Routes {
    Routes::new()
        .routes(routes!(groups::list))
        .routes(routes!(groups::show, groups::delete))
        .routes(routes!(groups::delete_offsets))
        .routes(routes!(history::lag))
        .routes(routes!(history::timeline))
        .routes(routes!(lanes::lanes))
        .routes(routes!(brokers::list))
        .routes(routes!(brokers::configs, brokers::alter_configs))
        .routes(routes!(brokers::log_dirs))
        .routes(routes!(reset::reset))
        .routes(routes!(reset::undos, reset::undo))
}

fn transaction_routes() -> Routes {
    Routes::new()
        .routes(routes!(transactions::list))
        .routes(routes!(transactions::show))
        .routes(routes!(transactions::abort))
        .routes(routes!(transactions::blocked))
        .routes(routes!(transactions::abort_hanging))
}

fn history_routes() -> Routes {
    Routes::new()
        .routes(routes!(events::list))
        .routes(routes!(events::stream))
        .routes(routes!(events::timeline))
        .routes(routes!(connections::list))
        .routes(routes!(connections::clients))
        .routes(routes!(connect::connect))
}

/// The description as JSON.
pub(crate) fn document() -> String {
    let (_, document) = router();
    // It is made of plain types alone.
    document.to_pretty_json().unwrap_or_default()
}
