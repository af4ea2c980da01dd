//! The control batch that ends a transaction in one partition.
//!
//! Invariant: what [`EndMarker::batch`] makes is what [`super::TxnMarker::read`] reads.
//! Kafka: `EndTransactionMarker`, `MemoryRecords.withEndTransactionMarker`.

use bytes::BytesMut;
use ottla_record::{BatchBuilder, BatchError, BuilderOptions, TimestampType};
use ottla_types::ProducerId;

/// The version of a marker's key and of its value.
const VERSION: i16 = 0;

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnResult {
    /// Its records are to be read.
    Commit,
    /// Its records are to be skipped.
    Abort,
}

/// The end of a producer's transaction, as the transaction coordinator decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndMarker {
    /// Whose transaction it is.
    pub producer_id: ProducerId,
    /// The epoch the marker is written with.
    pub producer_epoch: i16,
    /// The epoch of the coordinator.
    pub coordinator_epoch: i32,
    /// How the transaction ends.
    pub result: TxnResult,
    /// `transaction.version` of the transaction.
    pub transaction_version: i16,
}

impl EndMarker {
    /// The batch to append. Its timestamp is that of a client's record or, where the topic says
    /// so, of the log.
    pub fn batch(
        &self,
        timestamp_type: TimestampType,
        now_ms: i64,
    ) -> Result<BytesMut, BatchError> {
        let mut builder = BatchBuilder::new(BuilderOptions {
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            transactional: true,
            control: true,
            timestamp_type,
            log_append_time: now_ms,
            ..BuilderOptions::default()
        });
        let kind: i16 = match self.result {
            TxnResult::Abort => 0,
            TxnResult::Commit => 1,
        };
        let [[v0, v1], [k0, k1]] = [VERSION, kind].map(i16::to_be_bytes);
        let [e0, e1, e2, e3] = self.coordinator_epoch.to_be_bytes();
        let (key, value) = ([v0, v1, k0, k1], [v0, v1, e0, e1, e2, e3]);
        builder.append_parts(now_ms, Some(&key), Some(&value), std::iter::empty())?;
        builder.finish()
    }
}
