//! The few file operations a log needs, as traits: on disk in a broker, simulated in a test.
//!
//! Invariants: file names are plain names within one directory; nothing here retries. What is
//! durable when: bytes after [`LogFile::sync`]; a created, renamed or removed name after
//! [`Dir::sync`]. Nothing else syncs, so that creating a partition costs no sync at all; the first
//! [`crate::SyncTask`] of a log makes its names durable together with its first records.
//! Kafka: `java.io.File`, `FileChannel`, `Utils.flushDir`.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, IoSlice},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use rustix::fs::Advice;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It exists and is read.
    Read,
    /// It exists and is read and written.
    Write,
    /// It is read and written, and made if it does not exist.
    Create,
}

/// The largest piece of a file that the kernel keeps as one, where pages are of 4 KiB. It is
/// forgotten as a whole or not at all.
const FOLIO_BYTES: u64 = 2 << 20;

/// One directory of files.
pub trait Dir: Send + Sync + fmt::Debug {
    /// Where it is, for people to read.
    fn path(&self) -> &Path;
    /// Makes the directory. `false` if it was there already.
    fn create(&self) -> io::Result<bool>;
    /// The names of what it holds, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file.
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Arc<dyn LogFile>>;
    /// The whole content of a small file; `None` if it does not exist.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Gives a file or a directory another name, replacing the file that has that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; not an error if it does not exist.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names in the directory durable.
    fn sync(&self) -> io::Result<()>;
    /// Makes the directory's own name durable.
    fn sync_parent(&self) -> io::Result<()>;
    /// A directory within this one, which need not exist.
    fn child(&self, name: &str) -> Arc<dyn Dir>;
    /// Removes a directory within this one with all it holds; not an error if it does not exist.
    fn remove_child(&self, name: &str) -> io::Result<()>;
}

/// One open file.
pub trait LogFile: Send + Sync + fmt::Debug {
    /// Reads at a position. Fewer bytes than asked for only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes all the slices, one after the other, at a position. What is left in them is of no
    /// use.
    fn write_at(&self, slices: &mut [IoSlice<'_>], position: u64) -> io::Result<()>;
    /// Makes the bytes written so far durable.
    fn sync(&self) -> io::Result<()>;
    /// Lets reads from a position on see what is on the disk, except for what waits to be written:
    /// after a failed sync the kernel takes what it could not write for written, and goes on
    /// showing it. As far as that can be.
    fn forget_clean(&self, _from: u64) {}
    /// Its size in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Cuts it or extends it with zeros.
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Reserves room for a file of this size without changing its size. May do nothing.
    fn reserve(&self, size: u64) -> io::Result<()>;
    /// When it was last written, in ms since 1970.
    fn modified_ms(&self) -> io::Result<i64>;
    /// Says when it was last written, in ms since 1970. Does nothing where that is not kept.
    fn set_modified_ms(&self, _modified_ms: i64) -> io::Result<()> {
        Ok(())
    }
    /// The operating system's file, for `sendfile`. `None` where it is simulated.
    fn as_file(&self) -> Option<&File>;
}

/// A directory on disk.
#[derive(Debug)]
pub struct DiskDir {
    path: PathBuf,
}

impl DiskDir {
    /// The directory at this path, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Dir for DiskDir {
    fn path(&self) -> &Path {
        &self.path
    }

    fn create(&self) -> io::Result<bool> {
        match fs::create_dir(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // Kafka's names are ASCII: what is not UTF-8 is not ours to touch.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Arc<dyn LogFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(mode != OpenMode::Read).create(mode == OpenMode::Create);
        Ok(Arc::new(DiskFile(options.open(self.path.join(name))?)))
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Most of these files hold a few bytes: one read does, without asking for the size. From a
        // file on disk less than asked for means that it ends there.
        let mut content = vec![0; 1024];
        let mut filled = 0;
        loop {
            let room = content.get_mut(filled..).unwrap_or_default();
            let asked = room.len();
            let read = match file.read_at(room, filled as u64) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            filled += read;
            if read < asked {
                content.truncate(filled);
                return Ok(Some(content));
            }
            content.resize(filled * 4, 0);
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn sync_parent(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            Some(_) | None => File::open(".")?.sync_all(),
        }
    }

    fn child(&self, name: &str) -> Arc<dyn Dir> {
        Arc::new(Self::new(self.path.join(name)))
    }

    fn remove_child(&self, name: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// A file on disk.
#[derive(Debug)]
struct DiskFile(File);

impl LogFile for DiskFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        read_fully(&self.0, buffer, position)
    }

    fn write_at(&self, slices: &mut [IoSlice<'_>], mut position: u64) -> io::Result<()> {
        if let [one] = slices {
            return self.0.write_all_at(one, position);
        }
        let mut left = slices;
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            // The kernel takes at most 1024 slices in one call.
            let group = left.get(..left.len().min(1024)).unwrap_or_default();
            let written = match rustix::io::pwritev(&self.0, group, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            position += written as u64;
            IoSlice::advance_slices(&mut left, written);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn forget_clean(&self, from: u64) {
        // A file system that has no such pages has nothing to forget.
        let _advice =
            rustix::fs::fadvise(&self.0, from / FOLIO_BYTES * FOLIO_BYTES, None, Advice::DontNeed);
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn reserve(&self, size: u64) -> io::Result<()> {
        use rustix::fs::FallocateFlags;
        match rustix::fs::fallocate(&self.0, FallocateFlags::KEEP_SIZE, 0, size) {
            // A file system that cannot reserve can still store.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn modified_ms(&self) -> io::Result<i64> {
        let modified = self.0.metadata()?.modified()?;
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn set_modified_ms(&self, modified_ms: i64) -> io::Result<()> {
        let since = Duration::from_millis(u64::try_from(modified_ms).unwrap_or(0));
        self.0.set_modified(UNIX_EPOCH + since)
    }

    fn as_file(&self) -> Option<&File> {
        Some(&self.0)
    }
}

fn read_fully(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_at(room, position + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What a small file is called until it is whole.
pub(crate) fn temporary(name: &str) -> String {
    format!("{name}.tmp")
}

/// Replaces a small file so that a crash leaves either the old content or the new: a temporary file
/// is written, synced and renamed. The name is durable only after [`Dir::sync`].
pub fn write_atomically(dir: &dyn Dir, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = temporary(name);
    let file = dir.open(&temporary, OpenMode::Create)?;
    file.set_size(0)?;
    file.write_at(&mut [IoSlice::new(content)], 0)?;
    file.sync()?;
    dir.rename(&temporary, name)
}
