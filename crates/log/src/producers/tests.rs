//! The rules of idempotence as a table, and the snapshot format.

use ottla_record::{BatchBuilder, BuilderOptions, Record};
use ottla_types::ErrorCode;

use super::*;

mod transactions;

fn header(producer_epoch: i16, base_sequence: i32, count: usize, offset: i64) -> BatchHeader {
    let options = BuilderOptions {
        producer_id: ProducerId(7),
        producer_epoch,
        base_sequence,
        base_offset: Offset(offset),
        ..BuilderOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    for _ in 0..count {
        builder.append(&Record { timestamp: 1000, ..Record::default() }).unwrap();
    }
    BatchHeader::parse(&builder.finish().unwrap()).unwrap()
}

/// Producer 7 in epoch 2 after seven batches of two records: sequences 0 to 13, offsets 100 to 113.
fn known() -> ProducerState {
    let mut state = ProducerState::default();
    for n in 0..7_i32 {
        state.update(&header(2, n * 2, 2, 100 + i64::from(n) * 2), None);
    }
    state
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Appended,
    /// The offsets it got the first time.
    Duplicate(i64, i64),
    Refused(ErrorCode),
}

fn outcome(state: &ProducerState, header: &BatchHeader, origin: AppendOrigin) -> Outcome {
    match state.check(header, None, origin) {
        Ok(None) => Outcome::Appended,
        Ok(Some(batch)) => Outcome::Duplicate(batch.base_offset().0, batch.last_offset.0),
        Err(error) => Outcome::Refused(error.code()),
    }
}

#[test]
fn a_known_producer_goes_on_where_it_was() {
    use Outcome::{Appended, Duplicate, Refused};
    let (out_of_order, fenced) =
        (ErrorCode::OutOfOrderSequenceNumber, ErrorCode::InvalidProducerEpoch);
    let table = [
        // epoch, base sequence, count
        ((2, 14, 1), Appended),
        ((2, 14, 5), Appended),
        ((2, 15, 1), Refused(out_of_order)),
        // The last five batches are remembered, those before are not.
        ((2, 12, 2), Duplicate(112, 113)),
        ((2, 4, 2), Duplicate(104, 105)),
        ((2, 2, 2), Refused(out_of_order)),
        ((2, 0, 2), Refused(out_of_order)),
        // The same first sequence but not the same batch.
        ((2, 12, 1), Refused(out_of_order)),
        ((2, 12, 3), Refused(out_of_order)),
        ((1, 14, 1), Refused(fenced)),
        ((1, 0, 1), Refused(fenced)),
        ((3, 0, 1), Appended),
        ((3, 14, 1), Refused(out_of_order)),
        ((3, 1, 1), Refused(out_of_order)),
    ];
    for ((epoch, sequence, count), expected) in table {
        let header = header(epoch, sequence, count, -1);
        let found = outcome(&known(), &header, AppendOrigin::CLIENT);
        assert_eq!(found, expected, "epoch {epoch} sequence {sequence} count {count}");
    }
}

#[test]
fn an_unknown_producer_may_start_anywhere() {
    for (epoch, sequence) in [(0, 0), (0, 77), (9, i32::MAX)] {
        let header = header(epoch, sequence, 1, -1);
        let found = outcome(&ProducerState::default(), &header, AppendOrigin::CLIENT);
        assert_eq!(found, Outcome::Appended);
    }
}

#[test]
fn sequences_wrap_to_zero() {
    let mut state = ProducerState::default();
    state.update(&header(0, i32::MAX - 1, 2, 0), None);
    let next = header(0, 0, 3, -1);
    assert_eq!(outcome(&state, &next, AppendOrigin::CLIENT), Outcome::Appended);
    // Within a batch as well.
    let mut state = ProducerState::default();
    let wrapping = header(0, i32::MAX, 3, 0);
    assert_eq!(wrapping.last_sequence(), 1);
    state.update(&wrapping, None);
    assert_eq!(outcome(&state, &wrapping, AppendOrigin::CLIENT), Outcome::Duplicate(0, 2));
    let next = header(0, 2, 1, -1);
    assert_eq!(outcome(&state, &next, AppendOrigin::CLIENT), Outcome::Appended);
}

#[test]
fn only_clients_are_held_to_their_sequences() {
    let skipped = header(2, 99, 1, -1);
    let fenced = header(1, 99, 1, -1);
    assert_eq!(outcome(&known(), &skipped, AppendOrigin::COORDINATOR), Outcome::Appended);
    assert_eq!(
        outcome(&known(), &fenced, AppendOrigin::COORDINATOR),
        Outcome::Refused(ErrorCode::InvalidProducerEpoch)
    );
    assert_eq!(outcome(&known(), &fenced, AppendOrigin::Replication), Outcome::Appended);
}

#[test]
fn a_new_epoch_forgets_the_batches_of_the_old_one() {
    let mut state = known();
    state.update(&header(3, 0, 1, 114), None);
    let found = outcome(&state, &header(3, 0, 1, -1), AppendOrigin::CLIENT);
    assert_eq!(found, Outcome::Duplicate(114, 114));
    let old = outcome(&state, &header(2, 12, 2, -1), AppendOrigin::CLIENT);
    assert_eq!(old, Outcome::Refused(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn idle_producers_expire() {
    let mut state = known();
    state.expire(1000 + 499, 500);
    assert_eq!(state.iter().len(), 1);
    state.expire(1000 + 500, 500);
    assert_eq!(state.iter().len(), 0);
    let anywhere = header(2, 55, 1, -1);
    assert_eq!(outcome(&state, &anywhere, AppendOrigin::CLIENT), Outcome::Appended);
}

#[test]
fn a_snapshot_keeps_the_last_batch() {
    let bytes = snapshot::format(&known());
    assert_eq!(bytes.len(), 10 + 46);
    let restored = ProducerState::restored(Offset(114), snapshot::parse(&bytes).unwrap());
    let (id, producer) = restored.iter().next().unwrap();
    assert_eq!((id, producer.producer_epoch), (ProducerId(7), 2));
    assert_eq!(producer.last_sequence(), 13);
    assert_eq!(producer.last_timestamp, 1000);
    assert_eq!(snapshot::format(&restored), bytes);
    let last = header(2, 12, 2, -1);
    assert_eq!(outcome(&restored, &last, AppendOrigin::CLIENT), Outcome::Duplicate(112, 113));
}

#[test]
fn an_empty_snapshot_has_the_bytes_that_kafka_writes() {
    let bytes = snapshot::format(&ProducerState::default());
    assert_eq!(bytes, [0, 1, 0x48, 0x67, 0x4b, 0xc7, 0, 0, 0, 0]);
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let good = snapshot::format(&known());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(snapshot::parse(&bad).is_err(), "byte {at}");
        assert!(snapshot::parse(&good[..at]).is_err(), "cut to {at}");
    }
}
