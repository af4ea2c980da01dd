//! Who is let in, and how a join phase goes.

use ottla_types::ErrorCode;
use ottla_wire::Str;

use super::world::{Join, World, subscription};
use crate::GroupConfig;

fn code(response: &ottla_wire::join_group_response::JoinGroupResponse) -> ErrorCode {
    ErrorCode::from_code(response.error_code)
}

#[test]
fn what_is_wrong_with_the_request_itself_is_said_first() {
    let cases = [
        (Join { group_id: "", ..Join::default() }, ErrorCode::InvalidGroupId),
        (Join { session_timeout_ms: 5_999, ..Join::default() }, ErrorCode::InvalidSessionTimeout),
        (
            Join { session_timeout_ms: 1_800_001, ..Join::default() },
            ErrorCode::InvalidSessionTimeout,
        ),
        (Join { member_id: "who".to_owned(), ..Join::default() }, ErrorCode::UnknownMemberId),
        (Join { protocols: Vec::new(), ..Join::default() }, ErrorCode::InconsistentGroupProtocol),
        (Join { protocol_type: "", ..Join::default() }, ErrorCode::InconsistentGroupProtocol),
    ];
    for (join, expected) in cases {
        for version in 0..=9 {
            let mut world = World::new();
            let waiter = world.join(&Join { version, ..join.clone() });
            let response = world.joined(waiter);
            assert_eq!(code(&response), expected, "{join:?}");
            assert_eq!(response.member_id, join.member_id.as_str());
            assert_eq!(response.generation_id, -1);
            assert_eq!(response.protocol_name.is_none(), version >= 7, "version {version}");
        }
    }
}

#[test]
fn a_member_of_version_4_gets_its_id_first() {
    let mut world = World::new();
    let waiter = world.join(&Join { version: 4, ..Join::default() });
    let first = world.joined(waiter);
    assert_eq!(code(&first), ErrorCode::MemberIdRequired);
    assert_eq!(first.member_id, "c-u0");
    assert_eq!(world.state("g"), "Empty");

    let known = Join { version: 4, member_id: first.member_id.to_string(), ..Join::default() };
    let waiter = world.join(&known);
    assert_eq!(world.state("g"), "PreparingRebalance");
    world.advance(2_999);
    assert!(!world.is_answered(waiter));
    world.advance(1);
    let second = world.joined(waiter);
    assert_eq!(code(&second), ErrorCode::None);
    assert_eq!((second.generation_id, second.leader.as_str()), (1, "c-u0"));
    assert_eq!(second.protocol_name.as_deref(), Some("range"));
    assert_eq!(second.members.len(), 1);
    assert_eq!(second.members[0].metadata, subscription(&["t"]));
}

#[test]
fn an_id_that_is_not_used_expires_with_its_session_timeout() {
    let mut world = World::new();
    let waiter = world.join(&Join { version: 4, ..Join::default() });
    let member_id = world.joined(waiter).member_id.to_string();
    world.advance(10_000);
    let waiter = world.join(&Join { version: 4, member_id, ..Join::default() });
    assert_eq!(code(&world.joined(waiter)), ErrorCode::UnknownMemberId);
}

#[test]
fn an_id_that_was_given_cannot_come_back_as_a_static_member() {
    let mut world = World::new();
    let waiter = world.join(&Join { version: 5, ..Join::default() });
    let member_id = world.joined(waiter).member_id.to_string();
    let waiter =
        world.join(&Join { version: 5, member_id, instance_id: Some("i"), ..Join::default() });
    assert_eq!(code(&world.joined(waiter)), ErrorCode::UnknownServerError);
}

#[test]
fn the_first_reply_does_not_wait_for_the_record_of_the_group() {
    let mut world = World::new();
    let waiter = world.join(&Join { version: 4, ..Join::default() });
    assert!(world.is_answered(waiter));
    assert_eq!(world.log.len(), 1, "an empty group is stored");
}

#[test]
fn without_a_delay_the_first_member_leads_at_once() {
    let mut world = World::prompt();
    let waiter = world.join(&Join::default());
    let response = world.joined(waiter);
    assert_eq!(response.generation_id, 1);
    assert_eq!(response.leader, response.member_id);
}

#[test]
fn the_initial_delay_grows_while_members_keep_coming_up_to_the_rebalance_timeout() {
    let mut world = World::new();
    let join = Join { rebalance_timeout_ms: 7_000, ..Join::default() };
    let first = world.join(&join);
    world.advance(2_000);
    let second = world.join(&join);
    // At 3 s the second member is found to be new, and 3 s are added.
    world.advance(3_000);
    assert!(!world.is_answered(first));
    let third = world.join(&join);
    // At 6 s the third is, and what is left of 7 s is added.
    world.advance(1_500);
    assert!(!world.is_answered(first));
    world.advance(500);
    let generation = [first, second, third].map(|waiter| world.joined(waiter));
    assert!(generation.iter().all(|response| response.generation_id == 1));
    let leaders = generation.iter().filter(|response| !response.members.is_empty());
    assert_eq!(leaders.map(|response| response.members.len()).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_second_member_makes_the_first_rejoin() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default()]);
    let second = world.join(&Join::default());
    assert_eq!(world.state("g"), "PreparingRebalance");
    assert_eq!(world.heartbeat(&clients[0]), ErrorCode::RebalanceInProgress);
    let first = world.join(&Join { member_id: clients[0].member_id.clone(), ..Join::default() });
    let (first, second) = (world.joined(first), world.joined(second));
    assert_eq!((first.generation_id, second.generation_id), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
}

#[test]
fn who_does_not_rejoin_within_the_rebalance_timeout_is_out() {
    let mut world = World::new();
    let join = Join { session_timeout_ms: 30_000, rebalance_timeout_ms: 20_000, ..Join::default() };
    let clients = world.stable(&[join.clone(), join.clone()]);
    let waiter = world.join(&Join { member_id: clients[1].member_id.clone(), ..join.clone() });
    // A follower without news just gets its generation again.
    assert_eq!(world.joined(waiter).generation_id, 1);
    let newcomer = world.join(&join);
    let rejoined = world.join(&Join { member_id: clients[1].member_id.clone(), ..join });
    world.advance(19_999);
    assert!(!world.is_answered(newcomer));
    world.advance(1);
    let (newcomer, rejoined) = (world.joined(newcomer), world.joined(rejoined));
    assert_eq!(rejoined.generation_id, 2);
    assert_eq!(newcomer.leader, rejoined.leader, "there is one leader, and it has joined");
    assert!(!world.members("g").contains(&clients[0].member_id));
    assert_eq!(world.heartbeat(&clients[0]), ErrorCode::UnknownMemberId);
}

#[test]
fn a_rejoin_means_a_rebalance_only_when_something_may_have_changed() {
    let other = vec![("range", subscription(&["other"]))];
    // Who rejoins, with what, and whether a rebalance follows.
    for (index, protocols, expected) in [
        (0, None, "PreparingRebalance"),
        (1, None, "Stable"),
        (1, Some(other), "PreparingRebalance"),
    ] {
        let mut world = World::new();
        let clients = world.stable(&[Join::default(), Join::default()]);
        let protocols = protocols.unwrap_or(Join::default().protocols);
        let member_id = clients[index].member_id.clone();
        world.join(&Join { member_id, protocols, ..Join::default() });
        assert_eq!(world.state("g"), expected);
    }
}

#[test]
fn a_member_that_lost_its_reply_gets_it_again() {
    let mut world = World::new();
    let waiters = [Join::default(), Join::default()].map(|join| world.join(&join));
    world.advance_until_answered(&waiters);
    let responses = waiters.map(|waiter| world.joined(waiter));
    for response in responses {
        let member_id = response.member_id.to_string();
        let waiter = world.join(&Join { member_id, ..Join::default() });
        assert_eq!(world.joined(waiter), response);
    }
    assert_eq!(world.state("g"), "CompletingRebalance");
}

#[test]
fn a_join_that_is_sent_twice_answers_the_first_so_that_nobody_hangs() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default(), Join::default()]);
    let again = Join { member_id: clients[0].member_id.clone(), ..Join::default() };
    let (first, second) = (world.join(&again), world.join(&again));
    assert_eq!(code(&world.joined(first)), ErrorCode::RebalanceInProgress);
    assert!(!world.is_answered(second));
}

#[test]
fn the_protocol_is_the_one_most_members_prefer_of_those_all_support() {
    let metadata = || subscription(&["t"]);
    let cases: [(&[&[&str]], &str); 4] = [
        (
            &[&["range", "roundrobin"], &["roundrobin", "range"], &["roundrobin", "range"]],
            "roundrobin",
        ),
        (&[&["sticky", "range"], &["sticky", "range"], &["range"]], "range"),
        (&[&["a"]], "a"),
        // Between equals decides where Java's hash map lists them: as Apache Kafka answered.
        (&[&["range", "roundrobin"], &["roundrobin", "range"]], "range"),
    ];
    for (members, expected) in cases {
        let mut world = World::new();
        let waiters = members.iter().map(|names| {
            let protocols = names.iter().map(|name| match *name {
                "range" => ("range", metadata()),
                "roundrobin" => ("roundrobin", metadata()),
                "sticky" => ("sticky", metadata()),
                _ => ("a", metadata()),
            });
            Join { protocols: protocols.collect(), ..Join::default() }
        });
        let waiters = waiters.collect::<Vec<_>>();
        let waiters = waiters.iter().map(|join| world.join(join)).collect::<Vec<_>>();
        world.advance_until_answered(&waiters);
        for waiter in waiters {
            assert_eq!(world.joined(waiter).protocol_name.as_deref(), Some(expected));
        }
    }
}

#[test]
fn a_member_that_shares_no_protocol_is_refused() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default()]);
    let foreign = [
        Join { protocols: vec![("other", Vec::new())], ..Join::default() },
        Join { protocol_type: "connect", ..Join::default() },
    ];
    for join in foreign {
        let waiter = world.join(&join);
        assert_eq!(code(&world.joined(waiter)), ErrorCode::InconsistentGroupProtocol);
    }
    assert_eq!(world.heartbeat(&clients[0]), ErrorCode::None, "the group is not disturbed");
}

#[test]
fn an_empty_group_takes_another_protocol_type() {
    let mut world = World::new();
    world.stable(&[Join::default()]);
    world.advance(60_000);
    assert_eq!(world.state("g"), "Empty");
    let connect = Join {
        protocol_type: "connect",
        protocols: vec![("sessioned", b"opaque".to_vec())],
        version: 7,
        instance_id: Some("i"),
        ..Join::default()
    };
    let waiter = world.join(&connect);
    world.advance(3_000);
    let response = world.joined(waiter);
    assert_eq!(response.protocol_type.as_deref(), Some("connect"));
    assert_eq!(response.members[0].metadata, "opaque");
    assert_eq!(response.generation_id, 3);
}

#[test]
fn a_group_that_is_full_takes_nobody() {
    let mut world = World::with(GroupConfig { group_size_max: 2, ..GroupConfig::default() });
    let waiters = [0; 3].map(|_| world.join(&Join::default()));
    let refused = world.joined(waiters[2]);
    assert_eq!(code(&refused), ErrorCode::GroupMaxSizeReached);
    assert_eq!(refused.member_id, "");
    world.advance_until_answered(&waiters[..2]);
    assert_eq!(world.joined(waiters[0]).members.len() + world.joined(waiters[1]).members.len(), 2);
    let waiter = world.join(&Join::default());
    assert_eq!(code(&world.joined(waiter)), ErrorCode::GroupMaxSizeReached);
    assert_eq!(world.state("g"), "CompletingRebalance");
}

#[test]
fn a_new_member_that_never_hears_back_is_not_waited_for_forever() {
    let mut world =
        World::with(GroupConfig { new_member_join_timeout_ms: 5_000, ..GroupConfig::default() });
    let join = Join { session_timeout_ms: 600_000, ..Join::default() };
    let clients = world.stable(std::slice::from_ref(&join));
    let newcomer = world.join(&join);
    world.advance(5_000);
    assert_eq!(code(&world.joined(newcomer)), ErrorCode::UnknownMemberId);
    assert_eq!(world.members("g"), [clients[0].member_id.clone()]);
}

#[test]
fn version_0_has_one_timeout_for_both() {
    let mut world = World::new();
    let join = Join { version: 0, rebalance_timeout_ms: -1, ..Join::default() };
    world.stable(&[join.clone(), join.clone()]);
    let waiter = world.join(&join);
    world.advance(9_999);
    assert!(!world.is_answered(waiter));
    world.advance(1);
    assert_eq!(world.joined(waiter).generation_id, 2);
}

#[test]
fn a_group_whose_only_member_left_before_its_first_generation_becomes_empty() {
    let mut world = World::new();
    let waiter = world.join(&Join::default());
    let request = ottla_wire::leave_group_request::LeaveGroupRequest {
        group_id: Str::from("g"),
        member_id: Str::from("c-u0"),
        ..Default::default()
    };
    assert_eq!(world.leave(2, &request).error_code, 0);
    assert_eq!(code(&world.joined(waiter)), ErrorCode::UnknownMemberId);
    assert_eq!(world.state("g"), "PreparingRebalance");
    world.advance(3_000);
    assert_eq!(world.state("g"), "Empty");
}
