//! What happens when an append is durable, and when it is not.
//!
//! Invariant: what is staged in the hard state belongs to an append that is pending here.
//!
//! Kafka: the append futures of `CoordinatorResult`, `CoordinatorOperationExceptionHelper`.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::{Str, offset_fetch_request::OffsetFetchRequestGroup};

use super::{Append, AppendKind, Effects, GroupShard, Reply, WaiterId};
use crate::{
    AppendToken,
    answer::{append_error, offset_fetch},
    classic::{ClassicGroup, MemberTerms},
    hard_state::{StagedKey, Versioned},
    record::GroupRecord,
};

/// An append that is on its way to the log.
#[derive(Debug, Default)]
pub(super) struct PendingAppend {
    pub(super) keys: Vec<StagedKey>,
    pub(super) then: Vec<Then>,
    /// Whose transaction it ends, and whether that is committed.
    pub(super) ends: Option<(ProducerId, bool)>,
}

/// What waits for an append.
#[derive(Debug)]
pub(crate) enum Then {
    /// A reply, as it is in case of success.
    Answer { waiter: WaiterId, reply: Reply },
    /// A fetch of stable offsets that must see what is being committed.
    Fetch { waiter: WaiterId, version: i16, group: OffsetFetchRequestGroup },
    /// A group that a first member created. Without its record there is no group.
    GroupCreated { group_id: Str },
    /// A group that an offset created. Without the offset there is no group.
    SimpleGroupCreated { group_id: Str },
    /// A group that was deleted. Without its tombstone it is still there.
    GroupRemoved { group: Box<ClassicGroup> },
    /// An assignment that the leader made.
    AssignmentStored { group_id: Str, waiter: WaiterId, assignments: BTreeMap<Str, Bytes> },
    /// A static member that came back under a new id.
    StaticMemberReplaced { group_id: Str, replacement: Box<Replacement> },
}

/// What it takes to finish, or undo, the replacement of a static member.
#[derive(Debug)]
pub(crate) struct Replacement {
    pub(crate) waiter: WaiterId,
    pub(crate) version: i16,
    pub(crate) group_instance_id: Str,
    pub(crate) old_member_id: Str,
    pub(crate) new_member_id: Str,
    pub(crate) old_terms: MemberTerms,
    pub(crate) old_leader_id: Option<Str>,
}

impl PendingAppend {
    /// Answers what waits, when the shard is given up.
    pub(super) fn answer_all(self, code: ErrorCode, effects: &mut Effects) {
        for then in self.then {
            match then {
                Then::Answer { waiter, reply } => effects.reply(waiter, reply.failed(code)),
                Then::Fetch { waiter, version, group } => {
                    let refused = offset_fetch::refused_group(&group, code, version);
                    effects.reply(waiter, Reply::OffsetFetch(refused));
                }
                // Whoever waits here is parked with a member of the group and answered there.
                Then::GroupCreated { .. }
                | Then::SimpleGroupCreated { .. }
                | Then::GroupRemoved { .. }
                | Then::AssignmentStored { .. }
                | Then::StaticMemberReplaced { .. } => {}
            }
        }
    }
}

impl GroupShard {
    /// Stages records and asks for their append. Without records, what waits for them happens now.
    pub(super) fn append(
        &mut self,
        now_ms: i64,
        records: Vec<GroupRecord>,
        then: Vec<Then>,
        effects: &mut Effects,
    ) {
        self.append_as(now_ms, AppendKind::Plain, (records, then), effects);
    }

    /// The same for a batch of some sort.
    pub(super) fn append_as(
        &mut self,
        now_ms: i64,
        kind: AppendKind,
        (records, then): (Vec<GroupRecord>, Vec<Then>),
        effects: &mut Effects,
    ) {
        if records.is_empty() {
            for then in then {
                self.stored(now_ms, then, effects);
            }
            return;
        }
        let encoded = records.iter().map(GroupRecord::encode).collect::<Result<Vec<_>, _>>();
        let Ok(encoded) = encoded else {
            // A name that does not fit a record: only a client that means harm sends one.
            for then in then {
                self.not_stored(now_ms, then, ErrorCode::UnknownServerError, effects);
            }
            return;
        };
        let token = self.new_token();
        let producer_id = kind.producer_id();
        let stage = |record| self.hard.stage(token, producer_id, record);
        let keys = records.into_iter().map(stage).collect();
        self.appends.insert(token, PendingAppend { keys, then, ends: None });
        effects.appends.push(Append { token, kind, records: encoded });
    }

    /// Asks for the marker that ends a transaction; its offsets become visible, or vanish, when
    /// the marker is durable.
    pub(super) fn append_end(
        &mut self,
        (producer_id, is_committed): (ProducerId, bool),
        then: Then,
        effects: &mut Effects,
    ) {
        let token = self.new_token();
        let ends = Some((producer_id, is_committed));
        self.appends.insert(token, PendingAppend { keys: Vec::new(), then: vec![then], ends });
        let kind = AppendKind::EndTransaction { producer_id };
        effects.appends.push(Append { token, kind, records: Vec::new() });
    }

    fn new_token(&mut self) -> AppendToken {
        let token = AppendToken(self.next_token);
        self.next_token = self.next_token.saturating_add(1);
        token
    }

    /// Says that this append and all before it are durable: their records become visible.
    pub fn append_committed(&mut self, now_ms: i64, token: AppendToken, effects: &mut Effects) {
        while let Some(entry) = self.appends.first_entry() {
            let first = *entry.key();
            if first > token {
                break;
            }
            let pending = entry.remove();
            for key in &pending.keys {
                self.hard.commit(first, key);
            }
            if let Some((producer_id, is_committed)) = pending.ends {
                let groups = self.hard.end_transaction(producer_id, is_committed);
                effects.committed_groups.extend(groups);
            }
            for then in pending.then {
                self.stored(now_ms, then, effects);
            }
        }
    }

    /// Says that this append is not in the log and never will be, with the log's error.
    pub fn append_failed(
        &mut self,
        now_ms: i64,
        token: AppendToken,
        error: ErrorCode,
        effects: &mut Effects,
    ) {
        let Some(pending) = self.appends.remove(&token) else { return };
        for key in &pending.keys {
            self.hard.abort(token, key);
        }
        // Whoever asks for markers knows the errors of logs.
        let code = if pending.ends.is_some() { error } else { append_error(error) };
        for then in pending.then {
            self.not_stored(now_ms, then, code, effects);
        }
    }

    fn stored(&mut self, now_ms: i64, then: Then, effects: &mut Effects) {
        match then {
            Then::Answer { waiter, reply } => effects.reply(waiter, reply),
            Then::Fetch { waiter, version, group } => {
                self.answer_fetch(waiter, version, group, effects);
            }
            Then::AssignmentStored { group_id, waiter, assignments } => {
                self.with_group(now_ms, &group_id, effects, |group, step| {
                    group.assignment_stored(step, waiter, &assignments);
                });
            }
            Then::StaticMemberReplaced { group_id, replacement } => {
                self.with_group(now_ms, &group_id, effects, |group, step| {
                    group.static_member_stored(step, &replacement);
                });
            }
            Then::GroupCreated { .. }
            | Then::SimpleGroupCreated { .. }
            | Then::GroupRemoved { .. } => {}
        }
    }

    fn not_stored(&mut self, now_ms: i64, then: Then, code: ErrorCode, effects: &mut Effects) {
        match then {
            Then::Answer { waiter, reply } => effects.reply(waiter, reply.failed(code)),
            Then::Fetch { waiter, version, group } => {
                self.answer_fetch(waiter, version, group, effects);
            }
            Then::GroupCreated { group_id } => {
                if !self.is_stored(&group_id)
                    && let Some(mut group) = self.groups.remove(&group_id)
                {
                    group.cancel_timers(&mut self.timers);
                    group.answer_all(code, effects);
                    if self.has_offsets(&group_id) {
                        let simple = ClassicGroup::new(group_id.clone(), now_ms);
                        self.groups.insert(group_id, simple);
                    }
                }
            }
            Then::SimpleGroupCreated { group_id } => {
                let is_simple = self.groups.get(&group_id).is_some_and(ClassicGroup::is_simple);
                if is_simple && !self.has_offsets(&group_id) && !self.is_stored(&group_id) {
                    self.groups.remove(&group_id);
                }
            }
            Then::GroupRemoved { group } => {
                // A group of this name that came up meanwhile is the newer one.
                self.groups.entry(group.group_id().clone()).or_insert(*group);
            }
            Then::AssignmentStored { group_id, waiter, .. } => {
                self.with_group(now_ms, &group_id, effects, |group, step| {
                    group.assignment_failed(step, waiter, code);
                });
            }
            Then::StaticMemberReplaced { group_id, replacement } => {
                self.with_group(now_ms, &group_id, effects, |group, step| {
                    group.static_member_failed(step, *replacement, code);
                });
            }
        }
    }

    /// Whether the group has offsets, be it in open transactions.
    fn has_offsets(&self, group_id: &Str) -> bool {
        self.hard.topics(group_id).is_some() || self.hard.has_open_transaction(group_id)
    }

    /// Whether a record vouches for the group: a later one, or one whose deletion failed.
    fn is_stored(&self, group_id: &Str) -> bool {
        self.hard.group(group_id).and_then(Versioned::latest).is_some()
    }

    /// The last append that has something of this group.
    pub(super) fn last_append_of(&mut self, group_id: &Str) -> Option<&mut PendingAppend> {
        self.appends
            .values_mut()
            .rev()
            .find(|pending| pending.keys.iter().any(|key| key.group_id() == group_id))
    }
}
