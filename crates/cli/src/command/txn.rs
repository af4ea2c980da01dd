//! `txn`: transactions listed, described, aborted, and those found that nobody will end.

use std::{collections::BTreeMap, time::Duration};

use clap::{Args, Subcommand};
use ottla_client::{AbortSpec, Admin, ProducerState, TransactionDescription};

use super::topic::{count, finish};
use crate::{
    exit::{Exit, Failure, Outcome},
    output::{Column, Item, Report, Value, column, wide},
    position::matches_glob,
    session::Session,
    time::{format_rfc3339, now_ms, parse_duration},
};

/// Transactions
#[derive(Subcommand, Clone, Debug)]
pub enum TxnCommand {
    /// List transactional ids
    #[command(visible_alias = "ls")]
    List(List),
    /// Show transactional ids in detail: state, producer, timeout, partitions
    Describe(Describe),
    /// Abort open transactions and fence their producers
    Abort(Abort),
    /// Find transactions that block readers and that no coordinator will end
    FindHanging(FindHanging),
}

impl TxnCommand {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::List(command) => command.run(session).await,
            Self::Describe(command) => command.run(session).await,
            Self::Abort(command) => command.run(session).await,
            Self::FindHanging(command) => command.run(session).await,
        }
    }
}

/// List transactional ids
#[derive(Args, Clone, Debug)]
pub struct List {
    /// Only names that match these patterns, as in `copy*`
    patterns: Vec<String>,
    /// Only in this state: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit,
    /// CompleteAbort
    #[arg(long)]
    state: Vec<String>,
}

const LISTED: &[Column] = &[
    column("transactionalId", "TRANSACTIONAL ID"),
    column("state", "STATE"),
    column("producerId", "PRODUCER"),
    column("coordinator", "COORDINATOR"),
];

impl List {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let mut listed = client.admin().list_transactions(&self.state).await?;
        listed.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        let mut report = Report::list("TransactionList", LISTED);
        for it in listed {
            let matches = |pattern: &String| matches_glob(pattern, &it.transactional_id);
            if self.patterns.is_empty() || self.patterns.iter().any(matches) {
                report.push(vec![
                    ("transactionalId", Value::text(&it.transactional_id)),
                    ("state", Value::text(&it.state)),
                    ("producerId", Value::Int(it.producer_id.get())),
                    ("coordinator", Value::Int(it.coordinator.get().into())),
                ]);
            }
        }
        finish(session, &report)
    }
}

/// Show transactional ids in detail
#[derive(Args, Clone, Debug)]
pub struct Describe {
    /// Transactional ids
    #[arg(required = true)]
    ids: Vec<String>,
}

const PARTITIONS: &[Column] = &[column("topic", "TOPIC"), column("partition", "PARTITION")];

impl Describe {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let admin = client.admin();
        let mut report = Report::details("TransactionDescription", "partitions", PARTITIONS);
        for id in &self.ids {
            match admin.describe_transaction(id).await {
                Ok(it) => report.push(described(&it)),
                Err(error) => report.fail(error),
            }
        }
        finish(session, &report)
    }
}

fn described(it: &TransactionDescription) -> Item {
    let partitions = it.partitions.iter().map(|(topic, partition)| {
        Value::Object(vec![
            ("topic", Value::text(topic)),
            ("partition", Value::Int((*partition).into())),
        ])
    });
    let began = (it.start_ms >= 0).then(|| format_rfc3339(it.start_ms));
    vec![
        ("transactionalId", Value::text(&it.transactional_id)),
        ("state", Value::text(&it.state)),
        ("coordinator", Value::Int(it.coordinator.get().into())),
        ("producerId", Value::Int(it.producer_id.get())),
        ("producerEpoch", Value::Int(it.producer_epoch.into())),
        ("timeoutMs", Value::Int(it.timeout_ms.into())),
        ("began", Value::optional(began)),
        ("partitionCount", Value::Int(count(it.partitions.len()))),
        ("partitions", Value::List(partitions.collect())),
    ]
}

/// Abort open transactions and fence their producers
#[derive(Args, Clone, Debug)]
pub struct Abort {
    /// Transactional ids
    ids: Vec<String>,
    /// Instead of an id: a hanging transaction, by its topic …
    #[arg(long, conflicts_with = "ids", requires = "partition", requires = "start_offset")]
    topic: Option<String>,
    /// … its partition …
    #[arg(long, requires = "topic")]
    partition: Option<i32>,
    /// … and the offset of its first record, as `txn find-hanging` shows it
    #[arg(long, requires = "topic")]
    start_offset: Option<i64>,
}

const ABORTED: &[Column] =
    &[column("transactionalId", "TRANSACTIONAL ID"), column("result", "RESULT")];

const ABORTED_AT: &[Column] = &[
    column("topic", "TOPIC"),
    column("partition", "PARTITION"),
    column("producerId", "PRODUCER"),
    column("result", "RESULT"),
];

impl Abort {
    async fn run(self, session: &mut Session) -> Outcome {
        if let (Some(topic), Some(partition), Some(offset)) =
            (&self.topic, self.partition, self.start_offset)
        {
            return abort_hanging(session, topic, partition, offset).await;
        }
        let answer = match self.ids.as_slice() {
            [] => {
                let what = "cannot abort a transaction";
                let why = "neither an id nor --topic, --partition and --start-offset are given";
                return Err(Failure::new(Exit::Usage, what, why));
            }
            [id] => id.clone(),
            ids => ids.len().to_string(),
        };
        let client = session.client().await?;
        let what =
            format!("Aborts open transactions and fences producers: {}", self.ids.join(", "));
        session.confirm(&what, &answer)?;
        let admin = client.admin();
        let mut report = Report::list("TransactionAbort", ABORTED);
        for id in &self.ids {
            match abort(&admin, id).await {
                Ok(result) => report.push(vec![
                    ("transactionalId", Value::text(id)),
                    ("result", Value::text(result)),
                ]),
                Err(failure) => report.fail(failure),
            }
        }
        finish(session, &report)
    }
}

/// Aborts what an id has open. An id that nobody knows is not made by that.
async fn abort(admin: &Admin, id: &str) -> Result<&'static str, Failure> {
    let is_open = admin.describe_transaction(id).await?.state == "Ongoing";
    admin.fence_producer(id).await?;
    Ok(if is_open { "aborted" } else { "fenced, nothing was open" })
}

async fn abort_hanging(session: &mut Session, topic: &str, partition: i32, offset: i64) -> Outcome {
    let client = session.client().await?;
    let admin = client.admin();
    let producers = admin.describe_producers(topic, partition).await?;
    let begins_there = |it: &&ProducerState| it.open_since.is_some_and(|at| at.get() == offset);
    let Some(producer) = producers.iter().find(begins_there) else {
        let what = format!("cannot abort a transaction in {topic}-{partition}");
        let why = format!("none is open since offset {offset}");
        return Err(Failure::new(Exit::NotFound, what, why)
            .with_next("look for one with `txn find-hanging`"));
    };
    let place = format!("{topic}-{partition}");
    session.confirm(&format!("Aborts the transaction since offset {offset} of {place}"), &place)?;
    admin
        .abort_transaction(&AbortSpec {
            topic: topic.to_owned(),
            partition,
            producer_id: producer.producer_id,
            producer_epoch: i16::try_from(producer.producer_epoch).unwrap_or(i16::MAX),
            coordinator_epoch: producer.coordinator_epoch.max(0),
        })
        .await?;
    let mut report = Report::list("TransactionAbort", ABORTED_AT);
    report.push(vec![
        ("topic", Value::text(topic)),
        ("partition", Value::Int(partition.into())),
        ("producerId", Value::Int(producer.producer_id.get())),
        ("result", Value::text("aborted")),
    ]);
    finish(session, &report)
}

/// Find transactions that block readers and that no coordinator will end
#[derive(Args, Clone, Debug)]
pub struct FindHanging {
    /// Only topics that match these patterns
    topics: Vec<String>,
    /// How long the slowest producer's transactions may take
    #[arg(long, default_value = "15m", value_parser = parse_duration)]
    max_timeout: Duration,
}

const HANGING: &[Column] = &[
    column("topic", "TOPIC"),
    column("partition", "PARTITION"),
    column("producerId", "PRODUCER"),
    column("producerEpoch", "EPOCH"),
    wide("coordinatorEpoch", "COORDINATOR EPOCH"),
    column("startOffset", "START OFFSET"),
    column("lastWritten", "LAST WRITTEN"),
];

impl FindHanging {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let admin = client.admin();
        let limit_ms = i64::try_from(self.max_timeout.as_millis()).unwrap_or(i64::MAX);
        let oldest_ms = now_ms().saturating_sub(limit_ms);
        let mut places = Vec::new();
        for topic in admin.list_topics().await? {
            let is_wanted = self.topics.is_empty()
                || self.topics.iter().any(|pattern| matches_glob(pattern, &topic.name));
            if is_wanted {
                places.extend(topic.partitions.keys().map(|at| (topic.name.to_string(), *at)));
            }
        }
        let suspects = open_since_before(&admin, &places, oldest_ms).await?;
        let mut report = Report::list("HangingTransactions", HANGING);
        let known = match suspects.as_slice() {
            [] => BTreeMap::new(),
            _ => admin.transactions_by_producer().await?,
        };
        for (topic, partition, producer) in suspects {
            let coordinated = known.get(&producer.producer_id);
            let place = (topic.clone(), partition);
            if coordinated.is_some_and(|it| it.partitions.contains(&place)) {
                continue;
            }
            report.push(vec![
                ("topic", Value::text(&topic)),
                ("partition", Value::Int(partition.into())),
                ("producerId", Value::Int(producer.producer_id.get())),
                ("producerEpoch", Value::Int(producer.producer_epoch.into())),
                ("coordinatorEpoch", Value::Int(producer.coordinator_epoch.into())),
                (
                    "startOffset",
                    Value::Int(producer.open_since.map_or(-1, ottla_client::Offset::get)),
                ),
                ("lastWritten", Value::text(format_rfc3339(producer.last_timestamp))),
            ]);
        }
        finish(session, &report)
    }
}

/// What is open in these partitions and was last written to before a time in ms, each with its
/// place.
pub(crate) async fn open_since_before(
    admin: &Admin,
    places: &[(String, i32)],
    oldest_ms: i64,
) -> ottla_client::Result<Vec<(String, i32, ProducerState)>> {
    let mut open = Vec::new();
    for ((topic, partition), producers) in admin.describe_producers_of(places).await? {
        let mut producers = producers?;
        producers.retain(|it| it.open_since.is_some() && it.last_timestamp < oldest_ms);
        open.extend(producers.into_iter().map(|it| (topic.clone(), partition, it)));
    }
    open.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    Ok(open)
}
