//! `cluster`: who is in it, and what it holds.

use clap::Subcommand;
use ottla_client::{ErrorCode, LogDir};

use super::topic::{count, finish};
use crate::{
    exit::Outcome,
    output::{Column, Report, Value, column, wide},
    session::Session,
};

/// The cluster
#[derive(Subcommand, Clone, Debug)]
pub enum ClusterCommand {
    /// Show brokers, controller, and how much they hold
    #[command(alias = "describe")]
    Info,
}

const BROKERS: &[Column] = &[
    column("brokerId", "BROKER"),
    column("host", "HOST"),
    column("port", "PORT"),
    column("role", "ROLE"),
    wide("rack", "RACK"),
    column("partitions", "PARTITIONS"),
    column("leaders", "LEADERS"),
    column("bytes", "BYTES"),
    wide("logDirs", "LOG DIRS"),
];

impl ClusterCommand {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Info => info(session).await,
        }
    }
}

async fn info(session: &mut Session) -> Outcome {
    let client = session.client().await?;
    let admin = client.admin();
    let cluster = admin.describe_cluster().await?;
    let topics = admin.list_topics().await?;
    let groups = admin.list_groups().await;
    let versions = client.api_versions().await?;
    let mut report = Report::details("Cluster", "brokers", BROKERS);
    let (mut brokers, mut offline) = (Vec::new(), Vec::new());
    for it in &cluster.brokers {
        let id = it.broker.id;
        let dirs = match admin.describe_log_dirs(id).await {
            Ok(dirs) => Some(dirs),
            Err(error) => {
                session.explain(&format!("broker {id}: {error}"));
                None
            }
        };
        let bytes = dirs
            .as_ref()
            .map(|dirs| dirs.iter().flat_map(|dir| &dir.partitions).map(|it| it.size).sum::<i64>());
        let paths = dirs.iter().flatten().map(|dir| Value::text(&dir.path));
        offline.extend(dirs.iter().flatten().filter_map(failed));
        let partitions = || topics.iter().flat_map(|topic| topic.partitions.values());
        let held = partitions().filter(|it| it.replicas.contains(&id)).count();
        let led = partitions().filter(|it| it.leader == id).count();
        let role = match (it.is_fenced, id == cluster.controller_id) {
            (true, _) => "fenced",
            (false, true) => "controller",
            (false, false) => "broker",
        };
        brokers.push(Value::Object(vec![
            ("brokerId", Value::Int(id.0.into())),
            ("host", Value::text(&it.broker.host)),
            ("port", Value::Int(it.broker.port.into())),
            ("role", Value::text(role)),
            ("rack", Value::optional(it.broker.rack.as_deref())),
            ("partitions", Value::Int(count(held))),
            ("leaders", Value::Int(count(led))),
            ("bytes", bytes.map_or(Value::Null, Value::Int)),
            ("logDirs", Value::List(paths.collect())),
        ]));
    }
    let own = topics.iter().filter(|topic| !topic.is_internal);
    report.push(vec![
        ("clusterId", Value::text(&cluster.cluster_id)),
        ("controllerId", Value::Int(cluster.controller_id.0.into())),
        ("brokerCount", Value::Int(count(cluster.brokers.len()))),
        ("topicCount", Value::Int(count(own.clone().count()))),
        ("partitionCount", Value::Int(count(own.map(|topic| topic.partitions.len()).sum()))),
        ("groupCount", groups.map_or(Value::Null, |groups| Value::Int(count(groups.len())))),
        ("apiCount", Value::Int(count(versions.len()))),
        ("brokers", Value::List(brokers)),
        ("offlineLogDirs", Value::List(offline)),
    ]);
    finish(session, &report)
}

/// A directory that its broker cannot describe, and why.
fn failed(dir: &LogDir) -> Option<Value> {
    let error = dir.error.as_ref()?;
    Some(Value::Object(vec![
        ("brokerId", Value::Int(dir.broker_id.0.into())),
        ("logDir", Value::text(&dir.path)),
        ("error", Value::optional(error.code().map(ErrorCode::name))),
    ]))
}
