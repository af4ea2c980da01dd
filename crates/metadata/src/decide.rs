//! What a request makes of an image: records to commit, and the response to send after that.
//!
//! Invariants: a decision reads an image and changes nothing; replaying its records gives what the
//! response says; a refused part of a request leaves no record; a request that is only to be
//! validated leaves none at all. Error texts are those Kafka's controller sends.
//!
//! Kafka: `QuorumController`, `ReplicationControlManager`, `ConfigurationControlManager`,
//! `ClusterControlManager`, `ProducerIdControlManager`, `ConfigAdminManager`.

mod alter_configs;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod directories;
mod elect_leaders;
mod lifecycle;
mod partition_change;
mod placement;
mod producer_ids;
mod reassign;

use std::collections::BTreeSet;

use ottla_config::ServerConfig;
use ottla_types::{BrokerId, ErrorCode, Uuid};
use ottla_wire::Str;

pub use alter_configs::{alter_configs, incremental_alter_configs};
pub use create_partitions::create_partitions;
pub use create_topics::{InternalTopic, create_internal_topic, create_topics};
pub use delete_topics::delete_topics;
pub use directories::{assign_directories, cordon_directories, fail_directories};
pub use elect_leaders::elect_leaders;
pub use lifecycle::{BrokerStart, bootstrap, start_broker, stop_broker};
pub use producer_ids::{PRODUCER_ID_BLOCK_SIZE, ProducerIdBlock, allocate_producer_ids};
pub use reassign::alter_partition_reassignments;

use crate::{Image, MetadataRecord};

/// The most records that one decision makes, and that go into one batch.
pub const RECORDS_PER_BATCH_MAX: usize = 10_000;

/// What a decision is made on, beside the request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The image with every committed record.
    pub image: &'a Image,
    /// The configuration of the broker that decides, dynamic values included.
    pub config: &'a ServerConfig,
    /// The broker that decides.
    pub broker_id: BrokerId,
}

/// Where ids of new topics come from: each call gives another random id.
pub type NewId<'a> = &'a mut dyn FnMut() -> Uuid;

/// What a request comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<R> {
    /// To be committed together, before the response is sent. Often none.
    pub records: Vec<MetadataRecord>,
    /// What the client is told.
    pub response: R,
}

/// Why a part of a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
struct Refusal {
    code: ErrorCode,
    text: String,
}

impl Refusal {
    fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// As the fields `error_code` and `error_message`. No text is no message.
    fn into_fields(self) -> (i16, Option<Str>) {
        (self.code.code(), (!self.text.is_empty()).then(|| self.text.into()))
    }
}

/// The items that appear more than once.
fn repeated<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    let mut again = BTreeSet::new();
    for item in items {
        if let Some(item) = seen.replace(item) {
            again.insert(item);
        }
    }
    again
}

/// `text` with its first letter in upper case, as Kafka begins the sentences it sends.
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod testing;
