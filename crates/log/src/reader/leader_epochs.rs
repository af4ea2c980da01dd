//! Comparing a batch's leader epoch, which no checksum covers, with what the log knows of its
//! offset.
//!
//! Budget: one look-up in memory for a batch. Files are read only where the two contradict each
//! other.
//! Kafka: nothing, as it does not look.

use ottla_record::BatchHeader;
use ottla_types::Offset;

use super::LogReader;
use crate::{
    names::{self, Kind},
    scan::header_at,
    segment::Segment,
};

impl LogReader {
    /// Why the batch at this position of a segment cannot have the leader epoch that it has.
    /// `before` is the batch before it, where the caller knows that.
    pub(crate) fn wrong_leader_epoch(
        &self,
        segment: &Segment,
        (position, header): (u64, &BatchHeader),
        before: Option<&BatchHeader>,
    ) -> Option<String> {
        let known = self.epochs.contradiction(header)?;
        let at = self.segment_at(segment.base_offset);
        let after = self.header_after(at, position.saturating_add(header.size() as u64));
        let before = before.copied().or_else(|| self.header_before(at, position));
        let own = header.leader_epoch;
        if self.epochs.is_damaged(header, known, [before.as_ref(), after.as_ref()]) {
            return Some(format!(
                "its leader epoch is {own}, and {known} by {}",
                names::LEADER_EPOCHS
            ));
        }
        if segment.verified.begin_doubt() {
            tracing::warn!(
                file = %segment.dir().path().join(names::LEADER_EPOCHS).display(),
                log = %segment.path(Kind::Log).display(),
                position,
                leader_epoch = %known,
                leader_epoch_of_batch = %own,
                "it contradicts a batch, which is believed: where it is gone, a start makes it anew"
            );
        }
        None
    }

    /// Whether the last batch before an offset has a leader epoch that is newer than the one known
    /// of it, as where the checkpoint is one from before.
    pub(crate) fn has_newer_epoch_before(&self, end: Offset) -> bool {
        let at = self.segment_at(end);
        let position = self.segments.get(at).and_then(|segment| {
            let (limit, _) = self.bounds(at, segment).ok()?;
            let located = segment.locate(end, limit).ok()?;
            Some(located.map_or(limit, |located| located.position))
        });
        let before = position.and_then(|position| self.header_before(at, position));
        before.is_some_and(|before| {
            self.epochs.contradiction(&before).is_some_and(|known| known < before.leader_epoch)
        })
    }

    /// The header of the batch that ends at this position of a segment, or of the last one of the
    /// segment before where that is its beginning.
    fn header_before(&self, at: usize, position: u64) -> Option<BatchHeader> {
        let last = if position > 0 {
            self.segments.get(at)?.last_batch(position)
        } else {
            let segment = self.segments.get(at.checked_sub(1)?)?;
            segment.last_batch(segment.size().ok()?)
        };
        // Damage is not what is asked for here.
        last.ok()?.map(|last| last.header)
    }

    /// The header of the batch that begins at this position, or of the first one of the next
    /// segment.
    fn header_after(&self, at: usize, position: u64) -> Option<BatchHeader> {
        let header = |at: usize, position: u64| {
            let segment = self.segments.get(at)?;
            let (limit, next_base) = self.bounds(at, segment).ok()?;
            let found = header_at(segment.file().ok()?.as_ref(), position, limit).ok().flatten();
            // What lies behind the last offset of a segment is no batch of it.
            found.filter(|header| header.next_offset() <= next_base)
        };
        header(at, position).or_else(|| header(at + 1, 0))
    }
}
