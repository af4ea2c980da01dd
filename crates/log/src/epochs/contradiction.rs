//! Whether a batch or `leader-epoch-checkpoint` is wrong, where they name two leader epochs for an
//! offset.
//!
//! No checksum covers either, and the checkpoint only says what batches say as well. So one of them
//! is not enough to call a batch damaged: the batches beside it decide. Invariant: no batch that is
//! right is refused because a line of the checkpoint was changed, or because the checkpoint is an
//! older one.
//! Kafka: nothing.

use ottla_record::BatchHeader;
use ottla_types::LeaderEpoch;

use super::EpochCache;

impl EpochCache {
    /// The leader epoch that a batch should have, if that is known and is not the one that it has.
    pub(crate) fn contradiction(&self, header: &BatchHeader) -> Option<LeaderEpoch> {
        // What the log's start cuts through begins before the first entry.
        let known =
            || self.epoch_of(header.base_offset).or_else(|| self.epoch_of(header.last_offset()));
        let is_known = header.leader_epoch != LeaderEpoch::NONE;
        known().filter(|known| is_known && *known != header.leader_epoch)
    }

    /// Whether a batch that should have leader epoch `known` is damaged, by the batches before and
    /// after it, where they exist.
    pub(crate) fn is_damaged(
        &self,
        header: &BatchHeader,
        known: LeaderEpoch,
        [before, after]: [Option<&BatchHeader>; 2],
    ) -> bool {
        let says = |header: &&BatchHeader| header.leader_epoch != LeaderEpoch::NONE;
        let (before, after) = (before.filter(says), after.filter(says));
        let own = header.leader_epoch;
        let bears_out = |beside: &BatchHeader| beside.leader_epoch == own;
        if before.is_some_and(bears_out) || after.is_some_and(bears_out) {
            return false;
        }
        let agrees = |beside: &BatchHeader| self.contradiction(beside).is_none();
        // The checkpoint knows the epoch of the batch after it, and none such as this. One line
        // that is wrong does not look like that: it would lack an epoch that begins between two
        // others.
        let is_unheard_of =
            |after: &BatchHeader| agrees(after) && known == after.leader_epoch && !self.has(own);
        match (before, after) {
            (None, None) => false,
            // An older checkpoint does not know the newest epoch.
            (Some(before), None) => own < before.leader_epoch && agrees(before),
            (None, Some(after)) => {
                own > after.leader_epoch && agrees(after) || is_unheard_of(after)
            }
            // Where they are out of order themselves, it is one of them that is damaged.
            (Some(before), Some(after)) if before.leader_epoch > after.leader_epoch => false,
            (Some(before), Some(after)) => {
                own < before.leader_epoch
                    || own > after.leader_epoch
                    || agrees(before) && is_unheard_of(after)
            }
        }
    }

    fn has(&self, epoch: LeaderEpoch) -> bool {
        self.entries.binary_search_by_key(&epoch, |entry| entry.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use ottla_record::{BatchBuilder, BuilderOptions, Record};
    use ottla_types::Offset;

    use super::*;

    fn cache(entries: &[(i32, i64)]) -> EpochCache {
        let mut cache = EpochCache::default();
        for (epoch, start) in entries {
            assert!(cache.assign(LeaderEpoch(*epoch), Offset(*start)));
        }
        cache
    }

    /// A batch of two records, and so two offsets.
    fn batch((epoch, base_offset): (i32, i64)) -> BatchHeader {
        let (leader_epoch, base_offset) = (LeaderEpoch(epoch), Offset(base_offset));
        let options = BuilderOptions { leader_epoch, base_offset, ..BuilderOptions::default() };
        let mut builder = BatchBuilder::new(options);
        builder.append(&Record::default()).unwrap();
        builder.append(&Record::default()).unwrap();
        BatchHeader::parse(&builder.finish().unwrap()).unwrap()
    }

    /// Whether the middle one of three batches is damaged.
    fn is_damaged(
        cache: &EpochCache,
        before: Option<(i32, i64)>,
        this: (i32, i64),
        after: Option<(i32, i64)>,
    ) -> bool {
        let [before, after] = [before, after].map(|beside| beside.map(batch));
        let this = batch(this);
        cache
            .contradiction(&this)
            .is_some_and(|known| cache.is_damaged(&this, known, [before.as_ref(), after.as_ref()]))
    }

    #[test]
    fn nothing_contradicts_what_is_not_known() {
        let cache = cache(&[(3, 11), (5, 20)]);
        for (this, known) in [
            ((9, 4), None),
            ((3, 10), None),
            ((4, 10), Some(3)),
            ((3, 18), None),
            ((4, 18), Some(3)),
            ((-1, 18), None),
            ((5, 20), None),
            ((3, 20), Some(5)),
        ] {
            assert_eq!(cache.contradiction(&batch(this)), known.map(LeaderEpoch), "{this:?}");
        }
        assert_eq!(EpochCache::default().contradiction(&batch((7, 0))), None);
    }

    #[test]
    fn two_of_three_must_agree() {
        let known = cache(&[(3, 0), (5, 10), (8, 20)]);
        let table = [
            // Both sides, and they agree with each other.
            (Some((5, 12)), (4, 14), Some((5, 16)), true),
            (Some((5, 12)), (6, 14), Some((5, 16)), true),
            // Both sides, of different epochs: out of order, or of an epoch that nobody knows of.
            (Some((3, 8)), (9, 10), Some((5, 12)), true),
            (Some((3, 8)), (2, 10), Some((5, 12)), true),
            (Some((3, 8)), (4, 10), Some((5, 12)), true),
            (Some((3, 8)), (3, 10), Some((5, 12)), false),
            (Some((5, 16)), (6, 18), Some((8, 20)), false),
            (Some((5, 16)), (8, 18), Some((8, 20)), false),
            // One side only, which may be that of an older checkpoint or of a moved line.
            (None, (2, 0), Some((3, 2)), true),
            (None, (4, 0), Some((3, 2)), true),
            (None, (4, 8), Some((5, 10)), false),
            (Some((8, 20)), (7, 22), None, true),
            (Some((8, 20)), (9, 22), None, false),
            (Some((5, 18)), (6, 20), None, false),
            (None, (4, 0), None, false),
            // What says nothing is no side.
            (Some((-1, 20)), (9, 22), Some((-1, 24)), false),
            // The one beside it is the damaged one, and the checkpoint is an older one.
            (Some((12, 30)), (9, 32), Some((9, 34)), false),
            (Some((9, 30)), (9, 32), Some((6, 34)), false),
            (Some((12, 30)), (9, 32), None, false),
            (Some((12, 30)), (10, 32), Some((9, 34)), false),
        ];
        for (before, this, after, expected) in table {
            assert_eq!(
                is_damaged(&known, before, this, after),
                expected,
                "{this:?} between {before:?} and {after:?}"
            );
        }
    }

    /// Of epoch 5 compaction has left the batch at offset 14 only, and the line of epoch 8 was
    /// changed.
    #[test]
    fn a_line_that_moved_over_a_hole_damages_nothing() {
        let moved = cache(&[(3, 0), (5, 10), (8, 12)]);
        assert!(!is_damaged(&moved, Some((3, 8)), (5, 14), Some((8, 20))));
    }
}
