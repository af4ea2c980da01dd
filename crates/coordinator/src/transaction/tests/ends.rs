//! EndTxn in every state, with both protocols.

use ottla_types::ErrorCode;

use super::{
    super::{TransactionConfig, TransactionState},
    world::{ABORT, COMMIT, Pace, V0, V2, World, producer},
};

#[test]
fn a_transaction_is_committed_and_its_partitions_marked() {
    let mut world = World::new();
    let it = world.take_over("a");
    let added = world.add("a", it, &[0, 1], V2);
    assert_eq!(world.code(added), ErrorCode::None);
    assert_eq!(world.state("a"), TransactionState::Ongoing);
    let ended = world.end("a", it, COMMIT, V2);
    let reply = world.take(ended);
    assert_eq!((reply.code, reply.producer), (ErrorCode::None, producer(1_000, 1)));
    assert_eq!(world.state("a"), TransactionState::CompleteCommit);
    let markers = &world.written[0];
    assert_eq!((markers.producer, markers.result), (producer(1_000, 1), COMMIT));
    assert_eq!(markers.partitions.iter().count(), 2);
}

#[test]
fn the_answer_waits_for_the_log_and_not_for_the_markers() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0], V2);
    world.pace = Pace::Held;
    let ended = world.end("a", it, COMMIT, V2);
    assert!(!world.is_answered(ended));
    world.commit_append();
    assert_eq!(world.code(ended), ErrorCode::None);
    assert_eq!(world.state("a"), TransactionState::PrepareCommit);
    world.write_markers(&|_, _| ErrorCode::None);
    assert_eq!(world.state("a"), TransactionState::CompleteCommit);
}

#[test]
fn an_end_that_is_not_recorded_is_none() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0], V2);
    world.pace = Pace::Held;
    let ended = world.end("a", it, COMMIT, V2);
    world.fail_append(ErrorCode::NotEnoughReplicas);
    assert_eq!(world.code(ended), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(world.state("a"), TransactionState::Ongoing);
    assert_eq!(world.metadata("a").producer, it, "the epoch has not gone up");
    let ended = world.end("a", it, ABORT, V2);
    world.catch_up();
    assert_eq!(world.code(ended), ErrorCode::None);
    assert_eq!(world.state("a"), TransactionState::CompleteAbort);
}

/// Kafka 4.4 takes the last end here for a retry, and the fenced producer goes on under the name of
/// the one that fenced it.
#[test]
fn a_fenced_producer_does_not_come_back_after_the_end_of_a_client_that_keeps_its_epoch() {
    let mut world = World::new();
    let first = world.take_over("a");
    world.add("a", first, &[0], V2);
    let ended = world.end("a", first, ABORT, V2);
    let fenced = world.take(ended).producer;
    let second = world.take_over("a");
    world.add("a", second, &[0], V0);
    let ended = world.end("a", second, ABORT, V0);
    assert_eq!(world.code(ended), ErrorCode::None);
    let late = world.end("a", fenced, ABORT, V2);
    assert_eq!(world.code(late), ErrorCode::ProducerFenced);
}

/// Kafka's table of what EndTxn from version 5 on makes of a retry and of a new request.
#[test]
fn with_version_2_the_epoch_tells_a_retry_from_a_new_request() {
    let fenced = ErrorCode::ProducerFenced;
    let wrong = ErrorCode::InvalidTxnState;
    let fine = ErrorCode::None;
    for (ended, abort, commit) in [
        (None, (fenced, fine), (fenced, wrong)),
        (Some(ABORT), (fine, fine), (wrong, wrong)),
        (Some(COMMIT), (wrong, fine), (fine, wrong)),
    ] {
        for (result, (retry, new)) in [(ABORT, abort), (COMMIT, commit)] {
            for (is_retry, expected) in [(true, retry), (false, new)] {
                let mut world = World::new();
                let mut before = world.take_over("a");
                let mut it = world.take_over("a");
                if let Some(ended) = ended {
                    before = it;
                    world.add("a", it, &[0], V2);
                    let waiter = world.end("a", it, ended, V2);
                    it = world.take(waiter).producer;
                }
                let waiter = world.end("a", if is_retry { before } else { it }, result, V2);
                let reply = world.take(waiter);
                assert_eq!(reply.code, expected, "{ended:?} {result:?} {is_retry}");
                if expected == fine {
                    let bumps = i16::from(!is_retry);
                    let epoch = it.producer_epoch + bumps;
                    assert_eq!(reply.producer.producer_epoch, epoch);
                }
            }
        }
    }
}

#[test]
fn with_version_0_an_end_is_repeated_by_saying_the_same_again() {
    for (ended, other) in [(COMMIT, ABORT), (ABORT, COMMIT)] {
        let mut world = World::new();
        let it = world.take_over("a");
        let ends = |world: &mut World, result| {
            let waiter = world.end("a", it, result, V0);
            world.code(waiter)
        };
        assert_eq!(ends(&mut world, ended), ErrorCode::InvalidTxnState);
        world.add("a", it, &[0], V0);
        assert_eq!(ends(&mut world, ended), ErrorCode::None);
        assert_eq!(ends(&mut world, ended), ErrorCode::None);
        assert_eq!(ends(&mut world, other), ErrorCode::InvalidTxnState);
        assert_eq!(world.metadata("a").producer, it, "the epoch stays");
        assert_eq!(world.written[0].producer, it);
    }
}

#[test]
fn while_an_end_is_under_way_nothing_else_is_decided() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0], V2);
    world.pace = Pace::Held;
    world.end("a", it, COMMIT, V2);
    for is_recorded in [false, true] {
        if is_recorded {
            world.commit_append();
        }
        let again = world.end("a", it, COMMIT, V2);
        assert_eq!(world.code(again), ErrorCode::ConcurrentTransactions);
        let taken = world.init("a", None);
        assert_eq!(world.code(taken), ErrorCode::ConcurrentTransactions);
    }
}

#[test]
fn wrong_names_are_told_what_is_wrong() {
    let mut world = World::new();
    let it = world.take_over("a");
    for version in [V0, V2] {
        let unknown = world.end("b", it, COMMIT, version);
        assert_eq!(world.code(unknown), ErrorCode::InvalidProducerIdMapping);
        let other = world.end("a", producer(5, 0), COMMIT, version);
        assert_eq!(world.code(other), ErrorCode::InvalidProducerIdMapping);
        let newer = world.end("a", producer(1_000, 7), COMMIT, version);
        assert_eq!(world.code(newer), ErrorCode::ProducerFenced);
    }
}

#[test]
fn a_partition_that_cannot_take_its_marker_is_tried_again() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0, 1, 2], V2);
    world.pace = Pace::Held;
    world.end("a", it, COMMIT, V2);
    world.commit_append();
    world.write_markers(&|_, partition| match partition {
        0 => ErrorCode::None,
        1 => ErrorCode::UnknownTopicOrPartition,
        _ => ErrorCode::KafkaStorageError,
    });
    assert_eq!(world.state("a"), TransactionState::PrepareCommit);
    world.advance(1_000);
    let again: Vec<i32> = world.markers[0].partitions.iter().map(|(_, number)| number).collect();
    assert_eq!(again, [2], "a topic that is gone needs no marker");
    world.write_markers(&|_, _| ErrorCode::None);
    assert_eq!(world.state("a"), TransactionState::CompleteCommit);
}

#[test]
fn what_takes_too_long_is_aborted_and_its_producer_fenced() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0], V2);
    world.advance(75_000);
    assert_eq!(world.state("a"), TransactionState::CompleteAbort);
    assert_eq!(world.metadata("a").producer, producer(1_000, 1));
    let late = world.add("a", it, &[0], V2);
    assert_eq!(world.code(late), ErrorCode::ProducerFenced);
    let late = world.end("a", it, COMMIT, V2);
    assert_eq!(world.code(late), ErrorCode::InvalidTxnState);
    let late = world.end("a", it, ABORT, V2);
    assert_eq!(world.take(late).producer, producer(1_000, 1), "an abort is what it wanted");
}

#[test]
fn a_transaction_that_goes_on_keeps_its_beginning() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0], V0);
    world.advance(55_000);
    world.add("a", it, &[1], V0);
    world.advance(20_000);
    assert_eq!(world.state("a"), TransactionState::CompleteAbort);
}

#[test]
fn ids_that_nobody_uses_are_forgotten() {
    let config = TransactionConfig { id_expiration_ms: 10_000_000, ..Default::default() };
    let mut world = World::with(config);
    world.take_over("idle");
    let it = world.take_over("busy");
    world.advance(9_000_000);
    world.add("busy", it, &[0], V2);
    world.advance(30_000);
    world.end("busy", it, COMMIT, V2);
    world.advance(3_000_000);
    assert!(world.shard.committed("idle").is_none());
    assert_eq!(world.state("busy"), TransactionState::CompleteCommit);
    assert_eq!(world.log.last().map(|record| record.value.is_none()), Some(true));
    world.crash();
    assert!(world.shard.committed("idle").is_none());
}

#[test]
fn an_end_goes_on_after_a_crash() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[0, 1], V2);
    world.pace = Pace::Held;
    world.end("a", it, COMMIT, V2);
    world.commit_append();
    world.crash();
    assert_eq!(world.state("a"), TransactionState::PrepareCommit);
    world.write_markers(&|_, _| ErrorCode::None);
    assert_eq!(world.state("a"), TransactionState::CompleteCommit);
    let retry = world.end("a", it, COMMIT, V2);
    assert_eq!(world.take(retry).producer, producer(1_000, 1));
}
