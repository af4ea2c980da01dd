//! Making appends durable in two phases, so that nobody waits for the disk under the log's lock.
//! What must not wait, since a segment ends or the log's start moves, does so in [`super::ahead`].
//!
//! Invariants: the recovery point only moves to an offset whose batches, indexes of ended segments,
//! names and leader epochs were synced by a task that began after they were written; a sync that
//! failed is never tried again.
//! Kafka: `UnifiedLog.flush`, `LocalLog.flush`.

use std::{
    fs::File,
    io::{self, IoSlice},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use ottla_types::Offset;
use rustix::io::Errno;

use super::Log;
use crate::{
    dir::{Dir, LogFile, OpenMode, temporary, write_atomically},
    error::{LogError, is_full},
    names::{self, Kind},
    segment::Segment,
    write_ahead::Mark,
};

/// What is not durable yet besides batches.
#[expect(clippy::struct_excessive_bools, reason = "each says of one thing whether it is synced")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsynced {
    /// Names in the partition's directory.
    pub(crate) directory: bool,
    /// The directory itself.
    pub(crate) parent: bool,
    /// The leader epochs, which are also not written yet.
    pub(crate) epochs: bool,
    /// `partition.metadata`.
    pub(crate) metadata: bool,
    /// How often the end of the log moved back.
    pub(crate) truncations: u64,
    /// When the last sync began, in ms.
    pub(crate) last_sync_ms: i64,
}

/// What is to be synced for everything before an offset to be durable.
#[derive(Debug)]
pub struct SyncTask {
    dir: Arc<dyn Dir>,
    /// None where the whole file system is to be synced.
    files: Option<Vec<Arc<dyn LogFile>>>,
    epochs: Option<Vec<u8>>,
    directory: bool,
    parent: bool,
    mark: Mark,
}

impl SyncTask {
    /// The offset up to which the log will be durable, exclusive.
    pub fn up_to(&self) -> Offset {
        self.mark.offset
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let has_files = self.files.as_ref().is_none_or(|files| !files.is_empty());
        !has_files && self.epochs.is_none() && !self.directory && !self.parent
    }

    /// Waits for the disk. Needs no lock. If it fails, [`Log::mark_failed`] must be called, and it
    /// must not be run again: the kernel may have dropped what it could not write. Only where the
    /// error says that there is no room ([`is_full`]) all that was written is synced, and there was
    /// no room to write the leader epochs: then it is [`Log::put_off_sync`] that must be called. A
    /// task of [`Log::begin_file_system_sync`] is refused.
    pub fn run(&self) -> io::Result<()> {
        let Some(files) = &self.files else {
            return Err(io::Error::other("only a sync of the file system does this task"));
        };
        for file in files {
            // Without room for what was written before, it is lost: not what can be put off.
            file.sync().map_err(
                |error| {
                    if is_full(&error) { io::Error::other(error) } else { error }
                },
            )?;
        }
        if let Some(content) = &self.epochs {
            write_atomically(self.dir.as_ref(), names::LEADER_EPOCHS, content)?;
        }
        if self.directory || self.epochs.is_some() {
            self.dir.sync()?;
        }
        if self.parent { self.dir.sync_parent() } else { Ok(()) }
    }

    /// In place of [`SyncTask::run`], for many logs at once, with [`FileSystem::sync`] after it and
    /// then [`SyncTask::install`]: writes what is only in memory, under a name that does not count
    /// yet.
    pub fn stage(&self) -> io::Result<()> {
        let Some(content) = &self.epochs else { return Ok(()) };
        let file = self.dir.open(&temporary(names::LEADER_EPOCHS), OpenMode::Create)?;
        file.set_size(0)?;
        file.write_at(&mut [IoSlice::new(content)], 0)
    }

    /// Gives what was staged and synced its name. `true` if the file system has to be synced once
    /// more for that to be durable.
    pub fn install(&self) -> io::Result<bool> {
        if self.epochs.is_some() {
            self.dir.rename(&temporary(names::LEADER_EPOCHS), names::LEADER_EPOCHS)?;
        }
        Ok(self.epochs.is_some())
    }
}

/// The file system of a data directory, to sync all of it with one call.
#[derive(Debug)]
pub struct FileSystem(FileSystemKind);

#[derive(Debug)]
enum FileSystemKind {
    /// Of a directory, opened before anything is written, since errors from before are not reported
    /// to it. The kernel reports each error to one call only, though it may be of what others have
    /// written: so it is kept here, and the calls come one after the other.
    Disk(File, Mutex<Option<Errno>>),
    #[cfg(any(test, feature = "simulation"))]
    Simulated(crate::simulation::disk::SimDisk),
}

impl FileSystem {
    /// The file system that this directory is on.
    pub fn of(path: &Path) -> Result<Self, LogError> {
        let directory = File::open(path).map_err(LogError::io("open", path))?;
        Ok(Self(FileSystemKind::Disk(directory, Mutex::default())))
    }

    /// That of a simulated disk.
    #[cfg(any(test, feature = "simulation"))]
    pub fn simulated(disk: &crate::simulation::disk::SimDisk) -> Self {
        Self(FileSystemKind::Simulated(disk.clone()))
    }

    /// Makes everything durable that was written to the file system, also by others. A failure is
    /// one of any of its files, and means the same as a failed [`SyncTask::run`] for every task,
    /// also for those of every later call: what it was about may be gone from memory, for lack of
    /// room too, which is therefore not told as such. Before Linux 5.8 a failure is not told at
    /// all.
    pub fn sync(&self) -> io::Result<()> {
        match &self.0 {
            FileSystemKind::Disk(directory, failure) => {
                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                if failure.is_none() {
                    *failure = rustix::fs::syncfs(directory).err();
                }
                failure.map_or(Ok(()), |error| Err(io::Error::other(error)))
            }
            #[cfg(any(test, feature = "simulation"))]
            FileSystemKind::Simulated(disk) => disk.sync(),
        }
    }
}

impl Log {
    /// Whether as many records as `flush.messages` says are not synced: whoever has appended the
    /// last of them waits.
    pub fn has_flush_messages(&self) -> bool {
        self.unsynced_records() >= self.config.flush_messages
    }

    /// Whether the last sync was `flush.ms` ago or more, and something has come since.
    pub fn is_flush_ms_over(&self, now_ms: i64) -> bool {
        self.unsynced_records() > 0
            && now_ms.saturating_sub(self.unsynced.last_sync_ms) >= self.config.flush_ms
    }

    fn unsynced_records(&self) -> i64 {
        self.log_end_offset.0.saturating_sub(self.durable_offset().0)
    }

    /// Collects what [`SyncTask::run`] has to sync. Opens files if need be, but waits for nothing.
    pub fn begin_sync(&mut self, now_ms: i64) -> Result<SyncTask, LogError> {
        self.ensure_writable()?;
        let collected = self.unsynced_files();
        let files = self.checked(collected)?;
        Ok(self.take_unsynced(Some(files), now_ms))
    }

    /// The same where [`FileSystem::sync`] is to sync the files: no file is opened for it.
    pub fn begin_file_system_sync(&mut self, now_ms: i64) -> Result<SyncTask, LogError> {
        self.ensure_writable()?;
        Ok(self.take_unsynced(None, now_ms))
    }

    fn take_unsynced(&mut self, files: Option<Vec<Arc<dyn LogFile>>>, now_ms: i64) -> SyncTask {
        self.unsynced.last_sync_ms = now_ms;
        let task = SyncTask {
            dir: self.dir.clone(),
            files,
            epochs: self.unsynced.epochs.then(|| self.epochs.to_bytes()),
            directory: self.unsynced.directory,
            parent: self.unsynced.parent,
            mark: self.mark_of_end(),
        };
        self.unsynced.epochs = false;
        self.unsynced.directory = false;
        self.unsynced.parent = false;
        self.unsynced.metadata = false;
        task
    }

    /// Takes back a task for which there was no room. The next one does the same and more.
    pub fn put_off_sync(&mut self, task: &SyncTask) {
        self.unsynced.epochs |= task.epochs.is_some();
        self.unsynced.directory |= task.directory;
        self.unsynced.parent |= task.parent;
    }

    /// Moves the recovery point, after the task has run. Gives the durable offset.
    pub fn finish_sync(&mut self, task: &SyncTask) -> Offset {
        // If the log was truncated since, what is at those offsets now may not be what was synced.
        if task.mark.truncations == self.unsynced.truncations && self.failed.is_none() {
            self.recovery_point = self.recovery_point.max(task.mark.offset);
        }
        self.reach(task.mark);
        self.durable_offset()
    }

    /// Makes everything durable now, the three steps in one: for closing, for tests, and for where
    /// files go whose content may be lost otherwise.
    pub fn sync(&mut self, now_ms: i64) -> Result<Offset, LogError> {
        let task = self.begin_sync(now_ms)?;
        let ran = task.run().map_err(LogError::io("sync", self.dir.path()));
        if ran.as_ref().is_err_and(LogError::is_full) {
            self.put_off_sync(&task);
        }
        self.checked(ran)?;
        Ok(self.finish_sync(&task))
    }

    /// Writes what is only in memory of the active segment's indexes, so that a recovery need not
    /// read much more than what follows the recovery point. For a periodic pass; syncs nothing, and
    /// costs nothing if there was no append.
    pub fn checkpoint(&mut self) -> Result<(), LogError> {
        self.ensure_writable()?;
        if !self.changed {
            return Ok(());
        }
        let segment = self.active_segment.clone();
        if !segment.offset_index.has_unwritten() && !segment.time_index.has_unwritten() {
            return Ok(());
        }
        let flushed = segment
            .offset_index
            .flush(self.dir.as_ref())
            .map_err(self.io("write", &segment, Kind::OffsetIndex))
            .and_then(|()| {
                let what = self.io("write", &segment, Kind::TimeIndex);
                segment.time_index.flush(self.dir.as_ref()).map_err(what)
            });
        segment.offset_index.close_file();
        segment.time_index.close_file();
        self.checked(flushed)
    }

    /// Ends the log in good order: indexes, producers and leader epochs are written and all is
    /// synced. The recovery point is the end of the log then. A log without changes since it was
    /// opened costs almost nothing.
    pub fn close(&mut self, now_ms: i64) -> Result<(), LogError> {
        if self.begin_close()? {
            self.sync(now_ms)?;
        }
        self.close_idle_files();
        Ok(())
    }

    /// The first half of [`Log::close`], for many logs at once: writes indexes and producers.
    /// Whether something has to be synced then.
    pub fn begin_close(&mut self) -> Result<bool, LogError> {
        self.ensure_writable()?;
        if self.changed {
            let written = self
                .flush_indexes()
                .and_then(|()| self.trim())
                .and_then(|()| self.write_snapshot(self.log_end_offset));
            self.checked(written)?;
            self.changed = false;
        }
        let unsynced = &self.unsynced;
        Ok(self.recovery_point < self.log_end_offset
            || unsynced.directory
            || unsynced.parent
            || unsynced.epochs)
    }

    pub(super) fn unsynced_files(&self) -> Result<Vec<Arc<dyn LogFile>>, LogError> {
        let mut files = Vec::new();
        if self.unsynced.metadata {
            let file = self.dir.open(names::PARTITION_METADATA, OpenMode::Write);
            let path = self.dir.path().join(names::PARTITION_METADATA);
            files.push(file.map_err(LogError::io("open", &path))?);
        }
        let mut end = self.log_end_offset;
        for segment in self.segments.iter().rev() {
            let has_unsynced = end > self.recovery_point;
            if has_unsynced {
                files.push(segment.file().map_err(self.io("open", segment, Kind::Log))?);
            }
            if segment.base_offset == self.active_segment.base_offset {
                if has_unsynced && segment.has_txn_index() {
                    files.push(self.open_named(segment, Kind::TxnIndex)?);
                }
            } else if end >= self.recovery_point {
                // When it ended at the recovery point, its indexes and the snapshot were written
                // after that had been synced.
                self.ended_files(segment, end, &mut files)?;
            } else {
                break;
            }
            end = segment.base_offset;
        }
        Ok(files)
    }

    /// The other files of a segment that is no longer written, and the snapshot at its end.
    fn ended_files(
        &self,
        segment: &Segment,
        end: Offset,
        files: &mut Vec<Arc<dyn LogFile>>,
    ) -> Result<(), LogError> {
        let dir = self.dir.as_ref();
        let offsets = segment.offset_index.open_file(dir);
        files.push(offsets.map_err(self.io("open", segment, Kind::OffsetIndex))?);
        let times = segment.time_index.open_file(dir);
        files.push(times.map_err(self.io("open", segment, Kind::TimeIndex))?);
        if segment.has_txn_index() {
            files.push(self.open_named(segment, Kind::TxnIndex)?);
        }
        match dir.open(&names::name(end, Kind::Snapshot), OpenMode::Write) {
            Ok(snapshot) => files.push(snapshot),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.io("open", segment, Kind::Snapshot)(error)),
        }
        Ok(())
    }

    fn open_named(&self, segment: &Segment, kind: Kind) -> Result<Arc<dyn LogFile>, LogError> {
        let name = names::name(segment.base_offset, kind);
        self.dir.open(&name, OpenMode::Write).map_err(self.io("open", segment, kind))
    }
}
