//! The transaction coordinator's outer half: one shard per partition of `__transaction_state`.
//!
//! Kafka: `TransactionCoordinator`, `TransactionStateManager`, `AddPartitionsToTxnManager`.
#![expect(dead_code, clippy::unused_self, reason = "Produce and TxnOffsetCommit ask here next")]

use std::sync::Arc;

use ottla_types::{ErrorCode, ProducerId, TopicPartition};

use crate::broker::Shared;

/// A producer as it names itself in its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionalProducer<'a> {
    pub(crate) transactional_id: &'a str,
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: i16,
}

/// What is to be done about partitions that are not part of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// They are refused with TRANSACTION_ABORTABLE: the client adds partitions itself.
    Only,
    /// They are added, and a transaction begins where none is open.
    Add,
}

/// All shards.
#[derive(Debug, Default)]
pub(crate) struct Transactions {}

impl Transactions {
    /// Whether the partition is part of the producer's open transaction, as far as that is known
    /// at once and for sure. Where this is false, ask [`Transactions::verify`].
    pub(crate) fn is_part(
        &self,
        _producer: TransactionalProducer<'_>,
        _partition: &TopicPartition,
    ) -> bool {
        false
    }

    /// Whether each partition is part of the producer's open transaction; that is on the disk when
    /// this returns. An end of the last transaction that is under way is waited for, as long as
    /// `add.partitions.to.txn.retry.backoff.max.ms` says.
    #[expect(clippy::unused_async, reason = "there is nobody to wait for yet")]
    pub(crate) async fn verify(
        &self,
        _shared: &Arc<Shared>,
        _producer: TransactionalProducer<'_>,
        partitions: &[TopicPartition],
        _mode: Verify,
    ) -> Vec<(TopicPartition, ErrorCode)> {
        let refused =
            |partition: &TopicPartition| (partition.clone(), ErrorCode::InvalidProducerIdMapping);
        partitions.iter().map(refused).collect()
    }
}
