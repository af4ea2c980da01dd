//! What lies in the directory of a log, and tidying up what a crash has left there.
//!
//! Invariant: nothing is changed before it is known that nothing of the log is missing.
//! Kafka: `LogLoader.removeTempFilesAndCollectSwapFiles`, `LogLoader.loadSegmentFiles`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use ottla_types::Offset;

use super::recover;
use crate::{
    dir::Dir,
    error::LogError,
    names::{self, Kind},
};

/// What a directory listing says.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Segments by base offset, with the kinds of files they have.
    pub(super) segments: BTreeMap<Offset, BTreeSet<Kind>>,
    pub(super) snapshots: BTreeSet<Offset>,
    pub(super) epochs: bool,
}

/// What was found in a log's directory, and what of it a crash has left to be done.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is there once [`Found::finish_swaps`] is done.
    pub(super) listing: Listing,
    swaps: Option<Swaps>,
    /// Indexes of segments that were being deleted.
    leftovers: Vec<String>,
    /// Files that nobody reads after a restart.
    unwanted: Vec<String>,
}

impl Found {
    /// Looks at what is there, and leaves it as it is. `None` if there is no directory.
    ///
    /// An index whose log is not there tells of a lost log, unless a crash may have left it, within
    /// the renames that take a segment away. Its log then waits to be removed, since that is
    /// renamed before its indexes, and what waits under the index's own name is not from an earlier
    /// time, since that goes first (`Log::set_aside`). Where nothing crashed, no index is left
    /// without its log.
    pub(super) fn look(dir: &dyn Dir, clean_shutdown: bool) -> Result<Option<Self>, LogError> {
        let mut names: BTreeSet<String> = match dir.list() {
            Ok(names) => names.into_iter().collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io("list", dir.path())(error)),
        };
        let has_swaps = names.iter().any(|name| name.ends_with(names::SWAP));
        let swaps = has_swaps.then(|| Swaps::plan(dir, &names)).transpose()?;
        if let Some(swaps) = &swaps {
            swaps.rename(&mut names);
        }
        let mut found = Self { swaps, ..Self::default() };
        let mut indexes = Vec::new();
        for name in &names {
            found.listing.epochs |= name == names::LEADER_EPOCHS;
            match names::parse(name) {
                Some((offset, Kind::Log)) => {
                    found.listing.segments.entry(offset).or_default().insert(Kind::Log);
                }
                Some((offset, Kind::Snapshot)) => drop(found.listing.snapshots.insert(offset)),
                Some((offset, kind)) => indexes.push((offset, kind, name)),
                None if is_temporary(name) => found.unwanted.push(name.clone()),
                None => {}
            }
        }
        for (offset, kind, name) in indexes {
            if let Some(kinds) = found.listing.segments.get_mut(&offset) {
                kinds.insert(kind);
                continue;
            }
            let log = names::name(offset, Kind::Log);
            let waits = |name: &str| names.contains(&format!("{name}{}", names::DELETED));
            // What takes segments away never takes the last one.
            let has_other = !found.listing.segments.is_empty();
            if clean_shutdown || !has_other || !waits(&log) || waits(name) {
                return Err(LogError::Missing { path: dir.path().join(log), index: name.clone() });
            }
            found.leftovers.push(name.clone());
        }
        Ok(Some(found))
    }

    /// Puts segments that compaction had finished in the place of those they were made of.
    pub(super) fn finish_swaps(&self, dir: &dyn Dir) -> Result<(), LogError> {
        self.swaps.as_ref().map_or(Ok(()), |swaps| swaps.finish(dir))
    }

    /// Removes what a crash has left and nobody needs.
    pub(super) fn tidy(&self, dir: &dyn Dir) -> Result<(), LogError> {
        for name in &self.leftovers {
            let file = dir.path().join(name);
            tracing::warn!(file = %file.display(), "an index of a deleted segment: removed");
        }
        // The indexes first: without the log that waits to be removed they would tell of a lost
        // one.
        for name in self.leftovers.iter().chain(&self.unwanted) {
            dir.remove(name).map_err(LogError::io("remove", &dir.path().join(name)))?;
        }
        Ok(())
    }
}

/// Whether a file of this name is one that nobody reads after a restart.
fn is_temporary(name: &str) -> bool {
    let ends = [names::DELETED, names::CLEANED, names::TEMPORARY];
    ends.iter().any(|end| name.ends_with(end)) && !name.ends_with(".checkpoint.deleted")
}

/// What is to be done about the files of segments that compaction had finished.
#[derive(Debug)]
struct Swaps {
    /// Of compactions that were not finished.
    invalid: Vec<String>,
    /// Those of the segments that are replaced.
    replaced: Vec<String>,
    logs: Vec<String>,
    indexes: Vec<String>,
}

impl Swaps {
    fn plan(dir: &dyn Dir, found: &BTreeSet<String>) -> Result<Self, LogError> {
        let swapped = |name: &String| name.strip_suffix(names::SWAP).and_then(names::parse);
        let cleaned = found.iter().filter_map(|name| {
            name.strip_suffix(names::CLEANED).and_then(names::parse).map(|(offset, _)| offset)
        });
        let unfinished = cleaned.min().unwrap_or(Offset(i64::MAX));
        let valid = |name: &&String| swapped(name).is_some_and(|(offset, _)| offset < unfinished);
        let mut range: Option<(Offset, Offset)> = None;
        for name in found.iter().filter(valid) {
            if let Some((offset, Kind::Log)) = swapped(name) {
                let end = recover::end_of_file(dir, name, offset)?;
                let (from, to) = range.unwrap_or((offset, end));
                range = Some((from.min(offset), to.max(end)));
            }
        }
        let is_invalid = |name: &&String| name.ends_with(names::SWAP) && !valid(name);
        let is_replaced = |name: &&String| {
            names::parse(name).is_some_and(|(offset, kind)| {
                kind != Kind::Snapshot
                    && range.is_some_and(|(from, to)| from <= offset && offset < to)
            })
        };
        let (logs, indexes) = found
            .iter()
            .filter(valid)
            .cloned()
            .partition(|name| swapped(name).is_some_and(|(_, kind)| kind == Kind::Log));
        Ok(Self {
            invalid: found.iter().filter(is_invalid).cloned().collect(),
            replaced: found.iter().filter(is_replaced).cloned().collect(),
            logs,
            indexes,
        })
    }

    /// The names that are there afterwards.
    fn rename(&self, names: &mut BTreeSet<String>) {
        for name in self.invalid.iter().chain(&self.replaced) {
            names.remove(name);
        }
        for name in self.logs.iter().chain(&self.indexes) {
            names.remove(name);
            names.insert(own_name(name).to_owned());
        }
    }

    fn finish(&self, dir: &dyn Dir) -> Result<(), LogError> {
        // Each step is durable before the next one, for the process may die here, too: what says
        // that a swap is invalid goes after it, and an index gets its own name after its log, since
        // it would be taken for one of the old segment otherwise.
        for names in [&self.invalid, &self.replaced] {
            for name in names {
                dir.remove(name).map_err(LogError::io("remove", &dir.path().join(name)))?;
            }
            dir.sync().map_err(LogError::io("sync", dir.path()))?;
        }
        for names in [&self.logs, &self.indexes] {
            for name in names {
                let path = dir.path().join(name);
                tracing::info!(file = %path.display(), "finishing an interrupted compaction");
                dir.rename(name, own_name(name)).map_err(LogError::io("rename", &path))?;
            }
            dir.sync().map_err(LogError::io("sync", dir.path()))?;
        }
        Ok(())
    }
}

/// The name that a swapped file gets.
fn own_name(swapped: &str) -> &str {
    swapped.strip_suffix(names::SWAP).unwrap_or(swapped)
}
