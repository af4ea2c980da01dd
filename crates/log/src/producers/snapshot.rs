//! Producer snapshot files: the producers' state at an offset, with a checksum.
//!
//! Kafka: `ProducerStateManager.readSnapshot`, schema version 1.

use std::collections::VecDeque;

use ottla_types::{Offset, ProducerId};

use super::{ProducedBatch, Producer, ProducerState};

const VERSION: i16 = 1;
/// Bytes before the entries: version, checksum, count.
const HEADER: usize = 10;
/// Where the bytes start that the checksum is of.
pub(crate) const CHECKED_FROM: usize = 6;
const ENTRY: usize = 46;

/// The content of a snapshot of this state. As in Kafka, only the last batch of each producer is
/// kept.
pub(crate) fn format(state: &ProducerState) -> Vec<u8> {
    let producers = state.iter();
    let mut bytes = Vec::with_capacity(HEADER + producers.len() * ENTRY);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    let count = u32::try_from(producers.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&count.to_be_bytes());
    for (producer_id, producer) in producers {
        let last = producer.batches().next_back().copied().unwrap_or(ProducedBatch {
            last_sequence: -1,
            last_offset: Offset::NONE,
            offset_delta: 0,
            timestamp: -1,
        });
        let txn = producer.current_txn_first_offset.unwrap_or(Offset::NONE);
        bytes.extend_from_slice(&producer_id.0.to_be_bytes());
        bytes.extend_from_slice(&producer.producer_epoch.to_be_bytes());
        bytes.extend_from_slice(&last.last_sequence.to_be_bytes());
        bytes.extend_from_slice(&last.last_offset.0.to_be_bytes());
        bytes.extend_from_slice(&last.offset_delta.to_be_bytes());
        bytes.extend_from_slice(&producer.last_timestamp.to_be_bytes());
        bytes.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
        bytes.extend_from_slice(&txn.0.to_be_bytes());
    }
    let crc = crc_fast::crc32_iscsi(bytes.get(CHECKED_FROM..).unwrap_or(&[]));
    if let Some(place) = bytes.get_mut(2..CHECKED_FROM) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
    bytes
}

/// Reads a snapshot; the error says why it is none.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<(ProducerId, Producer)>, &'static str> {
    let header: &[u8; HEADER] = bytes.first_chunk().ok_or("it is too short")?;
    let [v0, v1, c0, c1, c2, c3, n0, n1, n2, n3] = *header;
    if i16::from_be_bytes([v0, v1]) != VERSION {
        return Err("it is of another version");
    }
    let checked = bytes.get(CHECKED_FROM..).unwrap_or(&[]);
    if u32::from_be_bytes([c0, c1, c2, c3]) != crc_fast::crc32_iscsi(checked) {
        return Err("its checksum is wrong");
    }
    let entries = bytes.get(HEADER..).unwrap_or(&[]);
    let count = usize::try_from(i32::from_be_bytes([n0, n1, n2, n3])).unwrap_or(usize::MAX);
    if entries.len() != count.saturating_mul(ENTRY) {
        return Err("its size does not fit its count of entries");
    }
    let parsed: Option<Vec<_>> = entries.chunks_exact(ENTRY).map(parse_entry).collect();
    parsed.ok_or("an entry is malformed")
}

fn parse_entry(mut bytes: &[u8]) -> Option<(ProducerId, Producer)> {
    let mut take = |size: usize| {
        let (taken, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some(taken)
    };
    let producer_id = ProducerId(i64::from_be_bytes(*take(8)?.first_chunk()?));
    let producer_epoch = i16::from_be_bytes(*take(2)?.first_chunk()?);
    let last_sequence = i32::from_be_bytes(*take(4)?.first_chunk()?);
    let last_offset = Offset(i64::from_be_bytes(*take(8)?.first_chunk()?));
    let offset_delta = i32::from_be_bytes(*take(4)?.first_chunk()?);
    let last_timestamp = i64::from_be_bytes(*take(8)?.first_chunk()?);
    let coordinator_epoch = i32::from_be_bytes(*take(4)?.first_chunk()?);
    let txn = i64::from_be_bytes(*take(8)?.first_chunk()?);
    let batch =
        ProducedBatch { last_sequence, last_offset, offset_delta, timestamp: last_timestamp };
    let batches = if last_offset.0 >= 0 { VecDeque::from([batch]) } else { VecDeque::new() };
    let producer = Producer {
        producer_epoch,
        coordinator_epoch,
        last_timestamp,
        current_txn_first_offset: (txn >= 0).then_some(Offset(txn)),
        batches,
    };
    Some((producer_id, producer))
}
