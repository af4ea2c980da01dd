//! Batches on their way: open for records, waiting, and what became of them.
//!
//! Invariant: every batch tells its records' senders exactly one outcome, also when it is dropped.
//! Kafka: `ProducerBatch`, `FutureRecordMetadata`.

use std::{future::IntoFuture, pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use ottla_record::{BatchBuilder, BuilderOptions, set_producer};
use ottla_types::{Offset, ProducerId};
use tokio::{sync::watch, time::Instant};

use crate::{Delivered, Error, Record, Result};

/// A partition as the producer keys it.
pub(crate) type PartitionKey = (Arc<str>, i32);

/// Where a batch went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// −1 where the broker does not say.
    pub(crate) base_offset: i64,
    pub(crate) log_append_time: i64,
}

/// What a batch's records learn; `None` as long as nothing is known.
pub(crate) type Outcome = Option<Result<Placed>>;

/// A batch that takes records.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    builder: BatchBuilder,
    outcome: watch::Sender<Outcome>,
    /// Bytes taken from the producer's memory.
    memory: usize,
    pub(crate) created: Instant,
    /// Whether somebody waits for it, so that lingering is over.
    pub(crate) is_urgent: bool,
}

impl OpenBatch {
    pub(crate) fn new(options: BuilderOptions, now: Instant) -> Self {
        let (outcome, _) = watch::channel(None);
        let builder = BatchBuilder::new(options);
        Self { builder, outcome, memory: 0, created: now, is_urgent: false }
    }

    /// Appends a record that took `memory` bytes of the producer's memory.
    pub(crate) fn append(&mut self, record: &Record, memory: usize) -> Result<Delivery> {
        let index = self.builder.record_count();
        self.builder.append(&record.body).map_err(|error| {
            let what = format!("cannot batch a record for {}", record.topic);
            Error::invalid(what, error.to_string())
        })?;
        self.memory = self.memory.saturating_add(memory);
        Ok(Delivery {
            outcome: self.outcome.subscribe(),
            topic: record.topic.clone(),
            partition: 0,
            index,
        })
    }

    pub(crate) fn size(&self) -> usize {
        self.builder.size_estimate()
    }

    pub(crate) fn watcher(&self) -> watch::Receiver<Outcome> {
        self.outcome.subscribe()
    }

    /// Compresses what is in it. It can be sent after this, not appended to.
    pub(crate) fn close(
        self,
        id: u64,
        key: PartitionKey,
    ) -> std::result::Result<Batch, (Fate, Error)> {
        let fate = Fate { outcome: self.outcome, memory: self.memory };
        let count = self.builder.record_count();
        match self.builder.finish() {
            Ok(bytes) => Ok(Batch {
                id,
                key,
                bytes: bytes.freeze(),
                count,
                base_sequence: -1,
                attempts: 0,
                was_first: false,
                created: self.created,
                fate,
            }),
            Err(error) => {
                let what = format!("cannot build a batch for {}-{}", key.0, key.1);
                Err((fate, Error::invalid(what, error.to_string())))
            }
        }
    }

    pub(crate) fn into_fate(self) -> Fate {
        Fate { outcome: self.outcome, memory: self.memory }
    }
}

/// Who waits for a batch, and what memory it holds.
#[derive(Debug)]
pub(crate) struct Fate {
    outcome: watch::Sender<Outcome>,
    memory: usize,
}

impl Fate {
    /// Tells everybody who waits. Gives the memory back to return to the pool.
    pub(crate) fn settle(self, outcome: Result<Placed>) -> usize {
        // Nobody may be waiting; the last word is kept for whoever asks later.
        self.outcome.send_replace(Some(outcome));
        self.memory
    }
}

/// A closed batch.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) id: u64,
    pub(crate) key: PartitionKey,
    bytes: Bytes,
    pub(crate) count: i32,
    /// −1 before the first attempt, and without idempotence.
    pub(crate) base_sequence: i32,
    pub(crate) attempts: u32,
    /// Whether it was the oldest unanswered batch of its partition when it was last sent.
    pub(crate) was_first: bool,
    pub(crate) created: Instant,
    pub(crate) fate: Fate,
}

impl Batch {
    /// The batch as this producer's.
    pub(crate) fn stamped(&mut self, producer_id: ProducerId, producer_epoch: i16) -> Bytes {
        if producer_id.is_some() {
            let bytes = std::mem::take(&mut self.bytes);
            let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
            set_producer(&mut bytes, producer_id, producer_epoch, self.base_sequence);
            self.bytes = bytes.freeze();
        }
        self.bytes.clone()
    }

    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// A record that was accepted: wait for it to learn where it was written.
#[derive(Clone, Debug)]
pub struct Delivery {
    outcome: watch::Receiver<Outcome>,
    topic: Arc<str>,
    pub(crate) partition: i32,
    index: i32,
}

impl Delivery {
    /// Waits until the cluster has the record as `acks` asks, or it failed for good.
    ///
    /// Cancel safe: waiting again is possible with a clone.
    pub async fn wait(mut self) -> Result<Delivered> {
        let placed = wait_for(&mut self.outcome).await?;
        let offset = match placed.base_offset {
            base if base >= 0 => Offset(base).plus(i64::from(self.index)),
            _ => Offset::NONE,
        };
        Ok(Delivered {
            topic: self.topic,
            partition: self.partition,
            offset,
            log_append_time: placed.log_append_time,
        })
    }
}

impl IntoFuture for Delivery {
    type Output = Result<Delivered>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

/// Waits for one batch.
pub(crate) async fn wait_for(outcome: &mut watch::Receiver<Outcome>) -> Result<Placed> {
    match outcome.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(Error::closed("cannot produce"))),
        Err(_) => Err(Error::closed("cannot produce")),
    }
}

/// The sequence number `count` after `sequence`: they wrap from the largest to 0.
pub(crate) const fn sequence_after(sequence: i32, count: i32) -> i32 {
    // Both are at least 0, so the sum's sign bit says that it went past the largest.
    sequence.wrapping_add(count) & i32::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero_behind_the_largest() {
        assert_eq!(sequence_after(5, 3), 8);
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
    }

    #[test]
    fn a_batch_is_stamped_again_without_losing_its_records() {
        let mut open = OpenBatch::new(BuilderOptions::default(), Instant::now());
        open.append(&Record::to("a").value("1"), 1).unwrap();
        let mut batch = open.close(1, ("a".into(), 0)).unwrap();
        for (id, sequence) in [(7, 0), (8, 5)] {
            batch.base_sequence = sequence;
            let bytes = batch.stamped(ProducerId(id), 3);
            let (header, records) = ottla_record::decode_batch(&bytes, 1 << 20).unwrap();
            assert_eq!(header.producer_id, ProducerId(id));
            assert_eq!((header.producer_epoch, header.base_sequence), (3, sequence));
            assert_eq!(records.len(), 1);
        }
    }
}
