//! Who is to be woken when a partition moves: fetches that wait for records.
//!
//! A waiter registers before it looks at the log and deregisters when it is dropped, so no append
//! falls between looking and waiting, and an idle partition keeps nothing.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The waiters of one partition.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    list: Mutex<Vec<Arc<Notify>>>,
}

/// A place in the list of one partition; dropping it leaves the list.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    waiters: &'a Waiters,
    notify: Arc<Notify>,
}

impl Waiters {
    /// Registers `notify` until the result is dropped.
    pub(crate) fn register(&self, notify: &Arc<Notify>) -> Waiting<'_> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(notify));
        Waiting { waiters: self, notify: Arc::clone(notify) }
    }

    /// Wakes everyone who is registered.
    pub(crate) fn wake(&self) {
        for notify in &*self.list.lock().unwrap_or_else(PoisonError::into_inner) {
            notify.notify_one();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut list = self.waiters.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = list.iter().position(|notify| Arc::ptr_eq(notify, &self.notify)) {
            list.swap_remove(place);
        }
    }
}
