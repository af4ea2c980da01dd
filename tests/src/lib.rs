//! What the tests of the whole broker share: a client that speaks the protocol and nothing else,
//! scripted conversations with a broker, their comparison, and a broker in the test's own process.
//!
//! Nothing that speaks to a broker uses Ottla's own client: only the codec and the record batches.

pub mod batch;
pub mod client;
pub mod connection;
pub mod console;
pub mod differential;
pub mod fuzzing;
pub mod group;
pub mod http;
pub mod in_process;
pub mod log_dirs;
pub mod memory;
pub mod process;
pub mod scenarios;
pub mod session;
pub mod simulation;
