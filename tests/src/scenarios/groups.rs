//! Groups with one member, their errors, their offsets, and their administration.

use bytes::Bytes;
use ottla_types::Uuid;
use ottla_wire::{
    Str,
    delete_groups_request::DeleteGroupsRequest,
    describe_groups_request::DescribeGroupsRequest,
    heartbeat_request::HeartbeatRequest,
    join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol},
    join_group_response::JoinGroupResponse,
    leave_group_request::{LeaveGroupRequest, MemberIdentity},
    list_groups_request::ListGroupsRequest,
    offset_commit_request::{
        OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    },
    offset_delete_request::{
        OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    },
    offset_fetch_request::{
        OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic,
        OffsetFetchRequestTopics,
    },
    sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment},
};

use super::metadata::coordinators;
use crate::session::{Session, versions};

/// Makes sure that the broker has its offsets topic, without writing any of it down.
pub fn with_coordinator(session: &mut Session) {
    let length = session.entries.len();
    coordinators(session);
    session.entries.truncate(length);
}

pub fn joining(group: &str, member_id: &Str, protocols: &[&str]) -> JoinGroupRequest {
    let protocols = protocols.iter().map(|&name| JoinGroupRequestProtocol {
        name: Str::from(name),
        metadata: Bytes::from_static(b"\0\x01\0\0\0\0"),
    });
    JoinGroupRequest {
        group_id: Str::from(group),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        member_id: member_id.clone(),
        protocol_type: Str::from("consumer"),
        protocols: protocols.collect(),
        ..Default::default()
    }
}

/// Joins, with the second round where the version asks for one.
pub fn join(session: &mut Session, version: i16, request: &JoinGroupRequest) -> JoinGroupResponse {
    let response = session.call(version, request).unwrap_or_default();
    if response.error_code != 79 {
        return response;
    }
    let again = JoinGroupRequest { member_id: response.member_id, ..request.clone() };
    session.call(version, &again).unwrap_or_default()
}

pub fn syncing(group: &str, joined: &JoinGroupResponse, version: i16) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: Str::from(group),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: (version >= 5).then(|| Str::from("consumer")),
        protocol_name: (version >= 5).then(|| joined.protocol_name.clone()).flatten(),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: joined.member_id.clone(),
            assignment: Bytes::from_static(b"assigned"),
        }],
        ..Default::default()
    }
}

pub fn beating(group: &str, joined: &JoinGroupResponse) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: Str::from(group),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..Default::default()
    }
}

pub fn leaving(group: &str, member_id: &Str, version: i16) -> LeaveGroupRequest {
    let group_id = Str::from(group);
    if version < 3 {
        return LeaveGroupRequest { group_id, member_id: member_id.clone(), ..Default::default() };
    }
    let member = MemberIdentity { member_id: member_id.clone(), ..Default::default() };
    LeaveGroupRequest { group_id, members: vec![member], ..Default::default() }
}

pub fn one_member(session: &mut Session) {
    with_coordinator(session);
    for version in versions::<JoinGroupRequest>() {
        // The other requests of the group, in the versions of about the same time.
        let group = format!("one-{version}");
        session.note("joins");
        let joined =
            join(session, version, &joining(&group, &Str::default(), &["range", "roundrobin"]));
        session.ask("beats before it synced", version.min(4), &beating(&group, &joined));
        let sync = version.min(5);
        session.ask("syncs", sync, &syncing(&group, &joined, sync));
        session.ask("syncs again", sync, &syncing(&group, &joined, sync));
        session.ask("beats", version.min(4), &beating(&group, &joined));
        session.note("rejoins");
        let joined = join(session, version, &joining(&group, &joined.member_id, &["range"]));
        session.ask("syncs after that", sync, &syncing(&group, &joined, sync));
        let described = DescribeGroupsRequest {
            groups: vec![Str::from(group.as_str())],
            include_authorized_operations: (3..7).contains(&version),
        };
        session.ask("described", version.min(6), &described);
        let leave = version.min(5);
        session.ask("leaves", leave, &leaving(&group, &joined.member_id, leave));
        session.ask("leaves again", leave, &leaving(&group, &joined.member_id, leave));
        session.ask("described as empty", version.min(6), &described);
    }
    let connect = JoinGroupRequest {
        protocol_type: Str::from("connect"),
        ..joining("one-connect", &Str::default(), &["sessioned", "compatible"])
    };
    session.note("a Connect worker");
    let joined = join(session, 9, &connect);
    let sync = SyncGroupRequest {
        protocol_type: Some(Str::from("connect")),
        ..syncing("one-connect", &joined, 5)
    };
    session.ask("a Connect worker syncs", 5, &sync);
    let described = DescribeGroupsRequest {
        groups: vec![Str::from("one-connect")],
        include_authorized_operations: true,
    };
    session.ask("a Connect worker is described", 6, &described);
    session.ask("a Connect worker leaves", 5, &leaving("one-connect", &joined.member_id, 5));
}

pub fn errors(session: &mut Session) {
    with_coordinator(session);
    let group = "group-errors";
    let nobody = Str::default();
    for (what, request) in [
        ("no group id", joining("", &nobody, &["range"])),
        ("no protocols", joining(group, &nobody, &[])),
        (
            "no protocol type",
            JoinGroupRequest {
                protocol_type: nobody.clone(),
                ..joining(group, &nobody, &["range"])
            },
        ),
        ("an unknown member", joining(group, &Str::from("stranger"), &["range"])),
        (
            "too short a session",
            JoinGroupRequest { session_timeout_ms: 1, ..joining(group, &nobody, &["range"]) },
        ),
        (
            "too long a session",
            JoinGroupRequest {
                session_timeout_ms: i32::MAX,
                ..joining(group, &nobody, &["range"])
            },
        ),
    ] {
        for version in [0, 3, 5, 9] {
            session.ask(what, version, &request);
        }
    }
    session.note("joins");
    let joined = join(session, 9, &joining(group, &nobody, &["range"]));
    session.ask("syncs", 5, &syncing(group, &joined, 5));
    let other_type = JoinGroupRequest {
        protocol_type: Str::from("connect"),
        ..joining(group, &nobody, &["range"])
    };
    session.ask("another protocol type", 3, &other_type);
    session.ask("no common protocol", 3, &joining(group, &nobody, &["sticky"]));
    heartbeat_errors(session, group, &joined);
    sync_errors(session, group, &joined);
    for version in versions::<LeaveGroupRequest>() {
        session.ask("a stranger", version, &leaving(group, &Str::from("stranger"), version));
        session.ask(
            "an unknown group",
            version,
            &leaving("group-none", &joined.member_id, version),
        );
        session.ask("an empty group id", version, &leaving("", &joined.member_id, version));
    }
    session.ask("leaves", 5, &leaving(group, &joined.member_id, 5));
}

fn heartbeat_errors(session: &mut Session, group: &str, joined: &JoinGroupResponse) {
    let nobody = Str::default();
    for version in versions::<HeartbeatRequest>() {
        let good = beating(group, joined);
        session.ask("beats", version, &good);
        session.ask(
            "an old generation",
            version,
            &HeartbeatRequest { generation_id: 0, ..good.clone() },
        );
        let stranger = HeartbeatRequest { member_id: Str::from("stranger"), ..good.clone() };
        session.ask("a stranger", version, &stranger);
        session.ask(
            "an unknown group",
            version,
            &HeartbeatRequest { group_id: Str::from("group-none"), ..good.clone() },
        );
        session.ask(
            "an empty group id",
            version,
            &HeartbeatRequest { group_id: nobody.clone(), ..good },
        );
    }
}

fn sync_errors(session: &mut Session, group: &str, joined: &JoinGroupResponse) {
    let nobody = Str::default();
    for version in versions::<SyncGroupRequest>() {
        let good = syncing(group, joined, version);
        session.ask(
            "an old generation",
            version,
            &SyncGroupRequest { generation_id: 0, ..good.clone() },
        );
        let stranger = SyncGroupRequest { member_id: Str::from("stranger"), ..good.clone() };
        session.ask("a stranger", version, &stranger);
        session.ask(
            "an unknown group",
            version,
            &SyncGroupRequest { group_id: Str::from("group-none"), ..good.clone() },
        );
        session.ask(
            "an empty group id",
            version,
            &SyncGroupRequest { group_id: nobody.clone(), ..good.clone() },
        );
        if version >= 5 {
            let wrong =
                SyncGroupRequest { protocol_name: Some(Str::from("sticky")), ..good.clone() };
            session.ask("another protocol", version, &wrong);
            let wrong =
                SyncGroupRequest { protocol_type: Some(Str::from("connect")), ..good.clone() };
            session.ask("another protocol type", version, &wrong);
            let wrong = SyncGroupRequest { protocol_type: None, protocol_name: None, ..good };
            session.ask("no protocol", version, &wrong);
        }
    }
}

fn committing(
    group: &str,
    (name, id): (&str, Uuid),
    version: i16,
    partitions: &[(i32, i64)],
) -> OffsetCommitRequest {
    let partitions = partitions.iter().map(|&(partition_index, committed_offset)| {
        OffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_leader_epoch: if version >= 6 { 0 } else { -1 },
            committed_metadata: Some(Str::from("a note")),
        }
    });
    let by_id = version >= 10;
    OffsetCommitRequest {
        group_id: Str::from(group),
        topics: vec![OffsetCommitRequestTopic {
            name: if by_id { Str::default() } else { Str::from(name) },
            topic_id: if by_id { id } else { Uuid::ZERO },
            partitions: partitions.collect(),
        }],
        ..Default::default()
    }
}

fn fetching(
    group: &str,
    (name, id): (&str, Uuid),
    version: i16,
    partitions: Option<&[i32]>,
) -> OffsetFetchRequest {
    let group_id = Str::from(group);
    if version < 8 {
        let topics = partitions.map(|partitions| {
            vec![OffsetFetchRequestTopic {
                name: Str::from(name),
                partition_indexes: partitions.to_vec(),
            }]
        });
        return OffsetFetchRequest { group_id, topics, ..Default::default() };
    }
    let topics = partitions.map(|partitions| {
        vec![OffsetFetchRequestTopics {
            name: if version < 10 { Str::from(name) } else { Str::default() },
            topic_id: if version < 10 { Uuid::ZERO } else { id },
            partition_indexes: partitions.to_vec(),
        }]
    });
    let group = OffsetFetchRequestGroup { group_id, topics, ..Default::default() };
    OffsetFetchRequest { groups: vec![group], ..Default::default() }
}

pub fn offsets(session: &mut Session) {
    with_coordinator(session);
    let name = "group-offsets";
    let topic = (name, session.topic(name, 3, &[]));
    let unknown = ("group-offsets-none", Uuid([4; 16]));
    for version in versions::<OffsetCommitRequest>() {
        let group = format!("offsets-{version}");
        session.ask("committed", version, &committing(&group, topic, version, &[(0, 5), (2, 7)]));
        session.ask(
            "unknown partition",
            version,
            &committing(&group, topic, version, &[(9, 5), (1, 1)]),
        );
        session.ask("unknown topic", version, &committing(&group, unknown, version, &[(0, 5)]));
        session.ask("a negative offset", version, &committing(&group, topic, version, &[(0, -1)]));
        let member = OffsetCommitRequest {
            generation_id_or_member_epoch: 1,
            member_id: Str::from("stranger"),
            ..committing(&group, topic, version, &[(0, 5)])
        };
        session.ask("a stranger", version, &member);
        session.ask("an empty group", version, &committing("", topic, version, &[(0, 5)]));
        let mut noted = committing(&group, topic, version, &[(0, 6)]);
        for partition in noted.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.committed_metadata = Some(Str::from("x".repeat(5000)));
        }
        session.ask("too long a note", version, &noted);
        for partition in noted.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.committed_metadata = None;
        }
        session.ask("no note", version, &noted);
        fetch_offsets(session, &group, version, (topic, unknown));
    }
    session.ask("fetched", 1, &fetching("offsets-2", topic, 1, Some(&[0, 1])));
    session.note("joins");
    let joined = join(session, 9, &joining("offsets-member", &Str::default(), &["range"]));
    for (what, generation) in
        [("of the generation", 0), ("of a later one", 1), ("of an earlier one", -1)]
    {
        let commit = OffsetCommitRequest {
            generation_id_or_member_epoch: joined.generation_id + generation,
            member_id: joined.member_id.clone(),
            ..committing("offsets-member", topic, 9, &[(0, 5)])
        };
        session.ask(format!("commits {what} before it synced"), 9, &commit);
    }
    session.ask("syncs", 5, &syncing("offsets-member", &joined, 5));
    session.ask(
        "a simple commit to a group with members",
        9,
        &committing("offsets-member", topic, 9, &[(0, 9)]),
    );
}

fn fetch_offsets(
    session: &mut Session,
    group: &str,
    version: i16,
    (topic, unknown): ((&str, Uuid), (&str, Uuid)),
) {
    session.ask("fetched", version, &fetching(group, topic, version, Some(&[0, 1, 2, 9])));
    session.ask("all fetched", version, &fetching(group, topic, version, None));
    session.ask("unknown topic fetched", version, &fetching(group, unknown, version, Some(&[0])));
    session.ask(
        "unknown group fetched",
        version,
        &fetching("offsets-none", topic, version, Some(&[0])),
    );
    session.ask("empty group fetched", version, &fetching("", topic, version, Some(&[0])));
    let stable = OffsetFetchRequest {
        require_stable: version >= 7,
        ..fetching(group, topic, version, Some(&[0]))
    };
    session.ask("stable ones fetched", version, &stable);
}

pub fn admin(session: &mut Session) {
    with_coordinator(session);
    let name = "group-admin";
    let topic = (name, session.topic(name, 2, &[]));
    session.quietly(9, &committing("admin-empty", topic, 9, &[(0, 1), (1, 1)]));
    session.note("joins");
    let joined = join(session, 9, &joining("admin-full", &Str::default(), &["range"]));
    session.quietly(5, &syncing("admin-full", &joined, 5));
    let groups = |names: &[&str]| names.iter().map(|&name| Str::from(name)).collect::<Vec<_>>();
    for version in versions::<DescribeGroupsRequest>() {
        let request = DescribeGroupsRequest {
            groups: groups(&["admin-empty", "admin-full", "admin-none", ""]),
            include_authorized_operations: version >= 3,
        };
        session.ask("described", version, &request);
    }
    for (states, types) in
        [(&["Stable"][..], &[][..]), (&["Empty"], &[]), (&["Nonsense"], &[]), (&["stable"], &[])]
    {
        let request =
            ListGroupsRequest { states_filter: groups(states), types_filter: groups(types) };
        session.ask(format!("listed {states:?}"), 5, &request);
    }
    for types in ["classic", "Classic", "consumer", "nonsense"] {
        let request = ListGroupsRequest { types_filter: groups(&[types]), ..Default::default() };
        session.ask(format!("listed {types}"), 5, &request);
    }
    let deleting = |name: &str, partitions: &[i32]| {
        let partitions = partitions
            .iter()
            .map(|&partition_index| OffsetDeleteRequestPartition { partition_index });
        let partitions = partitions.collect();
        OffsetDeleteRequest {
            group_id: Str::from(name),
            topics: vec![OffsetDeleteRequestTopic { name: Str::from("group-admin"), partitions }],
        }
    };
    session.ask("offset deleted", 0, &deleting("admin-empty", &[0]));
    session.ask("offset deleted again", 0, &deleting("admin-empty", &[0, 7]));
    session.ask("offset of a group with members", 0, &deleting("admin-full", &[0]));
    session.ask("offset of an unknown group", 0, &deleting("admin-none", &[0]));
    session.ask("offset of an empty group id", 0, &deleting("", &[0]));
    for version in versions::<DeleteGroupsRequest>() {
        let name = format!("admin-deleted-{version}");
        session.quietly(9, &committing(&name, topic, 9, &[(0, 1)]));
        let request =
            DeleteGroupsRequest { groups_names: groups(&[&name, "admin-full", "admin-none", ""]) };
        session.ask("deleted", version, &request);
        session.ask("deleted again", version, &request);
        let twice = DeleteGroupsRequest { groups_names: groups(&["admin-none", "admin-none"]) };
        session.ask("one twice", version, &twice);
    }
    session.ask("leaves", 5, &leaving("admin-full", &joined.member_id, 5));
}
