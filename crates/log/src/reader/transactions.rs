//! Where transactions began, as the batches and the producer snapshots say it.
//!
//! Kafka: `ProducerStateManager`, `TransactionIndex`.

use std::collections::{BTreeMap, HashMap, HashSet};

use ottla_types::{Offset, ProducerId};

use super::LogReader;
use crate::{scan::Scan, segment::Segment, txn_index::AbortedTxn};

/// The first offsets of transactions, by producer and by the offset of the marker that ended them.
#[derive(Debug, Default)]
pub(super) struct Begun(BTreeMap<(ProducerId, Offset), Offset>);

impl Begun {
    /// Whether an entry names another offset than the one at which its transaction began.
    pub(super) fn contradicts(&self, entry: &AbortedTxn) -> bool {
        let first = self.0.get(&(entry.producer_id, entry.last_offset));
        first.is_some_and(|first| *first != entry.first_offset)
    }
}

impl LogReader {
    /// Where the transactions that ended within a segment began. Those that began before the segment
    /// are known from the snapshot at its start; where there is none, or it is not valid, the first
    /// transaction of each producer is left out, since it may have begun before.
    pub(super) fn begun(&self, segment: &Segment) -> Begun {
        let mut open: HashMap<ProducerId, Offset> = HashMap::new();
        let before = segment.producers_before();
        let all_are_known = before.is_some();
        let mut ended = HashSet::new();
        for (producer_id, producer) in before.unwrap_or_default() {
            if let Some(first) = producer.current_txn_first_offset {
                open.insert(producer_id, first);
            }
        }
        let mut begun = BTreeMap::new();
        let at = self.segment_at(segment.base_offset);
        let Ok((limit, _)) = self.bounds(at, segment) else { return Begun::default() };
        let Ok(file) = segment.file() else { return Begun::default() };
        let mut scan = Scan::headers(file.as_ref(), 0, limit);
        // What cannot be read is found by whoever reads it.
        while let Ok(Some((_, header))) = scan.next_header() {
            if !header.attributes.is_transactional() {
                continue;
            }
            let producer_id = header.producer_id;
            if header.attributes.is_control() {
                ended.insert(producer_id);
                if let Some(first) = open.remove(&producer_id) {
                    begun.insert((producer_id, header.base_offset), first);
                }
            } else if all_are_known || ended.contains(&producer_id) {
                open.entry(producer_id).or_insert(header.base_offset);
            }
        }
        Begun(begun)
    }
}
