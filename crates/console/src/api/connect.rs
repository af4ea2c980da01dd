//! How clients reach the broker, and why one may not.
//!
//! Kafka: none; what `advertised.listeners` comes to.

use std::time::{Duration, Instant};

use axum::{Json, extract::State};
use ottla_broker::views::{BrokerView, ConnectionView, Event as Entry, ListenerView, Views};
use serde::Serialize;
use tokio::net::{TcpStream, lookup_host};
use utoipa::ToSchema;

use super::{cluster::Listener, events::said};
use crate::{
    console::Console,
    error::{ApiError, ErrorBody},
    number::Long,
};

/// How long the broker may take to reach itself.
const REACH: Duration = Duration::from_secs(1);

/// Attempts that are shown.
const ATTEMPTS_MAX: usize = 50;

/// Answers to Metadata that are shown.
const ANSWERS_MAX: usize = 20;

/// Free room below which a disk is said to be nearly full, in percent.
const ROOM_PERCENT: u64 = 5;

/// How clients reach the broker, and why one may not.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connect {
    listeners: Vec<ConnectListener>,
    checks: Vec<Check>,
    /// Newest first.
    attempts: Vec<Attempt>,
    /// Newest first.
    metadata_answers: Vec<MetadataAnswer>,
    places: Vec<Place>,
}

/// A listener, and whether what it advertises leads back to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectListener {
    #[serde(flatten)]
    listener: Listener,
    /// What a client on this machine is configured with.
    bootstrap: String,
    check: Reached,
}

/// Whether an address leads somewhere, seen from the broker.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Reached {
    /// The addresses behind the name.
    resolves: Vec<String>,
    reachable: bool,
    /// How long that took.
    ms: Option<i32>,
    error: Option<String>,
}

/// Something that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    id: String,
    title: String,
    state: CheckState,
    text: String,
    /// What to do about it.
    fix: Option<String>,
}

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckState {
    Pass,
    Warn,
    Fail,
}

/// Somebody who connected, or tried to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    /// When it began, or ended.
    time_ms: Long,
    remote: String,
    local: Option<String>,
    listener: String,
    client_id: Option<String>,
    software_name: Option<String>,
    software_version: Option<String>,
    outcome: Outcome,
    text: String,
    /// How long it lasted.
    ms: Option<Long>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It is connected.
    Open,
    /// It has left in order.
    Closed,
    /// There were too many.
    Refused,
    TlsOnPlaintext,
    HttpOnKafka,
    UnsupportedVersion,
    NotKafka,
    Failed,
}

/// What a client was told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataAnswer {
    time_ms: Long,
    remote: Option<String>,
    listener: String,
    client_id: Option<String>,
    /// The address of the broker that it was told.
    broker: String,
}

/// Where a client may be, and what it is configured with there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Place {
    /// `host`, `container`, `docker-desktop`, `lan` or `kubernetes`.
    id: String,
    title: String,
    bootstrap: String,
    /// Whether that can work with the listeners as they are.
    works: bool,
    why: Option<String>,
    fix: Option<String>,
}

/// How clients reach the broker, and why one may not.
#[utoipa::path(get, path = "/connect", tag = "clients",
    responses((status = 200, body = Connect), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn connect(State(console): State<Console>) -> Result<Json<Connect>, ApiError> {
    let views = console.own()?;
    let broker = views.broker();
    let mut listeners = Vec::new();
    let mut checks = Vec::new();
    for view in broker.listeners.clone() {
        let (host, port) = told(&view);
        let check = reach(&host, port).await;
        checks.push(check_of(&view, &host, port, &check));
        listeners.push(ConnectListener {
            bootstrap: format!("{}:{}", shown(&host), port),
            listener: view.into(),
            check,
        });
    }
    checks.extend(checks_of(&broker));
    let answers = views.last_events(ANSWERS_MAX, |entry| entry.kind == "metadata.answered");
    Ok(Json(Connect {
        places: places(&broker.listeners),
        listeners,
        checks,
        attempts: attempts(views),
        metadata_answers: answers
            .iter()
            .map(|entry| MetadataAnswer::from(entry.as_ref()))
            .collect(),
    }))
}

fn is_any(host: &str) -> bool {
    matches!(host, "" | "0.0.0.0" | "::")
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// What a client on this machine is told by a listener.
fn told(view: &ListenerView) -> (String, u16) {
    let (host, port) = view.advertised.clone().unwrap_or((view.host.clone(), view.port));
    let host =
        if view.advertised.is_none() && is_any(&host) { "localhost".to_owned() } else { host };
    (host, port)
}

/// A host as it stands before a port.
fn shown(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

async fn reach(host: &str, port: u16) -> Reached {
    let began = Instant::now();
    let addresses = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect::<Vec<_>>(),
        Err(error) => return Reached { error: Some(error.to_string()), ..Reached::default() },
    };
    let resolves = addresses.iter().map(|it| it.ip().to_string()).collect();
    let connected = tokio::time::timeout(REACH, TcpStream::connect(&*addresses)).await;
    let error = match connected {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {} s", REACH.as_secs())),
    };
    let ms = i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX);
    Reached { resolves, reachable: error.is_none(), ms: Some(ms), error }
}

fn check_of(view: &ListenerView, host: &str, port: u16, reached: &Reached) -> Check {
    let name = &view.name;
    let address = format!("{}:{port}", shown(host));
    let (state, text, fix) = if view.advertised.is_some() && is_any(host) {
        let fix = format!(
            "advertise a name that clients know: advertised.listeners={name}://HOST:{port}"
        );
        let text = format!("clients are told {address}, which is no address to connect to");
        (CheckState::Fail, text, Some(fix))
    } else if reached.reachable {
        (CheckState::Pass, format!("{address} leads here"), None)
    } else {
        let why = reached.error.clone().unwrap_or_default();
        let fix = format!(
            "let {host} lead to this machine where clients are, or change advertised.listeners"
        );
        // A name that only clients know may be right all the same.
        let text = format!("clients are told {address}, which this machine cannot reach: {why}");
        (CheckState::Warn, text, Some(fix))
    };
    let title = format!("Listener {name} can be reached by what it advertises");
    Check { id: format!("listener.{}", name.to_lowercase()), title, state, text, fix }
}

fn checks_of(broker: &BrokerView) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add =
        |id: &str, title: &str, problem: Option<(CheckState, String, &str)>, fine: &str| {
            let (state, text, fix) = match problem {
                Some((state, text, fix)) => (state, text, Some(fix.to_owned())),
                None => (CheckState::Pass, fine.to_owned(), None),
            };
            checks.push(Check { id: id.to_owned(), title: title.to_owned(), state, text, fix });
        };
    let only_local = broker.listeners.iter().all(|it| is_loopback(&it.host));
    let problem = only_local.then(|| {
        let text = "every listener is bound to this machine's loopback address".to_owned();
        (CheckState::Warn, text, "start with --listen 0.0.0.0:9092, if others are to connect")
    });
    add(
        "reach.others",
        "Other machines and containers can connect",
        problem,
        "a listener takes them",
    );
    let problem = broker.not_ready.map(|why| {
        (CheckState::Fail, format!("the broker is not ready: {why}"), "wait, or look into its log")
    });
    add("ready", "The broker is ready", problem, "it serves");
    let offline: Vec<&str> =
        broker.log_dirs.iter().filter(|it| !it.is_online).map(|it| it.path.as_str()).collect();
    let problem = (!offline.is_empty()).then(|| {
        let text = format!("offline: {}", offline.join(", "));
        (CheckState::Fail, text, "mend the disk, and start the broker again")
    });
    add("disk.online", "Every data directory works", problem, "all of them do");
    let full = broker.log_dirs.iter().find(|it| match (it.usable_bytes, it.total_bytes) {
        (Some(usable), Some(total)) => {
            usable.saturating_mul(100) < total.saturating_mul(ROOM_PERCENT)
        }
        _ => false,
    });
    let problem = full.map(|it| {
        let text = format!("less than {ROOM_PERCENT} % are free where {} lies", it.path);
        (CheckState::Warn, text, "make room, or shorten retention.ms or retention.bytes")
    });
    add("disk.room", "There is room on the disks", problem, "there is");
    checks
}

fn attempts(views: &Views) -> Vec<Attempt> {
    let ended = views.last_events(ATTEMPTS_MAX, |entry| {
        matches!(entry.kind, "connection.closed" | "connection.failed" | "connection.refused")
    });
    let mut attempts: Vec<(i64, Attempt)> =
        ended.iter().map(|entry| (entry.time_ms, Attempt::from(entry.as_ref()))).collect();
    let open = views.connections().into_iter().rev().take(ATTEMPTS_MAX);
    attempts.extend(open.map(|view| (view.opened_ms, Attempt::from(view))));
    attempts.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    attempts.into_iter().take(ATTEMPTS_MAX).map(|(_, attempt)| attempt).collect()
}

impl From<ConnectionView> for Attempt {
    fn from(view: ConnectionView) -> Self {
        Self {
            time_ms: view.opened_ms.into(),
            remote: view.remote.to_string(),
            local: Some(view.local.to_string()),
            listener: view.listener.to_string(),
            client_id: view.client_id,
            software_name: view.software_name,
            software_version: view.software_version,
            outcome: Outcome::Open,
            text: "connected".to_owned(),
            ms: None,
        }
    }
}

impl From<&Entry> for Attempt {
    fn from(entry: &Entry) -> Self {
        let own = |name| said(entry, name).map(str::to_owned);
        let reason = own("reason");
        let outcome = match entry.kind {
            "connection.closed" => Outcome::Closed,
            "connection.refused" => Outcome::Refused,
            _ => outcome_of(reason.as_deref().unwrap_or_default()),
        };
        Self {
            time_ms: entry.time_ms.into(),
            remote: entry.remote.map(|it| it.to_string()).unwrap_or_default(),
            local: own("local"),
            listener: own("listener").unwrap_or_default(),
            client_id: entry.client_id.clone(),
            software_name: own("software"),
            software_version: own("version"),
            outcome,
            text: reason.unwrap_or_else(|| "disconnected".to_owned()),
            ms: said(entry, "ms").and_then(|it| it.parse().ok()),
        }
    }
}

/// What kind of failure the broker's own words describe.
fn outcome_of(reason: &str) -> Outcome {
    if reason.contains("TLS") {
        Outcome::TlsOnPlaintext
    } else if reason.contains("HTTP") {
        Outcome::HttpOnKafka
    } else if reason.contains("unsupported version") {
        Outcome::UnsupportedVersion
    } else if reason.contains("unknown API key") || reason.contains("header cannot be read") {
        Outcome::NotKafka
    } else {
        Outcome::Failed
    }
}

impl From<&Entry> for MetadataAnswer {
    fn from(entry: &Entry) -> Self {
        let own = |name| said(entry, name).unwrap_or_default().to_owned();
        Self {
            time_ms: entry.time_ms.into(),
            remote: entry.remote.map(|it| it.to_string()),
            listener: own("listener"),
            client_id: entry.client_id.clone(),
            broker: own("broker"),
        }
    }
}

fn places(listeners: &[ListenerView]) -> Vec<Place> {
    let first = listeners.first();
    let port = first.map_or(9092, |it| it.port);
    let open = listeners.iter().find(|it| !is_loopback(&it.host));
    // A client that is told localhost by an advertised listener comes back to itself.
    let misled = open.and_then(|it| it.advertised.as_ref()).filter(|(host, _)| is_loopback(host));
    let trouble = match (open, misled) {
        (None, _) => Some((
            "the broker listens on this machine's loopback address only".to_owned(),
            format!("start it with --listen 0.0.0.0:{port}"),
        )),
        (_, Some((host, port))) => Some((
            format!("the broker tells clients {host}:{port}, which is the client's own machine"),
            "leave advertised.listeners out: clients are told the address they came in by"
                .to_owned(),
        )),
        _ => None,
    };
    let port = open.map_or(port, |it| it.port);
    let place = |id: &str, title: &str, bootstrap: String| {
        let (why, fix) = trouble.clone().unzip();
        Place { id: id.into(), title: title.into(), bootstrap, works: trouble.is_none(), why, fix }
    };
    let own = first.map_or_else(|| ("localhost".to_owned(), port), told);
    vec![
        Place {
            id: "host".into(),
            title: "This machine".into(),
            bootstrap: format!("{}:{}", shown(&own.0), own.1),
            works: first.is_some(),
            why: None,
            fix: None,
        },
        place("container", "Another container of the same network", format!("broker:{port}")),
        place(
            "docker-desktop",
            "The host of Docker Desktop",
            format!("host.docker.internal:{port}"),
        ),
        place("lan", "Another computer", format!("THIS-MACHINE:{port}")),
        place("kubernetes", "Kubernetes", format!("SERVICE.NAMESPACE.svc:{port}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(host: &str, advertised: Option<(&str, u16)>) -> ListenerView {
        ListenerView {
            name: "PLAINTEXT".into(),
            protocol: "PLAINTEXT",
            host: host.into(),
            port: 9092,
            advertised: advertised.map(|(host, port)| (host.to_owned(), port)),
        }
    }

    fn container(view: ListenerView) -> Place {
        places(&[view]).into_iter().find(|it| it.id == "container").unwrap()
    }

    #[test]
    fn a_container_reaches_what_is_open_and_not_told_as_localhost() {
        assert!(container(listener("0.0.0.0", None)).works);
        assert!(container(listener("0.0.0.0", Some(("broker", 9092)))).works);
        let local = container(listener("localhost", None));
        assert!(!local.works && local.why.unwrap().contains("loopback"));
        let misled = container(listener("0.0.0.0", Some(("localhost", 9092))));
        assert!(!misled.works && misled.why.unwrap().contains("own machine"));
    }

    #[test]
    fn failures_are_called_by_their_names() {
        for (reason, wanted) in [
            ("it looks like TLS", Outcome::TlsOnPlaintext),
            ("it looks like HTTP", Outcome::HttpOnKafka),
            ("request for Fetch in unsupported version 99", Outcome::UnsupportedVersion),
            ("request for unknown API key 999", Outcome::NotKafka),
            ("else", Outcome::Failed),
        ] {
            assert_eq!(outcome_of(reason), wanted, "{reason}");
        }
    }
}
