//! `JoinGroup`, `SyncGroup`, `Heartbeat` and `LeaveGroup` at the door of the shard: what is refused
//! before a group is looked at, and groups that do not exist.
//!
//! Kafka: `GroupCoordinatorService`, `GroupMetadataManager.classicGroupJoin` and its siblings.

use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    heartbeat_request::HeartbeatRequest,
    heartbeat_response::HeartbeatResponse,
    join_group_request::JoinGroupRequest,
    leave_group_request::{LeaveGroupRequest, MemberIdentity},
    leave_group_response::{LeaveGroupResponse, MemberResponse},
    sync_group_request::SyncGroupRequest,
};

use super::{Call, Effects, GroupShard, Reply, Then};
use crate::{
    answer::refusal,
    classic::{ClassicGroup, Joiner, Step},
    record::GroupRecord,
};

impl GroupShard {
    /// `JoinGroup`. `uuid` makes the member's id unique, should it need a new one.
    pub fn join_group(
        &mut self,
        call: &Call<'_>,
        request: &JoinGroupRequest,
        uuid: &str,
        effects: &mut Effects,
    ) {
        let timeouts = self.config.session_timeout_ms_min..=self.config.session_timeout_ms_max;
        let is_new = !self.groups.contains_key(&request.group_id);
        let refused = if request.group_id.is_empty() {
            Some(ErrorCode::InvalidGroupId)
        } else if !timeouts.contains(&request.session_timeout_ms) {
            Some(ErrorCode::InvalidSessionTimeout)
        } else if is_new && !request.member_id.is_empty() {
            Some(ErrorCode::UnknownMemberId)
        } else {
            None
        };
        if let Some(code) = refused {
            return effects.reply(
                call.waiter,
                Reply::JoinGroup(refusal::join_group(request, call.version, code)),
            );
        }
        let group_id = request.group_id.detached();
        let group = self
            .groups
            .entry(group_id.clone())
            .or_insert_with(|| ClassicGroup::new(group_id.clone(), call.now_ms));
        let mut step = Step::new(call.now_ms, &self.config, &mut self.timers, effects);
        group.join(&mut step, &Joiner::new(call, request, uuid));
        if is_new {
            // The group exists from its first record on, so that every later coordinator knows it.
            let value = ClassicGroup::new(group_id.clone(), call.now_ms).snapshot();
            step.store(GroupRecord::Group { group_id: group_id.clone(), value: Some(value) });
            step.then(Then::GroupCreated { group_id });
        }
        let (records, then) = step.finish();
        self.append(call.now_ms, records, then, effects);
    }

    /// `SyncGroup`.
    pub fn sync_group(
        &mut self,
        call: &Call<'_>,
        request: &SyncGroupRequest,
        effects: &mut Effects,
    ) {
        let names_missing = request.protocol_type.is_none() || request.protocol_name.is_none();
        let refused = if call.version >= 5 && names_missing {
            Some(ErrorCode::InconsistentGroupProtocol)
        } else if request.group_id.is_empty() {
            Some(ErrorCode::InvalidGroupId)
        } else if !self.groups.contains_key(&request.group_id) {
            Some(ErrorCode::UnknownMemberId)
        } else {
            None
        };
        if let Some(code) = refused {
            return effects.reply(call.waiter, Reply::SyncGroup(refusal::sync_group(code)));
        }
        self.with_group(call.now_ms, &request.group_id, effects, |group, step| {
            group.sync(step, call.waiter, request);
        });
    }

    /// `Heartbeat`.
    pub fn heartbeat(
        &mut self,
        call: &Call<'_>,
        request: &HeartbeatRequest,
        effects: &mut Effects,
    ) {
        let mut code = if request.group_id.is_empty() {
            ErrorCode::InvalidGroupId
        } else {
            ErrorCode::UnknownMemberId
        };
        self.with_group(call.now_ms, &request.group_id, effects, |group, step| {
            code = group.heartbeat(step, request);
        });
        let response = HeartbeatResponse { error_code: code.code(), ..Default::default() };
        effects.reply(call.waiter, Reply::Heartbeat(response));
    }

    /// `LeaveGroup`, of one member up to version 2 and of many from version 3.
    pub fn leave_group(
        &mut self,
        call: &Call<'_>,
        request: &LeaveGroupRequest,
        effects: &mut Effects,
    ) {
        if request.group_id.is_empty() {
            let refused = refusal::leave_group(ErrorCode::InvalidGroupId);
            return effects.reply(call.waiter, Reply::LeaveGroup(refused));
        }
        let only = [MemberIdentity { member_id: request.member_id.clone(), ..Default::default() }];
        let leaving = if call.version >= 3 { request.members.as_slice() } else { &only };
        let mut members = None;
        self.with_group(call.now_ms, &request.group_id, effects, |group, step| {
            members = Some(group.leave(step, leaving));
        });
        let members = members.unwrap_or_else(|| leaving.iter().map(unknown_member).collect());
        let response = if call.version >= 3 {
            LeaveGroupResponse { members, ..Default::default() }
        } else {
            let error_code = members.first().map_or(0, |member| member.error_code);
            LeaveGroupResponse { error_code, ..Default::default() }
        };
        effects.reply(call.waiter, Reply::LeaveGroup(response));
    }
}

fn unknown_member(identity: &MemberIdentity) -> MemberResponse {
    MemberResponse {
        member_id: identity.member_id.clone(),
        group_instance_id: identity.group_instance_id.clone(),
        error_code: ErrorCode::UnknownMemberId.code(),
    }
}

/// A new member id: the instance or client id, and something that is unique.
pub(crate) fn new_member_id(call: &Call<'_>, instance_id: Option<&Str>, uuid: &str) -> Str {
    let name = instance_id.map_or(call.client_id, Str::as_str);
    Str::from(format!("{name}-{uuid}"))
}
