//! Whether a sync is worth a moment's wait, so that it answers more.
//!
//! Those whom the last sync answered are about to come back. A sync that begins at once takes the
//! first of them and lets the others wait for the next; one that lets ready threads run before takes
//! most of them. It costs nothing on an idle core. Where something else keeps the cores busy it
//! costs a time slice, and is not done for a while: with 100 connections a thread gets its core back
//! after 0.7 ms, and a sync takes as long; beside two endless loops it takes 1.8 and 0.8 ms. Others
//! wait for a fixed time (PostgreSQL: `commit_delay`), which somebody has to choose.

use std::time::{Duration, Instant};

/// Parts of one in the average.
const UNIT: usize = 16;

/// More than so many must wait for a sync, on the average, in parts of one.
const CROWD: usize = 2 * UNIT;

/// So many syncs begin at once after waits that were too long.
const PAUSE: u32 = 64;

/// What one thread of the flusher knows of those who wait for its syncs. The averages are of the
/// last ones, older ones counting less.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// How many waited for a sync, in parts of one.
    waiting: usize,
    /// How long it let others run, where it did.
    yielding: Duration,
    syncing: Duration,
    pause: u32,
}

impl Crowd {
    /// Before a sync: lets those run who have something to append, if that seems to pay.
    pub(super) fn gather(&mut self) {
        if self.pause > 0 {
            self.pause -= 1;
        } else if self.waiting > CROWD {
            let began = Instant::now();
            std::thread::yield_now();
            self.waited(began.elapsed());
        }
    }

    fn waited(&mut self, took: Duration) {
        self.yielding = (self.yielding * 15 + took) / 16;
        if self.yielding > self.syncing * 3 / 2 {
            self.pause = PAUSE;
            self.yielding = self.syncing;
        }
    }

    /// After it: so many waited for it, and it took so long.
    pub(super) fn answered(&mut self, count: usize, took: Duration) {
        self.waiting = (self.waiting * 7 + count * UNIT) / 8;
        self.syncing = (self.syncing * 15 + took) / 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_micros(700);

    fn after(count: usize) -> Crowd {
        let mut crowd = Crowd::default();
        (0..100).for_each(|_| crowd.answered(count, SYNC));
        crowd
    }

    #[test]
    fn only_a_crowd_is_waited_for() {
        assert!(after(1).waiting <= CROWD);
        assert!(after(3).waiting > CROWD);
    }

    #[test]
    fn syncs_begin_at_once_while_others_need_the_cores() {
        let mut crowd = after(10);
        (0..100).for_each(|_| crowd.waited(SYNC));
        assert_eq!(crowd.pause, 0);
        let waits = (0..100).position(|_| {
            crowd.waited(SYNC * 3);
            crowd.pause > 0
        });
        assert!(waits.is_some_and(|waits| waits < 10));
        // Then it is tried again.
        for left in (0..PAUSE).rev() {
            crowd.gather();
            assert_eq!(crowd.pause, left);
        }
        assert!(crowd.yielding <= crowd.syncing);
    }
}
