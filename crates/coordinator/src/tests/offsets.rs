//! Committing, fetching and deleting offsets.

use bytes::Bytes;
use ottla_types::{ErrorCode, ProducerId, TopicName, Uuid};
use ottla_wire::{
    Message, Str, Writer,
    offset_commit_request::OffsetCommitRequest,
    offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchRequestTopics},
};

use super::world::{Client, Join, Log, World, commit_request};
use crate::{Effects, GroupConfig, RequireStable, offset_fetch, refusal};

fn asked(topic_id: Uuid) -> Vec<OffsetFetchRequestTopics> {
    vec![OffsetFetchRequestTopics { name: Str::from("t"), topic_id, partition_indexes: vec![0, 1] }]
}

/// A world whose group is like that, with its member.
fn world_with(state: &str) -> (World, Option<Client>) {
    let mut world = World::new();
    let known = if state == "absent" { None } else { world.stable(&[Join::default()]).pop() };
    match state {
        "empty" => world.advance(60_000),
        "preparing" => drop(world.join(&Join::default())),
        "completing" => {
            let member_id = known.clone().unwrap().member_id;
            world.join(&Join { member_id, ..Join::default() });
        }
        _ => {}
    }
    (world, known)
}

#[test]
fn a_commit_is_accepted_by_state_member_and_generation() {
    use ErrorCode::{
        GroupIdNotFound, IllegalGeneration, None as Ok, RebalanceInProgress, UnknownMemberId,
    };
    // What the group is like, who commits in which generation (`m` is its member, `` nobody), and
    // the answers in versions 8 and 9.
    let cases = [
        ("absent", "", -1, [Ok, Ok]),
        ("absent", "who", 1, [IllegalGeneration, GroupIdNotFound]),
        ("absent", "who", -1, [Ok, Ok]),
        ("empty", "", -1, [Ok, Ok]),
        ("empty", "m", -1, [Ok, Ok]),
        ("empty", "m", 1, [UnknownMemberId, UnknownMemberId]),
        ("stable", "", -1, [UnknownMemberId, UnknownMemberId]),
        ("stable", "m", 1, [Ok, Ok]),
        ("stable", "m", 0, [IllegalGeneration, IllegalGeneration]),
        ("stable", "m", -1, [IllegalGeneration, IllegalGeneration]),
        ("stable", "who", 1, [UnknownMemberId, UnknownMemberId]),
        ("preparing", "m", 1, [Ok, Ok]),
        ("preparing", "", -1, [UnknownMemberId, UnknownMemberId]),
        ("completing", "m", 2, [RebalanceInProgress, RebalanceInProgress]),
        ("completing", "m", 1, [IllegalGeneration, IllegalGeneration]),
    ];
    for (state, who, generation_id, expected) in cases {
        for (version, expected) in [8, 9].into_iter().zip(expected) {
            let (mut world, known) = world_with(state);
            let member_id = match (who, known) {
                ("m", Some(known)) => known.member_id,
                _ => who.to_owned(),
            };
            let client = Client { member_id, instance_id: None, generation_id };
            let request = commit_request(Some(&client), 7);
            assert_eq!(world.commit_code(version, &request), expected, "{state} {client:?}");
            let offsets: &[&str] = if expected == Ok { &["t-0@7"] } else { &[] };
            assert_eq!(world.offsets(), offsets, "{state} {client:?}");
        }
    }
}

#[test]
fn what_is_committed_comes_back_with_all_that_belongs_to_it() {
    let mut world = World::new();
    let mut request = commit_request(None, 42);
    request.topics[0].topic_id = Uuid([7; 16]);
    request.topics[0].partitions[0].committed_leader_epoch = 5;
    request.topics[0].partitions[0].committed_metadata = Some(Str::from("note"));
    assert_eq!(world.commit_code(8, &request), ErrorCode::None);
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        let waiter = world.fetch(Some(asked(Uuid::ZERO)), RequireStable::Yes);
        let group = world.fetched(waiter);
        let [there, missing] = group.topics[0].partitions.as_slice() else { panic!("{group:?}") };
        assert_eq!((there.committed_offset, there.committed_leader_epoch), (42, 5));
        assert_eq!(there.metadata.as_deref(), Some("note"));
        assert_eq!((missing.committed_offset, missing.committed_leader_epoch), (-1, -1));
        assert_eq!(missing.metadata.as_deref(), Some(""));
        assert_eq!((there.error_code, missing.error_code, group.error_code), (0, 0, 0));
    }
}

#[test]
fn an_offset_of_another_topic_of_the_same_name_is_not_shown() {
    let mut world = World::new();
    let mut request = commit_request(None, 42);
    request.topics[0].topic_id = Uuid([7; 16]);
    world.commit(9, &request);
    for (topic_id, expected) in [(Uuid([7; 16]), 42), (Uuid([8; 16]), -1), (Uuid::ZERO, 42)] {
        let waiter = world.fetch(Some(asked(topic_id)), RequireStable::No);
        let group = world.fetched(waiter);
        assert_eq!(group.topics[0].partitions[0].committed_offset, expected);
        assert_eq!(group.topics[0].topic_id, topic_id);
    }
}

#[test]
fn metadata_that_is_too_long_spoils_its_partition_only() {
    let mut world = World::with(GroupConfig { offset_metadata_max: 3, ..GroupConfig::default() });
    let mut request = commit_request(None, 1);
    let partition = request.topics[0].partitions[0].clone();
    for (index, metadata) in [(1, "four"), (2, "äöü"), (3, "😀x")] {
        let mut partition = partition.clone();
        partition.partition_index = index;
        partition.committed_metadata = Some(Str::from(metadata));
        request.topics[0].partitions.push(partition);
    }
    let waiter = world.commit(8, &request);
    let crate::Reply::OffsetCommit(response) = world.take(waiter) else { panic!("a commit") };
    let partitions = response.topics[0].partitions.iter();
    let codes = partitions.map(|p| ErrorCode::from_code(p.error_code)).collect::<Vec<_>>();
    let none = ErrorCode::None;
    assert_eq!(codes, [none, ErrorCode::OffsetMetadataTooLarge, none, none]);
    assert_eq!(world.offsets(), ["t-0@1", "t-2@1", "t-3@1"]);
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default()]);
    for offset in 0..5 {
        world.advance(9_999);
        let request = commit_request(Some(&clients[0]), offset);
        assert_eq!(world.commit_code(8, &request), ErrorCode::None);
    }
    assert_eq!(world.state("g"), "Stable");
}

#[test]
fn an_offset_is_visible_when_it_is_durable() {
    let mut world = World::new();
    world.commit(8, &commit_request(None, 1));
    world.log_mode = Log::Held;
    let first = world.commit(8, &commit_request(None, 2));
    let second = world.commit(8, &commit_request(None, 3));
    let stable = world.fetch(None, RequireStable::Yes);
    assert_eq!(world.offsets(), ["t-0@1"]);
    world.commit_append();
    assert_eq!(world.committed(first), ErrorCode::None);
    assert_eq!(world.offsets(), ["t-0@2"]);
    assert!(!world.is_answered(stable), "it waits for what may be the last owner's offset");
    world.fail_append(ErrorCode::NotLeaderOrFollower);
    assert_eq!(world.committed(second), ErrorCode::NotCoordinator);
    assert_eq!(world.offsets(), ["t-0@2"]);
    assert_eq!(world.fetched(stable).topics[0].partitions[0].committed_offset, 2);
}

#[test]
fn several_appends_may_become_durable_together() {
    let mut world = World::new();
    world.log_mode = Log::Held;
    let waiters = [1, 2, 3].map(|offset| world.commit(8, &commit_request(None, offset)));
    let token = world.appends[1].token;
    let mut effects = Effects::default();
    world.shard.append_committed(world.now_ms, token, &mut effects);
    world.settle(effects);
    assert_eq!(waiters.map(|waiter| world.is_answered(waiter)), [true, true, false]);
    assert_eq!(world.offsets(), ["t-0@2"]);
}

#[test]
fn without_its_offset_there_is_no_simple_group() {
    let mut world = World::new();
    world.log_mode = Log::Held;
    world.commit(8, &commit_request(None, 1));
    assert_eq!(world.state("g"), "Empty");
    world.fail_append(ErrorCode::NotEnoughReplicas);
    assert_eq!(world.state("g"), "Dead");
}

#[test]
fn a_name_that_does_not_fit_a_record_is_refused_and_forgotten() {
    let mut world = World::new();
    let group_id = Str::from("x".repeat(40_000));
    let request = OffsetCommitRequest { group_id: group_id.clone(), ..commit_request(None, 1) };
    assert_eq!(world.commit_code(8, &request), ErrorCode::UnknownServerError);
    assert_eq!(world.shard.describe_group(&group_id, 0).group_state, "Dead");
}

#[test]
fn every_version_of_a_fetch_is_one_or_more_groups() {
    let single = OffsetFetchRequest {
        group_id: Str::from("g"),
        topics: Some(vec![OffsetFetchRequestTopic {
            name: Str::from("t"),
            partition_indexes: vec![0],
        }]),
        ..Default::default()
    };
    for version in 1..=10 {
        let request = if version < 8 {
            single.clone()
        } else {
            OffsetFetchRequest { groups: offset_fetch::groups(&single, 7), ..Default::default() }
        };
        let groups = offset_fetch::groups(&request, version);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].topics.as_ref().unwrap()[0].partition_indexes, [0]);
        let loading = ErrorCode::CoordinatorLoadInProgress;
        let refused = offset_fetch::refused_group(&groups[0], loading, version);
        let response = offset_fetch::response(vec![refused], version);
        response.encode(&mut Writer::new(), version).unwrap();
        let codes = (
            response.error_code,
            response.topics.first().map(|topic| topic.partitions[0].error_code),
            response.groups.first().map(|group| group.error_code),
        );
        // Version 1 has only its partitions for a client to see that it must ask again.
        let code = loading.code();
        let expected = match version {
            1 => (0, Some(code), None),
            2..=7 => (code, None, None),
            _ => (0, None, Some(code)),
        };
        assert_eq!(codes, expected, "version {version}");
    }
}

#[test]
fn all_topics_are_fetched_with_null() {
    let mut world = World::new();
    assert!(world.offsets().is_empty());
    let mut request = commit_request(None, 1);
    let mut other = request.topics[0].clone();
    other.name = Str::from("a");
    other.partitions[0].partition_index = 3;
    request.topics.push(other);
    world.commit(8, &request);
    assert_eq!(world.offsets(), ["a-3@1", "t-0@1"]);
}

#[test]
fn an_offset_in_an_open_transaction_is_unstable_until_it_ends() {
    for is_committed in [true, false] {
        let mut world = World::new();
        world.commit(8, &commit_request(None, 1));
        // The same record again, as a transaction would write it with another offset.
        let mut later = World::new();
        later.commit(8, &commit_request(None, 2));
        let record = &later.log[0];
        let producer = ProducerId(9);
        world.shard.replay(producer, &record.key, record.value.as_deref()).unwrap();
        world.shard.check();
        for (require_stable, offset, code) in [
            (RequireStable::Yes, -1, ErrorCode::UnstableOffsetCommit),
            (RequireStable::No, 1, ErrorCode::None),
        ] {
            let waiter = world.fetch(Some(asked(Uuid::ZERO)), require_stable);
            let partition = world.fetched(waiter).topics[0].partitions[0].clone();
            assert_eq!((partition.committed_offset, partition.error_code), (offset, code.code()));
        }
        world.shard.replay_end_transaction(producer, is_committed);
        assert_eq!(world.offsets(), [if is_committed { "t-0@2" } else { "t-0@1" }]);
    }
}

#[test]
fn offsets_are_deleted_unless_the_topic_is_subscribed_to() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default()]);
    let mut request = commit_request(Some(&clients[0]), 1);
    let mut other = request.topics[0].clone();
    other.name = Str::from("other");
    request.topics.push(other);
    world.commit(8, &request);
    for (topic, expected) in [
        ("t", ErrorCode::GroupSubscribedToTopic),
        ("other", ErrorCode::None),
        ("none", ErrorCode::None),
    ] {
        let response = world.delete_offset(topic, 0);
        assert_eq!(response.error_code, 0);
        assert_eq!(response.topics[0].partitions[0].error_code, expected.code(), "{topic}");
    }
    assert_eq!(world.offsets(), ["t-0@1"]);
    world.advance(60_000);
    world.delete_offset("t", 0);
    assert!(world.offsets().is_empty(), "an empty group subscribes to nothing");
    world.restart();
    assert!(world.offsets().is_empty());
}

#[test]
fn what_the_members_of_another_protocol_read_is_not_known() {
    let mut world = World::new();
    assert_eq!(world.delete_offset("t", 0).error_code, ErrorCode::GroupIdNotFound.code());
    let connect = Join { protocol_type: "connect", ..Join::default() };
    let clients = world.stable(&[connect]);
    world.commit(8, &commit_request(Some(&clients[0]), 1));
    assert_eq!(world.delete_offset("t", 0).error_code, ErrorCode::NonEmptyGroup.code());
    // A consumer whose metadata is not a subscription may read anything.
    let mut world = World::new();
    world.stable(&[Join { protocols: vec![("range", vec![0])], ..Join::default() }]);
    let response = world.delete_offset("t", 0);
    let code = response.topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::GroupSubscribedToTopic.code());
}

#[test]
fn with_a_topic_go_its_offsets_but_not_those_of_its_namesake() {
    let id = Uuid([7; 16]);
    for (committed, removed, is_left) in [
        (id, id, false),
        (Uuid::ZERO, id, false),
        (Uuid([8; 16]), id, true),
        (id, Uuid::ZERO, false),
    ] {
        let mut world = World::new();
        let mut request = commit_request(None, 1);
        request.topics[0].topic_id = committed;
        world.commit(8, &request);
        let mut effects = Effects::default();
        let topic = TopicName::new("t").unwrap();
        world.shard.remove_topic(world.now_ms, &topic, removed, &mut effects);
        world.settle(effects);
        assert_eq!(!world.offsets().is_empty(), is_left, "{committed:?} {removed:?}");
        world.restart();
    }
}

#[test]
fn a_refused_commit_has_the_error_in_every_partition() {
    let request = commit_request(None, 1);
    let response = refusal::offset_commit(&request, ErrorCode::NotCoordinator);
    let code = response.topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::NotCoordinator.code());
    let heartbeat = refusal::heartbeat(ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(heartbeat.error_code, 0);
}

#[test]
fn a_stored_name_does_not_hold_on_to_the_frame() {
    let frame = Bytes::from(vec![b't'; 1 << 16]);
    let name = Str::from_utf8(frame.slice(0..1)).unwrap();
    let mut world = World::new();
    let mut request = commit_request(None, 1);
    request.topics[0].name = name;
    assert_eq!(world.commit_code(8, &request), ErrorCode::None);
    drop(request);
    assert!(frame.is_unique(), "somebody still holds the frame");
}
