//! The write-ahead log of a data directory: appends of many partitions made durable by one sync of
//! one file that has all its blocks already.
//!
//! To sync a partition's own file means to have the file system write the block, the file's new
//! size and where the block lies; for 500 files with a page each that is 500 times. Here the same
//! bytes are written once more, one after the other, over blocks that were written before, so that
//! only they have to reach the disk: for one append about half of the time, for 500 partitions a
//! thirtieth.
//!
//! There are two files, used in turns. A file is begun anew only when everything it holds is in the
//! partitions' own files for good: whoever has a [`WriteAhead`] sees to that after
//! [`WriteAhead::turn`] and says so with [`WriteAhead::settled`]. What is larger, or new in the
//! directory, is synced where it is. After a crash, [`crate::LogDir::read_written_ahead`] gives
//! what the files hold, and [`crate::Log::open`] appends what a log lacks.
//!
//! Invariants: what was written here is durable before anyone is told so; it lies in the page cache
//! of the partition's own file by then; it stays here until it is durable there. Nothing of it may
//! be truncated before: [`WriteAhead::empty`] comes first.
//!
//! Kafka has nothing of the kind: a directory that was left in order has nothing here that counts,
//! and one that was not has to be opened by Ottla before it goes back to Kafka.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, IoSlice},
    sync::Arc,
};

use ottla_types::{Offset, Uuid};

use crate::dir::{Dir, LogFile, OpenMode, temporary};

pub(crate) mod group;
pub(crate) mod read;

use group::{BLOCK, Builder, ENTRY_OVERHEAD, HEADER_BYTES, Use};
pub use read::WrittenAhead;
pub(crate) use read::describe;

/// The files, in the data directory.
pub(crate) const FILE_NAMES: [&str; 2] = ["write-ahead.0", "write-ahead.1"];

/// Bytes of a group at most, its header included.
pub(crate) const GROUP_BYTES_MAX: usize = 1 << 20;

/// Bytes of a file that are written at once when it is made.
const FILLED_AT_ONCE: usize = 1 << 20;

/// What a log wants to have written here: bytes of its active segment up to its end.
#[derive(Debug)]
pub struct PendingWrite {
    /// None once it was read, or if there is nothing to read: thousands that wait keep no file
    /// open.
    pub(crate) file: Option<Arc<dyn LogFile>>,
    pub(crate) of: (Uuid, i32),
    pub(crate) position: u64,
    pub(crate) size: usize,
    pub(crate) mark: Mark,
}

impl PendingWrite {
    /// Whether all of it is durable already.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }
}

/// A place up to which a log is durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// Exclusive.
    pub(crate) offset: Offset,
    /// Base offset of the active segment then.
    pub(crate) segment: Offset,
    /// In that segment.
    pub(crate) position: u64,
    /// How often the log had been truncated.
    pub(crate) truncations: u64,
}

/// The two files and where they are written next.
pub struct WriteAhead {
    files: [Arc<dyn LogFile>; 2],
    file_bytes: u64,
    /// Which of them is written.
    active: usize,
    /// Whether what the other one holds is elsewhere by now.
    is_other_settled: bool,
    /// Where the next group goes.
    position: u64,
    begun: Use,
    /// Of the next group.
    number: u64,
    secret: Uuid,
    group: Builder,
    group_bytes_max: usize,
}

impl fmt::Debug for WriteAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (active, position) = (FILE_NAMES.get(self.active), self.position);
        f.debug_struct("WriteAhead")
            .field("active", &active)
            .field("position", &position)
            .finish_non_exhaustive()
    }
}

impl WriteAhead {
    /// Makes the files, each of `file_bytes`, or takes those that are there, which hold nothing any
    /// more that counts. `secret` is an id that nobody else knows. Waits for the disk.
    pub fn open(
        dir: &dyn Dir,
        found: &WrittenAhead,
        file_bytes: u64,
        secret: Uuid,
    ) -> io::Result<Self> {
        // Half of it is of no use, and the room may be what is lacking.
        let files = open_both(dir, file_bytes).inspect_err(|_| drop(Self::remove(dir)))?;
        let mut this = Self {
            files,
            file_bytes,
            active: 1,
            is_other_settled: true,
            position: file_bytes,
            begun: Use { generation: found.generation, id: 0 },
            number: 0,
            secret,
            group: Builder::default(),
            group_bytes_max: usize::try_from(file_bytes / 4)
                .unwrap_or(usize::MAX)
                .min(GROUP_BYTES_MAX),
        };
        this.begin_other()?;
        this.is_other_settled = true;
        Ok(this)
    }

    /// Removes the files, which hold nothing any more that counts. An error leaves some of them
    /// there.
    pub fn remove(dir: &dyn Dir) -> io::Result<()> {
        // The first of them last: without it the other one would tell that it is missing.
        for name in FILE_NAMES.iter().rev() {
            dir.remove(name)?;
            dir.remove(&temporary(name))?;
        }
        dir.sync()
    }

    /// Whether the files are there.
    pub fn is_made(dir: &dyn Dir) -> bool {
        FILE_NAMES.iter().all(|name| dir.open(name, OpenMode::Read).is_ok())
    }

    /// Adds to the next group. `false` if there is no more room in it. An error is one of reading
    /// what was appended; nothing is added then. Lets the log's file go that was read.
    pub fn add(&mut self, write: &mut PendingWrite) -> io::Result<bool> {
        if self.group.size() + ENTRY_OVERHEAD + write.size > self.group_bytes_max {
            return Ok(false);
        }
        let file = write.file.take();
        self.group.push(write.of, write.size, |place| {
            let read = file.map_or(Ok(0), |file| file.read_at(place, write.position))?;
            if read < write.size {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            Ok(())
        })?;
        Ok(true)
    }

    /// Makes the group durable. If that fails nothing is known of any of it, and nothing may be
    /// written here any more.
    pub fn commit(&mut self) -> io::Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        let bytes = self.group.finish(self.begun.id, self.number);
        let file = pick(&self.files, self.active);
        file.write_at(&mut [IoSlice::new(bytes)], self.position)?;
        file.sync()?;
        self.position += bytes.len() as u64;
        self.number += 1;
        self.group.clear();
        Ok(())
    }

    /// Which use of a file this is: no other one, here or in another directory, has the same.
    pub fn use_id(&self) -> u64 {
        self.begun.id
    }

    /// Bytes of what one log can have in a group.
    pub fn write_bytes_max(&self) -> usize {
        self.group_bytes_max - HEADER_BYTES - ENTRY_OVERHEAD
    }

    /// Whether the next group might not fit into the file.
    pub fn is_full(&self) -> bool {
        self.position + (self.group_bytes_max + BLOCK) as u64 > self.file_bytes
    }

    /// Goes on with the other file. `false` if what that holds is not settled yet. What the one so
    /// far holds has to be.
    pub fn turn(&mut self) -> io::Result<bool> {
        if !self.is_other_settled {
            return Ok(false);
        }
        self.begin_other()?;
        Ok(true)
    }

    /// Everything is durable where it belongs that the other file holds.
    pub fn settled(&mut self) {
        self.is_other_settled = true;
    }

    /// Begins both files anew. Everything must be durable where it belongs.
    pub fn empty(&mut self) -> io::Result<()> {
        self.begin_other()?;
        self.begin_other()?;
        self.is_other_settled = true;
        Ok(())
    }

    fn begin_other(&mut self) -> io::Result<()> {
        let other = 1 - self.active;
        // What a file said that is not ours may be anything.
        let generation = self.begun.generation.wrapping_add(1);
        let mut hasher = DefaultHasher::new();
        (self.secret.0, generation).hash(&mut hasher);
        let begun = Use { generation, id: hasher.finish() };
        let file = pick(&self.files, other);
        file.write_at(&mut [IoSlice::new(&begun.to_block())], 0)?;
        file.sync()?;
        self.active = other;
        self.begun = begun;
        self.position = BLOCK as u64;
        self.number = 0;
        self.is_other_settled = false;
        Ok(())
    }
}

fn pick([first, second]: &[Arc<dyn LogFile>; 2], which: usize) -> &Arc<dyn LogFile> {
    if which == 0 { first } else { second }
}

fn open_both(dir: &dyn Dir, file_bytes: u64) -> io::Result<[Arc<dyn LogFile>; 2]> {
    let [first, second] = FILE_NAMES;
    let files = [open_whole(dir, first, file_bytes)?, open_whole(dir, second, file_bytes)?];
    dir.sync()?;
    Ok(files)
}

/// A file of this size whose blocks were all written once, under its name only when they were. The
/// name is not durable yet.
fn open_whole(dir: &dyn Dir, name: &str, size: u64) -> io::Result<Arc<dyn LogFile>> {
    match dir.open(name, OpenMode::Write) {
        Ok(file) if file.size()? == size => return Ok(file),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let made = temporary(name);
    let file = dir.open(&made, OpenMode::Create)?;
    file.set_size(0)?;
    let zeros = vec![0; FILLED_AT_ONCE];
    let mut position = 0;
    while position < size {
        let some =
            zeros.get(..usize::try_from(size - position).unwrap_or(usize::MAX).min(FILLED_AT_ONCE));
        let some = some.unwrap_or(&zeros);
        file.write_at(&mut [IoSlice::new(some)], position)?;
        position += some.len() as u64;
    }
    file.sync()?;
    dir.rename(&made, name)?;
    Ok(file)
}
