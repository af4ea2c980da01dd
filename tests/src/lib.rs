//! What the tests of the whole broker share: a client that speaks the protocol and nothing else,
//! scripted conversations with a broker, and their comparison.
//!
//! Nothing here uses Ottla's own client or broker: only the codec and the record batches.

pub mod batch;
pub mod connection;
pub mod differential;
pub mod scenarios;
pub mod session;
