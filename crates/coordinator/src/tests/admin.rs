//! What tools see and do.

use ottla_types::ErrorCode;
use ottla_wire::{Message, Str, Writer, describe_groups_response::DescribeGroupsResponse};

use super::world::{Join, Log, World, commit_request, subscription};

#[test]
fn a_stable_group_is_described_in_full_and_another_without_metadata() {
    let mut world = World::new();
    let client = world.stable(&[Join::default()]).remove(0);
    let group = world.shard.describe_group(&Str::from("g"), 6);
    assert_eq!((group.group_state.as_str(), group.error_code), ("Stable", 0));
    assert_eq!((group.protocol_type.as_str(), group.protocol_data.as_str()), ("consumer", "range"));
    let member = &group.members[0];
    assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("c", "/127.0.0.1"));
    assert_eq!(member.member_metadata, subscription(&["t"]));
    assert_eq!(member.member_assignment, client.member_id.as_str());

    world.join(&Join::default());
    let group = world.shard.describe_group(&Str::from("g"), 6);
    assert_eq!(group.group_state, "PreparingRebalance");
    assert_eq!((group.protocol_type.as_str(), group.protocol_data.as_str()), ("consumer", ""));
    assert!(group.members.iter().all(|member| member.member_metadata.is_empty()));
}

#[test]
fn a_group_that_does_not_exist_is_dead_and_from_version_6_an_error() {
    let world = World::new();
    for version in 0..=6 {
        let group = world.shard.describe_group(&Str::from("who"), version);
        assert_eq!(group.group_state, "Dead");
        let code = if version == 6 { ErrorCode::GroupIdNotFound } else { ErrorCode::None };
        assert_eq!(group.error_code, code.code());
        assert_eq!(group.error_message.is_some(), version == 6);
        let response = DescribeGroupsResponse { groups: vec![group], ..Default::default() };
        response.encode(&mut Writer::new(), version).unwrap();
    }
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut world = World::new();
    world.stable(&[Join::default()]);
    world.join(&Join { group_id: "h", ..Join::default() });
    let request = ottla_wire::offset_commit_request::OffsetCommitRequest {
        group_id: Str::from("simple"),
        ..commit_request(None, 1)
    };
    world.commit(8, &request);
    let cases: [(&[&str], &[&str], &[&str]); 9] = [
        (&[], &[], &["g", "h", "simple"]),
        (&["Stable"], &[], &["g"]),
        (&["stable", " EMPTY "], &[], &["g", "simple"]),
        (&["preparingrebalance"], &["Classic"], &["h"]),
        (&["Dead"], &[], &[]),
        (&["nonsense"], &[], &[]),
        (&[], &["classic"], &["g", "h", "simple"]),
        (&[], &["consumer"], &[]),
        (&[], &["nonsense", "classic"], &["g", "h", "simple"]),
    ];
    for (states, types, expected) in cases {
        let names = |names: &[&str]| names.iter().map(|name| Str::from(*name)).collect::<Vec<_>>();
        let listed = world.shard.list_groups(&names(states), &names(types));
        let ids = listed.iter().map(|group| group.group_id.as_str()).collect::<Vec<_>>();
        assert_eq!(ids, expected, "{states:?} {types:?}");
        assert!(listed.iter().all(|group| group.group_type == "classic"));
    }
    let listed = world.shard.list_groups(&[], &[]);
    let types = listed.iter().map(|group| group.protocol_type.as_str()).collect::<Vec<_>>();
    assert_eq!(types, ["consumer", "consumer", ""]);
}

#[test]
fn only_empty_groups_are_deleted_with_all_their_offsets() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default()]);
    world.commit(8, &commit_request(Some(&clients[0]), 1));
    let named = |name: &str, code| (name.to_owned(), code);
    assert_eq!(
        world.delete_groups(&["g", "who"]),
        [named("g", ErrorCode::NonEmptyGroup), named("who", ErrorCode::GroupIdNotFound)]
    );
    world.advance(60_000);
    assert_eq!(world.delete_groups(&["g", "g"]), [named("g", ErrorCode::None)]);
    assert_eq!(world.state("g"), "Dead");
    assert!(world.offsets().is_empty());
    world.restart();
    assert_eq!(world.state("g"), "Dead");
    assert_eq!(world.delete_groups(&["g"]), [named("g", ErrorCode::GroupIdNotFound)]);
}

#[test]
fn a_group_whose_deletion_fails_is_still_there() {
    let mut world = World::new();
    world.commit(8, &commit_request(None, 1));
    world.log_mode = Log::Held;
    let group_ids = [Str::from("g"), Str::from("who")];
    let waiter =
        world.call(2, |shard, call, effects| shard.delete_groups(call, &group_ids, effects));
    assert!(!world.is_answered(waiter));
    world.fail_append(ErrorCode::NotEnoughReplicas);
    let crate::Reply::DeleteGroups(response) = world.take(waiter) else { panic!("a deletion") };
    let code = ErrorCode::CoordinatorNotAvailable.code();
    assert!(response.results.iter().all(|result| result.error_code == code));
    assert_eq!(world.state("g"), "Empty");
    assert_eq!(world.offsets(), ["t-0@1"]);
}

#[test]
fn an_offset_committed_after_the_deletion_makes_a_new_group() {
    let mut world = World::new();
    world.commit(8, &commit_request(None, 1));
    world.log_mode = Log::Held;
    let group_ids = [Str::from("g")];
    world.call(2, |shard, call, effects| shard.delete_groups(call, &group_ids, effects));
    world.commit(8, &commit_request(None, 2));
    world.commit_append();
    world.commit_append();
    assert_eq!(world.offsets(), ["t-0@2"]);
    world.restart();
    assert_eq!(world.offsets(), ["t-0@2"]);
}
