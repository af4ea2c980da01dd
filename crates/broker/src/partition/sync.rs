//! How a partition gets on the disk: asked for, done by the flusher, and what comes of it.
//!
//! Invariant: a sync that failed is never tried again; one that lacked room for a name is.
//! Kafka: `UnifiedLog.flush`.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use ottla_log::{Log, LogError, SyncTask};
use ottla_partition::Event;

use super::Partition;
use crate::{clock::now_ms, log_dirs::DataDir};

/// Why something is not synced.
#[derive(Debug)]
pub(crate) enum SyncError {
    /// There was no room to write what belongs to it. What is written is synced, and the rest may be
    /// tried again.
    NoRoom(Option<SyncTask>),
    /// The disk failed, for this reason.
    Failed(String),
}

impl SyncError {
    /// The task, if it went well.
    pub(crate) fn check(task: SyncTask, ran: io::Result<()>) -> Result<SyncTask, Self> {
        match ran {
            Ok(()) => Ok(task),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                Err(Self::NoRoom(Some(task)))
            }
            Err(error) => Err(Self::Failed(error.to_string())),
        }
    }
}

impl Partition {
    /// Asks for a sync of what is appended by now.
    pub(super) fn queue_sync(self: &Arc<Self>, dir: &DataDir) {
        // The order matters, here and in `finish_sync`: this says what it wants and then looks
        // whether someone is at it, who looks for wants after having been at it. So either this
        // queues the partition, or the other does.
        self.sync_wanted.store(true, Ordering::SeqCst);
        if !self.is_syncing.swap(true, Ordering::SeqCst) {
            dir.queue_sync(Arc::clone(self));
        }
    }

    /// Syncs what is appended now; called by a thread of the flusher. Says how many waited for it.
    pub(crate) fn sync(self: &Arc<Self>) -> usize {
        let done = self.run_sync();
        self.finish_sync(done)
    }

    /// The part of a sync that waits for the disk. What comes of it must be told to
    /// [`Self::finish_sync`].
    pub(crate) fn run_sync(&self) -> Result<SyncTask, SyncError> {
        self.begin_sync(Log::begin_sync).and_then(|task| {
            let ran = task.run();
            SyncError::check(task, ran)
        })
    }

    /// The same for one sync of the file system that does for many partitions.
    pub(crate) fn begin_file_system_sync(&self) -> Result<SyncTask, SyncError> {
        self.begin_sync(Log::begin_file_system_sync)
    }

    /// What has to be synced for all that is appended now.
    fn begin_sync(
        &self,
        begin: impl FnOnce(&mut Log, i64) -> Result<SyncTask, LogError>,
    ) -> Result<SyncTask, SyncError> {
        // Cleared first: an append after this wants another sync, one before it is part of ours.
        self.sync_wanted.store(false, Ordering::SeqCst);
        let mut inner = self.lock();
        if !inner.dir.is_online() {
            return Err(SyncError::Failed("its directory is offline".to_owned()));
        }
        self.syncs_replacement.store(inner.replacements, Ordering::Relaxed);
        begin(&mut inner.log, now_ms()).map_err(|error| {
            if error.is_full() {
                SyncError::NoRoom(None)
            } else {
                SyncError::Failed(error.to_string())
            }
        })
    }

    /// Takes in what came of a sync, and asks for the next one if it is wanted already. Says how
    /// many waited for this one.
    pub(crate) fn finish_sync(self: &Arc<Self>, done: Result<SyncTask, SyncError>) -> usize {
        let mut woken = 0;
        let mut inner = self.lock();
        // A log that is no longer in use was synced when it was replaced.
        let is_current = self.syncs_replacement.load(Ordering::Relaxed) == inner.replacements;
        match done {
            _ if !is_current => {}
            Ok(task) => {
                let durable_offset = inner.log.finish_sync(&task);
                woken = self.step(&mut inner, Event::Synced { durable_offset }, now_ms());
            }
            Err(SyncError::NoRoom(task)) if !inner.is_retired && inner.dir.is_online() => {
                if let Some(task) = task {
                    inner.log.put_off_sync(&task);
                }
                inner.dir.note_full(&self.topic_partition);
                self.waits_for_room.store(true, Ordering::Relaxed);
            }
            Err(_) if inner.is_retired || !inner.dir.is_online() => {
                self.progress.fail();
            }
            Err(SyncError::NoRoom(_)) => {}
            Err(SyncError::Failed(error)) => {
                // A failed sync is never tried again: the kernel may have dropped the pages.
                inner.log.mark_failed(&error);
                inner.dir.fail(&format_args!("{}: {error}", self.topic_partition));
                self.progress.fail();
            }
        }
        let dir = Arc::clone(&inner.dir);
        drop(inner);
        self.is_syncing.store(false, Ordering::SeqCst);
        if self.sync_wanted.load(Ordering::SeqCst) {
            self.queue_sync(&dir);
        }
        woken
    }

    /// Asks for a sync again that was put off for lack of room.
    pub(crate) fn sync_if_put_off(self: &Arc<Self>) {
        if self.waits_for_room.swap(false, Ordering::Relaxed) {
            let dir = self.data_dir();
            self.queue_sync(&dir);
        }
    }

    /// Syncs if `flush.ms` has passed since the last sync and something was appended.
    pub(crate) fn sync_if_due(self: &Arc<Self>, now_ms: i64) {
        let inner = self.lock();
        if inner.log.is_sync_due(now_ms) {
            self.queue_sync(&inner.dir);
        }
    }
}
