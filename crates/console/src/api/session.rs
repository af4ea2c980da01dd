//! Who asks, and what they may do.
//!
//! Kafka: none.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{clock::now_ms, console::Console, number::Long};

/// What the app has to know first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    /// Of Ottla.
    version: String,
    /// `broker`: the console sits in the broker that it shows.
    role: String,
    /// Whether a change or a look needs a user.
    login_required: bool,
    /// Who is logged in.
    user: Option<String>,
    /// Whether every change is refused.
    read_only: bool,
    /// What comes before `/api` in every path.
    base_path: String,
    now_ms: Long,
}

/// The session of whoever asks.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = Session)))]
pub(crate) async fn show(State(console): State<Console>) -> Json<Session> {
    Json(Session {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        role: "broker".to_owned(),
        login_required: false,
        user: None,
        read_only: console.settings().is_read_only,
        base_path: String::new(),
        now_ms: now_ms().into(),
    })
}
