//! What lies in the directory of a log, and tidying up what a crash has left there.
//!
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

/// Looks at what is there, and tidies up what a crash left behind. `None` if there is no directory.
///
/// An index whose log is not there tells of a lost log, unless a crash may have left it, within the
/// renames that take a segment away. Its log then waits to be removed, since that is renamed before
/// its indexes, and what waits under the index's own name is not from an earlier time, since that
/// goes first (`Log::set_aside`). Where nothing crashed, no index is left without its log.
pub(super) fn list(dir: &dyn Dir, clean_shutdown: bool) -> Result<Option<Listing>, LogError> {
    let mut found = match dir.list() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::io("list", dir.path())(error)),
    };
    if found.iter().any(|name| name.ends_with(names::SWAP)) {
        finish_swaps(dir, &found)?;
        found = dir.list().map_err(LogError::io("list", dir.path()))?;
    }
    let mut listing = Listing::default();
    let (mut indexes, mut unwanted) = (Vec::new(), Vec::new());
    for name in &found {
        listing.epochs |= name == names::LEADER_EPOCHS;
        match names::parse(name) {
            Some((offset, Kind::Log)) => {
                listing.segments.entry(offset).or_default().insert(Kind::Log);
            }
            Some((offset, Kind::Snapshot)) => {
                listing.snapshots.insert(offset);
            }
            Some((offset, kind)) => indexes.push((offset, kind, name)),
            None if is_temporary(name) => unwanted.push(name),
            None => {}
        }
    }
    let mut leftovers = Vec::new();
    for (offset, kind, name) in indexes {
        if let Some(kinds) = listing.segments.get_mut(&offset) {
            kinds.insert(kind);
            continue;
        }
        let log = names::name(offset, Kind::Log);
        let waits = |name: &str| found.contains(&format!("{name}{}", names::DELETED));
        // What takes segments away never takes the last one.
        let has_other = !listing.segments.is_empty();
        if clean_shutdown || !has_other || !waits(&log) || waits(name) {
            return Err(LogError::Missing { path: dir.path().join(log), index: name.clone() });
        }
        leftovers.push(name);
    }
    for name in &leftovers {
        let file = dir.path().join(name);
        tracing::warn!(file = %file.display(), "an index of a segment that was being deleted: removed");
    }
    // The indexes first: without the log that waits to be removed they would tell of a lost one.
    for name in leftovers.into_iter().chain(unwanted) {
        dir.remove(name).map_err(LogError::io("remove", &dir.path().join(name)))?;
    }
    Ok(Some(listing))
}

/// Whether a file of this name is one that nobody reads after a restart.
fn is_temporary(name: &str) -> bool {
    let is_it =
        [names::DELETED, names::CLEANED, names::TEMPORARY].iter().any(|end| name.ends_with(end));
    is_it && !name.ends_with(".checkpoint.deleted")
}

/// Puts segments that compaction had finished in the place of those they were made of.
fn finish_swaps(dir: &dyn Dir, found: &[String]) -> Result<(), LogError> {
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
            kind != Kind::Snapshot && range.is_some_and(|(from, to)| from <= offset && offset < to)
        })
    };
    let sync = || dir.sync().map_err(LogError::io("sync", dir.path()));
    // Each step is durable before the next one, for the process may die here, too: what says that
    // a swap is invalid goes after it, and an index gets its own name after its log, since it would
    // be taken for one of the old segment otherwise.
    for name in found.iter().filter(is_invalid) {
        dir.remove(name).map_err(LogError::io("remove", &dir.path().join(name)))?;
    }
    sync()?;
    for name in found.iter().filter(is_replaced) {
        dir.remove(name).map_err(LogError::io("remove", &dir.path().join(name)))?;
    }
    sync()?;
    let (logs, others): (Vec<&String>, Vec<&String>) = found
        .iter()
        .filter(valid)
        .partition(|name| swapped(name).is_some_and(|(_, kind)| kind == Kind::Log));
    for part in [logs, others] {
        for name in part {
            let target = name.strip_suffix(names::SWAP).unwrap_or(name);
            let path = dir.path().join(name);
            tracing::info!(file = %path.display(), "finishing an interrupted compaction");
            dir.rename(name, target).map_err(LogError::io("rename", &path))?;
        }
        sync()?;
    }
    Ok(())
}
