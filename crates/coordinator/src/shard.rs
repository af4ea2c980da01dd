//! The groups of one partition of `__consumer_offsets`: requests in, effects out.
//!
//! How its caller drives it:
//! 1. After the partition's leader is found: [`GroupShard::replay`] for every record of the log in
//!    order, then [`GroupShard::loaded`]. Until then requests are answered by [`crate::refusal`].
//! 2. A request is a call with an [`Effects`]; so is [`GroupShard::tick`], due at
//!    [`GroupShard::next_deadline`]. Replies are sent as they are. A reply whose waiter is gone is
//!    dropped. A request that got no reply is parked: its reply comes out of a later call.
//! 3. Each [`Append`] is written as one batch, in the order of the tokens, and answered by
//!    [`GroupShard::append_committed`] or [`GroupShard::append_failed`], whose effects are handled
//!    alike. Replies that depend on the records come from there.
//! 4. When leadership is lost or the broker stops: [`GroupShard::unload`].
//!
//! Invariants: see [`GroupShard::check`].
//!
//! Kafka: `GroupCoordinatorShard`, `GroupMetadataManager`.

mod admin;
mod append;
mod check;
mod effects;
mod expiry;
mod members;
mod note;
mod offsets;
mod transactional;
mod view;

use std::collections::BTreeMap;

use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::Str;

use crate::{
    AppendToken, ReplayError, Replayed,
    classic::{ClassicGroup, Step},
    hard_state::HardState,
    record::GroupRecord,
    timers::{TimerKey, Timers},
};

use append::PendingAppend;
pub(crate) use append::{Replacement, Then};
pub(crate) use effects::detached;
pub use effects::{Append, AppendKind, Call, Effects, GroupConfig, Reply, WaiterId};
pub(crate) use members::new_member_id;
pub use note::{Cause, GroupChange, GroupNote};
pub use offsets::RequireStable;
pub use view::{GroupLook, MemberLook};

/// The groups of one partition of `__consumer_offsets`.
#[derive(Debug, Default)]
pub struct GroupShard {
    pub(crate) config: GroupConfig,
    pub(crate) hard: HardState,
    groups: BTreeMap<Str, ClassicGroup>,
    timers: Timers,
    appends: BTreeMap<AppendToken, PendingAppend>,
    next_token: u64,
}

impl GroupShard {
    /// A shard without groups.
    pub fn new(config: GroupConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Changes the configuration. Deadlines that are set stay as they are.
    pub fn set_config(&mut self, config: GroupConfig) {
        self.config = config;
    }

    /// Applies a record that is in the log. `producer_id` is its batch's.
    pub fn replay(
        &mut self,
        producer_id: ProducerId,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Replayed, ReplayError> {
        match GroupRecord::decode(key, value)? {
            Ok(record) => {
                self.hard.replay(producer_id, record);
                Ok(Replayed::Applied)
            }
            Err(key) => Ok(Replayed::Skipped { key }),
        }
    }

    /// Applies a transaction marker that is in the log.
    pub fn replay_end_transaction(&mut self, producer_id: ProducerId, is_committed: bool) {
        self.hard.end_transaction(producer_id, is_committed);
    }

    /// Brings the stored groups to life after the last record was replayed: their members have a
    /// session timeout from now on to be heard of.
    pub fn loaded(&mut self, now_ms: i64, effects: &mut Effects) {
        self.groups.clear();
        self.timers.clear();
        for (group_id, entry) in self.hard.groups() {
            if let Some(stored) = entry.committed() {
                let group = ClassicGroup::from_stored(group_id.clone(), stored);
                self.groups.insert(group_id.clone(), group);
            }
        }
        // Offsets without a generation are those of a consumer that manages its own partitions, or
        // compaction has kept them in front of the group's record.
        let offset_groups = self.hard.offset_groups().map(|(group_id, _)| group_id);
        for group_id in offset_groups.chain(self.hard.transactional_keys().map(|key| &key.group_id))
        {
            if !self.groups.contains_key(group_id) {
                let group = ClassicGroup::new(group_id.clone(), now_ms);
                self.groups.insert(group_id.clone(), group);
            }
        }
        let mut step = Step::new(now_ms, &self.config, &mut self.timers, effects);
        for group in self.groups.values_mut() {
            group.resume(&mut step);
        }
        step.timers.set(
            TimerKey::Expiry,
            now_ms.saturating_add(self.config.offsets_retention_check_interval_ms),
        );
        let (records, then) = step.finish();
        self.append(now_ms, records, then, effects);
    }

    /// Forgets everything. Requests that are parked are told to look for another coordinator.
    pub fn unload(&mut self, effects: &mut Effects) {
        for group in self.groups.values_mut() {
            group.answer_all(ErrorCode::NotCoordinator, effects);
        }
        for pending in std::mem::take(&mut self.appends).into_values() {
            pending.answer_all(ErrorCode::NotCoordinator, effects);
        }
        self.groups.clear();
        self.timers.clear();
        self.hard = HardState::default();
    }

    /// When [`GroupShard::tick`] is due, in milliseconds; `None` before the shard is loaded.
    pub fn next_deadline(&self) -> Option<i64> {
        self.timers.next_deadline()
    }

    /// Does what is due at `now_ms`: expires sessions, ends the phases of rebalances, and expires
    /// offsets.
    pub fn tick(&mut self, now_ms: i64, effects: &mut Effects) {
        while let Some(key) = self.timers.pop_due(now_ms) {
            match key {
                TimerKey::Session { group_id, member_id } => {
                    self.with_group(now_ms, &group_id, effects, |group, step| {
                        group.expire_session(step, &member_id);
                    });
                }
                TimerKey::Join { group_id } => {
                    self.with_group(now_ms, &group_id, effects, ClassicGroup::expire_join);
                }
                TimerKey::Sync { group_id } => {
                    self.with_group(now_ms, &group_id, effects, ClassicGroup::expire_sync);
                }
                TimerKey::Expiry => self.expire_offsets(now_ms, effects),
            }
        }
    }

    /// Lets a group take a step and appends the records it asks for.
    fn with_group(
        &mut self,
        now_ms: i64,
        group_id: &Str,
        effects: &mut Effects,
        act: impl FnOnce(&mut ClassicGroup, &mut Step<'_>),
    ) {
        let Some(group) = self.groups.get_mut(group_id) else { return };
        let mut step = Step::new(now_ms, &self.config, &mut self.timers, effects);
        act(group, &mut step);
        let (records, then) = step.finish();
        self.append(now_ms, records, then, effects);
    }
}
