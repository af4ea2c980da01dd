//! A disk in memory that knows what would survive a power cut.
//!
//! Of a file, every block that was written since its last sync may be on the disk or not, in any of
//! the states it went through, independently of the others and of the file's size: more than ext4
//! allows in any of its modes. Of a directory, the changes since its last sync may be on the disk
//! up to any of them: file systems keep those in order. What neither covers is never lost.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that asks for what is not there is to panic"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use super::{
    inode::{Change, Inode},
    power_cut::Outcome,
};
use crate::{Dir, LogFile, OpenMode};

/// What of the disk can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Opening a file.
    Open,
    /// Reading from one.
    Read,
    /// Writing to one.
    Write,
    /// A file's or a directory's sync.
    Sync,
    /// Giving a file another name.
    Rename,
    /// Removing a file.
    Remove,
    /// Cutting or extending a file.
    SetSize,
}

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// EIO. Of a failed sync, what was to be synced may have been dropped by the kernel.
    Io,
    /// ENOSPC, after part of a write.
    Full,
    /// A read gives less than there is.
    Short,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    File(usize),
    Dir(usize),
}

#[derive(Clone, Debug)]
enum Renaming {
    Set(String, Node),
    Remove(String),
    Move(String, String),
}

#[derive(Clone, Debug, Default)]
struct Directory {
    now: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    pending: Vec<Renaming>,
}

#[derive(Clone, Debug, Default)]
struct State {
    files: Vec<Inode>,
    dirs: Vec<Directory>,
    /// Copies made after each change, if that is wanted.
    history: Option<Vec<State>>,
    /// Fails the call that makes the count 0.
    fault: Option<(Call, u64, Failure)>,
}

/// The disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

impl Default for SimDisk {
    fn default() -> Self {
        let state = State { dirs: vec![Directory::default()], ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }
}

impl SimDisk {
    /// A disk with an empty root directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Its root directory.
    pub fn root(&self) -> Arc<dyn Dir> {
        self.dir(PathBuf::new())
    }

    fn dir(&self, path: PathBuf) -> Arc<dyn Dir> {
        Arc::new(SimDir { disk: self.clone(), path })
    }

    /// The disk as it was after each change from now on, until [`SimDisk::take_history`].
    pub fn keep_history(&self) {
        let mut state = self.lock();
        state.forget_removed_files();
        state.history = Some(Vec::new());
    }

    /// The disk after each change since [`SimDisk::keep_history`].
    pub fn take_history(&self) -> Vec<Self> {
        let history = self.lock().history.take().unwrap_or_default();
        history.into_iter().map(Self::of).collect()
    }

    /// A disk of its own with the same content, nothing of it synced that is not now.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::of(self.lock().clone())
    }

    fn of(state: State) -> Self {
        Self(Arc::new(Mutex::new(State { history: None, fault: None, ..state })))
    }

    /// Fails one call of a kind, after `skip` of them.
    pub fn fail(&self, call: Call, skip: u64, failure: Failure) {
        self.lock().fault = Some((call, skip, failure));
    }

    /// Fails nothing any more.
    pub fn heal(&self) {
        self.lock().fault = None;
    }

    /// In how many states each thing that is not synced may be after a power cut.
    pub fn choices(&self) -> Vec<usize> {
        let state = self.lock();
        let mut choices: Vec<usize> = state.dirs.iter().map(|dir| dir.pending.len() + 1).collect();
        for file in &state.files {
            choices.push(file.sizes().len());
            choices.extend(file.dirty_blocks().iter().map(|block| file.versions(*block) + 1));
        }
        choices
    }

    /// The disk after a power cut.
    #[must_use]
    pub fn after_power_cut(&self, outcome: &Outcome) -> Self {
        let mut after = self.lock().clone();
        let mut chosen = outcome.iter().copied();
        for dir in &mut after.dirs {
            let kept = chosen.next().unwrap();
            let mut names = dir.durable.clone();
            dir.pending.iter().take(kept).for_each(|change| apply(&mut names, change));
            *dir = Directory { now: names.clone(), durable: names, pending: Vec::new() };
        }
        for file in &mut after.files {
            let size = file.sizes()[chosen.next().unwrap()];
            let mut content = file.durable.clone();
            for block in file.dirty_blocks() {
                file.restore_block(&mut content, block, chosen.next().unwrap());
            }
            content.resize(size, 0);
            *file = Inode { now: content.clone(), durable: content, pending: Vec::new() };
        }
        Self::of(after)
    }

    /// Makes everything durable.
    pub fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        let failed = state.checked(Call::Sync);
        for file in &mut state.files {
            file.write_out(failed.is_ok());
        }
        if failed.is_err() {
            state.changed();
            return failed;
        }
        for dir in &mut state.dirs {
            dir.durable = dir.now.clone();
            dir.pending.clear();
        }
        state.changed();
        Ok(())
    }

    /// Names and content of all files that are there now.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.lock();
        let mut files = BTreeMap::new();
        state.collect(0, "", &mut files);
        files
    }

    /// Tells disks apart by what is on them.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.files().hash(&mut hasher);
        hasher.finish()
    }

    /// Puts a file there, durably; `None` removes it.
    pub fn put(&self, path: &str, content: Option<Vec<u8>>) {
        let path = Path::new(path);
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut state = self.lock();
        let dir = state.find(path.parent().unwrap()).unwrap();
        let Some(content) = content else {
            state.dirs[dir].now.remove(&name);
            state.dirs[dir].durable.remove(&name);
            return;
        };
        let file = state.files.len();
        state.files.push(Inode { now: content.clone(), durable: content, pending: Vec::new() });
        state.dirs[dir].now.insert(name.clone(), Node::File(file));
        state.dirs[dir].durable.insert(name, Node::File(file));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

fn apply(names: &mut BTreeMap<String, Node>, change: &Renaming) {
    match change {
        Renaming::Set(name, node) => drop(names.insert(name.clone(), *node)),
        Renaming::Remove(name) => drop(names.remove(name)),
        Renaming::Move(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
    }
}

impl State {
    fn find(&self, path: &Path) -> io::Result<usize> {
        let mut at = 0;
        for name in path {
            match self.dirs[at].now.get(name.to_str().unwrap()) {
                Some(Node::Dir(dir)) => at = *dir,
                Some(Node::File(_)) | None => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        Ok(at)
    }

    /// Empties the files that no name leads to, now or after a power cut.
    fn forget_removed_files(&mut self) {
        let mut named = BTreeSet::new();
        for dir in &self.dirs {
            named.extend(dir.now.values().chain(dir.durable.values()).copied());
            named.extend(dir.pending.iter().filter_map(|change| match change {
                Renaming::Set(_, node) => Some(*node),
                Renaming::Remove(_) | Renaming::Move(..) => None,
            }));
        }
        for (at, file) in self.files.iter_mut().enumerate() {
            if !named.contains(&Node::File(at)) {
                *file = Inode::default();
            }
        }
    }

    fn rename(&mut self, dir: usize, change: Renaming) {
        apply(&mut self.dirs[dir].now, &change);
        self.dirs[dir].pending.push(change);
        self.changed();
    }

    fn changed(&mut self) {
        if let Some(mut history) = self.history.take() {
            history.push(self.clone());
            self.history = Some(history);
        }
    }

    /// The failure that this call has to suffer.
    fn fault(&mut self, call: Call) -> Option<Failure> {
        let (which, skip, failure) = self.fault?;
        if which != call {
            return None;
        }
        self.fault = skip.checked_sub(1).map(|skip| (which, skip, failure));
        (skip == 0).then_some(failure)
    }

    fn checked(&mut self, call: Call) -> io::Result<()> {
        match self.fault(call) {
            Some(failure) => Err(error_of(failure)),
            None => Ok(()),
        }
    }

    fn collect(&self, dir: usize, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
        for (name, node) in &self.dirs[dir].now {
            match node {
                Node::File(file) => {
                    files.insert(format!("{prefix}{name}"), self.files[*file].now.clone());
                }
                Node::Dir(dir) => self.collect(*dir, &format!("{prefix}{name}/"), files),
            }
        }
    }

    fn sync_dir(&mut self, dir: usize) -> io::Result<()> {
        self.checked(Call::Sync)?;
        let dir = &mut self.dirs[dir];
        dir.durable = dir.now.clone();
        dir.pending.clear();
        self.changed();
        Ok(())
    }
}

fn error_of(failure: Failure) -> io::Error {
    match failure {
        Failure::Io | Failure::Short => io::Error::from_raw_os_error(5),
        Failure::Full => io::Error::from_raw_os_error(28),
    }
}

#[derive(Debug)]
struct SimDir {
    disk: SimDisk,
    path: PathBuf,
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl Dir for SimDir {
    fn path(&self) -> &Path {
        &self.path
    }

    fn create(&self) -> io::Result<bool> {
        let mut state = self.disk.lock();
        let parent = state.find(self.path.parent().unwrap())?;
        let name = self.path.file_name().unwrap().to_str().unwrap().to_owned();
        if state.dirs[parent].now.contains_key(&name) {
            return Ok(false);
        }
        let dir = state.dirs.len();
        state.dirs.push(Directory::default());
        state.rename(parent, Renaming::Set(name, Node::Dir(dir)));
        Ok(true)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.disk.lock();
        let dir = state.find(&self.path)?;
        Ok(state.dirs[dir].now.keys().cloned().collect())
    }

    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Arc<dyn LogFile>> {
        let mut state = self.disk.lock();
        state.checked(Call::Open)?;
        let dir = state.find(&self.path)?;
        let file = match state.dirs[dir].now.get(name) {
            Some(Node::File(file)) => *file,
            None if mode == OpenMode::Create => {
                let file = state.files.len();
                state.files.push(Inode::default());
                state.rename(dir, Renaming::Set(name.to_owned(), Node::File(file)));
                file
            }
            Some(Node::Dir(_)) | None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Arc::new(SimFile { disk: self.disk.clone(), file }))
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut state = self.disk.lock();
        state.checked(Call::Read)?;
        let dir = state.find(&self.path)?;
        match state.dirs[dir].now.get(name) {
            Some(Node::File(file)) => Ok(Some(state.files[*file].now.clone())),
            Some(Node::Dir(_)) | None => Ok(None),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.checked(Call::Rename)?;
        let dir = state.find(&self.path)?;
        if !state.dirs[dir].now.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.rename(dir, Renaming::Move(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.checked(Call::Remove)?;
        let dir = state.find(&self.path)?;
        if state.dirs[dir].now.contains_key(name) {
            state.rename(dir, Renaming::Remove(name.to_owned()));
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let dir = state.find(&self.path)?;
        state.sync_dir(dir)
    }

    fn sync_parent(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let dir = state.find(self.path.parent().unwrap())?;
        state.sync_dir(dir)
    }

    fn child(&self, name: &str) -> Arc<dyn Dir> {
        self.disk.dir(self.path.join(name))
    }

    fn remove_child(&self, name: &str) -> io::Result<()> {
        self.remove(name)
    }
}

impl LogFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let fault = state.fault(Call::Read);
        if let Some(failure) = fault.filter(|failure| *failure != Failure::Short) {
            return Err(error_of(failure));
        }
        let content = &state.files[self.file].now;
        let from = usize::try_from(position).unwrap().min(content.len());
        let mut count = buffer.len().min(content.len() - from);
        if fault.is_some() {
            count /= 2;
        }
        buffer[..count].copy_from_slice(&content[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, slices: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let at = usize::try_from(position).unwrap();
        let fault = state.fault(Call::Write);
        if fault != Some(Failure::Io) && !bytes.is_empty() {
            let count = if fault.is_some() { bytes.len() / 2 } else { bytes.len() };
            state.files[self.file].write(at, &bytes[..count]);
            state.changed();
        }
        fault.map_or(Ok(()), |failure| Err(error_of(failure)))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let fault = state.fault(Call::Sync);
        state.files[self.file].write_out(fault.is_none());
        state.changed();
        fault.map_or(Ok(()), |failure| Err(error_of(failure)))
    }

    fn forget_clean(&self, from: u64) {
        self.disk.lock().files[self.file].forget_clean(usize::try_from(from).unwrap());
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[self.file].now.len() as u64)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.checked(Call::SetSize)?;
        let file = &mut state.files[self.file];
        let size = usize::try_from(size).unwrap();
        if file.now.len() != size {
            file.now.resize(size, 0);
            file.pending.push(Change::Resize(size));
            state.changed();
        }
        Ok(())
    }

    fn reserve(&self, _size: u64) -> io::Result<()> {
        Ok(())
    }

    fn modified_ms(&self) -> io::Result<i64> {
        Ok(0)
    }

    fn as_file(&self) -> Option<&File> {
        None
    }
}
