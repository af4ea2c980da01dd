//! Whether the indexes of aborted transactions say what the markers say.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::PathBuf,
};

use ottla_record::body;
use ottla_types::{Offset, ProducerId};

use super::{Finding, InspectedBatch, Inspection};
use crate::{
    dir::{Dir, DiskDir},
    names::{self, Kind},
    producers::TxnMarker,
    txn_index::{self, AbortedTxn},
};

/// What is known of producers on the way through the segments of a log.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// The last offset of the first batch with records since the last marker.
    data: HashMap<ProducerId, Offset>,
    ended: HashMap<ProducerId, Offset>,
    path: PathBuf,
    /// Of the segment's index, by the offset of the marker, as far as that was not come by.
    entries: BTreeMap<Offset, AbortedTxn>,
}

impl Transactions {
    /// Comes to a segment.
    pub(super) fn begin(
        &mut self,
        dir: &DiskDir,
        base: Offset,
        out: &mut Inspection,
    ) -> io::Result<()> {
        let name = names::name(base, Kind::TxnIndex);
        self.path = dir.path().join(&name);
        let content = dir.read(&name)?.unwrap_or_default();
        let entries = txn_index::parse(&content);
        if entries.len() * txn_index::SIZE != content.len() {
            self.finding(out, "an entry cannot be that of an aborted transaction".to_owned());
        }
        self.entries = entries.into_iter().map(|entry| (entry.last_offset, entry)).collect();
        Ok(())
    }

    /// Comes by a batch that is in order.
    pub(super) fn follow(&mut self, batch: &InspectedBatch, out: &mut Inspection) {
        let header = &batch.header;
        if !header.attributes.is_transactional() {
            return;
        }
        let (producer_id, at) = (header.producer_id, header.base_offset);
        if !header.attributes.is_control() {
            // Compaction leaves batches without records, which nobody has to skip.
            if header.record_count > 0 {
                self.data.entry(producer_id).or_insert(header.last_offset());
            }
            return;
        }
        let Some(marker) = TxnMarker::read(header, body(&batch.bytes)) else { return };
        let first = self.data.remove(&producer_id);
        let before = self.ended.insert(producer_id, at);
        if marker.committed {
            return;
        }
        let entry = self.entries.get(&at).copied().filter(|entry| entry.producer_id == producer_id);
        if entry.is_some() {
            self.entries.remove(&at);
        }
        let begins_too_late =
            |entry: AbortedTxn| first.is_some_and(|first| entry.first_offset > first);
        let begins_too_early =
            |entry: AbortedTxn| before.is_some_and(|end| entry.first_offset <= end);
        let is_wrong = entry
            .map_or(first.is_some(), |entry| begins_too_late(entry) || begins_too_early(entry));
        if is_wrong {
            let what = format!("the transaction of producer {producer_id} that offset {at} aborts");
            self.finding(out, format!("it does not name {what}, or not as it was"));
        }
    }

    /// Has come by all batches of the segment, and they were in order.
    pub(super) fn end(&mut self, out: &mut Inspection) {
        for (marker, entry) in std::mem::take(&mut self.entries) {
            let producer_id = entry.producer_id;
            let cause =
                format!("offset {marker} does not abort a transaction of producer {producer_id}");
            self.finding(out, cause);
        }
    }

    /// Has come by batches that were not: nothing is known of what they said.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn finding(&self, out: &mut Inspection, cause: String) {
        out.findings.push(Finding::new(&self.path, None, cause));
    }
}
