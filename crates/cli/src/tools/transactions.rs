//! `kafka-transactions.sh`: transactions listed, described, aborted; those that hang found.
//!
//! Kafka: `TransactionsCommand`.

mod hanging;

use std::collections::BTreeSet;

use ottla_client::{
    AbortSpec, Admin, Client, ErrorKind, Offset, ProducerId, ProducerState, TransactionDescription,
};

use super::{
    Refusal,
    flags::{Flag, Given, help, number, text},
    kafka_text, table, target,
};
use crate::{
    output::{Out, note},
    time::now_ms,
};

const GLOBAL: &[Flag] = &[
    text("bootstrap-server", "host:port", "REQUIRED: where a broker is."),
    text("command-config", "FILE", "Properties of the client."),
];

const COMMANDS: &[(&str, &[Flag])] = &[
    (
        "list",
        &[
            number("duration-filter", "ms", "Only transactions that run longer."),
            text("transactional-id-pattern", "regex", "Only transactional ids that match."),
        ],
    ),
    ("describe", &[text("transactional-id", "id", "REQUIRED: the transactional id.")]),
    (
        "describe-producers",
        &[
            number("broker-id", "id", "The broker to ask; by default the leader."),
            text("topic", "topic", "REQUIRED: the topic."),
            number("partition", "number", "REQUIRED: the partition."),
        ],
    ),
    (
        "abort",
        &[
            text("topic", "topic", "REQUIRED: the topic."),
            number("partition", "number", "REQUIRED: the partition."),
            number("start-offset", "offset", "Where the transaction begins."),
            number("producer-id", "id", "Instead: its producer …"),
            number("producer-epoch", "epoch", "… with its epoch …"),
            number("coordinator-epoch", "epoch", "… and the coordinator's."),
        ],
    ),
    (
        "find-hanging",
        &[
            number("broker-id", "id", "Look at the partitions that this broker leads …"),
            number("max-transaction-timeout", "minutes", "How long a transaction may take; 15."),
            text("topic", "topic", "… or at those of this topic …"),
            number("partition", "number", "… or at this one of them."),
        ],
    ),
    ("forceTerminateTransaction", &[text("transactional-id", "id", "REQUIRED: the id.")]),
];

pub(super) async fn run(arguments: &[String], out: &mut Out) -> Result<(), Refusal> {
    let is_command = |word: &&String| COMMANDS.iter().any(|(name, _)| *name == word.as_str());
    let asks_for_help = arguments.iter().any(|word| word == "-h" || word == "--help");
    let named = arguments.iter().find(is_command);
    let Some((name, flags)) =
        named.and_then(|word| COMMANDS.iter().find(|(name, _)| *name == word.as_str()))
    else {
        if asks_for_help {
            out.line(&manual())?;
            return Err(Refusal::Said(1));
        }
        let unknown = "kafka-transactions.sh: error: too few arguments";
        return Err(Refusal::Failed(format!("{}\n{unknown}", usage())));
    };
    if asks_for_help {
        out.line(&format!("kafka-transactions.sh {name}\n{}", help(flags)))?;
        return Err(Refusal::Said(1));
    }
    let known: Vec<Flag> = GLOBAL.iter().chain(*flags).copied().collect();
    let given = Given::parse(&known, arguments)?;
    given.require(&["bootstrap-server"])?;
    let client = target::administrator(&given).await?;
    let admin = client.admin();
    match *name {
        "list" => list(&given, &admin, out).await,
        "describe" => describe(&given, &admin, out).await,
        "describe-producers" => producers(&given, &admin, out).await,
        "abort" => abort(&given, &admin).await,
        "find-hanging" => hanging::run(&given, &client, out).await,
        _ => {
            given.require(&["transactional-id"])?;
            let id = given.value("transactional-id")?.unwrap_or_default();
            Ok(admin.fence_producer(id).await?)
        }
    }
}

fn usage() -> &'static str {
    "usage: kafka-transactions.sh [-h] [-v] [--command-config FILE]\n                             \
     --bootstrap-server host:port COMMAND ..."
}

fn manual() -> String {
    let names: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
    format!("{}\n\ncommands: {}\n\n{}", usage(), names.join(", "), help(GLOBAL))
}

fn print(out: &mut Out, titles: &[&str], rows: Vec<Vec<String>>) -> Result<(), Refusal> {
    let titles = titles.iter().map(|title| (*title).to_owned()).collect();
    let all: Vec<Vec<String>> = std::iter::once(titles).chain(rows).collect();
    for line in table::tabbed(&all) {
        out.line(&line)?;
    }
    Ok(())
}

async fn list(given: &Given, admin: &Admin, out: &mut Out) -> Result<(), Refusal> {
    let pattern = given.value("transactional-id-pattern")?.map(target::pattern).transpose()?;
    let longer_than = given.number::<i64>("duration-filter")?;
    let mut listed = admin.list_transactions(&[]).await?;
    listed
        .retain(|it| pattern.as_ref().is_none_or(|pattern| pattern.is_match(&it.transactional_id)));
    if let Some(limit) = longer_than {
        let now = now_ms();
        let is_long = |it: &TransactionDescription| {
            it.start_ms >= 0 && now.saturating_sub(it.start_ms) > limit
        };
        let described = admin.describe_transactions(&listed).await?;
        let long: BTreeSet<String> =
            described.into_iter().filter(is_long).map(|it| it.transactional_id).collect();
        listed.retain(|it| long.contains(&it.transactional_id));
    }
    let rows = listed.into_iter().map(|it| {
        let (coordinator, producer) = (it.coordinator.to_string(), it.producer_id.to_string());
        vec![it.transactional_id, coordinator, producer, it.state]
    });
    let rows = rows.collect();
    print(out, &["TransactionalId", "Coordinator", "ProducerId", "TransactionState"], rows)
}

async fn describe(given: &Given, admin: &Admin, out: &mut Out) -> Result<(), Refusal> {
    given.require(&["transactional-id"])?;
    let id = given.value("transactional-id")?.unwrap_or_default();
    let it = admin.describe_transaction(id).await.map_err(|error| {
        let why = if error.kind() == ErrorKind::NotFound {
            let text = "DescribeTransactions request for transactionalId";
            format!("{text} `{id}` failed because the ID could not be found")
        } else {
            kafka_text(&error)
        };
        Refusal::Failed(format!(
            "Failed to describe transaction state of transactional-id `{id}`: {why}. Enable debug \
             logging for additional detail."
        ))
    })?;
    let none = || "None".to_owned();
    let began = Some(it.start_ms).filter(|began| *began >= 0);
    let partitions: Vec<String> =
        it.partitions.iter().map(|(topic, partition)| format!("{topic}-{partition}")).collect();
    let row = vec![
        it.coordinator.to_string(),
        it.transactional_id,
        it.producer_id.to_string(),
        it.producer_epoch.to_string(),
        it.state,
        it.timeout_ms.to_string(),
        began.map_or_else(none, |began| began.to_string()),
        began.map_or_else(none, |began| now_ms().saturating_sub(began).to_string()),
        partitions.join(","),
    ];
    let titles = [
        "CoordinatorId",
        "TransactionalId",
        "ProducerId",
        "ProducerEpoch",
        "TransactionState",
        "TransactionTimeoutMs",
        "CurrentTransactionStartTimeMs",
        "TransactionDurationMs",
        "TopicPartitions",
    ];
    print(out, &titles, vec![row])
}

/// `--topic` and `--partition`.
fn place(given: &Given) -> Result<(String, i32), Refusal> {
    given.require(&["topic", "partition"])?;
    let topic = given.value("topic")?.unwrap_or_default().to_owned();
    Ok((topic, given.number("partition")?.unwrap_or_default()))
}

async fn producers(given: &Given, admin: &Admin, out: &mut Out) -> Result<(), Refusal> {
    let (topic, partition) = place(given)?;
    let producers = admin.describe_producers(&topic, partition).await?;
    let row = |it: &ProducerState| {
        let start = it.open_since.map_or_else(|| "None".to_owned(), |offset| offset.to_string());
        vec![
            it.producer_id.to_string(),
            it.producer_epoch.to_string(),
            it.coordinator_epoch.to_string(),
            it.last_sequence.to_string(),
            it.last_timestamp.to_string(),
            start,
        ]
    };
    let titles = [
        "ProducerId",
        "ProducerEpoch",
        "LatestCoordinatorEpoch",
        "LastSequence",
        "LastTimestamp",
        "CurrentTransactionStartOffset",
    ];
    print(out, &titles, producers.iter().map(row).collect())
}

async fn abort(given: &Given, admin: &Admin) -> Result<(), Refusal> {
    let (topic, partition) = place(given)?;
    let spec = if let Some(start) = given.number::<i64>("start-offset")? {
        let producers = admin.describe_producers(&topic, partition).await?;
        let begins_there = |it: &&ProducerState| it.open_since == Some(Offset(start));
        let Some(producer) = producers.iter().find(begins_there) else {
            let text = "Could not find any open transactions starting at offset";
            let text = format!("{text} {start} on partition {topic}-{partition}");
            return Err(Refusal::Failed(text));
        };
        AbortSpec {
            topic,
            partition,
            producer_id: producer.producer_id,
            producer_epoch: i16::try_from(producer.producer_epoch).unwrap_or(i16::MAX),
            coordinator_epoch: producer.coordinator_epoch.max(0),
        }
    } else {
        if !given.has("producer-id") {
            let text = "The transaction to abort must be identified either with --start-offset \
                        (for brokers on 3.0 or above) or with --producer-id, --producer-epoch, and \
                        --coordinator-epoch (for older brokers)";
            note(usage());
            return Err(Refusal::Failed(format!("kafka-transactions.sh: error: {text}")));
        }
        given.require(&["producer-epoch", "coordinator-epoch"])?;
        AbortSpec {
            topic,
            partition,
            producer_id: ProducerId(given.number("producer-id")?.unwrap_or_default()),
            producer_epoch: given.number("producer-epoch")?.unwrap_or_default(),
            coordinator_epoch: given.number("coordinator-epoch")?.unwrap_or_default(),
        }
    };
    Ok(admin.abort_transaction(&spec).await?)
}

/// The partitions that `find-hanging` looks at.
async fn suspects(given: &Given, client: &Client) -> Result<Vec<(String, i32)>, Refusal> {
    let admin = client.admin();
    let broker = given.number::<i32>("broker-id")?;
    let topic = given.value("topic")?;
    if broker.is_none() && topic.is_none() {
        let text = "The `find-hanging` command requires either --topic or --broker-id to limit the \
                    scope of the search";
        note(usage());
        return Err(Refusal::Failed(format!("kafka-transactions.sh: error: {text}")));
    }
    let partition = given.number::<i32>("partition")?;
    let mut places = Vec::new();
    for info in admin.list_topics().await? {
        for it in info.partitions.values() {
            let is_wanted = topic.is_none_or(|topic| topic == &*info.name)
                && partition.is_none_or(|partition| partition == it.partition)
                && broker.is_none_or(|broker| broker == it.leader.0);
            if is_wanted {
                places.push((info.name.to_string(), it.partition));
            }
        }
    }
    places.sort_unstable();
    Ok(places)
}
