//! `LeaveGroup`.
//!
//! Kafka: `GroupMetadataManager.classicGroupLeaveToClassicGroup`.

use ottla_types::ErrorCode;
use ottla_wire::{Str, leave_group_request::MemberIdentity, leave_group_response::MemberResponse};

use super::{ClassicGroup, GroupState, Step};
use crate::shard::Cause;

/// Why a member leaves. Kafka's own consumers say so when they were too slow.
fn cause_of(leaving: &MemberIdentity) -> Cause {
    let reason = leaving.reason.as_deref().unwrap_or_default();
    if reason.contains("poll timeout") { Cause::PollInterval } else { Cause::MemberLeft }
}

impl ClassicGroup {
    /// Takes members out, each by its id, or by its instance id alone as tools do.
    pub(crate) fn leave(
        &mut self,
        step: &mut Step<'_>,
        leaving: &[MemberIdentity],
    ) -> Vec<MemberResponse> {
        let mut has_left = false;
        let mut responses = Vec::with_capacity(leaving.len());
        for identity in leaving {
            let code = match self.leaving_member(identity) {
                Ok(member_id) => {
                    step.cause = Some(cause_of(identity));
                    self.remove(step, &member_id);
                    has_left = true;
                    ErrorCode::None
                }
                Err(code) => code,
            };
            responses.push(MemberResponse {
                member_id: identity.member_id.clone(),
                group_instance_id: identity.group_instance_id.clone(),
                error_code: code.code(),
            });
        }
        if has_left && self.state != GroupState::Empty {
            self.prepare_rebalance_or_complete_join(step);
        }
        responses
    }

    fn leaving_member(&self, identity: &MemberIdentity) -> Result<Str, ErrorCode> {
        let instance_id = identity.group_instance_id.as_ref();
        if identity.member_id.is_empty() {
            let member_id = instance_id.and_then(|id| self.static_members.get(id));
            return member_id.cloned().ok_or(ErrorCode::UnknownMemberId);
        }
        if !self.pending_join.contains(&identity.member_id) {
            self.validate_member(&identity.member_id, instance_id)?;
        }
        Ok(identity.member_id.clone())
    }
}
