//! Serving a console without a broker.
//!
//! `/health` answers as long as the process does, and so does `/ready`: the clusters may come and
//! go.
//! Kafka: none.

use std::{future::Future, io, net::SocketAddr};

use axum::{Router, routing::get};
use tokio::net::TcpListener;

/// Serves an app until `stopped` is done.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/ready", get(|| async { "ready\n" }))
        .fallback_service(app)
        .into_make_service_with_connect_info::<SocketAddr>();
    // Streams go on for ever: nobody waits for them.
    tokio::select! {
        served = axum::serve(listener, router) => served,
        () = stopped => Ok(()),
    }
}
