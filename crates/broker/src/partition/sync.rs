//! How a partition gets on the disk: asked for, done by the flusher, and what comes of it.
//!
//! Invariant: a sync that failed is never tried again; one that lacked room for a name is.
//! Kafka: `UnifiedLog.flush`.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use ottla_log::{Log, LogError, PendingWrite, Settling, SyncTask, is_full};
use ottla_partition::Event;

use super::Partition;
use crate::{clock::now_ms, flusher::Flusher, log_dirs::DataDir};

/// What was made durable, and where.
#[derive(Debug)]
pub(crate) enum Synced {
    /// In the log's own files.
    Own(SyncTask),
    /// In the write-ahead log.
    Ahead(PendingWrite),
}

/// What a sync of the file system will settle of a partition.
#[derive(Debug)]
pub(crate) struct BegunSettling {
    settling: Settling,
    /// Which of the logs it is of.
    replacements: u64,
    dir: Arc<DataDir>,
}

/// Why something is not synced.
#[derive(Debug)]
pub(crate) enum SyncError {
    /// There was no room to write what belongs to it. What is written is synced, and the rest may
    /// be tried again.
    NoRoom(Option<SyncTask>),
    /// The log lies in another directory by now, whose flusher has to do it.
    Elsewhere,
    /// The disk failed, for this reason.
    Failed(String),
}

impl SyncError {
    /// The task, if it went well.
    pub(crate) fn check(task: SyncTask, ran: io::Result<()>) -> Result<SyncTask, Self> {
        match ran {
            Ok(()) => Ok(task),
            Err(error) if is_full(&error) => Err(Self::NoRoom(Some(task))),
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
        self.finish_sync(done.map(Synced::Own))
    }

    /// The part of a sync that waits for the disk. What comes of it must be told to
    /// [`Self::finish_sync`].
    pub(crate) fn run_sync(&self) -> Result<SyncTask, SyncError> {
        self.begin_sync(None, Log::begin_sync).and_then(|task| {
            let ran = task.run();
            SyncError::check(task, ran)
        })
    }

    /// The same for one sync of the file system that does for many partitions.
    pub(crate) fn begin_file_system_sync(&self, by: &Flusher) -> Result<SyncTask, SyncError> {
        self.begin_sync(Some(by), Log::begin_file_system_sync)
    }

    /// What has to be written ahead for all that is appended now, at most so many bytes. `None`
    /// where that does not do, or is too much.
    pub(crate) fn begin_write_ahead(
        &self,
        by: &Flusher,
        most: usize,
    ) -> Result<Option<PendingWrite>, SyncError> {
        self.begin_sync(Some(by), |log, now_ms| log.begin_write_ahead(most, now_ms))
    }

    /// Notes that something of it is in this use of the write-ahead log's files. `true` if that is
    /// new. The log may have gone to another directory meanwhile: an id of a use is of one
    /// directory only.
    pub(crate) fn note_written_ahead(&self, use_id: u64) -> bool {
        self.written_ahead_in.swap(use_id, Ordering::Relaxed) != use_id
    }

    /// What a sync of the file system will settle, and of which of the logs.
    /// `None` where the log lies elsewhere by now: it was synced when it went there.
    pub(crate) fn begin_settling(&self, by: &Flusher) -> Option<BegunSettling> {
        let inner = self.lock();
        inner.dir.is_synced_by(by).then(|| BegunSettling {
            settling: inner.log.begin_settling(),
            replacements: inner.replacements,
            dir: Arc::clone(&inner.dir),
        })
    }

    /// Takes in that the file system was synced.
    pub(crate) fn finish_settling(&self, begun: &BegunSettling) {
        let mut inner = self.lock();
        if inner.replacements == begun.replacements {
            inner.log.finish_settling(begun.settling);
        }
    }

    /// Takes in that a sync of the file system failed that was to settle what was written ahead.
    pub(crate) fn fail_settling(&self, begun: &BegunSettling, error: &str) {
        // Others of the directory are not durable either, wherever this one lies by now.
        begun.dir.fail(&format_args!("{}: {error}", self.topic_partition));
        let mut inner = self.lock();
        if inner.replacements == begun.replacements {
            inner.log.mark_failed(error);
            self.progress.fail();
        }
    }

    /// What has to be synced for all that is appended now.
    fn begin_sync<T>(
        &self,
        by: Option<&Flusher>,
        begin: impl FnOnce(&mut Log, i64) -> Result<T, LogError>,
    ) -> Result<T, SyncError> {
        // Cleared first: an append after this wants another sync, one before it is part of ours.
        self.sync_wanted.store(false, Ordering::SeqCst);
        let mut inner = self.lock();
        if !inner.dir.is_online() {
            return Err(SyncError::Failed("its directory is offline".to_owned()));
        }
        if by.is_some_and(|flusher| !inner.dir.is_synced_by(flusher)) {
            return Err(SyncError::Elsewhere);
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
    pub(crate) fn finish_sync(self: &Arc<Self>, done: Result<Synced, SyncError>) -> usize {
        let mut woken = 0;
        let mut inner = self.lock();
        // A log that is no longer in use was synced when it was replaced.
        let is_current = self.syncs_replacement.load(Ordering::Relaxed) == inner.replacements;
        match done {
            Err(SyncError::Elsewhere) => self.sync_wanted.store(true, Ordering::SeqCst),
            _ if !is_current => {}
            Ok(synced) => {
                let durable_offset = match synced {
                    Synced::Own(task) => inner.log.finish_sync(&task),
                    Synced::Ahead(write) => inner.log.finish_write_ahead(&write),
                };
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

    /// Syncs if `flush.ms` has passed since the last sync and something was appended. Nobody waits
    /// for it.
    pub(crate) fn sync_if_due(self: &Arc<Self>, now_ms: i64) {
        let inner = self.lock();
        if inner.log.is_flush_ms_over(now_ms) {
            self.queue_sync(&inner.dir);
        }
    }
}
