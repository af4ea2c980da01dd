//! Which leader epoch wrote from which offset on.
//!
//! Invariant: epochs and start offsets both grow strictly from entry to entry.
//! Kafka: `org.apache.kafka.storage.internals.epoch.LeaderEpochFileCache`.

mod contradiction;
pub(crate) mod recovery;

use std::sync::Arc;

use ottla_types::{LeaderEpoch, Offset};

use crate::{checkpoint, error::BadLine};

/// The leader epochs of one log, with the first offset of each. Copies share the entries until one
/// of them changes: every reader has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochCache {
    entries: Arc<Vec<(LeaderEpoch, Offset)>>,
}

impl EpochCache {
    /// Reads a `leader-epoch-checkpoint`.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, BadLine> {
        let mut cache = Self::default();
        for (number, line) in checkpoint::parse_v0(content)? {
            let entry = parse_entry(line)
                .ok_or_else(|| BadLine::new(number, "it is not an epoch and an offset"))?;
            let follows = cache.entries.last().is_none_or(|last| last.1 < entry.1);
            if !follows || !cache.assign(entry.0, entry.1) {
                return Err(BadLine::new(number, "it does not follow the line before it"));
            }
        }
        Ok(cache)
    }

    /// The content of a `leader-epoch-checkpoint`.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        checkpoint::format_v0(self.entries.iter().map(|(epoch, start)| format!("{epoch} {start}")))
    }

    /// The entries, oldest first: an epoch and its first offset.
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// The newest epoch.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.0)
    }

    /// Notes that an epoch starts at an offset. `false`, and nothing noted, unless it is newer than
    /// the newest one.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch.0 < 0 || self.latest().is_some_and(|latest| latest >= epoch) {
            return false;
        }
        // An epoch in which nothing was written ends where it starts: it leaves no trace.
        let entries = Arc::make_mut(&mut self.entries);
        while entries.last().is_some_and(|last| last.1 >= start) {
            entries.pop();
        }
        entries.push((epoch, start));
        true
    }

    /// The epoch that wrote the record at this offset.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let count = self.entries.partition_point(|entry| entry.1 <= offset);
        self.entries.get(count.checked_sub(1)?).map(|entry| entry.0)
    }

    /// Where an epoch ends, exclusive, as `OffsetForLeaderEpoch` answers it: the largest epoch that
    /// is not newer than the one asked for, and the start of the next one. `None` if that is not
    /// known.
    pub fn end_offset(
        &self,
        epoch: LeaderEpoch,
        log_end_offset: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        if epoch.0 < 0 {
            return None;
        }
        let latest = self.latest()?;
        if epoch == latest {
            return Some((epoch, log_end_offset));
        }
        let count = self.entries.partition_point(|entry| entry.0 <= epoch);
        let (_, next_start) = *self.entries.get(count)?;
        let floor = count.checked_sub(1).and_then(|at| self.entries.get(at));
        Some((floor.map_or(epoch, |entry| entry.0), next_start))
    }

    /// Forgets what starts at `end` or after. Whether anything changed.
    pub(crate) fn truncate_from_end(&mut self, end: Offset) -> bool {
        let count = self.entries.partition_point(|entry| entry.1 < end);
        let changed = count < self.entries.len();
        if changed {
            Arc::make_mut(&mut self.entries).truncate(count);
        }
        changed
    }

    /// Forgets what ends at `start` or before; the epoch that `start` is in starts there now.
    /// Whether anything changed.
    pub(crate) fn truncate_from_start(&mut self, start: Offset) -> bool {
        let count = self.entries.partition_point(|entry| entry.1 <= start);
        let Some(kept) = count.checked_sub(1) else { return false };
        let changed = kept > 0 || self.entries.first().is_some_and(|first| first.1 < start);
        if changed {
            let entries = Arc::make_mut(&mut self.entries);
            entries.drain(..kept);
            if let Some(first) = entries.first_mut() {
                first.1 = start;
            }
        }
        changed
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries = Arc::default();
    }
}

fn parse_entry(line: &str) -> Option<(LeaderEpoch, Offset)> {
    let (epoch, start) = line.split_once(' ')?;
    Some((LeaderEpoch(epoch.parse().ok()?), Offset(start.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> EpochCache {
        let mut cache = EpochCache::default();
        for (epoch, start) in [(0, 0), (2, 10), (5, 30)] {
            assert!(cache.assign(LeaderEpoch(epoch), Offset(start)));
        }
        cache
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_starts() {
        let table = [
            (-1, None),
            (0, Some((0, 10))),
            (1, Some((0, 10))),
            (2, Some((2, 30))),
            (4, Some((2, 30))),
            (5, Some((5, 44))),
            (6, None),
        ];
        for (epoch, expected) in table {
            let found = cache().end_offset(LeaderEpoch(epoch), Offset(44));
            let expected = expected.map(|(epoch, end)| (LeaderEpoch(epoch), Offset(end)));
            assert_eq!(found, expected, "epoch {epoch}");
        }
        assert_eq!(EpochCache::default().end_offset(LeaderEpoch(0), Offset(4)), None);
    }

    #[test]
    fn an_epoch_before_the_first_known_one_ends_where_that_starts() {
        let mut cache = EpochCache::default();
        cache.assign(LeaderEpoch(3), Offset(7));
        cache.assign(LeaderEpoch(4), Offset(9));
        assert_eq!(cache.end_offset(LeaderEpoch(1), Offset(20)), Some((LeaderEpoch(1), Offset(7))));
    }

    #[test]
    fn every_offset_has_the_epoch_that_wrote_it() {
        for (offset, epoch) in [(0, 0), (9, 0), (10, 2), (29, 2), (30, 5), (99, 5)] {
            assert_eq!(cache().epoch_of(Offset(offset)), Some(LeaderEpoch(epoch)), "{offset}");
        }
        assert_eq!(cache().epoch_of(Offset(-1)), None);
    }

    #[test]
    fn truncation_keeps_what_is_left() {
        let mut end = cache();
        assert!(end.truncate_from_end(Offset(30)));
        assert_eq!(end.latest(), Some(LeaderEpoch(2)));
        assert!(!end.truncate_from_end(Offset(30)));
        let mut start = cache();
        assert!(start.truncate_from_start(Offset(15)));
        assert_eq!(start.entries(), [(LeaderEpoch(2), Offset(15)), (LeaderEpoch(5), Offset(30))]);
        assert!(!start.truncate_from_start(Offset(15)));
        assert!(start.truncate_from_start(Offset(30)));
        assert_eq!(start.entries(), [(LeaderEpoch(5), Offset(30))]);
    }

    #[test]
    fn old_epochs_are_not_noted() {
        let mut cache = cache();
        assert!(!cache.assign(LeaderEpoch(5), Offset(50)));
        assert!(!cache.assign(LeaderEpoch(4), Offset(50)));
        assert!(cache.assign(LeaderEpoch(6), Offset(30)));
        assert_eq!(cache.entries().last(), Some(&(LeaderEpoch(6), Offset(30))));
        assert_eq!(cache.entries().len(), 3);
    }

    #[test]
    fn the_file_is_kafkas() {
        assert_eq!(cache().to_bytes(), b"0\n3\n0 0\n2 10\n5 30\n");
        assert_eq!(EpochCache::parse(b"0\n3\n0 0\n2 10\n5 30\n"), Ok(cache()));
        assert_eq!(EpochCache::parse(b"0\n0\n"), Ok(EpochCache::default()));
        for (bad, line) in [
            (&b"1\n0\n"[..], 1),
            (b"0\n2\n0 0\n", 2),
            (b"0\n1\n0\n", 3),
            (b"0\n2\n1 0\n0 5\n", 4),
            (b"0\n2\n1 5\n2 5\n", 4),
            (b"\0\0\0", 1),
        ] {
            assert_eq!(EpochCache::parse(bad).unwrap_err().line, line);
        }
    }
}
