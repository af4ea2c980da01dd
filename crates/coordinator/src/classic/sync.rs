//! `SyncGroup` and `Heartbeat`.
//!
//! Differs from Kafka: while the leader's assignment is on its way to the log, a repeated
//! `SyncGroup` of the leader waits for that one and is not written again.
//!
//! Kafka: `GroupMetadataManager.classicGroupSyncToClassicGroup`, `classicGroupHeartbeat`,
//! `expirePendingSync`.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str, heartbeat_request::HeartbeatRequest, sync_group_request::SyncGroupRequest,
    sync_group_response::SyncGroupResponse,
};

use super::{ClassicGroup, GroupState, Step};
use crate::{
    record::GroupRecord,
    shard::{Cause, GroupChange, Then, WaiterId},
};

impl ClassicGroup {
    /// Takes a `SyncGroup` in. It is answered now, or when the leader's assignment is durable.
    pub(crate) fn sync(
        &mut self,
        step: &mut Step<'_>,
        waiter: WaiterId,
        request: &SyncGroupRequest,
    ) {
        if let Err(code) = self.validate_sync(request) {
            return step.refuse_sync(waiter, code);
        }
        let member_id = &request.member_id;
        match self.state {
            GroupState::CompletingRebalance => {
                self.note_sync(step, member_id);
                let member = self.members.get_mut(member_id);
                if let Some(earlier) = member.and_then(|m| m.awaiting_sync.replace(waiter)) {
                    step.refuse_sync(earlier, ErrorCode::RebalanceInProgress);
                }
                if self.is_leader(member_id) && self.storing.is_none() {
                    self.store_assignment(step, waiter, request);
                }
            }
            GroupState::Stable => {
                self.note_sync(step, member_id);
                let assignment =
                    self.members.get(member_id).map(|member| member.assignment.clone());
                let response = self.assigned(assignment.unwrap_or_default());
                step.answer_sync(waiter, response);
            }
            GroupState::PreparingRebalance => {
                step.refuse_sync(waiter, ErrorCode::RebalanceInProgress);
            }
            GroupState::Empty | GroupState::Dead => {
                step.refuse_sync(waiter, ErrorCode::UnknownMemberId);
            }
        }
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        self.validate_member(&request.member_id, request.group_instance_id.as_ref())?;
        let differs = |theirs: &Option<Str>, ours: &Option<Str>| {
            theirs.is_some() && ours.is_some() && theirs != ours
        };
        if request.generation_id != self.generation_id {
            Err(ErrorCode::IllegalGeneration)
        } else if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol_name)
        {
            Err(ErrorCode::InconsistentGroupProtocol)
        } else {
            Ok(())
        }
    }

    fn note_sync(&mut self, step: &mut Step<'_>, member_id: &Str) {
        self.pending_sync.remove(member_id);
        if self.pending_sync.is_empty() {
            step.timers.cancel(&self.sync_key());
        }
    }

    /// Writes what the leader decided. Who is missing from it gets an empty assignment.
    fn store_assignment(
        &mut self,
        step: &mut Step<'_>,
        waiter: WaiterId,
        request: &SyncGroupRequest,
    ) {
        let assignments = request
            .assignments
            .iter()
            .filter_map(|theirs| {
                let member = self.members.get(&theirs.member_id)?;
                Some((member.member_id.clone(), Bytes::copy_from_slice(&theirs.assignment)))
            })
            .collect::<BTreeMap<_, _>>();
        let value = self.snapshot_with(|member| {
            assignments.get(&member.member_id).cloned().unwrap_or_default()
        });
        let group_id = self.group_id.clone();
        self.storing = Some(waiter);
        step.store(GroupRecord::Group { group_id: group_id.clone(), value: Some(value) });
        step.then(Then::AssignmentStored { group_id, waiter, assignments });
    }

    /// The assignment is durable: unless the group has moved on, its members get it.
    pub(crate) fn assignment_stored(
        &mut self,
        step: &mut Step<'_>,
        waiter: WaiterId,
        assignments: &BTreeMap<Str, Bytes>,
    ) {
        if !self.end_storing(waiter) {
            return;
        }
        let mut answers = Vec::new();
        let before = self.assignments();
        for member in self.members.values_mut() {
            member.assignment = assignments.get(&member.member_id).cloned().unwrap_or_default();
            if let Some(waiter) = member.awaiting_sync.take() {
                answers.push((waiter, member.member_id.clone(), member.assignment.clone()));
            }
        }
        let after = self.assignments();
        step.note(self.note(GroupChange::Assigned { before, after }));
        for (waiter, member_id, assignment) in answers {
            step.answer_sync(waiter, self.assigned(assignment));
            self.reset_session(step, &member_id);
        }
        self.transition(step, GroupState::Stable);
    }

    /// The assignment is lost: unless the group has moved on, it begins anew.
    pub(crate) fn assignment_failed(
        &mut self,
        step: &mut Step<'_>,
        waiter: WaiterId,
        code: ErrorCode,
    ) {
        if self.end_storing(waiter) {
            self.refuse_assignment(step, code);
            self.prepare_rebalance(step);
        }
    }

    /// Whether the group still waits for this assignment.
    fn end_storing(&mut self, waiter: WaiterId) -> bool {
        self.storing.take_if(|storing| *storing == waiter).is_some()
            && self.state == GroupState::CompletingRebalance
    }

    /// Answers every parked `SyncGroup` with an error. Nobody has an assignment any more.
    pub(super) fn refuse_assignment(&mut self, step: &mut Step<'_>, code: ErrorCode) {
        let mut refused = Vec::new();
        let before = self.assignments();
        if before.iter().any(|(_, assignment)| !assignment.is_empty()) {
            step.note(self.note(GroupChange::Assigned { before, after: Vec::new() }));
        }
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if let Some(waiter) = member.awaiting_sync.take() {
                step.refuse_sync(waiter, code);
                refused.push(member.member_id.clone());
            }
        }
        for member_id in &refused {
            self.reset_session(step, member_id);
        }
    }

    fn assigned(&self, assignment: Bytes) -> SyncGroupResponse {
        SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment,
            ..Default::default()
        }
    }

    /// Members that took the generation but never asked for their assignment have to go.
    pub(crate) fn expire_sync(&mut self, step: &mut Step<'_>) {
        step.cause = Some(Cause::SyncTimeout);
        for member_id in std::mem::take(&mut self.pending_sync) {
            self.remove(step, &member_id);
        }
        if matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable) {
            self.prepare_rebalance(step);
        }
    }

    /// `Heartbeat`: the member is heard of, and learns whether it has to rejoin.
    pub(crate) fn heartbeat(
        &mut self,
        step: &mut Step<'_>,
        request: &HeartbeatRequest,
    ) -> ErrorCode {
        let instance_id = request.group_instance_id.as_ref();
        if let Err(code) = self.validate_member(&request.member_id, instance_id) {
            return code;
        }
        if request.generation_id != self.generation_id {
            return ErrorCode::IllegalGeneration;
        }
        self.reset_session(step, &request.member_id);
        match self.state {
            GroupState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::None,
            GroupState::Empty | GroupState::Dead => ErrorCode::UnknownMemberId,
        }
    }
}
