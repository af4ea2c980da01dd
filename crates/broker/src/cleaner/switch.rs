//! Keeps the cleaner of a partition and those who take its files away out of each other's way.
//!
//! Lock order: nothing is locked while one waits here but what the cleaner never takes; the
//! partition's own lock is taken afterwards.
//! Kafka: `LogCleanerManager.abortAndPauseCleaning`, `resumeCleaning`.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ottla_log::Interrupted;

/// Whether a partition may be cleaned, and is.
#[derive(Debug, Default)]
pub(crate) struct CleaningSwitch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_cleaning: bool,
    /// How many want that nobody cleans.
    held: u32,
}

/// Nobody cleans the partition while this lives.
#[derive(Debug)]
pub(crate) struct Held<'a>(&'a CleaningSwitch);

/// The partition is cleaned while this lives.
#[derive(Debug)]
pub(crate) struct Cleans<'a>(&'a CleaningSwitch);

impl CleaningSwitch {
    /// Stops the cleaner, if one is at work, and keeps others off.
    pub(crate) fn hold(&self) -> Held<'_> {
        let mut state = self.lock();
        state.held += 1;
        self.changed.notify_all();
        while state.is_cleaning {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Held(self)
    }

    /// Stops the cleaner, without waiting for it, and keeps others off until [`Self::release`].
    pub(crate) fn turn_off(&self) {
        self.lock().held += 1;
        self.changed.notify_all();
    }

    /// Takes back one [`Self::turn_off`].
    pub(crate) fn release(&self) {
        self.lock().held -= 1;
    }

    /// Whether somebody wants that nobody cleans.
    pub(super) fn is_held(&self) -> bool {
        self.lock().held > 0
    }

    /// Begins to clean, unless somebody is at it or wants nobody to be.
    pub(super) fn begin(&self) -> Option<Cleans<'_>> {
        let mut state = self.lock();
        if state.is_cleaning || state.held > 0 {
            return None;
        }
        state.is_cleaning = true;
        Some(Cleans(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cleans<'_> {
    /// Waits so long, or until somebody wants the cleaner to stop.
    pub(super) fn rest(&self, duration: Duration) -> Result<(), Interrupted> {
        let state = self.0.lock();
        let waited = self.0.changed.wait_timeout_while(state, duration, |state| state.held == 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.held > 0 { Err(Interrupted) } else { Ok(()) }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Drop for Cleans<'_> {
    fn drop(&mut self) {
        self.0.lock().is_cleaning = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_takes_files_away_stops_the_cleaner_and_waits_for_it() {
        let switch = CleaningSwitch::default();
        let cleans = switch.begin().unwrap();
        assert!(switch.begin().is_none());
        assert_eq!(cleans.rest(Duration::ZERO), Ok(()));
        std::thread::scope(|scope| {
            let holder = scope.spawn(|| drop(switch.hold()));
            // Ends as soon as the other thread wants it to.
            assert_eq!(cleans.rest(Duration::from_mins(1)), Err(Interrupted));
            assert!(!holder.is_finished());
            drop(cleans);
        });
        let held = switch.hold();
        assert!(switch.begin().is_none());
        drop(held);
        assert!(switch.begin().is_some());
        switch.turn_off();
        assert!(switch.begin().is_none());
    }
}
