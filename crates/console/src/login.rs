//! Finding out who asks: by the cookie of a session, or by a name and a password with the request.
//!
//! Invariant: only so many passwords are checked at once, since each takes memory and time.
//! Kafka: none.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, StatusCode, header},
};
use tokio::sync::Semaphore;

use crate::{
    base_path::BasePath,
    encoding::from_base64,
    error::ApiError,
    guesses::Guesses,
    sessions::{LASTS, Sessions},
    users::{Known, Users},
};

const COOKIE: &str = "ottla_session";

/// Passwords that are checked at once.
const CHECKS: usize = 2;

/// Most bytes of a password.
const PASSWORD_MAX: usize = 1_024;

/// Who may ask, and who is logged in.
#[derive(Debug)]
pub(crate) struct Logins {
    users: Arc<Users>,
    sessions: Sessions,
    guesses: Guesses,
    checks: Semaphore,
}

/// Whoever asks; `None` is nobody that is known.
#[derive(Clone, Debug)]
pub(crate) struct Who(pub(crate) Option<Known>);

impl Logins {
    pub(crate) fn new(users: Users) -> Self {
        Self {
            users: Arc::new(users),
            sessions: Sessions::default(),
            guesses: Guesses::default(),
            checks: Semaphore::new(CHECKS),
        }
    }

    /// Whether whoever asks has to be known.
    pub(crate) fn are_required(&self) -> bool {
        !self.users.is_empty()
    }

    /// Who sends a request.
    pub(crate) async fn who(&self, headers: &HeaderMap, from: IpAddr) -> Result<Who, ApiError> {
        let now = Instant::now();
        let known = secrets(headers).find_map(|secret| self.sessions.find(secret, now));
        if known.is_some() || !self.are_required() {
            return Ok(Who(known));
        }
        let Some((name, password)) = basic(headers) else { return Ok(Who(None)) };
        self.check(from, name, password).await.map(|known| Who(Some(known)))
    }

    /// Opens a session and gives the cookie that is for it.
    pub(crate) async fn open(
        &self,
        address: IpAddr,
        (name, password): (String, String),
    ) -> Result<(Known, String), ApiError> {
        let known = self.check(address, name, password).await?;
        let secret = self.sessions.open(known.clone(), Instant::now())?;
        Ok((known, secret))
    }

    /// Ends the session that a request's cookie is of.
    pub(crate) fn close(&self, headers: &HeaderMap) {
        secrets(headers).for_each(|secret| self.sessions.close(secret));
    }

    async fn check(
        &self,
        address: IpAddr,
        name: String,
        password: String,
    ) -> Result<Known, ApiError> {
        let wrong = || {
            let message = "there is no such user with this password";
            ApiError::new(StatusCode::UNAUTHORIZED, "WRONG_PASSWORD", message)
        };
        // Counted with a place: a script whose many requests are right never has to wait.
        let _place = self.checks.acquire().await;
        self.guesses.begin(address, Instant::now()).map_err(|left| {
            let seconds = left.as_secs().saturating_add(1);
            let message = "too many attempts from this address were wrong";
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_ATTEMPTS", message)
                .with_hint(format!("try again in {seconds} s"))
        })?;
        if password.len() > PASSWORD_MAX {
            return Err(wrong());
        }
        let users = Arc::clone(&self.users);
        let checked = tokio::task::spawn_blocking(move || users.check(&name, &password)).await;
        let checked = checked.map_err(|error| ApiError::unavailable(error.to_string()))?;
        let Some(known) = checked else {
            tracing::warn!(%address, "a log-in to the console was wrong");
            return Err(wrong());
        };
        self.guesses.right(address);
        Ok(known)
    }
}

/// Where a request comes from. Behind a proxy that is the proxy: what it says of the client could
/// be the client's own word.
pub(crate) fn address_of(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
}

/// The secrets that a request's cookies bring.
fn secrets(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(|line| line.split(';')).filter_map(|it| it.trim().split_once('='));
    cookies.filter(|(name, _)| *name == COOKIE).map(|(_, secret)| secret)
}

/// The name and the password of `Authorization: Basic`.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let bytes = scheme.eq_ignore_ascii_case("basic").then(|| from_base64(text.trim()))??;
    let (name, password) = str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// The cookie of a session, for a browser to keep; without a secret, for it to forget.
pub(crate) fn cookie(secret: Option<&str>, base_path: &BasePath, headers: &HeaderMap) -> String {
    let (secret, seconds) = secret.map_or(("", 0), |secret| (secret, LASTS.as_secs()));
    let path = base_path.folder();
    // Behind TLS, the browser says so itself, and a proxy may.
    let says = |name: &str, start: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.starts_with(start))
    };
    let is_secure = says("origin", "https://") || says("x-forwarded-proto", "https");
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}
