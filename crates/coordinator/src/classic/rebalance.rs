//! The join phase: how it begins, who is waited for, and how it ends.
//!
//! Kafka: `GroupMetadataManager.prepareRebalance`, `completeClassicGroupJoin`,
//! `tryCompleteInitialRebalanceElseSchedule`, `expireClassicGroupMemberHeartbeat`.

use std::collections::BTreeMap;

use ottla_types::ErrorCode;
use ottla_wire::Str;

use super::{ClassicGroup, GroupState, Step};
use crate::{
    java,
    record::GroupRecord,
    shard::{Cause, GroupChange, GroupNote},
};

/// How the current or next join phase goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum JoinPhase {
    /// It ends as soon as all members have joined.
    #[default]
    Rejoin,
    /// The group was empty: it lasts for a while, longer when members keep coming.
    Initial { delay_ms: i64, remaining_ms: i64, has_new_member: bool },
}

impl ClassicGroup {
    pub(super) fn transition(&mut self, step: &mut Step<'_>, state: GroupState) {
        let change = GroupChange::State { from: self.state, to: state, cause: step.cause };
        step.note(self.note(change));
        self.state = state;
        self.current_state_timestamp_ms = Some(step.now_ms);
    }

    /// A note about this group.
    pub(super) fn note(&self, change: GroupChange) -> GroupNote {
        GroupNote { group_id: self.group_id.clone(), generation_id: self.generation_id, change }
    }

    /// Notes that somebody new came, which makes an initial join phase longer.
    pub(super) fn note_new_member(&mut self) {
        if self.state == GroupState::PreparingRebalance
            && let JoinPhase::Initial { has_new_member, .. } = &mut self.join_phase
        {
            *has_new_member = true;
        }
    }

    /// Sets out after the group was loaded.
    pub(crate) fn resume(&mut self, step: &mut Step<'_>) {
        let member_ids = self.members.keys().cloned().collect::<Vec<_>>();
        for member_id in &member_ids {
            self.reset_session(step, member_id);
        }
        let size_max = usize::try_from(step.config.group_size_max).unwrap_or(0);
        if self.members.len() > size_max {
            step.cause = Some(Cause::Loaded);
            // The limit was lowered. A rebalance lets the members commit before some have to go.
            self.prepare_rebalance(step);
        }
    }

    /// Gives a member its session timeout from now on.
    pub(crate) fn reset_session(&self, step: &mut Step<'_>, member_id: &Str) {
        if let Some(member) = self.members.get(member_id) {
            let deadline_ms = step.after(member.terms.session_timeout_ms.into());
            step.timers.set(self.session_key(member_id), deadline_ms);
        }
    }

    pub(super) fn prepare_rebalance_or_complete_join(&mut self, step: &mut Step<'_>) {
        if self.state == GroupState::PreparingRebalance {
            if self.join_phase == JoinPhase::Rejoin && self.has_all_joined() {
                self.complete_join(step);
            }
        } else {
            self.prepare_rebalance(step);
        }
    }

    pub(super) fn prepare_rebalance(&mut self, step: &mut Step<'_>) {
        if self.state == GroupState::CompletingRebalance {
            self.refuse_assignment(step, ErrorCode::RebalanceInProgress);
        }
        self.pending_sync.clear();
        step.timers.cancel(&self.sync_key());
        let was_empty = self.state == GroupState::Empty;
        self.transition(step, GroupState::PreparingRebalance);
        if was_empty {
            let delay_ms = i64::from(step.config.initial_rebalance_delay_ms.max(0));
            let remaining_ms = (self.rebalance_timeout_ms() - delay_ms).max(0);
            self.join_phase = JoinPhase::Initial { delay_ms, remaining_ms, has_new_member: false };
            if delay_ms == 0 {
                self.complete_join(step);
            } else {
                step.timers.set(self.join_key(), step.after(delay_ms));
            }
        } else {
            self.join_phase = JoinPhase::Rejoin;
            if self.has_all_joined() {
                self.complete_join(step);
            } else {
                self.schedule_join(step);
            }
        }
    }

    fn schedule_join(&self, step: &mut Step<'_>) {
        let deadline_ms = step.after(self.rebalance_timeout_ms());
        step.timers.set(self.join_key(), deadline_ms);
    }

    /// The time of the join phase is up.
    pub(crate) fn expire_join(&mut self, step: &mut Step<'_>) {
        step.cause = Some(Cause::PollInterval);
        let delay_max_ms = i64::from(step.config.initial_rebalance_delay_ms.max(0));
        match &mut self.join_phase {
            JoinPhase::Initial { delay_ms, remaining_ms, has_new_member }
                if *has_new_member && *remaining_ms > 0 =>
            {
                let next_ms = delay_max_ms.min(*remaining_ms);
                *remaining_ms = (*remaining_ms - *delay_ms).max(0);
                *delay_ms = next_ms;
                *has_new_member = false;
                step.timers.set(self.join_key(), step.after(next_ms));
            }
            JoinPhase::Initial { .. } | JoinPhase::Rejoin => self.complete_join(step),
        }
    }

    /// Ends the join phase: who has not joined is out, unless it is static.
    pub(super) fn complete_join(&mut self, step: &mut Step<'_>) {
        step.timers.cancel(&self.join_key());
        let silent = self
            .members
            .values()
            .filter(|member| member.awaiting_join.is_none() && member.group_instance_id.is_none())
            .map(|member| member.member_id.clone())
            .collect::<Vec<_>>();
        for member_id in &silent {
            self.remove(step, member_id);
        }
        if self.members.is_empty() {
            self.become_empty(step);
        } else if self.elect_joined_leader() {
            self.begin_generation(step);
        } else {
            // Only silent static members are left. They have until their sessions expire.
            self.join_phase = JoinPhase::Rejoin;
            self.schedule_join(step);
        }
    }

    /// Whether there is a leader that has joined.
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |group: &Self, member_id: &Str| {
            group.members.get(member_id).is_some_and(|member| member.awaiting_join.is_some())
        };
        if self.leader_id.as_ref().is_some_and(|leader_id| has_joined(self, leader_id)) {
            return true;
        }
        let joined = self.members.keys().find(|member_id| has_joined(self, member_id)).cloned();
        match joined {
            Some(member_id) => {
                self.leader_id = Some(member_id);
                true
            }
            None => false,
        }
    }

    fn next_generation(&mut self) {
        self.generation_id = self.generation_id.checked_add(1).unwrap_or(0);
        self.join_phase = JoinPhase::Rejoin;
        self.pending_sync.clear();
        self.storing = None;
    }

    fn become_empty(&mut self, step: &mut Step<'_>) {
        self.next_generation();
        self.leader_id = None;
        self.protocol_name = None;
        self.compute_subscribed_topics();
        self.transition(step, GroupState::Empty);
        let value = Some(self.snapshot());
        step.store(GroupRecord::Group { group_id: self.group_id.clone(), value });
    }

    fn begin_generation(&mut self, step: &mut Step<'_>) {
        self.next_generation();
        self.protocol_name = self.select_protocol();
        self.compute_subscribed_topics();
        // What happened last is that everybody had joined: nobody is to blame for it.
        step.cause = None;
        self.transition(step, GroupState::CompletingRebalance);
        let member_ids = self.members.keys().cloned().collect::<Vec<_>>();
        for member_id in &member_ids {
            let response = self.generation_for(member_id);
            if let Some(member) = self.members.get_mut(member_id) {
                member.is_new = false;
                if let Some(parked) = member.awaiting_join.take() {
                    step.answer_join(parked, response);
                }
            }
            self.reset_session(step, member_id);
        }
        self.pending_sync.extend(member_ids);
        let deadline_ms = step.after(self.rebalance_timeout_ms());
        step.timers.set(self.sync_key(), deadline_ms);
    }

    /// The protocol that most members prefer among those that all support. Between equals decides
    /// the order in which Java lists them, as it does in Kafka.
    pub(super) fn select_protocol(&self) -> Option<Str> {
        let mut votes = BTreeMap::<&Str, usize>::new();
        for member in self.members.values() {
            let mut names = member.terms.protocols.iter().map(|(name, _)| name);
            if let Some(name) = names.find(|name| self.is_supported_by_all(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        votes
            .into_iter()
            .min_by_key(|(name, count)| (usize::MAX - count, java::hash_map_slot(name)))
            .map(|(name, _)| name.clone())
    }

    /// Takes a member out. A request of it that is parked is answered: it is no member any more.
    pub(super) fn remove(&mut self, step: &mut Step<'_>, member_id: &Str) {
        if let Some(member) = self.members.remove(member_id) {
            let cause = step.cause.unwrap_or(Cause::PollInterval);
            let look = self.member_look(&member);
            step.note(self.note(GroupChange::Left { member: look, cause }));
            if let Some(instance_id) = &member.group_instance_id {
                self.static_members.remove(instance_id);
            }
            if let Some(parked) = member.awaiting_join {
                step.refuse_join(parked, &Str::default(), ErrorCode::UnknownMemberId);
            }
            if let Some(waiter) = member.awaiting_sync {
                step.refuse_sync(waiter, ErrorCode::UnknownMemberId);
            }
        }
        if self.is_leader(member_id) {
            self.leader_id = self.members.keys().next().cloned();
        }
        self.pending_join.remove(member_id);
        self.pending_sync.remove(member_id);
        step.timers.cancel(&self.session_key(member_id));
    }

    /// A member, or one that was only given its id, was not heard of for its session timeout.
    pub(crate) fn expire_session(&mut self, step: &mut Step<'_>, member_id: &Str) {
        step.cause = Some(Cause::SessionTimeout);
        match self.members.get(member_id) {
            // Its reply is what it waits for. It gets a new deadline with it.
            Some(member) if member.is_waiting() => return,
            Some(_) => self.remove(step, member_id),
            None if self.pending_join.contains(member_id) => {
                self.remove(step, member_id);
                if self.state != GroupState::PreparingRebalance {
                    return;
                }
            }
            None => return,
        }
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(step),
            GroupState::PreparingRebalance if self.has_all_joined() => self.complete_join(step),
            GroupState::PreparingRebalance | GroupState::Empty | GroupState::Dead => {}
        }
    }
}
