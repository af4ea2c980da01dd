//! What happened to a group, for whoever keeps a history.
//!
//! Notes decide nothing and nothing depends on them. Kafka: lines of its log.

use bytes::Bytes;
use ottla_wire::Str;

use super::view::MemberLook;
use crate::classic::GroupState;

/// Something that happened to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupNote {
    /// The group.
    pub group_id: Str,
    /// Its generation at that moment.
    pub generation_id: i32,
    /// What happened.
    pub change: GroupChange,
}

/// What happened to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// It got a member.
    Joined {
        /// The member.
        member: MemberLook,
    },
    /// It lost a member.
    Left {
        /// The member, as it was.
        member: MemberLook,
        /// Why.
        cause: Cause,
    },
    /// A static member came back as another process, with another id.
    Renamed {
        /// The member, as it was.
        before: Box<MemberLook>,
        /// As it is now.
        after: Box<MemberLook>,
    },
    /// Its members were told what to read, as the protocol has it.
    Assigned {
        /// What they had read, by member.
        before: Vec<(Str, Bytes)>,
        /// What they read, by member.
        after: Vec<(Str, Bytes)>,
    },
    /// It stands somewhere else.
    State {
        /// Where it stood.
        from: GroupState,
        /// Where it stands.
        to: GroupState,
        /// Why, where somebody or a timer is to blame.
        cause: Option<Cause>,
    },
}

/// Why something happened to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody joined.
    MemberJoined,
    /// A member said that it leaves.
    MemberLeft,
    /// A member left because it had not asked for records in time (`max.poll.interval.ms`), or did
    /// not come back to a rebalance in that time.
    PollInterval,
    /// A member was not heard of (`session.timeout.ms`).
    SessionTimeout,
    /// A member did not ask for its partitions in time.
    SyncTimeout,
    /// A member reads other topics, or by other protocols.
    SubscriptionChanged,
    /// The leader joined again, as it does when partitions were added.
    LeaderRejoined,
    /// A static member came back as another process.
    StaticMemberReplaced,
    /// The coordinator was started.
    Loaded,
}

impl Cause {
    /// Its name, as in `sessionTimeout`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MemberJoined => "memberJoined",
            Self::MemberLeft => "memberLeft",
            Self::PollInterval => "pollInterval",
            Self::SessionTimeout => "sessionTimeout",
            Self::SyncTimeout => "syncTimeout",
            Self::SubscriptionChanged => "subscriptionChanged",
            Self::LeaderRejoined => "leaderRejoined",
            Self::StaticMemberReplaced => "staticMemberReplaced",
            Self::Loaded => "loaded",
        }
    }
}
