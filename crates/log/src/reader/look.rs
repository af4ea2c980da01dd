//! The segments of a log, for whoever looks at it from outside.
//!
//! Kafka: `DumpLogSegments`, of a log that is open.

use ottla_types::Offset;

use super::LogReader;
use crate::{
    error::ReadError,
    index::{Entry as _, OffsetEntry, TimeEntry},
    names::Kind,
};

/// A segment of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentLook {
    /// The first offset that it may have.
    pub base_offset: Offset,
    /// Exclusive: where the next segment begins, or the log ends.
    pub next_offset: Offset,
    /// Whether it is the one that is written.
    pub is_active: bool,
    /// Bytes of batches.
    pub size_bytes: u64,
    /// Bytes of the entries of its offset index.
    pub offset_index_bytes: u64,
    /// Bytes of the entries of its time index.
    pub time_index_bytes: u64,
    /// Whether transactions were aborted in it.
    pub has_txn_index: bool,
    /// The largest timestamp of its records in ms; −1 if there is none.
    pub max_timestamp: i64,
}

/// How the indexes of a segment lead to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexPath {
    /// Of the segment.
    pub segment_base_offset: Offset,
    /// The last entry of the offset index that is not behind the offset: the last offset of a batch
    /// and where that begins in the file. Without one, reading begins at the start of the file.
    pub offset_entry: Option<(Offset, u64)>,
    /// The first entry of the time index that is at or behind the offset: the largest timestamp so
    /// far, in ms, and the last offset of the batch that has it.
    pub time_entry: Option<(i64, Offset)>,
}

impl LogReader {
    /// The segments, in their order.
    pub fn segments(&self) -> Result<Vec<SegmentLook>, ReadError> {
        let mut looks = Vec::with_capacity(self.segments.len());
        for (place, segment) in self.segments.iter().enumerate() {
            let (size_bytes, next_offset) = self.bounds(place, segment)?;
            let is_active = place + 1 == self.segments.len();
            let entries = segment.offset_index.count(segment.dir());
            let offsets = entries.map_err(segment.failed(Kind::OffsetIndex))?;
            let entries = segment.time_index.count(segment.dir());
            let times = entries.map_err(segment.failed(Kind::TimeIndex))?;
            let largest =
                if is_active { self.active_largest } else { segment.largest_timestamp()? };
            looks.push(SegmentLook {
                base_offset: segment.base_offset,
                next_offset,
                is_active,
                size_bytes,
                offset_index_bytes: offsets.saturating_mul(OffsetEntry::SIZE as u64),
                time_index_bytes: times.saturating_mul(TimeEntry::SIZE as u64),
                has_txn_index: segment.has_txn_index(),
                max_timestamp: largest.largest.timestamp,
            });
        }
        Ok(looks)
    }

    /// The base offset of the segment that an offset is in.
    pub fn segment_base(&self, offset: Offset) -> Offset {
        let segment = self.segments.get(self.segment_at(offset));
        segment.map_or(self.log_start_offset, |segment| segment.base_offset)
    }

    /// How the indexes lead to an offset.
    pub fn index_path(&self, offset: Offset) -> Result<Option<IndexPath>, ReadError> {
        let Some(segment) = self.segments.get(self.segment_at(offset)) else { return Ok(None) };
        let relative = offset.get().saturating_sub(segment.base_offset.get());
        let entry = segment
            .offset_index
            .last_before(segment.dir(), |entry| i64::from(entry.relative) <= relative)
            .map_err(segment.failed(Kind::OffsetIndex))?;
        let absolute = |relative: u32| segment.base_offset.plus(i64::from(relative));
        let time = segment
            .time_index
            .first_from(segment.dir(), |entry| i64::from(entry.relative) < relative)
            .map_err(segment.failed(Kind::TimeIndex))?;
        Ok(Some(IndexPath {
            segment_base_offset: segment.base_offset,
            offset_entry: entry.map(|it| (absolute(it.relative), it.position.into())),
            time_entry: time.map(|it| (it.timestamp, absolute(it.relative))),
        }))
    }
}
