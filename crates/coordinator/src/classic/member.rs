//! One member of a classic group.
//!
//! Kafka: `ClassicGroupMember`.

use bytes::Bytes;
use ottla_wire::{Str, describe_groups_response::DescribedGroupMember};

use crate::{record::StoredMember, shard::WaiterId};

/// A `JoinGroup` that waits for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) waiter: WaiterId,
    pub(crate) version: i16,
}

/// What a member may change with each `JoinGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberTerms {
    /// Protocols by name with the member's metadata, preferred ones first, names unique.
    pub(crate) protocols: Vec<(Str, Bytes)>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
}

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) member_id: Str,
    pub(super) group_instance_id: Option<Str>,
    pub(super) client_id: Str,
    pub(super) client_host: Str,
    pub(super) terms: MemberTerms,
    pub(super) assignment: Bytes,
    /// Whether its first `JoinGroup` is still unanswered: it cannot heartbeat yet.
    pub(super) is_new: bool,
    pub(super) awaiting_join: Option<Parked>,
    pub(super) awaiting_sync: Option<WaiterId>,
}

impl Member {
    pub(super) fn from_stored(stored: &StoredMember, protocol_name: Str) -> Self {
        Self {
            member_id: stored.member_id.clone(),
            group_instance_id: stored.group_instance_id.clone(),
            client_id: stored.client_id.clone(),
            client_host: stored.client_host.clone(),
            terms: MemberTerms {
                protocols: vec![(protocol_name, stored.subscription.clone())],
                rebalance_timeout_ms: stored.rebalance_timeout_ms,
                session_timeout_ms: stored.session_timeout_ms,
            },
            assignment: stored.assignment.clone(),
            is_new: false,
            awaiting_join: None,
            awaiting_sync: None,
        }
    }

    pub(super) fn to_stored(&self, protocol_name: Option<&Str>, assignment: Bytes) -> StoredMember {
        StoredMember {
            member_id: self.member_id.clone(),
            group_instance_id: self.group_instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.terms.rebalance_timeout_ms,
            session_timeout_ms: self.terms.session_timeout_ms,
            subscription: self.metadata(protocol_name),
            assignment,
        }
    }

    pub(super) fn supports(&self, protocol_name: &Str) -> bool {
        self.terms.protocols.iter().any(|(name, _)| name == protocol_name)
    }

    /// The member's metadata for a protocol; empty for one it does not support.
    pub(super) fn metadata(&self, protocol_name: Option<&Str>) -> Bytes {
        let mut protocols = self.terms.protocols.iter();
        protocols
            .find(|(name, _)| Some(name) == protocol_name)
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }

    /// Whether its silence is to be expected, because an answer is owed to it.
    pub(super) fn is_waiting(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(super) fn describe(&self, protocol_name: Option<&Str>) -> DescribedGroupMember {
        DescribedGroupMember {
            member_id: self.member_id.clone(),
            group_instance_id: self.group_instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            member_metadata: self.metadata(protocol_name),
            member_assignment: self.assignment.clone(),
        }
    }
}
