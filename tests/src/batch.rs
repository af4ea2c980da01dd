//! Record batches with fixed contents, so that two brokers are sent the same bytes.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use ottla_record::{BatchBuilder, BuilderOptions, Compression, Record};
use ottla_types::ProducerId;
use ottla_wire::Records;

/// The timestamp of the first record of every batch: 14 November 2023.
pub const BASE_TIMESTAMP: i64 = 1_700_000_000_000;

/// Records `k0: v0`, `k1: v1` and so on, a second apart.
pub fn numbered(count: usize) -> Vec<Record> {
    (0..count).map(|i| record(&format!("k{i}"), &format!("v{i}"), i as i64 * 1000)).collect()
}

/// One record, `after` ms later than [`BASE_TIMESTAMP`].
pub fn record(key: &str, value: &str, after: i64) -> Record {
    Record {
        timestamp: BASE_TIMESTAMP + after,
        key: Some(Bytes::copy_from_slice(key.as_bytes())),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: Vec::new(),
    }
}

/// The records as one batch.
pub fn build(options: BuilderOptions, records: &[Record]) -> BytesMut {
    let mut builder = BatchBuilder::new(options);
    for record in records {
        builder.append(record).expect("the record fits");
    }
    BytesMut::from(&builder.finish().expect("the batch fits")[..])
}

/// `count` numbered records in one uncompressed batch.
pub fn plain(count: usize) -> Bytes {
    build(BuilderOptions::default(), &numbered(count)).freeze()
}

/// `count` numbered records in one batch of this codec.
pub fn compressed(compression: Compression, count: usize) -> Bytes {
    build(BuilderOptions { compression, ..Default::default() }, &numbered(count)).freeze()
}

/// `count` numbered records of an idempotent producer.
pub fn idempotent(id: i64, epoch: i16, sequence: i32, count: usize) -> Bytes {
    let options = BuilderOptions {
        producer_id: ProducerId(id),
        producer_epoch: epoch,
        base_sequence: sequence,
        ..Default::default()
    };
    build(options, &numbered(count)).freeze()
}

/// The same with the wall clock's time: Kafka forgets a producer by the age of its last record.
pub fn idempotent_now(id: i64, epoch: i16, sequence: i32, count: usize) -> Bytes {
    let options = BuilderOptions {
        producer_id: ProducerId(id),
        producer_epoch: epoch,
        base_sequence: sequence,
        ..Default::default()
    };
    build(options, &numbered_now(count)).freeze()
}

/// `count` numbered records of a transaction, with the wall clock's time.
pub fn transactional(id: i64, epoch: i16, sequence: i32, count: usize) -> Bytes {
    let options = BuilderOptions {
        producer_id: ProducerId(id),
        producer_epoch: epoch,
        base_sequence: sequence,
        transactional: true,
        ..Default::default()
    };
    build(options, &numbered_now(count)).freeze()
}

/// Numbered records with the wall clock's time.
pub fn numbered_now(count: usize) -> Vec<Record> {
    let now = now_ms();
    numbered(count).into_iter().map(|record| Record { timestamp: now, ..record }).collect()
}

/// The wall clock in milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    since.as_millis() as i64
}

/// The bytes as the records field of a Produce.
pub fn field(bytes: impl Into<Bytes>) -> Option<Records> {
    Some(Records::Bytes(bytes.into()))
}

/// CRC-32C, bit by bit: the codec under test does not vouch for itself.
pub fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}
