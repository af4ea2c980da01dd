//! The records of `__consumer_offsets`: what they mean, and their bytes.
//!
//! Invariant: what is decoded from an encoded record equals what was encoded.
//! Versions written are those of Kafka 4.4: `GroupMetadataValue` 3, `OffsetCommitValue` 4, and 1
//! for an offset that a client of the old days gave its own expiry.
//!
//! Kafka: `GroupCoordinatorRecordHelpers`, `GroupCoordinatorRecordSerde`, `OffsetAndMetadata`.

use bytes::{Bytes, BytesMut};
use ottla_types::{LeaderEpoch, Offset, Uuid};
use ottla_wire::{
    CoordinatorMessage, DecodeError, EncodeError, Message, Reader, Str, Writer,
    group_metadata_key::GroupMetadataKey,
    group_metadata_value::{GroupMetadataValue, MemberMetadata},
    legacy_offset_commit_key::LegacyOffsetCommitKey,
    legacy_offset_commit_value::LegacyOffsetCommitValue,
    offset_commit_key::OffsetCommitKey,
    offset_commit_value::OffsetCommitValue,
};

const GROUP_METADATA_VALUE: i16 = 3;
const OFFSET_COMMIT_VALUE: i16 = 4;
const OFFSET_COMMIT_VALUE_WITH_EXPIRY: i16 = 1;

/// A record to be appended: key and value with their leading type or version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorRecord {
    /// The key.
    pub key: Bytes,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// What replay made of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It changed, or confirmed, what is known.
    Applied,
    /// Its type belongs to a later Kafka or to a protocol that is not spoken here.
    Skipped {
        /// The record's type.
        key: i16,
    },
}

/// A record of a known type that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The key is malformed.
    #[error("the key of a group record is malformed: {0}")]
    Key(DecodeError),
    /// The value is malformed or of a version not known.
    #[error("the value of a group record is malformed: {0}")]
    Value(DecodeError),
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// Where the group continues to read.
    pub committed_offset: Offset,
    /// The leader epoch of the last record read, or `LeaderEpoch::NONE`.
    pub leader_epoch: LeaderEpoch,
    /// What the client wanted kept with it.
    pub metadata: Str,
    /// When it was committed, in milliseconds.
    pub commit_timestamp_ms: i64,
    /// When it expires, if the client said so, in milliseconds.
    pub expire_timestamp_ms: Option<i64>,
    /// The topic's id, or zero where it was not known.
    pub topic_id: Uuid,
}

/// A generation of a group as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupMetadata {
    pub(crate) protocol_type: Option<Str>,
    pub(crate) generation_id: i32,
    pub(crate) protocol_name: Option<Str>,
    pub(crate) leader_id: Option<Str>,
    pub(crate) current_state_timestamp_ms: Option<i64>,
    pub(crate) members: Vec<StoredMember>,
}

/// A member of a stored generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMember {
    pub(crate) member_id: Str,
    pub(crate) group_instance_id: Option<Str>,
    pub(crate) client_id: Str,
    pub(crate) client_host: Str,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}

/// A record by its meaning. A missing value deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GroupRecord {
    Offset { key: OffsetKey, value: Option<OffsetAndMetadata> },
    Group { group_id: Str, value: Option<GroupMetadata> },
}

/// What an offset is committed for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OffsetKey {
    pub(crate) group_id: Str,
    pub(crate) topic: Str,
    pub(crate) partition: i32,
}

impl GroupRecord {
    pub(crate) fn encode(&self) -> Result<CoordinatorRecord, EncodeError> {
        match self {
            Self::Offset { key, value } => Ok(CoordinatorRecord {
                key: encode_key(&OffsetCommitKey {
                    group: key.group_id.clone(),
                    topic: key.topic.clone(),
                    partition: key.partition,
                })?,
                value: value.as_ref().map(encode_offset).transpose()?,
            }),
            Self::Group { group_id, value } => Ok(CoordinatorRecord {
                key: encode_key(&GroupMetadataKey { group: group_id.clone() })?,
                value: value.as_ref().map(encode_group).transpose()?,
            }),
        }
    }

    /// Reads a record; its type if that is not known.
    pub(crate) fn decode(
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Result<Self, i16>, ReplayError> {
        let mut reader = Reader::new(Bytes::copy_from_slice(key));
        let kind = reader.get_i16().map_err(ReplayError::Key)?;
        let key = match kind {
            LegacyOffsetCommitKey::KEY | OffsetCommitKey::KEY => {
                OffsetCommitKey::decode(&mut reader, 0).map_err(ReplayError::Key)?
            }
            GroupMetadataKey::KEY => {
                let key = GroupMetadataKey::decode(&mut reader, 0).map_err(ReplayError::Key)?;
                let value = value.map(decode_group).transpose().map_err(ReplayError::Value)?;
                return Ok(Ok(Self::Group { group_id: key.group, value }));
            }
            _ => return Ok(Err(kind)),
        };
        let value = match (kind, value) {
            (_, None) => None,
            (LegacyOffsetCommitKey::KEY, Some(value)) => Some(decode_legacy_offset(value)),
            (_, Some(value)) => Some(decode_offset(value)),
        };
        Ok(Ok(Self::Offset {
            key: OffsetKey { group_id: key.group, topic: key.topic, partition: key.partition },
            value: value.transpose().map_err(ReplayError::Value)?,
        }))
    }
}

pub(crate) fn encode_key<K: CoordinatorMessage>(key: &K) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::on(BytesMut::new());
    writer.put_i16(K::KEY);
    key.encode(&mut writer, 0)?;
    Ok(writer.finish().0.freeze())
}

pub(crate) fn encode_value<V: Message>(value: &V, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::on(BytesMut::new());
    writer.put_i16(version);
    value.encode(&mut writer, version)?;
    Ok(writer.finish().0.freeze())
}

fn encode_offset(value: &OffsetAndMetadata) -> Result<Bytes, EncodeError> {
    let version = match value.expire_timestamp_ms {
        Some(_) => OFFSET_COMMIT_VALUE_WITH_EXPIRY,
        None => OFFSET_COMMIT_VALUE,
    };
    let value = OffsetCommitValue {
        offset: value.committed_offset.0,
        leader_epoch: value.leader_epoch.0,
        metadata: value.metadata.clone(),
        commit_timestamp: value.commit_timestamp_ms,
        expire_timestamp: value.expire_timestamp_ms.unwrap_or(-1),
        topic_id: value.topic_id,
    };
    encode_value(&value, version)
}

pub(crate) fn decode_value<V: Message>(value: &[u8]) -> Result<V, DecodeError> {
    let mut reader = Reader::new(Bytes::copy_from_slice(value));
    let version = reader.get_i16()?;
    V::decode(&mut reader, version)
}

fn decode_offset(value: &[u8]) -> Result<OffsetAndMetadata, DecodeError> {
    let value: OffsetCommitValue = decode_value(value)?;
    Ok(OffsetAndMetadata {
        committed_offset: Offset(value.offset),
        leader_epoch: LeaderEpoch(value.leader_epoch),
        metadata: value.metadata.detached(),
        commit_timestamp_ms: value.commit_timestamp,
        expire_timestamp_ms: (value.expire_timestamp != -1).then_some(value.expire_timestamp),
        topic_id: value.topic_id,
    })
}

fn decode_legacy_offset(value: &[u8]) -> Result<OffsetAndMetadata, DecodeError> {
    let value: LegacyOffsetCommitValue = decode_value(value)?;
    Ok(OffsetAndMetadata {
        committed_offset: Offset(value.offset),
        leader_epoch: LeaderEpoch::NONE,
        metadata: value.metadata.detached(),
        commit_timestamp_ms: value.commit_timestamp,
        expire_timestamp_ms: None,
        topic_id: Uuid::ZERO,
    })
}

fn encode_group(value: &GroupMetadata) -> Result<Bytes, EncodeError> {
    let members = value.members.iter().map(|member| MemberMetadata {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.subscription.clone(),
        assignment: member.assignment.clone(),
    });
    let value = GroupMetadataValue {
        protocol_type: value.protocol_type.clone().unwrap_or_default(),
        generation: value.generation_id,
        protocol: value.protocol_name.clone(),
        leader: value.leader_id.clone(),
        current_state_timestamp: value.current_state_timestamp_ms.unwrap_or(-1),
        members: members.collect(),
    };
    encode_value(&value, GROUP_METADATA_VALUE)
}

fn decode_group(value: &[u8]) -> Result<GroupMetadata, DecodeError> {
    let value: GroupMetadataValue = decode_value(value)?;
    let members = value.members.into_iter().map(|member| StoredMember {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        // Version 0 has no rebalance timeout: the session timeout stood for both.
        rebalance_timeout_ms: match member.rebalance_timeout {
            -1 => member.session_timeout,
            timeout => timeout,
        },
        session_timeout_ms: member.session_timeout,
        subscription: member.subscription,
        assignment: member.assignment,
    });
    Ok(GroupMetadata {
        protocol_type: Some(value.protocol_type).filter(|name| !name.is_empty()),
        generation_id: value.generation,
        protocol_name: value.protocol,
        leader_id: value.leader,
        current_state_timestamp_ms: Some(value.current_state_timestamp).filter(|&ms| ms != -1),
        members: members.collect(),
    })
}
