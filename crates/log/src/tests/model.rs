//! What a log must hold: a plain list of batches, and what follows from it.

use std::collections::BTreeMap;

use ottla_record::{BatchBuilder, BatchHeader, BuilderOptions, Record, Scratch, body};
use ottla_types::{LeaderEpoch, ProducerId};

use bytes::Bytes;

use crate::producers::TxnMarker;

/// A batch as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) header: BatchHeader,
    pub(crate) bytes: Vec<u8>,
}

impl Written {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { header: BatchHeader::parse(bytes).unwrap(), bytes: bytes.to_vec() }
    }

    pub(crate) fn base(&self) -> i64 {
        self.header.base_offset.0
    }

    pub(crate) fn next(&self) -> i64 {
        self.header.next_offset().0
    }

    pub(crate) fn marker(&self) -> Option<TxnMarker> {
        TxnMarker::read(&self.header, body(&self.bytes))
    }
}

/// The log as it should be, from its very first offset on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) batches: Vec<Written>,
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Everything before it was synced: whoever waited for that was answered.
    pub(crate) acked: i64,
    /// The start of the log that was checkpointed last.
    pub(crate) checkpointed_start: i64,
}

impl Model {
    pub(crate) fn push(&mut self, stamped: &[u8]) {
        let batch = Written::new(stamped);
        assert_eq!(batch.base(), self.end);
        self.end = batch.next();
        self.batches.push(batch);
    }

    pub(crate) fn truncate(&mut self, offset: i64) {
        if offset < self.end {
            let kept = self.batches.partition_point(|batch| batch.next() <= offset);
            self.end = self.batches[kept].base();
            self.batches.truncate(kept);
            self.acked = self.acked.min(self.end);
            self.start = self.start.min(self.end);
            self.checkpointed_start = self.checkpointed_start.min(self.end);
        }
    }

    /// The same log, ended early.
    pub(crate) fn up_to(&self, end: i64) -> Self {
        let mut shorter = self.clone();
        shorter.batches.retain(|batch| batch.next() <= end);
        shorter.end = end;
        shorter
    }

    /// The batches that hold offsets from this one on.
    pub(crate) fn from(&self, offset: i64) -> impl Iterator<Item = &Written> {
        self.batches.iter().filter(move |batch| batch.next() > offset)
    }

    /// The last batch of data of each producer.
    pub(crate) fn last_of_producers(&self) -> BTreeMap<i64, &Written> {
        let data = self.batches.iter().filter(|batch| {
            batch.header.has_producer_id() && !batch.header.attributes.is_control()
        });
        data.map(|batch| (batch.header.producer_id.0, batch)).collect()
    }

    /// Open transactions: producer and first offset.
    pub(crate) fn open(&self) -> BTreeMap<i64, i64> {
        self.transactions(|_, _, _| {})
    }

    /// Aborted transactions: producer, first offset, offset of the marker.
    pub(crate) fn aborted(&self) -> Vec<(i64, i64, i64)> {
        let mut aborted = Vec::new();
        self.transactions(|producer, first, last| aborted.push((producer, first, last)));
        aborted
    }

    /// Whether a reader of committed records sees a batch of data: not if the next marker of its
    /// producer says that it was aborted.
    pub(crate) fn is_committed(&self, batch: &BatchHeader) -> bool {
        let mut later = self.batches.iter().filter(|it| {
            it.header.producer_id == batch.producer_id && it.base() > batch.base_offset.0
        });
        !batch.attributes.is_transactional()
            || later.find_map(Written::marker).is_none_or(|marker| marker.committed)
    }

    fn transactions(&self, mut aborted: impl FnMut(i64, i64, i64)) -> BTreeMap<i64, i64> {
        let mut open = BTreeMap::new();
        for batch in &self.batches {
            let producer = batch.header.producer_id.0;
            if let Some(marker) = batch.marker() {
                let first = open.remove(&producer);
                if let Some(first) = first.filter(|_| !marker.committed) {
                    aborted(producer, first, batch.base());
                }
            } else if batch.header.attributes.is_transactional() {
                open.entry(producer).or_insert(batch.base());
            }
        }
        open
    }

    /// The first record from `start` on with this timestamp or a later one: its offset and leader
    /// epoch.
    pub(crate) fn at_timestamp(&self, start: i64, timestamp: i64) -> Option<(i64, LeaderEpoch)> {
        let mut scratch = Scratch::new();
        self.from(start).find_map(|batch| {
            let records = scratch.records(&batch.header, &batch.bytes, usize::MAX).unwrap();
            records.map(Result::unwrap).find_map(|record| {
                let offset = record.offset(&batch.header).0;
                let is_it = offset >= start && record.timestamp(&batch.header) >= timestamp;
                is_it.then_some((offset, batch.header.leader_epoch))
            })
        })
    }
}

/// A batch of so many records, made at `timestamp` and each a ms later.
pub(crate) fn build(options: BuilderOptions, timestamp: i64, count: usize, size: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(options);
    for at in 0..count {
        let value = Some(Bytes::from(vec![u8::try_from(at).unwrap(); size]));
        let timestamp = timestamp + i64::try_from(at).unwrap();
        builder.append(&Record { timestamp, value, ..Record::default() }).unwrap();
    }
    builder.finish().unwrap().to_vec()
}

/// Of an idempotent producer.
pub(crate) fn of_producer(
    producer_id: i64,
    base_sequence: i32,
    transactional: bool,
) -> BuilderOptions {
    BuilderOptions {
        producer_id: ProducerId(producer_id),
        producer_epoch: 0,
        base_sequence,
        transactional,
        ..BuilderOptions::default()
    }
}

/// The end of a transaction.
pub(crate) fn end_of_transaction(producer_id: i64, committed: bool, timestamp: i64) -> Vec<u8> {
    let options = BuilderOptions { control: true, ..of_producer(producer_id, -1, true) };
    let mut builder = BatchBuilder::new(options);
    let key = Some(Bytes::from(vec![0, 0, 0, u8::from(committed)]));
    let value = Some(Bytes::from(vec![0, 0, 0, 0, 0, 0]));
    builder.append(&Record { timestamp, key, value, ..Record::default() }).unwrap();
    builder.finish().unwrap().to_vec()
}
