//! A static member that comes back without its member id.
//!
//! The one that held the instance id before is fenced. In a stable group whose protocol does not
//! change the newcomer takes the place without a rebalance, once the new id is durable.
//!
//! Kafka: `GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin`,
//! `ClassicGroup.replaceStaticMember`.

use ottla_types::ErrorCode;
use ottla_wire::{Str, join_group_response::JoinGroupResponse};

use super::{ClassicGroup, GroupState, Joiner, Step, member::Parked};
use crate::{
    record::GroupRecord,
    shard::{Cause, GroupChange, Replacement, Then},
};

impl ClassicGroup {
    pub(super) fn replace_static_member(
        &mut self,
        step: &mut Step<'_>,
        joiner: &Joiner<'_>,
        old_member_id: Str,
    ) {
        step.cause = Some(Cause::StaticMemberReplaced);
        let new_member_id = joiner.new_member_id.clone();
        let old_leader_id = self.leader_id.clone();
        self.rename_member(step, &old_member_id, &new_member_id);
        let Some(member) = self.members.get_mut(&new_member_id) else { return };
        let old_terms = std::mem::replace(&mut member.terms, joiner.terms.clone());
        member.awaiting_join = Some(joiner.parked);
        let group_instance_id = member.group_instance_id.clone().unwrap_or_default();
        self.reset_session(step, &new_member_id);
        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol_name => {
                let value = Some(self.snapshot());
                let group_id = self.group_id.clone();
                step.store(GroupRecord::Group { group_id: group_id.clone(), value });
                let replacement = Box::new(Replacement {
                    waiter: joiner.parked.waiter,
                    version: joiner.parked.version,
                    group_instance_id,
                    old_member_id,
                    new_member_id,
                    old_terms,
                    old_leader_id,
                });
                step.then(Then::StaticMemberReplaced { group_id, replacement });
            }
            // The leader may already be assigning to the old id: it has to begin anew.
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(step),
            GroupState::PreparingRebalance | GroupState::Empty | GroupState::Dead => {
                self.prepare_rebalance_or_complete_join(step);
            }
        }
    }

    /// The new id is durable: the newcomer goes on where the old member was.
    pub(crate) fn static_member_stored(&mut self, step: &mut Step<'_>, done: &Replacement) {
        let parked = Parked { waiter: done.waiter, version: done.version };
        let Some(member) = self.members.get_mut(&done.new_member_id) else { return };
        if member.awaiting_join != Some(parked) {
            return;
        }
        member.awaiting_join = None;
        self.reset_session(step, &done.new_member_id);
        let mut response = self.generation_for(&done.new_member_id);
        if done.version >= 9 {
            response.skip_assignment = self.is_leader(&done.new_member_id);
        } else {
            // Older clients cannot be told to lead without assigning: they are told of a leader
            // that is not them, so they follow.
            response.leader = done.old_leader_id.clone().unwrap_or_default();
            response.members.clear();
        }
        step.answer_join(parked, response);
    }

    /// The new id is lost: the old member is back in its place.
    pub(crate) fn static_member_failed(
        &mut self,
        step: &mut Step<'_>,
        undone: Replacement,
        code: ErrorCode,
    ) {
        let parked = Parked { waiter: undone.waiter, version: undone.version };
        let holder = self.static_members.get(&undone.group_instance_id);
        if holder != Some(&undone.new_member_id) {
            return;
        }
        let Some(member) = self.members.get_mut(&undone.new_member_id) else { return };
        member.terms = undone.old_terms;
        let is_waiting = member.awaiting_join == Some(parked);
        if is_waiting {
            member.awaiting_join = None;
        }
        self.rename_member(step, &undone.new_member_id, &undone.old_member_id);
        self.reset_session(step, &undone.old_member_id);
        if is_waiting {
            let response = JoinGroupResponse {
                error_code: code.code(),
                generation_id: self.generation_id,
                protocol_type: self.protocol_type.clone(),
                protocol_name: self.protocol_name.clone(),
                leader: undone.old_leader_id.unwrap_or_default(),
                ..Default::default()
            };
            step.answer_join(parked, response);
        }
    }

    /// Gives a member another id. Whoever waits under the old one is fenced.
    fn rename_member(&mut self, step: &mut Step<'_>, old_member_id: &Str, new_member_id: &Str) {
        let Some(mut member) = self.members.remove(old_member_id) else { return };
        step.timers.cancel(&self.session_key(old_member_id));
        if let Some(parked) = member.awaiting_join.take() {
            step.refuse_join(parked, old_member_id, ErrorCode::FencedInstanceId);
        }
        if let Some(waiter) = member.awaiting_sync.take() {
            step.refuse_sync(waiter, ErrorCode::FencedInstanceId);
        }
        member.is_new = false;
        let before = self.member_look(&member);
        member.member_id = new_member_id.clone();
        if let Some(instance_id) = &member.group_instance_id {
            self.static_members.insert(instance_id.clone(), new_member_id.clone());
        }
        if self.is_leader(old_member_id) {
            self.leader_id = Some(new_member_id.clone());
        }
        // The newcomer syncs in place of the old member.
        if self.pending_sync.remove(old_member_id) {
            self.pending_sync.insert(new_member_id.clone());
        }
        let after = self.member_look(&member);
        let renamed = GroupChange::Renamed { before: Box::new(before), after: Box::new(after) };
        step.note(self.note(renamed));
        self.members.insert(new_member_id.clone(), member);
    }
}
