//! One partition of a scan: what is left to be read of it, and what was found.
//!
//! Kafka: none.

use std::collections::VecDeque;

use ottla_client::{ConsumedRecord, Offset, PartitionReader};
use tokio::sync::Semaphore;

use super::{Direction, Progress, RecordRow};
use crate::{
    error::ApiError,
    filter::{Filter, size_of},
};

/// Offsets of the first window that is read backward, where every record is wanted or not.
const WINDOW: i64 = 64;

/// Offsets of the largest window.
const WINDOW_MAX: i64 = 8192;

/// A partition.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) partition: i32,
    /// Forward: the next offset to look at. Backward: exclusive, the one after it.
    pub(crate) next: i64,
    /// Forward: exclusive end. Backward: inclusive start.
    pub(crate) bound: i64,
    direction: Direction,
    pub(super) found: VecDeque<Found>,
    /// How often a piece of it was read.
    pub(super) turns: u64,
    window: i64,
}

/// A record that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) row: RecordRow,
    offset: i64,
    bytes: usize,
}

/// How much a lane may keep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) records: usize,
    pub(super) bytes: usize,
    pub(super) payload: usize,
}

/// What is needed to read a piece.
pub(super) struct Reading<'a> {
    pub(super) topic: &'a str,
    pub(super) reader: &'a mut PartitionReader,
    pub(super) pieces: &'a Semaphore,
    pub(super) filter: &'a Filter,
    pub(super) progress: &'a mut Progress,
    pub(super) problems: &'a mut Vec<String>,
    pub(super) problems_max: usize,
    pub(super) room: Room,
}

impl Lane {
    /// Forward from `next`, inclusive, to `bound`, exclusive.
    pub(crate) fn forward(partition: i32, next: i64, bound: i64) -> Self {
        Self::new(partition, next, bound, Direction::Forward)
    }

    /// Backward from `next`, exclusive, to `bound`, inclusive.
    pub(crate) fn backward(partition: i32, next: i64, bound: i64) -> Self {
        Self::new(partition, next, bound, Direction::Backward)
    }

    fn new(partition: i32, next: i64, bound: i64, direction: Direction) -> Self {
        let found = VecDeque::new();
        Self { partition, next, bound, direction, found, turns: 0, window: WINDOW }
    }

    /// Whether nothing is left to be read.
    pub(super) fn is_read(&self) -> bool {
        self.remaining() == 0
    }

    /// Offsets that are left to be looked at.
    pub(super) fn remaining(&self) -> u64 {
        let left = match self.direction {
            Direction::Forward => self.bound.saturating_sub(self.next),
            Direction::Backward => self.next.saturating_sub(self.bound),
        };
        u64::try_from(left).unwrap_or(0)
    }

    /// Where another scan in the same direction goes on: what was found and not given out is read
    /// again.
    pub(super) fn resume(&self, direction: Direction) -> i64 {
        match (self.found.front(), direction) {
            (None, _) => self.next,
            (Some(found), Direction::Forward) => found.offset,
            (Some(found), Direction::Backward) => found.offset.saturating_add(1),
        }
    }

    fn found_bytes(&self) -> usize {
        self.found.iter().map(|found| found.bytes).sum()
    }

    fn is_full(&self, room: Room) -> bool {
        self.found.len() >= room.records || self.found_bytes() >= room.bytes
    }
}

impl Reading<'_> {
    /// One piece forward.
    pub(super) async fn forward(&mut self, lane: &mut Lane) -> Result<(), ApiError> {
        let _room = self.pieces.acquire().await;
        let before = lane.next;
        let piece = self.reader.read(self.topic, lane.partition, Offset(before)).await?;
        for result in piece.records {
            let Some(record) = self.readable(result) else { continue };
            let offset = record.offset.get();
            if offset >= lane.bound {
                break;
            }
            if lane.is_full(self.room) {
                lane.next = offset;
                return Ok(());
            }
            lane.next = offset.saturating_add(1);
            if let Some(found) = self.look(&record) {
                lane.found.push_back(found);
            }
        }
        // Behind the last record there may be offsets without one, up to the end.
        lane.next = lane.next.max(piece.next_offset.get()).min(lane.bound);
        if lane.next == before {
            lane.next = lane.bound;
        }
        Ok(())
    }

    /// One window backward: read forward, kept from its end.
    pub(super) async fn backward(&mut self, lane: &mut Lane) -> Result<(), ApiError> {
        if self.filter.is_empty() {
            lane.window = i64::try_from(self.room.records).unwrap_or(WINDOW).clamp(1, WINDOW_MAX);
        }
        let start = lane.next.saturating_sub(lane.window).max(lane.bound);
        let mut at = start;
        let mut resume = start;
        let mut kept: VecDeque<Found> = VecDeque::new();
        let mut bytes = 0_usize;
        while at < lane.next {
            let _room = self.pieces.acquire().await;
            let piece = self.reader.read(self.topic, lane.partition, Offset(at)).await?;
            for result in piece.records {
                let Some(record) = self.readable(result) else { continue };
                if record.offset.get() >= lane.next {
                    break;
                }
                let Some(found) = self.look(&record) else { continue };
                bytes += found.bytes;
                kept.push_back(found);
                while kept.len() > self.room.records || (bytes > self.room.bytes && kept.len() > 1)
                {
                    let Some(dropped) = kept.pop_front() else { break };
                    bytes -= dropped.bytes;
                    resume = dropped.offset.saturating_add(1);
                }
            }
            if piece.next_offset.get() <= at {
                break;
            }
            at = piece.next_offset.get();
        }
        lane.window = if kept.is_empty() { lane.window.saturating_mul(2) } else { lane.window };
        lane.window = lane.window.min(WINDOW_MAX);
        lane.next = resume;
        lane.found.extend(kept.into_iter().rev());
        Ok(())
    }

    fn readable(&mut self, result: ottla_client::Result<ConsumedRecord>) -> Option<ConsumedRecord> {
        match result {
            Ok(record) => Some(record),
            Err(error) => {
                if self.problems.len() < self.problems_max {
                    self.problems.push(error.to_string());
                }
                None
            }
        }
    }

    /// Counts a record, and keeps it if it is wanted.
    fn look(&mut self, record: &ConsumedRecord) -> Option<Found> {
        let size = size_of(record);
        self.progress.scanned += 1;
        self.progress.scanned_bytes += u64::try_from(size).unwrap_or(0);
        if !self.filter.matches(record) {
            return None;
        }
        self.progress.matched += 1;
        let row = RecordRow::new(record, self.room.payload);
        Some(Found {
            row,
            offset: record.offset.get(),
            bytes: size.min(self.room.payload * 2) + 256,
        })
    }
}
