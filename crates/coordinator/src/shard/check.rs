//! What always holds of a shard.

use std::collections::BTreeSet;

use super::{GroupShard, Then};
use crate::{AppendToken, hard_state::Versioned, timers::TimerKey};

impl GroupShard {
    /// Panics where an invariant does not hold:
    /// - each group's: states, leader, static members, deadlines, who waits;
    /// - no request waits twice, and no deadline is of something that is gone;
    /// - what is staged belongs to a pending append;
    /// - a stable group that nothing is pending for is stored as it is.
    pub fn check(&self) {
        self.hard.check();
        let mut waiters = Vec::new();
        let mut timed = BTreeSet::from([TimerKey::Expiry]);
        for (group_id, group) in &self.groups {
            assert_eq!(group_id, group.group_id());
            group.check(&self.timers, &mut waiters, &mut timed);
            let is_pending = |key: &crate::hard_state::StagedKey| key.group_id() == group_id;
            if !self.appends.values().any(|pending| pending.keys.iter().any(is_pending)) {
                group.check_stored(self.hard.group(group_id).and_then(Versioned::committed));
            }
        }
        for then in self.appends.values().flat_map(|pending| &pending.then) {
            match then {
                Then::Answer { waiter, .. } | Then::Fetch { waiter, .. } => waiters.push(*waiter),
                Then::GroupCreated { .. }
                | Then::SimpleGroupCreated { .. }
                | Then::GroupRemoved { .. }
                | Then::AssignmentStored { .. }
                | Then::StaticMemberReplaced { .. } => {}
            }
        }
        let count = waiters.len();
        waiters.sort_unstable();
        waiters.dedup();
        assert_eq!(waiters.len(), count, "a request waits in two places");
        for key in self.timers.keys() {
            assert!(timed.contains(key), "a deadline of something that is gone: {key:?}");
        }
        let is_known = |token: AppendToken| self.appends.contains_key(&token);
        let groups = self.hard.groups().flat_map(|(_, entry)| entry.staged());
        let offsets = self.hard.offset_groups().flat_map(|(_, topics)| topics.values());
        let offsets = offsets.flat_map(|partitions| partitions.values());
        let staged = groups.chain(offsets.flat_map(Versioned::staged));
        let staged = staged.chain(self.hard.staged_transactional());
        assert!(staged.into_iter().all(is_known), "something is staged for no append");
        assert!(self.appends.keys().all(|token| token.0 < self.next_token));
    }
}
