//! What the threads of a flusher are to do next.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use ottla_log::WrittenAhead;

use super::TOGETHER;
use crate::partition::Partition;

/// So many times a partition is synced by itself before the write-ahead log is made: a broker that
/// has little to sync needs none.
const SYNCS_BEFORE: usize = 256;

/// Whether there is a write-ahead log.
#[derive(Debug, Default)]
pub(super) enum Stage {
    /// Not, and there will be none.
    #[default]
    Never,
    /// Not, since what its files held at the start is still wanted.
    Kept,
    /// Not yet. With what its files held, and how often a partition was synced.
    Later(WrittenAhead, usize),
    /// A thread makes it.
    Making,
    /// Nobody writes to it.
    Idle,
    /// A thread writes to it.
    Busy,
}

/// What a thread does next.
#[derive(Debug)]
pub(super) enum Work {
    /// Sync the partition's own files.
    One(Arc<Partition>),
    /// Sync the file system for all of these.
    Together(Vec<Arc<Partition>>),
    /// Write ahead what these have, as far as that is the better way.
    Ahead(Vec<Arc<Partition>>),
    /// Make the write-ahead log.
    Make(WrittenAhead),
    /// Sync the file system for what was written ahead of these, so that its file can be used
    /// again.
    Settle(Vec<Weak<Partition>>),
}

/// The partitions that wait for a sync, and what else there is to do.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Those that nobody has looked at.
    pub(super) fresh: VecDeque<Arc<Partition>>,
    /// Those whose own files are to be synced.
    pub(super) own: VecDeque<Arc<Partition>>,
    /// What was written ahead and is to be settled.
    pub(super) settle: Option<Vec<Weak<Partition>>>,
    pub(super) stage: Stage,
    /// Threads that wait for something to do.
    pub(super) idle: usize,
    pub(super) is_stopping: bool,
}

impl Queue {
    /// What to do now; `None` if there is nothing that another thread is not at.
    pub(super) fn take(&mut self) -> Option<Work> {
        match &mut self.stage {
            Stage::Later(found, synced) if *synced >= syncs_before() => {
                let found = std::mem::take(found);
                self.stage = Stage::Making;
                return Some(Work::Make(found));
            }
            Stage::Idle if !self.fresh.is_empty() => {
                self.stage = Stage::Busy;
                return Some(Work::Ahead(self.fresh.drain(..).collect()));
            }
            Stage::Idle | Stage::Busy => {}
            Stage::Never | Stage::Kept | Stage::Later(..) | Stage::Making => {
                self.own.append(&mut self.fresh);
            }
        }
        if let Some(partitions) = self.settle.take() {
            return Some(Work::Settle(partitions));
        }
        if self.own.len() >= TOGETHER {
            return Some(Work::Together(self.own.drain(..).collect()));
        }
        self.own.pop_front().map(Work::One)
    }

    /// How many of the idle threads are to look.
    pub(super) fn to_wake(&self) -> usize {
        let rounds = |count: usize| if count >= TOGETHER { 1 } else { count };
        let own = match self.stage {
            Stage::Idle => rounds(self.own.len()) + self.fresh.len().min(1),
            Stage::Busy => rounds(self.own.len()),
            Stage::Never | Stage::Kept | Stage::Later(..) | Stage::Making => {
                rounds(self.own.len() + self.fresh.len())
            }
        };
        (own + usize::from(self.settle.is_some())).min(self.idle)
    }

    /// Whether a thread that finds nothing to do may end.
    pub(super) fn is_done(&self) -> bool {
        self.is_stopping && self.fresh.is_empty()
    }

    /// Counts partitions whose own files were synced.
    pub(super) fn note_synced(&mut self, partitions: usize) {
        if let Stage::Later(_, synced) = &mut self.stage {
            *synced += partitions;
        }
    }
}

/// In a simulation there are few syncs, and most of them are to be written ahead.
fn syncs_before() -> usize {
    #[cfg(feature = "simulation")]
    if crate::simulation::is_on() {
        return 4;
    }
    SYNCS_BEFORE
}
