//! What was written ahead, on files with anything in them.

use std::{io, sync::Arc};

use bytes::Bytes;
use ottla_types::{Offset, Uuid};

use super::{Opening, open_and_read_with};
use crate::{
    dir::Dir,
    write_ahead::{
        self, FILE_NAMES, WriteAhead,
        group::{BLOCK, Builder, Use},
        read::{WrittenAhead, describe, discard},
    },
};

/// The topic of which [`write_ahead_file`] writes.
const TOPIC_ID: Uuid = Uuid([5; 16]);

/// The content of a file whose groups are whole, each with these bytes as its only entry.
pub fn write_ahead_file(generation: u64, groups: &[&[u8]]) -> Vec<u8> {
    let begun = Use { generation, id: generation.wrapping_add(7) };
    let mut file = begun.to_block();
    let mut group = Builder::default();
    for (number, bytes) in (0..).zip(groups) {
        let fill = |place: &mut [u8]| {
            place.copy_from_slice(bytes);
            Ok::<(), ()>(())
        };
        let pushed = group.push((TOPIC_ID, 0), bytes.len(), fill);
        assert_eq!(pushed, Ok(()));
        file.extend(group.finish(begun.id, number));
        group.clear();
    }
    file
}

/// Gives every group of a file the checksum of what it holds, as far as its header says how much
/// that is.
pub fn seal_write_ahead_file(content: &mut [u8]) {
    let Some(begun) = content.get(..BLOCK).and_then(Use::parse) else { return };
    let mut position = BLOCK;
    while let Some(rest) = content.get(position..).filter(|rest| !rest.is_empty()) {
        let sealed = write_ahead::group::sealed_again(rest, begun.id).unwrap_or_default();
        if let Some(place) = content.get_mut(position..position + sealed.len()) {
            place.copy_from_slice(&sealed);
        }
        position += sealed.len().max(1).next_multiple_of(BLOCK);
    }
}

/// Reads the write-ahead files of a directory, whatever is in them, opens the log in `partition`
/// with what they hold for it, and begins them anew.
pub fn read_written_ahead(
    dir: &dyn Dir,
    partition: Arc<dyn Dir>,
    opening: Opening,
) -> io::Result<()> {
    let Ok(found) = WrittenAhead::read(dir) else { return Ok(()) };
    let mut lines = 0;
    for name in FILE_NAMES {
        let content = dir.read(name)?.unwrap_or_default();
        let described = describe(&content).unwrap_or_default();
        lines += described.iter().filter(|line| line.contains("topic_id=")).count();
    }
    let batches = found.of(TOPIC_ID, 0);
    assert!(batches.len() <= lines, "what is read is shown");
    assert!(found.is_empty() == (lines == 0), "what is shown is read");
    let end = found.end_offset(TOPIC_ID, 0);
    assert!(!batches.is_empty() || end.is_none(), "the end of something");
    let written: Vec<Bytes> = batches.to_vec();
    let _end: Option<Offset> = open_and_read_with(partition, opening, written);
    let begun = WriteAhead::open(dir, &found, 8 * BLOCK as u64, Uuid([1; 16]));
    if let Ok(mut begun) = begun {
        begun.empty()?;
        assert!(WrittenAhead::read(dir).is_ok_and(|found| found.is_empty()), "they are empty");
    }
    assert!(discard(dir).is_ok());
    assert!(WrittenAhead::read(dir).is_ok_and(|found| found.is_empty()), "nothing counts");
    Ok(())
}
