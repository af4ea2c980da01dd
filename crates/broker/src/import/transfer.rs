//! The files of a data directory, copied or linked into a new one.
//!
//! A segment that is closed is never written again, neither by Kafka nor by Ottla: compaction makes
//! new files, and deletion removes names. So it can have a second name in another directory.
//! Everything that is written in place is copied.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use ottla_log::{Checkpoints, StoppedDir};
use ottla_types::{Offset, TopicPartition};

use super::ImportError;

/// Suffix of a directory that is being filled.
const UNFINISHED: &str = ".importing";
/// The lock of the source, which is not the target's.
const LOCK: &str = ".lock";

/// How files come to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// All are copied.
    Copy,
    /// Closed segments get a second name, the others are copied. On one file system only.
    Link,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Files copied.
    pub copied: u64,
    /// Files that were given a second name.
    pub linked: u64,
    /// Bytes copied.
    pub copied_bytes: u64,
}

/// The name that a target has while it is filled.
fn unfinished(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

/// An error unless the target can be made: it does not exist, or is empty.
pub(super) fn check_free(target: &Path) -> Result<(), ImportError> {
    let begun = unfinished(target);
    if begun.exists() {
        return Err(ImportError::Refused(format!(
            "{} is what an import left that did not end: remove it first",
            begun.display()
        )));
    }
    match fs::read_dir(target).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(ImportError::Refused(format!("{} is not empty", target.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ImportError::io("read", target)(error)),
    }
}

/// Fills a target under its unfinished name, durably.
pub(super) fn fill(
    source: &StoppedDir,
    target: &Path,
    means: Means,
    done: &mut Done,
) -> Result<(), ImportError> {
    let target = unfinished(target);
    fs::create_dir_all(&target).map_err(ImportError::io("create", &target))?;
    let checkpoints = source.read_checkpoints()?;
    for at in source.contents()?.partitions {
        let name = at.to_string();
        let inner = target.join(&name);
        fs::create_dir(&inner).map_err(ImportError::io("create", &inner))?;
        let closed = match means {
            Means::Copy => Vec::new(),
            Means::Link => closed_segments(source, &at, &checkpoints)?,
        };
        let from = source.path().join(&name);
        for file in files(&from)? {
            let (from, to) = (from.join(&file), inner.join(&file));
            if closed.contains(&file) {
                fs::hard_link(&from, &to).map_err(ImportError::io("link", &to))?;
                done.linked += 1;
            } else {
                copy(&from, &to, done)?;
            }
        }
    }
    for file in files(source.path())?.into_iter().filter(|name| name != LOCK) {
        copy(&source.path().join(&file), &target.join(&file), done)?;
    }
    let opened = File::open(&target).map_err(ImportError::io("open", &target))?;
    rustix::fs::syncfs(&opened).map_err(|error| ImportError::io("sync", &target)(error.into()))
}

/// Gives the targets their names.
pub(super) fn finish(targets: &[PathBuf]) -> Result<(), ImportError> {
    for target in targets {
        fs::rename(unfinished(target), target).map_err(ImportError::io("rename", target))?;
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let opened = File::open(parent).map_err(ImportError::io("open", parent))?;
        opened.sync_all().map_err(ImportError::io("sync", parent))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, done: &mut Done) -> Result<(), ImportError> {
    let bytes = fs::copy(from, to).map_err(ImportError::io("copy", from))?;
    done.copied += 1;
    done.copied_bytes = done.copied_bytes.saturating_add(bytes);
    Ok(())
}

/// The names of the files in a directory.
fn files(dir: &Path) -> Result<Vec<String>, ImportError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(ImportError::io("read", dir))? {
        let entry = entry.map_err(ImportError::io("read", dir))?;
        let kind = entry.file_type().map_err(ImportError::io("read", &entry.path()))?;
        if kind.is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// The segments that nobody writes any more: not the last one, and none that recovery may cut.
fn closed_segments(
    source: &StoppedDir,
    at: &TopicPartition,
    checkpoints: &Checkpoints,
) -> Result<Vec<String>, ImportError> {
    let segments = source.segments(at)?;
    let recovery_point = if source.was_clean() {
        Offset(i64::MAX)
    } else {
        checkpoints.recovery_points.get(at).copied().unwrap_or(Offset::ZERO)
    };
    let next = segments.iter().skip(1);
    let closed = segments.iter().zip(next).filter(|(_, next)| next.base_offset <= recovery_point);
    Ok(closed.map(|(segment, _)| segment.name.clone()).collect())
}
