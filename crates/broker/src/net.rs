//! Sockets: listeners, connections, and how bytes leave.

pub(crate) mod budget;
pub(crate) mod connection;
pub(crate) mod frame;
pub(crate) mod listener;
pub(crate) mod rope;
