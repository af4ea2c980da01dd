//! The app's files, as the build put them into the binary.
//!
//! A file with a hash in its name never changes; of every other one the browser asks whether it
//! has. A path that is no file is a page of the app. Kafka: none.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse as _, Response},
};

use crate::{base_path::BasePath, console::Console, error::ApiError};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A file of the app.
struct File {
    path: &'static str,
    tag: &'static str,
    bytes: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// What is shown where the app was not built.
const WITHOUT_APP: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Ottla</title>\
    <h1>Ottla</h1><p>This binary was built without the console's pages, which need <code>npm</code>: \
    install Node.js and run <code>cargo build</code> again.<ul>\
    <li><a href=/metrics>/metrics</a>\
    <li><a href=/health>/health</a><li><a href=/ready>/ready</a></ul>";

/// What the app's page says of where it is, as it was built.
const ROOT: &str = "<base href=\"/\"";

/// Answers what is no route of the API.
pub(crate) async fn serve(
    State(console): State<Console>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") {
        let message = format!("there is no {path}");
        return ApiError::new(StatusCode::NOT_FOUND, "UNKNOWN_ROUTE", message).into_response();
    }
    let name = path.trim_start_matches('/');
    let index = || FILES.iter().find(|file| file.path == "index.html");
    match FILES.iter().find(|file| file.path == name && name != "index.html") {
        Some(file) => file.answer(&headers),
        None if name.starts_with("assets/") => StatusCode::NOT_FOUND.into_response(),
        None => match index() {
            Some(file) if console.here().base_path.is_root() => file.answer(&headers),
            Some(file) => moved(file, &console.here().base_path),
            None => Html(WITHOUT_APP).into_response(),
        },
    }
}

/// The app's page where the app is not at the root.
fn moved(index: &File, base_path: &BasePath) -> Response {
    let folder = base_path.folder();
    let text = String::from_utf8_lossy(index.bytes);
    let text = text.replacen(ROOT, &format!("<base href=\"{folder}\""), 1);
    ([(header::CACHE_CONTROL, "no-cache")], Html(text)).into_response()
}

/// The answer to whoever asks for something outside of the console's path.
pub(crate) fn elsewhere(base_path: &BasePath) -> Response {
    let folder = base_path.folder();
    let text = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Ottla</title><p>The console is at \
         <a href=\"{folder}\">{folder}</a>."
    );
    (StatusCode::NOT_FOUND, Html(text)).into_response()
}

impl File {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.tag);
        let asked = |name| headers.get(name).and_then(|it: &HeaderValue| it.to_str().ok());
        let caching = if self.path.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let known = asked(header::IF_NONE_MATCH).unwrap_or_default();
        let always = [
            (header::ETAG, tag.as_str()),
            (header::CACHE_CONTROL, caching),
            (header::VARY, "accept-encoding"),
        ];
        if known.split(',').any(|it| it.trim() == tag) {
            return (StatusCode::NOT_MODIFIED, always).into_response();
        }
        let accepted = asked(header::ACCEPT_ENCODING).unwrap_or_default();
        let accepts = |name: &str| {
            let mut names = accepted.split(',').map(|it| it.split(';').next().unwrap_or(it).trim());
            names.any(|it| it == name)
        };
        let (bytes, encoding) = match (self.brotli, self.gzip) {
            (Some(bytes), _) if accepts("br") => (bytes, Some("br")),
            (_, Some(bytes)) if accepts("gzip") => (bytes, Some("gzip")),
            _ => (self.bytes, None),
        };
        let mut response =
            (always, [(header::CONTENT_TYPE, self.content_type())], bytes).into_response();
        if let Some(encoding) = encoding {
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }

    fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map_or("", |(_, end)| end) {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "json" => "application/json",
            "woff2" => "font/woff2",
            "png" => "image/png",
            "txt" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}
