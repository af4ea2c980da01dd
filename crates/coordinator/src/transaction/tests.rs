//! The transactional ids of a partition, driven by hand, by chance, and against a model.

mod against_model;
mod ends;
mod epochs;
mod random;
mod records;
mod waiting;
mod world;
