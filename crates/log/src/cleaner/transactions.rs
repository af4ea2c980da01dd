//! What a pass over the log has learnt about transactions: which data was aborted, and which
//! markers nobody needs any more.
//!
//! Invariants: a marker stays as long as the pass saw a batch of its transaction, since a reader
//! of committed records that skips the data waits for it; the index of aborted transactions names
//! exactly those whose marker stays for that reason.
//! Kafka: `CleanedTransactionMetadata`.

use std::collections::{BTreeMap, BTreeSet};

use ottla_record::BatchHeader;
use ottla_types::{Offset, ProducerId};

use crate::{producers::TxnMarker, txn_index::AbortedTxn};

/// The transactions of one pass.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    /// Aborted transactions whose first offset the pass has not reached.
    upcoming: BTreeMap<(Offset, Offset), AbortedTxn>,
    aborted: BTreeMap<ProducerId, Aborted>,
    /// Producers with data of a transaction that is not one of those.
    committed: BTreeSet<ProducerId>,
    /// The aborted transactions that a reader still has to know of.
    needed: Vec<AbortedTxn>,
}

#[derive(Debug)]
struct Aborted {
    txn: AbortedTxn,
    has_batches: bool,
}

impl Transactions {
    /// Says which transactions were aborted in the part of the log that comes next. What was said
    /// before may be said again.
    pub(crate) fn expect(&mut self, aborted: impl IntoIterator<Item = AbortedTxn>) {
        let by_place = |txn: AbortedTxn| ((txn.first_offset, txn.last_offset), txn);
        self.upcoming.extend(aborted.into_iter().map(by_place));
    }

    /// Takes in a data batch. Whether it was aborted, so that its records can go.
    pub(crate) fn see_data(&mut self, header: &BatchHeader) -> bool {
        self.reach(header.last_offset());
        if !header.attributes.is_transactional() {
            return false;
        }
        if let Some(aborted) = self.aborted.get_mut(&header.producer_id) {
            aborted.has_batches = true;
            return true;
        }
        self.committed.insert(header.producer_id);
        false
    }

    /// Takes in a control batch. Whether nothing in the log needs it any more.
    pub(crate) fn see_control(&mut self, header: &BatchHeader, marker: Option<TxnMarker>) -> bool {
        self.reach(header.last_offset());
        if header.record_count == 0 {
            // It was emptied before.
            return true;
        }
        match marker {
            Some(TxnMarker { committed: true, .. }) => !self.committed.remove(&header.producer_id),
            Some(TxnMarker { committed: false, .. }) => {
                let skipped = self.aborted.remove(&header.producer_id);
                let skipped = skipped.filter(|aborted| aborted.has_batches);
                let is_needed = skipped.is_some();
                self.needed.extend(skipped.map(|aborted| aborted.txn));
                !is_needed
            }
            // No marker at all.
            None => false,
        }
    }

    /// The aborted transactions that readers have to know of, since the last time this was called.
    pub(crate) fn take_needed(&mut self) -> Vec<AbortedTxn> {
        std::mem::take(&mut self.needed)
    }

    fn reach(&mut self, offset: Offset) {
        while let Some(first) = self.upcoming.first_entry()
            && first.key().0 <= offset
        {
            let txn = first.remove();
            self.aborted.entry(txn.producer_id).or_insert(Aborted { txn, has_batches: false });
        }
    }
}
