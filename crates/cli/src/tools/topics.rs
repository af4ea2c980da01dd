//! `kafka-topics.sh`: topics created, listed, described, changed, deleted.
//!
//! Kafka: `TopicCommand`.

mod describe;

use ottla_client::{ErrorCode, NewTopic};

use super::{
    Refusal,
    flags::{Flag, Given, number, switch, text},
    kafka_text, target,
};
use crate::output::Out;

pub(super) const ABOUT: &str = "This tool helps to create, delete, describe, or change a topic.";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "server to connect to", "REQUIRED: where a broker is."),
    text("command-config", "file", "Properties of the client."),
    switch("list", "List topics."),
    switch("create", "Create a topic."),
    switch("delete", "Delete topics."),
    switch("alter", "Give topics more partitions."),
    switch("describe", "Show topics in detail."),
    text("topic", "topic", "The topic; other than for --create, a regular expression."),
    text("topic-id", "topic-id", "The id of the topic to describe."),
    text("config", "name=value", "A config of the topic to create."),
    text("delete-config", "name", "No longer supported; see kafka-configs."),
    number("partitions", "# of partitions", "How many partitions the topic has, or is to have."),
    number("replication-factor", "replication factor", "How many copies each partition has."),
    text("replica-assignment", "1:2,2:3", "The brokers of each partition, the leader first."),
    switch("under-replicated-partitions", "Describe only partitions with replicas behind."),
    switch("unavailable-partitions", "Describe only partitions without a leader."),
    switch("under-min-isr-partitions", "Describe only those below min.insync.replicas."),
    switch("at-min-isr-partitions", "Describe only those at min.insync.replicas."),
    switch("topics-with-overrides", "Describe only topics with configs of their own."),
    switch("if-exists", "A topic that does not exist is no failure."),
    switch("if-not-exists", "A topic that exists is no failure."),
    switch("exclude-internal", "Leave Kafka's own topics out."),
    number("partition-size-limit-per-response", "count", "Partitions in one answer."),
];

const ACTIONS: &[&str] = &["list", "describe", "create", "alter", "delete"];
/// Which partitions are described, if not all.
const REPORTS: &[&str] = &[
    "under-replicated-partitions",
    "unavailable-partitions",
    "under-min-isr-partitions",
    "at-min-isr-partitions",
];

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    check(given)?;
    let done = act(given, out).await;
    match done {
        Err(Refusal::Failed(text) | Refusal::Options(text)) => Err(failed(out, &text)),
        done => done,
    }
}

/// What Kafka says to standard output.
pub(super) fn failed(out: &mut Out, text: &str) -> Refusal {
    match out.line(&format!("Error while executing topic command : {text}")) {
        Ok(()) => Refusal::Said(1),
        Err(error) => error.into(),
    }
}

fn check(given: &Given) -> Result<(), Refusal> {
    if given.count(ACTIONS) != 1 {
        let text = "Command must include exactly one action: --list, --describe, --create, \
                    --alter or --delete";
        return Err(Refusal::Usage(text.into()));
    }
    if !given.has("bootstrap-server") {
        return Err(Refusal::Options("--bootstrap-server must be specified".into()));
    }
    if !given.has("list") && !given.has("describe") {
        given.require(&["topic"])?;
    }
    if given.has("alter") {
        if given.has("config") {
            let text = "Option combination \"[bootstrap-server],[config]\" can't be used with option \
                        \"[alter]\" (To alter topic configurations, the kafka-configs tool can be \
                        used.)";
            return Err(Refusal::Usage(text.into()));
        }
        given.require(&["partitions"])?;
    }
    for name in ["config", "partitions", "replica-assignment"] {
        given.exclude(name, &["describe", "list", "delete"])?;
    }
    given.exclude("replication-factor", &["alter", "describe", "list", "delete"])?;
    if given.has("create") {
        given.exclude("replica-assignment", &["partitions", "replication-factor"])?;
    }
    for name in REPORTS {
        given.exclude(name, &["alter", "create", "list", "delete", "topics-with-overrides"])?;
    }
    given.exclude("if-exists", &["create", "list"])?;
    given.exclude("if-not-exists", &["alter", "describe", "list", "delete"])?;
    given.exclude("exclude-internal", &["alter", "create", "delete"])
}

async fn act(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    if given.has("create") {
        return create(given, out).await;
    }
    let client = target::administrator(given).await?;
    let admin = client.admin();
    let wanted = given.value("topic")?;
    let pattern = wanted.map(target::pattern).transpose()?;
    if given.has("describe") {
        return describe::run(given, &admin, out).await;
    }
    let topics = target::topics(&admin, pattern.as_ref(), given.has("exclude-internal")).await?;
    let names: Vec<String> = topics.iter().map(|topic| topic.name.to_string()).collect();
    if given.has("list") {
        return Ok(out.line(&names.join("\n"))?);
    }
    ensure_found(names.is_empty(), wanted, given)?;
    if given.has("alter") {
        let count = given.number::<i32>("partitions")?.unwrap_or_default();
        for name in &names {
            admin.create_partitions(name, count, false).await?;
        }
    } else if !names.is_empty() {
        for (_, result) in admin.delete_topics(&names).await? {
            result?;
        }
    }
    Ok(())
}

/// Refuses when a topic was named that is not there.
fn ensure_found(is_empty: bool, wanted: Option<&str>, given: &Given) -> Result<(), Refusal> {
    match wanted.filter(|_| is_empty && !given.has("if-exists")) {
        None => Ok(()),
        Some(name) => Err(Refusal::Options(format!("Topic '{name}' does not exist as expected"))),
    }
}

async fn create(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    let name = given.value("topic")?.unwrap_or_default();
    let mut topic = NewTopic::new(name);
    if let Some(count) = given.number::<i32>("partitions")? {
        if count < 1 {
            return Err(Refusal::Options("The partitions must be greater than 0".into()));
        }
        topic = topic.partitions(count);
    }
    if let Some(copies) = given.number::<i64>("replication-factor")? {
        let copies = i16::try_from(copies).ok().filter(|copies| *copies >= 1);
        topic = topic.replication_factor(copies.ok_or_else(|| {
            let text = "The replication factor must be between 1 and 32767 inclusive";
            Refusal::Options(text.into())
        })?);
    }
    if let Some(text) = given.value("replica-assignment")? {
        topic = topic.assignments(assignment(text)?);
    }
    for config in given.values("config") {
        let Some((key, value)) = config.split_once('=') else {
            let text = "requirement failed: Invalid topic config: all configs to be added must be \
                        in the format \"key=val\".";
            return Err(Refusal::Options(text.into()));
        };
        topic = topic.config(key.trim(), value.trim());
    }
    if name.contains(['.', '_']) {
        out.line(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or \
             underscore ('_') could collide. To avoid issues it is best to use either, but not \
             both.",
        )?;
    }
    let client = target::administrator(given).await?;
    match client.admin().create_topic(topic).await {
        Ok(_) => Ok(out.line(&format!("Created topic {name}."))?),
        Err(error) => {
            let exists = error.code() == Some(ErrorCode::TopicAlreadyExists);
            if exists && given.has("if-not-exists") {
                return Ok(());
            }
            Err(Refusal::Failed(kafka_text(&error)))
        }
    }
}

/// Reads `1:2,2:3`: the brokers of each partition.
fn assignment(text: &str) -> Result<Vec<Vec<i32>>, Refusal> {
    let mut partitions: Vec<Vec<i32>> = Vec::new();
    for (index, brokers) in text.split(',').enumerate() {
        let number = |id: &str| {
            let id = id.trim();
            id.parse::<i32>().map_err(|_| Refusal::Options(format!("For input string: \"{id}\"")))
        };
        let brokers: Vec<i32> = brokers.split(':').map(number).collect::<Result<_, _>>()?;
        let mut seen = brokers.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() != brokers.len() {
            let text = "Partition replica lists may not contain duplicate entries";
            return Err(Refusal::Failed(text.into()));
        }
        if partitions.first().is_some_and(|first| first.len() != brokers.len()) {
            let text = format!("Partition {index} has different replication factor: {brokers:?}");
            return Err(Refusal::Failed(text));
        }
        partitions.push(brokers);
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_names_the_brokers_of_each_partition() {
        assert_eq!(assignment("1:2, 2:3"), Ok(vec![vec![1, 2], vec![2, 3]]));
        for wrong in ["1:1", "1,2:3", "x"] {
            assert!(assignment(wrong).is_err(), "{wrong}");
        }
    }
}
