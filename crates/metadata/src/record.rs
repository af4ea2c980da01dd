//! The records of the cluster metadata log, and their framing.
//!
//! A record's value is: an unsigned varint frame version (1), an unsigned varint with the record's
//! number, an unsigned varint with its version, and the message itself. Its key is null.
//!
//! Invariants: decoding is total; what it does not know it names. The versions written are those
//! that every reader at the given `metadata.version` understands.
//!
//! Kafka: `MetadataRecordSerde`, `MetadataRecordType`, `MetadataVersion`.

use bytes::Bytes;
use ottla_wire::{DecodeError, EncodeError, Message, MetadataMessage, Reader, Writer};

/// The only version of the frame that Kafka has had.
const FRAME_VERSION: u32 = 1;

/// Why bytes are not a metadata record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The record has no value, or one that ends within the frame.
    #[error("a metadata record ends within its frame: {0}")]
    Frame(DecodeError),
    /// The frame is of a version that is not known.
    #[error("metadata record frame version {0} is not known")]
    FrameVersion(u32),
    /// The record's number is not known: a newer Kafka wrote it.
    #[error("metadata record type {0} is not known")]
    UnknownRecord(u32),
    /// The record's version is not known: a newer Kafka wrote it.
    #[error("version {version} of {record} is not known")]
    UnknownVersion {
        /// The name of the record.
        record: &'static str,
        /// Its version.
        version: u32,
    },
    /// The message within is malformed.
    #[error("a {record} is malformed: {cause}")]
    Malformed {
        /// The name of the record.
        record: &'static str,
        /// What is wrong.
        cause: DecodeError,
    },
    /// Bytes follow the message.
    #[error("{bytes} bytes follow a {record}")]
    Garbage {
        /// The name of the record.
        record: &'static str,
        /// How many bytes.
        bytes: usize,
    },
}

macro_rules! metadata_records {
    ($($module:ident::$name:ident as $variant:ident),+ $(,)?) => {
        /// One record of the cluster metadata log.
        #[derive(Clone, Debug, PartialEq)]
        pub enum MetadataRecord {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                $variant(ottla_wire::$module::$name),
            )+
        }

        impl MetadataRecord {
            /// Kafka's name of the record.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => stringify!($name),)+
                }
            }

            /// Kafka's number of the record.
            pub const fn key(&self) -> i16 {
                match self {
                    $(Self::$variant(_) => <ottla_wire::$module::$name as MetadataMessage>::KEY,)+
                }
            }

            fn decode_message(
                key: u32,
                version: u32,
                reader: &mut Reader,
            ) -> Result<Self, RecordError> {
                let Ok(key_number) = i16::try_from(key) else {
                    return Err(RecordError::UnknownRecord(key));
                };
                match key_number {
                    $(<ottla_wire::$module::$name as MetadataMessage>::KEY => {
                        message(stringify!($name), version, reader).map(Self::$variant)
                    })+
                    _ => Err(RecordError::UnknownRecord(key)),
                }
            }

            fn encode_message(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
                match self {
                    $(Self::$variant(message) => message.encode(writer, version),)+
                }
            }
        }

        $(
            impl From<ottla_wire::$module::$name> for MetadataRecord {
                fn from(message: ottla_wire::$module::$name) -> Self {
                    Self::$variant(message)
                }
            }
        )+
    };
}

metadata_records! {
    register_broker_record::RegisterBrokerRecord as RegisterBroker,
    unregister_broker_record::UnregisterBrokerRecord as UnregisterBroker,
    topic_record::TopicRecord as Topic,
    partition_record::PartitionRecord as Partition,
    config_record::ConfigRecord as Config,
    partition_change_record::PartitionChangeRecord as PartitionChange,
    fence_broker_record::FenceBrokerRecord as FenceBroker,
    unfence_broker_record::UnfenceBrokerRecord as UnfenceBroker,
    remove_topic_record::RemoveTopicRecord as RemoveTopic,
    delegation_token_record::DelegationTokenRecord as DelegationToken,
    user_scram_credential_record::UserScramCredentialRecord as UserScramCredential,
    feature_level_record::FeatureLevelRecord as FeatureLevel,
    client_quota_record::ClientQuotaRecord as ClientQuota,
    producer_ids_record::ProducerIdsRecord as ProducerIds,
    broker_registration_change_record::BrokerRegistrationChangeRecord as BrokerRegistrationChange,
    access_control_entry_record::AccessControlEntryRecord as AccessControlEntry,
    remove_access_control_entry_record::RemoveAccessControlEntryRecord as RemoveAccessControlEntry,
    no_op_record::NoOpRecord as NoOp,
    zk_migration_state_record::ZkMigrationStateRecord as ZkMigrationState,
    remove_user_scram_credential_record::RemoveUserScramCredentialRecord as RemoveUserScramCredential,
    begin_transaction_record::BeginTransactionRecord as BeginTransaction,
    end_transaction_record::EndTransactionRecord as EndTransaction,
    abort_transaction_record::AbortTransactionRecord as AbortTransaction,
    remove_delegation_token_record::RemoveDelegationTokenRecord as RemoveDelegationToken,
    register_controller_record::RegisterControllerRecord as RegisterController,
    clear_elr_record::ClearElrRecord as ClearElr,
    unregister_controller_record::UnregisterControllerRecord as UnregisterController,
}

fn message<M: Message>(
    record: &'static str,
    version: u32,
    reader: &mut Reader,
) -> Result<M, RecordError> {
    match i16::try_from(version) {
        Ok(known) if M::VERSIONS.contains(&known) => {
            M::decode(reader, known).map_err(|cause| RecordError::Malformed { record, cause })
        }
        _ => Err(RecordError::UnknownVersion { record, version }),
    }
}

/// The `metadata.version` from which a broker's log directories can be cordoned (4.3-IV0).
const CORDONED_DIRECTORIES: i16 = 30;
/// The `metadata.version` from which eligible leader replicas are recorded (4.0-IV1).
const ELIGIBLE_LEADER_REPLICAS: i16 = 23;
/// The `metadata.version` from which replicas are assigned to directories (3.7-IV2).
const DIRECTORY_ASSIGNMENT: i16 = 17;
/// The `metadata.version` from which registrations tell ZooKeeper brokers apart (3.4-IV0).
const ZK_MIGRATION: i16 = 8;

impl MetadataRecord {
    /// Reads the value of a record.
    pub fn decode(value: Bytes) -> Result<Self, RecordError> {
        let mut reader = Reader::new(value);
        let frame = reader.get_uvarint().map_err(RecordError::Frame)?;
        if frame != FRAME_VERSION {
            return Err(RecordError::FrameVersion(frame));
        }
        let key = reader.get_uvarint().map_err(RecordError::Frame)?;
        let version = reader.get_uvarint().map_err(RecordError::Frame)?;
        let record = Self::decode_message(key, version, &mut reader)?;
        match reader.remaining() {
            0 => Ok(record),
            bytes => Err(RecordError::Garbage { record: record.name(), bytes }),
        }
    }

    /// Writes the value of a record for readers at this `metadata.version`. What that version
    /// cannot say (directories of replicas, eligible leaders) is left out, as Kafka does.
    pub fn encode(&self, metadata_version: i16) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::with_capacity(64);
        let (record, version) = self.shaped(metadata_version);
        writer.put_uvarint(FRAME_VERSION);
        writer.put_uvarint(u32::from(record.key().unsigned_abs()));
        writer.put_uvarint(u32::from(version.unsigned_abs()));
        record.encode_message(&mut writer, version)?;
        Ok(writer.finish().0.freeze())
    }

    /// The record without what readers at this `metadata.version` do not know, and its version.
    fn shaped(&self, metadata_version: i16) -> (std::borrow::Cow<'_, Self>, i16) {
        use std::borrow::Cow;
        let partition_version = match metadata_version {
            ELIGIBLE_LEADER_REPLICAS.. => 2,
            DIRECTORY_ASSIGNMENT.. => 1,
            _ => 0,
        };
        match self {
            Self::Partition(record) if partition_version < 2 => {
                let mut record = record.clone();
                record.eligible_leader_replicas = None;
                record.last_known_elr = None;
                if partition_version < 1 {
                    record.directories.clear();
                }
                (Cow::Owned(record.into()), partition_version)
            }
            Self::PartitionChange(record) if partition_version < 2 => {
                let mut record = record.clone();
                record.eligible_leader_replicas = None;
                record.last_known_elr = None;
                if partition_version < 1 {
                    record.directories = None;
                }
                (Cow::Owned(record.into()), partition_version)
            }
            Self::Partition(_) | Self::PartitionChange(_) => (Cow::Borrowed(self), 2),
            Self::RegisterBroker(record) => {
                let mut record = record.clone();
                let version = match metadata_version {
                    CORDONED_DIRECTORIES.. => 4,
                    DIRECTORY_ASSIGNMENT.. => 3,
                    ZK_MIGRATION.. => 2,
                    _ => 1,
                };
                if version < 4 {
                    record.cordoned_log_dirs = None;
                }
                if version < 3 {
                    record.log_dirs.clear();
                }
                (Cow::Owned(record.into()), version)
            }
            Self::BrokerRegistrationChange(record) => {
                let mut record = record.clone();
                if metadata_version < CORDONED_DIRECTORIES {
                    record.cordoned_log_dirs = None;
                }
                if metadata_version < DIRECTORY_ASSIGNMENT {
                    record.log_dirs.clear();
                }
                // As in Kafka: no newer than what the change itself needs.
                let version = if record.cordoned_log_dirs.is_some() {
                    3
                } else if !record.log_dirs.is_empty() {
                    2
                } else {
                    i16::from(record.in_controlled_shutdown != 0)
                };
                (Cow::Owned(record.into()), version)
            }
            // The others have had one version so far.
            other => (Cow::Borrowed(other), 0),
        }
    }
}

#[cfg(test)]
mod tests;
