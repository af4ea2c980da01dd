//! Sockets: listeners, connections, and how bytes leave.

pub(crate) mod budget;
pub(crate) mod clients;
pub(crate) mod connection;
pub(crate) mod container;
pub(crate) mod frame;
pub(crate) mod listener;
mod pacing;
mod page_cache;
pub(crate) mod rope;
pub(crate) mod socket;
