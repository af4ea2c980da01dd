//! Offsets committed in transactions.

use ottla_types::ErrorCode;
use ottla_wire::{Str, offset_fetch_request::OffsetFetchRequestTopics};

use super::world::{Client, Log, World, commit_request};
use crate::{Reply, RequireStable};

const UNSTABLE: i16 = ErrorCode::UnstableOffsetCommit.code();

/// Offset and error of the only partition.
fn fetched(world: &mut World, require_stable: RequireStable) -> (i64, i16) {
    let topics = vec![OffsetFetchRequestTopics {
        name: Str::from("t"),
        partition_indexes: vec![0],
        ..Default::default()
    }];
    let waiter = world.fetch(Some(topics), require_stable);
    let group = world.fetched(waiter);
    let partition = &group.topics[0].partitions[0];
    (partition.committed_offset, partition.error_code)
}

fn seen(world: &mut World) -> (i64, i16) {
    fetched(world, RequireStable::Yes)
}

#[test]
fn an_offset_in_a_transaction_is_seen_when_that_is_committed() {
    for (is_committed, expected) in [(true, (7, 0)), (false, (3, 0))] {
        let mut world = World::new();
        world.commit(8, &commit_request(None, 3));
        let waiter = world.commit_in(1, None, 7);
        assert_eq!(world.committed_in(waiter), ErrorCode::None);
        assert_eq!(seen(&mut world), (-1, UNSTABLE));
        assert_eq!(fetched(&mut world, RequireStable::No), (3, 0));
        world.restart();
        assert_eq!(seen(&mut world), (-1, UNSTABLE));
        let waiter = world.end(1, is_committed);
        assert_eq!(world.take(waiter), Reply::EndTransaction(ErrorCode::None));
        assert_eq!(seen(&mut world), expected);
        world.restart();
        assert_eq!(seen(&mut world), expected);
    }
}

#[test]
fn a_group_may_consist_of_an_open_transaction() {
    let mut world = World::new();
    world.commit_in(1, None, 7);
    assert_eq!(world.state("g"), "Empty");
    assert_eq!(seen(&mut world), (-1, UNSTABLE));
    assert_eq!(fetched(&mut world, RequireStable::No), (-1, 0));
    world.restart();
    assert_eq!(world.state("g"), "Empty");
    world.advance(30 * 24 * 3_600_000);
    assert_eq!(world.state("g"), "Empty", "it stays as long as the transaction is open");
    world.end(1, false);
    world.advance(3_600_000);
    assert_eq!(world.state("g"), "Dead");
}

#[test]
fn the_last_offset_in_the_log_counts_whichever_transaction_ends_first() {
    let mut world = World::new();
    world.commit_in(1, None, 10);
    world.commit_in(2, None, 20);
    world.end(2, true);
    assert_eq!(seen(&mut world), (-1, UNSTABLE), "one is still open");
    assert_eq!(fetched(&mut world, RequireStable::No), (20, 0));
    world.restart();
    world.end(1, true);
    assert_eq!(seen(&mut world), (20, 0));

    world.commit_in(1, None, 30);
    world.commit(8, &commit_request(None, 40));
    assert_eq!(fetched(&mut world, RequireStable::No), (40, 0));
    world.restart();
    world.end(1, true);
    assert_eq!(seen(&mut world), (40, 0), "a commit without transaction came later");

    world.commit_in(1, None, 50);
    world.commit(8, &commit_request(None, 60));
    world.commit_in(1, None, 70);
    world.end(1, true);
    assert_eq!(seen(&mut world), (70, 0));
}

#[test]
fn a_deleted_offset_takes_those_of_open_transactions_with_it() {
    let mut world = World::new();
    world.commit_in(1, None, 7);
    world.delete_offset("t", 0);
    assert_eq!(seen(&mut world), (-1, 0));
    world.end(1, true);
    assert_eq!(seen(&mut world), (-1, 0));
    world.restart();
    assert_eq!(seen(&mut world), (-1, 0));
}

#[test]
fn the_offsets_of_a_deleted_topic_go_with_it() {
    let mut world = World::new();
    world.commit_in(1, None, 7);
    let topic = ottla_types::TopicName::new("t").unwrap();
    let now_ms = world.now_ms;
    world.call(0, |shard, _, effects| {
        shard.remove_topic(now_ms, &topic, ottla_types::Uuid::ZERO, effects);
    });
    assert_eq!(seen(&mut world), (-1, 0));
    world.end(1, true);
    assert_eq!(seen(&mut world), (-1, 0));
}

#[test]
fn a_transaction_ends_in_the_order_of_the_log() {
    let mut world = World::new();
    world.log_mode = Log::Held;
    let first = world.commit_in(1, None, 1);
    let end = world.end(1, true);
    let second = world.commit_in(1, None, 2);
    for (waiter, offset) in [(first, -1), (end, 1), (second, 1)] {
        assert!(!world.is_answered(waiter));
        world.commit_append();
        assert!(world.is_answered(waiter));
        assert_eq!(fetched(&mut world, RequireStable::No), (offset, 0));
    }
    world.restart();
    assert_eq!(fetched(&mut world, RequireStable::No), (1, 0));
    assert_eq!(seen(&mut world), (-1, UNSTABLE));
}

#[test]
fn what_cannot_be_written_leaves_no_trace() {
    let mut world = World::new();
    world.log_mode = Log::Held;
    let waiter = world.commit_in(1, None, 1);
    world.fail_append(ErrorCode::InvalidTxnState);
    assert_eq!(world.committed_in(waiter), ErrorCode::InvalidTxnState);
    assert_eq!(world.state("g"), "Dead");
    let waiter = world.end(1, true);
    world.fail_append(ErrorCode::KafkaStorageError);
    let failed = Reply::EndTransaction(ErrorCode::KafkaStorageError);
    assert_eq!(world.take(waiter), failed, "as the log says it");
}

#[test]
fn members_and_generations_are_checked_where_a_client_names_them() {
    let mut world = World::prompt();
    let mut unknown = Client { member_id: "x".to_owned(), instance_id: None, generation_id: 1 };
    let waiter = world.commit_in(1, Some(&unknown), 1);
    assert_eq!(world.committed_in(waiter), ErrorCode::IllegalGeneration, "no such group");
    let member = world.stable(&[super::world::Join::default()]).remove(0);
    let mut code = |client: Option<&Client>| {
        let waiter = world.commit_in(1, client, 1);
        world.committed_in(waiter)
    };
    assert_eq!(code(None), ErrorCode::None, "old clients name nobody");
    assert_eq!(code(Some(&member)), ErrorCode::None);
    let old = Client { generation_id: member.generation_id - 1, ..member.clone() };
    assert_eq!(code(Some(&old)), ErrorCode::IllegalGeneration);
    unknown.generation_id = member.generation_id;
    assert_eq!(code(Some(&unknown)), ErrorCode::UnknownMemberId);
    // While the group rebalances, the members of the generation before commit what they have read.
    world.join(&super::world::Join::default());
    let waiter = world.commit_in(1, Some(&member), 2);
    assert_eq!(world.committed_in(waiter), ErrorCode::None);
}
