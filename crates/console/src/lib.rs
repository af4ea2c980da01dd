//! The console: an HTTP API over a broker, and the app that is made of it.
//!
//! [`app`] gives the router; whoever runs the broker serves it. What only the broker knows comes from
//! its views; everything that a client can do goes through our own client and the broker's listener, so
//! that it means here what it means to everyone.
//! Invariants: a 64-bit number crosses the wire as text; nothing is described that was not asked for;
//! every stream ends when its reader goes, and what all of them keep in memory is bounded.
//! Architecture invariant: knows the broker by its views alone.
//! Kafka: none; what kafka-ui and its like do from outside.

mod api;
mod assets;
mod base_path;
mod clock;
mod console;
mod encoding;
mod error;
mod extract;
mod fields;
mod filter;
mod guard;
mod guesses;
mod lag;
mod login;
mod number;
mod page;
mod past;
mod payload;
mod scan;
mod sessions;
mod stream;
mod users;

pub use base_path::{BasePath, BasePathError};
pub use console::Settings;
pub use users::{Users, UsersError, hash_password};

use axum::{Router, http::header, routing::get};
use ottla_broker::views::Views;

use crate::console::Console;

/// The console of a broker.
pub fn app(views: Views, settings: Settings) -> Router {
    let base_path = settings.base_path.clone();
    let console = Console::new(views, settings);
    let (api, _) = api::router();
    let described = [(header::CONTENT_TYPE, "application/json")];
    let document = get(move || std::future::ready((described, api::document())));
    let app = api.route("/api/v1/openapi.json", document).fallback(assets::serve);
    let app = match base_path.is_root() {
        true => app,
        false => Router::new()
            .nest(&base_path.to_string(), app)
            .fallback(move || std::future::ready(assets::elsewhere(&base_path))),
    };
    guard::protect(app, &console).with_state(console)
}

/// The API's description, OpenAPI 3.1 as JSON.
pub fn openapi() -> String {
    api::document()
}
