//! How an assignment gets from the leader to the members, and how members stay in.

use ottla_types::ErrorCode;
use ottla_wire::{Str, sync_group_request::SyncGroupRequest};

use super::world::{Client, Join, Log, World};

/// Two members that have joined: the leader first.
fn joined(world: &mut World) -> [Client; 2] {
    let waiters = [Join::default(), Join::default()].map(|join| world.join(&join));
    world.advance_until_answered(&waiters);
    let mut clients = waiters.map(|waiter| {
        let response = world.joined(waiter);
        let is_follower = response.leader != response.member_id;
        let member_id = response.member_id.to_string();
        (
            is_follower,
            Client { member_id, instance_id: None, generation_id: response.generation_id },
        )
    });
    clients.sort_by_key(|(is_follower, _)| *is_follower);
    clients.map(|(_, client)| client)
}

#[test]
fn followers_wait_until_the_leaders_assignment_is_durable() {
    let mut world = World::new();
    let [leader, follower] = joined(&mut world);
    world.log_mode = Log::Held;
    let waits = world.sync(&follower, &[]);
    let assignments = [(leader.member_id.as_str(), "left"), (&follower.member_id, "right")];
    let leads = world.sync(&leader, &assignments);
    assert!(!world.is_answered(waits) && !world.is_answered(leads));
    assert_eq!(world.state("g"), "CompletingRebalance");
    world.commit_append();
    assert_eq!(world.synced(leads).assignment, "left");
    assert_eq!(world.synced(waits).assignment, "right");
    assert_eq!(world.state("g"), "Stable");
    let again = world.sync(&follower, &[]);
    assert_eq!(world.synced(again).assignment, "right");
}

#[test]
fn who_is_missing_from_the_assignment_gets_an_empty_one() {
    let mut world = World::new();
    let [leader, follower] = joined(&mut world);
    let leads = world.sync(&leader, &[(&leader.member_id, "all"), ("nobody", "x")]);
    assert_eq!(world.synced(leads).assignment, "all");
    let follows = world.sync(&follower, &[]);
    let response = world.synced(follows);
    assert_eq!((response.error_code, response.assignment.len()), (0, 0));
}

#[test]
fn a_sync_is_refused_for_the_reason_kafka_gives() {
    let mut world = World::new();
    let client = world.stable(&[Join::default()]).remove(0);
    let good = SyncGroupRequest {
        group_id: Str::from("g"),
        generation_id: client.generation_id,
        member_id: Str::from(&client.member_id),
        protocol_type: Some(Str::from("consumer")),
        protocol_name: Some(Str::from("range")),
        ..Default::default()
    };
    let name = |name: &str| Some(Str::from(name));
    let cases = [
        (5, good.clone(), ErrorCode::None),
        (
            5,
            SyncGroupRequest { group_id: Str::default(), ..good.clone() },
            ErrorCode::InvalidGroupId,
        ),
        (
            5,
            SyncGroupRequest { group_id: Str::from("?"), ..good.clone() },
            ErrorCode::UnknownMemberId,
        ),
        (
            5,
            SyncGroupRequest { member_id: Str::from("?"), ..good.clone() },
            ErrorCode::UnknownMemberId,
        ),
        (
            5,
            SyncGroupRequest { group_instance_id: name("i"), ..good.clone() },
            ErrorCode::UnknownMemberId,
        ),
        (5, SyncGroupRequest { generation_id: 9, ..good.clone() }, ErrorCode::IllegalGeneration),
        (
            5,
            SyncGroupRequest { protocol_type: name("x"), ..good.clone() },
            ErrorCode::InconsistentGroupProtocol,
        ),
        (
            5,
            SyncGroupRequest { protocol_name: name("x"), ..good.clone() },
            ErrorCode::InconsistentGroupProtocol,
        ),
        (
            5,
            SyncGroupRequest { protocol_name: None, ..good.clone() },
            ErrorCode::InconsistentGroupProtocol,
        ),
        (4, SyncGroupRequest { protocol_name: None, ..good.clone() }, ErrorCode::None),
    ];
    for (version, request, expected) in cases {
        let waiter = world.sync_as(version, &request);
        assert_eq!(ErrorCode::from_code(world.synced(waiter).error_code), expected, "{request:?}");
    }
    world.join(&Join::default());
    let waiter = world.sync_as(5, &good);
    assert_eq!(world.synced(waiter).error_code, ErrorCode::RebalanceInProgress.code());
}

#[test]
fn a_rebalance_sends_away_who_waits_for_the_assignment() {
    let mut world = World::new();
    let [_, follower] = joined(&mut world);
    let waits = world.sync(&follower, &[]);
    world.join(&Join::default());
    assert_eq!(world.synced(waits).error_code, ErrorCode::RebalanceInProgress.code());
}

#[test]
fn an_assignment_of_a_generation_that_is_over_is_ignored() {
    let mut world = World::new();
    let [leader, _] = joined(&mut world);
    world.log_mode = Log::Held;
    let leads = world.sync(&leader, &[]);
    world.join(&Join::default());
    assert_eq!(world.synced(leads).error_code, ErrorCode::RebalanceInProgress.code());
    world.commit_append();
    assert_eq!(world.state("g"), "PreparingRebalance");
}

#[test]
fn a_leader_that_syncs_twice_writes_once() {
    let mut world = World::new();
    let [leader, _] = joined(&mut world);
    world.log_mode = Log::Held;
    let first = world.sync(&leader, &[(&leader.member_id, "a")]);
    let second = world.sync(&leader, &[(&leader.member_id, "b")]);
    assert_eq!(world.appends.len(), 1);
    assert_eq!(world.synced(first).error_code, ErrorCode::RebalanceInProgress.code());
    world.commit_append();
    assert_eq!(world.synced(second).assignment, "a");
}

#[test]
fn an_assignment_that_cannot_be_stored_is_an_error_for_all_and_a_new_rebalance() {
    for (error, expected) in [
        (ErrorCode::NotEnoughReplicas, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::RequestTimedOut, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::UnknownTopicOrPartition, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::NotLeaderOrFollower, ErrorCode::NotCoordinator),
        (ErrorCode::KafkaStorageError, ErrorCode::NotCoordinator),
        (ErrorCode::MessageTooLarge, ErrorCode::UnknownServerError),
        (ErrorCode::RecordListTooLarge, ErrorCode::UnknownServerError),
        (ErrorCode::InvalidFetchSize, ErrorCode::UnknownServerError),
        (ErrorCode::CorruptMessage, ErrorCode::CorruptMessage),
    ] {
        let mut world = World::new();
        let [leader, follower] = joined(&mut world);
        world.log_mode = Log::Held;
        let waiters = [&leader, &follower].map(|client| world.sync(client, &[]));
        world.fail_append(error);
        for waiter in waiters {
            assert_eq!(ErrorCode::from_code(world.synced(waiter).error_code), expected);
        }
        assert_eq!(world.state("g"), "PreparingRebalance");
    }
}

#[test]
fn who_takes_a_generation_but_never_syncs_is_out_after_the_rebalance_timeout() {
    let mut world = World::new();
    let join =
        Join { rebalance_timeout_ms: 20_000, session_timeout_ms: 300_000, ..Join::default() };
    let waiters = [join.clone(), join].map(|join| world.join(&join));
    world.advance_until_answered(&waiters);
    let clients = waiters.map(|waiter| {
        let response = world.joined(waiter);
        let member_id = response.member_id.to_string();
        Client { member_id, instance_id: None, generation_id: 1 }
    });
    let waits = world.sync(&clients[1], &[]);
    world.advance(19_999);
    assert_eq!(world.state("g"), "CompletingRebalance");
    world.advance(1);
    assert_eq!(world.members("g"), [clients[1].member_id.clone()]);
    assert_eq!(world.synced(waits).error_code, ErrorCode::RebalanceInProgress.code());
}

#[test]
fn a_heartbeat_is_answered_as_in_kafka() {
    let mut world = World::new();
    let nobody = Client { member_id: "who".to_owned(), instance_id: None, generation_id: 1 };
    assert_eq!(world.heartbeat(&nobody), ErrorCode::UnknownMemberId);
    let [leader, follower] = joined(&mut world);
    assert_eq!(world.heartbeat(&follower), ErrorCode::None, "also before the assignment");
    world.sync(&leader, &[]);
    world.sync(&follower, &[]);
    assert_eq!(world.heartbeat(&follower), ErrorCode::None);
    assert_eq!(world.heartbeat(&nobody), ErrorCode::UnknownMemberId);
    let old = Client { generation_id: 0, ..follower.clone() };
    assert_eq!(world.heartbeat(&old), ErrorCode::IllegalGeneration);
    world.join(&Join::default());
    assert_eq!(world.heartbeat(&follower), ErrorCode::RebalanceInProgress);
}

#[test]
fn heartbeats_keep_a_member_in_and_silence_puts_it_out() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default(), Join::default()]);
    for _ in 0..5 {
        world.advance(9_999);
        assert_eq!(
            world.state("g"),
            if world.members("g").len() == 2 { "Stable" } else { "PreparingRebalance" }
        );
        world.heartbeat(&clients[0]);
    }
    assert_eq!(world.members("g"), [clients[0].member_id.clone()]);
    assert_eq!(world.heartbeat(&clients[1]), ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_waits_for_others_does_not_expire() {
    let mut world = World::new();
    let join = Join { rebalance_timeout_ms: 300_000, ..Join::default() };
    let slow = Join { session_timeout_ms: 200_000, ..join.clone() };
    let clients = world.stable(&[join.clone(), slow]);
    let parked = world.join(&Join {
        member_id: clients[0].member_id.clone(),
        protocols: vec![("range", b"new".to_vec())],
        ..join
    });
    world.advance(100_000);
    assert!(!world.is_answered(parked));
    assert_eq!(world.members("g").len(), 2);
}
