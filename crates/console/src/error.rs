//! How a request fails: a status, a code to decide by, and a sentence for people.
//!
//! Kafka: `Errors`, for those that come from a broker.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use ottla_client::ErrorKind;
use serde::Serialize;
use utoipa::ToSchema;

/// A request failed.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: ErrorDetail,
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// Kafka's name of the error, or one of the console's own.
    code: String,
    /// What failed and why.
    message: String,
    /// What to do about it.
    hint: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let body = ErrorDetail { code: code.to_owned(), message: message.into(), hint: None };
        Self { status, body }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// What is told where the status has gone out already.
    pub(crate) fn into_detail(self) -> ErrorDetail {
        self.body
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    pub(crate) fn unknown_topic(name: &str) -> Self {
        let message = format!("there is no topic {name}");
        Self::new(StatusCode::NOT_FOUND, "UNKNOWN_TOPIC_OR_PARTITION", message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.body.code, self.body.message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorBody { error: self.body })).into_response()
    }
}

impl From<ottla_client::Error> for ApiError {
    fn from(error: ottla_client::Error) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Denied => StatusCode::FORBIDDEN,
            ErrorKind::Connection | ErrorKind::Closed => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ if error.code().is_some() || error.kind() == ErrorKind::Invalid => {
                StatusCode::BAD_REQUEST
            }
            _ => StatusCode::BAD_GATEWAY,
        };
        let code = error.code().map_or("CLIENT_ERROR", |code| code.name());
        let message = format!("{}: {}", error.what(), error.why());
        let made = Self::new(status, code, message);
        match error.next_step() {
            Some(hint) => made.with_hint(hint),
            None => made,
        }
    }
}
