//! The brokers of the cluster: who they are, how they are configured, and where their data lies.
//!
//! Kafka: `DescribeCluster`, `DescribeConfigs`, `DescribeLogDirs`.

use axum::{Json, extract::State};
use ottla_broker::views::Views;
use ottla_client::{BrokerId, ConfigResource, LogDirPartition};
use serde::Serialize;
use utoipa::ToSchema;

use super::configs::{Configs, ConfigsChange, change, read};
use crate::{
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Body, Named},
    number::{Long, int},
};

/// Partitions of a directory that are named, the largest first.
const LARGEST: usize = 50;

/// The brokers of the cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Brokers {
    brokers: Vec<BrokerRow>,
}

/// A broker.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrokerRow {
    broker_id: i32,
    /// Where clients are told to find it.
    host: String,
    port: i32,
    rack: Option<String>,
    /// Whether it is kept from leading.
    is_fenced: bool,
    is_controller: bool,
    /// Whether it is the one whose console this is.
    is_self: bool,
}

/// The brokers of the cluster.
#[utoipa::path(get, path = "/brokers", tag = "brokers",
    responses((status = 200, body = Brokers), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(State(console): State<Console>) -> Result<Json<Brokers>, ApiError> {
    let cluster = console.admin().await?.describe_cluster().await?;
    let own_id = console.own().ok().map(Views::broker_id);
    let brokers = cluster.brokers.into_iter().map(|it| BrokerRow {
        broker_id: it.broker.id.get(),
        host: it.broker.host,
        port: it.broker.port,
        rack: it.broker.rack,
        is_fenced: it.is_fenced,
        is_controller: it.broker.id == cluster.controller_id,
        is_self: Some(it.broker.id) == own_id,
    });
    Ok(Json(Brokers { brokers: brokers.collect() }))
}

/// The configs of a broker.
#[utoipa::path(get, path = "/brokers/{broker}/config", tag = "brokers",
    params(("broker" = i32, Path)),
    responses((status = 200, body = Configs), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn configs(
    State(console): State<Console>,
    Named(broker): Named<i32>,
) -> Result<Json<Configs>, ApiError> {
    read(&console, &ConfigResource::Broker(Some(BrokerId(broker)))).await
}

/// Changes configs of a broker.
#[utoipa::path(patch, path = "/brokers/{broker}/config", tag = "brokers",
    params(("broker" = i32, Path)), request_body = ConfigsChange,
    responses((status = 200, body = Configs), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn alter_configs(
    State(console): State<Console>,
    Named(broker): Named<i32>,
    Body(body): Body<ConfigsChange>,
) -> Result<Json<Configs>, ApiError> {
    change(&console, &ConfigResource::Broker(Some(BrokerId(broker))), body).await
}

/// The data directories of a broker.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BrokerLogDirs {
    dirs: Vec<BrokerLogDir>,
}

/// A data directory of a broker.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrokerLogDir {
    path: String,
    is_online: bool,
    /// Bytes of the volume.
    total_bytes: Option<Long>,
    /// Bytes free on the volume.
    usable_bytes: Option<Long>,
    /// Replicas in it; of a directory that is offline only the broker's own console knows them.
    partitions: i32,
    /// Bytes of their logs.
    size_bytes: Long,
    /// The largest of them, at most 50.
    largest: Vec<BrokerReplica>,
}

/// A replica in a directory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrokerReplica {
    topic: String,
    partition: i32,
    size_bytes: Long,
    /// How far it is behind, in offsets.
    offset_lag: Long,
    /// Whether it is a copy that will take the place of another.
    is_future: bool,
}

/// The data directories of a broker, with what lies in them.
#[utoipa::path(get, path = "/brokers/{broker}/log-dirs", tag = "brokers",
    params(("broker" = i32, Path)),
    responses((status = 200, body = BrokerLogDirs), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn log_dirs(
    State(console): State<Console>,
    Named(broker): Named<i32>,
) -> Result<Json<BrokerLogDirs>, ApiError> {
    let described = console.admin().await?.describe_log_dirs(BrokerId(broker)).await?;
    let known = |bytes: i64| (bytes >= 0).then(|| bytes.into());
    let mut dirs: Vec<BrokerLogDir> = described
        .into_iter()
        .map(|dir| BrokerLogDir {
            path: dir.path,
            is_online: dir.error.is_none(),
            total_bytes: known(dir.total_bytes),
            usable_bytes: known(dir.usable_bytes),
            partitions: int(dir.partitions.len()),
            size_bytes: dir.partitions.iter().map(|it| it.size.max(0)).sum::<i64>().into(),
            largest: largest(dir.partitions),
        })
        .collect();
    if let Ok(own) = console.own()
        && own.broker_id() == BrokerId(broker)
    {
        // What lies in a directory that has failed is in no answer of the broker's.
        let known = own.broker().log_dirs;
        for dir in dirs.iter_mut().filter(|dir| !dir.is_online) {
            let replicas = known.iter().find(|it| it.path == dir.path).map(|it| it.replicas);
            dir.partitions = replicas.map_or(0, int);
        }
    }
    Ok(Json(BrokerLogDirs { dirs }))
}

fn largest(mut partitions: Vec<LogDirPartition>) -> Vec<BrokerReplica> {
    partitions.sort_by_key(|it| std::cmp::Reverse(it.size));
    let largest = partitions.into_iter().take(LARGEST).map(|it| BrokerReplica {
        topic: it.topic,
        partition: it.partition,
        size_bytes: it.size.into(),
        offset_lag: it.offset_lag.into(),
        is_future: it.is_future,
    });
    largest.collect()
}
