//! `kafka-consumer-groups.sh --describe`: offsets, members, or the state.

use std::{collections::BTreeMap, sync::Arc};

use ottla_client::{
    Admin, Client, CommittedOffset, GroupDescription, GroupMember, Isolation, OffsetSpec,
};

use super::{NONE, has_something};
use crate::{
    output::Out,
    tools::{
        Refusal,
        flags::Given,
        table::{padded, width},
    },
};

pub(super) async fn run(
    given: &Given,
    (client, groups): (&Client, &[String]),
    out: &mut Out,
) -> Result<(), Refusal> {
    let mut groups = groups.to_vec();
    groups.sort_unstable();
    groups.dedup();
    let admin = client.admin();
    let is_verbose = given.has("verbose");
    for group_id in &groups {
        let group = admin
            .describe_group(group_id)
            .await
            .map_err(|error| Refusal::Failed(crate::tools::exception(&error)))?;
        if given.has("members") {
            members(&group, is_verbose, out)?;
        } else if given.has("state") {
            state(&group, client, is_verbose, out)?;
        } else {
            offsets(&group, &admin, is_verbose, out).await?;
        }
    }
    Ok(())
}

/// A partition as it is shown.
struct Row {
    topic: String,
    partition: String,
    leader_epoch: String,
    committed: String,
    end: String,
    lag: String,
    consumer: String,
    host: String,
    client: String,
}

async fn offsets(
    group: &GroupDescription,
    admin: &Admin,
    is_verbose: bool,
    out: &mut Out,
) -> Result<(), Refusal> {
    let rows = rows(group, admin).await?;
    if !has_something(&group.group_id, &group.state, out)? || rows.is_empty() {
        return Ok(());
    }
    let of = |least, cell: fn(&Row) -> &str| width(least, rows.iter().map(cell));
    let widths = (of(15, |row| &row.topic), of(15, |row| &row.consumer), of(15, |row| &row.host));
    let name = group.group_id.as_str();
    let line = |name: &str, row: &Row| {
        let mut cells = vec![
            (name.to_owned(), width(15, [group.group_id.as_str()].into_iter())),
            (row.topic.clone(), widths.0),
            (row.partition.clone(), 10),
        ];
        if is_verbose {
            cells.push((row.leader_epoch.clone(), 15));
        }
        cells.extend([
            (row.committed.clone(), 15),
            (row.end.clone(), 15),
            (row.lag.clone(), 15),
            (row.consumer.clone(), widths.1),
            (row.host.clone(), widths.2),
            (row.client.clone(), 0),
        ]);
        padded(&cells)
    };
    out.line("")?;
    out.line(&line("GROUP", &headline()))?;
    for row in &rows {
        out.line(&line(name, row))?;
    }
    Ok(())
}

fn headline() -> Row {
    Row {
        topic: "TOPIC".into(),
        partition: "PARTITION".into(),
        leader_epoch: "LEADER-EPOCH".into(),
        committed: "CURRENT-OFFSET".into(),
        end: "LOG-END-OFFSET".into(),
        lag: "LAG".into(),
        consumer: "CONSUMER-ID".into(),
        host: "HOST".into(),
        client: "CLIENT-ID".into(),
    }
}

type Partition = (Arc<str>, i32);

/// The partitions of each member, those with most first, and then those that nobody reads.
async fn rows(group: &GroupDescription, admin: &Admin) -> Result<Vec<Row>, Refusal> {
    let committed = admin.list_group_offsets(&group.group_id).await?;
    let mut members: Vec<&GroupMember> = group.members.iter().collect();
    members.sort_by_key(|member| std::cmp::Reverse(member.assignment.len()));
    let mut wanted: Vec<(Option<Partition>, Option<&GroupMember>)> = Vec::new();
    for member in members {
        let mut mine: Vec<Partition> = member
            .assignment
            .iter()
            .map(|(topic, partition)| (Arc::from(topic.as_str()), *partition))
            .collect();
        mine.sort_by_key(|(_, partition)| *partition);
        if mine.is_empty() {
            wanted.push((None, Some(member)));
        }
        wanted.extend(mine.into_iter().map(|partition| (Some(partition), Some(member))));
    }
    let is_read = |partition: &Partition, wanted: &[(Option<Partition>, _)]| {
        wanted.iter().any(|(other, _)| other.as_ref() == Some(partition))
    };
    let mut idle: Vec<Partition> =
        committed.keys().filter(|partition| !is_read(partition, &wanted)).cloned().collect();
    idle.sort_by_key(|(_, partition)| *partition);
    wanted.extend(idle.into_iter().map(|partition| (Some(partition), None)));
    let asked = wanted.iter().filter_map(|(partition, _)| partition.clone());
    let asked: Vec<_> =
        asked.map(|(topic, partition)| (topic, partition, OffsetSpec::End)).collect();
    let ends = ends(admin, asked).await?;
    Ok(wanted
        .into_iter()
        .map(|(partition, member)| row(partition.as_ref(), member, (&committed, &ends)))
        .collect())
}

async fn ends(
    admin: &Admin,
    asked: Vec<(Arc<str>, i32, OffsetSpec)>,
) -> Result<BTreeMap<Partition, i64>, Refusal> {
    // A topic that is gone has no end, and its offsets are shown all the same.
    let names: Vec<String> = asked.iter().map(|(topic, _, _)| topic.to_string()).collect();
    let known = admin.describe_topics(&names).await?;
    let known: Vec<String> =
        known.into_iter().filter(|(_, topic)| topic.is_ok()).map(|(name, _)| name).collect();
    let asked: Vec<_> =
        asked.into_iter().filter(|(topic, _, _)| known.iter().any(|it| **it == **topic)).collect();
    let listed = admin.list_offsets(&asked, Isolation::Uncommitted).await?;
    let listed = listed.into_iter().filter_map(|(topic, partition, result)| {
        result.ok().map(|it| ((topic, partition), it.offset.0))
    });
    Ok(listed.collect())
}

fn row(
    partition: Option<&Partition>,
    member: Option<&GroupMember>,
    (committed, ends): (&BTreeMap<Partition, CommittedOffset>, &BTreeMap<Partition, i64>),
) -> Row {
    let shown = |value: Option<String>| value.unwrap_or_else(|| NONE.to_owned());
    let committed = partition.and_then(|it| committed.get(it)).filter(|it| it.offset.0 >= 0);
    let end = partition.and_then(|it| ends.get(it)).copied();
    let epoch = committed.map(|it| it.leader_epoch.0).filter(|epoch| *epoch >= 0);
    Row {
        topic: shown(partition.map(|it| it.0.to_string())),
        partition: shown(partition.map(|it| it.1.to_string())),
        leader_epoch: shown(epoch.map(|epoch| epoch.to_string())),
        committed: shown(committed.map(|it| it.offset.to_string())),
        end: shown(end.map(|end| end.to_string())),
        lag: shown(end.zip(committed).map(|(end, it)| (end - it.offset.0).to_string())),
        consumer: shown(member.map(|it| it.member_id.clone())),
        host: shown(member.map(|it| it.client_host.clone())),
        client: shown(member.map(|it| it.client_id.clone())),
    }
}

fn members(group: &GroupDescription, is_verbose: bool, out: &mut Out) -> Result<(), Refusal> {
    if !has_something(&group.group_id, &group.state, out)? {
        return Ok(());
    }
    let of = |least, cell: fn(&GroupMember) -> &str| width(least, group.members.iter().map(cell));
    let instance = |member: &GroupMember| member.group_instance_id.clone().unwrap_or_default();
    let has_instances = group.members.iter().any(|member| member.group_instance_id.is_some());
    let widths = (
        width(15, [group.group_id.as_str()].into_iter()),
        of(15, |it| &it.member_id),
        of(17, |it| it.group_instance_id.as_deref().unwrap_or_default()),
        of(15, |it| &it.client_host),
        of(15, |it| &it.client_id),
    );
    let line = |cells: [String; 6], more: Option<[String; 4]>| {
        let [name, id, instance, host, client, count] = cells;
        let mut row = vec![(name, widths.0), (id, widths.1)];
        if has_instances {
            row.push((instance, widths.2));
        }
        row.extend([(host, widths.3), (client, widths.4), (count, 15)]);
        let mut line = padded(&row) + " ";
        if let Some([epoch, current, target_epoch, target]) = more {
            line += &padded(&[(epoch, 15), (current, 20), (target_epoch, 15), (target, 20)]);
        }
        line
    };
    let titles = ["GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS"];
    let more = ["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"];
    out.line("")?;
    out.line(&line(titles.map(str::to_owned), is_verbose.then(|| more.map(str::to_owned))))?;
    for member in &group.members {
        let cells = [
            group.group_id.clone(),
            member.member_id.clone(),
            instance(member),
            member.client_host.clone(),
            member.client_id.clone(),
            member.assignment.len().to_string(),
        ];
        let none = || NONE.to_owned();
        let more = is_verbose.then(|| [none(), assignment(member), none(), none()]);
        out.line(&line(cells, more))?;
    }
    Ok(())
}

/// `London:0,1;Paris:2`
fn assignment(member: &GroupMember) -> String {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in &member.assignment {
        topics.entry(topic).or_default().push(*partition);
    }
    if topics.is_empty() {
        return NONE.to_owned();
    }
    let topics = topics.into_iter().map(|(topic, mut partitions)| {
        partitions.sort_unstable();
        let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{topic}:{}", numbers.join(","))
    });
    topics.collect::<Vec<_>>().join(";")
}

fn state(
    group: &GroupDescription,
    client: &Client,
    is_verbose: bool,
    out: &mut Out,
) -> Result<(), Refusal> {
    if !has_something(&group.group_id, &group.state, out)? {
        return Ok(());
    }
    let topology = client.topology();
    let broker = topology.brokers.get(&group.coordinator.0);
    let address = broker.map(|it| format!("{}:{}", it.host, it.port)).unwrap_or_default();
    let coordinator = format!("{address}  ({})", group.coordinator);
    let widths = (
        width(15, [group.group_id.as_str()].into_iter()),
        width(25, [coordinator.as_str()].into_iter()),
    );
    let line = |cells: [&str; 5]| {
        let [name, coordinator, strategy, state, count] = cells;
        let mut row = vec![(name, widths.0), (coordinator, widths.1), (strategy, 20), (state, 20)];
        if is_verbose {
            let is_title = name == "GROUP";
            row.push((if is_title { "GROUP-EPOCH" } else { NONE }, 15));
            row.push((if is_title { "TARGET-ASSIGNMENT-EPOCH" } else { NONE }, 25));
        }
        row.push((count, 0));
        padded(&row)
    };
    let strategy = if group.assignor.is_empty() { NONE } else { &group.assignor };
    let count = group.members.len().to_string();
    out.line("")?;
    out.line(&line(["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS"]))?;
    out.line(&line([&group.group_id, &coordinator, strategy, &group.state, &count]))?;
    Ok(())
}
