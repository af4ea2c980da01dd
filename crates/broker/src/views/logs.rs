//! What the log of a partition is made of: segments and batches.
//!
//! These look-ups read files: they belong on a thread that may wait.
//! Kafka: `DumpLogSegments`, of a log that is open.

use bytes::Bytes;
use ottla_log::{IndexPath, LogReader, ReadError, SegmentLook};
use ottla_record::BatchHeader;
use ottla_types::{ErrorCode, Offset};

use super::Views;

/// Bytes that are read at once while batches are listed.
const PIECE_BYTES: usize = 1 << 20;

/// Most bytes that are read to list batches.
const LIST_BYTES: usize = 32 << 20;

/// A batch, and where it is.
#[derive(Clone, Debug)]
pub struct BatchView {
    /// Of the segment that it is in.
    pub segment_base_offset: Offset,
    /// Where in the segment's file it starts.
    pub position: u64,
    /// Its header.
    pub header: BatchHeader,
    /// All of it, header included.
    pub bytes: Bytes,
}

/// Why a log cannot be looked at.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LookError {
    /// There is no such partition, or it is offline.
    #[error("the partition cannot be read: {0}")]
    Partition(ErrorCode),
    /// The offset is not in the log, or the log is damaged there.
    #[error("{0}")]
    Read(String),
}

impl From<ReadError> for LookError {
    fn from(error: ReadError) -> Self {
        Self::Read(error.to_string())
    }
}

impl Views {
    fn reader(&self, topic: &str, partition: i32) -> Result<LogReader, LookError> {
        let topic = self.shared.partitions.topic(topic);
        let topic = topic.ok_or(LookError::Partition(ErrorCode::UnknownTopicOrPartition))?;
        let partition = topic.partition(partition).map_err(LookError::Partition)?;
        Ok(partition.reader())
    }

    /// The segments of a partition, in their order.
    pub fn segments(&self, topic: &str, partition: i32) -> Result<Vec<SegmentLook>, LookError> {
        Ok(self.reader(topic, partition)?.segments()?)
    }

    /// How the indexes of a segment lead to an offset; `None` where the log has no segment for it.
    pub fn index_path(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> Result<Option<IndexPath>, LookError> {
        Ok(self.reader(topic, partition)?.index_path(offset)?)
    }

    /// Batches from the one that holds `from` on, handed to `take` as long as it wants more. Those
    /// that are not on this side of the end of what is read for one list are left out.
    pub fn each_batch(
        &self,
        (topic, partition): (&str, i32),
        from: Offset,
        mut take: impl FnMut(BatchView) -> bool,
    ) -> Result<(), LookError> {
        let reader = self.reader(topic, partition)?;
        let mut at = from.max(reader.log_start_offset());
        let mut left = LIST_BYTES;
        while at < reader.log_end_offset() && left > 0 {
            let range = reader.read(at, PIECE_BYTES.min(left), reader.log_end_offset(), true)?;
            if range.is_empty() {
                return Ok(());
            }
            left = left.saturating_sub(range.length);
            let mut bytes = range.read().map_err(|error| LookError::Read(error.to_string()))?;
            let segment_base_offset = reader.segment_base(range.base_offset);
            let mut position = range.position;
            while let Ok(header) = BatchHeader::parse(&bytes)
                && header.size() <= bytes.len()
            {
                let batch = bytes.split_to(header.size());
                let size = u64::try_from(batch.len()).unwrap_or(0);
                at = header.next_offset();
                if !take(BatchView { segment_base_offset, position, header, bytes: batch }) {
                    return Ok(());
                }
                position = position.saturating_add(size);
            }
        }
        Ok(())
    }

    /// The batch that holds an offset, or the first one after it where there is none.
    pub fn batch(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> Result<Option<BatchView>, LookError> {
        let mut found = None;
        self.each_batch((topic, partition), offset, |batch| {
            found = Some(batch);
            false
        })?;
        Ok(found)
    }
}
