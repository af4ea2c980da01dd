//! What a shard makes of a log: its own, Kafka's, or a damaged one.

use bytes::{BufMut, BytesMut};
use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::Str;

use super::world::{Join, World, commit_request};
use crate::{Effects, GroupConfig, GroupShard, ReplayError, Replayed, record::GroupRecord};

#[test]
fn members_of_a_stable_group_have_a_session_timeout_to_come_back() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default(), Join::default()]);
    world.restart();
    assert_eq!(world.state("g"), "Stable");
    world.advance(9_999);
    assert_eq!(world.heartbeat(&clients[0]), ErrorCode::None);
    let again = world.sync(&clients[0], &[]);
    assert_eq!(world.synced(again).assignment, clients[0].member_id.as_str());
    world.advance(1);
    assert_eq!(world.state("g"), "PreparingRebalance");
    assert_eq!(world.members("g"), [clients[0].member_id.clone()]);
}

#[test]
fn a_group_that_was_rebalancing_is_as_it_was_before() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default()]);
    world.join(&Join::default());
    world.restart();
    assert_eq!(world.state("g"), "Stable");
    assert_eq!(world.members("g"), [clients[0].member_id.clone()]);
}

#[test]
fn a_group_over_a_limit_that_was_lowered_rebalances() {
    let mut world = World::new();
    world.stable(&[Join::default(), Join::default()]);
    let config = GroupConfig { group_size_max: 1, ..GroupConfig::default() };
    world.shard.set_config(config);
    world.restart();
    assert_eq!(world.state("g"), "PreparingRebalance");
}

#[test]
fn offsets_may_come_before_the_group_they_belong_to() {
    let mut world = World::new();
    let clients = world.stable(&[Join::default()]);
    world.commit(8, &commit_request(Some(&clients[0]), 5));
    world.log.reverse();
    let mut shard = world.replayed(GroupConfig::default());
    let mut effects = Effects::default();
    shard.loaded(world.now_ms, &mut effects);
    shard.check();
    // The first record of the group, an empty one, came last.
    assert_eq!(shard.describe_group(&Str::from("g"), 0).group_state, "Empty");
    world.shard = shard;
    assert_eq!(world.offsets(), ["t-0@5"]);
}

#[test]
fn tombstones_of_what_is_not_there_do_no_harm() {
    let mut world = World::new();
    world.commit(8, &commit_request(None, 5));
    world.delete_groups(&["g"]);
    let tombstones = world.log.iter().filter(|record| record.value.is_none());
    let mut shard = GroupShard::default();
    for record in tombstones {
        assert_eq!(shard.replay(ProducerId::NONE, &record.key, None), Ok(Replayed::Applied));
    }
    assert_eq!(shard.hard, GroupShard::default().hard);
}

#[test]
fn records_of_other_kinds_are_skipped_and_broken_ones_are_errors() {
    let mut shard = GroupShard::default();
    let mut replay = |key: &[u8], value| shard.replay(ProducerId::NONE, key, value);
    for kind in [3_i16, 8, 15, 30, -1] {
        let key = [kind.to_be_bytes().as_slice(), &[0, 1, b'g']].concat();
        assert_eq!(replay(&key, Some(b"?")), Ok(Replayed::Skipped { key: kind }));
    }
    assert!(matches!(replay(b"", None), Err(ReplayError::Key(_))));
    assert!(matches!(replay(&[0, 2, 0], None), Err(ReplayError::Key(_))));
    assert!(matches!(replay(&[0, 1, 0, 1, b'g'], None), Err(ReplayError::Key(_))));
    assert!(matches!(replay(&[0, 2, 0, 1, b'g'], Some(&[0, 9])), Err(ReplayError::Value(_))));
    assert!(matches!(replay(&[0, 2, 0, 1, b'g'], Some(&[0, 3, 0])), Err(ReplayError::Value(_))));
    shard.check();
}

#[test]
fn an_offset_of_the_oldest_kind_is_read() {
    let mut key = BytesMut::new();
    key.put_i16(0);
    for name in ["g", "t"] {
        key.put_u16(1);
        key.put_slice(name.as_bytes());
    }
    key.put_i32(0);
    let mut value = BytesMut::new();
    value.put_i16(0);
    value.put_i64(77);
    value.put_slice(&[0, 1, b'm']);
    value.put_i64(1_600_000_000_000);
    let mut world = World::new();
    world.shard.replay(ProducerId::NONE, &key, Some(&value)).unwrap();
    let mut effects = Effects::default();
    world.shard.loaded(world.now_ms, &mut effects);
    world.settle(effects);
    assert_eq!(world.offsets(), ["t-0@77"]);
}

#[test]
fn a_damaged_generation_is_brought_to_life_without_harm() {
    // Two members of one instance id, a leader that is none of them, and no protocol.
    let mut world = World::new();
    let held = |id| Join { version: 5, instance_id: Some(id), ..Join::default() };
    world.stable(&[held("a"), held("b")]);
    let record = world.log.last().unwrap();
    let Ok(Ok(GroupRecord::Group { group_id, value: Some(mut stored) })) =
        GroupRecord::decode(&record.key, record.value.as_deref())
    else {
        panic!("the record of a group")
    };
    stored.members[1].group_instance_id = Some(Str::from("a"));
    stored.leader_id = Some(Str::from("nobody"));
    let broken = GroupRecord::Group { group_id, value: Some(stored) }.encode().unwrap();
    world.shard.replay(ProducerId::NONE, &broken.key, broken.value.as_deref()).unwrap();
    let mut effects = Effects::default();
    world.shard.loaded(world.now_ms, &mut effects);
    assert_eq!(world.members("g").len(), 1);
    world.advance(10_000);
    assert_eq!(world.state("g"), "Empty");
}
