//! The cluster at a glance.
//!
//! Kafka: `DescribeCluster`, and MBeans.

use axum::{Json, extract::State};
use ottla_broker::views::{ListenerView, LogDirView};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    clock::now_ms,
    console::Console,
    number::{Long, int},
};

/// The cluster at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    cluster_id: String,
    broker_id: i32,
    controller_id: i32,
    /// Of Ottla.
    version: String,
    started_ms: Long,
    now_ms: Long,
    read_only: bool,
    listeners: Vec<Listener>,
    counts: Counts,
    /// Bytes of all segments.
    log_bytes: Long,
    totals: Totals,
    log_dirs: Vec<LogDir>,
    /// Why the broker is not ready, if it is not.
    not_ready: Option<String>,
}

/// A listener of the broker.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listener {
    name: String,
    /// Kafka's word: `PLAINTEXT`, `SSL` …
    protocol: String,
    /// Empty: every interface.
    host: String,
    port: i32,
    /// What clients are told; `null`: the address that they came in by.
    advertised_host: Option<String>,
    advertised_port: Option<i32>,
    /// Whether `advertised.listeners` says it.
    is_advertised_set: bool,
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    topics: i32,
    internal_topics: i32,
    partitions: i32,
    offline_partitions: i32,
    groups: i32,
    connections: i32,
}

/// Sums since the start.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Totals {
    /// Bytes of requests.
    bytes_in: Long,
    /// Bytes of responses.
    bytes_out: Long,
    requests: Long,
}

/// A data directory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogDir {
    path: String,
    is_online: bool,
    /// Bytes of the volume.
    total_bytes: Option<Long>,
    /// Bytes free on the volume.
    usable_bytes: Option<Long>,
    /// Replicas in it.
    partitions: i32,
}

impl From<ListenerView> for Listener {
    fn from(view: ListenerView) -> Self {
        let is_any = matches!(view.host.as_str(), "" | "0.0.0.0" | "::");
        let is_advertised_set = view.advertised.is_some();
        let told = view.advertised.or_else(|| (!is_any).then(|| (view.host.clone(), view.port)));
        let (advertised_host, advertised_port) = told.unzip();
        Self {
            name: view.name,
            protocol: view.protocol.to_owned(),
            host: view.host,
            port: view.port.into(),
            advertised_host,
            advertised_port: advertised_port.map(i32::from),
            is_advertised_set,
        }
    }
}

impl From<LogDirView> for LogDir {
    fn from(view: LogDirView) -> Self {
        Self {
            path: view.path,
            is_online: view.is_online,
            total_bytes: view.total_bytes.map(Long::from),
            usable_bytes: view.usable_bytes.map(Long::from),
            partitions: int(view.replicas),
        }
    }
}

/// The cluster at a glance.
#[utoipa::path(get, path = "/overview", tag = "cluster", responses((status = 200, body = Overview)))]
pub(crate) async fn overview(State(console): State<Console>) -> Json<Overview> {
    let broker = console.views().broker();
    let topics = console.views().topics();
    let internal = topics.iter().filter(|topic| topic.name.is_internal()).count();
    let sum = |of: fn(&ottla_broker::views::TopicSummary) -> usize| topics.iter().map(of).sum();
    Json(Overview {
        cluster_id: broker.cluster_id,
        broker_id: broker.broker_id.get(),
        controller_id: broker.broker_id.get(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: broker.started_ms.into(),
        now_ms: now_ms().into(),
        read_only: console.settings().is_read_only,
        listeners: broker.listeners.into_iter().map(Listener::from).collect(),
        counts: Counts {
            topics: int(topics.len().saturating_sub(internal)),
            internal_topics: int(internal),
            partitions: int(sum(|topic| topic.partitions)),
            offline_partitions: int(sum(|topic| topic.offline_partitions)),
            groups: int(broker.groups),
            connections: int(broker.connections),
        },
        log_bytes: topics.iter().map(|topic| topic.size_bytes).sum::<u64>().into(),
        totals: Totals {
            bytes_in: broker.bytes_in.into(),
            bytes_out: broker.bytes_out.into(),
            requests: broker.requests.into(),
        },
        log_dirs: broker.log_dirs.into_iter().map(LogDir::from).collect(),
        not_ready: broker.not_ready.map(str::to_owned),
    })
}
