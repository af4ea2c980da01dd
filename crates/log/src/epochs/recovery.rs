//! Leader epochs from batches that nobody has compared with anything.
//!
//! Invariant: nothing is noted of a batch whose epoch is higher or lower than those of the batches
//! before and after it, since epochs only grow. Noted, one that was changed could keep all later
//! ones out.
//! Kafka: `LogSegment.recover`, which notes whatever a batch says.

use ottla_types::{LeaderEpoch, Offset};

use super::EpochCache;

/// The leader epochs of one batch after the other, each with its first offset.
#[derive(Debug, Default)]
pub(crate) struct EpochRecovery {
    /// Of the newest batch, which is noted when the next one does not speak against it.
    last: Option<(LeaderEpoch, Offset)>,
    /// Of the batch after that, if it is lower. The next one tells which of the two is wrong.
    lower: Option<(LeaderEpoch, Offset)>,
    has_contradiction: bool,
}

impl EpochRecovery {
    /// Takes in the epoch of the next batch, which begins at `start`. Whether the cache has
    /// changed.
    pub(crate) fn take_in(
        &mut self,
        epochs: &mut EpochCache,
        epoch: LeaderEpoch,
        start: Offset,
    ) -> bool {
        if epoch == LeaderEpoch::NONE {
            return false;
        }
        let is_higher = |last: &(LeaderEpoch, Offset)| last.0 > epoch;
        if let Some(lower) = self.lower.take()
            && self.last.as_ref().is_some_and(is_higher)
        {
            self.last = Some(lower);
        }
        if self.last.as_ref().is_some_and(is_higher) {
            self.lower = Some((epoch, start));
            self.has_contradiction = true;
            return false;
        }
        let changed = self.note(epochs);
        self.last = Some((epoch, start));
        changed
    }

    /// Ends with the batch before. Whether the cache has changed.
    pub(crate) fn end(&mut self, epochs: &mut EpochCache) -> bool {
        if let Some((epoch, start)) = self.lower.take()
            && epochs.epoch_of(start) == Some(epoch)
        {
            self.last = None;
        }
        self.note(epochs)
    }

    fn note(&mut self, epochs: &mut EpochCache) -> bool {
        let Some((epoch, start)) = self.last.take() else { return false };
        let changed = epochs.assign(epoch, start);
        self.has_contradiction |= epochs.epoch_of(start).is_some_and(|known| known != epoch);
        changed
    }

    /// Whether there are batches with other epochs than the cache knows, so that they have to be
    /// looked at.
    pub(crate) fn has_contradiction(&self) -> bool {
        self.has_contradiction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is noted of batches with these epochs, of one offset each, where some entries were
    /// known.
    fn recovered(known: &[(i32, i64)], batches: &[i32]) -> (Vec<(i32, i64)>, bool) {
        let mut epochs = EpochCache::default();
        for (epoch, start) in known {
            assert!(epochs.assign(LeaderEpoch(*epoch), Offset(*start)));
        }
        let mut recovery = EpochRecovery::default();
        for (start, epoch) in (0..).zip(batches) {
            recovery.take_in(&mut epochs, LeaderEpoch(*epoch), Offset(start));
        }
        recovery.end(&mut epochs);
        let entries = epochs.entries().iter().map(|(epoch, start)| (epoch.0, start.0));
        (entries.collect(), recovery.has_contradiction())
    }

    #[test]
    fn each_epoch_begins_with_its_first_batch() {
        let grown = vec![(1, 0), (3, 2), (4, 3)];
        assert_eq!(recovered(&[], &[1, 1, 3, 4, 4]), (grown.clone(), false));
        assert_eq!(recovered(&[], &[1, -1, 3, 4, -1]), (grown.clone(), false));
        assert_eq!(recovered(&[(1, 0), (3, 2)], &[1, 1, 3, 4, 4]), (grown, false));
        assert_eq!(recovered(&[(1, 0), (7, 5)], &[1, 1]), (vec![(1, 0), (7, 5)], false));
        assert_eq!(recovered(&[], &[]), (vec![], false));
    }

    #[test]
    fn one_batch_does_not_decide_against_those_beside_it() {
        for (batches, noted) in [
            (&[5, 9, 5, 5][..], vec![(5, 0)]),
            (&[5, 3, 5, 5], vec![(5, 0)]),
            (&[9, 5, 5], vec![(5, 1)]),
            (&[2, 5, 9, 7], vec![(2, 0), (5, 1), (9, 2)]),
            (&[2, 5, 9, 7, 7], vec![(2, 0), (5, 1), (7, 3)]),
            (&[2, 5, 4, 7], vec![(2, 0), (5, 1), (7, 3)]),
            (&[5, 5, 9, 5], vec![(5, 0)]),
            (&[5, 5, 3], vec![(5, 0)]),
            (&[2, 5, 3], vec![(2, 0), (5, 1)]),
            (&[5, i32::MIN, 5], vec![(5, 0)]),
        ] {
            assert_eq!(recovered(&[], batches), (noted, true), "{batches:?}");
        }
    }

    #[test]
    fn a_batch_that_what_is_known_speaks_against_is_looked_at() {
        assert_eq!(recovered(&[(1, 0), (5, 1)], &[1, 3, 5]), (vec![(1, 0), (5, 1)], true));
        assert_eq!(recovered(&[(1, 0), (5, 1)], &[1, 3]), (vec![(1, 0), (5, 1)], true));
    }
}
