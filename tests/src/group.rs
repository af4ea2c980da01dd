//! Requests of a group's members, for tests that want answers.

use bytes::Bytes;
use ottla_wire::{
    Str,
    heartbeat_request::HeartbeatRequest,
    join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol},
    join_group_response::JoinGroupResponse,
    leave_group_request::{LeaveGroupRequest, MemberIdentity},
    offset_commit_request::{
        OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    },
    offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    offset_fetch_response::OffsetFetchResponsePartitions,
    sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment},
};

use crate::client::Client;

/// The version of JoinGroup that the tests speak.
pub const JOIN_VERSION: i16 = 7;
/// The version of SyncGroup that the tests speak.
pub const SYNC_VERSION: i16 = 5;

/// A JoinGroup of a member with this id, or of a new one with none.
pub fn joining(group: &str, member_id: &str, session_timeout_ms: i32) -> JoinGroupRequest {
    let protocol =
        JoinGroupRequestProtocol { name: Str::from("range"), metadata: Bytes::from_static(b"m") };
    JoinGroupRequest {
        group_id: Str::from(group),
        session_timeout_ms,
        rebalance_timeout_ms: 30_000,
        member_id: Str::from(member_id),
        protocol_type: Str::from("consumer"),
        protocols: vec![protocol],
        ..Default::default()
    }
}

/// The id that the coordinator gives a new member.
pub fn member_id(client: &mut Client, group: &str) -> Str {
    let response = client.call(JOIN_VERSION, &joining(group, "", 10_000));
    assert_eq!(response.error_code, 79, "MEMBER_ID_REQUIRED: {response:?}");
    response.member_id
}

/// Joins a new member to a group where nobody has to be waited for.
pub fn join(client: &mut Client, group: &str, session_timeout_ms: i32) -> JoinGroupResponse {
    let id = member_id(client, group);
    let response = client.call(JOIN_VERSION, &joining(group, &id, session_timeout_ms));
    assert_eq!(response.error_code, 0, "{response:?}");
    response
}

/// A SyncGroup; the leader's brings what every member gets.
pub fn syncing(
    group: &str,
    joined: &JoinGroupResponse,
    assignments: &[(&str, &str)],
) -> SyncGroupRequest {
    let assignments =
        assignments.iter().map(|&(member_id, assignment)| SyncGroupRequestAssignment {
            member_id: Str::from(member_id),
            assignment: Bytes::copy_from_slice(assignment.as_bytes()),
        });
    SyncGroupRequest {
        group_id: Str::from(group),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: Some(Str::from("consumer")),
        protocol_name: joined.protocol_name.clone(),
        assignments: assignments.collect(),
        ..Default::default()
    }
}

/// A Heartbeat.
pub fn beating(group: &str, joined: &JoinGroupResponse) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: Str::from(group),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..Default::default()
    }
}

/// A LeaveGroup of one member.
pub fn leaving(group: &str, member_id: &Str) -> LeaveGroupRequest {
    let member = MemberIdentity { member_id: member_id.clone(), ..Default::default() };
    LeaveGroupRequest { group_id: Str::from(group), members: vec![member], ..Default::default() }
}

/// An OffsetCommit of one partition by somebody who is no member, or by a member.
pub fn committing(
    group: &str,
    topic: &str,
    partition: i32,
    (offset, metadata): (i64, &str),
) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index: partition,
        committed_offset: offset,
        committed_leader_epoch: 0,
        committed_metadata: Some(Str::from(metadata)),
    };
    OffsetCommitRequest {
        group_id: Str::from(group),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: Str::from(topic),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Commits an offset for a group without members; gives the error code.
pub fn commit(
    client: &mut Client,
    group: &str,
    topic: &str,
    partition: i32,
    offset: (i64, &str),
) -> i16 {
    let response = client.call(8, &committing(group, topic, partition, offset));
    response.topics[0].partitions[0].error_code
}

/// What is committed for a partition.
pub fn committed(
    client: &mut Client,
    group: &str,
    topic: &str,
    partition: i32,
) -> OffsetFetchResponsePartitions {
    let found = try_committed(client, group, topic, partition);
    found.unwrap_or_else(|code| panic!("the offsets of {group} cannot be fetched: {code}"))
}

/// The same, or the group's error code.
pub fn try_committed(
    client: &mut Client,
    group: &str,
    topic: &str,
    partition: i32,
) -> Result<OffsetFetchResponsePartitions, i16> {
    let wanted = OffsetFetchRequestTopics {
        name: Str::from(topic),
        partition_indexes: vec![partition],
        ..Default::default()
    };
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: Str::from(group),
            topics: Some(vec![wanted]),
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut response = client.call(8, &request);
    let mut found = response.groups.remove(0);
    if found.error_code != 0 {
        return Err(found.error_code);
    }
    Ok(found.topics.remove(0).partitions.remove(0))
}
