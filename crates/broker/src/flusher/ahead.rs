//! The write-ahead log of a directory, as the flusher uses it.
//!
//! Budget: one write and one `fdatasync` for all partitions that wait, besides one read of each
//! from the page cache, and one `syncfs` for each file that gets full.

use std::{
    io,
    sync::{Arc, Weak},
};

use ottla_log::{PendingWrite, WriteAhead, WrittenAhead, is_full};

use super::{Flusher, Stage};
use crate::{
    log_dirs::free_bytes,
    partition::{Partition, SyncError, Synced},
    random::new_id,
};

/// Bytes of each of the two files.
const FILE_BYTES: u64 = 32 << 20;

/// With less free room than this the files are not made.
const FREE_BYTES: u64 = 16 * FILE_BYTES;

/// What a partition has to sync is written ahead up to so many bytes. Of more, to write it twice
/// costs more than a sync of its own.
const PARTITION_BYTES_MAX: usize = 64 << 10;

/// The write-ahead log, and what its active file holds.
#[derive(Debug)]
pub(super) struct Writer {
    log: WriteAhead,
    /// Those of which something is in the active file.
    partitions: Vec<Weak<Partition>>,
}

/// What came of a round, to be told to the partitions.
#[derive(Debug, Default)]
pub(super) struct Round {
    done: Vec<(Arc<Partition>, Result<Synced, SyncError>)>,
}

impl Round {
    /// Tells them. Says how many waited for it.
    pub(super) fn finish(self) -> usize {
        self.done.into_iter().map(|(partition, done)| partition.finish_sync(done)).sum()
    }
}

impl Flusher {
    /// Makes the write-ahead log. Without it each partition is synced by itself, as before.
    pub(super) fn make_write_ahead(&self, found: &WrittenAhead) {
        if !WriteAhead::is_made(self.root.as_ref()) && !self.has_free_room() {
            return self.give_up(&io::ErrorKind::StorageFull.into());
        }
        let made = WriteAhead::open(self.root.as_ref(), found, file_bytes(), new_id());
        match made {
            Ok(log) => {
                *self.writer() = Some(Writer { log, partitions: Vec::new() });
                self.lock().stage = Stage::Idle;
            }
            Err(error) => self.give_up(&error),
        }
    }

    /// Whether the files would leave most of the free room to the logs.
    fn has_free_room(&self) -> bool {
        #[cfg(feature = "simulation")]
        if crate::simulation::is_on() {
            return true;
        }
        free_bytes(self.root.path()).is_ok_and(|bytes| bytes >= FREE_BYTES)
    }

    /// Writes ahead what these partitions have, and leaves the others to the queue.
    pub(super) fn write_ahead(self: &Arc<Self>, partitions: Vec<Arc<Partition>>) -> Round {
        let mut guard = self.writer();
        let has_room = guard.as_mut().is_some_and(|writer| self.has_room(writer));
        let Some(writer) = guard.as_mut().filter(|_| has_room) else {
            self.return_to_queue(Vec::new(), partitions);
            return Round::default();
        };
        let (mut writes, mut round) = (Vec::new(), Round::default());
        let (mut fresh, mut own) = (Vec::new(), Vec::new());
        for partition in partitions {
            match self.add(&mut writer.log, &partition) {
                Ok(Added::Yes(write)) => writes.push((partition, write)),
                Ok(Added::NoRoom) => fresh.push(partition),
                Ok(Added::Nothing(write)) => {
                    round.done.push((partition, Ok(Synced::Ahead(write))));
                }
                Ok(Added::No) => own.push(partition),
                Err(error) => round.done.push((partition, Err(error))),
            }
        }
        self.return_to_queue(fresh, own);
        let committed = match writer.log.commit() {
            Err(error) if is_full(&error) => {
                // Of a file system that never writes over a block. The logs' own files are as they
                // were.
                self.give_up(&error);
                let own = writes.into_iter().map(|(partition, _)| partition).collect();
                self.return_to_queue(Vec::new(), own);
                return round;
            }
            committed => committed.map_err(|error| error.to_string()),
        };
        for (partition, write) in writes {
            if partition.note_written_ahead(writer.log.use_id()) {
                writer.partitions.push(Arc::downgrade(&partition));
            }
            let done = committed.clone().map(|()| Synced::Ahead(write)).map_err(SyncError::Failed);
            round.done.push((partition, done));
        }
        round
    }

    fn add(&self, log: &mut WriteAhead, partition: &Arc<Partition>) -> Result<Added, SyncError> {
        let most = PARTITION_BYTES_MAX.min(log.write_bytes_max());
        let Some(mut write) = partition.begin_write_ahead(self, most)? else {
            return Ok(Added::No);
        };
        if write.is_empty() {
            return Ok(Added::Nothing(write));
        }
        match log.add(&mut write) {
            Ok(true) => Ok(Added::Yes(write)),
            Ok(false) => Ok(Added::NoRoom),
            // Its own sync finds out what is wrong.
            Err(_) => Ok(Added::No),
        }
    }

    /// Whether there is room for a group. Goes on with the other file if it can.
    fn has_room(&self, writer: &mut Writer) -> bool {
        if !writer.log.is_full() {
            return true;
        }
        match writer.log.turn() {
            Ok(true) => {
                self.lock().settle = Some(std::mem::take(&mut writer.partitions));
                self.work.notify_one();
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.give_up(&error);
                false
            }
        }
    }

    /// Every partition is synced by itself from now on. What was written ahead stays where it is,
    /// for the case of a crash.
    fn give_up(&self, error: &io::Error) {
        let path = self.root.path().display();
        tracing::warn!(
            "nothing is written ahead in {path} any more, every partition is synced by itself: {error}"
        );
        self.lock().stage = Stage::Never;
    }

    fn return_to_queue(&self, fresh: Vec<Arc<Partition>>, own: Vec<Arc<Partition>>) {
        let mut queue = self.lock();
        queue.fresh.extend(fresh);
        queue.own.extend(own);
        let to_wake = queue.to_wake();
        drop(queue);
        (0..to_wake).for_each(|_| self.work.notify_one());
    }

    /// Makes what was written ahead of these durable in their own files.
    pub(super) fn settle(&self, partitions: &[Weak<Partition>]) {
        let here = partitions.iter().filter_map(|partition| {
            let partition = partition.upgrade()?;
            let begun = partition.begin_settling(self)?;
            Some((partition, begun))
        });
        let here: Vec<_> = here.collect();
        // Where nobody is left there is nothing to sync, nor anyone to tell of a failure.
        let synced = if here.is_empty() { Ok(()) } else { self.file_system.sync() };
        match synced {
            Ok(()) => {
                for (partition, begun) in here {
                    partition.finish_settling(&begun);
                }
                if let Some(writer) = self.writer().as_mut() {
                    writer.log.settled();
                }
            }
            Err(error) => {
                for (partition, begun) in here {
                    partition.fail_settling(&begun, &error.to_string());
                }
                self.give_up(&error);
            }
        }
    }

    /// Takes what the write-ahead log held at the start. `is_wanted` says that not all of it is in
    /// the partitions' own files by now: then it stays as it is, and nothing is written ahead.
    pub(crate) fn take_over(&self, found: WrittenAhead, is_wanted: bool) -> io::Result<()> {
        if is_wanted {
            self.lock().stage = Stage::Kept;
            let path = self.root.path().display();
            tracing::warn!(
                "nothing is written ahead in {path}: what is there is kept for a partition that is offline"
            );
            return Ok(());
        }
        if !found.is_empty() {
            let opened = WriteAhead::open(self.root.as_ref(), &found, file_bytes(), new_id());
            let emptied = opened.and_then(|mut log| log.empty().map(|()| log));
            let log = match emptied {
                Err(error) if is_full(&error) => {
                    // What they hold is in the partitions' own files, and must not come back once
                    // one is truncated.
                    WriteAhead::remove(self.root.as_ref())?;
                    self.give_up(&error);
                    return Ok(());
                }
                emptied => emptied?,
            };
            *self.writer() = Some(Writer { log, partitions: Vec::new() });
            self.lock().stage = Stage::Idle;
            return Ok(());
        }
        self.lock().stage = Stage::Later(found, 0);
        Ok(())
    }

    /// Whether something was written ahead that is still wanted, so that the directory is not in
    /// order.
    pub(crate) fn keeps_written_ahead(&self) -> bool {
        matches!(self.lock().stage, Stage::Kept)
    }

    /// Says in the write-ahead log that nothing in it counts: all is in the partitions' own files.
    pub(crate) fn empty_write_ahead(&self) -> io::Result<()> {
        self.writer().as_mut().map_or(Ok(()), |writer| writer.log.empty())
    }
}

/// In a simulation the files are small, so that they are begun anew now and then.
fn file_bytes() -> u64 {
    #[cfg(feature = "simulation")]
    if crate::simulation::is_on() {
        return 48 << 10;
    }
    FILE_BYTES
}

/// Whether something is in the next group.
enum Added {
    Yes(PendingWrite),
    /// All of it is durable already.
    Nothing(PendingWrite),
    /// It comes into the one after that.
    NoRoom,
    /// Its own files are to be synced.
    No,
}
