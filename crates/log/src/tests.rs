//! A whole data directory on a disk that loses power, fails or rots.

mod at_rest;
mod crash;
pub(crate) mod disk;
mod faults;
mod hostile;
mod model;
pub(crate) mod random;
mod world;
