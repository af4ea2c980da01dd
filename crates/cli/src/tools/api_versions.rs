//! `kafka-broker-api-versions.sh`: what each broker speaks.
//!
//! Kafka: `BrokerApiVersionsCommand`.

use std::{collections::BTreeMap, ops::RangeInclusive};

use ottla_client::Broker;
use ottla_wire::ApiKey;

use super::{
    Refusal,
    flags::{Flag, Given, text},
    target,
};
use crate::output::Out;

pub(super) const ABOUT: &str = "This tool helps to retrieve broker version information.";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "server to connect to", "REQUIRED: where a broker is."),
    text("command-config", "file", "Properties of the client."),
];

/// What only brokers and controllers ask each other.
const AMONG_BROKERS: &[ApiKey] = &[
    ApiKey::Vote,
    ApiKey::BeginQuorumEpoch,
    ApiKey::EndQuorumEpoch,
    ApiKey::AlterPartition,
    ApiKey::Envelope,
    ApiKey::FetchSnapshot,
    ApiKey::BrokerRegistration,
    ApiKey::BrokerHeartbeat,
    ApiKey::AllocateProducerIds,
    ApiKey::ControllerRegistration,
    ApiKey::AssignReplicasToDirs,
    ApiKey::UpdateRaftVoter,
];

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    given.require(&["bootstrap-server"])?;
    let client = target::administrator(given).await?;
    let cluster = client.admin().describe_cluster().await?;
    for described in cluster.brokers {
        let head = headline(&described.broker, described.is_fenced);
        match client.api_versions_of(described.broker.id).await {
            Ok(offered) => {
                out.line(&format!("{head} -> ("))?;
                out.line(&lines(&offered).join(",\n"))?;
                out.line(")")?;
            }
            Err(error) => out.line(&format!("{head} -> ERROR: {}", super::exception(&error)))?,
        }
    }
    Ok(())
}

fn headline(broker: &Broker, is_fenced: bool) -> String {
    let rack = broker.rack.as_deref().unwrap_or("null");
    let Broker { id, host, port, .. } = broker;
    format!("{host}:{port} (id: {id} rack: {rack} isFenced: {is_fenced})")
}

/// A line for each API that is for clients, and for those that only the broker knows.
fn lines(offered: &BTreeMap<i16, RangeInclusive<i16>>) -> Vec<String> {
    let known = ApiKey::ALL.iter().filter(|api| !AMONG_BROKERS.contains(api));
    let known = known.map(|api| (api.code(), api.name().to_owned(), Some(api.kafka_versions())));
    let is_known = |key: &i16| ApiKey::ALL.iter().any(|api| api.code() == *key);
    let foreign = offered.keys().filter(|key| !is_known(key));
    let foreign = foreign.map(|key| (*key, "UNKNOWN".to_owned(), None));
    let mut all: Vec<_> = known.chain(foreign).collect();
    all.sort_by_key(|(key, _, _)| *key);
    let line = |(key, name, ours): (i16, String, Option<RangeInclusive<i16>>)| {
        let Some(theirs) = offered.get(&key) else {
            return format!("\t{name}({key}): UNSUPPORTED");
        };
        let range = match (theirs.start(), theirs.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first} to {last}"),
        };
        let usable = ours.and_then(|ours| {
            let last = *ours.end().min(theirs.end());
            (last >= *ours.start().max(theirs.start())).then_some(last)
        });
        let usable =
            usable.map_or_else(|| "unsupported".to_owned(), |last| format!("usable: {last}"));
        format!("\t{name}({key}): {range} [{usable}]")
    };
    all.into_iter().map(line).collect()
}
