//! Members with an instance id, which come back under another member id.

use ottla_types::ErrorCode;

use super::world::{Client, Join, Log, World, commit_request, subscription};

fn static_join(instance_id: &'static str) -> Join {
    Join { version: 9, instance_id: Some(instance_id), ..Join::default() }
}

#[test]
fn a_static_member_needs_no_id_first() {
    let mut world = World::prompt();
    let waiter = world.join(&static_join("i"));
    let response = world.joined(waiter);
    assert_eq!(response.error_code, 0);
    assert_eq!(response.member_id, "i-u0");
    assert_eq!(response.members[0].group_instance_id.as_deref(), Some("i"));
}

#[test]
fn it_comes_back_without_a_rebalance_and_the_old_id_is_fenced() {
    // The leader from version 9 on is told to lead without assigning; before that, it is told of
    // the leader it was.
    for version in [5, 9] {
        for who in 0..2 {
            let mut world = World::new();
            let clients = world.stable(&[static_join("a"), static_join("b")]);
            let waiter =
                world.join(&Join { version, ..static_join(clients[who].instance_id.unwrap()) });
            assert_eq!(world.state("g"), "Stable");
            let response = world.joined(waiter);
            let is_leader = who == 0;
            assert_eq!(response.generation_id, 1);
            assert_ne!(response.member_id, clients[who].member_id.as_str());
            assert_eq!(response.skip_assignment, is_leader && version == 9);
            assert_eq!(response.members.len(), if is_leader && version == 9 { 2 } else { 0 });
            let leads = response.leader == response.member_id;
            assert_eq!(leads, is_leader && version == 9);

            assert_eq!(world.heartbeat(&clients[who]), ErrorCode::FencedInstanceId);
            let sync = world.sync(&clients[who], &[]);
            assert_eq!(world.synced(sync).error_code, ErrorCode::FencedInstanceId.code());
            let commit = commit_request(Some(&clients[who]), 1);
            assert_eq!(world.commit_code(7, &commit), ErrorCode::FencedInstanceId);
            let fenced = Join { member_id: clients[who].member_id.clone(), ..static_join("a") };
            let fenced = Join { instance_id: clients[who].instance_id, ..fenced };
            let waiter = world.join(&fenced);
            let refused = world.joined(waiter);
            assert_eq!(refused.error_code, ErrorCode::FencedInstanceId.code());
            assert_eq!(refused.protocol_name, None);

            let back = Client {
                member_id: response.member_id.to_string(),
                instance_id: clients[who].instance_id,
                generation_id: 1,
            };
            let sync = world.sync(&back, &[]);
            let assignment = world.synced(sync).assignment;
            assert_eq!(assignment, clients[who].member_id.as_str(), "the old one's assignment");
            world.restart();
            assert_eq!(world.heartbeat(&back), ErrorCode::None, "the new id was stored");
        }
    }
}

#[test]
fn it_comes_back_only_when_its_new_id_is_durable() {
    let mut world = World::new();
    let clients = world.stable(&[static_join("a")]);
    world.log_mode = Log::Held;
    let waiter = world.join(&static_join("a"));
    assert!(!world.is_answered(waiter));
    world.fail_append(ErrorCode::NotEnoughReplicas);
    let response = world.joined(waiter);
    assert_eq!(response.error_code, ErrorCode::CoordinatorNotAvailable.code());
    assert_eq!((response.member_id.as_str(), response.generation_id), ("", 1));
    assert_eq!(world.heartbeat(&clients[0]), ErrorCode::None, "the old id is back");
    world.log_mode = Log::Prompt;
    let waiter = world.join(&static_join("a"));
    assert_eq!(world.joined(waiter).error_code, 0);
}

#[test]
fn it_may_be_replaced_again_before_it_is_durable() {
    let mut world = World::new();
    world.stable(&[static_join("a")]);
    world.log_mode = Log::Held;
    let first = world.join(&static_join("a"));
    let second = world.join(&static_join("a"));
    assert_eq!(world.joined(first).error_code, ErrorCode::FencedInstanceId.code());
    world.commit_append();
    assert!(!world.is_answered(second));
    world.commit_append();
    assert_eq!(world.joined(second).error_code, 0);
    world.restart();
}

#[test]
fn other_metadata_alone_is_no_reason_for_a_rebalance_but_another_protocol_is() {
    for (protocols, expected) in [
        (vec![("range", subscription(&["other"]))], "Stable"),
        (vec![("sticky", Vec::new()), ("range", Vec::new())], "PreparingRebalance"),
    ] {
        let mut world = World::new();
        let both = vec![("range", Vec::new()), ("sticky", Vec::new())];
        let join = Join { protocols: both, ..static_join("a") };
        let other = Join { instance_id: Some("b"), ..join.clone() };
        world.stable(&[join.clone(), other]);
        let clients = world.members("g");
        assert_eq!(clients.len(), 2);
        world.join(&Join { protocols, ..static_join("a") });
        assert_eq!(world.state("g"), expected);
    }
}

#[test]
fn it_comes_back_into_a_rebalance_as_a_member_that_has_joined() {
    let mut world = World::new();
    let clients = world.stable(&[static_join("a"), Join::default()]);
    world.join(&Join::default());
    assert_eq!(world.state("g"), "PreparingRebalance");
    let back = world.join(&static_join("a"));
    assert!(!world.is_answered(back));
    world.join(&Join { member_id: clients[1].member_id.clone(), ..Join::default() });
    assert_eq!(world.joined(back).generation_id, 2);
}

#[test]
fn while_the_leader_assigns_it_makes_the_group_begin_anew() {
    let mut world = World::prompt();
    let first = world.join(&static_join("a"));
    let first = world.joined(first);
    assert_eq!(world.state("g"), "CompletingRebalance");
    let second = world.join(&static_join("a"));
    assert_eq!(world.joined(second).generation_id, first.generation_id + 1);
}

#[test]
fn who_was_waiting_under_the_old_id_is_told() {
    let mut world = World::new();
    let waiting = world.join(&static_join("a"));
    world.join(&static_join("a"));
    let response = world.joined(waiting);
    assert_eq!(response.error_code, ErrorCode::FencedInstanceId.code());
    assert_eq!(response.member_id, "a-u0");
    assert_eq!(response.protocol_name, None);
}

#[test]
fn it_is_not_thrown_out_for_missing_a_rebalance_only_for_its_session() {
    let mut world = World::new();
    let long =
        Join { session_timeout_ms: 100_000, rebalance_timeout_ms: 20_000, ..static_join("a") };
    let clients = world.stable(&[
        long,
        Join { session_timeout_ms: 100_000, rebalance_timeout_ms: 20_000, ..Join::default() },
    ]);
    let rejoined = world.join(&Join {
        member_id: clients[1].member_id.clone(),
        protocols: vec![("range", b"new".to_vec())],
        rebalance_timeout_ms: 20_000,
        ..Join::default()
    });
    world.advance(20_000);
    let response = world.joined(rejoined);
    assert_eq!(response.generation_id, 2);
    assert_eq!(response.members.len(), 2, "the static member is still counted");
    assert_eq!(response.leader, response.member_id, "but it cannot lead");
}

#[test]
fn a_group_of_silent_static_members_waits_for_their_sessions() {
    let mut world = World::new();
    let join =
        Join { session_timeout_ms: 50_000, rebalance_timeout_ms: 20_000, ..static_join("a") };
    let clients = world.stable(&[join]);
    world.heartbeat(&clients[0]);
    // A newcomer starts a rebalance and leaves it again.
    let newcomer = world.join(&Join { rebalance_timeout_ms: 20_000, ..Join::default() });
    let leave = ottla_wire::leave_group_request::LeaveGroupRequest {
        group_id: "g".into(),
        member_id: world
            .members("g")
            .into_iter()
            .find(|id| *id != clients[0].member_id)
            .unwrap()
            .into(),
        ..Default::default()
    };
    world.leave(0, &leave);
    assert_eq!(world.joined(newcomer).error_code, ErrorCode::UnknownMemberId.code());
    world.advance(20_000);
    assert_eq!(world.state("g"), "PreparingRebalance");
    world.advance(30_000);
    assert_eq!(world.state("g"), "Empty");
}
