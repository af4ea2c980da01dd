//! `/metrics`, `/health` and `/ready` over HTTP, where the console will live.
//!
//! `/health` answers as long as the process does; `/ready` answers 200 once every partition and
//! group is loaded and 503 before that and while stopping.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::broker::Shared;

/// How many ports after the default one are tried where nobody chose an address.
const PORTS_TRIED: u16 = 100;

/// Binds the address. Where it is the default one (nobody set it) and taken, the next free port.
pub(crate) async fn bind(address: &str, is_default: bool) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if is_default && error.kind() == io::ErrorKind::AddrInUse => {
            let (host, port) = address.rsplit_once(':').unwrap_or((address, "8080"));
            let port: u16 = port.parse().unwrap_or(8080);
            for next in (1..=PORTS_TRIED).filter_map(|step| port.checked_add(step)) {
                if let Ok(listener) = TcpListener::bind((host, next)).await {
                    return Ok(listener);
                }
            }
            Err(named(address, &error))
        }
        Err(error) => Err(named(address, &error)),
        Ok(listener) => Ok(listener),
    }
}

fn named(address: &str, error: &io::Error) -> io::Error {
    let text = format!("cannot listen on {address} (ottla.console.listen): {error}");
    io::Error::new(error.kind(), text)
}

/// Serves until the broker has stopped: probes see that it stops as long as it has clients.
pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let stopping = Arc::clone(&shared);
    let stopped = async move {
        stopping.stopping.wait().await;
        stopping.connections.none().await;
    };
    let router = Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/health", get(|| async { "ok\n" }))
        .route("/ready", get(ready))
        .with_state(shared);
    let served = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    if let Err(error) = served {
        tracing::error!("the HTTP listener failed: {error}");
    }
}

/// The listener's own address, for the start banner.
pub(crate) fn address(listener: &TcpListener) -> Option<SocketAddr> {
    listener.local_addr().ok()
}

async fn index(State(shared): State<Arc<Shared>>) -> Html<String> {
    Html(format!(
        "<!doctype html><meta charset=utf-8><title>Ottla</title><h1>Ottla {}</h1><p>Cluster {}, \
         broker {}.<ul><li><a href=/metrics>/metrics</a><li><a href=/health>/health</a><li><a \
         href=/ready>/ready</a></ul>",
        env!("CARGO_PKG_VERSION"),
        shared.cluster_id,
        shared.broker_id
    ))
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match shared.metrics.page(&shared.gauges()) {
        Ok(page) => ([(header::CONTENT_TYPE, content_type)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    match shared.not_ready() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
    }
}
