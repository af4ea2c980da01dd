//! `kafka-console-consumer.sh`: records to standard output.
//!
//! Without `--group` it reads as nobody's member, where Kafka's makes up a group that stays behind.
//! Kafka: `ConsoleConsumer`, `DefaultMessageFormatter`.

mod formatter;

use std::time::Duration;

use ottla_client::{Client, ConsumerConfig, Isolation, Offset, Position};
use tokio::time::Instant;

use super::{
    Refusal,
    console_producer::pairs,
    flags::{Flag, Given, number, switch, text},
    target,
};
use crate::{
    command::Source,
    output::{Out, note},
    session::Stop,
};
use formatter::Formatter;

pub(super) const ABOUT: &str =
    "This tool helps to read data from Kafka topics and outputs it to standard output.";

pub(super) const FLAGS: &[Flag] = &[
    text("topic", "topic", "The topic."),
    text("include", "regex", "A regular expression of topics."),
    number("partition", "partition", "Only this partition."),
    text("offset", "consume offset", "Where to begin: a number, earliest or latest."),
    text("bootstrap-server", "server to connect to", "REQUIRED: where a broker is."),
    text("group", "group id", "Read as a member of this group."),
    switch("from-beginning", "Begin at the start where the group has no offsets."),
    number("max-messages", "num_messages", "End after so many records."),
    number("timeout-ms", "timeout_ms", "End when nothing came for so long."),
    switch("skip-message-on-error", "Go on after a record that cannot be shown."),
    switch("enable-systest-events", "Not supported."),
    text("isolation-level", "level", "read_committed or read_uncommitted."),
    text("key-deserializer", "class", "How keys are read."),
    text("value-deserializer", "class", "How values are read."),
    text("formatter", "class", "How records are shown."),
    text("formatter-config", "file", "Properties of the formatter."),
    text("property", "prop", "The same as --formatter-property."),
    text("formatter-property", "prop", "A property of the formatter, as in print.key=true."),
    text("consumer-property", "prop", "The same as --command-property."),
    text("command-property", "prop", "A property of the consumer."),
    text("consumer.config", "file", "The same as --command-config."),
    text("command-config", "file", "Properties of the consumer."),
];

/// Options whose names Kafka is about to drop, with the newer ones.
const RENAMED: &[(&str, &str)] = &[
    ("consumer-property", "command-property"),
    ("consumer.config", "command-config"),
    ("property", "formatter-property"),
];

pub(super) async fn run(given: &Given, out: &mut Out, stop: &Stop) -> Result<(), Refusal> {
    check(given)?;
    for (old, new) in RENAMED.iter().filter(|(old, _)| given.has(old)) {
        out.line(&format!(
            "Option --{old} is deprecated and will be removed in a future version. Use --{new} \
             instead."
        ))?;
    }
    let formatter = Formatter::new(given)?;
    let mut settings = Vec::new();
    for name in ["command-config", "consumer.config"] {
        if let Some(path) = given.value(name)? {
            settings.extend(target::properties(path)?);
        }
    }
    settings.extend(pairs(given, &["command-property", "consumer-property"])?);
    let bootstrap = given.value("bootstrap-server")?.unwrap_or_default();
    let client = target::connect(bootstrap, &settings, "console-consumer").await?;
    let mut source = open(given, &client, &settings).await?;
    let copied = copy(given, &mut source, &formatter, (out, stop)).await;
    let closed = source.close().await;
    out.flush()?;
    let (count, is_stopped) = copied?;
    closed?;
    note(&format!("Processed a total of {count} messages"));
    if is_stopped { Err(Refusal::Said(130)) } else { Ok(()) }
}

fn check(given: &Given) -> Result<(), Refusal> {
    let usage = |text: &str| Err(Refusal::Usage(text.to_owned()));
    if given.count(&["topic", "include"]) != 1 {
        return usage("Exactly one of the following arguments is required: [topic], [include]");
    }
    if given.has("partition") {
        if !given.has("topic") {
            return usage("The topic is required when partition is specified.");
        }
        if given.has("from-beginning") && given.has("offset") {
            return usage("Options from-beginning and offset cannot be specified together.");
        }
        if given.has("group") {
            return usage("Options group and partition cannot be specified together.");
        }
    } else if given.has("offset") {
        return usage("The partition is required when offset is specified.");
    }
    given.require(&["bootstrap-server"])
}

/// Where reading begins when nothing is committed.
fn position(given: &Given, settings: &[(String, String)]) -> Result<Position, Refusal> {
    let reset = settings.iter().rev().find(|(key, _)| key == "auto.offset.reset");
    let default = if given.has("from-beginning") {
        "earliest"
    } else {
        reset.map_or("latest", |(_, value)| value)
    };
    let text = given.value("offset")?.unwrap_or(default);
    match text.to_ascii_lowercase().as_str() {
        "earliest" => Ok(Position::Start),
        "latest" => Ok(Position::End),
        number => match number.parse::<i64>() {
            Ok(offset) if offset >= 0 => Ok(Position::Offset(Offset(offset))),
            _ => Err(Refusal::Usage(format!(
                "The provided offset value '{text}' is incorrect. Valid values are 'earliest', \
                 'latest', or a non-negative long."
            ))),
        },
    }
}

async fn open(
    given: &Given,
    client: &Client,
    settings: &[(String, String)],
) -> Result<Source, Refusal> {
    let setting = |key: &str| {
        settings.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    };
    let isolation = given.value("isolation-level")?.or(setting("isolation.level"));
    let isolation = match isolation {
        Some("read_committed") => Isolation::Committed,
        _ => Isolation::Uncommitted,
    };
    let config = ConsumerConfig { isolation, ..ConsumerConfig::default() };
    let from = position(given, settings)?;
    let topics: Vec<String> = if let Some(topic) = given.value("topic")? {
        vec![topic.to_owned()]
    } else {
        let pattern = target::pattern(given.value("include")?.unwrap_or_default())?;
        let topics = target::topics(&client.admin(), Some(&pattern), true).await?;
        topics.iter().map(|topic| topic.name.to_string()).collect()
    };
    if let Some(group) = given.value("group")?.or(setting("group.id")) {
        let builder = client.group(group).topics(topics).from(from).config(config);
        let consumer = builder.auto_commit(Duration::from_secs(1)).start().await?;
        return Ok(Source::Group(Box::new(consumer)));
    }
    let mut consumer = client.consumer_with(config);
    for topic in &topics {
        match given.number("partition")? {
            Some(partition) => consumer.assign(topic, partition, from).await?,
            None => consumer.assign_topic(topic, from).await?,
        }
    }
    Ok(Source::Plain(Box::new(consumer)))
}

/// Copies records until enough came, nothing comes any more, or it is told to stop.
async fn copy(
    given: &Given,
    source: &mut Source,
    formatter: &Formatter,
    (out, stop): (&mut Out, &Stop),
) -> Result<(u64, bool), Refusal> {
    let limit = given.number::<i64>("max-messages")?.filter(|limit| *limit >= 0);
    let limit = limit.and_then(|limit| u64::try_from(limit).ok());
    let idle = given.number::<u64>("timeout-ms")?.map(Duration::from_millis);
    let mut count = 0;
    let mut line = Vec::new();
    while limit.is_none_or(|limit| count < limit) {
        let next = if let Some(next) = source.try_next() {
            next
        } else {
            out.flush()?;
            let deadline = Instant::now() + idle.unwrap_or(Duration::from_hours(24));
            tokio::select! {
                next = source.next() => match next {
                    Some(next) => next,
                    None => return Ok((count, false)),
                },
                () = stop.requested() => return Ok((count, true)),
                () = tokio::time::sleep_until(deadline) => match idle {
                    Some(_) => return Ok((count, false)),
                    None => continue,
                },
            }
        };
        count += 1;
        line.clear();
        match formatter.write(&next?, &mut line) {
            Ok(()) => out.write(&line)?,
            Err(text) if given.has("skip-message-on-error") => note(&text),
            Err(text) => return Err(Refusal::Failed(text)),
        }
    }
    Ok((count, false))
}
