//! Offsets that are committed in transactions, and the ends of those.
//!
//! The transaction coordinator is asked before the shard is, so that no shard waits for it; the
//! guard of that question goes with the batch. Lock order: the coordinator's shard writes its
//! markers while it is locked, so nothing here asks it under a lock.
//! Kafka: `CoordinatorRuntime.scheduleTransactionalWriteOperation`,
//! `GroupCoordinatorService.completeTransaction`.

use std::sync::Arc;

use ottla_config::keys;
use ottla_coordinator::Reply;
use ottla_log::{EndMarker, FirstBatch, TxnResult, Verification};
use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::messages::TxnOffsetCommitRequest;
use tokio::sync::oneshot;

use super::{Aside, Groups, Shard};
use crate::{
    api::Context,
    broker::Shared,
    clock::now_ms,
    transactions::{TransactionalProducer, Verify},
};

/// The first version of TxnOffsetCommit whose clients understand TRANSACTION_ABORTABLE.
const ABORTABLE_VERSION: i16 = 4;

/// The first version whose clients leave it to the broker to add the group to the transaction.
const ADD_VERSION: i16 = 5;

/// How often a transaction may end between the coordinator's answer and the look at the guard.
const ROUNDS_MAX: usize = 3;

impl Groups {
    /// Commits offsets in a transaction.
    pub(crate) async fn commit_in_transaction(
        &self,
        ctx: &Context,
        request: TxnOffsetCommitRequest,
    ) -> Result<Reply, ErrorCode> {
        let shard = self.shards.loaded_of(&request.group_id).await?;
        let verification = verify(ctx, &shard, &request).await?;
        let aside = Aside::Verified(verification);
        self.call_on(ctx, &shard, aside, move |shard, call, effects| {
            shard.commit_transactional_offsets(call, &request, effects);
        })
        .await
    }

    /// Writes a transaction's marker into a partition of `__consumer_offsets`; the transaction ends
    /// for the groups there when the marker is safe, and then that is told.
    pub(crate) fn end_transaction(
        &self,
        shared: &Arc<Shared>,
        partition: i32,
        marker: &EndMarker,
    ) -> oneshot::Receiver<ErrorCode> {
        let (sender, receiver) = oneshot::channel();
        match self.shards.at(partition) {
            Ok(shard) if shard.loading.is_done() => self.end_on(shared, &shard, *marker, sender),
            Ok(shard) => {
                let (task_shared, marker) = (Arc::clone(shared), *marker);
                shared.spawn(async move {
                    if shard.loading.wait().await.is_ok() {
                        task_shared.groups.end_on(&task_shared, &shard, marker, sender);
                    } else {
                        let _gone = sender.send(ErrorCode::NotLeaderOrFollower);
                    }
                });
            }
            Err(_) => {
                let _gone = sender.send(ErrorCode::NotLeaderOrFollower);
            }
        }
        receiver
    }

    fn end_on(
        &self,
        shared: &Arc<Shared>,
        shard: &Arc<Shard>,
        marker: EndMarker,
        sender: oneshot::Sender<ErrorCode>,
    ) {
        let waiter = self.shards.new_waiter();
        let is_committed = marker.result == TxnResult::Commit;
        self.run_with(shared, shard, Aside::Marker(marker), |state, effects| {
            state.enders.insert(waiter, sender);
            state.shard.end_transaction(waiter, marker.producer_id, is_committed, effects);
        });
    }
}

/// Whether the transaction has the shard's partition, or takes it in.
async fn verify(
    ctx: &Context,
    shard: &Shard,
    request: &TxnOffsetCommitRequest,
) -> Result<Verification, ErrorCode> {
    let adds = ctx.version >= ADD_VERSION;
    if !adds && !ctx.shared.config().get(&keys::TRANSACTION_PARTITION_VERIFICATION_ENABLE) {
        return Ok(Verification::Off);
    }
    let first = FirstBatch {
        producer_id: ProducerId(request.producer_id),
        producer_epoch: request.producer_epoch,
        base_sequence: -1,
        bumps_epoch: adds,
    };
    let producer = TransactionalProducer {
        transactional_id: &request.transactional_id,
        producer_id: first.producer_id,
        producer_epoch: first.producer_epoch,
    };
    let mode = if adds { Verify::Add } else { Verify::Only };
    let (transactions, place) =
        (&ctx.shared.transactions, std::slice::from_ref(&shard.partition.topic_partition));
    for _ in 0..ROUNDS_MAX {
        // Each round takes a guard before it looks whether the transaction has the partition.
        let Some(guard) = shard.partition.begin_verification(&first, now_ms()) else {
            return Ok(Verification::None);
        };
        if transactions.is_part(producer, &shard.partition.topic_partition) {
            return Ok(Verification::Guard(guard));
        }
        let answers = transactions.verify(&ctx.shared, producer, place, mode).await;
        match answers.first().map_or(ErrorCode::None, |(_, code)| *code) {
            ErrorCode::None => {}
            ErrorCode::ProducerFenced => return Err(ErrorCode::InvalidProducerEpoch),
            ErrorCode::TransactionAbortable if ctx.version < ABORTABLE_VERSION => {
                return Err(ErrorCode::InvalidTxnState);
            }
            code => return Err(code),
        }
    }
    // The transaction has ended in every round: it is for the client to begin anew.
    Err(ErrorCode::ConcurrentTransactions)
}
