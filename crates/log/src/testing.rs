//! What fuzzing and tests need of the inside: the readers of files, and a log opened on whatever is
//! there and read from end to end.
//!
//! Nothing here is part of a release. An assert that fails is a mistake in this crate.

mod index;
mod write_ahead;

use std::sync::Arc;

use bytes::Bytes;
use ottla_types::{Offset, TopicName, TopicPartition};

use crate::{
    Dir, EpochCache, Log, LogConfig, MetaProperties, OpenOptions, ReadError, checkpoint,
    log::open::parse_partition_metadata,
    producers::{ProducerState, snapshot},
    txn_index,
    write_ahead::{
        group::{self, BLOCK, Use},
        read::{Groups, describe},
    },
};

pub use index::read_as_every_index;
pub use write_ahead::{read_written_ahead, seal_write_ahead_file, write_ahead_file};

/// Reads a file as each kind of file that is read whole. What can be read is the same once it was
/// written and read again.
pub fn read_as_every_small_file(content: &[u8]) {
    if let Ok(epochs) = EpochCache::parse(content) {
        assert_eq!(EpochCache::parse(&epochs.to_bytes()), Ok(epochs));
    }
    if let Ok(offsets) = checkpoint::parse_offsets(content) {
        let again = checkpoint::parse_offsets(&checkpoint::format_offsets(&offsets));
        assert_eq!(again, Ok(offsets));
    }
    let text = String::from_utf8_lossy(content);
    if let Ok(meta) = MetaProperties::parse(&text) {
        assert_eq!(MetaProperties::parse(&meta.to_text()), Ok(meta));
    }
    let _id = parse_partition_metadata(content);
    let entries = txn_index::parse(content);
    assert!(entries.is_sorted_by_key(|entry| entry.last_offset), "in the order of their markers");
    read_snapshot(content.to_vec());
    let _lines = describe(content);
    read_group(content.to_vec());
}

/// Reads a producer snapshot after giving it the checksum of what it holds.
fn read_snapshot(mut content: Vec<u8>) {
    let crc = crc_fast::crc32_iscsi(content.get(snapshot::CHECKED_FROM..).unwrap_or(&[]));
    if let Some(place) = content.get_mut(2..snapshot::CHECKED_FROM) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
    if let Ok(producers) = snapshot::parse(&content) {
        let state = ProducerState::restored(Offset(i64::MAX), producers);
        let again = snapshot::parse(&snapshot::format(&state));
        assert!(again.is_ok_and(|again| again.len() == state.iter().len()), "it was valid");
    }
}

/// Reads what was written ahead after giving it a beginning and the checksum of what it holds.
fn read_group(content: Vec<u8>) {
    let begun = Use { generation: 1, id: 7 };
    let mut file = begun.to_block();
    file.extend(group::sealed(content, begun.id));
    for (position, group) in Groups::new(begun, &file) {
        assert!(position >= BLOCK, "after the first block");
        for entry in group.entries {
            assert!(entry.batches.len() < file.len(), "within the file");
        }
    }
}

/// How a log is opened that nobody knows anything about.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Whether the last stop is said to have been clean.
    pub clean_shutdown: bool,
    /// Whether the topic is compacted.
    pub is_compacted: bool,
    /// From the checkpoint.
    pub recovery_point: Offset,
    /// From the checkpoint.
    pub log_start_offset: Offset,
}

/// Opens the log in a directory, whatever is in it, reads it by every way there is, and appends to
/// it. Gives the log's end, exclusive, if it could be opened.
pub fn open_and_read(dir: Arc<dyn Dir>, opening: Opening) -> Option<Offset> {
    open_and_read_with(dir, opening, Vec::new())
}

/// The same with what was written ahead of it.
fn open_and_read_with(
    dir: Arc<dyn Dir>,
    opening: Opening,
    written_ahead: Vec<Bytes>,
) -> Option<Offset> {
    let topic = TopicName::new("t").ok()?;
    let mut options = OpenOptions::new(TopicPartition::new(topic, 0), 0);
    options.config = LogConfig {
        cleanup_compact: opening.is_compacted,
        index_interval_bytes: 1,
        segment_bytes: 4000,
        ..LogConfig::default()
    };
    options.written_ahead = written_ahead;
    options.clean_shutdown = opening.clean_shutdown;
    options.left_by_ottla = opening.clean_shutdown;
    options.recovery_point = opening.recovery_point;
    options.log_start_offset = opening.log_start_offset;
    let mut log = Log::open(dir, options).ok()?;
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    assert!(start <= end, "a log ends after its start");
    let reader = log.reader();
    let step = (end.0.saturating_sub(start.0) / 50).max(1);
    let mut offset = start;
    while offset < end {
        if let Ok(range) = reader.read(offset, 1000, end, true) {
            let _bytes = range.read();
            let aborted = reader.aborted_in_range(offset, &range);
            if let Err(ReadError::WronglyIndexed { one, other, seen, .. }) = aborted {
                let _mended = log.mend_txn_indexes(one, other, seen);
            }
        }
        let _epoch = log.leader_epoch_for(offset);
        offset = offset.plus(step);
    }
    for timestamp in [i64::MIN, 0, 1, 1000, i64::MAX] {
        let _found = reader.offset_for_timestamp(timestamp);
    }
    let _largest = reader.max_timestamp();
    let _deleted = log.apply_retention(i64::MAX, end);
    let _truncated = log.truncate_to(Offset(i64::midpoint(start.0, end.0)), 0);
    let _rolled = log.roll(0);
    let _closed = log.close(0);
    Some(end)
}
