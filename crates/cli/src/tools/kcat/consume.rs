//! `kcat -C` and `kcat -G`: records to lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use ottla_client::{
    Client, ConsumedRecord, ConsumerConfig, Isolation, Offset, OffsetSpec, Position, TimestampType,
};

use super::{Letters, delimiter, number, say};
use crate::{
    command::Source,
    output::{Item, Out, Value},
    render::Template,
    session::Stop,
    settings::Settings,
    tools::Refusal,
};

/// How a record is written.
enum Look {
    Template(Template),
    Json,
}

pub(super) async fn run(
    letters: &Letters,
    (client, settings): (&Client, &Settings),
    (out, stop): (&mut Out, &Stop),
) -> Result<(), Refusal> {
    let look = look(letters)?;
    let isolation = match settings.get("isolation.level") {
        Some("read_uncommitted") => Isolation::Uncommitted,
        // librdkafka's default, other than Java's.
        _ => Isolation::Committed,
    };
    let config = ConsumerConfig { isolation, ..ConsumerConfig::default() };
    let mut source = if letters.has('G') {
        group(letters, client, settings, config).await?
    } else {
        plain(letters, client, config).await?
    };
    let copied = copy(letters, client, &mut source, (&look, out, stop)).await;
    let closed = source.close().await;
    out.flush()?;
    copied?;
    Ok(closed?)
}

fn look(letters: &Letters) -> Result<Look, Refusal> {
    if letters.has('J') {
        return Ok(Look::Json);
    }
    let format = if let Some(format) = letters.value('f') {
        format.to_owned()
    } else {
        let key = match letters.value('K') {
            Some(delimiter) => format!("%k{}", literal(delimiter)?),
            None => String::new(),
        };
        format!("{key}%s{}", literal(letters.value('D').unwrap_or("\\n"))?)
    };
    Template::parse(&format, letters.has('Z')).map(Look::Template).map_err(Refusal::Failed)
}

/// A delimiter in a template, where `%` and `\` of its own mean themselves.
fn literal(text: &str) -> Result<String, Refusal> {
    let mut literal = String::new();
    for byte in delimiter(text)? {
        write!(literal, "\\x{byte:02x}").map_err(|error| Refusal::Failed(error.to_string()))?;
    }
    Ok(literal)
}

/// Where reading begins and, with `e@`, where it ends.
fn bounds(letters: &Letters) -> Result<(Position, Option<i64>), Refusal> {
    let (mut from, mut to) = (Position::Start, None);
    for text in letters.values('o') {
        let wrong = || Refusal::Failed(format!("-o {text} is not known"));
        let number = |digits: &str| digits.parse::<i64>().map_err(|_| wrong());
        if let Some(time) = text.strip_prefix("s@") {
            from = Position::Timestamp(number(time)?);
        } else if let Some(time) = text.strip_prefix("e@") {
            to = Some(number(time)?);
        } else {
            from = match text {
                "beginning" | "earliest" => Position::Start,
                "end" | "latest" => Position::End,
                "stored" => return Err(Refusal::Failed("-o stored is for -G".into())),
                text => match number(text)? {
                    offset if offset < 0 => Position::BeforeEnd(offset.saturating_neg()),
                    offset => Position::Offset(Offset(offset)),
                },
            };
        }
    }
    Ok((from, to))
}

async fn group(
    letters: &Letters,
    client: &Client,
    settings: &Settings,
    config: ConsumerConfig,
) -> Result<Source, Refusal> {
    let name = letters.value('G').unwrap_or_default();
    let topics: Vec<String> =
        letters.words.iter().cloned().chain(letters.values('t').map(str::to_owned)).collect();
    if topics.is_empty() {
        return Err(Refusal::Failed("-G needs topics behind the group".into()));
    }
    let from = match (letters.value('o'), settings.get("auto.offset.reset")) {
        (Some("beginning" | "earliest"), _)
        | (None, Some("earliest" | "beginning" | "smallest")) => Position::Start,
        _ => Position::End,
    };
    let builder = client.group(name).topics(topics).from(from).config(config);
    let consumer = builder.auto_commit(Duration::from_secs(1)).start().await?;
    Ok(Source::Group(Box::new(consumer)))
}

async fn plain(
    letters: &Letters,
    client: &Client,
    config: ConsumerConfig,
) -> Result<Source, Refusal> {
    let topic = letters.value('t').ok_or_else(|| Refusal::Failed("-t is missing".into()))?;
    let (from, to) = bounds(letters)?;
    let mut consumer = client.consumer_with(config);
    match number::<i32>(letters, 'p')? {
        Some(partition) => consumer.assign(topic, partition, from).await?,
        None => consumer.assign_topic(topic, from).await?,
    }
    if letters.has('e') {
        consumer.stop_at_end().await?;
    }
    if let Some(time) = to {
        let admin = client.admin();
        for (topic, partition, _) in consumer.positions() {
            let spec = OffsetSpec::Timestamp(time);
            let at = admin.list_offset(&topic, partition, spec, Isolation::Uncommitted).await?;
            let end = OffsetSpec::End;
            let end = admin.list_offset(&topic, partition, end, Isolation::Uncommitted).await?;
            // Nothing is that young yet: everything there is comes before it.
            let offset = if at.offset.0 < 0 { end.offset } else { at.offset };
            consumer.stop_at(&topic, partition, offset);
        }
    }
    Ok(Source::Plain(Box::new(consumer)))
}

async fn copy(
    letters: &Letters,
    client: &Client,
    source: &mut Source,
    (look, out, stop): (&Look, &mut Out, &Stop),
) -> Result<(), Refusal> {
    let mut left = number::<u64>(letters, 'c')?.unwrap_or(u64::MAX);
    let mut line = Vec::new();
    let mut seen: BTreeMap<(Arc<str>, i32), i64> = BTreeMap::new();
    while left > 0 {
        let next = if let Some(next) = source.try_next() {
            next
        } else {
            out.flush()?;
            tokio::select! {
                next = source.next() => match next {
                    Some(next) => next,
                    None => break,
                },
                () = stop.requested() => return Ok(()),
                () = tokio::time::sleep(Duration::from_millis(100)),
                    if letters.has('e') && source.is_at_end() => break,
            }
        };
        let record = next?;
        left -= 1;
        line.clear();
        match look {
            Look::Template(template) => template.render(&record, &mut line)?,
            Look::Json => json(client, &record, &mut line)?,
        }
        out.write(&line)?;
        if letters.has('u') {
            out.flush()?;
        }
        seen.insert((record.topic, record.partition), record.offset.0 + 1);
    }
    out.flush()?;
    if letters.has('e') && left > 0 {
        announce_end(letters, client, &seen).await?;
    }
    Ok(())
}

/// Says for each partition that its end was reached.
async fn announce_end(
    letters: &Letters,
    client: &Client,
    seen: &BTreeMap<(Arc<str>, i32), i64>,
) -> Result<(), Refusal> {
    let mut topics: BTreeSet<Arc<str>> = seen.keys().map(|(topic, _)| topic.clone()).collect();
    topics.extend(letters.value('t').map(Arc::from));
    let only = number::<i32>(letters, 'p')?;
    let names: Vec<String> = topics.iter().map(ToString::to_string).collect();
    for (name, topic) in client.admin().describe_topics(&names).await? {
        for partition in topic?.partitions.keys().filter(|it| only.is_none_or(|only| only == **it))
        {
            let at = (Arc::from(name.as_str()), *partition);
            let offset = seen.get(&at).copied().unwrap_or(0);
            say(letters, &format!("Reached end of topic {name} [{partition}] at offset {offset}"));
        }
    }
    Ok(())
}

/// kcat's envelope of a record, with its fields in kcat's order.
fn json(client: &Client, record: &ConsumedRecord, out: &mut Vec<u8>) -> std::io::Result<()> {
    let text = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => Value::text(String::from_utf8_lossy(bytes)),
        None => Value::Null,
    };
    let broker = client.topology().leader(&record.topic, record.partition);
    let kind = match record.timestamp_type {
        TimestampType::CreateTime => "create",
        TimestampType::LogAppendTime => "logappend",
    };
    let mut fields: Item = vec![
        ("topic", Value::text(&*record.topic)),
        ("partition", Value::Int(record.partition.into())),
        ("offset", Value::Int(record.offset.0)),
        ("tstype", Value::text(kind)),
        ("ts", Value::Int(record.timestamp)),
        ("broker", Value::Int(broker.map_or(-1, |(leader, _)| leader.0).into())),
    ];
    if !record.headers.is_empty() {
        let pairs = record.headers.iter();
        let pairs = pairs.flat_map(|it| [Value::text(&it.key), text(it.value.as_deref())]);
        fields.push(("headers", Value::List(pairs.collect())));
    }
    fields.push(("key", text(record.key.as_deref())));
    fields.push(("payload", text(record.value.as_deref())));
    serde_json::to_writer(&mut *out, &Value::Object(fields))?;
    out.push(b'\n');
    Ok(())
}
