//! `kafka-get-offsets.sh`: where partitions begin and end, or where a time is.
//!
//! Kafka: `GetOffsetShell`.

use std::sync::Arc;

use ottla_client::{Isolation, OffsetSpec, TopicInfo};
use regex::Regex;

use super::{
    Refusal,
    flags::{Flag, Given, switch, text},
    kafka_text, target,
};
use crate::output::{Out, note};

pub(super) const ABOUT: &str = "An interactive shell for getting topic-partition offsets.";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "HOST1:PORT1,HOST2:PORT2", "REQUIRED: where brokers are."),
    text("command-config", "file", "Properties of the client."),
    text("topic", "topic", "A regular expression of topics."),
    text("partitions", "partition ids", "Only these partitions, with commas between them."),
    text("topic-partitions", "topic1:1,topic2:0-3,topic3", "Topics and ranges of partitions."),
    text("time", "timestamp", "Which offset: latest, earliest, max-timestamp, or a time in ms."),
    switch("exclude-internal-topics", "Leave Kafka's own topics out."),
];

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    match act(given, out).await {
        Err(Refusal::Failed(text)) => Err(Refusal::Failed(format!("Error occurred: {text}"))),
        done => done,
    }
}

async fn act(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    given.require(&["bootstrap-server"])?;
    if given.has("topic-partitions") && given.count(&["topic", "partitions"]) > 0 {
        let text = "--topic-partitions cannot be used with --topic or --partitions";
        return Err(Refusal::Failed(text.into()));
    }
    let spec = spec(given.value("time")?.unwrap_or("latest"))?;
    let rules = rules(given)?;
    let client = target::administrator(given).await?;
    let admin = client.admin();
    let topics = target::topics(&admin, None, given.has("exclude-internal-topics")).await?;
    let mut asked = Vec::new();
    for topic in &topics {
        asked
            .extend(matching(topic, &rules).map(|partition| (topic.name.clone(), partition, spec)));
    }
    if asked.is_empty() {
        let text = "Could not match any topic-partitions with the specified filters";
        return Err(Refusal::Failed(text.into()));
    }
    let mut listed = admin.list_offsets(&asked, Isolation::Uncommitted).await?;
    listed.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    for (topic, partition, result) in listed {
        match result {
            Ok(listed) if listed.offset.0 >= 0 => {
                out.line(&format!("{topic}:{partition}:{}", listed.offset))?;
            }
            Ok(_) => {}
            Err(error) => note(&format!(
                "Skip getting offsets for topic-partition {topic}-{partition} due to error: {}",
                kafka_text(&error)
            )),
        }
    }
    Ok(())
}

fn spec(time: &str) -> Result<OffsetSpec, Refusal> {
    Ok(match time {
        "-1" | "latest" => OffsetSpec::End,
        "-2" | "earliest" => OffsetSpec::Start,
        "-3" | "max-timestamp" => OffsetSpec::MaxTimestamp,
        "-4" | "earliest-local" => OffsetSpec::LocalStart,
        "-5" | "latest-tiered" => OffsetSpec::TieredEnd,
        "-6" | "earliest-pending-upload" => OffsetSpec::PendingUpload,
        time => OffsetSpec::Timestamp(time.parse().ok().filter(|it| *it >= 0).ok_or_else(|| {
            Refusal::Failed(format!(
                "Malformed time argument {time}. Please use -1 or latest / -2 or earliest / -3 or \
                 max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or \
                 earliest-pending-upload, or a specified long format timestamp"
            ))
        })?),
    })
}

/// Topics of a pattern, and which of their partitions.
#[derive(Debug)]
struct Rule {
    topics: Regex,
    /// From and to, exclusive.
    partitions: Vec<(i32, i32)>,
}

const ALL: (i32, i32) = (0, i32::MAX);

fn rules(given: &Given) -> Result<Vec<Rule>, Refusal> {
    if let Some(text) = given.value("topic-partitions")? {
        return text.split(',').map(rule).collect();
    }
    let topics = target::pattern(given.value("topic")?.unwrap_or(".*"))?;
    let mut partitions = Vec::new();
    for number in given.value("partitions")?.unwrap_or_default().split(',') {
        match number.trim() {
            "" => {}
            text => partitions.push(range(text)?),
        }
    }
    if partitions.is_empty() {
        partitions.push(ALL);
    }
    Ok(vec![Rule { topics, partitions }])
}

/// Reads `topic`, `topic:1`, `topic:1-3`, `topic:-3`, `:1`.
fn rule(text: &str) -> Result<Rule, Refusal> {
    let (topic, partitions) = text.split_once(':').unwrap_or((text, ""));
    let topics = target::pattern(if topic.is_empty() { ".*" } else { topic })?;
    Ok(Rule { topics, partitions: vec![range(partitions)?] })
}

fn range(text: &str) -> Result<(i32, i32), Refusal> {
    let wrong = || Refusal::Failed(format!("Invalid partition range {text}"));
    let number = |digits: &str| digits.trim().parse::<i32>().map_err(|_| wrong());
    match text.split_once('-') {
        None if text.is_empty() => Ok(ALL),
        None => number(text).map(|first| (first, first.saturating_add(1))),
        Some((first, last)) => {
            let first = if first.is_empty() { 0 } else { number(first)? };
            let last = if last.is_empty() { i32::MAX } else { number(last)? };
            Ok((first, last))
        }
    }
}

fn matching<'a>(topic: &'a Arc<TopicInfo>, rules: &'a [Rule]) -> impl Iterator<Item = i32> + 'a {
    topic.partitions.keys().copied().filter(move |partition| {
        rules.iter().any(|rule| {
            let mut ranges = rule.partitions.iter();
            rule.topics.is_match(&topic.name)
                && ranges.any(|(first, end)| (*first..*end).contains(partition))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_before_their_last_number() {
        for (text, expected) in
            [("", ALL), ("2", (2, 3)), ("1-3", (1, 3)), ("-3", (0, 3)), ("4-", (4, i32::MAX))]
        {
            assert_eq!(range(text), Ok(expected), "{text}");
        }
        assert!(range("x").is_err());
    }
}
