//! Which files of segments are open: no more than there may be. Those not used lately are closed,
//! and opened again by whoever needs them.
//!
//! Invariant: beyond the limit a file is open only while somebody reads or writes it. The limit is
//! the process's, as the one of the operating system is.
//! Kafka: keeps the files of every segment open, and maps its indexes.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

static OPEN: OpenFiles =
    OpenFiles { limit: AtomicUsize::new(usize::MAX), listed: Mutex::new(VecDeque::new()) };

/// Limits how many files of segments are open. Without a call to it there is no limit.
pub fn limit_open_files(limit: usize) {
    OPEN.limit.store(limit.max(1), Ordering::Relaxed);
}

/// The files that may be open, in the order in which they are looked at next.
struct OpenFiles {
    limit: AtomicUsize,
    listed: Mutex<VecDeque<Weak<dyn Closable>>>,
}

impl OpenFiles {
    fn is_limited(&self) -> bool {
        self.limit.load(Ordering::Relaxed) < usize::MAX
    }

    /// Lists a file, and closes others if there are too many. One that was used since it was looked
    /// at last is passed over once.
    fn list(&self, file: Weak<dyn Closable>) {
        let limit = self.limit.load(Ordering::Relaxed);
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.push_back(file);
        let mut looks = listed.len().saturating_mul(2);
        while listed.len() > limit && looks > 0 {
            looks -= 1;
            let Some(next) = listed.pop_front() else { break };
            if next.upgrade().is_some_and(|file| !file.close()) {
                listed.push_back(next);
            }
        }
    }
}

/// Something with a file that can be opened again.
trait Closable: Send + Sync {
    /// Closes the file, unless it was used lately or is in use.
    fn close(&self) -> bool;
}

/// What holds a file.
pub(crate) trait HoldsFile: Send {
    /// Closes it.
    fn close_file(&mut self);
}

/// What holds a file, behind a lock.
#[derive(Debug)]
pub(crate) struct Reopenable<T> {
    state: Mutex<T>,
    was_used: AtomicBool,
    is_listed: AtomicBool,
}

impl<T: HoldsFile + fmt::Debug + 'static> Reopenable<T> {
    pub(crate) fn new(state: T) -> Arc<Self> {
        let (was_used, is_listed) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { state: Mutex::new(state), was_used, is_listed })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that the file was opened or used. The lock is held, so nobody closes it meanwhile.
    pub(crate) fn note_use(self: &Arc<Self>) {
        if !OPEN.is_limited() {
            return;
        }
        self.was_used.store(true, Ordering::Relaxed);
        if !self.is_listed.swap(true, Ordering::Relaxed) {
            let this: Arc<dyn Closable> = self.clone();
            OPEN.list(Arc::downgrade(&this));
        }
    }
}

impl<T: HoldsFile> Closable for Reopenable<T> {
    fn close(&self) -> bool {
        if self.was_used.swap(false, Ordering::Relaxed) {
            return false;
        }
        let Ok(mut state) = self.state.try_lock() else { return false };
        state.close_file();
        self.is_listed.store(false, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Held(bool);

    impl HoldsFile for Held {
        fn close_file(&mut self) {
            self.0 = false;
        }
    }

    fn list(open: &OpenFiles, held: &Arc<Reopenable<Held>>) {
        let listed: Arc<dyn Closable> = held.clone();
        open.list(Arc::downgrade(&listed));
    }

    #[test]
    fn the_files_not_used_lately_are_closed() {
        let open = OpenFiles { limit: AtomicUsize::new(2), listed: Mutex::default() };
        let files: Vec<_> = (0..4).map(|_| Reopenable::new(Held(true))).collect();
        list(&open, &files[0]);
        list(&open, &files[1]);
        files[0].was_used.store(true, Ordering::Relaxed);
        list(&open, &files[2]);
        let are_open = || files.iter().map(|file| file.lock().0).collect::<Vec<_>>();
        assert_eq!(are_open(), [true, false, true, true]);
        let in_use = files[2].lock();
        list(&open, &files[3]);
        drop(in_use);
        assert_eq!(are_open(), [false, false, true, true], "one in use stays open");
    }

    #[test]
    fn files_of_what_is_gone_are_forgotten() {
        let open = OpenFiles { limit: AtomicUsize::new(1), listed: Mutex::default() };
        for _ in 0..10 {
            list(&open, &Reopenable::new(Held(true)));
        }
        assert!(open.listed.lock().unwrap().len() <= 1);
    }
}
