//! One group of the classic protocol: its members, its generation, and the state they are in.
//!
//! | state | on | next | and |
//! |---|---|---|---|
//! | Empty | first member joins | PreparingRebalance | waits the initial delay for others |
//! | Empty | group or its last offset removed | Dead | tombstone |
//! | PreparingRebalance | all members joined, or the rebalance timeout | CompletingRebalance | next generation; joins are answered |
//! | PreparingRebalance | the same, nobody is left | Empty | next generation is stored |
//! | PreparingRebalance | timeout, only silent static members are left | PreparingRebalance | waits once more |
//! | CompletingRebalance | the leader's assignment is durable | Stable | syncs are answered |
//! | CompletingRebalance | its append fails | PreparingRebalance | syncs get the error |
//! | CompletingRebalance, Stable | a member joins, leaves, expires, changes its protocols, or does not sync in time; the leader rejoins | PreparingRebalance | syncs get `REBALANCE_IN_PROGRESS` |
//! | Stable | a static member comes back, same protocol | Stable | member id replaced and stored |
//!
//! Dead is what a group is called that does not exist.
//!
//! Invariants: see [`ClassicGroup::check`].
//!
//! Kafka: `ClassicGroup`, `ClassicGroupMember`, `ClassicGroupState`.

mod check;
mod join;
mod leave;
mod member;
mod rebalance;
mod static_member;
mod step;
mod sync;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_types::ErrorCode;
use ottla_wire::{Str, describe_groups_response::DescribedGroup};

use crate::{
    record::GroupMetadata,
    shard::{Effects, MemberLook, WaiterId},
    subscription::{self, CONSUMER},
    timers::{TimerKey, Timers},
};

pub(crate) use join::Joiner;
use member::Member;
pub(crate) use member::MemberTerms;
use rebalance::JoinPhase;
pub(crate) use step::Step;

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupState {
    /// No members; there may be offsets.
    Empty,
    /// Members are gathering.
    PreparingRebalance,
    /// The members are known, their assignment is not.
    CompletingRebalance,
    /// The members know their assignment.
    Stable,
    /// There is no such group.
    Dead,
}

impl GroupState {
    /// Kafka's name, as in `PreparingRebalance`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// A group of the classic protocol.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    group_id: Str,
    state: GroupState,
    current_state_timestamp_ms: Option<i64>,
    protocol_type: Option<Str>,
    protocol_name: Option<Str>,
    generation_id: i32,
    leader_id: Option<Str>,
    members: BTreeMap<Str, Member>,
    /// Member id by instance id.
    static_members: BTreeMap<Str, Str>,
    /// Ids that were given out and not yet come back with.
    pending_join: BTreeSet<Str>,
    /// Members of this generation that have not asked for their assignment.
    pending_sync: BTreeSet<Str>,
    /// What the members of a `consumer` group read, if their metadata says.
    subscribed_topics: Option<BTreeSet<Str>>,
    join_phase: JoinPhase,
    /// The leader's `SyncGroup` whose assignment is on its way to the log.
    storing: Option<WaiterId>,
}

impl ClassicGroup {
    pub(crate) fn new(group_id: Str, now_ms: i64) -> Self {
        Self {
            group_id,
            state: GroupState::Empty,
            current_state_timestamp_ms: Some(now_ms),
            protocol_type: None,
            protocol_name: None,
            generation_id: 0,
            leader_id: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            subscribed_topics: None,
            join_phase: JoinPhase::default(),
            storing: None,
        }
    }

    pub(crate) fn from_stored(group_id: Str, stored: &GroupMetadata) -> Self {
        let mut group = Self::new(group_id, 0);
        group.current_state_timestamp_ms = stored.current_state_timestamp_ms;
        group.protocol_type.clone_from(&stored.protocol_type);
        group.protocol_name.clone_from(&stored.protocol_name);
        group.generation_id = stored.generation_id;
        for member in &stored.members {
            let protocol_name = stored.protocol_name.clone().unwrap_or_default();
            group.insert(Member::from_stored(member, protocol_name));
        }
        if group.members.is_empty() {
            group.compute_subscribed_topics();
            return group;
        }
        group.state = GroupState::Stable;
        group.protocol_name.get_or_insert_default();
        group.leader_id = stored
            .leader_id
            .as_ref()
            .filter(|leader_id| group.members.contains_key(*leader_id))
            .or_else(|| group.members.keys().next())
            .cloned();
        group.compute_subscribed_topics();
        group
    }

    /// The generation as it is stored, with the assignments that the members have.
    pub(crate) fn snapshot(&self) -> GroupMetadata {
        self.snapshot_with(|member| member.assignment.clone())
    }

    fn snapshot_with(&self, assignment: impl Fn(&Member) -> Bytes) -> GroupMetadata {
        let members = self.members.values();
        GroupMetadata {
            protocol_type: self.protocol_type.clone(),
            generation_id: self.generation_id,
            protocol_name: self.protocol_name.clone(),
            leader_id: self.leader_id.clone(),
            current_state_timestamp_ms: self.current_state_timestamp_ms,
            members: members
                .map(|member| member.to_stored(self.protocol_name.as_ref(), assignment(member)))
                .collect(),
        }
    }

    pub(crate) fn group_id(&self) -> &Str {
        &self.group_id
    }

    pub(crate) fn state(&self) -> GroupState {
        self.state
    }

    pub(crate) fn protocol_type(&self) -> Option<&Str> {
        self.protocol_type.as_ref()
    }

    pub(crate) fn protocol_name(&self) -> Option<&Str> {
        self.protocol_name.as_ref()
    }

    pub(crate) fn generation_id(&self) -> i32 {
        self.generation_id
    }

    pub(crate) fn member_count(&self) -> usize {
        self.members.len()
    }

    /// What each member calls itself.
    pub(crate) fn each_client(&self, look: impl FnMut(&Str)) {
        self.members.values().map(|member| &member.client_id).for_each(look);
    }

    /// The members for whoever looks at them from outside.
    pub(crate) fn member_looks(&self) -> Vec<MemberLook> {
        self.members.values().map(|member| self.member_look(member)).collect()
    }

    fn member_look(&self, member: &Member) -> MemberLook {
        MemberLook {
            member_id: member.member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            is_leader: self.is_leader(&member.member_id),
            assignment: member.assignment.clone(),
        }
    }

    /// What each member was told to read.
    fn assignments(&self) -> Vec<(Str, Bytes)> {
        let of = |member: &Member| (member.member_id.clone(), member.assignment.clone());
        self.members.values().map(of).collect()
    }

    pub(crate) fn current_state_timestamp_ms(&self) -> Option<i64> {
        self.current_state_timestamp_ms
    }

    /// Whether the group only holds offsets of consumers that manage their partitions themselves.
    pub(crate) fn is_simple(&self) -> bool {
        self.state == GroupState::Empty
            && self.protocol_type.is_none()
            && self.pending_join.is_empty()
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_ref().is_some_and(|name| name == CONSUMER)
    }

    pub(crate) fn knows_subscriptions(&self) -> bool {
        self.subscribed_topics.is_some()
    }

    /// Whether a member reads `topic`, or may read it for all that is known.
    pub(crate) fn is_subscribed_to(&self, topic: &Str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// Whether an offset may be committed by this member in this generation.
    pub(crate) fn validate_commit(
        &self,
        member_id: &Str,
        group_instance_id: Option<&Str>,
        generation_id: i32,
    ) -> Result<(), ErrorCode> {
        if generation_id < 0 && self.state == GroupState::Empty {
            // Tools, and consumers that manage their partitions themselves.
            return Ok(());
        }
        if generation_id >= 0 || !member_id.is_empty() || group_instance_id.is_some() {
            self.validate_member(member_id, group_instance_id)?;
            if generation_id != self.generation_id {
                return Err(ErrorCode::IllegalGeneration);
            }
        } else {
            return Err(ErrorCode::UnknownMemberId);
        }
        if self.state == GroupState::CompletingRebalance {
            // The member knows the new generation, so it gave its partitions away already.
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    /// Whether an offset may be committed in a transaction by this member in this generation. Old
    /// clients name neither, and the group need not be at rest: the offset counts only when the
    /// transaction ends.
    pub(crate) fn validate_transactional_commit(
        &self,
        member_id: &Str,
        group_instance_id: Option<&Str>,
        generation_id: i32,
    ) -> Result<(), ErrorCode> {
        let names_none = member_id.is_empty() && group_instance_id.is_none();
        if generation_id < 0 && (self.state == GroupState::Empty || names_none) {
            return Ok(());
        }
        self.validate_member(member_id, group_instance_id)?;
        if generation_id != self.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        Ok(())
    }

    /// What `DescribeGroups` says about the group.
    pub(crate) fn describe(&self) -> DescribedGroup {
        let protocol_name =
            self.protocol_name.as_ref().filter(|_| self.state == GroupState::Stable);
        let members = self.members.values().map(|member| member.describe(protocol_name));
        DescribedGroup {
            group_id: self.group_id.clone(),
            group_state: Str::from_static(self.state.name()),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol_data: protocol_name.cloned().unwrap_or_default(),
            members: members.collect(),
            ..DescribedGroup::default()
        }
    }

    /// Answers every request that is parked here.
    pub(crate) fn answer_all(&mut self, code: ErrorCode, effects: &mut Effects) {
        for (member_id, member) in &mut self.members {
            if let Some(parked) = member.awaiting_join.take() {
                effects.reply(parked.waiter, step::join_refused(parked.version, member_id, code));
            }
            if let Some(waiter) = member.awaiting_sync.take() {
                effects.reply(waiter, step::sync_refused(code));
            }
        }
    }

    pub(crate) fn cancel_timers(&self, timers: &mut Timers) {
        for member_id in self.members.keys().chain(&self.pending_join) {
            timers.cancel(&self.session_key(member_id));
        }
        timers.cancel(&self.join_key());
        timers.cancel(&self.sync_key());
    }

    pub(crate) fn forget_pending_members(&mut self) {
        self.pending_join.clear();
    }

    fn session_key(&self, member_id: &Str) -> TimerKey {
        TimerKey::Session { group_id: self.group_id.clone(), member_id: member_id.clone() }
    }

    fn join_key(&self) -> TimerKey {
        TimerKey::Join { group_id: self.group_id.clone() }
    }

    fn sync_key(&self) -> TimerKey {
        TimerKey::Sync { group_id: self.group_id.clone() }
    }

    fn is_leader(&self, member_id: &Str) -> bool {
        self.leader_id.as_ref() == Some(member_id)
    }

    fn has_all_joined(&self) -> bool {
        self.pending_join.is_empty()
            && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    /// The longest of the members' rebalance timeouts.
    fn rebalance_timeout_ms(&self) -> i64 {
        let timeouts = self.members.values().map(|member| member.terms.rebalance_timeout_ms);
        i64::from(timeouts.max().unwrap_or(0).max(0))
    }

    /// Whether a request comes from a member, and from the one that holds the instance id.
    fn validate_member(
        &self,
        member_id: &Str,
        group_instance_id: Option<&Str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = group_instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(existing) if existing != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    fn insert(&mut self, member: Member) {
        let member_id = member.member_id.clone();
        if let Some(instance_id) = &member.group_instance_id
            && let Some(previous) =
                self.static_members.insert(instance_id.clone(), member_id.clone())
        {
            // Only a damaged log has two members of one instance id.
            self.members.remove(&previous);
        }
        self.pending_join.remove(&member_id);
        self.leader_id.get_or_insert_with(|| member_id.clone());
        self.members.insert(member_id, member);
    }

    fn compute_subscribed_topics(&mut self) {
        self.subscribed_topics = None;
        if !self.uses_consumer_protocol() {
            return;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol_name.as_ref());
            if subscription::add_topics(&metadata, &mut topics).is_none() {
                return;
            }
        }
        self.subscribed_topics = Some(topics);
    }
}
