//! What a reader of committed records has to skip in what it read.
//!
//! Invariant: every aborted transaction with a record in the range is in the list; which others
//! are follows from the entries of the offset index, as in Kafka.
//! Kafka: `LocalLog.addAbortedTransactions`, `LogSegment.fetchUpperBoundOffset`.

use ottla_types::Offset;

use super::{FileRange, LogReader};
use crate::{error::ReadError, names::Kind, txn_index::AbortedTxn};

impl LogReader {
    /// The aborted transactions that overlap what was read from `start` on, ordered by the offset
    /// of their markers.
    pub fn aborted_in_range(
        &self,
        start: Offset,
        range: &FileRange,
    ) -> Result<Vec<AbortedTxn>, ReadError> {
        if range.file.is_none() {
            return Ok(Vec::new());
        }
        let at = self.segment_at(range.base_offset);
        if self.segments.iter().skip(at).all(|segment| !segment.has_txn_index()) {
            return Ok(Vec::new());
        }
        let end = self.upper_bound(at, range)?;
        self.aborted_from(at, start, end)
    }

    /// An offset that is after everything in the range: that of the first index entry whose
    /// position is not before the end of the range, else the end of the segment.
    fn upper_bound(&self, at: usize, range: &FileRange) -> Result<Offset, ReadError> {
        let next = self.segments.get(at + 1).map(|next| next.base_offset);
        let segment_end = next.unwrap_or(self.log_end_offset);
        let Some(segment) = self.segments.get(at) else { return Ok(segment_end) };
        let end = range.position.saturating_add(range.length as u64);
        let first_from = |before: &dyn Fn(u64) -> bool| {
            let index = &segment.offset_index;
            let found = index.first_from(segment.dir(), |entry| before(entry.position.into()));
            found.map_err(segment.failed(Kind::OffsetIndex))
        };
        let mut after = first_from(&|position| position < end)?;
        // Kafka's search passes over the first entry of an index where its position is just that.
        if after.is_some_and(|entry| u64::from(entry.position) == end)
            && after == first_from(&|_| false)?
        {
            after = first_from(&|position| position <= end)?;
        }
        Ok(after.map_or(segment_end, |entry| segment.base_offset.plus(entry.relative.into())))
    }
}
