//! What the files of a write-ahead log hold after a crash.

use std::{
    collections::HashMap,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use ottla_record::Batches;
use ottla_types::{Offset, Uuid};

use super::{
    FILE_NAMES,
    group::{self, BLOCK, Entry, Header, Use},
};
use crate::{
    dir::{Dir, LogFile, OpenMode},
    error::LogError,
    log::ahead::last_offset,
};

/// What was acknowledged before a crash and may be nowhere else: batches by partition, in the order
/// in which they were appended. They are parts of what was read: of a whole file, in memory until
/// all is dropped.
#[derive(Debug, Default)]
pub struct WrittenAhead {
    batches: HashMap<(Uuid, i32), Vec<Bytes>>,
    /// The largest generation of a file.
    pub(super) generation: u64,
}

impl WrittenAhead {
    /// What both files hold. Damage is told of in one line; what lies behind it is taken none the
    /// less: a log that lacks what comes before will not take it.
    pub(crate) fn read(dir: &dyn Dir) -> Result<Self, LogError> {
        let mut uses = uses(dir)?;
        for (path, size) in gone(dir, &uses)? {
            match size {
                Some(size) => tell_of_damage(&path, usize::try_from(size).unwrap_or(usize::MAX)),
                None => tell_of_loss(&path, "is missing"),
            }
        }
        uses.sort_by_key(|(begun, ..)| begun.generation);
        let mut all = Self::default();
        for (begun, name, file) in uses {
            all.generation = begun.generation;
            let path = dir.path().join(name);
            let content = content(file.as_ref()).map_err(LogError::io("read", &path))?;
            all.add(begun, &content, &path);
        }
        Ok(all)
    }

    /// Of files that were left in order: nothing in them counts.
    pub(crate) fn left_in_order(dir: &dyn Dir) -> Result<Self, LogError> {
        let generations = uses(dir)?.into_iter().map(|(begun, ..)| begun.generation);
        Ok(Self { generation: generations.max().unwrap_or(0), ..Self::default() })
    }

    /// Those of a partition, by its topic's id.
    pub fn of(&self, topic_id: Uuid, partition: i32) -> &[Bytes] {
        self.batches.get(&(topic_id, partition)).map_or(&[], Vec::as_slice)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The end of what a partition has here, exclusive.
    pub fn end_offset(&self, topic_id: Uuid, partition: i32) -> Option<Offset> {
        last_offset(self.of(topic_id, partition)).map(|last| last.plus(1))
    }

    fn add(&mut self, begun: Use, content: &Bytes, path: &Path) {
        let mut expected = BLOCK;
        for (position, group) in Groups::new(begun, content) {
            if position > expected {
                tell_of_damage(path, expected);
            }
            expected = position + group.size.next_multiple_of(BLOCK);
            for entry in group.entries {
                let of = self.batches.entry((entry.topic_id, entry.partition)).or_default();
                of.push(content.slice_ref(entry.batches));
            }
        }
    }
}

/// Makes sure that nothing counts of what the files hold: the directory was left in order, by Kafka
/// perhaps, which does not know them.
pub(crate) fn discard(dir: &dyn Dir) -> Result<(), LogError> {
    for name in FILE_NAMES {
        let failed = || LogError::io("empty", &dir.path().join(name));
        let file = match dir.open(name, OpenMode::Write) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed()(error)),
        };
        let mut start = vec![0; 2 * BLOCK];
        file.read_at(&mut start, 0).map_err(failed())?;
        let (first, group) = start.split_at(BLOCK);
        let begun = Use::parse(first)
            .filter(|begun| Header::parse(group).is_some_and(|it| it.use_id == begun.id));
        if let Some(begun) = begun {
            // Of another use, which has no group. Zeros in front of groups are damage.
            let (generation, id) = (begun.generation.wrapping_add(1), begun.id.wrapping_add(1));
            let block = Use { generation, id }.to_block();
            let emptied = file.write_at(&mut [IoSlice::new(&block)], 0);
            emptied.and_then(|()| file.sync()).map_err(failed())?;
        }
    }
    Ok(())
}

/// A file whose beginning is whole.
type Begun = (Use, &'static str, Arc<dyn LogFile>);

fn uses(dir: &dyn Dir) -> Result<Vec<Begun>, LogError> {
    let mut uses = Vec::new();
    for name in FILE_NAMES {
        let path = dir.path().join(name);
        let file = match dir.open(name, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LogError::io("open", &path)(error)),
        };
        let mut start = vec![0; 2 * BLOCK];
        let read = file.read_at(&mut start, 0).map_err(LogError::io("read", &path))?;
        start.truncate(read);
        match Use::parse(start.get(..BLOCK).unwrap_or_default()) {
            Some(begun) => uses.push((begun, name, file)),
            None if is_unused(&start) => {}
            None => tell_of_damage(&path, 0),
        }
    }
    Ok(uses)
}

/// Whether this is the beginning of a file that was made and holds nothing.
fn is_unused(start: &[u8]) -> bool {
    let Some((first, group)) = start.split_at_checked(BLOCK) else { return false };
    first.iter().all(|byte| *byte == 0) && Header::parse(group).is_none()
}

/// The files that are gone, or shorter than the other one, with their size. The first is there
/// before the second, and neither is begun before both are.
fn gone(dir: &dyn Dir, uses: &[Begun]) -> Result<Vec<(PathBuf, Option<u64>)>, LogError> {
    let mut sizes = Vec::new();
    for name in FILE_NAMES {
        let path = dir.path().join(name);
        let size = match dir.open(name, OpenMode::Read) {
            Ok(file) => Some(file.size().map_err(LogError::io("read", &path))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(LogError::io("open", &path)(error)),
        };
        sizes.push((path, size));
    }
    let whole = sizes.iter().filter_map(|(_, size)| *size).max();
    let is_first_gone = sizes.first().is_some_and(|(_, size)| size.is_none());
    sizes.retain(|(_, size)| *size < whole && (is_first_gone || !uses.is_empty()));
    Ok(sizes)
}

fn content(file: &dyn LogFile) -> io::Result<Bytes> {
    let mut content = vec![0; usize::try_from(file.size()?).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut content, 0)?;
    content.truncate(read);
    Ok(content.into())
}

/// A group that is whole.
pub(crate) struct Group<'a> {
    /// Bytes, without what fills its last block.
    size: usize,
    pub(crate) number: u64,
    pub(crate) entries: Vec<Entry<'a>>,
}

/// The groups of one use of a file that are whole, with their positions.
pub(crate) struct Groups<'a> {
    begun: Use,
    content: &'a [u8],
    position: usize,
}

impl<'a> Groups<'a> {
    pub(crate) fn new(begun: Use, content: &'a [u8]) -> Self {
        Self { begun, content, position: BLOCK }
    }

    fn group(&self) -> Option<Group<'a>> {
        let rest = self.content.get(self.position..)?;
        let header = Header::parse(rest).filter(|header| header.use_id == self.begun.id)?;
        let bytes = rest.get(..header.size())?;
        let entries = group::entries(bytes)?;
        Some(Group { size: bytes.len(), number: header.number, entries })
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = (usize, Group<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.position < self.content.len() {
            let position = self.position;
            let found = self.group();
            let size = found.as_ref().map_or(BLOCK, |group| group.size);
            self.position += size.next_multiple_of(BLOCK);
            if let Some(group) = found {
                return Some((position, group));
            }
        }
        None
    }
}

/// What a file holds, one entry a line, for people to read.
pub(crate) fn describe(content: &[u8]) -> Result<Vec<String>, String> {
    let first = content.get(..BLOCK).unwrap_or_default();
    let Some(begun) = Use::parse(first) else {
        let cause = "its first block is not that of such a file";
        return if is_unused(content) { Ok(Vec::new()) } else { Err(cause.to_owned()) };
    };
    let mut lines = vec![format!("generation={}", begun.generation)];
    for (position, group) in Groups::new(begun, content) {
        for entry in group.entries {
            let offsets = Batches::new(entry.batches).filter_map(Result::ok);
            let offsets = offsets.map(|(header, _)| (header.base_offset, header.last_offset()));
            let (first, last) = offsets.fold((None, Offset::NONE), |(first, _), (base, last)| {
                (first.or(Some(base)), last)
            });
            lines.push(format!(
                "position={position} group={} topic_id={} partition={} first_offset={} last_offset={last} \
                 bytes={}",
                group.number,
                entry.topic_id,
                entry.partition,
                first.unwrap_or(Offset::NONE),
                entry.batches.len()
            ));
        }
    }
    Ok(lines)
}

fn tell_of_damage(path: &Path, position: usize) {
    tell_of_loss(path, &format!("is damaged at position {position}"));
}

fn tell_of_loss(path: &Path, what: &str) {
    tracing::error!(
        "{} {what}: records that were acknowledged and are not in their partitions' files yet may be lost. \
         Look at it with: ottla log dump {}",
        path.display(),
        path.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{simulation::disk::SimDisk, testing::write_ahead_file};

    fn written() -> (SimDisk, [Vec<u8>; 2]) {
        let disk = SimDisk::new();
        let files =
            [write_ahead_file(1, &[b"one", b"two"]), write_ahead_file(2, &[b"three", b"four"])];
        for (name, content) in FILE_NAMES.iter().zip(&files) {
            disk.put(name, Some(content.clone()));
        }
        (disk, files)
    }

    fn found(disk: &SimDisk) -> Vec<(PathBuf, Option<u64>)> {
        let dir = disk.root();
        gone(dir.as_ref(), &uses(dir.as_ref()).unwrap()).unwrap()
    }

    #[test]
    fn a_file_that_is_gone_or_cut_is_noticed_once_the_other_is_begun() {
        let (disk, [first, second]) = written();
        assert_eq!(found(&disk), []);
        disk.put(FILE_NAMES[1], Some(second[..2 * BLOCK].to_vec()));
        assert_eq!(found(&disk), [(FILE_NAMES[1].into(), Some(2 * BLOCK as u64))]);
        disk.put(FILE_NAMES[1], None);
        assert_eq!(found(&disk), [(FILE_NAMES[1].into(), None)]);
        disk.put(FILE_NAMES[1], Some(vec![0; second.len()]));
        disk.put(FILE_NAMES[0], None);
        assert_eq!(found(&disk), [(FILE_NAMES[0].into(), None)]);
        // They are being made.
        disk.put(FILE_NAMES[1], None);
        disk.put(FILE_NAMES[0], Some(vec![0; first.len()]));
        assert_eq!(found(&disk), []);
    }

    #[test]
    fn zeros_in_front_of_groups_are_damage_and_nothing_writes_them() {
        let (disk, [first, _]) = written();
        let zeroed = [&[0; BLOCK], &first[BLOCK..]].concat();
        assert!(!is_unused(&zeroed) && is_unused(&[0; 2 * BLOCK]));
        describe(&zeroed).unwrap_err();
        discard(disk.root().as_ref()).unwrap();
        let files = disk.files();
        assert_eq!(describe(&files[FILE_NAMES[0]]), Ok(vec!["generation=2".to_owned()]));
        assert!(WrittenAhead::read(disk.root().as_ref()).unwrap().is_empty());
    }
}
