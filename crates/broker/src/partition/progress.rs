//! How far a partition has come, for those who wait for it.
//!
//! Whoever waits is woken once, when what it waits for is there, in the order of coming, so that a
//! run can be repeated; a `tokio::sync::watch` wakes in any order, and a `Notify` wakes also those
//! whose turn is later. Kafka: `DelayedProduce`, `DelayedOperationPurgatory`.

use std::{
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use ottla_types::{ErrorCode, Offset};

use super::WaitFor;
use crate::runtimes::Wake;

/// The offsets that are waited for, and who waits.
#[derive(Debug)]
pub(super) struct Progress {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    acknowledged: Line,
    durable: Line,
    /// The disk failed: nothing more will become durable.
    has_failed: bool,
    next_ticket: u64,
}

/// Those who wait for one of the offsets.
#[derive(Debug)]
struct Line {
    /// Exclusive: what lies before is as it was asked for.
    reached: Offset,
    waiters: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    /// Inclusive.
    last_offset: Offset,
    wake: Wake,
}

impl Line {
    fn new(reached: Offset) -> Self {
        Self { reached, waiters: Vec::new() }
    }

    /// Takes out those who wait for something before `offset`.
    fn reach(&mut self, offset: Offset) -> Vec<Wake> {
        self.reached = offset;
        self.waiters.extract_if(.., |one| one.last_offset < offset).map(|one| one.wake).collect()
    }

    fn leave(&mut self) -> Vec<Wake> {
        self.waiters.drain(..).map(|one| one.wake).collect()
    }
}

impl State {
    fn line(&mut self, what: WaitFor) -> &mut Line {
        match what {
            WaitFor::Acknowledged => &mut self.acknowledged,
            WaitFor::Durable => &mut self.durable,
        }
    }
}

impl Progress {
    /// Both offsets are exclusive.
    pub(super) fn new(acknowledged: Offset, durable: Offset) -> Self {
        let (acknowledged, durable) = (Line::new(acknowledged), Line::new(durable));
        let state = State { acknowledged, durable, has_failed: false, next_ticket: 0 };
        Self { state: Mutex::new(state) }
    }

    /// What lies before this offset is as it was asked for. Says how many waited for that.
    pub(super) fn reach(&self, what: WaitFor, offset: Offset) -> usize {
        let woken = self.lock().line(what).reach(offset);
        let count = woken.len();
        Wake::all(woken);
        count
    }

    /// Nothing more will become durable.
    pub(super) fn fail(&self) {
        let mut state = self.lock();
        state.has_failed = true;
        let mut woken = state.acknowledged.leave();
        woken.append(&mut state.durable.leave());
        drop(state);
        Wake::all(woken);
    }

    /// Ends once everything up to `last_offset` (inclusive) is what was waited for, or never will
    /// be.
    pub(super) fn wait(&self, last_offset: Offset, what: WaitFor) -> Waiting<'_> {
        Waiting { progress: self, last_offset, what, ticket: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    progress: &'a Progress,
    last_offset: Offset,
    what: WaitFor,
    /// Its place in the line, once it stands there.
    ticket: Option<u64>,
}

impl Future for Waiting<'_> {
    type Output = Result<(), ErrorCode>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (what, last_offset) = (self.what, self.last_offset);
        let mut state = self.progress.lock();
        if state.line(what).reached > last_offset {
            return Poll::Ready(Ok(()));
        }
        if state.has_failed {
            return Poll::Ready(Err(ErrorCode::KafkaStorageError));
        }
        let wake = Wake::here(context.waker());
        let ticket = self.ticket;
        let mut waiters = state.line(what).waiters.iter_mut();
        if let Some(waiter) = waiters.find(|one| Some(one.ticket) == ticket) {
            waiter.wake = wake;
        } else {
            // Also where it was woken and the offset has gone back before it came to look.
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.line(what).waiters.push(Waiter { ticket, last_offset, wake });
            drop(state);
            self.ticket = Some(ticket);
        }
        Poll::Pending
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.progress.lock().line(self.what).waiters.retain(|one| one.ticket != ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls what waits; whether it ended, and how.
    fn poll(waiting: Pin<&mut Waiting<'_>>, woken: &Arc<Woken>) -> Option<Result<(), ErrorCode>> {
        let waker = Arc::clone(woken).into();
        match waiting.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    #[test]
    fn only_those_are_woken_whose_offset_is_reached() {
        let progress = Progress::new(Offset(0), Offset(0));
        let (early, late) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let mut first = pin!(progress.wait(Offset(4), WaitFor::Acknowledged));
        let mut second = pin!(progress.wait(Offset(9), WaitFor::Acknowledged));
        assert_eq!((poll(first.as_mut(), &early), poll(second.as_mut(), &late)), (None, None));
        assert_eq!(progress.reach(WaitFor::Durable, Offset(10)), 0, "not what they wait for");
        assert_eq!(progress.reach(WaitFor::Acknowledged, Offset(4)), 0, "exclusive");
        assert_eq!(progress.reach(WaitFor::Acknowledged, Offset(5)), 1);
        assert_eq!((early.0.load(Ordering::Relaxed), late.0.load(Ordering::Relaxed)), (1, 0));
        assert_eq!(poll(first, &early), Some(Ok(())));
        assert_eq!(progress.reach(WaitFor::Acknowledged, Offset(10)), 1);
        assert_eq!(poll(second, &late), Some(Ok(())));
    }

    #[test]
    fn who_polls_again_waits_once_and_who_gives_up_not_at_all() {
        let progress = Progress::new(Offset(0), Offset(0));
        let (before, now) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        {
            let mut waiting = pin!(progress.wait(Offset(0), WaitFor::Durable));
            assert_eq!(poll(waiting.as_mut(), &before), None);
            assert_eq!(poll(waiting.as_mut(), &now), None);
            let mut other = Box::pin(progress.wait(Offset(0), WaitFor::Durable));
            assert_eq!(poll(other.as_mut(), &before), None);
            drop(other);
            assert_eq!(progress.reach(WaitFor::Durable, Offset(1)), 1);
        }
        assert_eq!((before.0.load(Ordering::Relaxed), now.0.load(Ordering::Relaxed)), (0, 1));
        assert_eq!(progress.reach(WaitFor::Durable, Offset(2)), 0);
    }

    #[test]
    fn who_finds_the_offset_gone_back_waits_again() {
        let progress = Progress::new(Offset(0), Offset(0));
        let woken = Arc::new(Woken::default());
        let mut waiting = pin!(progress.wait(Offset(4), WaitFor::Acknowledged));
        assert_eq!(poll(waiting.as_mut(), &woken), None);
        assert_eq!(progress.reach(WaitFor::Acknowledged, Offset(5)), 1);
        assert_eq!(progress.reach(WaitFor::Acknowledged, Offset(3)), 0);
        assert_eq!(poll(waiting.as_mut(), &woken), None);
        assert_eq!(progress.reach(WaitFor::Acknowledged, Offset(5)), 1);
        assert_eq!(poll(waiting, &woken), Some(Ok(())));
    }

    #[test]
    fn a_disk_that_fails_ends_all_waiting() {
        let progress = Progress::new(Offset(0), Offset(0));
        let woken = Arc::new(Woken::default());
        let mut acknowledged = pin!(progress.wait(Offset(0), WaitFor::Acknowledged));
        let mut durable = pin!(progress.wait(Offset(0), WaitFor::Durable));
        assert_eq!(
            (poll(acknowledged.as_mut(), &woken), poll(durable.as_mut(), &woken)),
            (None, None)
        );
        progress.fail();
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
        let failed = Some(Err(ErrorCode::KafkaStorageError));
        assert_eq!((poll(acknowledged, &woken), poll(durable, &woken)), (failed, failed));
    }
}
