//! `kafka-log-dirs.sh`: how large partitions are on brokers' disks.
//!
//! Kafka: `LogDirsCommand`.

use std::collections::BTreeMap;

use ottla_client::{BrokerId, Error, LogDir};
use serde_json::Value as Json;

use super::{
    Refusal, exceptions,
    flags::{Flag, Given, switch, text},
    target,
};
use crate::output::Out;

pub(super) const ABOUT: &str =
    "This tool helps to query log directory usage on the specified brokers.";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "server(s)", "REQUIRED: where brokers are."),
    text("command-config", "file", "Properties of the client."),
    switch("describe", "Describe the directories."),
    text("topic-list", "topics", "Only these topics, with commas between them."),
    text("broker-list", "brokers", "Only these brokers, with commas between them."),
];

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    given.require(&["bootstrap-server", "describe"])?;
    let client = target::administrator(given).await?;
    let admin = client.admin();
    let there: Vec<BrokerId> =
        admin.describe_cluster().await?.brokers.iter().map(|it| it.broker.id).collect();
    let wanted = brokers(given.value("broker-list")?, &there)?;
    let topics = given.value("topic-list")?.filter(|topics| !topics.is_empty());
    let topics: Option<Vec<&str>> = topics.map(|topics| topics.split(',').collect());
    out.line("Querying brokers for log directories information")?;
    let mut described: BTreeMap<BrokerId, Vec<LogDir>> = BTreeMap::new();
    for broker in wanted {
        described.insert(broker, admin.describe_log_dirs(broker).await?);
    }
    out.line(&format!(
        "Received log directory information from brokers {}",
        list(described.keys())
    ))?;
    Ok(out.line(&text_of(&described, topics.as_deref()))?)
}

fn list<'a>(brokers: impl Iterator<Item = &'a BrokerId>) -> String {
    brokers.map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn brokers(wanted: Option<&str>, there: &[BrokerId]) -> Result<Vec<BrokerId>, Refusal> {
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
        return Ok(there.to_vec());
    };
    let number = |id: &str| {
        let wrong = |_| Refusal::Failed(format!("For input string: \"{id}\""));
        id.trim().parse().map(BrokerId).map_err(wrong)
    };
    let wanted: Vec<BrokerId> = wanted.split(',').map(number).collect::<Result<_, _>>()?;
    let missing: Vec<&BrokerId> = wanted.iter().filter(|id| !there.contains(id)).collect();
    if missing.is_empty() {
        return Ok(wanted);
    }
    Err(Refusal::Failed(format!(
        "ERROR: The given brokers do not exist from --broker-list: {}. Current existent brokers: {}",
        list(missing.into_iter()),
        list(there.iter())
    )))
}

/// One line of JSON, with its fields in Kafka's order.
fn text_of(described: &BTreeMap<BrokerId, Vec<LogDir>>, topics: Option<&[&str]>) -> String {
    let is_wanted = |topic: &str| topics.is_none_or(|topics| topics.contains(&topic));
    let dir = |dir: &LogDir| {
        let partitions = dir.partitions.iter().filter(|it| is_wanted(&it.topic)).map(|it| {
            let name = json(format!("{}-{}", it.topic, it.partition));
            let (size, lag, is_future) = (it.size, it.offset_lag, it.is_future);
            format!(
                "{{\"partition\":{name},\"size\":{size},\"offsetLag\":{lag},\"isFuture\":{is_future}}}"
            )
        });
        let partitions: Vec<String> = partitions.collect();
        let code = dir.error.as_ref().and_then(Error::code);
        let error = code.map_or(Json::Null, |code| json(exceptions::class(code)));
        let path = json(&dir.path);
        format!("{{\"partitions\":[{}],\"error\":{error},\"logDir\":{path}}}", partitions.join(","))
    };
    let brokers = described.iter().map(|(broker, dirs)| {
        let dirs: Vec<String> = dirs.iter().map(dir).collect();
        format!("{{\"broker\":{broker},\"logDirs\":[{}]}}", dirs.join(","))
    });
    let brokers: Vec<String> = brokers.collect();
    format!("{{\"brokers\":[{}],\"version\":1}}", brokers.join(","))
}

/// A text as JSON.
fn json(text: impl Into<String>) -> Json {
    Json::String(text.into())
}
