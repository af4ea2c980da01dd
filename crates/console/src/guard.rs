//! Who may ask, and what the browser is told: hosts, origins, users, content types, headers of
//! safety.
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
    login::{Who, address_of},
};

/// What the app's pages may do: nothing that does not come from here.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
     base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// Puts the checks before every route and the headers behind.
pub(crate) fn protect(app: Router<Console>, console: &Console) -> Router<Console> {
    app.layer(middleware::from_fn_with_state(console.clone(), check))
}

async fn check(State(console): State<Console>, request: Request, next: Next) -> Response {
    let mut response = match admit(&console, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
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

/// The request with whom it is from, or why it is refused.
async fn admit(console: &Console, mut request: Request) -> Result<Request, ApiError> {
    check_site(console.settings(), &request)?;
    let path = request.uri().path();
    let is_session = path == "/api/v1/session";
    let is_api = path == "/api" || path.starts_with("/api/");
    let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
    // Whoever logs in or out need not be known yet, and the app's files tell nobody anything.
    let who = if is_api && (is_look || !is_session) {
        let from = address_of(request.extensions());
        console.logins().who(request.headers(), from).await?
    } else {
        Who(None)
    };
    if is_api && !is_session && who.0.is_none() && console.logins().are_required() {
        let message = "the console asks who you are";
        let error = ApiError::new(StatusCode::UNAUTHORIZED, "LOGIN_REQUIRED", message);
        return Err(error.with_hint("POST /api/v1/session, or Authorization: Basic"));
    }
    if !is_look {
        if !is_session && let Some(message) = why_read_only(console.settings(), &who) {
            return Err(ApiError::new(StatusCode::FORBIDDEN, "READ_ONLY", message));
        }
        check_body(request.headers())?;
    }
    request.extensions_mut().insert(who);
    Ok(request)
}

/// Why whoever asks may change nothing, if that is so.
pub(crate) fn why_read_only(settings: &Settings, who: &Who) -> Option<String> {
    if settings.is_read_only {
        return Some("This console is read-only.".to_owned());
    }
    let user = who.0.as_ref().filter(|user| user.is_read_only)?;
    Some(format!("{} may look at everything and change nothing.", user.name))
}

/// The request is for this console, and comes from its own pages or from no page.
fn check_site(settings: &Settings, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let host = text(headers, &header::HOST).or_else(|| request.uri().host()).unwrap_or_default();
    if !is_allowed(host, &settings.hosts) {
        let message = format!("the console does not answer to the name '{}'", name_of(host));
        let error = ApiError::new(StatusCode::FORBIDDEN, "FORBIDDEN_HOST", message);
        return Err(error.with_hint("add the name to ottla.console.hosts"));
    }
    // A proxy may ask by another name than the browser. A page of another site cannot set the
    // header that says so: the browser would ask here first whether it may.
    let forwarded = text(headers, &HeaderName::from_static("x-forwarded-host"));
    let is_own = |origin: &str| {
        let site = origin.split_once("://").map(|(_, site)| site);
        site.is_some_and(|site| site == host || forwarded == Some(site))
    };
    if text(headers, &header::ORIGIN).is_some_and(|origin| !is_own(origin)) {
        let message = "another site asked for this in your browser";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "FORBIDDEN_ORIGIN", message));
    }
    Ok(())
}

/// A form of another page cannot send JSON.
fn check_body(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_json = |value: &str| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    };
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || text(headers, &header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let kind = text(headers, &header::CONTENT_TYPE);
    if kind.map_or(has_body, |kind| !is_json(kind)) {
        let message = "a change is sent as application/json";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "NOT_JSON", message));
    }
    Ok(())
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

/// Addresses, names without a dot (of this network or of a container) and what is configured. A
/// name of the Internet could be anybody's, pointed here for a moment.
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
