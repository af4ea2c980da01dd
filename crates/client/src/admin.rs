//! Administration: topics, partitions, configs, offsets, groups, brokers.
//!
//! Invariant: calls about several things answer for each one by itself; an `Err` for the whole call
//! means that nothing is known about any.
//! Kafka: `Admin`, `KafkaAdminClient`.

mod cluster;
mod configs;
mod groups;
mod offsets;
mod partitions;
mod topics;
mod transactions;

pub use cluster::{BrokerDescription, ClusterDescription, LogDir, LogDirPartition};
pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSynonym};
pub use groups::{CommittedOffset, GroupDescription, GroupListing, GroupMember};
pub(crate) use groups::{Committer, Offsets, Pending, assignment_of};
pub use offsets::{ListedOffset, OffsetSpec};
pub use partitions::{Election, EligibleReplicas, PartitionReassignment};
pub use topics::{CreatedTopic, NewTopic};
pub use transactions::{AbortSpec, ProducerState, TransactionDescription, TransactionListing};

use ottla_types::{BrokerId, ErrorCode};

use crate::{Client, Error, Result};

/// The administrator's calls.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client,
}

impl Admin {
    pub(crate) const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The broker for requests that change the cluster.
    async fn controller(&self) -> Result<BrokerId> {
        let known = self.client.topology().controller_id;
        if known.0 >= 0 {
            return Ok(known);
        }
        self.client.refresh().await?;
        let topology = self.client.topology();
        if topology.controller_id.0 >= 0 {
            return Ok(topology.controller_id);
        }
        let any = topology.brokers.values().next().map(|broker| broker.id);
        any.ok_or_else(|| {
            let what = "cannot find the controller";
            Error::broker(ErrorCode::BrokerNotAvailable, what, None)
        })
    }
}

/// What a broker said about one thing.
fn verdict(code: i16, what: impl FnOnce() -> String, detail: Option<&str>) -> Result<()> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        code => Err(Error::broker(code, what(), detail)),
    }
}
