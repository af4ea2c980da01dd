//! `kafka-console-producer.sh`: lines of standard input to records.
//!
//! Kafka: `ConsoleProducer`, `LineMessageReader`.

mod line;

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use ottla_client::{Acks, Compression, Delivery, Producer, ProducerConfig};

use super::{
    Refusal, exception,
    flags::{Flag, Given, maybe, number, switch, text},
    target,
};
use crate::{
    command::{parse_acks, read_lines},
    output::{Out, note},
    session::Stop,
};
use line::LineReader;

pub(super) const ABOUT: &str =
    "This tool helps to read data from standard input and publish it to Kafka.";

pub(super) const FLAGS: &[Flag] = &[
    text("topic", "topic", "REQUIRED: the topic."),
    text("bootstrap-server", "server to connect to", "REQUIRED: where a broker is."),
    switch("sync", "Wait for the answer to each record before the next one."),
    maybe("compression-codec", "codec", "none, gzip, snappy, lz4 or zstd; gzip without a name."),
    number("batch-size", "size", "How many bytes a batch may have."),
    number("message-send-max-retries", "count", "How often a record is sent again."),
    number("retry-backoff-ms", "ms", "How long to wait before that."),
    number("timeout", "ms", "How long records may wait for others."),
    text("request-required-acks", "acks", "When a record counts as written: -1, 0, 1 or all."),
    number("request-timeout-ms", "ms", "How long a request may take."),
    number("metadata-expiry-ms", "ms", "When to ask anew who leads."),
    number("max-block-ms", "ms", "How long sending may block."),
    number("max-memory-bytes", "bytes", "How much may wait to be sent."),
    number("max-partition-memory-bytes", "bytes", "The same as --batch-size."),
    number("socket-buffer-size", "bytes", "The size of the socket's buffer."),
    text("line-reader", "class", "How lines are read."),
    text("reader-config", "file", "Properties of the reader."),
    text("property", "prop", "The same as --reader-property."),
    text("reader-property", "prop", "A property of the reader, as in parse.key=true."),
    text("producer-property", "prop", "The same as --command-property."),
    text("command-property", "prop", "A property of the producer."),
    text("producer.config", "file", "The same as --command-config."),
    text("command-config", "file", "Properties of the producer."),
];

/// Options whose names Kafka is about to drop, with the newer ones.
const RENAMED: &[(&str, &str)] = &[
    ("property", "reader-property"),
    ("producer-property", "command-property"),
    ("producer.config", "command-config"),
];

const READER: &str = "org.apache.kafka.tools.LineMessageReader";
/// Records that may be on their way at the same time.
const PENDING_MAX: usize = 10_000;

pub(super) async fn run(given: &Given, out: &mut Out, stop: &Stop) -> Result<(), Refusal> {
    given.require(&["topic", "bootstrap-server"])?;
    for (old, new) in RENAMED.iter().filter(|(old, _)| given.has(old)) {
        out.line(&format!(
            "Warning: --{old} is deprecated and will be removed in a future version. Use --{new} \
             instead."
        ))?;
    }
    if let Some(class) = given.value("line-reader")?.filter(|class| *class != READER) {
        let text = format!("{class}: {READER} is the only reader that is supported");
        return Err(Refusal::Failed(text));
    }
    let topic = given.value("topic")?.unwrap_or_default();
    let mut properties = Vec::new();
    if let Some(path) = given.value("reader-config")? {
        properties.extend(target::properties(path)?);
    }
    properties.extend(pairs(given, &["reader-property", "property"])?);
    let reader = LineReader::new(topic, &properties).map_err(Refusal::Failed)?;
    let settings = settings(given)?;
    let bootstrap = given.value("bootstrap-server")?.unwrap_or_default();
    let client = target::connect(bootstrap, &settings, "console-producer").await?;
    let producer = client.producer_with(config(given, &settings)?);
    copy(given, reader, &producer, stop).await
}

/// The producer's properties, of which the last wins.
fn settings(given: &Given) -> Result<Vec<(String, String)>, Refusal> {
    let mut settings = Vec::new();
    for name in ["command-config", "producer.config"] {
        if let Some(path) = given.value(name)? {
            settings.extend(target::properties(path)?);
        }
    }
    settings.extend(pairs(given, &["command-property", "producer-property"])?);
    Ok(settings)
}

/// `key=value` pairs of options that may be given several times.
pub(super) fn pairs(given: &Given, names: &[&str]) -> Result<Vec<(String, String)>, Refusal> {
    let values = names.iter().flat_map(|name| given.values(name));
    let pair = |text: &str| match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(Refusal::Failed(format!("Missing value for key {text}"))),
    };
    values.map(pair).collect()
}

fn config(given: &Given, settings: &[(String, String)]) -> Result<ProducerConfig, Refusal> {
    let setting = |key: &str| {
        settings.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    };
    let mut config = ProducerConfig { linger: Duration::from_secs(1), ..ProducerConfig::default() };
    let codec = if given.has("compression-codec") {
        Some(given.value("compression-codec")?.unwrap_or("gzip"))
    } else {
        setting("compression.type")
    };
    if let Some(name) = codec {
        config.compression = Compression::from_name(name)
            .ok_or_else(|| Refusal::Failed(format!("Unknown compression name: {name}")))?;
    }
    let acks = given.value("request-required-acks")?.or(setting("acks"));
    if let Some(acks) = acks {
        config.acks = parse_acks(acks)?;
        config.is_idempotent = config.acks == Acks::All;
    }
    let linger = given.number::<u64>("timeout")?;
    let linger = linger.or_else(|| setting("linger.ms").and_then(|it| it.parse().ok()));
    if let Some(linger) = linger {
        config.linger = Duration::from_millis(linger);
    }
    let batch = given.number::<i64>("batch-size")?;
    if let Some(bytes) = batch.or(given.number("max-partition-memory-bytes")?) {
        config.batch_bytes = usize::try_from(bytes).unwrap_or(config.batch_bytes);
    }
    Ok(config)
}

async fn copy(
    given: &Given,
    mut reader: LineReader,
    producer: &Producer,
    stop: &Stop,
) -> Result<(), Refusal> {
    let mut lines = read_lines();
    let is_terminal = io::stdin().is_terminal();
    let mut pending: std::collections::VecDeque<Delivery> = std::collections::VecDeque::new();
    let ended = loop {
        if is_terminal {
            // A terminal that is gone is noticed when its line is read.
            drop(io::stdout().write_all(b">").and_then(|()| io::stdout().flush()));
        }
        let line = tokio::select! {
            line = lines.recv() => line,
            () = stop.requested() => None,
        };
        let Some(line) = line else { break Ok(()) };
        let record = match line.map_err(|error| error.to_string()).and_then(|it| reader.read(&it)) {
            Ok(record) => record,
            Err(text) => {
                let text = format!("org.apache.kafka.common.KafkaException: {text}");
                break Err(Refusal::Failed(text));
            }
        };
        match producer.enqueue(record).await {
            Ok(delivery) => pending.push_back(delivery),
            Err(error) => note(&exception(&error)),
        }
        let most = if given.has("sync") { 0 } else { PENDING_MAX };
        while pending.len() > most {
            settle(pending.pop_front()).await;
        }
    };
    producer.flush().await?;
    while !pending.is_empty() {
        settle(pending.pop_front()).await;
    }
    ended
}

/// A record that could not be sent is reported, and the next ones go on.
async fn settle(delivery: Option<Delivery>) {
    let Some(delivery) = delivery else { return };
    if let Err(error) = delivery.wait().await {
        note(&format!("Error when sending message to topic: {}", exception(&error)));
    }
}
