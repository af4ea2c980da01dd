//! When offsets and groups go.

use ottla_wire::Str;

use super::world::{Client, Join, World, commit_request, subscription};
use crate::GroupConfig;

const RETENTION_MS: i64 = 100_000;

fn world() -> World {
    World::with(GroupConfig {
        offsets_retention_ms: RETENTION_MS,
        offsets_retention_check_interval_ms: 1_000,
        session_timeout_ms_min: 1_000,
        session_timeout_ms_max: i32::MAX,
        ..GroupConfig::default()
    })
}

fn commit_two(world: &mut World, client: Option<&Client>) {
    let mut request = commit_request(client, 1);
    let mut other = request.topics[0].clone();
    other.name = Str::from("other");
    request.topics.push(other);
    world.commit(8, &request);
}

#[test]
fn offsets_of_a_simple_group_expire_by_their_age_and_the_group_with_the_last() {
    let mut world = world();
    world.commit(8, &commit_request(None, 1));
    world.advance(50_000);
    let mut later = commit_request(None, 2);
    later.topics[0].partitions[0].partition_index = 1;
    world.commit(8, &later);
    world.advance(49_999);
    assert_eq!(world.offsets(), ["t-0@1", "t-1@2"]);
    world.advance(1);
    assert_eq!(world.offsets(), ["t-1@2"]);
    world.advance(50_000);
    assert_eq!(world.state("g"), "Dead");
    world.restart();
    assert_eq!(world.state("g"), "Dead");
}

#[test]
fn in_an_empty_group_the_time_since_the_last_member_counts() {
    let mut world = world();
    let clients = world.stable(&[Join { session_timeout_ms: 200_000, ..Join::default() }]);
    world.commit(8, &commit_request(Some(&clients[0]), 1));
    world.advance(200_000);
    assert_eq!(world.state("g"), "Empty");
    world.advance(99_000);
    assert_eq!(world.offsets(), ["t-0@1"], "old, but the group was in use");
    world.restart();
    world.advance(1_000);
    assert_eq!(world.state("g"), "Dead");
}

#[test]
fn in_a_stable_consumer_group_only_topics_nobody_reads_expire() {
    let mut world = world();
    let clients = world.stable(&[Join { session_timeout_ms: i32::MAX, ..Join::default() }]);
    commit_two(&mut world, Some(&clients[0]));
    world.advance(RETENTION_MS - 1);
    assert_eq!(world.offsets().len(), 2);
    world.advance(1);
    assert_eq!(world.offsets(), ["t-0@1"]);
    assert_eq!(world.state("g"), "Stable");
}

#[test]
fn in_any_other_group_with_members_nothing_expires() {
    for join in [
        Join { protocol_type: "connect", ..Join::default() },
        Join { protocols: vec![("range", b"?".to_vec())], ..Join::default() },
    ] {
        let mut world = world();
        let clients = world.stable(&[Join { session_timeout_ms: i32::MAX, ..join }]);
        commit_two(&mut world, Some(&clients[0]));
        world.advance(10 * RETENTION_MS);
        assert_eq!(world.offsets().len(), 2);
    }
    // Nor while a consumer group rebalances.
    let mut world = world();
    let join =
        Join { session_timeout_ms: i32::MAX, rebalance_timeout_ms: i32::MAX, ..Join::default() };
    let waiter = world.join(&join);
    world.advance(3_000);
    let client = Client {
        member_id: world.joined(waiter).member_id.to_string(),
        instance_id: None,
        generation_id: 1,
    };
    world.sync(&client, &[]);
    commit_two(&mut world, Some(&client));
    let protocols = vec![("range", subscription(&["new"]))];
    world.join(&Join { protocols, ..join.clone() });
    assert_eq!(world.state("g"), "PreparingRebalance");
    world.advance(200_000);
    assert_eq!(world.offsets().len(), 2);
}

#[test]
fn an_offset_with_an_expiry_of_its_own_goes_by_that() {
    let mut world = world();
    let mut request = commit_request(None, 1);
    request.retention_time_ms = 5_000;
    request.topics[0].partitions[0].committed_leader_epoch = 3;
    world.commit(4, &request);
    world.restart();
    world.advance(4_999);
    assert_eq!(world.offsets(), ["t-0@1"]);
    world.advance(1);
    assert!(world.offsets().is_empty());
}

#[test]
fn an_empty_group_without_offsets_goes_at_the_next_look() {
    let mut world = world();
    let waiter = world.join(&Join { version: 4, ..Join::default() });
    assert_eq!(world.state("g"), "Empty");
    world.advance(1_000);
    assert_eq!(world.state("g"), "Dead");
    let member_id = world.joined(waiter).member_id.to_string();
    let waiter = world.join(&Join { version: 4, member_id, ..Join::default() });
    let code = world.joined(waiter).error_code;
    assert_eq!(code, ottla_types::ErrorCode::UnknownMemberId.code());
}
