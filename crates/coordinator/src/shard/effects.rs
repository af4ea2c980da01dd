//! What goes into a shard beside requests, and what comes out of it.

use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::{
    Str, delete_groups_response::DeleteGroupsResponse, heartbeat_response::HeartbeatResponse,
    join_group_response::JoinGroupResponse, leave_group_response::LeaveGroupResponse,
    offset_commit_response::OffsetCommitResponse, offset_delete_response::OffsetDeleteResponse,
    offset_fetch_response::OffsetFetchResponseGroup, sync_group_response::SyncGroupResponse,
    txn_offset_commit_response::TxnOffsetCommitResponse,
};

use super::GroupNote;
use crate::{AppendToken, CoordinatorRecord};

/// Names the request that a reply answers. Its caller chooses it, and never twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub u64);

/// Who asks, when, and in which version.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The wall clock in milliseconds.
    pub now_ms: i64,
    /// Where the reply goes.
    pub waiter: WaiterId,
    /// The version of the request, and so of the reply.
    pub version: i16,
    /// The client id of the request header; empty where the header has none.
    pub client_id: &'a str,
    /// The client's address as Kafka shows it, as in `/127.0.0.1`.
    pub client_host: &'a str,
}

/// The limits and times of the coordinator, by the names of Kafka's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`.
    pub session_timeout_ms_min: i32,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_ms_max: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`.
    pub group_size_max: i32,
    /// `offset.metadata.max.bytes`, in UTF-16 units as Kafka counts them.
    pub offset_metadata_max: i32,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// How long a member that joins for the first time may wait for its reply.
    pub new_member_join_timeout_ms: i32,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            group_size_max: i32::MAX,
            offset_metadata_max: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            offsets_retention_check_interval_ms: 600_000,
            new_member_join_timeout_ms: 300_000,
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To `JoinGroup`.
    JoinGroup(JoinGroupResponse),
    /// To `SyncGroup`.
    SyncGroup(SyncGroupResponse),
    /// To `Heartbeat`.
    Heartbeat(HeartbeatResponse),
    /// To `LeaveGroup`.
    LeaveGroup(LeaveGroupResponse),
    /// To `OffsetCommit`.
    OffsetCommit(OffsetCommitResponse),
    /// To `OffsetFetch`, for one group: see [`crate::offset_fetch`].
    OffsetFetch(OffsetFetchResponseGroup),
    /// To `DeleteGroups`, for the groups of this shard.
    DeleteGroups(DeleteGroupsResponse),
    /// To `OffsetDelete`.
    OffsetDelete(OffsetDeleteResponse),
    /// To `TxnOffsetCommit`.
    TxnOffsetCommit(TxnOffsetCommitResponse),
    /// To the end of a transaction.
    EndTransaction(ErrorCode),
}

impl Reply {
    /// The reply in case its records could not be written: `code` in each place that had success.
    pub(crate) fn failed(self, error: ErrorCode) -> Self {
        let code = error.code();
        match self {
            Self::TxnOffsetCommit(mut response) => {
                let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                partitions.for_each(|partition| partition.error_code = code);
                Self::TxnOffsetCommit(response)
            }
            Self::EndTransaction(_) => Self::EndTransaction(error),
            Self::JoinGroup(_) => {
                Self::JoinGroup(JoinGroupResponse { error_code: code, ..Default::default() })
            }
            Self::SyncGroup(_) => {
                Self::SyncGroup(SyncGroupResponse { error_code: code, ..Default::default() })
            }
            Self::Heartbeat(_) => {
                Self::Heartbeat(HeartbeatResponse { error_code: code, ..Default::default() })
            }
            Self::LeaveGroup(_) => {
                Self::LeaveGroup(LeaveGroupResponse { error_code: code, ..Default::default() })
            }
            Self::OffsetCommit(mut response) => {
                let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                partitions.for_each(|partition| partition.error_code = code);
                Self::OffsetCommit(response)
            }
            Self::OffsetFetch(group) => Self::OffsetFetch(OffsetFetchResponseGroup {
                group_id: group.group_id,
                topics: Vec::new(),
                error_code: code,
            }),
            Self::DeleteGroups(mut response) => {
                response.results.iter_mut().for_each(|result| result.error_code = code);
                Self::DeleteGroups(response)
            }
            Self::OffsetDelete(_) => {
                Self::OffsetDelete(OffsetDeleteResponse { error_code: code, ..Default::default() })
            }
        }
    }
}

/// Something to be written as one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Names the append when its outcome is reported.
    pub token: AppendToken,
    /// What sort of batch.
    pub kind: AppendKind,
    /// The records: at least one, but for a marker.
    pub records: Vec<CoordinatorRecord>,
}

/// What sort of batch an append is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendKind {
    /// Records outside of transactions.
    Plain,
    /// Records in a transaction.
    Transactional {
        /// Of this producer.
        producer_id: ProducerId,
        /// In this epoch.
        producer_epoch: i16,
    },
    /// The marker that ends a transaction; its caller has it.
    EndTransaction {
        /// Whose transaction it is.
        producer_id: ProducerId,
    },
}

impl AppendKind {
    /// Whose records these are.
    pub(crate) fn producer_id(self) -> ProducerId {
        match self {
            Self::Transactional { producer_id, .. } => producer_id,
            Self::Plain | Self::EndTransaction { .. } => ProducerId::NONE,
        }
    }
}

/// What a call asks its caller to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// To be sent at once.
    pub replies: Vec<(WaiterId, Reply)>,
    /// To be written, in this order.
    pub appends: Vec<Append>,
    /// What happened, for whoever keeps a history.
    pub notes: Vec<GroupNote>,
    /// Groups with offsets that the end of a transaction committed.
    pub committed_groups: Vec<Str>,
}

impl Effects {
    pub(crate) fn reply(&mut self, waiter: WaiterId, reply: Reply) {
        self.replies.push((waiter, reply));
    }
}

/// A copy of a name that does not keep the request's frame in memory.
pub(crate) fn detached(name: Option<&Str>) -> Option<Str> {
    name.map(Str::detached)
}
