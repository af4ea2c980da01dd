//! What a group may use and bring about while it handles one event.

use ottla_types::ErrorCode;
use ottla_wire::{
    Str, join_group_response::JoinGroupResponse, sync_group_response::SyncGroupResponse,
};

use super::member::Parked;
use crate::{
    answer::refusal,
    record::GroupRecord,
    shard::{Cause, Effects, GroupConfig, GroupNote, Reply, Then, WaiterId},
    timers::Timers,
};

/// One event of one group: the time, the deadlines, and what comes out.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) now_ms: i64,
    pub(crate) config: &'a GroupConfig,
    pub(crate) timers: &'a mut Timers,
    effects: &'a mut Effects,
    records: Vec<GroupRecord>,
    then: Vec<Then>,
    /// Why this event changes the group, if it does.
    pub(super) cause: Option<Cause>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(
        now_ms: i64,
        config: &'a GroupConfig,
        timers: &'a mut Timers,
        effects: &'a mut Effects,
    ) -> Self {
        Self { now_ms, config, timers, effects, records: Vec::new(), then: Vec::new(), cause: None }
    }

    /// The records to be appended, and what waits for them.
    pub(crate) fn finish(self) -> (Vec<GroupRecord>, Vec<Then>) {
        (self.records, self.then)
    }

    pub(crate) fn store(&mut self, record: GroupRecord) {
        self.records.push(record);
    }

    pub(crate) fn then(&mut self, then: Then) {
        self.then.push(then);
    }

    pub(super) fn note(&mut self, note: GroupNote) {
        self.effects.notes.push(note);
    }

    /// The time in `timeout_ms` from now.
    pub(super) fn after(&self, timeout_ms: i64) -> i64 {
        self.now_ms.saturating_add(timeout_ms.max(0))
    }

    pub(super) fn answer_join(&mut self, parked: Parked, mut response: JoinGroupResponse) {
        if parked.version < 7 {
            // Old versions know no null here.
            response.protocol_name.get_or_insert_default();
        }
        self.effects.reply(parked.waiter, Reply::JoinGroup(response));
    }

    pub(super) fn refuse_join(&mut self, parked: Parked, member_id: &Str, code: ErrorCode) {
        self.effects.reply(parked.waiter, join_refused(parked.version, member_id, code));
    }

    pub(super) fn answer_sync(&mut self, waiter: WaiterId, response: SyncGroupResponse) {
        self.effects.reply(waiter, Reply::SyncGroup(response));
    }

    pub(super) fn refuse_sync(&mut self, waiter: WaiterId, code: ErrorCode) {
        self.effects.reply(waiter, sync_refused(code));
    }
}

pub(super) fn join_refused(version: i16, member_id: &Str, code: ErrorCode) -> Reply {
    Reply::JoinGroup(refusal::refused_join(member_id, version, code))
}

pub(super) fn sync_refused(code: ErrorCode) -> Reply {
    Reply::SyncGroup(SyncGroupResponse { error_code: code.code(), ..Default::default() })
}
