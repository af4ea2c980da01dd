//! The names of a log's files.
//!
//! Kafka: `org.apache.kafka.storage.internals.log.LogFileUtils`.

use ottla_types::Offset;

/// Suffix of a file that waits to be removed.
pub(crate) const DELETED: &str = ".deleted";
/// Suffix of a file that compaction had not finished.
pub(crate) const CLEANED: &str = ".cleaned";
/// Suffix of a file that compaction had finished but not put in place.
pub(crate) const SWAP: &str = ".swap";
/// Suffix of a file that was being written.
pub(crate) const TEMPORARY: &str = ".tmp";

/// The file of leader epochs.
pub(crate) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";
/// The file with the topic's id.
pub(crate) const PARTITION_METADATA: &str = "partition.metadata";

/// What a file of a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Record batches.
    Log,
    /// Positions by offset.
    OffsetIndex,
    /// Offsets by timestamp.
    TimeIndex,
    /// Aborted transactions.
    TxnIndex,
    /// The producers' state at the segment's base offset.
    Snapshot,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex, Self::Snapshot];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TxnIndex => ".txnindex",
            Self::Snapshot => ".snapshot",
        }
    }
}

/// The name of a segment's file.
pub(crate) fn name(base_offset: Offset, kind: Kind) -> String {
    format!("{:020}{}", base_offset.0, kind.suffix())
}

/// The name of a segment's file that compaction has not finished.
pub(crate) fn cleaned(base_offset: Offset, kind: Kind) -> String {
    let mut name = name(base_offset, kind);
    name.push_str(CLEANED);
    name
}

/// What a name says; `None` if it is not that of a segment's file.
pub(crate) fn parse(name: &str) -> Option<(Offset, Kind)> {
    let (digits, _) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let suffix = name.strip_prefix(digits)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.suffix() == suffix)?;
    Some((Offset(digits.parse().ok()?), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_was_made_of() {
        for kind in Kind::ALL {
            let name = name(Offset(1_234_567), kind);
            assert_eq!(parse(&name), Some((Offset(1_234_567), kind)), "{name}");
        }
        assert_eq!(name(Offset(7), Kind::Log), "00000000000000000007.log");
    }

    #[test]
    fn other_names_are_not_segments() {
        for other in [
            "7.log",
            "00000000000000000000.log.deleted",
            "leader-epoch-checkpoint",
            "00000000000000000000-0000000000.checkpoint",
            "99999999999999999999.log",
            "",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
