//! Which segments are written into one.
//!
//! Invariant: a group is not larger than one segment may be, in bytes, index entries and offsets,
//! unless it is a single segment.
//! Kafka: `Cleaner.groupSegmentsBySize`.

use std::sync::Arc;

use ottla_types::Offset;

use super::{CleanError, read_failed};
use crate::{config::LogConfig, dir::Dir, names::Kind, segment::Segment};

/// What a segment takes of what is limited.
#[derive(Clone, Copy, Default)]
struct Weight {
    bytes: u64,
    offset_index_bytes: u64,
    time_index_bytes: u64,
}

impl Weight {
    fn of(segment: &Segment, dir: &dyn Dir) -> Result<Self, CleanError> {
        let failed = |kind| move |error| read_failed(segment.failed(kind)(error));
        let weight = Self {
            bytes: segment.size().map_err(failed(Kind::Log))?,
            offset_index_bytes: 8 * segment
                .offset_index
                .count(dir)
                .map_err(failed(Kind::OffsetIndex))?,
            time_index_bytes: 12
                * segment.time_index.count(dir).map_err(failed(Kind::TimeIndex))?,
        };
        segment.close_files();
        Ok(weight)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            offset_index_bytes: self.offset_index_bytes.saturating_add(other.offset_index_bytes),
            time_index_bytes: self.time_index_bytes.saturating_add(other.time_index_bytes),
        }
    }

    fn fits(self, config: &LogConfig) -> bool {
        let index_bytes = u64::from(config.segment_index_bytes);
        self.bytes <= u64::from(config.segment_bytes)
            && self.offset_index_bytes <= index_bytes
            && self.time_index_bytes <= index_bytes
    }
}

/// Cuts segments, of which the last ends before `end`, into groups.
pub(super) fn groups(
    segments: &[Arc<Segment>],
    end: Offset,
    (dir, config): (&dyn Dir, &LogConfig),
) -> Result<Vec<Vec<Arc<Segment>>>, CleanError> {
    let mut groups: Vec<Vec<Arc<Segment>>> = Vec::new();
    let mut weight = Weight::default();
    for (at, segment) in segments.iter().enumerate() {
        let own = Weight::of(segment, dir)?;
        let next_base = segments.get(at + 1).map_or(end, |next| next.base_offset);
        let both = weight.plus(own);
        if let Some(group) = groups.last_mut()
            && let Some(first) = group.first()
            && both.fits(config)
            && next_base.0.saturating_sub(1).saturating_sub(first.base_offset.0)
                <= i64::from(i32::MAX)
        {
            group.push(segment.clone());
            weight = both;
        } else {
            groups.push(vec![segment.clone()]);
            weight = own;
        }
    }
    Ok(groups)
}
