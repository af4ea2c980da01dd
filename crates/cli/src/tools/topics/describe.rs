//! `kafka-topics.sh --describe`.

use std::{collections::BTreeSet, sync::Arc};

use ottla_client::{
    Admin, ConfigEntry, ConfigResource, EligibleReplicas, PartitionInfo, PartitionReassignment,
    TopicInfo,
};

use super::{REPORTS, ensure_found};
use crate::{
    output::Out,
    tools::{Refusal, flags::Given, target},
};

pub(super) async fn run(given: &Given, admin: &Admin, out: &mut Out) -> Result<(), Refusal> {
    let topics = found(given, admin).await?;
    if topics.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = topics.iter().map(|topic| topic.name.to_string()).collect();
    let eligible = admin.eligible_replicas(&names).await?;
    let live = admin.describe_cluster().await?.brokers.into_iter();
    let live: BTreeSet<i32> = live.map(|it| it.broker.id.0).collect();
    let moves = admin.list_reassignments(None).await.unwrap_or_default();
    for topic in topics {
        let resource = ConfigResource::Topic(topic.name.to_string());
        let configs = admin.describe_configs(&resource).await?;
        if given.count(REPORTS) == 0 {
            headline(given, &topic, &configs, out)?;
        }
        if given.has("topics-with-overrides") {
            continue;
        }
        for partition in topic.partitions.values() {
            let name = topic.name.to_string();
            let at = (name, partition.partition);
            let moved = moves.get(&at);
            if is_wanted(given, partition, moved, (&configs, &live)) {
                let eligible = eligible.as_ref().and_then(|all| all.get(&at));
                out.line(&line(&topic.name, partition, moved, eligible))?;
            }
        }
    }
    Ok(())
}

async fn found(given: &Given, admin: &Admin) -> Result<Vec<Arc<TopicInfo>>, Refusal> {
    let without_internal = given.has("exclude-internal");
    if let Some(id) = given.value("topic-id")? {
        let mut topics = target::topics(admin, None, without_internal).await?;
        topics.retain(|topic| topic.topic_id.to_string() == id);
        if topics.is_empty() && !given.has("if-exists") {
            return Err(Refusal::Options(format!("TopicId '{id}' does not exist as expected")));
        }
        return Ok(topics);
    }
    let wanted = given.value("topic")?;
    let pattern = wanted.map(target::pattern).transpose()?;
    let topics = target::topics(admin, pattern.as_ref(), without_internal).await?;
    ensure_found(topics.is_empty(), wanted, given)?;
    Ok(topics)
}

fn headline(
    given: &Given,
    topic: &TopicInfo,
    configs: &[ConfigEntry],
    out: &mut Out,
) -> Result<(), Refusal> {
    let set: Vec<String> = configs
        .iter()
        .filter(|config| config.source != "DEFAULT_CONFIG")
        .map(|config| format!("{}={}", config.name, config.value.as_deref().unwrap_or("null")))
        .collect();
    if given.has("topics-with-overrides") && set.is_empty() {
        return Ok(());
    }
    let copies = topic.partitions.values().next().map_or(0, |first| first.replicas.len());
    out.line(&format!(
        "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {copies}\tConfigs: {}",
        topic.name,
        topic.topic_id,
        topic.partitions.len(),
        set.join(",")
    ))?;
    Ok(())
}

/// How many replicas a partition has apart from those that are being added.
fn copies(partition: &PartitionInfo, moved: Option<&PartitionReassignment>) -> usize {
    moved.map_or(partition.replicas.len(), |moved| {
        moved.replicas.len().saturating_sub(moved.adding.len())
    })
}

fn is_wanted(
    given: &Given,
    partition: &PartitionInfo,
    moved: Option<&PartitionReassignment>,
    (configs, live): (&[ConfigEntry], &BTreeSet<i32>),
) -> bool {
    if given.count(REPORTS) == 0 {
        return true;
    }
    let minimum = configs.iter().find(|config| config.name == "min.insync.replicas");
    let minimum: usize =
        minimum.and_then(|it| it.value.as_ref()).and_then(|it| it.parse().ok()).unwrap_or(1);
    let has_leader = partition.leader.0 >= 0;
    let in_sync = partition.isr.len();
    given.has("under-replicated-partitions") && copies(partition, moved) > in_sync
        || given.has("unavailable-partitions")
            && !(has_leader && live.contains(&partition.leader.0))
        || given.has("under-min-isr-partitions") && (!has_leader || in_sync < minimum)
        || given.has("at-min-isr-partitions") && in_sync == minimum
}

fn line(
    topic: &str,
    partition: &PartitionInfo,
    moved: Option<&PartitionReassignment>,
    eligible: Option<&EligibleReplicas>,
) -> String {
    let leader = match partition.leader.0 {
        leader if leader >= 0 => leader.to_string(),
        _ => "none".to_owned(),
    };
    let brokers = |ids: &[ottla_client::BrokerId]| -> String {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    let moves = moved.map_or_else(String::new, |moved| {
        let (adding, removing) = (brokers(&moved.adding), brokers(&moved.removing));
        format!("\tAdding Replicas: {adding}\tRemoving Replicas: {removing}")
    });
    let known = |ids: Option<&Vec<ottla_client::BrokerId>>| {
        ids.map_or_else(|| "N/A".to_owned(), |ids| brokers(ids))
    };
    format!(
        "\tTopic: {topic}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}{moves}\tElr: \
         {}\tLastKnownElr: {}",
        partition.partition,
        brokers(&partition.replicas),
        brokers(&partition.isr),
        known(eligible.and_then(|it| it.eligible.as_ref())),
        known(eligible.and_then(|it| it.last_known.as_ref())),
    )
}
