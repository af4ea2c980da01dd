//! `/metrics`, `/health` and `/ready` over HTTP, and whatever the binary serves beside them.
//!
//! `/health` answers as long as the process does; `/ready` answers 200 once every partition and
//! group is loaded and 503 before that and while stopping. HTTP has a thread and a runtime of its
//! own: what somebody looks up there holds up no client. Kafka: none; its metrics go out over JMX.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use ottla_config::{ServerConfig, keys};
use tokio::net::TcpListener;

use crate::broker::{Shared, StartError, until_drained};

/// How many ports after the default one are tried where nobody chose an address.
const PORTS_TRIED: u16 = 100;

/// HTTP while it is served.
#[derive(Debug)]
pub(crate) struct HttpServer {
    /// As people type it: `host:port`.
    pub(crate) address: String,
    pub(crate) thread: JoinHandle<()>,
}

/// Starts to serve HTTP with `app` beside the broker's own pages; `None` where it is off.
pub(crate) fn start(
    shared: &Arc<Shared>,
    config: &ServerConfig,
    app: Option<Router>,
) -> Result<Option<HttpServer>, StartError> {
    let listen = config.get(&keys::OTTLA_CONSOLE_LISTEN);
    if listen == "off" {
        return Ok(None);
    }
    let is_default = config.origin(&keys::OTTLA_CONSOLE_LISTEN).is_none();
    let host = listen.rsplit_once(':').map_or("localhost", |(host, _)| host).to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let (shared, listen) = (Arc::clone(shared), listen.to_owned());
    let run = move || {
        runtime.block_on(async {
            match bind(&listen, is_default).await {
                Ok(listener) => {
                    drop(sender.send(listener.local_addr()));
                    tokio::spawn(serve(Arc::clone(&shared), listener, app));
                    until_drained(shared).await;
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        });
        // A look-up in a thread of its own may still be at it; nobody waits for its answer.
        runtime.shutdown_background();
    };
    let thread = std::thread::Builder::new().name("ottla-http".to_owned()).spawn(run)?;
    let bound = receiver.recv().map_err(|gone| StartError::Config(gone.to_string()))??;
    Ok(Some(HttpServer { address: format!("{host}:{}", bound.port()), thread }))
}

/// Binds the address. Where it is the default one (nobody set it) and taken, the next free port.
async fn bind(address: &str, is_default: bool) -> io::Result<TcpListener> {
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
async fn serve(shared: Arc<Shared>, listener: TcpListener, app: Option<Router>) {
    let stopping = Arc::clone(&shared);
    let stopped = async move {
        stopping.stopping.wait().await;
        stopping.connections.none().await;
    };
    let own = Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(|| async { "ok\n" }))
        .route("/ready", get(ready));
    let router = match app {
        Some(app) => own.with_state(shared).fallback_service(app),
        None => own.route("/", get(index)).with_state(shared),
    };
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    if let Err(error) = served {
        tracing::error!("the HTTP listener failed: {error}");
    }
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
