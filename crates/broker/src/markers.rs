//! Transaction markers: the control batches that end a transaction in its partitions.
//!
//! A partition of `__consumer_offsets` also shows or forgets the offsets that the transaction
//! committed there. Invariant: once a marker has settled it survives what an acknowledged record
//! survives, and whoever asks later finds the transaction ended.
//! Kafka: `KafkaApis.handleWriteTxnMarkersRequest`, `EndTransactionMarker`.

use std::sync::Arc;

use ottla_coordinator::TransactionResult;
use ottla_log::{EndMarker, TxnResult};
use ottla_types::{ErrorCode, LeaderEpoch, Offset, ProducerId, TopicName, TopicPartition};
use tokio::sync::oneshot;

use crate::{
    broker::Shared,
    clock::now_ms,
    flusher::Gathering,
    partition::{Partition, WaitFor},
};

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
pub(crate) enum Unsettled {
    /// In a log alone.
    InLog {
        /// Where.
        partition: Arc<Partition>,
        /// Its offset.
        last_offset: Offset,
        /// What it takes for it to be safe.
        wait_for: WaitFor,
    },
    /// In the log of groups, which end the transaction and say when.
    InGroups(oneshot::Receiver<ErrorCode>),
}

impl Unsettled {
    /// Nothing where the marker is safe already, why it never will be, or what is to be waited for.
    pub(crate) fn try_settle(self) -> Result<Option<Self>, ErrorCode> {
        let Self::InGroups(mut done) = self else { return Ok(Some(self)) };
        match done.try_recv() {
            Ok(ErrorCode::None) => Ok(None),
            Ok(code) => Err(code),
            Err(oneshot::error::TryRecvError::Empty) => Ok(Some(Self::InGroups(done))),
            Err(oneshot::error::TryRecvError::Closed) => Err(ErrorCode::NotCoordinator),
        }
    }

    /// Returns once the marker is safe, or never will be.
    pub(crate) async fn settle(self) -> Result<(), ErrorCode> {
        match self {
            Self::InLog { partition, last_offset, wait_for } => {
                partition.wait(last_offset, wait_for).await
            }
            Self::InGroups(done) => match done.await {
                Ok(ErrorCode::None) => Ok(()),
                Ok(code) => Err(code),
                Err(_dropped) => Err(ErrorCode::NotCoordinator),
            },
        }
    }
}

/// Writes a marker to each partition of `entry`: what has to be waited for, if anything, or why
/// there is no marker.
pub(crate) fn write(
    shared: &Arc<Shared>,
    entry: &MarkerEntry,
) -> Vec<(TopicPartition, Result<Option<Unsettled>, ErrorCode>)> {
    let marker = EndMarker {
        producer_id: entry.producer_id,
        producer_epoch: entry.producer_epoch,
        coordinator_epoch: entry.coordinator_epoch.get(),
        result: match entry.result {
            TransactionResult::Commit => TxnResult::Commit,
            TransactionResult::Abort => TxnResult::Abort,
        },
        transaction_version: entry.transaction_version,
    };
    let _syncs = Gathering::begin();
    let partitions = entry.partitions.iter();
    partitions.map(|at| (at.clone(), append(shared, at, &marker))).collect()
}

fn append(
    shared: &Arc<Shared>,
    at: &TopicPartition,
    marker: &EndMarker,
) -> Result<Option<Unsettled>, ErrorCode> {
    let hosted = shared.partitions.topic(&at.topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = hosted.partition(at.partition)?;
    if at.topic.as_str() == TopicName::CONSUMER_OFFSETS {
        let done = shared.groups.end_transaction(shared, at.partition, marker);
        return Ok(Some(Unsettled::InGroups(done)));
    }
    let appended = partition.append_end_marker(&hosted.settings(), marker, now_ms());
    let appended = appended.map_err(|refused| refused.code)?;
    let last_offset = appended.last_offset;
    Ok(appended.wait_for.map(|wait_for| Unsettled::InLog { partition, last_offset, wait_for }))
}
