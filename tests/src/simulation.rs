//! Whole brokers in simulated worlds: clients, networks, crashes and power cuts, all from one seed.
//!
//! [`run`] lives through one world and gives its history, which the checker judges. The same seed
//! gives the same history, byte for byte.

mod client;
mod consumer;
mod group_offsets;
mod history;
mod leaver;
mod member;
mod network;
mod producer;
mod registrar;
mod transaction;
mod world;

pub use world::{Plan, Run, run};
