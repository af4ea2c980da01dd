//! `produce`: arguments or lines to records.

use std::{
    collections::VecDeque,
    io::{self, BufRead},
    time::Duration,
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use ottla_client::{Acks, Compression, Delivery, Producer, ProducerConfig, Record};
use serde_json::Value as Json;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    command::topic::key_value,
    exit::{Exit, Failure, Outcome},
    output::{Column, Report, Value, column},
    progress::Progress,
    render::from_base64,
    session::Session,
    settings::Settings,
};

/// How lines of input are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Input {
    /// A value per line.
    Text,
    /// A JSON object per line, as `consume -o jsonl` writes them.
    Jsonl,
}

/// Write records, from the arguments or line by line from standard input
#[derive(Args, Clone, Debug)]
pub struct Produce {
    /// The topic. JSON input goes there too, whatever topic it came from
    topic: String,
    /// A value each; without any, lines of standard input
    values: Vec<String>,
    /// The key of every record
    #[arg(short, long)]
    key: Option<String>,
    /// Lines are key and value with this between them, as in `-K:`
    #[arg(short = 'K', value_name = "DELIMITER", conflicts_with = "key")]
    key_delimiter: Option<String>,
    /// A header of every record
    #[arg(short = 'H', long = "header", value_name = "KEY=VALUE")]
    headers: Vec<String>,
    /// Compression: none, gzip, snappy, lz4, zstd
    #[arg(short = 'z', value_name = "CODEC")]
    compression: Option<String>,
    /// The partition of every record
    #[arg(short, long)]
    partition: Option<i32>,
    /// How lines are read
    #[arg(short, long, value_enum, default_value = "text")]
    input: Input,
    /// Empty keys and values are none at all
    #[arg(short = 'Z')]
    null_if_empty: bool,
    /// No more than this many records per second
    #[arg(long, value_parser = parse_rate, value_name = "N/s")]
    rate: Option<f64>,
    /// When a record counts as written: all, 1, 0
    #[arg(long)]
    acks: Option<String>,
}

/// Reads `500` and `500/s`.
fn parse_rate(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.strip_suffix("/s").unwrap_or(text).parse().ok();
    let number = number.filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("'{text}' is not a rate: 500/s is expected"))
}

/// Deliveries that may be waited for at the same time.
const PENDING_MAX: usize = 100_000;

const DELIVERED: &[Column] =
    &[column("topic", "TOPIC"), column("partition", "PARTITION"), column("offset", "OFFSET")];

impl Produce {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let config = self.config(&session.settings()?)?;
        let headers = self.headers()?;
        let client = session.client().await?;
        let producer = client.producer_with(config);
        if self.values.is_empty() {
            return self.stream(session, &producer, &headers).await;
        }
        let mut deliveries = Vec::new();
        for value in &self.values {
            let record = self.record_of_line(value.as_bytes(), &headers)?;
            deliveries.push(producer.enqueue(record).await?);
        }
        let mut report = Report::list("Deliveries", DELIVERED);
        for delivery in deliveries {
            match delivery.wait().await {
                Ok(at) => report.push(vec![
                    ("topic", Value::text(&*at.topic)),
                    ("partition", Value::Int(at.partition.into())),
                    ("offset", Value::Int(at.offset.0)),
                ]),
                Err(error) => report.fail(error),
            }
        }
        if session.global.quiet {
            let failures = report.failures();
            for failure in failures {
                crate::output::note(&failure.text());
            }
            return Ok(crate::exit::exit_of(report.len(), failures));
        }
        super::topic::finish(session, &report)
    }

    fn config(&self, settings: &Settings) -> Result<ProducerConfig, Failure> {
        let mut config = producer_config(settings)?;
        if let Some(name) = &self.compression {
            config.compression = compression(name)?;
        }
        if let Some(acks) = &self.acks {
            config.acks = parse_acks(acks)?;
        }
        Ok(config)
    }

    fn headers(&self) -> Result<Vec<(String, Bytes)>, Failure> {
        let pair = |text: &String| key_value(text).map(|(key, value)| (key, Bytes::from(value)));
        self.headers.iter().map(pair).collect()
    }

    /// Sends lines until the input ends or Ctrl-C.
    async fn stream(
        &self,
        session: &Session,
        producer: &Producer,
        headers: &[(String, Bytes)],
    ) -> Outcome {
        let mut lines = read_lines();
        let progress = Progress::new(None, session.global.quiet);
        let started = Instant::now();
        let (mut sent, mut bytes) = (0_u64, 0_u64);
        let mut pending: VecDeque<Delivery> = VecDeque::new();
        loop {
            let line = tokio::select! {
                line = lines.recv() => line,
                () = session.stop.requested() => None,
            };
            let Some(line) = line else { break };
            let line = line?;
            bytes += u64::try_from(line.len()).unwrap_or(0);
            let record = match self.input {
                Input::Text => self.record_of_line(&line, headers)?,
                Input::Jsonl if line.trim_ascii().is_empty() => continue,
                Input::Jsonl => self.record_of_json(&line, headers)?,
            };
            pending.push_back(producer.enqueue(record).await?);
            if pending.len() >= PENDING_MAX
                && let Some(oldest) = pending.pop_front()
            {
                oldest.wait().await?;
            }
            sent += 1;
            progress.set(sent);
            if let Some(rate) = self.rate {
                let due = Duration::try_from_secs_f64(to_f64(sent) / rate).unwrap_or_default();
                tokio::time::sleep_until(started + due).await;
            }
        }
        let mut failure = None;
        for delivery in pending {
            failure = failure.or(delivery.wait().await.err());
        }
        progress.finish();
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let seconds = started.elapsed().as_secs_f64();
        session.explain(&format!("{sent} records, {bytes} bytes in {seconds:.2} s"));
        Ok(if session.stop.is_requested() { Exit::Interrupted } else { Exit::Ok })
    }

    fn record_of_line(&self, line: &[u8], headers: &[(String, Bytes)]) -> Result<Record, Failure> {
        let mut record = Record::to(self.topic.as_str());
        let (key, value) = match &self.key_delimiter {
            None => (self.key.as_ref().map(String::as_bytes), line),
            Some(delimiter) => {
                let at = find(line, delimiter.as_bytes()).ok_or_else(|| {
                    let shown: String = String::from_utf8_lossy(line).chars().take(80).collect();
                    let why = format!("'{shown}' has no '{delimiter}'");
                    Failure::usage("cannot split a line into key and value", why)
                })?;
                let value = line.get(at + delimiter.len()..).unwrap_or_default();
                (line.get(..at), value)
            }
        };
        if let Some(key) = key.filter(|key| !(self.null_if_empty && key.is_empty())) {
            record = record.key(Bytes::copy_from_slice(key));
        }
        if !(self.null_if_empty && value.is_empty()) {
            record = record.value(Bytes::copy_from_slice(value));
        }
        Ok(self.finished(record, headers))
    }

    fn finished(&self, mut record: Record, headers: &[(String, Bytes)]) -> Record {
        for (key, value) in headers {
            record = record.header(key, Some(value.clone()));
        }
        match self.partition {
            Some(partition) => record.partition(partition),
            None => record,
        }
    }

    /// A record as `consume -o jsonl` writes it. Its partition and offset are not taken over.
    fn record_of_json(&self, line: &[u8], headers: &[(String, Bytes)]) -> Result<Record, Failure> {
        let wrong = |why: String| Failure::usage("cannot read a line of JSON", why);
        let json: Json = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        let object = json.as_object().ok_or_else(|| wrong("an object is expected".into()))?;
        let mut record = Record::to(self.topic.as_str());
        if let Some(key) = field(object, "key").map_err(wrong)? {
            record = record.key(key);
        } else if let Some(key) = &self.key {
            record = record.key(key.clone().into_bytes());
        }
        if let Some(value) = field(object, "value").map_err(wrong)? {
            record = record.value(value);
        }
        if let Some(timestamp) = object.get("timestamp").and_then(Json::as_i64) {
            record = record.timestamp(timestamp);
        }
        for header in object.get("headers").and_then(Json::as_array).into_iter().flatten() {
            let header = header.as_object().ok_or_else(|| wrong("a header is an object".into()))?;
            let key = header.get("key").and_then(Json::as_str).unwrap_or_default();
            record = record.header(key, field(header, "value").map_err(wrong)?);
        }
        Ok(self.finished(record, headers))
    }
}

/// A field's bytes: text as it is, base64 where it says so, anything else as JSON.
fn field(object: &serde_json::Map<String, Json>, name: &str) -> Result<Option<Bytes>, String> {
    let encoding = object.get(&format!("{name}Encoding")).and_then(Json::as_str);
    match object.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if encoding == Some("base64") => {
            let bytes = from_base64(text).ok_or_else(|| format!("{name} is not base64"))?;
            Ok(Some(bytes.into()))
        }
        Some(Json::String(text)) => Ok(Some(text.clone().into())),
        Some(other) => Ok(Some(other.to_string().into())),
    }
}

/// Where a delimiter is in a line.
pub(crate) fn find(line: &[u8], delimiter: &[u8]) -> Option<usize> {
    if delimiter.is_empty() {
        return None;
    }
    line.windows(delimiter.len()).position(|window| window == delimiter)
}

/// Lines of standard input, without what ends them.
pub(crate) fn read_lines() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    read_stdin(|stdin, line| {
        let count = stdin.read_until(b'\n', line)?;
        if line.ends_with(b"\n") {
            line.pop();
        }
        if line.ends_with(b"\r") {
            line.pop();
        }
        Ok(count)
    })
}

/// What stands between delimiters on standard input.
pub(crate) fn read_pieces(between: Vec<u8>) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    read_stdin(move |stdin, piece| {
        let last = between.last().copied().unwrap_or(b'\n');
        let mut count = 0;
        loop {
            let more = stdin.read_until(last, piece)?;
            count += more;
            if more == 0 || piece.ends_with(&between) {
                break;
            }
        }
        if piece.ends_with(&between) {
            piece.truncate(piece.len() - between.len());
        }
        Ok(count)
    })
}

/// Standard input in pieces, read by a thread: a terminal cannot be read asynchronously. `read`
/// adds a piece and says how much it took, 0 at the end.
fn read_stdin(
    mut read: impl FnMut(&mut io::StdinLock<'_>, &mut Vec<u8>) -> io::Result<usize> + Send + 'static,
) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, pieces) = mpsc::channel(1024);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut piece = Vec::new();
            let piece = match read(&mut stdin, &mut piece) {
                Ok(0) => return,
                Ok(_) => Ok(piece),
                Err(error) => Err(error),
            };
            let is_over = piece.is_err();
            if sender.blocking_send(piece).is_err() || is_over {
                return;
            }
        }
    });
    pieces
}

/// The producer's settings from `-X`.
pub(crate) fn producer_config(settings: &Settings) -> Result<ProducerConfig, Failure> {
    let mut config = ProducerConfig::default();
    let codec = settings.get("compression.type").or(settings.get("compression.codec"));
    if let Some(name) = codec {
        config.compression = compression(name)?;
    }
    config.compression_level = settings.parsed("compression.level")?;
    if let Some(acks) = settings.get("acks") {
        config.acks = parse_acks(acks)?;
    }
    if let Some(linger) = settings.parsed("linger.ms")? {
        config.linger = Duration::from_millis(linger);
    }
    if let Some(bytes) = settings.parsed("batch.size")? {
        config.batch_bytes = bytes;
    }
    if let Some(is_idempotent) = settings.parsed("enable.idempotence")? {
        config.is_idempotent = is_idempotent;
    }
    if let Some(limit) = settings.parsed("delivery.timeout.ms")? {
        config.delivery_timeout = Duration::from_millis(limit);
    }
    Ok(config)
}

pub(crate) fn compression(name: &str) -> Result<Compression, Failure> {
    Compression::from_name(name).ok_or_else(|| {
        let what = format!("cannot compress with {name}");
        Failure::usage(what, "none, gzip, snappy, lz4 and zstd are known")
    })
}

pub(crate) fn parse_acks(text: &str) -> Result<Acks, Failure> {
    match text {
        "all" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => Err(Failure::usage(format!("cannot use acks={text}"), "all, 1 and 0 are known")),
    }
}

/// A count for arithmetic with times and rates, where the last digit does not matter.
#[expect(clippy::cast_precision_loss, reason = "rates and percentages are rounded anyway")]
pub(crate) const fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> Produce {
        use clap::Parser;
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            produce: Produce,
        }
        let arguments = ["produce", "London"].iter().chain(arguments);
        Cli::try_parse_from(arguments).unwrap().produce
    }

    #[test]
    fn a_line_is_split_at_the_first_delimiter() {
        let record = command(&["-K:"]).record_of_line(b"wind:9:30", &[]).unwrap();
        assert_eq!(record, Record::to("London").key("wind").value("9:30"));
        assert!(command(&["-K:"]).record_of_line(b"wind", &[]).is_err());
    }

    #[test]
    fn empty_is_empty_unless_it_is_to_be_nothing() {
        let record = command(&["-K:"]).record_of_line(b":", &[]).unwrap();
        assert_eq!(record, Record::to("London").key("").value(""));
        let record = command(&["-K:", "-Z"]).record_of_line(b":", &[]).unwrap();
        assert_eq!(record, Record::to("London"));
    }

    #[test]
    fn json_lines_carry_keys_times_headers_and_binary_values() {
        let line = br#"{"key":"k","value":"/w==","valueEncoding":"base64","timestamp":5,
            "headers":[{"key":"h","value":null}],"partition":9}"#;
        let record = command(&["-i", "jsonl"]).record_of_json(line, &[]).unwrap();
        let expected = Record::to("London").key("k").value(Bytes::from_static(b"\xff"));
        assert_eq!(record, expected.timestamp(5).header("h", None));
        let record = command(&[]).record_of_json(br#"{"value":{"a":1}}"#, &[]).unwrap();
        assert_eq!(record, Record::to("London").value(r#"{"a":1}"#));
    }

    #[test]
    fn rates_are_positive() {
        assert_eq!(parse_rate("500/s"), Ok(500.0));
        assert!(parse_rate("0").is_err());
        assert!(parse_rate("fast").is_err());
    }
}
