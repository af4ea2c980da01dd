//! What every message can do, whatever it means.
//!
//! Kafka: `org.apache.kafka.common.protocol.ApiMessage`.

use std::{fmt, ops::RangeInclusive};

use crate::{ApiKey, DecodeError, EncodeError, Reader, Writer};

/// A message of Kafka's protocol or one of its internal records.
pub trait Message: Sized + Default + Clone + fmt::Debug + PartialEq {
    /// The versions that can be read and written, both ends included.
    const VERSIONS: RangeInclusive<i16>;

    /// Reads the message. What follows it stays in `reader`.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError>;

    /// Writes the message. After an error, what `writer` holds is of no use.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError>;

    /// A random message with the fields of this version.
    #[cfg(any(test, feature = "testing"))]
    fn sample(sampler: &mut crate::Sampler, version: i16) -> Result<Self, DecodeError>;
}

/// A message that a client sends, and what answers it.
pub trait Request: Message {
    /// The API.
    const KEY: ApiKey;
    /// What the broker answers with, in the same version.
    type Response: Message;

    /// Whether this version has compact lengths and tagged fields, in the header too.
    fn is_flexible(version: i16) -> bool {
        Self::KEY.is_flexible(version)
    }
}

/// A record of the cluster metadata log.
pub trait MetadataMessage: Message {
    /// The number that tells it from the other metadata records.
    const KEY: i16;
}

/// The key or value of a record that a coordinator keeps in its internal topic.
pub trait CoordinatorMessage: Message {
    /// The record's type: the `INT16` in front of a key. (In front of a value is its version.)
    const KEY: i16;
}
