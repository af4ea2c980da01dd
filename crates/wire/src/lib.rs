//! Bytes to typed Kafka messages and back: every API and internal record, in every version.
//!
//! The message types are generated from Kafka's own definitions by `cargo xtask codegen`. A module
//! per message holds its structs; [`messages`] has the outermost struct of each.
//!
//! Invariants: decoding is total: any input gives a value or a [`DecodeError`], never a panic, and
//! never an allocation that the bytes received do not justify. What is decoded shares the frame's
//! memory. Encoding fails where a field that matters cannot be expressed in the version asked for.
//!
//! Kafka: `org.apache.kafka.common.protocol`, `org.apache.kafka.message` (its generator).

mod error;
#[expect(clippy::too_many_lines, reason = "a message's code is as long as its list of fields")]
mod generated;
mod header;
mod message;
mod reader;
mod records;
#[cfg(any(test, feature = "testing"))]
mod sampler;
mod source;
mod text;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{DecodeError, EncodeError};
pub use generated::*;
pub use header::{RequestHeader, ResponseHeader};
pub use message::{CoordinatorMessage, Message, MetadataMessage, Request};
pub use reader::Reader;
pub use records::Records;
#[cfg(any(test, feature = "testing"))]
pub use sampler::{Decoding, MessageType, Sampler};
pub use text::Str;
pub use writer::{Deferred, Writer};
