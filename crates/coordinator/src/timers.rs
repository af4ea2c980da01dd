//! Deadlines by what they are for, and the earliest of them.
//!
//! Invariant: both maps hold the same deadlines.

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::Str;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    /// A member, or one that was only given its id, must be heard of.
    Session { group_id: Str, member_id: Str },
    /// The join phase of a group ends.
    Join { group_id: Str },
    /// Every member of a group must have asked for its assignment.
    Sync { group_id: Str },
    /// Offsets are looked through for what has expired.
    Expiry,
}

/// All deadlines of a shard.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_key: BTreeMap<TimerKey, i64>,
    by_deadline: BTreeSet<(i64, TimerKey)>,
}

impl Timers {
    /// Sets a deadline in milliseconds, in place of the one there was.
    pub(crate) fn set(&mut self, key: TimerKey, deadline_ms: i64) {
        if let Some(previous) = self.by_key.insert(key.clone(), deadline_ms) {
            self.by_deadline.remove(&(previous, key.clone()));
        }
        self.by_deadline.insert((deadline_ms, key));
    }

    pub(crate) fn cancel(&mut self, key: &TimerKey) {
        if let Some(deadline_ms) = self.by_key.remove(key) {
            self.by_deadline.remove(&(deadline_ms, key.clone()));
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<i64> {
        self.by_deadline.first().map(|(deadline_ms, _)| *deadline_ms)
    }

    /// Takes the earliest deadline that is not after `now_ms`.
    pub(crate) fn pop_due(&mut self, now_ms: i64) -> Option<TimerKey> {
        if self.next_deadline()? > now_ms {
            return None;
        }
        let (_, key) = self.by_deadline.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    pub(crate) fn is_set(&self, key: &TimerKey) -> bool {
        self.by_key.contains_key(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &TimerKey> {
        self.by_key.keys()
    }

    pub(crate) fn clear(&mut self) {
        self.by_key.clear();
        self.by_deadline.clear();
    }
}
