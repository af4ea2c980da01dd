//! The cluster's state: decide → records; replay → image.
//!
//! [`Image`] is what the metadata log says, built by [`Image::replay`] alone. The functions of
//! [`decide`] look at an image and a request and give the records that would make it so, with the
//! response to send once they are committed. [`MetadataLog`] is the seam behind which they get
//! committed.
//!
//! Architecture invariant: knows nothing of consensus and does no I/O. Random ids and offsets are
//! arguments, so the same image and request always give the same decision.
//!
//! Kafka: `org.apache.kafka.image`, `org.apache.kafka.controller`, `org.apache.kafka.metadata`.

pub mod control;
pub mod decide;
pub mod feature;
mod image;
mod log;
mod record;

pub use image::{
    ConfigResource, Delta, Endpoint, FeatureRange, Image, LeaderRecoveryState, Partition,
    ProducerIds, Registration, ReplayError, ResourceType, Topic,
};
pub use log::{CommittedBatch, MetadataLog, Snapshot, SnapshotId};
pub use record::{MetadataRecord, RecordError};
