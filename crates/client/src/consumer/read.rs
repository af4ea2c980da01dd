//! Batches to records: decompressed one at a time, without what a reader must not see.
//!
//! Invariants: positions pass over what is skipped; a batch that cannot be read gives its error
//! once and then the partition goes on behind it.
//! Kafka: `CompletedFetch`.

use std::collections::BTreeSet;

use ottla_record::{BATCH_OVERHEAD, BatchError, BatchHeader, Record, decode_batch};
use ottla_types::Offset;

use super::{
    Isolation, Shared,
    state::{Chunk, Key},
};
use crate::{ConsumedRecord, Error, ErrorKind, Result};

/// One chunk being read.
#[derive(Debug)]
pub(crate) struct Reading {
    key: Key,
    version: u64,
    chunk: Chunk,
    /// Producers whose transaction, open at this place, was aborted.
    aborted: BTreeSet<i64>,
    batch: Option<(BatchHeader, std::vec::IntoIter<(Offset, Record)>)>,
}

impl Reading {
    pub(crate) const fn new(key: Key, version: u64, chunk: Chunk) -> Self {
        Self { key, version, chunk, aborted: BTreeSet::new(), batch: None }
    }

    /// The next record, or `None` when the chunk is read up or not wanted any more.
    pub(crate) fn next(&mut self, shared: &Shared) -> Option<Result<ConsumedRecord>> {
        loop {
            if let Some((header, records)) = &mut self.batch {
                let header = *header;
                let next = records.next();
                let mut state = shared.state();
                let partition = state.current(&self.key, self.version)?;
                if partition.is_at_stop() {
                    return None;
                }
                let Some((offset, record)) = next else {
                    // Compaction may have taken the batch's last records away.
                    partition.pass(header.next_offset(), header.leader_epoch);
                    self.batch = None;
                    continue;
                };
                // A fetch starts at a batch, which may start before what was asked for.
                if offset.0 < partition.position {
                    continue;
                }
                if partition.stop_at.is_some_and(|stop| offset.0 >= stop) {
                    partition.position = offset.0;
                    return None;
                }
                partition.pass(offset.plus(1), header.leader_epoch);
                drop(state);
                return Some(Ok(self.consumed(&header, offset, record)));
            }
            match self.open_batch(shared)? {
                Ok(()) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn consumed(&self, header: &BatchHeader, offset: Offset, record: Record) -> ConsumedRecord {
        ConsumedRecord {
            topic: self.key.0.clone(),
            partition: self.key.1,
            offset,
            leader_epoch: header.leader_epoch,
            timestamp: record.timestamp,
            timestamp_type: header.attributes.timestamp_type(),
            key: record.key,
            value: record.value,
            headers: record.headers,
        }
    }

    /// Decodes the next batch that may be seen. `None`: the chunk has no whole batch left.
    fn open_batch(&mut self, shared: &Shared) -> Option<Result<()>> {
        loop {
            if self.chunk.bytes.len() < BATCH_OVERHEAD {
                return None;
            }
            let header = match BatchHeader::parse(&self.chunk.bytes) {
                Ok(header) => header,
                Err(error) => {
                    self.chunk.bytes.clear();
                    return Some(Err(self.unreadable(&error)));
                }
            };
            if header.size() > self.chunk.bytes.len() {
                return None;
            }
            let bytes = self.chunk.bytes.split_to(header.size());
            let decoded = decode_batch(&bytes, shared.config.decompressed_max);
            let (header, records) = match decoded {
                Ok(decoded) => decoded,
                Err(error) => {
                    self.skip(shared, &header)?;
                    return Some(Err(self.unreadable(&error)));
                }
            };
            if self.is_hidden(&header, &records, shared.config.isolation) {
                self.skip(shared, &header)?;
                continue;
            }
            self.batch = Some((header, records.into_iter()));
            return Some(Ok(()));
        }
    }

    /// Passes over a batch. `None` if the partition is not read any more.
    fn skip(&self, shared: &Shared, header: &BatchHeader) -> Option<()> {
        let mut state = shared.state();
        let partition = state.current(&self.key, self.version)?;
        partition.pass(header.next_offset(), header.leader_epoch);
        Some(())
    }

    fn unreadable(&self, error: &BatchError) -> Error {
        let what = format!("cannot read a batch of {}-{}", self.key.0, self.key.1);
        Error::new(ErrorKind::Protocol, what, error.to_string())
    }

    fn is_hidden(
        &mut self,
        header: &BatchHeader,
        records: &[(Offset, Record)],
        isolation: Isolation,
    ) -> bool {
        if isolation == Isolation::Committed {
            while let Some((producer_id, first)) = self.chunk.aborted.front().copied()
                && first <= header.last_offset().0
            {
                self.aborted.insert(producer_id);
                self.chunk.aborted.pop_front();
            }
        }
        if header.attributes.is_control() {
            if is_abort(records) {
                self.aborted.remove(&header.producer_id.0);
            }
            return true;
        }
        isolation == Isolation::Committed
            && header.attributes.is_transactional()
            && self.aborted.contains(&header.producer_id.0)
    }
}

/// Whether a control batch is the marker that ends an aborted transaction: version, then type 0.
fn is_abort(records: &[(Offset, Record)]) -> bool {
    let key = records.first().and_then(|(_, record)| record.key.as_deref());
    matches!(key, Some([_, _, 0, 0, ..]))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla_record::{BatchBuilder, BuilderOptions};
    use ottla_types::ProducerId;

    use super::*;

    fn reading(aborted: &[(i64, i64)]) -> Reading {
        let aborted = aborted.iter().copied().collect();
        Reading::new(("t".into(), 0), 1, Chunk { bytes: Bytes::new(), aborted })
    }

    fn batch(
        producer: i64,
        base: i64,
        control: Option<u8>,
    ) -> (BatchHeader, Vec<(Offset, Record)>) {
        let mut builder = BatchBuilder::new(BuilderOptions {
            base_offset: Offset(base),
            producer_id: ProducerId(producer),
            producer_epoch: 0,
            base_sequence: 0,
            transactional: true,
            control: control.is_some(),
            ..BuilderOptions::default()
        });
        let key = control.map(|kind| Bytes::from(vec![0, 0, 0, kind]));
        builder.append(&Record { key, ..Record::default() }).unwrap();
        decode_batch(&builder.finish().unwrap().freeze(), 1 << 20).unwrap()
    }

    #[test]
    fn records_of_aborted_transactions_are_hidden_until_the_marker() {
        let mut reading = reading(&[(7, 10)]);
        let sequence = [
            (batch(7, 8, None), false),
            (batch(7, 10, None), true),
            (batch(9, 11, None), false),
            (batch(7, 12, Some(0)), true),
            (batch(7, 13, None), false),
            (batch(7, 14, Some(1)), true),
        ];
        for ((header, records), hidden) in sequence {
            let is_hidden = reading.is_hidden(&header, &records, Isolation::Committed);
            assert_eq!(is_hidden, hidden, "at {}", header.base_offset);
        }
    }

    #[test]
    fn uncommitted_readers_see_all_but_control_records() {
        let mut reading = reading(&[(7, 10)]);
        let (header, records) = batch(7, 10, None);
        assert!(!reading.is_hidden(&header, &records, Isolation::Uncommitted));
        let (header, records) = batch(7, 11, Some(0));
        assert!(reading.is_hidden(&header, &records, Isolation::Uncommitted));
    }
}
