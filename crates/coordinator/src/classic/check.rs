//! What always holds of a classic group.

use std::collections::BTreeSet;

use super::{ClassicGroup, GroupState};
use crate::{
    record::GroupMetadata,
    shard::WaiterId,
    timers::{TimerKey, Timers},
};

impl ClassicGroup {
    /// Panics where an invariant does not hold. Collects who waits, and what is timed.
    pub(crate) fn check(
        &self,
        timers: &Timers,
        waiters: &mut Vec<WaiterId>,
        timed: &mut BTreeSet<TimerKey>,
    ) {
        let state = self.state;
        assert!(state != GroupState::Dead, "a group that does not exist is not kept");
        assert!(self.generation_id >= 0, "generations count up from zero");
        assert_eq!(
            self.leader_id.is_some(),
            !self.members.is_empty(),
            "there is a leader exactly when there are members"
        );
        if let Some(leader_id) = &self.leader_id {
            assert!(self.members.contains_key(leader_id), "the leader is a member");
        }
        match state {
            GroupState::Empty => assert!(self.members.is_empty(), "an empty group is empty"),
            GroupState::CompletingRebalance | GroupState::Stable => {
                assert!(!self.members.is_empty(), "a generation has members");
                let name = self.protocol_name.as_ref();
                assert!(name.is_some_and(|name| self.is_supported_by_all(name)));
                assert!(self.protocol_type.is_some(), "a generation has a protocol type");
            }
            GroupState::PreparingRebalance | GroupState::Dead => {}
        }
        let is_preparing = state == GroupState::PreparingRebalance;
        assert_eq!(timers.is_set(&self.join_key()), is_preparing, "a join phase has an end");
        let is_syncing = !self.pending_sync.is_empty();
        assert_eq!(timers.is_set(&self.sync_key()), is_syncing, "a sync phase has an end");
        assert!(
            !is_syncing || matches!(state, GroupState::CompletingRebalance | GroupState::Stable)
        );
        self.check_members(timers, waiters);
        timed.extend(self.members.keys().chain(&self.pending_join).map(|id| self.session_key(id)));
        timed.extend([self.join_key(), self.sync_key()]);
    }

    fn check_members(&self, timers: &Timers, waiters: &mut Vec<WaiterId>) {
        for member_id in &self.pending_join {
            assert!(!self.members.contains_key(member_id), "pending members are no members yet");
            assert!(timers.is_set(&self.session_key(member_id)), "a pending member expires");
        }
        for (member_id, member) in &self.members {
            assert_eq!(member_id, &member.member_id);
            if let Some(instance_id) = &member.group_instance_id {
                assert_eq!(self.static_members.get(instance_id), Some(member_id));
            }
            waiters.extend(member.awaiting_join.map(|parked| parked.waiter));
            waiters.extend(member.awaiting_sync);
            assert!(
                member.is_waiting() || timers.is_set(&self.session_key(member_id)),
                "a member that nothing is owed to expires"
            );
            let is_completing = self.state == GroupState::CompletingRebalance;
            assert!(
                !is_completing
                    || self.pending_sync.contains(member_id) != member.awaiting_sync.is_some(),
                "a member of a new generation has synced or is waited for"
            );
            assert!(is_completing || member.awaiting_sync.is_none(), "syncs wait for the leader");
        }
        let statics = self.members.values().filter(|member| member.group_instance_id.is_some());
        assert_eq!(statics.count(), self.static_members.len(), "instance ids are of members");
        assert!(self.pending_sync.iter().all(|id| self.members.contains_key(id)));
    }

    /// Panics where what is stored of a stable group is not what its members go by.
    pub(crate) fn check_stored(&self, stored: Option<&GroupMetadata>) {
        if self.state != GroupState::Stable {
            return;
        }
        // The record is written before the state changes, with the earlier timestamp.
        let ours = self.snapshot();
        let stored = stored.map(|stored| GroupMetadata {
            current_state_timestamp_ms: ours.current_state_timestamp_ms,
            ..stored.clone()
        });
        assert_eq!(stored, Some(ours), "a stable group is stored as it is");
    }
}
