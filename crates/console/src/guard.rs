//! Who may ask, and what the browser is told: hosts, origins, content types, headers of safety.
//!
//! A page of somebody else that runs in the user's browser reaches loopback too. It cannot read an
//! answer (nothing here allows other origins), nor make a change (other origins are refused), nor
//! pass as this site by a name that it lets point here (names are checked). Kafka: none.

use std::net::IpAddr;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};

use crate::{
    console::{Console, Settings},
    error::ApiError,
};

/// What the app's pages may do: nothing that does not come from here.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
     base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// Puts the checks before every route and the headers behind.
pub(crate) fn protect(app: Router<Console>, console: &Console) -> Router<Console> {
    app.layer(middleware::from_fn_with_state(console.clone(), check))
}

async fn check(State(console): State<Console>, request: Request, next: Next) -> Response {
    let mut response = match refuse(console.settings(), &request) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    let mut tell = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    tell(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    tell(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    tell(header::X_FRAME_OPTIONS, "DENY");
    tell(header::REFERRER_POLICY, "no-referrer");
    tell(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    tell(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    tell(header::CACHE_CONTROL, "no-store");
    response
}

/// Why a request is refused, if it is.
fn refuse(settings: &Settings, request: &Request) -> Option<ApiError> {
    let headers = request.headers();
    let host = text(headers, &header::HOST).or_else(|| request.uri().host()).unwrap_or_default();
    if !is_allowed(host, &settings.hosts) {
        let message = format!("the console does not answer to the name '{}'", name_of(host));
        let error = ApiError::new(StatusCode::FORBIDDEN, "FORBIDDEN_HOST", message);
        return Some(error.with_hint("add the name to ottla.console.hosts"));
    }
    let is_own = |origin: &str| origin.split_once("://").is_some_and(|(_, it)| it == host);
    if text(headers, &header::ORIGIN).is_some_and(|origin| !is_own(origin)) {
        let message = "another site asked for this in your browser";
        return Some(ApiError::new(StatusCode::FORBIDDEN, "FORBIDDEN_ORIGIN", message));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    if settings.is_read_only && !request.uri().path().ends_with("/session") {
        let message = "the console is read-only";
        return Some(ApiError::new(StatusCode::FORBIDDEN, "READ_ONLY", message));
    }
    let is_json = |value: &str| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    };
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || text(headers, &header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let kind = text(headers, &header::CONTENT_TYPE);
    if kind.map_or(has_body, |kind| !is_json(kind)) {
        let message = "a change is sent as application/json";
        return Some(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "NOT_JSON", message));
    }
    None
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The host of `host:port`, without brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

/// Addresses, names without a dot (of this network or of a container) and what is configured. A name
/// of the Internet could be anybody's, pointed here for a moment.
fn is_allowed(host: &str, configured: &[String]) -> bool {
    let name = name_of(host).to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok()
        || (!name.is_empty() && !name.contains('.'))
        || name.ends_with(".localhost")
        || configured.iter().any(|it| it.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_anybodys_are_refused() {
        let own = ["console.example.org".to_owned()];
        for host in
            ["localhost:8080", "127.0.0.1", "[::1]:8080", "broker:8080", "Console.Example.org"]
        {
            assert!(is_allowed(host, &own), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example:8080", "", ":80", "127.0.0.1.evil.example"]
        {
            assert!(!is_allowed(host, &own), "{host}");
        }
    }
}
