//! Transaction markers: the control batches that end a transaction in its partitions.
//!
//! A partition of `__consumer_offsets` also shows or forgets the offsets that the transaction
//! committed there. Kafka: `KafkaApis.handleWriteTxnMarkersRequest`, `EndTransactionMarker`.
#![expect(dead_code, reason = "who writes markers and who has them written come next")]

use std::sync::Arc;

use ottla_types::{ErrorCode, LeaderEpoch, Offset, ProducerId, TopicPartition};

use crate::{
    broker::Shared,
    partition::{Partition, WaitFor},
};

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransactionResult {
    /// Its records are seen.
    Commit,
    /// Its records are passed over.
    Abort,
}

/// The end of one producer's transaction in some partitions.
#[derive(Clone, Debug)]
pub(crate) struct MarkerEntry {
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: i16,
    /// The leader epoch of the coordinator's partition of `__transaction_state`.
    pub(crate) coordinator_epoch: LeaderEpoch,
    pub(crate) result: TransactionResult,
    /// 2 where the epoch is one above that of the transaction's records, else 0.
    pub(crate) transaction_version: i16,
    pub(crate) partitions: Vec<TopicPartition>,
}

/// A marker that is in the log and may not be safe yet.
#[derive(Debug)]
pub(crate) struct Unsettled {
    pub(crate) partition: Arc<Partition>,
    pub(crate) last_offset: Offset,
    pub(crate) wait_for: WaitFor,
}

impl Unsettled {
    /// Returns once the marker is safe, or never will be.
    pub(crate) async fn settle(&self) -> Result<(), ErrorCode> {
        self.partition.wait(self.last_offset, self.wait_for).await
    }
}

/// Writes a marker to each partition of `entry`: what has to be waited for, if anything, or why
/// there is no marker.
pub(crate) fn write(
    _shared: &Arc<Shared>,
    entry: &MarkerEntry,
) -> Vec<(TopicPartition, Result<Option<Unsettled>, ErrorCode>)> {
    // Nothing lets a transaction begin yet, so there is none to end.
    let refused = |partition: &TopicPartition| (partition.clone(), Err(ErrorCode::InvalidTxnState));
    entry.partitions.iter().map(refused).collect()
}
