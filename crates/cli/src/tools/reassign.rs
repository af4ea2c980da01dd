//! `kafka-reassign-partitions.sh`: partitions given other replicas.
//!
//! Throttles, and moves between directories of a broker, are refused.
//! Kafka: `ReassignPartitionsCommand`.

mod plan;

use std::collections::BTreeMap;

use ottla_client::{Admin, BrokerId, ErrorCode};

use super::{
    Refusal,
    flags::{Flag, Given, number, switch, text},
    kafka_text, target,
};
use crate::output::Out;
use plan::{Plan, Replicas};

pub(super) const ABOUT: &str = "This tool helps to move topic partitions between replicas.";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "server(s)", "REQUIRED: where brokers are."),
    text("command-config", "file", "Properties of the client."),
    switch("verify", "Say how far the reassignments of a file are."),
    switch("generate", "Propose a reassignment."),
    switch("execute", "Begin the reassignments of a file."),
    switch("cancel", "Cancel the reassignments of a file."),
    switch("list", "List the reassignments under way."),
    text("reassignment-json-file", "path", "A file of partitions with their replicas."),
    text("topics-to-move-json-file", "path", "A file of topics, for --generate."),
    text("broker-list", "brokerlist", "The brokers, with commas between them, for --generate."),
    switch("disable-rack-aware", "Do not look at racks."),
    number("timeout", "timeout", "How long a move between directories may take to begin."),
    switch("additional", "Begin beside reassignments that are under way."),
    switch("preserve-throttles", "Leave throttles as they are."),
    number("throttle", "throttle", "Not supported."),
    number("replica-alter-log-dirs-throttle", "throttle", "Not supported."),
];

const ACTIONS: &[&str] = &["generate", "execute", "verify", "cancel", "list"];

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    if given.count(ACTIONS) != 1 {
        let text = "Command must include exactly one action: --generate, --execute, --verify, \
                    --cancel, --list";
        return Err(Refusal::Usage(text.into()));
    }
    given.require(&["bootstrap-server"])?;
    for name in ["throttle", "replica-alter-log-dirs-throttle"] {
        if given.has(name) {
            return Err(Refusal::Failed(format!("--{name} is not supported")));
        }
    }
    if given.count(&["execute", "verify", "cancel"]) > 0 {
        given.require(&["reassignment-json-file"])?;
    }
    let client = target::administrator(given).await?;
    let admin = client.admin();
    if given.has("list") {
        return list(&admin, out).await;
    }
    if given.has("generate") {
        return generate(given, &admin, out).await;
    }
    let plan = Plan::read(given.value("reassignment-json-file")?.unwrap_or_default())?;
    if given.has("execute") {
        execute(given, &admin, &plan, out).await
    } else if given.has("verify") {
        verify(&admin, &plan, out).await
    } else {
        cancel(&admin, &plan, out).await
    }
}

fn ids(brokers: &[BrokerId]) -> String {
    brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

async fn list(admin: &Admin, out: &mut Out) -> Result<(), Refusal> {
    let moves = admin.list_reassignments(None).await?;
    if moves.is_empty() {
        return Ok(out.line("No partition reassignments found.")?);
    }
    out.line("Current partition reassignments:")?;
    for ((topic, partition), moved) in &moves {
        let more = |name: &str, brokers: &[BrokerId]| match brokers {
            [] => String::new(),
            brokers => format!("  {name}: {}.", ids(brokers)),
        };
        out.line(&format!(
            "{topic}-{partition}: replicas: {}.{}{}",
            ids(&moved.replicas),
            more("adding", &moved.adding),
            more("removing", &moved.removing)
        ))?;
    }
    Ok(())
}

/// The replicas that partitions have now.
async fn current(
    admin: &Admin,
    topics: impl Iterator<Item = String>,
) -> Result<BTreeMap<(String, i32), Vec<BrokerId>>, Refusal> {
    let mut names: Vec<String> = topics.collect();
    names.sort_unstable();
    names.dedup();
    let mut replicas = BTreeMap::new();
    for (name, topic) in admin.describe_topics(&names).await? {
        let topic = topic.map_err(|error| {
            Refusal::Failed(format!("Error: Topic {name} not found.\n{}", kafka_text(&error)))
        })?;
        for it in topic.partitions.values() {
            replicas.insert((name.clone(), it.partition), it.replicas.clone());
        }
    }
    Ok(replicas)
}

/// The directories that replicas lie in now, by topic, partition and broker. What lies in one that
/// has failed nobody can tell.
async fn directories(
    admin: &Admin,
    replicas: &BTreeMap<(String, i32), Vec<BrokerId>>,
) -> Result<BTreeMap<(String, i32, BrokerId), String>, Refusal> {
    let mut brokers: Vec<BrokerId> = replicas.values().flatten().copied().collect();
    brokers.sort_unstable();
    brokers.dedup();
    let mut directories = BTreeMap::new();
    for broker in brokers {
        for dir in admin.describe_log_dirs(broker).await? {
            match dir.error {
                Some(error) if error.code() == Some(ErrorCode::KafkaStorageError) => continue,
                Some(error) => return Err(error.into()),
                None => {}
            }
            for it in dir.partitions.iter().filter(|it| !it.is_future) {
                let place = (it.topic.clone(), it.partition, broker);
                directories.insert(place, dir.path.clone());
            }
        }
    }
    Ok(directories)
}

async fn as_it_is(
    admin: &Admin,
    replicas: BTreeMap<(String, i32), Vec<BrokerId>>,
) -> Result<Plan, Refusal> {
    let directories = directories(admin, &replicas).await?;
    let with_dirs = replicas.into_iter().map(|((topic, partition), brokers)| {
        let dir = |broker: &BrokerId| {
            let place = (topic.clone(), partition, *broker);
            directories.get(&place).cloned().unwrap_or_else(|| "any".to_owned())
        };
        let dirs = brokers.iter().map(dir).collect();
        ((topic, partition), Replicas { brokers, dirs })
    });
    Ok(Plan { partitions: with_dirs.collect() })
}

async fn generate(given: &Given, admin: &Admin, out: &mut Out) -> Result<(), Refusal> {
    given.require(&["topics-to-move-json-file", "broker-list"])?;
    let topics = plan::topics(given.value("topics-to-move-json-file")?.unwrap_or_default())?;
    let number = |id: &str| {
        id.trim()
            .parse()
            .map(BrokerId)
            .map_err(|_| Refusal::Failed(format!("For input string: \"{id}\"")))
    };
    let brokers = given.value("broker-list")?.unwrap_or_default();
    let brokers: Vec<BrokerId> = brokers.split(',').map(number).collect::<Result<_, _>>()?;
    let replicas = current(admin, topics.into_iter()).await?;
    let proposed = Plan::spread(&replicas, &brokers)?;
    let now = as_it_is(admin, replicas).await?;
    out.line("Current partition replica assignment")?;
    out.line(&now.text())?;
    out.line("\nProposed partition reassignment configuration")?;
    Ok(out.line(&proposed.text())?)
}

async fn execute(given: &Given, admin: &Admin, plan: &Plan, out: &mut Out) -> Result<(), Refusal> {
    if !given.has("additional") && !admin.list_reassignments(None).await?.is_empty() {
        let text = "Cannot execute because there is an existing partition assignment.  Use \
                    --additional to override this and create a new partition assignment in \
                    addition to the existing one. The --additional flag can also be used to change \
                    the throttle by resubmitting the current reassignment.";
        return Err(Refusal::Failed(format!("Error: {text}")));
    }
    let mut replicas =
        current(admin, plan.partitions.keys().map(|(topic, _)| topic.clone())).await?;
    replicas.retain(|place, _| plan.partitions.contains_key(place));
    let now = as_it_is(admin, replicas).await?;
    if plan.moves_between_directories(&now) {
        let text = "Moves between directories are not supported by this tool";
        return Err(Refusal::Failed(text.into()));
    }
    out.line("Current partition replica assignment\n")?;
    out.line(&now.text())?;
    out.line("\nSave this to use as the --reassignment-json-file option during rollback")?;
    let wanted = plan.partitions.iter();
    let wanted = wanted.map(|(place, it)| (place.clone(), Some(it.brokers.clone()))).collect();
    let results = admin.alter_reassignments(&wanted).await?;
    let (mut begun, mut failed) = (Vec::new(), Vec::new());
    for ((topic, partition), result) in results {
        match result {
            Ok(()) => begun.push(format!("{topic}-{partition}")),
            Err(error) => failed.push(format!("{topic}-{partition}: {}", kafka_text(&error))),
        }
    }
    if !failed.is_empty() {
        let text = format!("Error reassigning partition(s):\n{}", failed.join("\n"));
        return Err(Refusal::Failed(text));
    }
    let plural = if begun.len() == 1 { "" } else { "s" };
    let text = format!("Successfully started partition reassignment{plural} for");
    Ok(out.line(&format!("{text} {}", begun.join(",")))?)
}

async fn verify(admin: &Admin, plan: &Plan, out: &mut Out) -> Result<(), Refusal> {
    let moves = admin.list_reassignments(None).await?;
    let now = current(admin, plan.partitions.keys().map(|(topic, _)| topic.clone())).await?;
    out.line("Status of partition reassignment:")?;
    for (place, wanted) in &plan.partitions {
        let (topic, partition) = place;
        let state = if moves.contains_key(place) {
            "is still in progress."
        } else if now.get(place) == Some(&wanted.brokers) {
            "is completed."
        } else {
            let now = now.get(place).map(|brokers| ids(brokers)).unwrap_or_default();
            out.line(&format!(
                "There is no active reassignment of partition {topic}-{partition}, but replica set \
                 is {now} rather than {}.",
                ids(&wanted.brokers)
            ))?;
            continue;
        };
        out.line(&format!("Reassignment of partition {topic}-{partition} {state}"))?;
    }
    Ok(())
}

async fn cancel(admin: &Admin, plan: &Plan, out: &mut Out) -> Result<(), Refusal> {
    let moves = admin.list_reassignments(None).await?;
    let wanted: BTreeMap<_, _> = plan
        .partitions
        .keys()
        .filter(|place| moves.contains_key(*place))
        .map(|place| (place.clone(), None))
        .collect();
    if wanted.is_empty() {
        return Ok(out.line("None of the specified partition reassignments are active.")?);
    }
    let mut cancelled = Vec::new();
    for ((topic, partition), result) in admin.alter_reassignments(&wanted).await? {
        result?;
        cancelled.push(format!("{topic}-{partition}"));
    }
    let text = "Successfully cancelled partition reassignments for:";
    Ok(out.line(&format!("{text} {}", cancelled.join(",")))?)
}
