//! Histories made by hand and by a simulated log.

mod bad;
mod good;
mod lines;
mod registers;
mod script;
mod simulated;
