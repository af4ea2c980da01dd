//! The records of `__transaction_state`.
//!
//! Invariant: what is decoded from an encoded record equals what was encoded, but for the epoch
//! before the last, which records do not have. Kafka: `TransactionLog`.

use bytes::Bytes;
use ottla_types::ProducerId;
use ottla_wire::{
    CoordinatorMessage, DecodeError, EncodeError, Message, Reader, Str,
    transaction_log_key::TransactionLogKey,
    transaction_log_value::{PartitionsSchema, TransactionLogValue},
};

use super::{
    ProducerIdAndEpoch, TopicPartitions, TransactionState, TransactionVersion, metadata::Metadata,
};
use crate::{
    CoordinatorRecord,
    record::{decode_value, encode_key, encode_value},
};

/// A record of a known type that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionReplayError {
    /// The key is malformed.
    #[error("the key of a transaction record is malformed: {0}")]
    Key(DecodeError),
    /// The value is malformed or of a version not known.
    #[error("the value of a transaction record is malformed: {0}")]
    Value(DecodeError),
    /// No transaction is in this state.
    #[error("a transaction record has the unknown state {0}")]
    State(i8),
}

/// A record; without a state it forgets the id. `version` is the server's.
pub(super) fn encode(
    transactional_id: &Str,
    metadata: Option<&Metadata>,
    version: TransactionVersion,
) -> Result<CoordinatorRecord, EncodeError> {
    let key = TransactionLogKey { transactional_id: transactional_id.clone() };
    let value = metadata.map(|metadata| encode_metadata(metadata, version));
    Ok(CoordinatorRecord { key: encode_key(&key)?, value: value.transpose()? })
}

fn encode_metadata(metadata: &Metadata, version: TransactionVersion) -> Result<Bytes, EncodeError> {
    let partitions = metadata
        .partitions
        .topics()
        .map(|(topic, partition_ids)| PartitionsSchema { topic: topic.clone(), partition_ids });
    let mut value = TransactionLogValue {
        producer_id: metadata.producer.producer_id.get(),
        producer_epoch: metadata.producer.producer_epoch,
        transaction_timeout_ms: metadata.timeout_ms,
        transaction_status: metadata.state.id(),
        transaction_partitions: (metadata.state != TransactionState::Empty)
            .then(|| partitions.collect()),
        transaction_last_update_timestamp_ms: metadata.last_update_ms,
        transaction_start_timestamp_ms: metadata.start_ms,
        ..Default::default()
    };
    if version.0 < 1 {
        return encode_value(&value, 0);
    }
    value.previous_producer_id = metadata.prev_producer_id.get();
    value.next_producer_id = metadata.next_producer_id.get();
    value.client_transaction_version = metadata.client_version.0;
    encode_value(&value, 1)
}

/// A record's id and state; the record's type if that is not known.
pub(super) fn decode(
    key: &[u8],
    value: Option<&[u8]>,
) -> Result<Result<(Str, Option<Metadata>), i16>, TransactionReplayError> {
    let mut reader = Reader::new(Bytes::copy_from_slice(key));
    let kind = reader.get_i16().map_err(TransactionReplayError::Key)?;
    if kind != TransactionLogKey::KEY {
        return Ok(Err(kind));
    }
    let key = TransactionLogKey::decode(&mut reader, 0).map_err(TransactionReplayError::Key)?;
    let metadata = value.map(decode_metadata).transpose()?;
    Ok(Ok((key.transactional_id, metadata)))
}

fn decode_metadata(value: &[u8]) -> Result<Metadata, TransactionReplayError> {
    let value: TransactionLogValue = decode_value(value).map_err(TransactionReplayError::Value)?;
    let state = TransactionState::from_id(value.transaction_status)
        .ok_or(TransactionReplayError::State(value.transaction_status))?;
    let mut partitions = TopicPartitions::default();
    if state != TransactionState::Empty {
        for topic in value.transaction_partitions.iter().flatten() {
            for partition in &topic.partition_ids {
                partitions.insert(&topic.topic, *partition);
            }
        }
    }
    Ok(Metadata {
        producer: ProducerIdAndEpoch {
            producer_id: ProducerId(value.producer_id),
            producer_epoch: value.producer_epoch,
        },
        prev_producer_id: ProducerId(value.previous_producer_id),
        next_producer_id: ProducerId(value.next_producer_id),
        last_producer_epoch: -1,
        timeout_ms: value.transaction_timeout_ms,
        state,
        partitions,
        start_ms: value.transaction_start_timestamp_ms,
        last_update_ms: value.transaction_last_update_timestamp_ms,
        client_version: TransactionVersion(value.client_transaction_version),
    })
}
