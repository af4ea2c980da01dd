//! Who asks, and what they may do.
//!
//! Kafka: none.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    clock::now_ms,
    cluster::{ABSENT, Source, WHY_ABSENT},
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Body, Remote},
    guard::why_read_only,
    login::{Who, cookie},
    number::Long,
};

/// What the app has to know first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    /// Of Ottla.
    version: String,
    /// `broker`: the console sits in the broker that it shows; `client`: it is a client of the
    /// cluster.
    role: String,
    /// What people call the cluster, where the console has a name for it.
    cluster: Option<String>,
    /// The clusters of this console, if there is more than one.
    clusters: Vec<ClusterLink>,
    /// Routes that this console has not, as they stand in the API's document.
    absent: Vec<String>,
    /// Why, as a sentence.
    absent_because: Option<String>,
    /// Whether a change or a look needs a user.
    login_required: bool,
    /// Who is logged in.
    user: Option<String>,
    /// Whether every change is refused.
    read_only: bool,
    /// Why, as a sentence.
    read_only_because: Option<String>,
    /// What comes before `/api` in every path.
    base_path: String,
    now_ms: Long,
}

/// A cluster, and where its console is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ClusterLink {
    pub(crate) name: String,
    /// The path of its app.
    pub(crate) path: String,
}

/// A name and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    user: String,
    password: String,
}

impl Session {
    fn new(console: &Console, who: &Who) -> Json<Self> {
        let is_own = console.own().is_ok();
        let absent = if is_own { &[][..] } else { &ABSENT[..] };
        let read_only_because = why_read_only(console.settings(), who);
        Json(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            role: if is_own { "broker" } else { "client" }.to_owned(),
            cluster: match console.source() {
                Source::Own(_) => None,
                Source::Remote(remote) => Some(remote.name.clone()),
            },
            clusters: console.here().clusters.clone(),
            absent: absent.iter().map(|route| (*route).to_owned()).collect(),
            absent_because: (!is_own).then(|| WHY_ABSENT.to_owned()),
            login_required: console.logins().are_required(),
            user: who.0.as_ref().map(|user| user.name.clone()),
            read_only: read_only_because.is_some(),
            read_only_because,
            base_path: console.here().base_path.to_string(),
            now_ms: now_ms().into(),
        })
    }
}

/// The session of whoever asks.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = Session)))]
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(who): Extension<Who>,
) -> Json<Session> {
    Session::new(&console, &who)
}

/// Opens a session, whose secret is in a cookie.
#[utoipa::path(post, path = "/session", tag = "session", request_body = Credentials,
    responses((status = 200, body = Session), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn open(
    State(console): State<Console>,
    headers: HeaderMap,
    Remote(address): Remote,
    Body(body): Body<Credentials>,
) -> Result<([(HeaderName, String); 1], Json<Session>), ApiError> {
    if !console.logins().are_required() {
        return Err(ApiError::bad_request("the console has no users"));
    }
    let (known, secret) = console.logins().open(address, (body.user, body.password)).await?;
    let cookie = cookie(Some(&secret), &console.settings().base_path, &headers);
    Ok(([(header::SET_COOKIE, cookie)], Session::new(&console, &Who(Some(known)))))
}

/// Ends the session.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
pub(crate) async fn close(
    State(console): State<Console>,
    headers: HeaderMap,
) -> (StatusCode, [(HeaderName, String); 1]) {
    console.logins().close(&headers);
    let cookie = cookie(None, &console.settings().base_path, &headers);
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)])
}
