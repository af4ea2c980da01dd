//! A disk in memory that loses power and fails as told, and the numbers that decide when.
//!
//! For tests only: nothing here is part of a release. What is asked of it wrongly panics.

pub mod disk;
mod inode;
pub mod power_cut;
pub mod random;
