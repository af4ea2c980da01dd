//! Histories made by hand and by a simulated log.

mod bad;
mod good;
mod lines;
mod script;
mod simulated;
