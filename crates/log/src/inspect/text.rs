//! Text files of a data directory and of a partition: whether they are valid, and their lines.
//!
//! Kafka: `CheckpointFile`, `PropertiesUtils`, `PartitionMetadataFile`.

use crate::{
    checkpoint,
    error::BadLine,
    log::open::parse_partition_metadata,
    log_dir::{META, MetaProperties, OFFSET_CHECKPOINTS},
    names,
};

/// Text whose meaning is not a log's.
const OTHERS: [&str; 2] = ["quorum-state", ".kafka_cleanshutdown"];

/// Whether the file is as it must be; `None` if its name is not that of a text file.
pub(super) fn check(name: &str, content: &[u8]) -> Option<Result<(), BadLine>> {
    if OFFSET_CHECKPOINTS.contains(&name) {
        Some(checkpoint::parse_offsets(content).map(drop))
    } else if name == META {
        Some(MetaProperties::parse(&String::from_utf8_lossy(content)).map(drop))
    } else if name == names::PARTITION_METADATA {
        Some(parse_partition_metadata(content).map(drop))
    } else {
        OTHERS.contains(&name).then_some(Ok(()))
    }
}

/// The lines with their numbers, and what cannot be printed escaped.
pub(super) fn lines(content: &[u8]) -> Vec<String> {
    let text = content.strip_suffix(b"\n").unwrap_or(content);
    let lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    lines.map(|(number, line)| format!("line {number}: {}", line.escape_ascii())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_in_a_line() {
        let meta = "#\nversion=1\ncluster.id=x\n";
        for (name, content, line) in [
            (META, format!("{meta}node.id=1\n"), None),
            (META, meta.to_owned(), Some(3)),
            (META, format!("{meta}nodf.id=1\n"), Some(4)),
            (META, format!("{meta}node.id=x\n"), Some(4)),
            ("recovery-point-offset-checkpoint", "0\n1\na 0 7\n".to_owned(), None),
            ("recovery-point-offset-checkpoint", "0\n1\na 0 x\n".to_owned(), Some(3)),
            (names::PARTITION_METADATA, "version: 1\n".to_owned(), Some(1)),
            ("quorum-state", "?".to_owned(), None),
        ] {
            let found = check(name, content.as_bytes()).unwrap().err().map(|fault| fault.line);
            assert_eq!(found, line, "{name}: {content}");
        }
        assert!(check("a.log", b"").is_none());
        assert_eq!(lines(b"0\n\x01b\n"), ["line 1: 0", "line 2: \\x01b"]);
    }
}
