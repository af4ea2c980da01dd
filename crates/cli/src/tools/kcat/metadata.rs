//! `kcat -L`: brokers, topics and partitions.

use ottla_client::{Client, ErrorCode, PartitionInfo, TopicInfo};

use super::Letters;
use crate::{
    output::{Out, Value},
    tools::Refusal,
};

pub(super) async fn run(
    letters: &Letters,
    client: &Client,
    brokers: &str,
    out: &mut Out,
) -> Result<(), Refusal> {
    let admin = client.admin();
    let wanted = letters.value('t');
    let topics: Vec<_> = match wanted {
        None => admin.list_topics().await?,
        Some(name) => {
            let found = admin.describe_topics(&[name.to_owned()]).await?;
            let found: Result<Vec<_>, _> = found.into_iter().map(|(_, topic)| topic).collect();
            found?
        }
    };
    let cluster = admin.describe_cluster().await?;
    let asked = brokers.split(',').next().unwrap_or_default();
    let answered = cluster.brokers.iter().find(|it| it.broker.address() == asked);
    let (id, name) = match answered {
        Some(it) => (it.broker.id.0, format!("{asked}/{}", it.broker.id)),
        None => (-1, format!("{asked}/bootstrap")),
    };
    if letters.has('J') {
        let brokers = cluster.brokers.iter().map(|it| {
            let id = Value::Int(it.broker.id.0.into());
            Value::Object(vec![("id", id), ("name", Value::text(it.broker.address()))])
        });
        let origin = vec![("id", Value::Int(id.into())), ("name", Value::text(name))];
        let all = Value::Object(vec![
            ("originating_broker", Value::Object(origin)),
            ("query", Value::Object(vec![("topic", Value::text(wanted.unwrap_or("*")))])),
            ("controllerid", Value::Int(cluster.controller_id.0.into())),
            ("brokers", Value::List(brokers.collect())),
            ("topics", Value::List(topics.iter().map(|topic| topic_json(topic)).collect())),
        ]);
        let text = serde_json::to_string(&all).map_err(std::io::Error::from)?;
        return Ok(out.line(&text)?);
    }
    let subject = wanted.unwrap_or("all topics");
    out.line(&format!("Metadata for {subject} (from broker {id}: {name}):"))?;
    out.line(&format!(" {} brokers:", cluster.brokers.len()))?;
    for it in &cluster.brokers {
        let is_controller = it.broker.id == cluster.controller_id;
        let note = if is_controller { " (controller)" } else { "" };
        out.line(&format!("  broker {} at {}{note}", it.broker.id, it.broker.address()))?;
    }
    out.line(&format!(" {} topics:", topics.len()))?;
    for topic in &topics {
        let count = topic.partitions.len();
        out.line(&format!("  topic \"{}\" with {count} partitions:", topic.name))?;
        for it in topic.partitions.values() {
            out.line(&partition(it))?;
        }
    }
    Ok(())
}

fn partition(it: &PartitionInfo) -> String {
    let ids = |ids: &[ottla_client::BrokerId]| {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    let error = match it.error {
        ErrorCode::None => String::new(),
        code => format!(", {}", code.message()),
    };
    format!(
        "    partition {}, leader {}, replicas: {}, isrs: {}{error}",
        it.partition,
        it.leader,
        ids(&it.replicas),
        ids(&it.isr)
    )
}

fn topic_json(topic: &TopicInfo) -> Value {
    let ids = |ids: &[ottla_client::BrokerId]| {
        let ids = ids.iter().map(|id| Value::Object(vec![("id", Value::Int(id.0.into()))]));
        Value::List(ids.collect())
    };
    let partitions = topic.partitions.values().map(|it| {
        Value::Object(vec![
            ("partition", Value::Int(it.partition.into())),
            ("leader", Value::Int(it.leader.0.into())),
            ("replicas", ids(&it.replicas)),
            ("isrs", ids(&it.isr)),
        ])
    });
    Value::Object(vec![
        ("topic", Value::text(&*topic.name)),
        ("partitions", Value::List(partitions.collect())),
    ])
}
