//! Kafka's record batches as bytes: parsed, checked, stamped, validated, built and compressed.
//!
//! Invariants: nothing that comes from the wire or the disk makes this crate panic or allocate more
//! than a bound its caller gives; parsing a header, checking a CRC, stamping and validating an
//! uncompressed batch do not allocate at all.
//! Architecture invariant: pure. No I/O, no clock; knows nothing of requests, logs or partitions.
//!
//! Kafka: `org.apache.kafka.common.record`, `org.apache.kafka.common.compress` and
//! `org.apache.kafka.storage.internals.log.LogValidator`.

mod batches;
mod build;
pub mod compression;
mod cursor;
pub mod decode;
mod error;
mod header;
pub mod legacy;
mod record;
pub mod validate;

#[cfg(test)]
mod allocation;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod properties;

pub use batches::Batches;
pub use build::{BatchBuilder, BuilderOptions, Header, Record};
pub use compression::{Compression, Scratch};
pub use decode::decode_batch;
pub use error::BatchError;
pub use header::{
    Attributes, BATCH_OVERHEAD, BatchHeader, LOG_OVERHEAD, NO_TIMESTAMP, TimestampType, body,
    check_crc, set_max_timestamp, set_producer, stamp,
};
pub use record::{HeaderView, Headers, RecordIter, RecordView, records};
pub use validate::{Invalid, ProduceRules, TargetCompression, Validated, validate_produced};
