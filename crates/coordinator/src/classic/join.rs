//! `JoinGroup`.
//!
//! Differs from Kafka: when a member sends a second `JoinGroup` while its first waits, the first is
//! answered with `REBALANCE_IN_PROGRESS` where Kafka forgets it.
//!
//! Kafka: `GroupMetadataManager.classicGroupJoinToClassicGroup` and what it calls.

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol},
    join_group_response::{JoinGroupResponse, JoinGroupResponseMember},
};

use super::{
    ClassicGroup, GroupState, Step,
    member::{Member, MemberTerms, Parked},
};
use crate::shard::{Call, Cause, GroupChange, detached, new_member_id};

/// A `JoinGroup` with its names made to last.
#[derive(Debug)]
pub(crate) struct Joiner<'a> {
    pub(super) parked: Parked,
    pub(super) request: &'a JoinGroupRequest,
    pub(super) terms: MemberTerms,
    pub(super) client_id: &'a str,
    pub(super) client_host: &'a str,
    /// The id to be given, should one be needed.
    pub(super) new_member_id: Str,
}

impl<'a> Joiner<'a> {
    pub(crate) fn new(call: &Call<'a>, request: &'a JoinGroupRequest, uuid: &str) -> Self {
        let mut names = BTreeSet::new();
        let unique = request.protocols.iter().filter(|protocol| names.insert(&protocol.name));
        let protocols = unique.map(|JoinGroupRequestProtocol { name, metadata }| {
            (name.detached(), Bytes::copy_from_slice(metadata))
        });
        let terms = MemberTerms {
            protocols: protocols.collect(),
            rebalance_timeout_ms: match call.version {
                0 => request.session_timeout_ms,
                _ => request.rebalance_timeout_ms,
            },
            session_timeout_ms: request.session_timeout_ms,
        };
        Self {
            parked: Parked { waiter: call.waiter, version: call.version },
            request,
            terms,
            client_id: call.client_id,
            client_host: call.client_host,
            new_member_id: new_member_id(call, request.group_instance_id.as_ref(), uuid),
        }
    }
}

impl ClassicGroup {
    /// Takes a `JoinGroup` in. It is answered now, or when the join phase ends.
    pub(crate) fn join(&mut self, step: &mut Step<'_>, joiner: &Joiner<'_>) {
        let member_id = &joiner.request.member_id;
        if !self.has_room_for(member_id, step.config.group_size_max) {
            self.remove(step, member_id);
            step.refuse_join(joiner.parked, &Str::default(), ErrorCode::GroupMaxSizeReached);
        } else if !self.supports_protocols(&joiner.request.protocol_type, &joiner.terms) {
            step.refuse_join(joiner.parked, member_id, ErrorCode::InconsistentGroupProtocol);
        } else if member_id.is_empty() {
            self.join_new_member(step, joiner);
        } else {
            self.join_known_member(step, joiner);
        }
    }

    fn has_room_for(&self, member_id: &Str, size_max: i32) -> bool {
        let size_max = usize::try_from(size_max).unwrap_or(0);
        match self.state {
            GroupState::Empty | GroupState::Dead => true,
            // Those who wait are counted, not the members: after the limit was lowered, the last
            // to rejoin are the ones to go.
            GroupState::PreparingRebalance => {
                let is_waiting = |member: &Member| member.awaiting_join.is_some();
                self.members.get(member_id).is_some_and(is_waiting)
                    || self.members.values().filter(|member| is_waiting(member)).count() < size_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.members.contains_key(member_id) || self.members.len() < size_max
            }
        }
    }

    fn supports_protocols(&self, protocol_type: &Str, terms: &MemberTerms) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !terms.protocols.is_empty();
        }
        self.protocol_type.as_ref() == Some(protocol_type)
            && terms.protocols.iter().any(|(name, _)| self.is_supported_by_all(name))
    }

    pub(super) fn is_supported_by_all(&self, protocol_name: &Str) -> bool {
        self.members.values().all(|member| member.supports(protocol_name))
    }

    fn join_new_member(&mut self, step: &mut Step<'_>, joiner: &Joiner<'_>) {
        let member_id = &joiner.new_member_id;
        if let Some(instance_id) = &joiner.request.group_instance_id {
            match self.static_members.get(instance_id).cloned() {
                Some(old_member_id) => self.replace_static_member(step, joiner, old_member_id),
                None => self.add_and_rebalance(step, joiner, member_id),
            }
        } else if joiner.parked.version >= 4 {
            // A client that does not get this reply leaves nothing behind but an id.
            self.pending_join.insert(member_id.clone());
            let deadline_ms = step.after(joiner.request.session_timeout_ms.into());
            step.timers.set(self.session_key(member_id), deadline_ms);
            step.refuse_join(joiner.parked, member_id, ErrorCode::MemberIdRequired);
        } else {
            self.add_and_rebalance(step, joiner, member_id);
        }
    }

    fn join_known_member(&mut self, step: &mut Step<'_>, joiner: &Joiner<'_>) {
        let member_id = &joiner.request.member_id;
        let instance_id = joiner.request.group_instance_id.as_ref();
        if self.pending_join.contains(member_id) {
            if instance_id.is_some() {
                // Only members without an instance id are given an id first.
                let code = ErrorCode::UnknownServerError;
                return step.refuse_join(joiner.parked, &Str::default(), code);
            }
            return self.add_and_rebalance(step, joiner, &member_id.detached());
        }
        if let Err(code) = self.validate_member(member_id, instance_id) {
            return step.refuse_join(joiner.parked, member_id, code);
        }
        let is_unchanged = self
            .members
            .get(member_id)
            .is_some_and(|member| member.terms.protocols == joiner.terms.protocols);
        match self.state {
            // The leader may know of a change that the members' metadata does not show.
            GroupState::Stable if is_unchanged && !self.is_leader(member_id) => {
                step.answer_join(joiner.parked, self.generation_for(member_id));
            }
            // Its reply may have got lost.
            GroupState::CompletingRebalance if is_unchanged => {
                step.answer_join(joiner.parked, self.generation_for(member_id));
            }
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => self.update_and_rebalance(step, joiner),
            GroupState::Empty | GroupState::Dead => {
                step.refuse_join(joiner.parked, member_id, ErrorCode::UnknownMemberId);
            }
        }
    }

    fn add_and_rebalance(&mut self, step: &mut Step<'_>, joiner: &Joiner<'_>, member_id: &Str) {
        if self.members.is_empty() {
            self.protocol_type = Some(joiner.request.protocol_type.detached());
        }
        self.note_new_member();
        step.cause = Some(Cause::MemberJoined);
        let member = Member {
            member_id: member_id.clone(),
            group_instance_id: detached(joiner.request.group_instance_id.as_ref()),
            client_id: Str::from(joiner.client_id),
            client_host: Str::from(joiner.client_host),
            terms: joiner.terms.clone(),
            assignment: Bytes::new(),
            is_new: true,
            awaiting_join: Some(joiner.parked),
            awaiting_sync: None,
        };
        step.note(self.note(GroupChange::Joined { member: self.member_look(&member) }));
        self.insert(member);
        // It cannot heartbeat before it has its reply. If its client gives up and comes back as
        // another member, this one must not be waited for forever.
        let deadline_ms = step.after(step.config.new_member_join_timeout_ms.into());
        step.timers.set(self.session_key(member_id), deadline_ms);
        self.prepare_rebalance_or_complete_join(step);
    }

    fn update_and_rebalance(&mut self, step: &mut Step<'_>, joiner: &Joiner<'_>) {
        let is_leader = self.is_leader(&joiner.request.member_id);
        let known = self.members.get(&joiner.request.member_id);
        let is_unchanged = known.is_some_and(|it| it.terms.protocols == joiner.terms.protocols);
        step.cause = Some(if is_leader && is_unchanged {
            Cause::LeaderRejoined
        } else {
            Cause::SubscriptionChanged
        });
        if let Some(member) = self.members.get_mut(&joiner.request.member_id) {
            member.terms = joiner.terms.clone();
            if let Some(earlier) = member.awaiting_join.replace(joiner.parked) {
                step.refuse_join(earlier, &member.member_id, ErrorCode::RebalanceInProgress);
            }
        }
        self.prepare_rebalance_or_complete_join(step);
    }

    /// The current generation as a `JoinGroup` tells it to a member: its leader also learns who the
    /// others are.
    pub(super) fn generation_for(&self, member_id: &Str) -> JoinGroupResponse {
        let others = self.members.values().filter(|_| self.is_leader(member_id));
        let members = others.map(|member| JoinGroupResponseMember {
            member_id: member.member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(self.protocol_name.as_ref()),
        });
        JoinGroupResponse {
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader_id.clone().unwrap_or_default(),
            member_id: member_id.clone(),
            members: members.collect(),
            ..Default::default()
        }
    }
}
