//! Small text files: a version, a count, and one line per entry.
//!
//! Kafka: `org.apache.kafka.server.common.CheckpointFile`, `OffsetCheckpointFile`.

use std::{collections::BTreeMap, fmt::Write as _};

use ottla_types::{Offset, TopicName, TopicPartition};

/// The lines of a version 0 file; `None` if it is not one. An empty file, as Kafka makes before it
/// has anything to write, has no lines.
pub(crate) fn parse_v0(content: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(content).ok()?;
    let mut lines = text.lines();
    match lines.next() {
        None => return Some(Vec::new()),
        Some(version) if version.trim() != "0" => return None,
        Some(_) => {}
    }
    let count: usize = lines.next()?.trim().parse().ok()?;
    let entries: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    (entries.len() == count).then_some(entries)
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

/// The offsets of an offset checkpoint file, by partition; `None` if it is not one.
pub(crate) fn parse_offsets(content: &[u8]) -> Option<BTreeMap<TopicPartition, Offset>> {
    let mut offsets = BTreeMap::new();
    for line in parse_v0(content)? {
        let mut words = line.split_ascii_whitespace();
        let topic = TopicName::new(words.next()?).ok()?;
        let partition = words.next()?.parse().ok()?;
        let offset = Offset(words.next()?.parse().ok()?);
        if words.next().is_some() {
            return None;
        }
        offsets.insert(TopicPartition::new(topic, partition), offset);
    }
    Some(offsets)
}

/// An offset checkpoint file.
pub(crate) fn format_offsets(offsets: &BTreeMap<TopicPartition, Offset>) -> Vec<u8> {
    let line = |(at, offset): (&TopicPartition, &Offset)| {
        format!("{} {} {offset}", at.topic, at.partition)
    };
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
        assert_eq!(parse_offsets(&content), Some(offsets));
    }

    #[test]
    fn what_is_not_a_checkpoint_is_refused() {
        for bad in
            ["1\n0\n", "0\n", "0\n1\n", "0\n0\na 0 1\n", "0\n1\na 0\n", "0\n1\na 0 1 2\n", "x"]
        {
            assert_eq!(parse_offsets(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse_offsets(b""), Some(BTreeMap::new()));
    }
}
