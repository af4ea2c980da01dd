//! Open, committed and aborted transactions.

use super::*;
use crate::{AppendOrigin, ReadError};

pub(super) fn in_transaction(producer_id: i64, base_sequence: i32) -> BuilderOptions {
    BuilderOptions {
        producer_id: ProducerId(producer_id),
        producer_epoch: 0,
        base_sequence,
        transactional: true,
        ..BuilderOptions::default()
    }
}

pub(super) fn transactional(producer_id: i64, base_sequence: i32, count: usize) -> Vec<u8> {
    build(in_transaction(producer_id, base_sequence), &vec![NOW; count], 10)
}

pub(super) fn marker(producer_id: i64, committed: bool, coordinator_epoch: i32) -> Vec<u8> {
    let options = BuilderOptions {
        producer_id: ProducerId(producer_id),
        producer_epoch: 0,
        transactional: true,
        control: true,
        ..BuilderOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    let key = Bytes::from(vec![0, 0, 0, u8::from(committed)]);
    let mut value = vec![0, 0];
    value.extend_from_slice(&coordinator_epoch.to_be_bytes());
    let value = Some(Bytes::from(value));
    let record = Record { timestamp: NOW, key: Some(key), value, ..Record::default() };
    builder.append(&record).unwrap();
    builder.finish().unwrap().to_vec()
}

pub(super) fn mark(bench: &mut Bench, producer_id: i64, committed: bool) -> Appended {
    let mut batch = marker(producer_id, committed, 0);
    bench.log.append_from(AppendOrigin::COORDINATOR, &mut batch, EPOCH, NOW).unwrap()
}

fn aborted(bench: &Bench, start: i64, end: i64) -> Vec<(i64, i64)> {
    let found = bench.log.reader().aborted_transactions(Offset(start), Offset(end)).unwrap();
    found.iter().map(|txn| (txn.producer_id.0, txn.first_offset.0)).collect()
}

fn scenario(config: LogConfig) -> Bench {
    let mut bench = Bench::new(config);
    bench.append(transactional(1, 0, 2)); // 0-1
    bench.append(transactional(2, 0, 2)); // 2-3
    assert_eq!(bench.log.last_stable_offset(Offset(4)), Offset(0));
    mark(&mut bench, 1, true); // 4
    assert_eq!(bench.log.last_stable_offset(Offset(5)), Offset(2));
    // The marker is not before the high watermark yet.
    assert_eq!(bench.log.last_stable_offset(Offset(4)), Offset(0));
    bench.append(plain(3)); // 5-7
    mark(&mut bench, 2, false); // 8
    bench.append(transactional(1, 2, 1)); // 9
    mark(&mut bench, 1, false); // 10
    bench.append(transactional(3, 0, 1)); // 11, stays open
    bench
}

#[test]
fn the_last_stable_offset_is_the_first_that_is_undecided() {
    let mut bench = scenario(LogConfig::default());
    assert_eq!(bench.log.last_stable_offset(Offset(12)), Offset(11));
    assert_eq!(bench.log.last_stable_offset(Offset(10)), Offset(9));
    bench.log.advance_high_watermark(Offset(12));
    assert_eq!(bench.log.last_stable_offset(Offset(12)), Offset(11));
    mark(&mut bench, 3, true);
    assert_eq!(bench.log.last_stable_offset(Offset(13)), Offset(13));
    assert_eq!(bench.log.last_stable_offset(Offset(12)), Offset(11));
}

#[test]
fn aborted_transactions_are_those_that_overlap_a_range() {
    for config in [LogConfig::default(), LogConfig { segment_bytes: 200, ..LogConfig::default() }] {
        let mut bench = scenario(config);
        for _ in 0..3 {
            assert_eq!(aborted(&bench, 0, 12), [(2, 2), (1, 9)]);
            assert_eq!(aborted(&bench, 0, 9), [(2, 2)]);
            assert_eq!(aborted(&bench, 9, 12), [(1, 9)]);
            assert_eq!(aborted(&bench, 0, 2), []);
            assert_eq!(aborted(&bench, 11, 12), []);
            assert_eq!(bench.log.last_stable_offset(Offset(12)), Offset(11));
            bench = bench.crash();
        }
        let bench = bench.restart();
        assert_eq!(aborted(&bench, 0, 12), [(2, 2), (1, 9)]);
        assert_eq!(bench.log.last_stable_offset(Offset(12)), Offset(11));
    }
}

#[test]
fn a_data_batch_outside_of_the_open_transaction_is_refused() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 2));
    let mut other = produced(1, 0, 2, 1);
    let error = bench.log.append_as_leader(&mut other, EPOCH, NOW).unwrap_err();
    assert_eq!(error.code(), ottla_types::ErrorCode::InvalidTxnState);
}

#[test]
fn a_marker_of_an_old_coordinator_is_refused() {
    let mut bench = Bench::new(LogConfig::default());
    let mut append = |coordinator_epoch| {
        let mut batch = marker(1, true, coordinator_epoch);
        bench.log.append_from(AppendOrigin::COORDINATOR, &mut batch, EPOCH, NOW)
    };
    append(5).unwrap();
    append(5).unwrap();
    let error = append(4).unwrap_err();
    assert_eq!(error.code(), ottla_types::ErrorCode::TransactionCoordinatorFenced);
}

#[test]
fn producers_with_an_open_transaction_do_not_expire() {
    let mut bench = scenario(LogConfig::default());
    bench.log.expire_producers(NOW + 24 * 60 * 60 * 1000);
    let left: Vec<i64> = bench.log.producers().map(|(id, _)| id.0).collect();
    assert_eq!(left, [3]);
}

#[test]
fn an_aborted_transaction_over_two_segments_is_believed_without_a_snapshot_between_them() {
    let mut bench = Bench::new(small());
    bench.append(transactional(1, 0, 1)); // 0
    while bench.files(".log").len() < 2 {
        bench.append(plain(3));
    }
    let first_of_second = bench.append(transactional(1, 1, 1)).base_offset;
    let end = mark(&mut bench, 1, false).last_offset;
    bench.append(transactional(1, 2, 1));
    mark(&mut bench, 1, false);
    bench.log.close(NOW).unwrap();
    // Kafka does not keep it for ever, and a power cut may have taken it.
    let name = bench.files(".log").remove(1).replace(".log", ".snapshot");
    std::fs::remove_file(bench.path().join(&name)).unwrap();
    let bench = bench.restart();
    assert!(!bench.files(".snapshot").contains(&name));
    assert_eq!(aborted(&bench, first_of_second.0, end.0), [(1, 0)]);
    assert_eq!(aborted(&bench, end.0 + 1, end.0 + 2), [(1, end.0 + 1)]);
}

/// What a reader of committed records gets to see, from the first offset to the last stable one.
fn committed(bench: &mut Bench) -> Vec<i64> {
    let stable = bench.log.last_stable_offset(bench.log.log_end_offset());
    let (mut offsets, mut next) = (Vec::new(), bench.log.log_start_offset());
    while next < stable {
        let range = bench.log.reader().read(next, 1, stable, true).unwrap();
        let aborted = match bench.log.reader().aborted_in_range(next, &range) {
            Err(ReadError::WronglyIndexed { one, other, seen, .. }) => {
                bench.log.mend_txn_indexes(one, other, seen).unwrap();
                bench.log.reader().aborted_in_range(next, &range).unwrap()
            }
            aborted => aborted.unwrap(),
        };
        let header = headers(&range.read().unwrap())[0];
        let is_skipped = header.attributes.is_control()
            || aborted.iter().any(|txn| {
                txn.producer_id == header.producer_id && txn.first_offset <= header.base_offset
            });
        next = header.next_offset();
        let read = header.base_offset.0..next.0;
        offsets.extend(read.filter(|_| !is_skipped));
    }
    offsets
}

/// Transactions of three producers within each other, over several segments.
pub(super) fn mixed(config: LogConfig) -> Bench {
    let mut bench = Bench::new(config);
    for n in 0..12 {
        bench.append(transactional(1 + n % 3, i32::try_from(n / 3).unwrap(), 1));
        bench.append(plain(1));
        if n % 2 == 1 {
            mark(&mut bench, 1 + (n + 1) % 3, n % 4 == 1);
        }
    }
    for producer_id in 1..4 {
        mark(&mut bench, producer_id, producer_id == 2);
    }
    bench.log.roll(NOW).unwrap();
    bench
}

#[test]
fn a_wrong_index_of_aborted_transactions_is_made_anew() {
    for segment_bytes in [200, 600, 1 << 20] {
        let mut bench = mixed(LogConfig { segment_bytes, ..small() });
        let truth = committed(&mut bench);
        let indexes = bench.files(".txnindex");
        assert!(!indexes.is_empty() && truth.len() > 10, "{truth:?}");
        bench = bench.restart();
        assert_eq!(committed(&mut bench), truth);
        for name in &indexes {
            let path = bench.path().join(name);
            let whole = std::fs::read(&path).unwrap();
            let flips = (0..whole.len()).map(|at| {
                let mut flipped = whole.clone();
                flipped[at] ^= 1;
                flipped
            });
            let cuts = (0..whole.len()).step_by(17).map(|size| whole[..size].to_vec());
            for wrong in flips.chain(cuts).map(Some).chain([None]) {
                bench.log.close(NOW).unwrap();
                match &wrong {
                    Some(wrong) => std::fs::write(&path, wrong).unwrap(),
                    None => std::fs::remove_file(&path).unwrap(),
                }
                bench = bench.restart();
                assert_eq!(committed(&mut bench), truth, "{name}: {wrong:?}");
                if wrong.is_none() {
                    assert_eq!(std::fs::read(&path).unwrap(), whole);
                }
                bench.log.close(NOW).unwrap();
                std::fs::write(&path, &whole).unwrap();
            }
        }
    }
}

#[test]
fn an_index_that_is_wrong_is_mended_beside_an_appender() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(transactional(1, 0, 1)); // 0
    mark(&mut bench, 1, false); // 1
    bench.append(transactional(1, 1, 1)); // 2
    bench.log.close(NOW).unwrap();
    std::fs::remove_file(bench.path().join("00000000000000000000.txnindex")).unwrap();
    let mut bench = bench.restart();
    mark(&mut bench, 1, false); // 3
    bench.append(plain(1)); // 4
    assert_eq!(committed(&mut bench), [4]);
    assert_eq!(aborted(&bench, 0, 5), [(1, 0), (1, 2)]);
}
