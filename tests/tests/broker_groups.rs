//! Groups over the wire: generations, members that go silent or come back, and what is stored.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ottla_tests::{
    batch,
    client::Client,
    group::{
        JOIN_VERSION, SYNC_VERSION, beating, commit, committed, committing, join, joining, leaving,
        member_id, syncing,
    },
    in_process::{TestBroker, eventually},
};
use ottla_wire::{
    Str,
    delete_groups_request::DeleteGroupsRequest,
    describe_groups_request::DescribeGroupsRequest,
    describe_groups_response::DescribedGroup,
    join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol},
    join_group_response::JoinGroupResponse,
    leave_group_request::{LeaveGroupRequest, MemberIdentity},
    list_groups_request::ListGroupsRequest,
    messages::{OffsetCommitRequest, SyncGroupRequest},
    offset_delete_request::{
        OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    },
    offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestTopic},
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const NOT_COORDINATOR: i16 = 16;
const ILLEGAL_GENERATION: i16 = 22;
const INCONSISTENT_GROUP_PROTOCOL: i16 = 23;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;
const NON_EMPTY_GROUP: i16 = 68;
const GROUP_ID_NOT_FOUND: i16 = 69;
const GROUP_MAX_SIZE_REACHED: i16 = 81;
const FENCED_INSTANCE_ID: i16 = 82;
const GROUP_SUBSCRIBED_TO_TOPIC: i16 = 86;

/// How long nothing must come where nothing may come.
const QUIET: Duration = Duration::from_millis(150);

/// A client that has the coordinator.
fn ready(broker: &TestBroker) -> Client {
    let mut client = broker.client();
    client.find_coordinator("any");
    client
}

fn heartbeat(client: &mut Client, group: &str, joined: &JoinGroupResponse) -> i16 {
    client.call(4, &beating(group, joined)).error_code
}

/// The code of a SyncGroup and the assignment.
fn sync(client: &mut Client, request: &SyncGroupRequest) -> (i16, String) {
    let response = client.call(SYNC_VERSION, request);
    (response.error_code, String::from_utf8_lossy(&response.assignment).into_owned())
}

fn describe(client: &mut Client, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest { groups: vec![Str::from(group)], ..Default::default() };
    client.call(5, &request).groups.remove(0)
}

/// A group of one that has its assignment.
fn alone(client: &mut Client, group: &str, session_timeout_ms: i32) -> JoinGroupResponse {
    let joined = join(client, group, session_timeout_ms);
    let assigned = sync(client, &syncing(group, &joined, &[(&joined.member_id, "all")]));
    assert_eq!(assigned, (0, "all".to_owned()));
    joined
}

/// Joins a second member to a stable group of one; gives what both are told: leader, follower.
fn second(
    (leader, first): (&mut Client, &JoinGroupResponse),
    follower: &mut Client,
    group: &str,
    session_timeout_ms: i32,
) -> (JoinGroupResponse, JoinGroupResponse) {
    let id = member_id(follower, group);
    let request = joining(group, &id, session_timeout_ms);
    let waiting = follower.send(JOIN_VERSION, &request);
    eventually("the first member is told", || {
        (heartbeat(leader, group, first) == REBALANCE_IN_PROGRESS).then_some(())
    });
    let request = joining(group, &first.member_id, session_timeout_ms);
    let led = leader.call(JOIN_VERSION, &request);
    let followed = follower.receive::<JoinGroupRequest>(waiting, JOIN_VERSION);
    (led, followed)
}

/// A stable group of two: leader and follower.
fn two(
    leader: &mut Client,
    follower: &mut Client,
    group: &str,
    session_timeout_ms: i32,
) -> (JoinGroupResponse, JoinGroupResponse) {
    let first = alone(leader, group, session_timeout_ms);
    let (led, followed) = second((leader, &first), follower, group, session_timeout_ms);
    let waiting = follower.send(SYNC_VERSION, &syncing(group, &followed, &[]));
    let halves = [(&*led.member_id, "left"), (&*followed.member_id, "right")];
    assert_eq!(sync(leader, &syncing(group, &led, &halves)), (0, "left".to_owned()));
    let assigned = follower.receive::<SyncGroupRequest>(waiting, SYNC_VERSION);
    assert_eq!((assigned.error_code, &assigned.assignment[..]), (0, &b"right"[..]));
    (led, followed)
}

#[test]
fn two_members_agree_on_a_generation_and_share_what_the_leader_assigns() {
    let broker = TestBroker::start(&[]);
    let (mut leader, mut follower) = (ready(&broker), broker.client());
    let first = alone(&mut leader, "pair", 10_000);
    assert_eq!(first.generation_id, 1);
    let (led, followed) = second((&mut leader, &first), &mut follower, "pair", 10_000);
    for joined in [&led, &followed] {
        assert_eq!((joined.error_code, joined.generation_id), (0, 2));
        assert_eq!(joined.leader, first.member_id, "the leader stays");
        assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    }
    assert_eq!((led.members.len(), followed.members.len()), (2, 0), "only the leader is told who");

    // The follower waits for the leader's assignment.
    let waiting = follower.send(SYNC_VERSION, &syncing("pair", &followed, &[]));
    assert!(follower.is_silent_for(QUIET));
    let halves = [(&*led.member_id, "left"), (&*followed.member_id, "right")];
    assert_eq!(sync(&mut leader, &syncing("pair", &led, &halves)), (0, "left".to_owned()));
    let assigned = follower.receive::<SyncGroupRequest>(waiting, SYNC_VERSION);
    assert_eq!(&assigned.assignment[..], b"right");

    // The old generation is over, and nobody is taken for somebody else.
    let old = JoinGroupResponse { member_id: followed.member_id.clone(), ..first.clone() };
    assert_eq!(heartbeat(&mut follower, "pair", &old), ILLEGAL_GENERATION);
    let stranger = JoinGroupResponse { member_id: Str::from("stranger"), ..led.clone() };
    assert_eq!(heartbeat(&mut follower, "pair", &stranger), UNKNOWN_MEMBER_ID);
    assert_eq!(heartbeat(&mut follower, "pair", &followed), 0);

    let left = follower.call(5, &leaving("pair", &followed.member_id));
    assert_eq!(left.members[0].error_code, 0);
    assert_eq!(heartbeat(&mut leader, "pair", &led), REBALANCE_IN_PROGRESS);
    let again = leader.call(JOIN_VERSION, &joining("pair", &led.member_id, 10_000));
    assert_eq!((again.generation_id, again.members.len()), (3, 1));
}

#[test]
fn a_silent_member_is_out_after_its_session_timeout() {
    let broker = TestBroker::start(&[("group.min.session.timeout.ms", "100")]);
    let (mut leader, mut follower) = (ready(&broker), broker.client());
    let (led, followed) = two(&mut leader, &mut follower, "silent", 3_000);
    drop(follower);
    let began = Instant::now();
    eventually("the other is told", || {
        (heartbeat(&mut leader, "silent", &led) == REBALANCE_IN_PROGRESS).then_some(())
    });
    assert!(began.elapsed() > Duration::from_millis(1_500), "{:?}", began.elapsed());
    let again = leader.call(JOIN_VERSION, &joining("silent", &led.member_id, 3_000));
    assert_eq!((again.error_code, again.members.len()), (0, 1));
    assert_eq!(heartbeat(&mut leader, "silent", &followed), UNKNOWN_MEMBER_ID);
}

#[test]
fn a_member_that_does_not_join_again_in_time_is_out() {
    let broker = TestBroker::start(&[]);
    let (mut leader, mut follower) = (ready(&broker), broker.client());
    let prompt =
        |id: &str| JoinGroupRequest { rebalance_timeout_ms: 500, ..joining("late", id, 30_000) };
    let id = member_id(&mut leader, "late");
    let first = leader.call(JOIN_VERSION, &prompt(&id));
    assert_eq!(sync(&mut leader, &syncing("late", &first, &[])).0, 0);
    let second = member_id(&mut follower, "late");
    let waiting = follower.send(JOIN_VERSION, &prompt(&second));
    // The first one goes on sending heartbeats, and never joins again.
    let mut codes = Vec::new();
    eventually("the first is out", || {
        codes.push(heartbeat(&mut leader, "late", &first));
        (codes.last() == Some(&UNKNOWN_MEMBER_ID)).then_some(())
    });
    let known = [0, REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER_ID];
    assert!(codes.iter().all(|code| known.contains(code)), "{codes:?}");
    let alone = follower.receive::<JoinGroupRequest>(waiting, JOIN_VERSION);
    assert_eq!((alone.error_code, alone.generation_id, alone.members.len()), (0, 2, 1));
    assert_eq!(&*alone.leader, &*second);
}

#[test]
fn members_that_come_within_the_initial_delay_are_one_generation() {
    let broker = TestBroker::start(&[("group.initial.rebalance.delay.ms", "700")]);
    let mut clients = [ready(&broker), broker.client(), broker.client()];
    let began = Instant::now();
    let ids: Vec<Str> = clients.iter_mut().map(|client| member_id(client, "together")).collect();
    let waiting: Vec<i32> = clients
        .iter_mut()
        .zip(&ids)
        .map(|(client, id)| client.send(JOIN_VERSION, &joining("together", id, 10_000)))
        .collect();
    let mut leaders = Vec::new();
    for (client, id) in clients.iter_mut().zip(waiting) {
        let joined = client.receive::<JoinGroupRequest>(id, JOIN_VERSION);
        assert_eq!((joined.error_code, joined.generation_id), (0, 1));
        if joined.leader == joined.member_id {
            leaders.push(joined.members.len());
        }
    }
    assert_eq!(leaders, [3]);
    assert!(began.elapsed() >= Duration::from_millis(700));
}

#[test]
fn many_that_join_at_once_end_in_one_generation_and_all_have_work() {
    const COUNT: usize = 12;
    let broker = TestBroker::start(&[]);
    ready(&broker);
    let gate = std::sync::Barrier::new(COUNT);
    let run = || {
        let mut client = broker.client();
        let mut id = member_id(&mut client, "crowd");
        gate.wait();
        loop {
            let joined = client.call(JOIN_VERSION, &joining("crowd", &id, 30_000));
            assert_eq!(joined.error_code, 0, "{joined:?}");
            id = joined.member_id.clone();
            let names: Vec<String> =
                joined.members.iter().map(|member| member.member_id.to_string()).collect();
            let shares: Vec<(&str, &str)> =
                names.iter().map(|name| (name.as_str(), name.as_str())).collect();
            let (code, assignment) = sync(&mut client, &syncing("crowd", &joined, &shares));
            match code {
                0 => assert_eq!(assignment, &*id, "everybody gets what is its own"),
                REBALANCE_IN_PROGRESS => continue,
                other => panic!("{other}"),
            }
            // Done once the generation has all of them.
            let all = || {
                let code = heartbeat(&mut client, "crowd", &joined);
                assert!([0, REBALANCE_IN_PROGRESS].contains(&code), "{code}");
                let group = describe(&mut client, "crowd");
                let is_whole = group.members.len() == COUNT && &*group.group_state == "Stable";
                (code != 0 || is_whole).then_some(code)
            };
            if eventually("a generation of all", all) == 0 {
                return joined.generation_id;
            }
        }
    };
    let generations: Vec<i32> = std::thread::scope(|scope| {
        let members: Vec<_> = (0..COUNT).map(|_| scope.spawn(run)).collect();
        members.into_iter().map(|member| member.join().unwrap()).collect()
    });
    assert!(generations.iter().all(|one| *one == generations[0]), "{generations:?}");
}

#[test]
fn a_full_group_takes_nobody_else() {
    let broker = TestBroker::start(&[("group.max.size", "1")]);
    let (mut leader, mut other) = (ready(&broker), broker.client());
    let first = alone(&mut leader, "full", 10_000);
    let refused = other.call(JOIN_VERSION, &joining("full", "", 10_000));
    assert_eq!(refused.error_code, GROUP_MAX_SIZE_REACHED);
    assert_eq!(heartbeat(&mut leader, "full", &first), 0);
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_even_across_a_restart() {
    let mut broker = TestBroker::start(&[]);
    let (mut leader, mut other) = (ready(&broker), broker.client());
    let joining_as = |instance: &str, id: &str| JoinGroupRequest {
        group_instance_id: Some(Str::from(instance)),
        ..joining("static", id, 30_000)
    };
    let syncing_as =
        |instance: &str, joined: &JoinGroupResponse, shares: &[(&str, &str)]| SyncGroupRequest {
            group_instance_id: Some(Str::from(instance)),
            ..syncing("static", joined, shares)
        };
    let first = leader.call(JOIN_VERSION, &joining_as("a", ""));
    assert_eq!(first.error_code, 0, "a static member needs no id first");
    let shares = [(&*first.member_id, "share of a")];
    assert_eq!(sync(&mut leader, &syncing_as("a", &first, &shares)).0, 0);

    let mut old = first.clone();
    for round in 0..3 {
        let back = other.call(JOIN_VERSION, &joining_as("a", ""));
        assert_eq!((back.error_code, back.generation_id), (0, 1), "round {round}");
        assert_ne!(back.member_id, old.member_id);
        let assigned = sync(&mut other, &syncing_as("a", &back, &[]));
        assert_eq!(assigned, (0, "share of a".to_owned()), "round {round}");
        let mut beat = beating("static", &old);
        beat.group_instance_id = Some(Str::from("a"));
        assert_eq!(other.call(4, &beat).error_code, FENCED_INSTANCE_ID, "its old self");
        old = back;
        match round {
            0 => broker.restart(),
            _ => broker.crash_and_restart(),
        }
        other = ready(&broker);
    }
    // It leaves by the name of its instance.
    let member = MemberIdentity { group_instance_id: Some(Str::from("a")), ..Default::default() };
    let request = LeaveGroupRequest {
        group_id: Str::from("static"),
        members: vec![member],
        ..Default::default()
    };
    assert_eq!(other.call(5, &request).members[0].error_code, 0);
    assert_eq!(&*describe(&mut other, "static").group_state, "Empty");
}

#[test]
fn metadata_and_assignments_are_nobodys_business() {
    let broker = TestBroker::start(&[]);
    let mut client = ready(&broker);
    for (group, kind, names) in [
        ("opaque-consumer", "consumer", &["cooperative-sticky", "range"][..]),
        ("opaque-connect", "connect", &["sessioned", "compatible"]),
        ("opaque-other", "my own protocol", &["v1"]),
    ] {
        // Neither a subscription nor any other thing that could be read.
        let metadata = Bytes::from_static(b"\xff\xff\xff\xff\0not for you");
        let protocols = names
            .iter()
            .map(|&name| JoinGroupRequestProtocol {
                name: Str::from(name),
                metadata: metadata.clone(),
            })
            .collect();
        let id = member_id(&mut client, group);
        let request = JoinGroupRequest {
            protocol_type: Str::from(kind),
            protocols,
            ..joining(group, &id, 10_000)
        };
        // The id was given to somebody of another protocol, who never came.
        let joined = client.call(JOIN_VERSION, &request);
        assert_eq!(joined.error_code, 0, "{group}: {joined:?}");
        assert_eq!(joined.protocol_type.as_deref(), Some(kind));
        assert_eq!(joined.protocol_name.as_deref(), Some(names[0]));
        assert_eq!(joined.members[0].metadata, metadata);
        let mut request = syncing(group, &joined, &[(&joined.member_id, "x")]);
        request.protocol_type = Some(Str::from(kind));
        request.assignments[0].assignment = metadata.clone();
        let assigned = client.call(SYNC_VERSION, &request);
        assert_eq!((assigned.error_code, &assigned.assignment), (0, &metadata));
        let found = describe(&mut client, group);
        assert_eq!((&*found.protocol_type, &*found.protocol_data), (kind, names[0]));
        assert_eq!(found.members[0].member_metadata, metadata);
        let other = JoinGroupRequest {
            protocol_type: Str::from("another"),
            ..joining(group, &joined.member_id, 10_000)
        };
        let refused = client.call(JOIN_VERSION, &other);
        assert_eq!(refused.error_code, INCONSISTENT_GROUP_PROTOCOL);
    }
}

#[test]
fn a_stable_group_goes_on_after_a_restart_as_if_nothing_had_been() {
    let mut broker = TestBroker::start(&[]);
    let (mut leader, mut follower) = (ready(&broker), broker.client());
    leader.topic("read", 2, &[]);
    leader.produce("read", 0, batch::plain(9));
    let (led, followed) = two(&mut leader, &mut follower, "lasting", 30_000);
    let by = |joined: &JoinGroupResponse, offset: i64| OffsetCommitRequest {
        generation_id_or_member_epoch: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..committing("lasting", "read", 0, (offset, "so far"))
    };
    let code = |client: &mut Client, request: &OffsetCommitRequest| {
        client.call(8, request).topics[0].partitions[0].error_code
    };
    assert_eq!(code(&mut leader, &by(&led, 7)), 0);
    for round in 0..2 {
        if round == 0 {
            broker.restart()
        } else {
            broker.crash_and_restart()
        }
        let mut client = ready(&broker);
        for joined in [&led, &followed] {
            assert_eq!(heartbeat(&mut client, "lasting", joined), 0, "round {round}");
        }
        let again = sync(&mut client, &syncing("lasting", &followed, &[]));
        assert_eq!(again, (0, "right".to_owned()), "round {round}");
        let found = committed(&mut client, "lasting", "read", 0);
        assert_eq!((found.committed_offset, found.committed_leader_epoch), (7 + round, 0));
        assert_eq!(found.metadata.as_deref(), Some("so far"));
        assert_eq!(committed(&mut client, "lasting", "read", 1).committed_offset, -1);
        assert_eq!(code(&mut client, &by(&led, 8 + round)), 0);
        let group = describe(&mut client, "lasting");
        assert_eq!((&*group.group_state, group.members.len()), ("Stable", 2));
    }
}

#[test]
fn commits_are_taken_from_members_of_the_generation_and_from_nobody_else() {
    let broker = TestBroker::start(&[]);
    let mut client = ready(&broker);
    client.topic("read", 1, &[]);
    let joined = join(&mut client, "checked", 10_000);
    let by = |member_id: &str, generation: i32| OffsetCommitRequest {
        generation_id_or_member_epoch: generation,
        member_id: Str::from(member_id),
        ..committing("checked", "read", 0, (1, ""))
    };
    let mut code =
        |request: &OffsetCommitRequest| client.call(8, request).topics[0].partitions[0].error_code;
    let (id, generation) = (&*joined.member_id, joined.generation_id);
    assert_eq!(code(&by(id, generation)), REBALANCE_IN_PROGRESS, "the assignment is not there");
    assert_eq!(code(&by(id, generation - 1)), ILLEGAL_GENERATION);
    assert_eq!(code(&by("stranger", generation)), UNKNOWN_MEMBER_ID);
    assert_eq!(code(&by("", -1)), UNKNOWN_MEMBER_ID, "a group with members is theirs");
    assert_eq!(sync(&mut client, &syncing("checked", &joined, &[])).0, 0);
    let mut code =
        |request: &OffsetCommitRequest| client.call(8, request).topics[0].partitions[0].error_code;
    assert_eq!(code(&by(id, generation)), 0);
    assert_eq!(committed(&mut client, "checked", "read", 0).committed_offset, 1);
    let none = commit(&mut client, "other", "none", 0, (1, ""));
    assert_eq!(none, UNKNOWN_TOPIC_OR_PARTITION);
}

/// An OffsetFetch of one partition in a version before 8.
fn old_fetch(client: &mut Client, version: i16, group: &str) -> (i16, i16, i64, i32) {
    let topic = OffsetFetchRequestTopic { name: Str::from("read"), partition_indexes: vec![0] };
    let request = OffsetFetchRequest {
        group_id: Str::from(group),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let response = client.call(version, &request);
    let found = response.topics.first().map(|topic| &topic.partitions[0]);
    found.map_or((response.error_code, 0, -1, -1), |found| {
        let offset = (found.committed_offset, found.committed_leader_epoch);
        (response.error_code, found.error_code, offset.0, offset.1)
    })
}

#[test]
fn an_old_version_that_cannot_say_so_for_the_whole_says_it_for_each_partition() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("read", 1, &[]);
    // Nobody has asked for a coordinator yet. "No offset, no error" would send a client back to
    // the start of the log.
    assert_eq!(old_fetch(&mut client, 1, "old"), (0, NOT_COORDINATOR, -1, -1));
    assert_eq!(old_fetch(&mut client, 2, "old").0, NOT_COORDINATOR);
    client.find_coordinator("old");
    assert_eq!(old_fetch(&mut client, 1, "old"), (0, 0, -1, -1), "now it is true");
    assert_eq!(commit(&mut client, "old", "read", 0, (4, "")), 0);
    for version in 1..=7 {
        let epoch = if version >= 5 { 0 } else { -1 };
        assert_eq!(old_fetch(&mut client, version, "old"), (0, 0, 4, epoch), "v{version}");
    }
}

#[test]
fn an_offset_expires_when_its_time_is_over_and_stays_away() {
    let mut broker = TestBroker::start(&[("offsets.retention.check.interval.ms", "10")]);
    let mut client = ready(&broker);
    client.topic("read", 2, &[]);
    let mut request = committing("expiring", "read", 0, (3, ""));
    request.topics[0].partitions[0].committed_leader_epoch = -1;
    // Only these versions name a time of their own.
    request.retention_time_ms = 1;
    let response = client.call(3, &request);
    assert_eq!(response.topics[0].partitions[0].error_code, 0);
    assert_eq!(commit(&mut client, "staying", "read", 0, (4, "")), 0);
    eventually("the offset expires", || {
        (committed(&mut client, "expiring", "read", 0).committed_offset == -1).then_some(())
    });
    broker.crash_and_restart();
    let mut client = ready(&broker);
    assert_eq!(committed(&mut client, "expiring", "read", 0).committed_offset, -1);
    assert_eq!(committed(&mut client, "staying", "read", 0).committed_offset, 4);
    let listed = client.call(5, &ListGroupsRequest::default());
    let names: Vec<&str> = listed.groups.iter().map(|group| &*group.group_id).collect();
    assert_eq!(names, ["staying"], "a group without anything is none");
}

#[test]
fn only_a_group_without_members_is_deleted_and_then_for_good() {
    let mut broker = TestBroker::start(&[]);
    let mut client = ready(&broker);
    client.topic("read", 1, &[]);
    let joined = alone(&mut client, "going", 10_000);
    let delete = |client: &mut Client| {
        let request = DeleteGroupsRequest { groups_names: vec![Str::from("going")] };
        client.call(2, &request).results[0].error_code
    };
    assert_eq!(delete(&mut client), NON_EMPTY_GROUP);
    client.call(5, &leaving("going", &joined.member_id));
    assert_eq!(commit(&mut client, "going", "read", 0, (1, "")), 0);
    assert_eq!(delete(&mut client), 0);
    assert_eq!(delete(&mut client), GROUP_ID_NOT_FOUND);
    broker.crash_and_restart();
    let mut client = ready(&broker);
    assert_eq!(delete(&mut client), GROUP_ID_NOT_FOUND);
    assert_eq!(committed(&mut client, "going", "read", 0).committed_offset, -1);
}

#[test]
fn offsets_of_a_topic_that_is_read_are_not_deleted() {
    let mut broker = TestBroker::start(&[]);
    let mut client = ready(&broker);
    client.topic("read", 1, &[]);
    client.topic("left", 1, &[]);
    let id = member_id(&mut client, "tidied");
    let mut request = joining("tidied", &id, 30_000);
    // A subscription as consumers send it: version 0, one topic, no user data.
    request.protocols[0].metadata = Bytes::from_static(b"\0\0\0\0\0\x01\0\x04read\xff\xff\xff\xff");
    let joined = client.call(JOIN_VERSION, &request);
    assert_eq!(sync(&mut client, &syncing("tidied", &joined, &[])).0, 0);
    for topic in ["read", "left"] {
        let request = OffsetCommitRequest {
            generation_id_or_member_epoch: joined.generation_id,
            member_id: joined.member_id.clone(),
            ..committing("tidied", topic, 0, (1, ""))
        };
        assert_eq!(client.call(8, &request).topics[0].partitions[0].error_code, 0);
    }
    let topics = ["read", "left"].map(|name| OffsetDeleteRequestTopic {
        name: Str::from(name),
        partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
    });
    let request = OffsetDeleteRequest { group_id: Str::from("tidied"), topics: topics.to_vec() };
    let response = client.call(0, &request);
    let mut codes: Vec<(&str, i16)> = response
        .topics
        .iter()
        .map(|topic| (&*topic.name, topic.partitions[0].error_code))
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [("left", 0), ("read", GROUP_SUBSCRIBED_TO_TOPIC)]);
    broker.crash_and_restart();
    let mut client = ready(&broker);
    assert_eq!(committed(&mut client, "tidied", "left", 0).committed_offset, -1);
    assert_eq!(committed(&mut client, "tidied", "read", 0).committed_offset, 1);
}

#[test]
fn whoever_waits_in_a_group_is_answered_when_the_broker_stops() {
    let mut broker = TestBroker::start(&[]);
    let (mut leader, mut follower) = (ready(&broker), broker.client());
    let first = alone(&mut leader, "parked", 30_000);
    let id = member_id(&mut follower, "parked");
    let waiting = follower.send(JOIN_VERSION, &joining("parked", &id, 30_000));
    eventually("the second waits", || {
        (heartbeat(&mut leader, "parked", &first) == REBALANCE_IN_PROGRESS).then_some(())
    });
    let began = Instant::now();
    broker.stop();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let answer = follower.receive::<JoinGroupRequest>(waiting, JOIN_VERSION);
    assert_eq!(answer.error_code, NOT_COORDINATOR, "it is to look for another");
}
