//! InitProducerId, fencing, and the end of a producer id's epochs.

use ottla_types::{ErrorCode, ProducerId};

use super::{
    super::TransactionState,
    world::{ABORT, COMMIT, Pace, V0, V2, World, producer},
};

/// A world in which the id has used all epochs but the last.
fn exhausted() -> World {
    let mut world = World::new();
    world.take_over("a");
    let mut metadata = world.metadata("a").clone();
    metadata.producer.producer_epoch = i16::MAX - 1;
    world.shard.set_committed(&"a".into(), Some(metadata));
    world
}

#[test]
fn each_producer_that_takes_over_gets_the_next_epoch() {
    let mut world = World::new();
    assert_eq!(world.take_over("a"), producer(1_000, 0));
    assert_eq!(world.take_over("a"), producer(1_000, 1));
    assert_eq!(world.take_over("b"), producer(1_001, 0));
}

#[test]
fn a_producer_that_goes_on_after_an_error_may_ask_twice() {
    let mut world = World::new();
    let first = world.take_over("a");
    let asked = world.init("a", Some(first));
    assert_eq!(world.take(asked).producer, producer(1_000, 1));
    let again = world.init("a", Some(first));
    assert_eq!(world.take(again).producer, producer(1_000, 1));
    world.take_over("a");
    let fenced = world.init("a", Some(producer(1_000, 1)));
    assert_eq!(world.code(fenced), ErrorCode::ProducerFenced);
    let other = world.init("a", Some(producer(7, 2)));
    assert_eq!(world.code(other), ErrorCode::ProducerFenced);
}

#[test]
fn a_producer_whose_id_is_forgotten_gets_a_new_one() {
    let mut world = World::new();
    let asked = world.init("a", Some(producer(77, 3)));
    assert_eq!(world.take(asked).producer, producer(1_000, 0));
}

#[test]
fn a_takeover_aborts_what_is_open_and_is_to_be_repeated() {
    for (version, epoch_after) in [(V0, 2), (V2, 2)] {
        let mut world = World::new();
        world.set_version(version);
        let old = world.take_over("a");
        world.add("a", old, &[0], version);
        let taken = world.init("a", None);
        assert_eq!(world.code(taken), ErrorCode::ConcurrentTransactions);
        assert_eq!(world.state("a"), TransactionState::CompleteAbort);
        assert_eq!(world.written[0].producer, producer(1_000, 1), "the old epoch is fenced");
        assert_eq!(world.take_over("a"), producer(1_000, epoch_after));
        let late = world.end("a", old, COMMIT, version);
        assert_eq!(world.code(late), ErrorCode::ProducerFenced);
    }
}

#[test]
fn a_fence_that_is_not_recorded_raises_the_epoch_once() {
    let mut world = World::new();
    world.set_version(V0);
    let old = world.take_over("a");
    world.add("a", old, &[0], V0);
    world.pace = Pace::Held;
    for _ in 0..3 {
        let taken = world.init("a", None);
        world.fail_append(ErrorCode::NotEnoughReplicas);
        assert_eq!(world.code(taken), ErrorCode::CoordinatorNotAvailable);
    }
    world.pace = Pace::Prompt;
    world.init("a", None);
    assert_eq!(world.metadata("a").producer, producer(1_000, 1));
}

#[test]
fn when_epochs_are_used_up_a_takeover_gives_a_new_id() {
    let mut world = exhausted();
    assert_eq!(world.take_over("a"), producer(1_001, 0));
    assert_eq!(world.metadata("a").prev_producer_id, ProducerId(1_000));
}

#[test]
fn the_answer_with_a_new_id_may_be_lost() {
    let mut world = exhausted();
    let last = producer(1_000, i16::MAX - 1);
    for _ in 0..3 {
        let asked = world.init("a", Some(last));
        assert_eq!(world.take(asked).producer, producer(1_001, 0));
    }
    let never = world.init("a", Some(producer(1_001, i16::MAX - 1)));
    assert_eq!(world.code(never), ErrorCode::ProducerFenced);
}

#[test]
fn when_epochs_are_used_up_an_end_gives_a_new_id() {
    for result in [COMMIT, ABORT] {
        let mut world = exhausted();
        let last = producer(1_000, i16::MAX - 1);
        world.add("a", last, &[0], V2);
        let ended = world.end("a", last, result, V2);
        assert_eq!(world.take(ended).producer, producer(1_001, 0));
        assert_eq!(world.written[0].producer, producer(1_000, i16::MAX));
        let retry = world.end("a", last, result, V2);
        assert_eq!(world.take(retry).producer, producer(1_001, 0));
        world.crash();
        let retry = world.end("a", last, result, V2);
        assert_eq!(world.take(retry).producer, producer(1_001, 0));
        world.add("a", producer(1_001, 0), &[0], V2);
        let late = world.end("a", last, result, V2);
        assert_eq!(world.code(late), ErrorCode::InvalidProducerIdMapping);
    }
}

#[test]
fn a_producer_in_its_last_epoch_can_be_fenced() {
    for version in [V0, V2] {
        let mut world = exhausted();
        world.set_version(version);
        let last = producer(1_000, i16::MAX - 1);
        world.add("a", last, &[0], version);
        let taken = world.init("a", None);
        assert_eq!(world.code(taken), ErrorCode::ConcurrentTransactions);
        assert_eq!(world.written[0].producer, producer(1_000, i16::MAX));
        assert_eq!(world.state("a"), TransactionState::CompleteAbort);
        let new = world.take_over("a");
        assert_eq!(new.producer_id, ProducerId(1_001), "{version:?}");
        world.add("a", new, &[0], version);
        assert_eq!(world.state("a"), TransactionState::Ongoing);
    }
}

#[test]
fn a_producer_in_its_last_epoch_can_time_out() {
    let mut world = exhausted();
    world.add("a", producer(1_000, i16::MAX - 1), &[0], V2);
    world.advance(100_000);
    assert_eq!(world.state("a"), TransactionState::CompleteAbort);
    assert_eq!(world.metadata("a").producer, producer(1_001, 0));
}

#[test]
fn who_waits_for_an_id_is_told_when_there_is_none() {
    let mut world = World::new();
    world.pace = Pace::Held;
    let asked = world.init("a", None);
    assert!(world.wants_producer_id && !world.is_answered(asked));
    world.act(|world, effects| {
        let none = Err(ErrorCode::NotController);
        world.shard.supply_producer_id(world.now_ms, none, effects);
    });
    assert_eq!(world.code(asked), ErrorCode::NotController);
}

#[test]
fn two_that_take_over_a_new_id_at_once_do_not_share_it() {
    let mut world = World::new();
    world.pace = Pace::Held;
    let (one, two) = (world.init("a", None), world.init("a", None));
    world.supply();
    assert_eq!(world.code(two), ErrorCode::ConcurrentTransactions);
    world.commit_append();
    assert_eq!(world.take(one).producer, producer(1_000, 0));
}
