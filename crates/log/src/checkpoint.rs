//! Small text files: a version, a count, and one line per entry.
//!
//! Kafka: `org.apache.kafka.server.common.CheckpointFile`, `OffsetCheckpointFile`.

use std::{collections::BTreeMap, fmt::Write as _};

use ottla_types::{Offset, TopicName, TopicPartition};

use crate::error::BadLine;

/// The entries of a version 0 file, with the numbers of their lines. An empty file, as Kafka makes
/// before it has anything to write, has none.
pub(crate) fn parse_v0(content: &[u8]) -> Result<Vec<(usize, &str)>, BadLine> {
    let text = std::str::from_utf8(content).map_err(|error| {
        let before = content.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        BadLine::new(line, "it is not text")
    })?;
    let mut lines = (1..).zip(text.lines());
    match lines.next() {
        None => return Ok(Vec::new()),
        Some((line, version)) if version.trim() != "0" => {
            return Err(BadLine::new(line, "the version is not 0"));
        }
        Some(_) => {}
    }
    let count = lines.next().and_then(|(_, count)| count.trim().parse::<usize>().ok());
    let count = count.ok_or_else(|| BadLine::new(2, "it is not the number of entries"))?;
    let entries: Vec<_> = lines.filter(|(_, line)| !line.is_empty()).collect();
    if entries.len() != count {
        let cause = format!("it says {count} entries, and there are {}", entries.len());
        return Err(BadLine::new(2, cause));
    }
    if !text.ends_with('\n') {
        // Every line is ended: of a number that is not, digits may be missing.
        return Err(BadLine::new(2 + count, "it is cut off"));
    }
    Ok(entries)
}

/// A version 0 file with these lines.
pub(crate) fn format_v0(lines: impl ExactSizeIterator<Item = String>) -> Vec<u8> {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "0\n{}", lines.len());
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text.into_bytes()
}

/// The offsets of an offset checkpoint file, by partition.
pub(crate) fn parse_offsets(content: &[u8]) -> Result<BTreeMap<TopicPartition, Offset>, BadLine> {
    let parsed = parse_v0(content)?.into_iter().map(|(number, line)| {
        parse_offset(line)
            .ok_or_else(|| BadLine::new(number, "it is not a topic, a partition and an offset"))
    });
    parsed.collect()
}

fn parse_offset(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut words = line.split_ascii_whitespace();
    let topic = TopicName::new(words.next()?).ok()?;
    let partition = words.next()?.parse().ok()?;
    let offset = Offset(words.next()?.parse().ok()?);
    words.next().is_none().then(|| (TopicPartition::new(topic, partition), offset))
}

/// A partition as the lines of an offset checkpoint name it.
pub(crate) fn partition_words(at: &TopicPartition) -> String {
    format!("{} {}", at.topic, at.partition)
}

/// An offset checkpoint file.
pub(crate) fn format_offsets(offsets: &BTreeMap<TopicPartition, Offset>) -> Vec<u8> {
    let line =
        |(at, offset): (&TopicPartition, &Offset)| format!("{} {offset}", partition_words(at));
    format_v0(offsets.iter().map(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_come_back_as_they_were_written() {
        let at =
            |topic: &str, partition| TopicPartition::new(TopicName::new(topic).unwrap(), partition);
        let offsets = BTreeMap::from([(at("a", 0), Offset(7)), (at("b-c", 12), Offset(i64::MAX))]);
        let content = format_offsets(&offsets);
        assert_eq!(content, format!("0\n2\na 0 7\nb-c 12 {}\n", i64::MAX).as_bytes());
        assert_eq!(parse_offsets(&content), Ok(offsets));
    }

    #[test]
    fn what_is_not_a_checkpoint_is_refused() {
        for (bad, line) in [
            ("1\n0\n", 1),
            ("0\n", 2),
            ("0\n1\n", 2),
            ("0\n0\na 0 1\n", 2),
            ("0\n1\na 0\n", 3),
            ("0\n2\na 0 1\n\na 1 1 2\n", 5),
            ("x", 1),
            ("0\n1\na 0 12", 3),
            ("0\n0", 2),
        ] {
            assert_eq!(parse_offsets(bad.as_bytes()).unwrap_err().line, line, "{bad:?}");
        }
        assert_eq!(parse_offsets(b"0\n1\na\xff 0 1\n").unwrap_err().line, 3);
        assert_eq!(parse_offsets(b""), Ok(BTreeMap::new()));
    }
}
