//! What the files of a write-ahead log hold after a crash.

use std::{
    collections::HashMap,
    io::{self, IoSlice},
    path::Path,
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
/// in which they were appended. They are parts of what was read: of a whole file, in memory until all is dropped.
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

/// Makes sure that nothing counts of what the files hold: the directory was left in order, by Kafka perhaps,
/// which does not know them.
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
        let holds_any = Use::parse(first)
            .is_some_and(|begun| Header::parse(group).is_some_and(|it| it.use_id == begun.id));
        if holds_any {
            let emptied = file.write_at(&mut [IoSlice::new(&[0; BLOCK])], 0);
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
        let mut block = vec![0; BLOCK];
        let read = file.read_at(&mut block, 0).map_err(LogError::io("read", &path))?;
        match Use::parse(&block) {
            Some(begun) => uses.push((begun, name, file)),
            None if is_unused(block.get(..read).unwrap_or_default()) => {}
            None => tell_of_damage(&path, 0),
        }
    }
    Ok(uses)
}

/// Whether a first block is that of a file that was made and holds nothing.
fn is_unused(first: &[u8]) -> bool {
    first.len() == BLOCK && first.iter().all(|byte| *byte == 0)
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
        return if is_unused(first) { Ok(Vec::new()) } else { Err(cause.to_owned()) };
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
    tracing::error!(
        "{} is damaged at position {position}: records that were acknowledged and are not in their \
         partitions' files yet may be lost. Look at it with: ottla log dump {}",
        path.display(),
        path.display()
    );
}
