//! Guards, and markers by the version of their transaction.

use super::*;

const CLIENT: fn(Verification) -> AppendOrigin = AppendOrigin::Client;

fn transactional(producer_epoch: i16, base_sequence: i32, offset: i64) -> BatchHeader {
    let plain = header(producer_epoch, base_sequence, 1, offset);
    BatchHeader { attributes: plain.attributes.with_transactional(), ..plain }
}

fn marker(producer_epoch: i16, offset: i64) -> (BatchHeader, Option<TxnMarker>) {
    let end = EndMarker {
        producer_id: ProducerId(7),
        producer_epoch,
        coordinator_epoch: 3,
        result: TxnResult::Abort,
        transaction_version: 2,
    };
    let batch = end.batch(ottla_record::TimestampType::CreateTime, 5).unwrap();
    let header = BatchHeader { base_offset: Offset(offset), ..BatchHeader::parse(&batch).unwrap() };
    let read = TxnMarker::read(&header, ottla_record::body(&batch));
    assert_eq!(read, Some(TxnMarker { committed: false, coordinator_epoch: 3 }));
    (header, read)
}

fn first(producer_epoch: i16, base_sequence: i32) -> FirstBatch {
    FirstBatch { producer_id: ProducerId(7), producer_epoch, base_sequence, bumps_epoch: false }
}

#[test]
fn only_what_was_verified_begins_a_transaction() {
    let mut state = known();
    let begins = transactional(2, 14, 114);
    let refused = Outcome::Refused(ErrorCode::InvalidTxnState);
    assert_eq!(outcome(&state, &begins, CLIENT(Verification::None)), refused);
    assert_eq!(outcome(&state, &begins, AppendOrigin::CLIENT), Outcome::Appended);
    let guard = state.begin_verification(&first(2, 14), 0).unwrap();
    assert_eq!(state.begin_verification(&first(2, 14), 1), Some(guard), "one guard at a time");
    let verified = CLIENT(Verification::Guard(guard));
    assert_eq!(outcome(&state, &begins, verified), Outcome::Appended);
    state.update(&begins, None);
    assert_eq!(state.begin_verification(&first(2, 15), 2), None, "it is open");
    let next = transactional(2, 15, 115);
    assert_eq!(outcome(&state, &next, CLIENT(Verification::None)), Outcome::Appended);
    let fenced = Outcome::Refused(ErrorCode::InvalidProducerEpoch);
    assert_eq!(outcome(&state, &transactional(1, 0, 115), CLIENT(Verification::None)), fenced);
    assert_eq!(outcome(&state, &transactional(3, 0, 115), CLIENT(Verification::None)), refused);
}

#[test]
fn a_marker_between_the_answer_and_the_append_takes_the_guard_back() {
    let mut state = known();
    let stale = state.begin_verification(&first(2, 14), 0).unwrap();
    let (end, read) = marker(2, 114);
    state.update(&end, read);
    let begins = transactional(2, 14, 115);
    let refused = Outcome::Refused(ErrorCode::InvalidTxnState);
    assert_eq!(outcome(&state, &begins, CLIENT(Verification::Guard(stale))), refused);
    // Neither does the stale answer go with the next question.
    assert_ne!(state.begin_verification(&first(2, 14), 0), Some(stale));
    assert_eq!(outcome(&state, &begins, CLIENT(Verification::Guard(stale))), refused);
}

#[test]
fn a_repeated_batch_of_an_ended_transaction_is_known() {
    let mut state = known();
    state.update(&transactional(2, 14, 114), None);
    let (end, read) = marker(2, 115);
    state.update(&end, read);
    let found = outcome(&state, &transactional(2, 14, -1), CLIENT(Verification::None));
    assert_eq!(found, Outcome::Duplicate(114, 114));
}

#[test]
fn a_later_sequence_does_not_get_ahead_of_one_that_waits() {
    let mut state = ProducerState::default();
    let guard = state.begin_verification(&first(2, 5), 0).unwrap();
    state.begin_verification(&first(2, 3), 0);
    let verified = CLIENT(Verification::Guard(guard));
    let out_of_order = Outcome::Refused(ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(outcome(&state, &transactional(2, 5, 0), verified), out_of_order);
    assert_eq!(outcome(&state, &transactional(2, 3, 0), verified), Outcome::Appended);
    // A higher epoch begins anew.
    state.begin_verification(&first(3, 4), 0);
    assert_eq!(outcome(&state, &transactional(3, 4, 0), verified), Outcome::Appended);
    state.expire(10, 10);
    let refused = Outcome::Refused(ErrorCode::InvalidTxnState);
    assert_eq!(outcome(&state, &transactional(3, 4, 0), verified), refused);
}

#[test]
fn a_transaction_with_an_epoch_of_its_own_begins_at_sequence_zero() {
    let mut state = ProducerState::default();
    let first = FirstBatch { bumps_epoch: true, ..first(0, 4) };
    let guard = state.begin_verification(&first, 0).unwrap();
    let verified = CLIENT(Verification::Guard(guard));
    let out_of_order = Outcome::Refused(ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(outcome(&state, &transactional(0, 4, 0), verified), out_of_order);
    assert_eq!(outcome(&state, &transactional(0, 0, 0), verified), Outcome::Appended);
}

#[test]
fn markers_are_held_against_epochs_by_the_version_of_their_transaction() {
    let (fenced, appended) = (Outcome::Refused(ErrorCode::InvalidProducerEpoch), Outcome::Appended);
    let table = [
        // version, epoch, in an open transaction, with none open
        (1, 1, &fenced, &fenced),
        (1, 2, &appended, &appended),
        (1, 3, &appended, &appended),
        (2, 1, &fenced, &fenced),
        (2, 2, &fenced, &appended),
        (2, 3, &appended, &appended),
    ];
    let mut open = known();
    open.update(&transactional(2, 14, 114), None);
    for (transaction_version, epoch, in_open, in_ended) in table {
        let (header, read) = marker(epoch, 115);
        for (state, expected) in [(&open, in_open), (&known(), in_ended)] {
            let found =
                match state.check(&header, read, AppendOrigin::Marker { transaction_version }) {
                    Ok(_) => Outcome::Appended,
                    Err(error) => Outcome::Refused(error.code()),
                };
            assert_eq!(&found, expected, "version {transaction_version}, epoch {epoch}");
        }
    }
}
