//! A whole data directory on a disk that loses power, fails or rots.

pub(crate) mod asked;
mod at_rest;
mod compacted;
mod crash;
mod cuts;
mod faults;
mod hostile;
mod leftovers;
mod model;
mod moves;
mod owner;
mod rest;
mod two_dirs;
mod world;
mod write_ahead;

pub(crate) use crate::simulation::{disk, power_cut, random};
