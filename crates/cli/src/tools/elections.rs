//! `kafka-leader-election.sh`: leaders elected.
//!
//! Kafka: `LeaderElectionCommand`.

use ottla_client::{Election, ErrorCode};

use super::{
    Refusal,
    delete_records::{partitions, read},
    exception,
    flags::{Flag, Given, switch, text},
    target,
};
use crate::output::{Out, note};

pub(super) const ABOUT: &str = "This tool attempts to elect a new leader for a set of topic \
                                partitions. The type of elections supported are preferred replicas \
                                and unclean replicas.";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "host:port", "REQUIRED: where a broker is."),
    text("command-config", "file", "Properties of the client."),
    text("admin.config", "file", "The same as --command-config."),
    text("election-type", "type", "REQUIRED: preferred or unclean."),
    text("topic", "topic name", "The topic, with --partition."),
    text("partition", "partition id", "The partition, with --topic."),
    switch("all-topic-partitions", "All partitions that need an election."),
    text("path-to-json-file", "path", "A file of partitions."),
];

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    given.require(&["bootstrap-server", "election-type"])?;
    if given.count(&["topic", "all-topic-partitions", "path-to-json-file"]) != 1 {
        let text = "One and only one of the following options is required: topic, \
                    all-topic-partitions, path-to-json-file";
        return Err(Refusal::Options(text.into()));
    }
    let kind = given.value("election-type")?.unwrap_or_default();
    let election = match kind.to_ascii_lowercase().as_str() {
        "preferred" => Election::Preferred,
        "unclean" => Election::Unclean,
        _ => {
            let text = format!("Cannot parse argument '{kind}' of option election-type");
            return Err(Refusal::Options(text));
        }
    };
    let wanted = wanted(given)?;
    let client = target::administrator(given).await?;
    let results = client.admin().elect_leaders(election, wanted.as_deref()).await?;
    let name = if election == Election::Preferred { "PREFERRED" } else { "UNCLEAN" };
    let (mut elected, mut unneeded, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for ((topic, partition), result) in results {
        let place = format!("{topic}-{partition}");
        match result {
            Ok(()) => elected.push(place),
            Err(error) if error.code() == Some(ErrorCode::ElectionNotNeeded) => {
                unneeded.push(place);
            }
            Err(error) => failed.push((place, error)),
        }
    }
    if !elected.is_empty() {
        let places = elected.join(", ");
        out.line(&format!(
            "Successfully completed leader election ({name}) for partitions {places}"
        ))?;
    }
    if !unneeded.is_empty() {
        let places = unneeded.join(", ");
        out.line(&format!("Valid replica already elected for partitions {places}"))?;
    }
    for (place, error) in &failed {
        let why = exception(error);
        let text =
            format!("Error completing leader election ({name}) for partition: {place}: {why}");
        out.line(&text)?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    out.flush()?;
    note(&format!("{} replica(s) could not be elected", failed.len()));
    Err(Refusal::Said(1))
}

fn wanted(given: &Given) -> Result<Option<Vec<(String, i32)>>, Refusal> {
    if let Some(path) = given.value("path-to-json-file")? {
        let file = read(path)?;
        let list = partitions(&file)?;
        return Ok(Some(list.into_iter().map(|(topic, it, _)| (topic, it)).collect()));
    }
    match given.value("topic")? {
        None => Ok(None),
        Some(topic) => {
            let Some(partition) = given.value("partition")? else {
                return Err(Refusal::Options("Missing required option(s): partition".into()));
            };
            let partition = partition.parse().map_err(|_| {
                let text = format!("Cannot parse argument '{partition}' of option partition");
                Refusal::Options(text)
            })?;
            Ok(Some(vec![(topic.to_owned(), partition)]))
        }
    }
}
