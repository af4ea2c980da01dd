//! Partitions are added, verified, and waited for.

use ottla_types::ErrorCode;

use super::{
    super::TransactionState,
    world::{COMMIT, Pace, V0, V2, World, producer},
};

#[test]
fn a_partition_counts_when_it_is_recorded() {
    let mut world = World::new();
    let it = world.take_over("a");
    let is_part = |world: &World, partition| world.shard.is_part("a", it, ("t", partition));
    world.pace = Pace::Held;
    let added = world.add("a", it, &[0], V2);
    assert!(!world.is_answered(added) && !is_part(&world, 0));
    world.commit_append();
    assert_eq!(world.code(added), ErrorCode::None);
    assert!(is_part(&world, 0) && !is_part(&world, 1));
    // Another is on its way; this one stays.
    world.add("a", it, &[1], V2);
    assert!(is_part(&world, 0));
    world.commit_append();
    let length = world.log.len();
    let again = world.add("a", it, &[0, 1], V2);
    assert_eq!(world.code(again), ErrorCode::None);
    assert_eq!(world.log.len() + world.appends.len(), length, "nothing new is nothing to record");
    world.end("a", it, COMMIT, V2);
    assert!(!is_part(&world, 0), "an end is on its way");
}

#[test]
fn verification_says_why_a_partition_is_none() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0], V0);
    let of = |world: &World, id: &str, producer| {
        world.shard.verify_partitions(id, producer).map(|known| known.contains("t", 0))
    };
    assert_eq!(of(&world, "a", it), Ok(true));
    assert_eq!(of(&world, "b", it), Err(ErrorCode::InvalidProducerIdMapping));
    assert_eq!(of(&world, "a", producer(3, 0)), Err(ErrorCode::InvalidProducerIdMapping));
    assert_eq!(of(&world, "a", producer(1_000, 4)), Err(ErrorCode::ProducerFenced));
    world.pace = Pace::Held;
    world.end("a", it, COMMIT, V0);
    assert_eq!(of(&world, "a", it), Ok(true), "it is not sure yet");
    world.commit_append();
    assert_eq!(of(&world, "a", it), Err(ErrorCode::ConcurrentTransactions));
    world.catch_up();
    assert_eq!(of(&world, "a", it), Ok(false));
}

#[test]
fn the_next_transaction_waits_for_the_end_of_the_last() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0], V2);
    world.pace = Pace::Held;
    world.end("a", it, COMMIT, V2);
    let next = producer(1_000, 1);
    let early = world.add("a", next, &[0], V2);
    world.commit_append();
    assert!(!world.is_answered(early));
    world.write_markers(&|_, _| ErrorCode::None);
    world.commit_append();
    assert_eq!(world.code(early), ErrorCode::None);
    assert_eq!(world.state("a"), TransactionState::Ongoing);
}

#[test]
fn who_has_waited_long_enough_is_told_to_come_back() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0], V2);
    world.pace = Pace::Held;
    world.end("a", it, COMMIT, V2);
    let early = world.add("a", producer(1_000, 1), &[0], V2);
    world.advance(99);
    assert!(!world.is_answered(early));
    world.advance(1);
    assert_eq!(world.code(early), ErrorCode::ConcurrentTransactions);
}

#[test]
fn who_is_parked_is_looked_at_again_when_an_append_fails() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.pace = Pace::Held;
    let first = world.add("a", it, &[0], V0);
    let second = world.add("a", it, &[1], V0);
    world.fail_append(ErrorCode::KafkaStorageError);
    assert_eq!(world.code(first), ErrorCode::NotCoordinator);
    world.commit_append();
    assert_eq!(world.code(second), ErrorCode::None);
    let partitions: Vec<i32> = world.metadata("a").partitions.iter().map(|(_, it)| it).collect();
    assert_eq!(partitions, [1]);
}

#[test]
fn whoever_waits_is_answered_when_the_shard_is_given_up() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.pace = Pace::Held;
    let waiters =
        [world.add("a", it, &[0], V2), world.add("a", it, &[1], V2), world.init("b", None)];
    world.act(|world, effects| world.shard.unload(effects));
    for waiter in waiters {
        assert_eq!(world.code(waiter), ErrorCode::NotCoordinator);
    }
    assert!(world.shard.is_empty());
}
