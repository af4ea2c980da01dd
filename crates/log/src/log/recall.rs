//! Batches of a producer that are in the log and not in its snapshot.
//!
//! A snapshot has Kafka's format, which keeps one batch of each producer. A producer may have five
//! under way, and if their answers were lost with a broker that stopped, all of them come again.
//! The first would be out of order, which no client survives within a transaction. So what was
//! written just before is looked for, once, when a batch comes that would be refused.
//! Kafka: nothing; there the producer asks another replica, which remembers five.

use ottla_record::BatchHeader;
use ottla_types::Offset;

use super::Log;
use crate::{
    producers::{BATCHES_KEPT, ProducedBatch},
    scan::Scan,
};

/// How far back is looked, in bytes of the log: five batches of the usual largest size, and as much
/// of others between them.
const RECALL_BYTES: u64 = 10 << 20;

impl Log {
    /// Remembers again what a snapshot has not kept, if this batch may be part of that. `false` if
    /// there is nothing that was not known before.
    pub(super) fn recall(&mut self, header: &BatchHeader) -> bool {
        let Some(end) = self.producers.forgotten_before(header) else { return false };
        let found = self.batches_before(header, end);
        let is_news = !found.is_empty();
        self.producers.recall(header.producer_id, found);
        is_news
    }

    /// The last batches before an offset, exclusive, with the producer and epoch of this one,
    /// oldest first.
    fn batches_before(&self, like: &BatchHeader, end: Offset) -> Vec<ProducedBatch> {
        let mut found = Vec::new();
        let mut left = RECALL_BYTES;
        for segment in self.segments.iter().rev().filter(|segment| segment.base_offset < end) {
            // What of the active segment is only staged lies behind the offset.
            let (Ok(file), Ok(size)) = (segment.file(), segment.size()) else { break };
            let is_far = |position: u32| u64::from(position).saturating_add(left) <= size;
            let index = &segment.offset_index;
            let far = index.last_before(segment.dir(), |entry| is_far(entry.position));
            let from = far.ok().flatten().map_or(0, |entry| u64::from(entry.position));
            let mut scan = Scan::batches(file.as_ref(), from, size);
            let mut here = Vec::new();
            // What cannot be read is found by whoever reads it.
            while let Ok(Some(header)) = scan.next_batch() {
                if header.base_offset >= end {
                    break;
                }
                let is_alike = header.producer_id == like.producer_id
                    && header.producer_epoch == like.producer_epoch
                    && !header.attributes.is_control();
                here.extend(is_alike.then(|| ProducedBatch::of(&header)));
            }
            here.append(&mut found);
            found = here;
            left = left.saturating_sub(size);
            if found.len() >= BATCHES_KEPT || left == 0 {
                break;
            }
        }
        found
    }
}
