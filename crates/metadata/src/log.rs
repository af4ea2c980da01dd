//! The seam behind which metadata records get committed.
//!
//! [`MetadataLog`] is all that the rest knows of consensus: records go in together, and come out
//! once a majority has them, in the same order everywhere. A single node is a quorum of one behind
//! the same seam: what it has written and synced is committed.
//!
//! Kafka: `RaftClient`, `RaftClient.Listener`, `OffsetAndEpoch`, `Snapshots`.

use ottla_types::{LeaderEpoch, Offset};

use crate::MetadataRecord;

/// A replicated log of metadata records.
///
/// How it is driven: the one task that owns the image replays [`Self::latest_snapshot`], if there
/// is one, and then every batch of [`Self::next_committed`]. A decision is made on the image with
/// all committed batches replayed; its records are proposed; the batches up to the offset that
/// [`Self::propose`] gave are awaited and replayed; then the response is sent. The next decision is
/// made after that, so no two decisions are made on the same image.
pub trait MetadataLog {
    /// What can go wrong: the log's directory failed, or this node is no longer the leader.
    type Error: std::error::Error;

    /// Appends records as one batch, or where they are more than
    /// [`crate::decide::RECORDS_PER_BATCH_MAX`] and need not be atomic as several, and gives the
    /// offset of the last one. They count once they are committed, and may yet get lost until
    /// then.
    fn propose(&mut self, records: &[MetadataRecord]) -> Result<Offset, Self::Error>;

    /// The offset that the first record proposed next will have: the epoch of a broker that
    /// registers with it.
    fn next_offset(&self) -> Offset;

    /// The first committed batch whose records lie at or after `from`; `None` where there is none
    /// yet. `from` is 0, a snapshot's `end_offset` or a batch's `next_offset`.
    fn next_committed(&mut self, from: Offset) -> Result<Option<CommittedBatch>, Self::Error>;

    /// The newest snapshot; `None` where there is none.
    fn latest_snapshot(&mut self) -> Result<Option<Snapshot>, Self::Error>;

    /// Keeps a snapshot of the committed records below its `end_offset`. The log may drop them
    /// then.
    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), Self::Error>;
}

/// Records that were committed together.
#[derive(Clone, Debug, PartialEq)]
pub struct CommittedBatch {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The offset after the last record. A batch of control records has offsets and no records.
    pub next_offset: Offset,
    /// The epoch of the leader that appended them.
    pub leader_epoch: LeaderEpoch,
    /// When they were appended, in milliseconds since 1970.
    pub append_timestamp: i64,
    /// The records.
    pub records: Vec<MetadataRecord>,
}

/// Where a snapshot ends. It names its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotId {
    /// The offset after the last record it contains.
    pub end_offset: Offset,
    /// The leader epoch of that record.
    pub leader_epoch: LeaderEpoch,
}

impl SnapshotId {
    /// The name of the file, as in `00000000000000000512-0000000003.checkpoint`.
    pub fn file_name(self) -> String {
        format!("{:020}-{:010}.checkpoint", self.end_offset, self.leader_epoch)
    }

    /// The id that a file's name gives; `None` for any other file.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
        let all_digits =
            |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(offset, 20) || !all_digits(epoch, 10) {
            return None;
        }
        Some(Self {
            end_offset: Offset(offset.parse().ok()?),
            leader_epoch: LeaderEpoch(epoch.parse().ok()?),
        })
    }
}

/// The state that the records below an offset gave, as records.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Where it ends.
    pub id: SnapshotId,
    /// When the last record it contains was appended, in milliseconds since 1970.
    pub last_contained_timestamp: i64,
    /// The records of [`crate::Image::to_records`].
    pub records: Vec<MetadataRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_named_as_kafka_names_them() {
        let id = SnapshotId { end_offset: Offset(512), leader_epoch: LeaderEpoch(3) };
        assert_eq!(id.file_name(), "00000000000000000512-0000000003.checkpoint");
        assert_eq!(SnapshotId::from_file_name(&id.file_name()), Some(id));
        for other in [
            "00000000000000000512-0000000003.checkpoint.part",
            "512-3.checkpoint",
            "bootstrap.checkpoint",
            "0000000000000000051é-0000000003.checkpoint",
            "99999999999999999999-0000000003.checkpoint",
        ] {
            assert_eq!(SnapshotId::from_file_name(other), None, "{other}");
        }
    }
}
