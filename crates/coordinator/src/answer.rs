//! Replies that need no group: refusals, and the shapes of `OffsetFetch`.
//!
//! Kafka: the `getErrorResponse` of each request, `OffsetFetchResponse.Builder`.

use ottla_types::ErrorCode;

/// What a client is told when the log refuses a record of its group.
pub(crate) fn append_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge
        | ErrorCode::RecordListTooLarge
        | ErrorCode::InvalidFetchSize => ErrorCode::UnknownServerError,
        ErrorCode::NetworkException => ErrorCode::CoordinatorLoadInProgress,
        other => other,
    }
}

/// Replies in place of a shard: while it is loading, or where this broker does not lead it.
pub mod refusal {
    use ottla_types::ErrorCode;
    use ottla_wire::{
        Str,
        delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse},
        describe_groups_response::DescribedGroup,
        heartbeat_response::HeartbeatResponse,
        join_group_request::JoinGroupRequest,
        join_group_response::JoinGroupResponse,
        leave_group_response::LeaveGroupResponse,
        offset_commit_request::OffsetCommitRequest,
        offset_commit_response::{
            OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
        },
        offset_delete_response::OffsetDeleteResponse,
        sync_group_response::SyncGroupResponse,
        txn_offset_commit_request::TxnOffsetCommitRequest,
        txn_offset_commit_response::{
            TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
        },
    };

    /// To a `JoinGroup` of this version, which gets its member id back.
    pub fn join_group(
        request: &JoinGroupRequest,
        version: i16,
        code: ErrorCode,
    ) -> JoinGroupResponse {
        refused_join(&request.member_id, version, code)
    }

    pub(crate) fn refused_join(
        member_id: &Str,
        version: i16,
        code: ErrorCode,
    ) -> JoinGroupResponse {
        JoinGroupResponse {
            error_code: code.code(),
            member_id: member_id.clone(),
            // Versions before 7 know no null here.
            protocol_name: (version < 7).then(Str::default),
            ..Default::default()
        }
    }

    /// To a `SyncGroup`.
    pub fn sync_group(code: ErrorCode) -> SyncGroupResponse {
        SyncGroupResponse { error_code: code.code(), ..Default::default() }
    }

    /// To a `Heartbeat`. While the coordinator loads, a member is not to be bothered.
    pub fn heartbeat(code: ErrorCode) -> HeartbeatResponse {
        let code = match code {
            ErrorCode::CoordinatorLoadInProgress => ErrorCode::None,
            other => other,
        };
        HeartbeatResponse { error_code: code.code(), ..Default::default() }
    }

    /// To a `LeaveGroup`.
    pub fn leave_group(code: ErrorCode) -> LeaveGroupResponse {
        LeaveGroupResponse { error_code: code.code(), ..Default::default() }
    }

    /// To an `OffsetCommit`, which has no place for an error but its partitions.
    pub fn offset_commit(request: &OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse {
        let topics = request.topics.iter().map(|topic| OffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|partition| OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: code.code(),
                })
                .collect(),
        });
        OffsetCommitResponse { topics: topics.collect(), ..Default::default() }
    }

    /// To a `TxnOffsetCommit`, which has no place for an error but its partitions.
    pub fn txn_offset_commit(
        request: &TxnOffsetCommitRequest,
        code: ErrorCode,
    ) -> TxnOffsetCommitResponse {
        let topics = request.topics.iter().map(|topic| TxnOffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|partition| TxnOffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: code.code(),
                })
                .collect(),
        });
        TxnOffsetCommitResponse { topics: topics.collect(), ..Default::default() }
    }

    /// To an `OffsetDelete`.
    pub fn offset_delete(code: ErrorCode) -> OffsetDeleteResponse {
        OffsetDeleteResponse { error_code: code.code(), ..Default::default() }
    }

    /// One group of a `DescribeGroups`.
    pub fn described_group(group_id: &Str, code: ErrorCode) -> DescribedGroup {
        DescribedGroup { group_id: group_id.clone(), error_code: code.code(), ..Default::default() }
    }

    /// To a `DeleteGroups`, for these groups.
    pub fn delete_groups(group_ids: &[Str], code: ErrorCode) -> DeleteGroupsResponse {
        let results = group_ids.iter().map(|group_id| DeletableGroupResult {
            group_id: group_id.clone(),
            error_code: code.code(),
            error_message: None,
        });
        DeleteGroupsResponse { results: results.collect(), ..Default::default() }
    }
}

/// `OffsetFetch` in all its versions, seen as one or more groups in the shape of version 8.
pub mod offset_fetch {
    use ottla_types::{ErrorCode, Uuid};
    use ottla_wire::{
        Str,
        offset_fetch_request::{
            OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
        },
        offset_fetch_response::{
            OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
            OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
        },
    };

    /// The groups that a request asks for: one up to version 7.
    pub fn groups(request: &OffsetFetchRequest, version: i16) -> Vec<OffsetFetchRequestGroup> {
        if version >= 8 {
            return request.groups.clone();
        }
        let topics = request.topics.as_ref().map(|topics| {
            let topics = topics.iter().map(|topic| OffsetFetchRequestTopics {
                name: topic.name.clone(),
                topic_id: Uuid::ZERO,
                partition_indexes: topic.partition_indexes.clone(),
            });
            topics.collect()
        });
        vec![OffsetFetchRequestGroup {
            group_id: request.group_id.clone(),
            topics,
            ..Default::default()
        }]
    }

    /// The response that holds what the shards answered.
    pub fn response(groups: Vec<OffsetFetchResponseGroup>, version: i16) -> OffsetFetchResponse {
        if version >= 8 {
            return OffsetFetchResponse { groups, ..Default::default() };
        }
        let Some(group) = groups.into_iter().next() else { return OffsetFetchResponse::default() };
        let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
            name: topic.name,
            partitions: topic.partitions.into_iter().map(single_group_partition).collect(),
        });
        OffsetFetchResponse {
            topics: topics.collect(),
            error_code: group.error_code,
            ..Default::default()
        }
    }

    /// An error for a whole group. Version 1 has no place for it but the partitions.
    pub fn refused_group(
        group: &OffsetFetchRequestGroup,
        code: ErrorCode,
        version: i16,
    ) -> OffsetFetchResponseGroup {
        let group_id = group.group_id.clone();
        if version >= 2 {
            return OffsetFetchResponseGroup {
                group_id,
                error_code: code.code(),
                topics: Vec::new(),
            };
        }
        let topics = group.topics.iter().flatten().map(|topic| refused_topic(topic, code));
        OffsetFetchResponseGroup { group_id, topics: topics.collect(), error_code: 0 }
    }

    /// An error for all partitions of a topic.
    pub fn refused_topic(
        topic: &OffsetFetchRequestTopics,
        code: ErrorCode,
    ) -> OffsetFetchResponseTopics {
        OffsetFetchResponseTopics {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic
                .partition_indexes
                .iter()
                .map(|&partition_index| no_offset(partition_index, code))
                .collect(),
        }
    }

    /// A partition without an offset.
    pub(crate) fn no_offset(
        partition_index: i32,
        code: ErrorCode,
    ) -> OffsetFetchResponsePartitions {
        OffsetFetchResponsePartitions {
            partition_index,
            committed_offset: -1,
            committed_leader_epoch: -1,
            metadata: Some(Str::default()),
            error_code: code.code(),
        }
    }

    fn single_group_partition(
        partition: OffsetFetchResponsePartitions,
    ) -> OffsetFetchResponsePartition {
        OffsetFetchResponsePartition {
            partition_index: partition.partition_index,
            committed_offset: partition.committed_offset,
            committed_leader_epoch: partition.committed_leader_epoch,
            metadata: partition.metadata,
            error_code: partition.error_code,
        }
    }
}
