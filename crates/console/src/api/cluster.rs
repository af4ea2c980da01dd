//! The cluster at a glance.
//!
//! Kafka: `DescribeCluster`, and MBeans.

use axum::{Json, extract::State};
use ottla_broker::views::{ListenerView, LogDirView, TopicSummary, Views};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    clock::now_ms,
    cluster::{Remote, Source},
    console::Console,
    error::{ApiError, ErrorBody},
    number::{Long, int},
};

/// The cluster at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    cluster_id: String,
    /// `null` from outside of the broker, as all that only it knows.
    broker_id: Option<i32>,
    controller_id: i32,
    /// Of Ottla.
    version: String,
    started_ms: Option<Long>,
    now_ms: Long,
    read_only: bool,
    /// What clients are configured with, where the console is one of them.
    bootstrap: Option<String>,
    listeners: Vec<Listener>,
    counts: Counts,
    /// Bytes of all segments; `null` where nobody tells.
    log_bytes: Option<Long>,
    totals: Option<Totals>,
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
    /// `null` from outside of the broker.
    connections: Option<i32>,
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
#[utoipa::path(get, path = "/overview", tag = "cluster",
    responses((status = 200, body = Overview), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn overview(State(console): State<Console>) -> Result<Json<Overview>, ApiError> {
    match console.source() {
        Source::Own(views) => Ok(Json(own(&console, views))),
        Source::Remote(cluster) => remote(&console, cluster).await.map(Json),
    }
}

fn own(console: &Console, views: &Views) -> Overview {
    let broker = views.broker();
    let topics = views.topics();
    let internal = topics.iter().filter(|topic| topic.name.is_internal()).count();
    let sum = |of: fn(&TopicSummary) -> usize| topics.iter().map(of).sum();
    Overview {
        cluster_id: broker.cluster_id,
        broker_id: Some(broker.broker_id.get()),
        controller_id: broker.broker_id.get(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: Some(broker.started_ms.into()),
        now_ms: now_ms().into(),
        read_only: console.settings().is_read_only,
        bootstrap: None,
        listeners: broker.listeners.into_iter().map(Listener::from).collect(),
        counts: Counts {
            topics: int(topics.len().saturating_sub(internal)),
            internal_topics: int(internal),
            partitions: int(sum(|topic| topic.partitions)),
            offline_partitions: int(sum(|topic| topic.offline_partitions)),
            groups: int(broker.groups),
            connections: Some(int(broker.connections)),
        },
        log_bytes: Some(topics.iter().map(|topic| topic.size_bytes).sum::<u64>().into()),
        totals: Some(Totals {
            bytes_in: broker.bytes_in.into(),
            bytes_out: broker.bytes_out.into(),
            requests: broker.requests.into(),
        }),
        log_dirs: broker.log_dirs.into_iter().map(LogDir::from).collect(),
        not_ready: broker.not_ready.map(str::to_owned),
    }
}

async fn remote(console: &Console, cluster: &Remote) -> Result<Overview, ApiError> {
    let client = console.client().await?;
    let admin = client.admin();
    let described = admin.describe_cluster().await?;
    let topics = admin.list_topics().await?;
    let groups = admin.list_groups().await?;
    let sizes = cluster.sizes(client).await;
    let internal = topics.iter().filter(|topic| topic.is_internal).count();
    let partitions = || topics.iter().flat_map(|topic| topic.partitions.values());
    Ok(Overview {
        cluster_id: described.cluster_id,
        broker_id: None,
        controller_id: described.controller_id.get(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: None,
        now_ms: now_ms().into(),
        read_only: console.settings().is_read_only,
        bootstrap: Some(cluster.bootstrap.clone()),
        listeners: Vec::new(),
        counts: Counts {
            topics: int(topics.len().saturating_sub(internal)),
            internal_topics: int(internal),
            partitions: int(partitions().count()),
            offline_partitions: int(partitions().filter(|it| it.leader.get() < 0).count()),
            groups: int(groups.len()),
            connections: None,
        },
        log_bytes: sizes.map(|sizes| sizes.values().sum::<i64>().into()),
        totals: None,
        log_dirs: Vec::new(),
        not_ready: None,
    })
}
