//! `kcat -P`: lines, or whole files, to records.

use std::collections::VecDeque;

use bytes::Bytes;
use ottla_client::{Client, Delivery, Producer, Record};

use super::{Letters, delimiter, number};
use crate::{
    command::{compression, find, producer_config, read_pieces},
    output::Out,
    session::Stop,
    settings::Settings,
    tools::Refusal,
};

/// Records that may be on their way at the same time.
const PENDING_MAX: usize = 10_000;

/// What every record has.
struct Pattern {
    topic: String,
    partition: Option<i32>,
    key: Option<Bytes>,
    key_delimiter: Option<Vec<u8>>,
    headers: Vec<(String, Option<Bytes>)>,
    null_if_empty: bool,
}

pub(super) async fn run(
    letters: &Letters,
    (client, settings): (&Client, &Settings),
    (out, stop): (&mut Out, &Stop),
) -> Result<(), Refusal> {
    let pattern = Pattern::of(letters)?;
    let mut config = producer_config(settings)?;
    if let Some(codec) = letters.value('z') {
        config.compression = compression(codec)?;
    }
    let producer = client.producer_with(config);
    let mut sending = Sending {
        producer: &producer,
        pending: VecDeque::new(),
        left: number::<u64>(letters, 'c')?.unwrap_or(u64::MAX),
    };
    let between = delimiter(letters.value('D').unwrap_or("\\n"))?;
    let is_by_line = letters.has('l') && !letters.words.is_empty();
    for path in &letters.words {
        let bytes = std::fs::read(path)
            .map_err(|error| Refusal::Failed(format!("cannot read {path}: {error}")))?;
        if !is_by_line {
            // A whole file is one value: delimiters in it mean nothing.
            sending.send(pattern.finished(pattern.with_key(None), Some(bytes.into()))).await?;
            continue;
        }
        for line in pieces(&bytes, &between) {
            sending.send(pattern.record(line)).await?;
        }
    }
    if letters.words.is_empty() {
        let mut lines = read_pieces(between.clone());
        while sending.left > 0 {
            let line = tokio::select! {
                line = lines.recv() => line,
                () = stop.requested() => None,
            };
            let Some(line) = line.transpose()? else { break };
            if letters.has('T') {
                out.write(&line)?;
                out.write(&between)?;
            }
            sending.send(pattern.record(&line)).await?;
        }
    }
    sending.settle(0).await?;
    producer.close().await?;
    Ok(())
}

/// Records on their way.
struct Sending<'a> {
    producer: &'a Producer,
    pending: VecDeque<Delivery>,
    left: u64,
}

impl Sending<'_> {
    async fn send(&mut self, record: Record) -> Result<(), Refusal> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.pending.push_back(self.producer.enqueue(record).await?);
        self.settle(PENDING_MAX).await
    }

    /// Waits until no more than `most` are on their way.
    async fn settle(&mut self, most: usize) -> Result<(), Refusal> {
        if most == 0 {
            self.producer.flush().await?;
        }
        while self.pending.len() > most {
            let Some(delivery) = self.pending.pop_front() else { break };
            delivery.wait().await?;
        }
        Ok(())
    }
}

/// What stands between delimiters; an end after the last one is no piece.
fn pieces<'a>(mut rest: &'a [u8], between: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = find(rest, between) {
        pieces.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + between.len()..).unwrap_or_default();
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

impl Pattern {
    fn of(letters: &Letters) -> Result<Self, Refusal> {
        let topic = letters.value('t').ok_or_else(|| Refusal::Failed("-t is missing".into()))?;
        let header = |text: &str| match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned().into())),
            None => (text.to_owned(), None),
        };
        Ok(Self {
            topic: topic.to_owned(),
            partition: number::<i32>(letters, 'p')?.filter(|it| *it >= 0),
            key: letters.value('k').map(|key| key.to_owned().into()),
            key_delimiter: letters.value('K').map(delimiter).transpose()?,
            headers: letters.values('H').map(header).collect(),
            null_if_empty: letters.has('Z'),
        })
    }

    fn record(&self, line: &[u8]) -> Record {
        let split = self.key_delimiter.as_ref().and_then(|delimiter| {
            let at = find(line, delimiter)?;
            Some((line.get(..at)?, line.get(at + delimiter.len()..)?))
        });
        let (key, value) = match split {
            Some((key, value)) => (Some(key), value),
            None => (None, line),
        };
        self.finished(self.with_key(key), Some(Bytes::copy_from_slice(value)))
    }

    fn with_key(&self, key: Option<&[u8]>) -> Record {
        let record = Record::to(self.topic.as_str());
        let key = key.map(Bytes::copy_from_slice).or_else(|| self.key.clone());
        match key.filter(|key| !(self.null_if_empty && key.is_empty())) {
            Some(key) => record.key(key),
            None => record,
        }
    }

    fn finished(&self, mut record: Record, value: Option<Bytes>) -> Record {
        if let Some(value) = value.filter(|value| !(self.null_if_empty && value.is_empty())) {
            record = record.value(value);
        }
        for (key, value) in &self.headers {
            record = record.header(key, value.clone());
        }
        match self.partition {
            Some(partition) => record.partition(partition),
            None => record,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(arguments: &[&str]) -> Pattern {
        let words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        Pattern::of(&Letters::parse(&words).unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_a_value_or_a_key_and_a_value() {
        let plain = pattern(&["-t", "London", "-k", "all"]);
        assert_eq!(plain.record(b"a:1"), Record::to("London").key("all").value("a:1"));
        let keyed = pattern(&["-t", "London", "-K:", "-Z", "-p", "1", "-H", "h=x"]);
        let expected = Record::to("London").key("a").value("1:2").header("h", Some("x".into()));
        assert_eq!(keyed.record(b"a:1:2"), expected.partition(1));
        let tombstone = Record::to("London").key("a").header("h", Some("x".into()));
        assert_eq!(keyed.record(b"a:"), tombstone.partition(1));
    }

    #[test]
    fn pieces_stand_between_delimiters() {
        assert_eq!(pieces(b"a;;b", b";"), [&b"a"[..], b"", b"b"]);
        assert_eq!(pieces(b"a;", b";"), [b"a"]);
    }
}
