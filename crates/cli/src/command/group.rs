//! `group`: list, describe, reset, delete.

mod reset;

use std::{collections::BTreeMap, sync::Arc};

use clap::{Args, Subcommand};
use ottla_client::{Admin, CommittedOffset, ErrorKind, GroupDescription, Isolation, OffsetSpec};

use super::topic::{count, finish};
use crate::{
    exit::{Exit, Failure, Outcome},
    output::{Column, Item, Report, Value, column, wide},
    position::matches_glob,
    session::Session,
};

/// Consumer groups
#[derive(Subcommand, Clone, Debug)]
pub enum GroupCommand {
    /// List groups
    #[command(visible_alias = "ls")]
    List(List),
    /// Show groups in detail: state, members, offsets, lag
    Describe(Describe),
    /// Move a group's committed offsets
    Reset(reset::Reset),
    /// Delete groups with their committed offsets
    #[command(visible_alias = "rm")]
    Delete(Delete),
}

impl GroupCommand {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::List(command) => command.run(session).await,
            Self::Describe(command) => command.run(session).await,
            Self::Reset(command) => command.run(session).await,
            Self::Delete(command) => command.run(session).await,
        }
    }
}

/// List groups
#[derive(Args, Clone, Debug)]
pub struct List {
    /// Only names that match these patterns, as in `read*`
    patterns: Vec<String>,
    /// How far behind each is too
    #[arg(long)]
    lag: bool,
}

const LISTED: &[Column] = &[
    column("groupId", "GROUP"),
    column("state", "STATE"),
    wide("type", "TYPE"),
    wide("protocolType", "PROTOCOL"),
    column("coordinator", "COORDINATOR"),
];

const LISTED_WITH_LAG: &[Column] = &[
    column("groupId", "GROUP"),
    column("state", "STATE"),
    wide("type", "TYPE"),
    wide("protocolType", "PROTOCOL"),
    column("coordinator", "COORDINATOR"),
    column("lag", "LAG"),
];

impl List {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let admin = client.admin();
        let mut groups = admin.list_groups().await?;
        groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        let mut report = Report::list("GroupList", if self.lag { LISTED_WITH_LAG } else { LISTED });
        for group in groups {
            let is_wanted = self.patterns.is_empty()
                || self.patterns.iter().any(|pattern| matches_glob(pattern, &group.group_id));
            if !is_wanted {
                continue;
            }
            let mut item: Item = vec![
                ("groupId", Value::text(&group.group_id)),
                ("state", Value::text(&group.state)),
                ("type", Value::text(&group.group_type)),
                ("protocolType", Value::text(&group.protocol_type)),
                ("coordinator", Value::Int(group.coordinator.0.into())),
            ];
            if self.lag {
                let rows = progress(&admin, &group.group_id).await?;
                let lag = rows.values().filter_map(Progress::lag).sum();
                item.push(("lag", Value::Int(lag)));
            }
            report.push(item);
        }
        finish(session, &report)
    }
}

/// How far a group is in one partition.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) committed: CommittedOffset,
    /// Where the partition starts and ends; `None` if the partition is gone.
    pub(crate) bounds: Option<(i64, i64)>,
}

impl Progress {
    pub(crate) fn lag(&self) -> Option<i64> {
        self.bounds.map(|(_, end)| (end - self.committed.offset.0).max(0))
    }
}

pub(crate) type Partition = (Arc<str>, i32);

/// How far a group is, in every partition it committed.
pub(crate) async fn progress(
    admin: &Admin,
    group_id: &str,
) -> Result<BTreeMap<Partition, Progress>, Failure> {
    let offsets = admin.list_group_offsets(group_id).await?;
    let partitions: Vec<Partition> = offsets.keys().cloned().collect();
    let bounds = bounds(admin, &partitions).await?;
    let rows = offsets.into_iter().map(|(partition, committed)| {
        let bounds = bounds.get(&partition).copied();
        (partition, Progress { committed, bounds })
    });
    Ok(rows.collect())
}

/// Start and end of partitions. Those that do not exist any more are left out.
pub(crate) async fn bounds(
    admin: &Admin,
    partitions: &[Partition],
) -> Result<BTreeMap<Partition, (i64, i64)>, Failure> {
    let mut topics: Vec<String> = partitions.iter().map(|(name, _)| name.to_string()).collect();
    topics.sort_unstable();
    topics.dedup();
    let described = admin.describe_topics(&topics).await?;
    let exists = |(name, partition): &&Partition| {
        described.iter().any(|(other, result)| {
            let has =
                |topic: &Arc<ottla_client::TopicInfo>| topic.partitions.contains_key(partition);
            other == &**name && result.as_ref().is_ok_and(has)
        })
    };
    let existing: Vec<&Partition> = partitions.iter().filter(exists).collect();
    let list = async |spec| {
        let asked: Vec<_> = existing.iter().map(|it| (it.0.clone(), it.1, spec)).collect();
        let listed = admin.list_offsets(&asked, Isolation::Uncommitted).await?;
        let listed = listed.into_iter().filter_map(|(name, partition, result)| {
            result.ok().map(|it| ((name, partition), it.offset.0))
        });
        Ok::<_, Failure>(listed.collect::<BTreeMap<Partition, i64>>())
    };
    let starts = list(OffsetSpec::Start).await?;
    let ends = list(OffsetSpec::End).await?;
    let both = starts.into_iter().filter_map(|(partition, start)| {
        ends.get(&partition).map(|end| (partition.clone(), (start, *end)))
    });
    Ok(both.collect())
}

/// Show groups in detail
#[derive(Args, Clone, Debug)]
pub struct Describe {
    /// Names
    #[arg(required = true)]
    groups: Vec<String>,
    /// The members and what they read too
    #[arg(long)]
    members: bool,
}

const OFFSETS: &[Column] = &[
    column("topic", "TOPIC"),
    column("partition", "PARTITION"),
    column("committedOffset", "COMMITTED"),
    column("logEndOffset", "END"),
    column("lag", "LAG"),
    column("clientId", "CLIENT"),
    wide("memberId", "MEMBER"),
    wide("clientHost", "HOST"),
    wide("metadata", "METADATA"),
];

impl Describe {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let admin = client.admin();
        let mut report = Report::details("GroupDescription", "offsets", OFFSETS);
        for group_id in &self.groups {
            match self.describe(&admin, group_id).await {
                Ok(item) => report.push(item),
                Err(failure) => report.fail(failure),
            }
        }
        finish(session, &report)
    }

    async fn describe(&self, admin: &Admin, group_id: &str) -> Result<Item, Failure> {
        let group = admin.describe_group(group_id).await?;
        let progress = progress(admin, group_id).await?;
        if group.state == "Dead" && progress.is_empty() {
            let what = format!("cannot describe group {group_id}");
            return Err(Failure::new(Exit::NotFound, what, "the group does not exist")
                .with_next("list what there is with `group list`"));
        }
        let lag: i64 = progress.values().filter_map(Progress::lag).sum();
        let mut item: Item = vec![
            ("groupId", Value::text(&group.group_id)),
            ("state", Value::text(&group.state)),
            ("protocolType", Value::text(&group.protocol_type)),
            ("assignor", Value::text(&group.assignor)),
            ("coordinator", Value::Int(group.coordinator.0.into())),
            ("memberCount", Value::Int(count(group.members.len()))),
            ("lag", Value::Int(lag)),
            ("offsets", Value::List(offset_rows(&group, &progress))),
        ];
        if self.members {
            item.push(("members", Value::List(member_rows(&group))));
        }
        Ok(item)
    }
}

fn offset_rows(group: &GroupDescription, progress: &BTreeMap<Partition, Progress>) -> Vec<Value> {
    let mut partitions: Vec<Partition> = progress.keys().cloned().collect();
    for member in &group.members {
        let assigned = member.assignment.iter();
        partitions.extend(assigned.map(|(topic, it)| (Arc::from(topic.as_str()), *it)));
    }
    partitions.sort_unstable();
    partitions.dedup();
    let row = |partition: &Partition| {
        let member = group.members.iter().find(|member| {
            member.assignment.iter().any(|it| *it.0 == *partition.0 && it.1 == partition.1)
        });
        let known = progress.get(partition);
        let int = |value: Option<i64>| value.map_or(Value::Null, Value::Int);
        Value::Object(vec![
            ("topic", Value::text(&*partition.0)),
            ("partition", Value::Int(partition.1.into())),
            ("committedOffset", int(known.map(|it| it.committed.offset.0))),
            ("logEndOffset", int(known.and_then(|it| it.bounds).map(|(_, end)| end))),
            ("lag", int(known.and_then(Progress::lag))),
            ("clientId", Value::optional(member.map(|it| it.client_id.as_str()))),
            ("memberId", Value::optional(member.map(|it| it.member_id.as_str()))),
            ("clientHost", Value::optional(member.map(|it| it.client_host.as_str()))),
            ("metadata", Value::optional(known.map(|it| it.committed.metadata.as_str()))),
        ])
    };
    partitions.iter().map(row).collect()
}

fn member_rows(group: &GroupDescription) -> Vec<Value> {
    let row = |member: &ottla_client::GroupMember| {
        let partitions = member.assignment.iter();
        let partitions = partitions.map(|(topic, it)| Value::text(format!("{topic}-{it}")));
        Value::Object(vec![
            ("memberId", Value::text(&member.member_id)),
            ("groupInstanceId", Value::optional(member.group_instance_id.as_deref())),
            ("clientId", Value::text(&member.client_id)),
            ("clientHost", Value::text(&member.client_host)),
            ("partitions", Value::List(partitions.collect())),
        ])
    };
    group.members.iter().map(row).collect()
}

/// Delete groups with their committed offsets
#[derive(Args, Clone, Debug)]
pub struct Delete {
    /// Names
    #[arg(required = true)]
    groups: Vec<String>,
    /// A group that does not exist is fine
    #[arg(long)]
    if_exists: bool,
}

const DELETED: &[Column] = &[column("groupId", "GROUP"), column("result", "RESULT")];

impl Delete {
    async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let answer = match self.groups.as_slice() {
            [group] => group.clone(),
            groups => groups.len().to_string(),
        };
        let what = format!("Deletes groups with all committed offsets: {}", self.groups.join(", "));
        session.confirm(&what, &answer)?;
        let mut report = Report::list("GroupDeletion", DELETED);
        let row = |group: String, result: &str| {
            vec![("groupId", Value::text(group)), ("result", Value::text(result))]
        };
        for (group, result) in client.admin().delete_groups(&self.groups).await? {
            match result {
                Ok(()) => report.push(row(group, "deleted")),
                Err(error) if self.if_exists && error.kind() == ErrorKind::NotFound => {
                    report.push(row(group, "did not exist"));
                }
                Err(error) => report.fail(error),
            }
        }
        finish(session, &report)
    }
}
