//! Looking at batches before their reader comes to them.
//!
//! What was on disk before the log was opened is looked at when it is read first (`verify.rs`), and
//! a reader waits for that, and for the disk. One who reads on and on is spared it: another thread
//! goes ahead. Budget: nothing for what this process has written; for what was there before, one
//! look at the places that are known, and one such thread for a segment at a time.
//! Kafka: nothing, as it does not look.

use std::sync::Arc;

use super::{FileRange, LogReader};
use crate::{segment::Segment, verify::Bounds};

/// How many times the length of what was read is looked at ahead of it. Half of that must be left
/// when the next one begins.
const LENGTHS: u64 = 4;

/// The most that is looked at ahead of one range.
const BYTES_MAX: u64 = 16 << 20;

/// What is looked at before others may come and see how far it is.
const STEP_BYTES: u64 = 4 << 20;

/// Batches behind a range that nobody has looked at.
#[derive(Debug)]
pub struct Ahead {
    segment: Arc<Segment>,
    /// Where a batch begins.
    from: u64,
    /// Exclusive.
    to: u64,
    bounds: Bounds,
}

impl LogReader {
    /// What should be looked at ahead of whoever has read this range; `None` where enough was, or
    /// where somebody is about it.
    pub fn ahead(&self, range: &FileRange) -> Option<Ahead> {
        let at = self.segment_at(range.base_offset);
        let segment = self.segments.get(at)?;
        let (length, end) = (range.length as u64, range.position + range.length as u64);
        let trusted_from = segment.verified.trusted_from();
        if length == 0 || end >= trusted_from {
            return None;
        }
        let (limit, next_base) = self.bounds(at, segment).ok()?;
        let most = limit.min(trusted_from);
        let goal = |lengths: u64| {
            let bytes = lengths.saturating_mul(length).min(BYTES_MAX * lengths / LENGTHS);
            end.saturating_add(bytes).min(most)
        };
        let from = segment.verified.trusted_to(end)?;
        if from >= goal(LENGTHS / 2) || !segment.verified.begin_ahead() {
            return None;
        }
        let (is_compacted, log) = (self.may_be_compacted(segment), self.clone());
        let bounds = Bounds { limit, next_base, is_compacted, log };
        Some(Ahead { segment: Arc::clone(segment), from, to: goal(LENGTHS), bounds })
    }
}

impl Ahead {
    /// Looks at them, which waits for the disk, unless it is over meanwhile. Of damage whoever
    /// reads it is told.
    pub fn look(mut self, is_over: impl Fn() -> bool) {
        let Ok(file) = self.segment.open_anew() else { return };
        while self.from < self.to && !is_over() {
            let last = self.to.min(self.from + STEP_BYTES) - 1;
            match self.segment.look(file.as_ref(), (self.from, last), &self.bounds) {
                Ok((end, None)) if end > self.from => self.from = end,
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.segment.verified.end_ahead();
    }
}
