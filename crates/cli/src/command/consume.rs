//! `consume` and `tail`: records to lines.

pub(crate) mod source;

use std::time::Duration;

use clap::Args;
use ottla_client::{Client, ConsumedRecord, ConsumerConfig, Isolation};
use tokio::time::Instant;

use crate::{
    exit::{Exit, Failure, Outcome},
    output::Format,
    position::{Place, parse_partitions},
    render::{Template, to_json},
    session::Session,
    time::{now_ms, parse_duration},
};
use source::Source;

/// What is read and how it is shown, of both commands.
#[derive(Args, Clone, Debug)]
pub(crate) struct Reading {
    /// The topics
    #[arg(required = true)]
    topics: Vec<String>,
    /// Only these partitions, as in `0,2-4`
    #[arg(short, long)]
    partitions: Option<String>,
    /// Where to start: start, end, committed, an offset, -N (before the end), @TIME, @-15m
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    from: Option<String>,
    /// Where to end, as --from
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    to: Option<String>,
    /// End after this many records
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// End at the end of what is there now
    #[arg(short = 'e', long)]
    exit_at_end: bool,
    /// End when nothing came for this long
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    idle_exit: Option<Duration>,
    /// How a record looks: %t topic, %p partition, %o offset, %k key, %v value, %T %d time,
    /// %h headers; with {hex} {base64} {json} {pretty} behind %k and %v
    #[arg(short, long, allow_hyphen_values = true)]
    format: Option<String>,
    /// Only records with this key
    #[arg(short, long)]
    key: Option<String>,
    /// Only records whose value holds this text
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Show missing keys and values as NULL
    #[arg(short = 'Z')]
    shows_null: bool,
}

/// Read records
#[derive(Args, Clone, Debug)]
pub struct Consume {
    #[command(flatten)]
    reading: Reading,
    /// Read as a member of this group, and commit
    #[arg(short, long)]
    group: Option<String>,
}

/// Follow topics as records come
#[derive(Args, Clone, Debug)]
pub struct Tail {
    #[command(flatten)]
    reading: Reading,
}

/// How `tail` shows a record.
const TAIL_FORMAT: &str = r"%d{%H:%M:%S.%L}  %t[%p]@%o  %k  %v\n";

impl Consume {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let settings = session.settings()?;
        let reset = settings.get("auto.offset.reset").unwrap_or("start").to_owned();
        let group = self.group.or_else(|| settings.get("group.id").map(str::to_owned));
        self.reading.run(session, group, &reset, None).await
    }
}

impl Tail {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        self.reading.run(session, None, "end", Some(TAIL_FORMAT)).await
    }
}

/// How records are written.
enum Look {
    /// Key, tab, value; the value alone where there is no key.
    Plain,
    Template(Template),
    JsonLines,
    /// One array.
    Json,
}

impl Look {
    fn write(
        &self,
        record: &ConsumedRecord,
        is_first: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match self {
            Self::Plain => {
                if let Some(key) = &record.key {
                    out.extend_from_slice(key);
                    out.push(b'\t');
                }
                out.extend_from_slice(record.value.as_deref().unwrap_or_default());
                out.push(b'\n');
            }
            Self::Template(template) => template.render(record, out)?,
            Self::JsonLines | Self::Json => {
                if matches!(self, Self::Json) {
                    out.extend_from_slice(if is_first { b"[\n" } else { b",\n" });
                }
                let json = serde_json::to_vec(&to_json(record));
                out.extend_from_slice(&json.map_err(std::io::Error::from)?);
                if matches!(self, Self::JsonLines) {
                    out.push(b'\n');
                }
            }
        }
        Ok(())
    }
}

impl Reading {
    async fn run(
        self,
        session: &mut Session,
        group: Option<String>,
        default_from: &str,
        default_format: Option<&str>,
    ) -> Outcome {
        let now = now_ms();
        let from = self.place(self.from.as_deref().unwrap_or(default_from), now, "--from")?;
        let to = self.to.as_deref().map(|text| self.place(text, now, "--to")).transpose()?;
        let look = self.look(session, default_format)?;
        if self.count == Some(0) {
            return Ok(Exit::Ok);
        }
        let client = session.client().await?;
        let mut source = self.open(session, &client, group, from, to).await?;
        let ended = self.copy(session, &mut source, &look).await;
        let closed = source.close().await;
        let (exit, count) = ended?;
        closed?;
        if exit == Exit::Interrupted {
            session.explain(&format!("{count} records"));
        }
        Ok(exit)
    }

    fn place(&self, text: &str, now: i64, flag: &str) -> Result<Place, Failure> {
        let what = || format!("cannot read {} {flag} {text}", self.topics.join(", "));
        let place = Place::parse(text, now).map_err(|why| Failure::usage(what(), why))?;
        if matches!(place, Place::Onward(_)) {
            return Err(Failure::usage(what(), "+N is only for `group reset`"));
        }
        Ok(place)
    }

    fn look(&self, session: &Session, default_format: Option<&str>) -> Result<Look, Failure> {
        let asked = session.out.asked_format();
        let template = |format: &str| {
            let parsed = Template::parse(format, self.shows_null);
            parsed.map(Look::Template).map_err(|why| Failure::usage("cannot use the format", why))
        };
        match (self.format.as_deref(), asked) {
            (Some(format), _) => template(format),
            (None, Some(Format::Json)) => Ok(Look::Json),
            (None, Some(Format::Jsonl)) => Ok(Look::JsonLines),
            (None, Some(Format::Yaml | Format::Tsv | Format::Csv | Format::Name)) => Err(
                Failure::usage("cannot show records so", "records are json, jsonl or a -f format"),
            ),
            (None, Some(Format::Table | Format::Wide)) => template(TAIL_FORMAT),
            (None, None) => match default_format {
                Some(format) => template(format),
                None if self.shows_null => template(r"%k\t%v\n"),
                None => Ok(Look::Plain),
            },
        }
    }

    async fn open(
        &self,
        session: &Session,
        client: &Client,
        group: Option<String>,
        from: Place,
        to: Option<Place>,
    ) -> Result<Source, Failure> {
        let isolation = match session.settings()?.get("isolation.level") {
            Some("read_committed") => Isolation::Committed,
            _ => Isolation::Uncommitted,
        };
        let config = ConsumerConfig { isolation, ..ConsumerConfig::default() };
        if let Some(group) = group {
            if self.partitions.is_some() || to.is_some() {
                let what = format!("cannot read as a member of group {group}");
                return Err(Failure::usage(what, "the group decides on partitions and offsets"));
            }
            return Source::group(session, client, (&group, &self.topics), from, config).await;
        }
        let wrong = |why| Failure::usage("cannot read partitions", why);
        let partitions = self.partitions.as_deref().map(parse_partitions);
        let partitions = partitions.transpose().map_err(wrong)?;
        let mut source = Source::plain(client, &self.topics, partitions, (from, config)).await?;
        source.stop(client, to, self.exit_at_end).await?;
        Ok(source)
    }

    /// Copies records to the output until something says to end.
    async fn copy(
        &self,
        session: &mut Session,
        source: &mut Source,
        look: &Look,
    ) -> Result<(Exit, u64), Failure> {
        let mut count = 0;
        let mut line = Vec::new();
        let mut last = Instant::now();
        let stop = session.stop.clone();
        let exit = loop {
            if stop.is_requested() {
                break Exit::Interrupted;
            }
            let next = if let Some(next) = source.try_next() {
                Some(next)
            } else {
                session.out.flush()?;
                let wait = self.wait(last);
                tokio::select! {
                    next = source.next() => match next {
                        Some(next) => Some(next),
                        None => break Exit::Ok,
                    },
                    () = stop.requested() => break Exit::Interrupted,
                    () = tokio::time::sleep(wait) => None,
                }
            };
            let Some(record) = next.transpose()? else {
                let is_idle = self.idle_exit.is_some_and(|limit| last.elapsed() >= limit);
                if is_idle || (self.exit_at_end && source.is_at_end()) {
                    break Exit::Ok;
                }
                continue;
            };
            last = Instant::now();
            if !self.is_wanted(&record) {
                continue;
            }
            line.clear();
            look.write(&record, count == 0, &mut line)?;
            session.out.write(&line)?;
            count += 1;
            if self.count.is_some_and(|limit| count >= limit) {
                break Exit::Ok;
            }
        };
        if matches!(look, Look::Json) {
            session.out.line(if count == 0 { "[]" } else { "\n]" })?;
        }
        session.out.flush()?;
        Ok((exit, count))
    }

    /// How long to wait before looking whether this is the end.
    fn wait(&self, last: Instant) -> Duration {
        let step =
            if self.exit_at_end { Duration::from_millis(50) } else { Duration::from_secs(1) };
        match self.idle_exit {
            Some(limit) => limit.saturating_sub(last.elapsed()).min(step),
            None => step,
        }
    }

    fn is_wanted(&self, record: &ConsumedRecord) -> bool {
        let has_key = |key: &String| record.key.as_deref() == Some(key.as_bytes());
        let has_text = |text: &String| {
            let value = record.value.as_deref().unwrap_or_default();
            text.is_empty() || value.windows(text.len()).any(|window| window == text.as_bytes())
        };
        self.key.as_ref().is_none_or(has_key) && self.grep.as_ref().is_none_or(has_text)
    }
}
