//! What lies in the directory of a log, and tidying up what a crash has left there.
//!
//! Kafka: `LogLoader.removeTempFilesAndCollectSwapFiles`, `LogLoader.loadSegmentFiles`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use ottla_types::Offset;

use super::{OpenOptions, recover};
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

/// Which indexes may have been left without their log.
#[derive(Clone, Copy)]
pub(super) enum Leftovers {
    /// None: all was in order.
    None,
    /// Those of the first segments, which retention was about to delete.
    First,
    /// Also those of segments that compaction has merged.
    Any,
}

impl Leftovers {
    pub(super) fn of(options: &OpenOptions) -> Self {
        let was_compacted = options.config.cleanup_compact || options.compacted_to > Offset::ZERO;
        match (options.clean_shutdown, was_compacted) {
            (true, _) => Self::None,
            (false, false) => Self::First,
            (false, true) => Self::Any,
        }
    }

    fn may_be(self, after_a_log: bool) -> bool {
        match self {
            Self::None => false,
            Self::First => !after_a_log,
            Self::Any => true,
        }
    }
}

/// Looks at what is there, and tidies up what a crash left behind. `None` if there is no directory.
/// Where no crash has left it, an index without its log tells of a lost log.
pub(super) fn list(dir: &dyn Dir, leftovers: Leftovers) -> Result<Option<Listing>, LogError> {
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
    let mut indexes = Vec::new();
    for name in found {
        if [names::DELETED, names::CLEANED, names::TEMPORARY].iter().any(|end| name.ends_with(end))
            && !name.ends_with(".checkpoint.deleted")
        {
            dir.remove(&name).map_err(LogError::io("remove", &dir.path().join(&name)))?;
            continue;
        }
        listing.epochs |= name == names::LEADER_EPOCHS;
        match names::parse(&name) {
            Some((offset, Kind::Log)) => {
                listing.segments.entry(offset).or_default().insert(Kind::Log);
            }
            Some((offset, Kind::Snapshot)) => {
                listing.snapshots.insert(offset);
            }
            Some((offset, kind)) => indexes.push((offset, kind, name)),
            None => {}
        }
    }
    let first = listing.segments.keys().next().copied();
    for (offset, kind, name) in indexes {
        if let Some(kinds) = listing.segments.get_mut(&offset) {
            kinds.insert(kind);
        } else if !leftovers.may_be(first.is_some_and(|first| first < offset)) {
            let path = dir.path().join(names::name(offset, Kind::Log));
            return Err(LogError::Missing { path, index: name });
        } else {
            let path = dir.path().join(&name);
            tracing::warn!(file = %path.display(), "an index without a log: removed");
            dir.remove(&name).map_err(LogError::io("remove", &dir.path().join(&name)))?;
        }
    }
    Ok(Some(listing))
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
