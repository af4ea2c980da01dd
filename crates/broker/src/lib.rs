//! The server side of Kafka's protocol: listeners, connections, APIs, partitions, coordinators.
//!
//! [`Broker::start`] gives a broker that serves; everything else is inside.
//! Architecture invariant: knows nothing of the client crate, and is the only crate that brings the
//! log, the coordinators and the metadata together.

mod api;
mod authorized;
mod background;
mod broker;
mod cleaner;
mod clock;
mod controller;
mod deleted_names;
mod failures;
mod fetch_sessions;
mod flusher;
pub mod format;
mod groups;
mod housekeeping;
mod http;
pub mod import;
mod initial_topics;
mod inventory;
mod journal;
mod limits;
mod log_dirs;
mod markers;
mod metadata_log;
mod metrics;
mod moves;
mod net;
mod partition;
mod partitions;
mod producer_ids;
mod random;
pub mod reference;
mod runtimes;
mod settings;
mod shards;
#[cfg(feature = "simulation")]
pub mod simulation;
mod stopping;
mod storage;
#[cfg(feature = "testing")]
pub mod testing;
mod throttle;
mod transactions;
pub mod views;
mod waiters;

pub use broker::{Broker, StartError};
