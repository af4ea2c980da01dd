//! What must hold between calls.

use super::{TransactionShard, TransactionState};

impl TransactionShard {
    /// Panics where an invariant is broken.
    pub(crate) fn check(&self) {
        for (id, entry) in &self.entries {
            assert!(entry.committed.is_some() || entry.pending.is_some(), "{id} is nothing");
            if let Some((token, _)) = &entry.pending {
                assert!(self.appends.contains_key(token), "{id} waits for no append");
            }
            let Some(current) = &entry.committed else { continue };
            assert!(current.producer.producer_epoch >= 0, "{id} has no epoch");
            let is_ending = current.state.ending().is_some();
            assert_eq!(
                self.markers.contains_key(id),
                is_ending,
                "{id}: markers in {}",
                current.state
            );
            if !is_ending {
                assert!(
                    !current.next_producer_id.is_some(),
                    "{id}: a next id in {}",
                    current.state
                );
            }
            if current.state.is_idle() {
                assert!(current.partitions.is_empty(), "{id}: partitions in {}", current.state);
            }
            if current.state == TransactionState::Ongoing {
                assert!(self.next_abort_check_ms.is_some(), "{id}: nobody looks at the timeout");
            }
        }
        assert!(self.markers.keys().all(|id| self.entries.contains_key(id)));
        let parked = self.parked.values().flatten().count();
        assert_eq!(parked, self.parked_deadlines.len(), "each parked request has a deadline");
        assert!(
            self.parked.keys().all(|id| self.entries.contains_key(id)),
            "somebody waits for nothing"
        );
    }
}
