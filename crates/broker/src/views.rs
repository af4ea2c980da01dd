//! What somebody outside may see of a running broker, as plain data.
//!
//! Every look takes short locks, one after the other, and leaves them before it returns; what it
//! gives is bounded by what was asked for. So a look never holds up a client for long.
//! Kafka: what its MBeans and `AdminClient` show, and what neither does.

mod groups;
mod history;
mod journey;
mod logs;
mod past;
mod topics;
mod transactions;

use std::sync::Arc;

use ottla_types::BrokerId;

pub use ottla_coordinator::{
    Cause, GroupChange, GroupLook, GroupState, MemberLook, TransactionLook, TransactionState,
};
pub use ottla_log::{IndexPath, SegmentLook};

pub use crate::{
    journal::{Arrival, Change, Complete, CompleteFrom, Event, Events, Past, Queue, Sample},
    partition::Passed,
};

pub use self::groups::{CommittedView, GroupSummary};
pub use self::history::{ConnectionView, PastConnection};
pub use self::journey::{JourneyView, SentView};
pub use self::logs::{BatchView, LookError};
pub use self::past::{Asked, Gone, Moment};
pub use self::topics::{CursorsView, PartitionView, TopicSummary, TopicView};
pub use self::transactions::{BlockedView, OpenTransaction, TransactionView};
use crate::broker::Shared;

/// The views of one broker. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Views {
    shared: Arc<Shared>,
}

/// The broker as a whole.
#[derive(Clone, Debug)]
pub struct BrokerView {
    /// The cluster's id.
    pub cluster_id: String,
    /// The broker's.
    pub broker_id: BrokerId,
    /// When it started, in ms since 1970.
    pub started_ms: i64,
    /// Its listeners.
    pub listeners: Vec<ListenerView>,
    /// Open connections of clients.
    pub connections: usize,
    /// Groups that it coordinates.
    pub groups: usize,
    /// Bytes of all requests since the start.
    pub bytes_in: u64,
    /// Bytes of all responses since the start.
    pub bytes_out: u64,
    /// Requests since the start.
    pub requests: u64,
    /// Its data directories.
    pub log_dirs: Vec<LogDirView>,
    /// Why it is not ready, if it is not.
    pub not_ready: Option<&'static str>,
}

/// A listener.
#[derive(Clone, Debug)]
pub struct ListenerView {
    /// Its name.
    pub name: String,
    /// What protects its connections, in Kafka's word.
    pub protocol: &'static str,
    /// What it is bound to; empty means every interface.
    pub host: String,
    /// The port it is bound to.
    pub port: u16,
    /// What `advertised.listeners` tells clients, if it says anything of this listener.
    pub advertised: Option<(String, u16)>,
}

/// A data directory.
#[derive(Clone, Debug)]
pub struct LogDirView {
    /// Where it is.
    pub path: String,
    /// Whether it works.
    pub is_online: bool,
    /// Bytes of the whole volume, if known.
    pub total_bytes: Option<u64>,
    /// Bytes free on the volume, if known.
    pub usable_bytes: Option<u64>,
    /// Replicas that lie in it.
    pub replicas: usize,
}

impl Views {
    pub(crate) fn of(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// The broker's id.
    pub fn broker_id(&self) -> BrokerId {
        self.shared.broker_id
    }

    /// When the broker was started, in ms since 1970.
    pub fn started_ms(&self) -> i64 {
        self.shared.started_ms
    }

    /// The broker as a whole.
    pub fn broker(&self) -> BrokerView {
        let shared = &self.shared;
        let (bytes_in, bytes_out, requests) = shared.metrics.totals();
        BrokerView {
            cluster_id: shared.cluster_id.to_string(),
            broker_id: shared.broker_id,
            started_ms: shared.started_ms,
            listeners: self.listeners(),
            connections: shared.connections.open(),
            groups: shared.groups.count(),
            bytes_in,
            bytes_out,
            requests,
            log_dirs: self.log_dirs(),
            not_ready: shared.not_ready(),
        }
    }

    /// The listeners that clients connect to, with the ports that were really bound.
    pub fn listeners(&self) -> Vec<ListenerView> {
        let bound = self.shared.listeners.get().map_or(&[][..], Vec::as_slice);
        let view = |listener: &ottla_config::Listener| {
            let told = self.shared.advertised.iter().find(|one| one.name == listener.name);
            ListenerView {
                name: listener.name.clone(),
                protocol: listener.protocol.name(),
                host: listener.host.clone(),
                port: listener.port,
                advertised: told.map(|told| (told.host.clone(), told.port)),
            }
        };
        bound.iter().map(view).collect()
    }

    fn log_dirs(&self) -> Vec<LogDirView> {
        let view = |dir: &Arc<crate::log_dirs::DataDir>| {
            let space = rustix::fs::statvfs(dir.path.as_path()).ok();
            let space = space.filter(|_| dir.is_online());
            let of = |blocks: fn(&rustix::fs::StatVfs) -> u64| {
                space.as_ref().map(|fs| blocks(fs).saturating_mul(fs.f_frsize))
            };
            LogDirView {
                path: dir.path.display().to_string(),
                is_online: dir.is_online(),
                total_bytes: of(|fs| fs.f_blocks),
                usable_bytes: of(|fs| fs.f_bavail),
                replicas: dir.replicas(),
            }
        };
        self.shared.log_dirs.all().iter().map(view).collect()
    }
}
