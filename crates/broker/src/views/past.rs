//! How things stood at a moment of the past: what is now, without what happened since.
//!
//! Groups, transactions and connections are taken back event by event, from now to then; offsets
//! come from samples, so they are right to the second. What the journal does not hold any more is
//! said to be gone, and nothing is guessed. Kafka: none.

use std::collections::{BTreeMap, HashMap};

use ottla_coordinator::{GroupChange, GroupLook, GroupState, MemberLook, TransactionLook};
use ottla_types::Offset;
use ottla_wire::Str;

use super::{CommittedView, CursorsView, GroupSummary, PastConnection, TransactionView, Views};
use crate::{
    clock::now_ms,
    journal::{Change, Event, KEPT_MS, Queue},
};

/// A moment of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The number of the first event after it.
    pub seq: u64,
    /// When it was, in ms.
    pub time_ms: i64,
}

/// The journal does not reach back to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the journal holds begins later")]
pub struct Gone {
    /// From when on it does, in ms.
    pub since_ms: i64,
}

/// What a moment is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Groups and their offsets.
    Groups,
    /// Cursors of partitions.
    Cursors,
    /// Transactions.
    Transactions,
    /// Connections.
    Connections,
}

impl Views {
    /// The moment after everything that happened until a time, inclusive.
    pub fn moment_at(&self, time_ms: i64) -> Moment {
        Moment { seq: self.shared.journal.seq_after(time_ms), time_ms }
    }

    /// The moment before the event of this number.
    pub fn moment_before(&self, seq: u64) -> Moment {
        let time_ms = self.shared.journal.time_before(seq).unwrap_or(self.shared.started_ms);
        Moment { seq, time_ms }
    }

    /// Since when it is known how things stood, in ms.
    pub fn known_since(&self, asked: Asked) -> i64 {
        let complete = self.shared.journal.complete();
        let of = |queue| complete.of(queue).time_ms.map(|last_lost| last_lost + 1);
        let samples = now_ms().saturating_sub(KEPT_MS);
        let since = match asked {
            Asked::Groups => of(Queue::Changes).max(Some(samples)),
            Asked::Cursors => Some(samples),
            Asked::Transactions => of(Queue::Transactions),
            Asked::Connections => of(Queue::Activity),
        };
        since.map_or(self.shared.started_ms, |since| since.max(self.shared.started_ms))
    }

    /// Whether it is known how things stood then.
    pub fn reaches(&self, moment: Moment, asked: Asked) -> Result<(), Gone> {
        let since_ms = self.known_since(asked);
        if moment.time_ms < since_ms { Err(Gone { since_ms }) } else { Ok(()) }
    }

    /// How one group stood, with the offsets that it had committed; `None` where there was none.
    pub fn group_at(
        &self,
        group_id: &str,
        moment: Moment,
    ) -> Option<(GroupLook, Vec<CommittedView>)> {
        let now = self.group(group_id);
        let (look, committed) = now.map_or((None, Vec::new()), |(look, it)| (Some(look), it));
        let events = self.shared.journal.back_to(Queue::Changes, moment.seq);
        let own = events.iter().filter(|event| event.group_id.as_deref() == Some(group_id));
        let mut then = GroupThen::of(group_id, look);
        for event in own {
            then.undo(event);
        }
        then.look.since_ms = self.state_since(group_id, moment);
        let offsets = self.offsets_at(group_id, committed, moment);
        then.existed(&offsets).then_some((then.look, offsets))
    }

    /// How every group stood.
    pub fn groups_at(&self, moment: Moment) -> Vec<GroupSummary> {
        let mut ids: BTreeMap<String, GroupThen> = BTreeMap::new();
        self.shared.groups.look_at_all(|shard| {
            shard.each_group(|group_id, _, _, _| {
                let then = GroupThen::of(group_id, shard.look(group_id));
                ids.insert(group_id.to_string(), then);
            });
        });
        for event in self.shared.journal.back_to(Queue::Changes, moment.seq) {
            if let Some(group_id) = &event.group_id {
                let then = ids.entry(group_id.clone());
                then.or_insert_with(|| GroupThen::of(group_id, None)).undo(&event);
            }
        }
        let mut ends = HashMap::new();
        let mut groups = Vec::new();
        for (group_id, then) in ids {
            let now = self.group(&group_id).map(|(_, committed)| committed).unwrap_or_default();
            let offsets = self.offsets_at(&group_id, now, moment);
            if !then.existed(&offsets) {
                continue;
            }
            let mut summary = GroupSummary {
                group_id,
                state: then.look.state,
                protocol_type: then.look.protocol_type.as_deref().unwrap_or_default().to_owned(),
                members: then.look.members.len(),
                topics: Vec::new(),
                partitions: offsets.len(),
                lag: None,
            };
            for it in offsets {
                let key = (it.topic.clone(), it.partition);
                let end = ends.entry(key).or_insert_with_key(|(topic, partition)| {
                    self.cursors_at(topic, *partition, moment).map(|it| it.high_watermark)
                });
                if let Some(end) = end {
                    let lag = end.get().saturating_sub(it.committed_offset.get()).max(0);
                    let lag = u64::try_from(lag).unwrap_or(0);
                    summary.lag = Some(summary.lag.unwrap_or(0).saturating_add(lag));
                }
                if summary.topics.last() != Some(&it.topic) {
                    summary.topics.push(it.topic);
                }
            }
            groups.push(summary);
        }
        groups
    }

    /// Where the cursors of a partition stood. Its size and its segments are those of now, and so
    /// is what never moved while the journal looked.
    pub fn cursors_at(&self, topic: &str, partition: i32, moment: Moment) -> Option<CursorsView> {
        let now = self.cursors(topic, partition)?;
        let journal = &self.shared.journal;
        let then = journal.samples(|all| all.cursors_at(topic, partition, moment.time_ms));
        let end = then.end.map_or(now.high_watermark, Offset);
        let start = then.start.map_or(now.log_start_offset, Offset);
        Some(CursorsView {
            log_start_offset: start.min(end),
            last_stable_offset: then.stable.map_or(end, Offset),
            high_watermark: end,
            log_end_offset: end,
            durable_offset: end,
            ..now
        })
    }

    /// The positions that groups had in a topic, at most `max` groups, by id.
    pub fn positions_at(
        &self,
        topic: &str,
        max: usize,
        moment: Moment,
    ) -> Vec<(String, Vec<(i32, Offset)>)> {
        let readers = self.positions(topic, max).into_iter();
        readers
            .map(|(group_id, _)| {
                let now = self.group(&group_id).map(|(_, committed)| committed);
                let then = self.offsets_at(&group_id, now.unwrap_or_default(), moment);
                let own = then.into_iter().filter(|it| it.topic == topic);
                (group_id, own.map(|it| (it.partition, it.committed_offset)).collect())
            })
            .collect()
    }

    /// How every transactional id stood, by name.
    pub fn transactions_at(&self, moment: Moment) -> Vec<TransactionView> {
        let now = self.transactions().into_iter();
        let mut ids: BTreeMap<String, TransactionLook> =
            now.map(|it| (it.transactional_id, it.look)).collect();
        for event in self.shared.journal.back_to(Queue::Transactions, moment.seq) {
            let Some(Change::Transaction { before, .. }) = event.change.as_deref() else {
                continue;
            };
            let Some(id) = &event.transactional_id else { continue };
            match before {
                Some(before) => ids.insert(id.clone(), before.clone()),
                None => ids.remove(id),
            };
        }
        let view = |(transactional_id, look)| TransactionView { transactional_id, look };
        ids.into_iter().map(view).collect()
    }

    /// The connections that were open, oldest first.
    pub fn connections_at(&self, moment: Moment) -> Vec<PastConnection> {
        let open = self.connections().into_iter().map(PastConnection::from);
        let closed = self.shared.journal.back_to(Queue::Activity, moment.seq);
        let closed = closed.iter().filter_map(|event| PastConnection::of(event));
        let mut then: Vec<PastConnection> =
            open.chain(closed).filter(|it| it.opened_ms <= moment.time_ms).collect();
        then.sort_by_key(|it| it.id);
        then.dedup_by_key(|it| it.id);
        then
    }

    /// What a group had committed: what it has committed now and had then, and what samples say.
    fn offsets_at(
        &self,
        group_id: &str,
        now: Vec<CommittedView>,
        moment: Moment,
    ) -> Vec<CommittedView> {
        let is_older = |it: &CommittedView| it.commit_ms <= moment.time_ms;
        let mut then: BTreeMap<(String, i32), CommittedView> = BTreeMap::new();
        let journal = &self.shared.journal;
        let moved = journal.samples(|all| all.positions_at(group_id, moment.time_ms));
        for ((topic, partition), sample) in moved {
            let view = CommittedView {
                topic: topic.clone(),
                partition,
                committed_offset: Offset(sample.offset),
                metadata: None,
                commit_ms: sample.time_ms,
            };
            then.insert((topic, partition), view);
        }
        for view in now.into_iter().filter(is_older) {
            then.insert((view.topic.clone(), view.partition), view);
        }
        then.into_values().collect()
    }

    /// When a group came to stand where it stood, as far as that is known.
    fn state_since(&self, group_id: &str, moment: Moment) -> Option<i64> {
        let is_own = |event: &Event| {
            event.seq < moment.seq
                && event.kind == "group.state"
                && event.group_id.as_deref() == Some(group_id)
        };
        self.shared.journal.last(1, is_own).first().map(|event| event.time_ms)
    }
}

/// A group on its way back to a moment.
struct GroupThen {
    look: GroupLook,
    /// Whether it is there now, or was seen to be there.
    is_known: bool,
}

impl GroupThen {
    fn of(group_id: &str, now: Option<GroupLook>) -> Self {
        let is_known = now.is_some();
        let look = now.unwrap_or_else(|| GroupLook {
            group_id: Str::from(group_id),
            state: GroupState::Empty,
            since_ms: None,
            protocol_type: None,
            protocol_name: None,
            generation_id: 0,
            members: Vec::new(),
        });
        Self { look, is_known }
    }

    fn undo(&mut self, event: &Event) {
        let Some(Change::Group(change)) = event.change.as_deref() else { return };
        let generation = event.detail.iter().find(|(name, _)| *name == "generationId");
        let generation: i32 = generation.and_then(|(_, text)| text.parse().ok()).unwrap_or(0);
        self.look.generation_id = generation;
        // What it was before the first thing that is known of it, nobody knows: it was made then.
        self.is_known = true;
        match change {
            GroupChange::Joined { member } => {
                self.remove(&member.member_id);
                self.is_known = generation > 0 || !self.look.members.is_empty();
            }
            GroupChange::Left { member, .. } => self.put(member),
            GroupChange::Renamed { before, after } => {
                self.remove(&after.member_id);
                self.put(before);
            }
            GroupChange::Assigned { before, .. } => {
                for member in &mut self.look.members {
                    let own = before.iter().find(|(id, _)| *id == member.member_id);
                    member.assignment = own.map(|(_, it)| it.clone()).unwrap_or_default();
                }
            }
            GroupChange::State { from, to, .. } => {
                self.look.state = *from;
                // A generation begins, or is given up, with the step to these states.
                if matches!(to, GroupState::CompletingRebalance | GroupState::Empty) {
                    self.look.generation_id = generation.saturating_sub(1);
                }
            }
        }
    }

    fn remove(&mut self, member_id: &Str) {
        self.look.members.retain(|it| it.member_id != *member_id);
    }

    fn put(&mut self, member: &MemberLook) {
        self.remove(&member.member_id);
        self.look.members.push(member.clone());
        self.look.members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
    }

    fn existed(&self, offsets: &[CommittedView]) -> bool {
        let has_life = !self.look.members.is_empty() || self.look.generation_id > 0;
        !offsets.is_empty() || (self.is_known && has_life)
    }
}
