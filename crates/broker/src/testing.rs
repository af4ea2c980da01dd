//! What fuzzing needs of the inside: the readers of the cluster metadata's files.
//!
//! Nothing here is part of a release. An assert that fails is a mistake in this crate.

pub use crate::metadata_log::testing::{
    metadata_log_files, open_metadata_log, read_as_every_metadata_file,
};
