//! Reading a topic's records in either direction, merged by time, filtered, a piece at a time.
//!
//! Each partition is a lane with the records that were found in it and not given out yet. What is
//! in memory is a few pieces for all readers together ([`Pieces`]) and a bounded number of found
//! records for each; a reader that goes away stops at its next piece.
//! Invariants: within a partition no record is out of order, none is missed and none comes twice,
//! also across pages: a cursor says per partition what comes next. Kafka: none.

mod lane;
pub(crate) mod position;
mod record;

use std::sync::Arc;

use ottla_client::{ConsumerConfig, Isolation, PartitionReader};
use tokio::sync::Semaphore;

pub(crate) use self::{
    lane::Lane,
    position::{Cursor, Direction},
    record::RecordRow,
};
use crate::{error::ApiError, filter::Filter};

/// Most bytes that a fetch brings, unless one batch alone is larger.
const PIECE_BYTES: i32 = 1 << 20;

/// Most bytes that a batch may decompress to.
const DECOMPRESSED_BYTES_MAX: usize = 32 << 20;

/// Pieces that may be in memory at once, of all readers.
const PIECES: usize = 3;

/// Most bytes of found records that one reader keeps, of all lanes together.
const FOUND_BYTES: usize = 16 << 20;

/// Problems that are told; there is no use in more of them.
const PROBLEMS_MAX: usize = 10;

/// Room for pieces.
#[derive(Clone, Debug)]
pub(crate) struct Pieces(Arc<Semaphore>);

impl Pieces {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PIECES)))
    }
}

/// What is to be read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) topic: String,
    pub(crate) direction: Direction,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) filter: Filter,
    /// Records that are wanted in all.
    pub(crate) limit: usize,
    /// Most bytes of each payload.
    pub(crate) payload_max: usize,
    pub(crate) isolation: Isolation,
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) scanned: u64,
    pub(crate) matched: u64,
    pub(crate) scanned_bytes: u64,
}

/// A scan under way.
#[derive(Debug)]
pub(crate) struct Scan {
    reader: PartitionReader,
    pieces: Pieces,
    plan: Plan,
    began_at: Vec<(i32, i64)>,
    progress: Progress,
    problems: Vec<String>,
}

impl Scan {
    pub(crate) fn new(client: &ottla_client::Client, pieces: Pieces, plan: Plan) -> Self {
        let config = ConsumerConfig {
            isolation: plan.isolation,
            fetch_wait: std::time::Duration::ZERO,
            fetch_bytes_max: PIECE_BYTES,
            partition_bytes_max: PIECE_BYTES,
            decompressed_max: DECOMPRESSED_BYTES_MAX,
            ..ConsumerConfig::default()
        };
        let began_at = plan.lanes.iter().map(|lane| (lane.partition, lane.next)).collect();
        Self {
            reader: client.reader(config),
            pieces,
            plan,
            began_at,
            progress: Progress::default(),
            problems: Vec::new(),
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    pub(crate) fn take_problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }

    /// Offsets that are left to be looked at.
    pub(crate) fn remaining(&self) -> u64 {
        self.plan.lanes.iter().map(Lane::remaining).sum()
    }

    /// Whether every lane was read to its end and given out.
    pub(crate) fn is_finished(&self) -> bool {
        self.plan.lanes.iter().all(|lane| lane.is_read() && lane.found.is_empty())
    }

    /// The record that comes next in the order of time, if that is known: every lane that has
    /// something left has shown its first record.
    pub(crate) fn next_merged(&mut self) -> Option<RecordRow> {
        let is_known = |lane: &Lane| lane.is_read() || !lane.found.is_empty();
        if !self.plan.lanes.iter().all(is_known) {
            return None;
        }
        self.next_found()
    }

    /// The record that comes next of those that were found.
    pub(crate) fn next_found(&mut self) -> Option<RecordRow> {
        let direction = self.plan.direction;
        let heads = self.plan.lanes.iter().enumerate().filter_map(|(place, lane)| {
            let head = lane.found.front()?;
            Some((place, head.row.time(), lane.partition))
        });
        let best = match direction {
            Direction::Forward => heads.min_by_key(|(_, time, partition)| (*time, *partition)),
            Direction::Backward => heads.max_by_key(|(_, time, partition)| (*time, -*partition)),
        };
        let lane = best.and_then(|(place, ..)| self.plan.lanes.get_mut(place))?;
        lane.found.pop_front().map(|found| found.row)
    }

    /// Reads a piece for a lane that has nothing to show. `false` where there is none.
    pub(crate) async fn advance(&mut self) -> Result<bool, ApiError> {
        let lacking = |lane: &&mut Lane| lane.found.is_empty() && !lane.is_read();
        // The lane that was looked at least: none waits for ever behind a long one.
        let lanes = self.plan.lanes.iter_mut().filter(lacking);
        let Some(lane) = lanes.min_by_key(|lane| lane.turns) else { return Ok(false) };
        lane.turns += 1;
        let lanes_count = self.began_at.len().max(1);
        let room = lane::Room {
            records: self.plan.limit.max(1),
            bytes: (FOUND_BYTES / lanes_count).max(64 << 10),
            payload: self.plan.payload_max,
        };
        let mut reading = lane::Reading {
            topic: &self.plan.topic,
            reader: &mut self.reader,
            pieces: &self.pieces.0,
            filter: &self.plan.filter,
            progress: &mut self.progress,
            problems: &mut self.problems,
            problems_max: PROBLEMS_MAX,
            room,
        };
        match self.plan.direction {
            Direction::Forward => reading.forward(lane).await?,
            Direction::Backward => reading.backward(lane).await?,
        }
        Ok(true)
    }

    /// Where to go on in the same direction; `None` where nothing is left.
    pub(crate) fn next_cursor(&self) -> Option<Cursor> {
        let direction = self.plan.direction;
        if self.is_finished() {
            return None;
        }
        let lanes = self.plan.lanes.iter().map(|lane| (lane.partition, lane.resume(direction)));
        Some(Cursor { direction, offsets: lanes.collect() })
    }

    /// Where to go on in the other direction, from where this scan began.
    pub(crate) fn previous_cursor(&self) -> Cursor {
        let direction = self.plan.direction.reversed();
        Cursor { direction, offsets: self.began_at.iter().copied().collect() }
    }
}
