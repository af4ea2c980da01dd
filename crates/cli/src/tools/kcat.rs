//! `kcat`: records in and out, metadata, and offsets of times, by one letter each.
//!
//! Kafka: no part of it; `kcat` is librdkafka's command line.

mod consume;
mod letters;
mod metadata;
mod produce;

use std::{io::IsTerminal as _, time::Duration};

use ottla_client::{Client, Isolation, OffsetSpec};

use super::{Refusal, target};
use crate::{
    exit::Failure,
    output::{Out, note},
    session::Stop,
    settings::Settings,
};
use letters::Letters;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Produce,
    Consume,
    Group,
    List,
    Query,
}

const USAGE: &str = "\
usage: kcat MODE -b BROKER -t TOPIC …
  -P                produce lines of standard input, or whole files that are named
  -C                consume
  -G GROUP TOPIC…   consume as a member of a group
  -L                list brokers, topics and partitions
  -Q -t TOPIC:PARTITION:TIME   the offset of a time in ms

  -b BROKERS        where brokers are; else $KCAT_BROKERS, else localhost:9092
  -t TOPIC          the topic
  -p PARTITION      the partition
  -D BYTES          what stands between records; a line's end
  -K BYTES          what stands between key and value
  -X KEY=VALUE      a setting of the client, by its Kafka name
  -F FILE           a file of such settings
  -m SECONDS        how long to wait for metadata
  -q                quiet
  -E                an error in the middle does not end it

producing:
  -k KEY            the key of every record
  -H KEY=VALUE      a header of every record
  -z CODEC          gzip, snappy, lz4 or zstd
  -l                files are read line by line
  -c COUNT          end after so many records
  -Z                empty keys and values are none at all
  -T                repeat input on standard output

consuming:
  -o OFFSET         beginning, end, stored, a number, -N before the end, s@MS from and e@MS to a time
  -e                end at the end of all partitions
  -c COUNT          end after so many records
  -f FORMAT         how a record looks: %t %p %o %k %s %K %S %T %h %R
  -J                records, or metadata, as JSON
  -Z                missing keys and values are shown as NULL
  -u                unbuffered
";

pub(super) async fn run(arguments: &[String], out: &mut Out, stop: &Stop) -> Result<(), Refusal> {
    let letters = Letters::parse(arguments)
        .map_err(|text| Refusal::Failed(format!("% ERROR: {text}\n\n{USAGE}")))?;
    if letters.has('h') {
        out.line(USAGE)?;
        return Ok(());
    }
    if letters.has('V') {
        out.line(&format!("kcat (Ottla {})", env!("CARGO_PKG_VERSION")))?;
        return Ok(());
    }
    let done = act(&letters, out, stop).await;
    match done {
        Err(Refusal::Failed(text) | Refusal::Options(text)) => {
            out.flush()?;
            Err(Refusal::Failed(format!("% ERROR: {text}")))
        }
        done => done,
    }
}

fn mode(letters: &Letters) -> Result<Mode, Refusal> {
    let modes = [
        ('P', Mode::Produce),
        ('C', Mode::Consume),
        ('G', Mode::Group),
        ('L', Mode::List),
        ('Q', Mode::Query),
    ];
    let mut given = modes.iter().filter(|(letter, _)| letters.has(*letter)).map(|(_, mode)| *mode);
    match (given.next(), given.next()) {
        (Some(mode), None) => Ok(mode),
        (Some(_), Some(_)) => {
            Err(Refusal::Failed("only one of -P -C -G -L -Q can be meant".into()))
        }
        // As kcat guesses: who is asked by a terminal wants to read.
        _ if letters.value('t').is_none() => {
            Err(Refusal::Failed(format!("-t is missing\n\n{USAGE}")))
        }
        _ if std::io::stdin().is_terminal() => Ok(Mode::Consume),
        _ => Ok(Mode::Produce),
    }
}

async fn act(letters: &Letters, out: &mut Out, stop: &Stop) -> Result<(), Refusal> {
    let mode = mode(letters)?;
    let (settings, mut pairs) = settings(letters)?;
    let brokers = letters.value('b').map(str::to_owned);
    let brokers = brokers.or_else(|| settings.get("bootstrap.servers").map(str::to_owned));
    let brokers = brokers.or_else(|| settings.get("metadata.broker.list").map(str::to_owned));
    let brokers = brokers.or_else(|| std::env::var("KCAT_BROKERS").ok());
    let brokers = brokers.unwrap_or_else(|| "localhost:9092".to_owned());
    if let Some(seconds) = letters.value('m') {
        let seconds: u64 =
            seconds.parse().map_err(|_| Refusal::Failed(format!("-m {seconds} is no number")))?;
        let millis = Duration::from_secs(seconds).as_millis().to_string();
        pairs.push(("default.api.timeout.ms".to_owned(), millis));
    }
    let client = target::connect(&brokers, &pairs, "kcat").await?;
    match mode {
        Mode::Produce => produce::run(letters, (&client, &settings), (out, stop)).await,
        Mode::Consume | Mode::Group => {
            consume::run(letters, (&client, &settings), (out, stop)).await
        }
        Mode::List => metadata::run(letters, &client, &brokers, out).await,
        Mode::Query => query(letters, &client, out).await,
    }
}

/// What the connection looks at, or what would change nothing here.
const ELSEWHERE: [&str; 3] = ["security.protocol", "broker.address.family", "debug"];

/// The settings of `-X` and `-F`, by those names that mean something here, and all of them.
fn settings(letters: &Letters) -> Result<(Settings, Vec<(String, String)>), Refusal> {
    let mut pairs = Vec::new();
    if let Some(path) = letters.value('F') {
        pairs.extend(target::properties(path)?);
    }
    for text in letters.values('X') {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| Refusal::Failed(format!("expected key=value behind -X, not {text}")))?;
        pairs.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    let own = pairs.iter().filter(|(key, _)| !ELSEWHERE.contains(&key.as_str()));
    let own = own.map(|(key, value)| {
        let key = key.strip_prefix("topic.").unwrap_or(key);
        let key = if key == "queue.buffering.max.ms" { "linger.ms" } else { key };
        format!("{key}={value}")
    });
    let settings = Settings::parse(&own.collect::<Vec<_>>())?;
    for (_, value) in pairs.iter_mut().filter(|(key, _)| key == "security.protocol") {
        *value = value.to_ascii_uppercase();
    }
    Ok((settings, pairs))
}

/// `-Q -t topic:partition:time`
async fn query(letters: &Letters, client: &Client, out: &mut Out) -> Result<(), Refusal> {
    let mut asked = Vec::new();
    for text in letters.values('t') {
        let mut parts = text.rsplitn(3, ':');
        let (time, partition, topic) = (parts.next(), parts.next(), parts.next());
        let time = time.and_then(|it| it.parse::<i64>().ok());
        let partition = partition.and_then(|it| it.parse::<i32>().ok());
        let (Some(time), Some(partition), Some(topic)) = (time, partition, topic) else {
            return Err(Refusal::Failed(format!("expected topic:partition:time, not {text}")));
        };
        let spec = match time {
            -1 => OffsetSpec::End,
            -2 => OffsetSpec::Start,
            time => OffsetSpec::Timestamp(time),
        };
        asked.push((topic, partition, spec));
    }
    if asked.is_empty() {
        return Err(Refusal::Failed("-t topic:partition:time is missing".into()));
    }
    // One by one: a request may name a partition once.
    for (topic, partition, spec) in asked {
        let isolation = Isolation::Uncommitted;
        let at = client.admin().list_offset(topic, partition, spec, isolation).await?;
        out.line(&format!("{topic} [{partition}] offset {}", at.offset))?;
    }
    Ok(())
}

/// A line for people, unless they want quiet.
fn say(letters: &Letters, text: &str) {
    if !letters.has('q') {
        note(&format!("% {text}"));
    }
}

/// A number behind a letter.
fn number<T: std::str::FromStr>(letters: &Letters, letter: char) -> Result<Option<T>, Refusal> {
    let Some(text) = letters.value(letter) else { return Ok(None) };
    let wrong = |_| Refusal::Failed(format!("-{letter} {text} is no number"));
    text.parse().map(Some).map_err(wrong)
}

/// The bytes that `-D` and `-K` mean: `\n`, `\t`, `\xNN` are read.
fn delimiter(text: &str) -> Result<Vec<u8>, Refusal> {
    crate::render::unescaped(text)
        .map_err(|why| Failure::usage(format!("cannot use {text}"), why).into())
}
