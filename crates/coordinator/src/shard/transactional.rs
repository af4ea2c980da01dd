//! `TxnOffsetCommit`, and the ends of transactions.
//!
//! Kafka: `OffsetMetadataManager.commitTransactionalOffset`, `replayEndTransactionMarker`.

use ottla_types::{ErrorCode, LeaderEpoch, Offset, ProducerId};
use ottla_wire::{
    Str,
    txn_offset_commit_request::{TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition},
    txn_offset_commit_response::{
        TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
    },
};

use super::{AppendKind, Call, Effects, GroupShard, Reply, Then, WaiterId};
use crate::{
    answer::refusal,
    classic::ClassicGroup,
    record::{GroupRecord, OffsetAndMetadata, OffsetKey},
};

impl GroupShard {
    /// `TxnOffsetCommit`, once the transaction coordinator has this shard's partition in the
    /// transaction. Each topic comes with its name and, where it is known, its id, in every
    /// version; topics that do not exist are left out by the caller.
    pub fn commit_transactional_offsets(
        &mut self,
        call: &Call<'_>,
        request: &TxnOffsetCommitRequest,
        effects: &mut Effects,
    ) {
        let group_id = match self.admit_transactional_commit(request) {
            Ok(group_id) => group_id,
            Err(code) => {
                let refused = refusal::txn_offset_commit(request, code);
                return effects.reply(call.waiter, Reply::TxnOffsetCommit(refused));
            }
        };
        let is_simple = !self.groups.contains_key(&group_id);
        if is_simple {
            self.groups.insert(group_id.clone(), ClassicGroup::new(group_id.clone(), call.now_ms));
        }
        let mut records = Vec::new();
        let mut response = TxnOffsetCommitResponse::default();
        for topic in &request.topics {
            let name = topic.name.detached();
            let partitions = topic.partitions.iter().map(|partition| {
                let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
                let code = if self.is_metadata_too_large(metadata) {
                    ErrorCode::OffsetMetadataTooLarge
                } else {
                    let key = OffsetKey {
                        group_id: group_id.clone(),
                        topic: name.clone(),
                        partition: partition.partition_index,
                    };
                    let mut value = committed(call.now_ms, partition);
                    value.topic_id = topic.topic_id;
                    records.push(GroupRecord::Offset { key, value: Some(value) });
                    ErrorCode::None
                };
                TxnOffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: code.code(),
                }
            });
            response.topics.push(TxnOffsetCommitResponseTopic {
                partitions: partitions.collect(),
                name: topic.name.clone(),
                topic_id: topic.topic_id,
            });
        }
        let reply = Reply::TxnOffsetCommit(response);
        let mut then = vec![Then::Answer { waiter: call.waiter, reply }];
        if is_simple {
            then.push(Then::SimpleGroupCreated { group_id });
        }
        let kind = AppendKind::Transactional {
            producer_id: ProducerId(request.producer_id),
            producer_epoch: request.producer_epoch,
        };
        self.append_as(call.now_ms, kind, (records, then), effects);
    }

    /// Whether a commit is allowed; if so, the group's id.
    fn admit_transactional_commit(
        &self,
        request: &TxnOffsetCommitRequest,
    ) -> Result<Str, ErrorCode> {
        let Some(group) = self.groups.get(&request.group_id) else {
            return match request.generation_id_or_member_epoch {
                i32::MIN..0 => Ok(request.group_id.detached()),
                _ => Err(ErrorCode::IllegalGeneration),
            };
        };
        group.validate_transactional_commit(
            &request.member_id,
            request.group_instance_id.as_ref(),
            request.generation_id_or_member_epoch,
        )?;
        Ok(group.group_id().clone())
    }

    /// Ends a producer's transaction: asks for its marker, and answers with
    /// [`Reply::EndTransaction`] when its offsets are visible, or gone.
    pub fn end_transaction(
        &mut self,
        waiter: WaiterId,
        producer_id: ProducerId,
        is_committed: bool,
        effects: &mut Effects,
    ) {
        let reply = Reply::EndTransaction(ErrorCode::None);
        self.append_end((producer_id, is_committed), Then::Answer { waiter, reply }, effects);
    }
}

fn committed(now_ms: i64, partition: &TxnOffsetCommitRequestPartition) -> OffsetAndMetadata {
    OffsetAndMetadata {
        committed_offset: Offset(partition.committed_offset),
        leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
        metadata: partition.committed_metadata.as_ref().map(Str::detached).unwrap_or_default(),
        commit_timestamp_ms: now_ms,
        topic_id: ottla_types::Uuid::ZERO,
        expire_timestamp_ms: None,
    }
}
