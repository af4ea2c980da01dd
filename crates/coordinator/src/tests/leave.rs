//! Who leaves, by which name, and what that does to the others.

use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    leave_group_request::{LeaveGroupRequest, MemberIdentity},
};

use super::world::{Join, World};

fn identity(member_id: &str, instance_id: Option<&str>) -> MemberIdentity {
    MemberIdentity {
        member_id: Str::from(member_id),
        group_instance_id: instance_id.map(Str::from),
        reason: None,
    }
}

fn one(group_id: &str, member_id: &str) -> LeaveGroupRequest {
    LeaveGroupRequest {
        group_id: Str::from(group_id),
        member_id: Str::from(member_id),
        members: Vec::new(),
    }
}

#[test]
fn a_leave_is_refused_where_there_is_nothing_to_leave() {
    let mut world = World::new();
    world.stable(&[Join::default()]);
    for (group_id, expected) in [
        ("", ErrorCode::InvalidGroupId),
        ("?", ErrorCode::UnknownMemberId),
        ("g", ErrorCode::UnknownMemberId),
    ] {
        for version in 0..=2 {
            let response = world.leave(version, &one(group_id, "who"));
            assert_eq!(ErrorCode::from_code(response.error_code), expected, "{group_id}");
            assert!(response.members.is_empty());
        }
        let many = LeaveGroupRequest { members: vec![identity("who", None)], ..one(group_id, "") };
        let response = world.leave(3, &many);
        if group_id.is_empty() {
            assert_eq!(response.error_code, expected.code());
        } else {
            assert_eq!(response.error_code, 0);
            assert_eq!(response.members[0].error_code, expected.code());
        }
    }
}

#[test]
fn one_member_of_an_old_version_leaves_and_the_others_rebalance() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default(), Join::default()]);
    assert_eq!(world.leave(1, &one("g", &clients[0].member_id)).error_code, 0);
    assert_eq!(world.state("g"), "PreparingRebalance");
    assert_eq!(world.heartbeat(&clients[1]), ErrorCode::RebalanceInProgress);
    assert_eq!(world.heartbeat(&clients[0]), ErrorCode::UnknownMemberId);
}

#[test]
fn the_last_member_leaves_an_empty_group_that_is_stored() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default()]);
    let before = world.log.len();
    world.leave(1, &one("g", &clients[0].member_id));
    assert_eq!(world.state("g"), "Empty");
    assert_eq!(world.log.len(), before + 1);
    world.restart();
    assert_eq!(world.state("g"), "Empty");
    let waiter = world.join(&Join::default());
    world.advance(3_000);
    assert_eq!(world.joined(waiter).generation_id, 3, "generations go on counting");
}

#[test]
fn each_of_many_has_its_own_answer() {
    let mut world = World::new();
    let held = |id| Join { version: 5, instance_id: Some(id), ..Join::default() };
    let clients = world.stable(&[held("a"), held("b"), held("c"), Join::default()]);
    let pending = world.join(&Join { version: 4, ..Join::default() });
    let pending = world.joined(pending).member_id;
    let members = vec![
        identity("", Some("a")),
        identity("", Some("?")),
        identity("", None),
        identity(&clients[0].member_id, Some("b")),
        identity(&clients[1].member_id, Some("b")),
        identity(&pending, None),
        identity("who", None),
    ];
    let response = world.leave(5, &LeaveGroupRequest { members: members.clone(), ..one("g", "") });
    let codes = response.members.iter().map(|member| ErrorCode::from_code(member.error_code));
    assert_eq!(
        codes.collect::<Vec<_>>(),
        [
            ErrorCode::None,
            ErrorCode::UnknownMemberId,
            ErrorCode::UnknownMemberId,
            ErrorCode::FencedInstanceId,
            ErrorCode::None,
            ErrorCode::None,
            ErrorCode::UnknownMemberId,
        ]
    );
    let named = response.members.iter().zip(&members);
    assert!(named.into_iter().all(|(answer, asked)| answer.member_id == asked.member_id
        && answer.group_instance_id == asked.group_instance_id));
    assert_eq!(world.state("g"), "PreparingRebalance");
    assert_eq!(world.members("g").len(), 2);
}

#[test]
fn a_member_that_leaves_while_it_waits_is_answered() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default(), Join::default()]);
    let waiting = world.join(&Join { member_id: clients[0].member_id.clone(), ..Join::default() });
    world.leave(1, &one("g", &clients[0].member_id));
    assert_eq!(world.joined(waiting).error_code, ErrorCode::UnknownMemberId.code());
    let waiting = world.join(&Join { member_id: clients[1].member_id.clone(), ..Join::default() });
    let joined = world.joined(waiting);
    assert_eq!((joined.generation_id, joined.members.len()), (2, 1));
}
