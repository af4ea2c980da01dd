//! Kafka's nouns as types: offsets, epochs, ids, names and error codes.
//!
//! A newtype stands where two of one primitive could be swapped; what is only ever one thing
//! (a partition's number, a producer's sequence) stays the primitive Kafka sends.
//! Architecture invariant: knows nothing of bytes, files or sockets.

mod error_code;
mod number;
mod topic;
mod uuid;

pub use error_code::ErrorCode;
pub use number::{BrokerId, LeaderEpoch, Offset, ProducerId};
pub use topic::{InvalidTopicName, TopicIdPartition, TopicName, TopicPartition};
pub use uuid::{ParseUuidError, Uuid};
