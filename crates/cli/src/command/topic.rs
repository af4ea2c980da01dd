//! `topic`: create, list, describe, alter, delete.

use std::{collections::BTreeMap, sync::Arc};

use clap::{Args, Subcommand, ValueEnum};
use ottla_client::{
    Admin, Client, ConfigChange, ConfigEntry, ConfigResource, ErrorCode, Isolation, NewTopic,
    OffsetSpec, TopicInfo,
};

use crate::{
    exit::{Exit, Failure, Outcome, exit_of},
    output::{Column, Report, Value, column, wide},
    position::matches_glob,
    session::Session,
    time::{parse_duration, parse_size},
};

/// Topics
#[derive(Subcommand, Clone, Debug)]
pub enum TopicCommand {
    /// Create topics
    Create(Create),
    /// List topics
    #[command(visible_alias = "ls")]
    List(List),
    /// Show topics in detail: partitions, leaders, offsets, configs
    Describe(Describe),
    /// Change configs, or add partitions
    Alter(Alter),
    /// Delete topics with everything in them
    #[command(visible_alias = "rm")]
    Delete(Delete),
}

impl TopicCommand {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Create(command) => command.run(session).await,
            Self::List(command) => command.run(session).await,
            Self::Describe(command) => command.run(session).await,
            Self::Alter(command) => command.run(session).await,
            Self::Delete(command) => command.run(session).await,
        }
    }
}

/// Create topics
#[derive(Args, Clone, Debug)]
pub struct Create {
    /// Names
    #[arg(required = true)]
    names: Vec<String>,
    /// How many partitions [default: the broker's num.partitions]
    #[arg(short, long)]
    partitions: Option<i32>,
    /// How many copies of each [default: the broker's default.replication.factor]
    #[arg(short, long)]
    replicas: Option<i16>,
    /// A config of the topic, as in `retention.ms=7d` or `retention.bytes=10GiB`
    #[arg(long = "config", value_name = "KEY=VALUE")]
    configs: Vec<String>,
    /// A topic that exists already is fine
    #[arg(long)]
    if_not_exists: bool,
    /// Only say whether it could be done
    #[arg(long)]
    dry_run: bool,
}

const CREATED: &[Column] = &[
    column("name", "NAME"),
    column("partitions", "PARTITIONS"),
    column("replicationFactor", "REPLICAS"),
    wide("topicId", "ID"),
    column("result", "RESULT"),
];

impl Create {
    async fn run(self, session: &mut Session) -> Outcome {
        let configs = self.configs.iter().map(|pair| config(pair));
        let configs: BTreeMap<String, String> = configs.collect::<Result<_, _>>()?;
        let topics: Vec<NewTopic> = self
            .names
            .iter()
            .map(|name| {
                let mut topic = NewTopic::new(name)
                    .partitions(self.partitions.unwrap_or(-1))
                    .replication_factor(self.replicas.unwrap_or(-1));
                for (key, value) in &configs {
                    topic = topic.config(key, value);
                }
                topic
            })
            .collect();
        let client = session.client().await?;
        let mut report = Report::list("TopicCreation", CREATED);
        for (name, result) in client.admin().create_topics(&topics, self.dry_run).await? {
            match result {
                Ok(created) => report.push(vec![
                    ("name", Value::text(name)),
                    ("partitions", Value::Int(created.partitions.into())),
                    ("replicationFactor", Value::Int(created.replication_factor.into())),
                    ("topicId", Value::text(created.topic_id.to_string())),
                    ("result", Value::text(if self.dry_run { "possible" } else { "created" })),
                ]),
                Err(error)
                    if self.if_not_exists
                        && error.code() == Some(ErrorCode::TopicAlreadyExists) =>
                {
                    report.push(vec![
                        ("name", Value::text(name)),
                        ("partitions", Value::Null),
                        ("replicationFactor", Value::Null),
                        ("topicId", Value::Null),
                        ("result", Value::text("exists")),
                    ]);
                }
                Err(error) => report.fail(error),
            }
        }
        finish(session, &report)
    }
}

/// Prints the report, tells its failures, gives the exit code.
pub(crate) fn finish(session: &mut Session, report: &Report) -> Outcome {
    report.print(&mut session.out)?;
    for failure in report.failures() {
        crate::output::note(&failure.text());
    }
    Ok(exit_of(report.len(), report.failures()))
}

/// Splits `key=value`.
pub(crate) fn key_value(pair: &str) -> Result<(String, String), Failure> {
    let split = pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    split.ok_or_else(|| Failure::usage(format!("cannot use {pair}"), "key=value is expected"))
}

/// Splits `key=value` of a config. Where the key says ms or bytes, units may be written: brokers
/// take numbers alone.
fn config(pair: &str) -> Result<(String, String), Failure> {
    let (key, value) = key_value(pair)?;
    let number = match key.rsplit('.').next() {
        _ if value.parse::<i64>().is_ok() => None,
        Some("ms") => parse_duration(&value).ok().map(|it| it.as_millis().to_string()),
        Some("bytes") => parse_size(&value).ok().map(|it| it.to_string()),
        _ => None,
    };
    Ok((key, number.unwrap_or(value)))
}

/// List topics
#[derive(Args, Clone, Debug)]
pub struct List {
    /// Only names that match these patterns, as in `tmp-*`
    patterns: Vec<String>,
    /// Kafka's own topics too
    #[arg(long)]
    internal: bool,
}

const LISTED: &[Column] = &[
    column("name", "NAME"),
    column("partitions", "PARTITIONS"),
    column("replicationFactor", "REPLICAS"),
    wide("topicId", "ID"),
    wide("isInternal", "INTERNAL"),
];

impl List {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let mut report = Report::list("TopicList", LISTED);
        let mut topics = client.admin().list_topics().await?;
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        for topic in topics {
            let is_wanted = self.patterns.is_empty()
                || self.patterns.iter().any(|pattern| matches_glob(pattern, &topic.name));
            if is_wanted && (self.internal || !topic.is_internal) {
                report.push(vec![
                    ("name", Value::text(&*topic.name)),
                    ("partitions", Value::Int(count(topic.partitions.len()))),
                    ("replicationFactor", Value::Int(replication_factor(&topic))),
                    ("topicId", Value::text(topic.topic_id.to_string())),
                    ("isInternal", Value::Bool(topic.is_internal)),
                ]);
            }
        }
        finish(session, &report)
    }
}

pub(crate) fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn replication_factor(topic: &TopicInfo) -> i64 {
    topic.partitions.values().next().map_or(0, |partition| count(partition.replicas.len()))
}

/// Which configs a description shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Configs {
    /// None.
    None,
    /// Those that were set for the topic.
    Changed,
    /// All.
    All,
}

/// Show topics in detail
#[derive(Args, Clone, Debug)]
pub struct Describe {
    /// Names, or patterns as in `tmp-*`
    #[arg(required = true)]
    names: Vec<String>,
    /// Which configs to show
    #[arg(long, value_enum, default_value = "changed")]
    configs: Configs,
    /// The bytes of each partition on disk too
    #[arg(long)]
    storage: bool,
}

const PARTITIONS: &[Column] = &partitions(wide("bytes", "BYTES"));
const PARTITIONS_WITH_BYTES: &[Column] = &partitions(column("bytes", "BYTES"));

const fn partitions(bytes: Column) -> [Column; 9] {
    [
        column("partition", "PARTITION"),
        column("leader", "LEADER"),
        wide("leaderEpoch", "EPOCH"),
        column("replicas", "REPLICAS"),
        column("isr", "ISR"),
        column("logStartOffset", "START"),
        column("logEndOffset", "END"),
        column("records", "RECORDS"),
        bytes,
    ]
}

impl Describe {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let admin = client.admin();
        let names = expand(&admin, &self.names).await?;
        let sizes = if self.storage { sizes(&client).await? } else { BTreeMap::new() };
        let columns = if self.storage { PARTITIONS_WITH_BYTES } else { PARTITIONS };
        let mut report = Report::details("TopicDescription", "partitions", columns);
        for (name, result) in admin.describe_topics(&names).await? {
            let described = match result {
                Ok(topic) => self.describe(&admin, &topic, &sizes).await,
                Err(error) => Err(error.into()),
            };
            match described {
                Ok(item) => report.push(item),
                Err(failure) => {
                    session.explain(&format!("{name} is left out"));
                    report.fail(failure);
                }
            }
        }
        finish(session, &report)
    }

    async fn describe(
        &self,
        admin: &Admin,
        topic: &Arc<TopicInfo>,
        sizes: &BTreeMap<(String, i32), i64>,
    ) -> Result<crate::output::Item, Failure> {
        let asked = |spec| {
            let partitions = topic.partitions.keys();
            partitions.map(|it| (topic.name.clone(), *it, spec)).collect::<Vec<_>>()
        };
        let starts = offsets_of(admin, &asked(OffsetSpec::Start)).await?;
        let ends = offsets_of(admin, &asked(OffsetSpec::End)).await?;
        let partitions = topic.partitions.values().map(|it| {
            let number = |map: &BTreeMap<i32, i64>| map.get(&it.partition).copied();
            let (start, end) = (number(&starts), number(&ends));
            let records = start.zip(end).map(|(start, end)| end - start);
            let int = |value: Option<i64>| value.map_or(Value::Null, Value::Int);
            let bytes = sizes.get(&(topic.name.to_string(), it.partition)).copied();
            Value::Object(vec![
                ("partition", Value::Int(it.partition.into())),
                ("leader", Value::Int(it.leader.0.into())),
                ("leaderEpoch", Value::Int(it.leader_epoch.0.into())),
                ("replicas", Value::ints(it.replicas.iter().map(|broker| broker.0))),
                ("isr", Value::ints(it.isr.iter().map(|broker| broker.0))),
                ("logStartOffset", int(start)),
                ("logEndOffset", int(end)),
                ("records", int(records)),
                ("bytes", int(bytes)),
            ])
        });
        let mut item = vec![
            ("name", Value::text(&*topic.name)),
            ("topicId", Value::text(topic.topic_id.to_string())),
            ("isInternal", Value::Bool(topic.is_internal)),
            ("partitionCount", Value::Int(count(topic.partitions.len()))),
            ("replicationFactor", Value::Int(replication_factor(topic))),
            ("partitions", Value::List(partitions.collect())),
        ];
        if self.configs != Configs::None {
            let resource = ConfigResource::Topic(topic.name.to_string());
            let mut configs = admin.describe_configs(&resource).await?;
            configs.sort_by(|one, other| one.name.cmp(&other.name));
            let shown = configs.iter().filter(|it| self.configs == Configs::All || it.is_set);
            item.push(("configs", Value::List(shown.map(config_value).collect())));
        }
        Ok(item)
    }
}

pub(crate) fn config_value(config: &ConfigEntry) -> Value {
    let value = if config.is_sensitive { Some("(secret)") } else { config.value.as_deref() };
    Value::Object(vec![
        ("name", Value::text(&config.name)),
        ("value", Value::optional(value)),
        ("source", Value::text(config.source)),
    ])
}

async fn offsets_of(
    admin: &Admin,
    asked: &[(Arc<str>, i32, OffsetSpec)],
) -> Result<BTreeMap<i32, i64>, Failure> {
    let listed = admin.list_offsets(asked, Isolation::Uncommitted).await?;
    let found = listed.into_iter().filter_map(|(_, partition, result)| {
        result.ok().map(|listed| (partition, listed.offset.0))
    });
    Ok(found.collect())
}

/// Bytes on disk of each partition: of its largest replica in a directory that works.
async fn sizes(client: &Client) -> Result<BTreeMap<(String, i32), i64>, Failure> {
    let mut sizes = BTreeMap::new();
    for broker in client.topology().brokers.values() {
        for dir in client.admin().describe_log_dirs(broker.id).await? {
            for it in dir.partitions.into_iter().filter(|it| !it.is_future) {
                let size = sizes.entry((it.topic, it.partition)).or_insert(0);
                *size = it.size.max(*size);
            }
        }
    }
    Ok(sizes)
}

/// Names as they are, patterns as the topics that match them.
async fn expand(admin: &Admin, names: &[String]) -> Result<Vec<String>, Failure> {
    if !names.iter().any(|name| name.contains(['*', '?'])) {
        return Ok(names.to_vec());
    }
    let topics = admin.list_topics().await?;
    let mut expanded = Vec::new();
    for name in names {
        if !name.contains(['*', '?']) {
            expanded.push(name.clone());
            continue;
        }
        let matching = topics.iter().filter(|it| !it.is_internal && matches_glob(name, &it.name));
        let before = expanded.len();
        expanded.extend(matching.map(|it| it.name.to_string()));
        if expanded.len() == before {
            let what = format!("cannot find topics by {name}");
            return Err(Failure::new(Exit::NotFound, what, "no topic matches"));
        }
    }
    Ok(expanded)
}

/// Change configs, or add partitions
#[derive(Args, Clone, Debug)]
pub struct Alter {
    /// Names, or patterns as in `tmp-*`
    #[arg(required = true)]
    names: Vec<String>,
    /// A new value, as in `retention.ms=7d` or `retention.bytes=10GiB`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Back to the default
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// One more item of a list
    #[arg(long, value_name = "KEY=ITEM")]
    append: Vec<String>,
    /// One item of a list less
    #[arg(long, value_name = "KEY=ITEM")]
    subtract: Vec<String>,
    /// How many partitions it is to have in all
    #[arg(short, long)]
    partitions: Option<i32>,
    /// Only say whether it could be done
    #[arg(long)]
    dry_run: bool,
}

const ALTERED: &[Column] = &[column("name", "NAME"), column("result", "RESULT")];

impl Alter {
    async fn run(self, session: &mut Session) -> Outcome {
        let changes = self.changes()?;
        if changes.is_empty() && self.partitions.is_none() {
            let what = "cannot alter a topic";
            return Err(Failure::usage(what, "nothing to change was named")
                .with_next("--set, --unset, --append, --subtract or -p"));
        }
        let client = session.client().await?;
        let admin = client.admin();
        let mut report = Report::list("TopicAlteration", ALTERED);
        for name in expand(&admin, &self.names).await? {
            match self.alter(&admin, &name, &changes).await {
                Ok(()) => report.push(vec![
                    ("name", Value::text(name)),
                    ("result", Value::text(if self.dry_run { "possible" } else { "altered" })),
                ]),
                Err(error) => report.fail(error),
            }
        }
        finish(session, &report)
    }

    fn changes(&self) -> Result<Vec<ConfigChange>, Failure> {
        let mut changes = Vec::new();
        for pair in &self.set {
            let (key, value) = config(pair)?;
            changes.push(ConfigChange::Set(key, value));
        }
        changes.extend(self.unset.iter().cloned().map(ConfigChange::Unset));
        for pair in &self.append {
            let (key, value) = key_value(pair)?;
            changes.push(ConfigChange::Append(key, value));
        }
        for pair in &self.subtract {
            let (key, value) = key_value(pair)?;
            changes.push(ConfigChange::Subtract(key, value));
        }
        Ok(changes)
    }

    async fn alter(
        &self,
        admin: &Admin,
        name: &str,
        changes: &[ConfigChange],
    ) -> ottla_client::Result<()> {
        if !changes.is_empty() {
            let resource = ConfigResource::Topic(name.to_owned());
            admin.alter_configs(&resource, changes, self.dry_run).await?;
        }
        if let Some(partitions) = self.partitions {
            admin.create_partitions(name, partitions, self.dry_run).await?;
        }
        Ok(())
    }
}

/// Delete topics with everything in them
#[derive(Args, Clone, Debug)]
pub struct Delete {
    /// Names, or patterns as in `tmp-*`
    #[arg(required = true)]
    names: Vec<String>,
    /// A topic that does not exist is fine
    #[arg(long)]
    if_exists: bool,
    /// Only say what would be deleted
    #[arg(long)]
    dry_run: bool,
}

const DELETED: &[Column] = &[column("name", "NAME"), column("result", "RESULT")];

impl Delete {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let admin = client.admin();
        let names = match expand(&admin, &self.names).await {
            Err(failure) if self.if_exists && failure.exit == Exit::NotFound => Vec::new(),
            names => names?,
        };
        let mut report = Report::list("TopicDeletion", DELETED);
        let row = |name: &str, result: &str| {
            vec![("name", Value::text(name)), ("result", Value::text(result))]
        };
        if self.dry_run {
            for name in &names {
                report.push(row(name, "would be deleted"));
            }
            return finish(session, &report);
        }
        if names.is_empty() {
            return finish(session, &report);
        }
        let answer = match names.as_slice() {
            [name] => name.clone(),
            _ => names.len().to_string(),
        };
        let what =
            format!("Deletes {} with all records: {}", plural(names.len()), names.join(", "));
        session.confirm(&what, &answer)?;
        let mut results = admin.delete_topics(&names).await?;
        results.sort_by_key(|(name, _)| names.iter().position(|asked| asked == name));
        for (name, result) in results {
            match result {
                Ok(()) => report.push(row(&name, "deleted")),
                Err(error)
                    if self.if_exists
                        && error.code() == Some(ErrorCode::UnknownTopicOrPartition) =>
                {
                    report.push(row(&name, "did not exist"));
                }
                Err(error) => report.fail(error),
            }
        }
        finish(session, &report)
    }
}

fn plural(topics: usize) -> String {
    if topics == 1 { "1 topic".to_owned() } else { format!("{topics} topics") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_in_ms_and_bytes_may_have_units() {
        let cases = [
            ("retention.ms=7d", "604800000"),
            ("retention.ms=-1", "-1"),
            ("retention.ms=soon", "soon"),
            ("segment.bytes=1MiB", "1048576"),
            ("segment.bytes=100", "100"),
            ("cleanup.policy=compact", "compact"),
        ];
        for (pair, expected) in cases {
            assert_eq!(config(pair).unwrap().1, expected, "{pair}");
        }
        assert!(config("retention.ms").is_err());
    }
}
