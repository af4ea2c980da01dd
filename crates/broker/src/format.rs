//! Data directories that are given to a cluster before a broker starts on them.
//!
//! Ottla needs no such step, since it does the same when it starts on empty directories. Scripts
//! around Kafka have it all the same.
//! Invariant: a directory that belongs to a cluster stays as it is.
//! Kafka: `org.apache.kafka.metadata.storage.Formatter`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ottla_config::{ServerConfig, keys, parse_properties};
use ottla_log::{LogDir, LogError, MetaProperties};
use ottla_types::Uuid;
use thiserror::Error;

use crate::random::new_id;

const META: &str = "meta.properties";

/// Why nothing was formatted.
#[derive(Debug, Error)]
pub enum FormatError {
    /// A directory belongs to another cluster.
    #[error("Invalid cluster.id in: {}. Expected {expected}, but read {found}", path.display())]
    OtherCluster {
        /// Its `meta.properties`.
        path: PathBuf,
        /// The cluster that was asked for.
        expected: String,
        /// The cluster that it belongs to.
        found: String,
    },
    /// A directory belongs to the cluster already.
    #[error(
        "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory \
         and format the others.", .0.display()
    )]
    Formatted(PathBuf),
    /// What says whose a directory is cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// Its `meta.properties`.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A directory cannot be used.
    #[error(transparent)]
    Disk(#[from] LogError),
}

/// What becomes of directories that belong to the cluster already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formatted {
    /// They are left alone.
    Ignore,
    /// They are an error.
    Refuse,
}

/// The cluster that a directory belongs to. It is not opened: the mark of a clean shutdown stays.
fn owner(path: &Path) -> Result<Option<String>, FormatError> {
    let path = path.join(META);
    let unreadable = |why: String| FormatError::Unreadable { path: path.clone(), why };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let properties = parse_properties(&text).map_err(|error| unreadable(error.to_string()))?;
    let found = properties.into_iter().find(|(key, _)| key == "cluster.id");
    found.map(|(_, id)| Some(id)).ok_or_else(|| unreadable("it has no cluster.id".to_owned()))
}

/// An id for a new cluster.
pub fn new_cluster_id() -> Uuid {
    new_id()
}

/// Gives the directories of a configuration to a cluster; those that were given now are the answer.
pub fn format(
    config: &ServerConfig,
    cluster_id: &str,
    formatted: Formatted,
) -> Result<Vec<PathBuf>, FormatError> {
    let mut paths = vec![config.metadata_log_dir()];
    paths.extend(config.log_dirs().iter().map(String::as_str));
    let mut seen = Vec::new();
    let mut empty = Vec::new();
    for path in paths {
        if seen.contains(&path) {
            continue;
        }
        seen.push(path);
        let path = PathBuf::from(path);
        match owner(&path)? {
            None => empty.push(path),
            Some(found) if found != cluster_id => {
                let (path, expected) = (path.join(META), cluster_id.to_owned());
                return Err(FormatError::OtherCluster { path, expected, found });
            }
            Some(_) if formatted == Formatted::Refuse => return Err(FormatError::Formatted(path)),
            Some(_) => {}
        }
    }
    let node_id = config.get(&keys::NODE_ID);
    let mut done = Vec::new();
    for path in empty {
        let mut dir = LogDir::open(path)?;
        let cluster_id = cluster_id.to_owned();
        dir.set_meta(MetaProperties { cluster_id, node_id, directory_id: new_id() })?;
        done.push(dir.path().to_owned());
    }
    Ok(done)
}
