//! The app's files.
//!
//! Kafka: none.

use axum::{
    http::{StatusCode, Uri},
    response::{Html, IntoResponse as _, Response},
};

use crate::error::ApiError;

/// What is shown where the app was not built.
const WITHOUT_APP: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Ottla</title>\
    <h1>Ottla</h1><p>This binary was built without the console: the build needs <code>npm</code>. \
    Install Node.js and build again.<ul><li><a href=/api/v1/openapi.json>The API</a>\
    <li><a href=/metrics>/metrics</a><li><a href=/health>/health</a><li><a href=/ready>/ready</a></ul>";

/// Answers what is no route of the API.
pub(crate) async fn serve(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        let message = format!("there is no {}", uri.path());
        return ApiError::new(StatusCode::NOT_FOUND, "UNKNOWN_ROUTE", message).into_response();
    }
    Html(WITHOUT_APP).into_response()
}
