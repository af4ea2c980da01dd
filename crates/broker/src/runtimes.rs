//! The runtimes that connections live on, one to a core, and how many of their tasks are woken at
//! once.
//!
//! When another thread wakes a task of a current-thread runtime, tokio writes to the runtime's
//! eventfd, for each task anew. A sync wakes a crowd: it hands the whole list to the runtime that
//! they live on, where one task wakes the others without any system call.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
    task::Waker,
};

use tokio::sync::Notify;

thread_local! {
    static HERE: RefCell<Option<Arc<Home>>> = const { RefCell::new(None) };
}

/// A runtime, to those on other threads who wake its tasks.
#[derive(Debug, Default)]
pub(crate) struct Home {
    woken: Mutex<Vec<Waker>>,
    called: Notify,
}

impl Home {
    /// Makes the calling thread a home, whose runtime is to run [`Self::wake_others`].
    pub(crate) fn settle() -> Arc<Self> {
        let home = Arc::new(Self::default());
        HERE.set(Some(Arc::clone(&home)));
        home
    }

    /// Wakes those that other threads handed over, for ever.
    pub(crate) async fn wake_others(self: Arc<Self>) {
        let mut woken = Vec::new();
        loop {
            self.called.notified().await;
            std::mem::swap(
                &mut woken,
                &mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner),
            );
            woken.drain(..).for_each(Waker::wake);
        }
    }

    fn hand_over(&self, wakers: impl Iterator<Item = Waker>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).extend(wakers);
        self.called.notify_one();
    }
}

/// How a task is woken from anywhere.
#[derive(Debug)]
pub(crate) struct Wake {
    waker: Waker,
    home: Option<Arc<Home>>,
}

impl Wake {
    /// Wakes a task of the calling thread's runtime.
    pub(crate) fn here(waker: &Waker) -> Self {
        Self { waker: waker.clone(), home: HERE.with_borrow(Option::clone) }
    }

    /// Wakes all of them, those of a runtime in their order.
    pub(crate) fn all(mut woken: Vec<Self>) {
        if let [_] = woken.as_slice() {
            // One write in any case: the way by another task would only be longer.
            return woken.drain(..).for_each(|one| one.waker.wake());
        }
        while let Some(first) = woken.first() {
            let home = first.home.clone();
            let is_there = |one: &Self| match (&home, &one.home) {
                (Some(home), Some(other)) => Arc::ptr_eq(home, other),
                (home, other) => home.is_none() && other.is_none(),
            };
            let mut wakers = woken.extract_if(.., |one| is_there(one)).map(|one| one.waker);
            match &home {
                Some(home) => home.hand_over(wakers),
                None => wakers.by_ref().for_each(Waker::wake),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_crowd_on_a_runtime_is_woken_by_another_thread() {
        const CROWD: usize = 100;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        drop(runtime.spawn(Home::settle().wake_others()));
        let (handing, handed) = std::sync::mpsc::channel();
        let waker = std::thread::spawn(move || {
            Wake::all((0..CROWD).map(|_| handed.recv().expect("a task that waits")).collect());
        });
        let waits = (0..CROWD).map(|_| {
            let (handing, mut is_waiting) = (handing.clone(), false);
            runtime.spawn(std::future::poll_fn(move |context| {
                if std::mem::replace(&mut is_waiting, true) {
                    return std::task::Poll::Ready(());
                }
                handing.send(Wake::here(context.waker())).expect("the other thread");
                std::task::Poll::Pending
            }))
        });
        let waits: Vec<_> = waits.collect();
        let all = async {
            for wait in waits {
                wait.await.expect("a task that ends");
            }
        };
        let in_time =
            runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), all).await });
        in_time.expect("everybody is woken");
        waker.join().expect("the other thread");
        HERE.set(None);
    }
}
