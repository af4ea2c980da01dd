//! Scenarios: requests and time in, replies and records out, invariants checked after each step.

mod admin;
mod append;
mod expiry;
mod join;
mod leave;
mod load;
mod offsets;
mod random;
mod static_member;
mod sync;
mod transactional;
mod world;
