//! A whole data directory on a disk that loses power, fails or rots.

mod crash;
mod disk;
mod faults;
mod model;
mod random;
mod world;
