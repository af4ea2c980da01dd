//! Whether a sync is worth a moment's wait, so that it answers more.
//!
//! Those whom the last sync answered are about to come back. A sync that begins at once takes the
//! first of them and lets the others wait for the next; one that lets ready threads run before
//! takes most of them. It costs nothing on an idle core, and where something else keeps the cores
//! busy a time slice; to leave it for a while after long waits was tried and gains nothing even
//! then. Others wait for a fixed time (PostgreSQL: `commit_delay`), which somebody has to choose.

/// Parts of one in the average.
const UNIT: usize = 16;

/// More than so many must wait for a sync, on the average, in parts of one.
const CROWD: usize = 2 * UNIT;

/// How many wait for the syncs of one thread of the flusher.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// On the average of the last ones, older ones counting less, in parts of one.
    waiting: usize,
}

impl Crowd {
    /// Before a sync: lets those run who have something to append, if there is a crowd.
    pub(super) fn gather(&self) {
        if self.waiting > CROWD {
            std::thread::yield_now();
        }
    }

    /// After it: so many waited for it.
    pub(super) fn answered(&mut self, count: usize) {
        self.waiting = (self.waiting * 7 + count * UNIT) / 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(count: usize) -> Crowd {
        let mut crowd = Crowd::default();
        (0..100).for_each(|_| crowd.answered(count));
        crowd
    }

    #[test]
    fn only_a_crowd_is_waited_for() {
        assert!(after(1).waiting <= CROWD);
        assert!(after(3).waiting > CROWD);
    }
}
