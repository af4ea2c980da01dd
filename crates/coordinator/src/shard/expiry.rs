//! Offsets that nobody needs any more, and groups that have nothing left.
//!
//! | group | an offset expires |
//! |---|---|
//! | never had members | when it is old |
//! | empty | when the group has been empty for long |
//! | `consumer`, stable | when it is old and no member subscribes to its topic |
//! | any other | never |
//!
//! Old and long are `offsets.retention.minutes`. An offset that came with an expiry of its own has
//! that instead. An empty group without offsets is removed.
//!
//! Kafka: `OffsetMetadataManager.cleanupExpiredOffsets`,
//! `GroupCoordinatorShard.cleanupGroupMetadata`.

use ottla_wire::Str;

use super::{Effects, GroupShard};
use crate::{
    classic::{ClassicGroup, GroupState},
    record::{GroupRecord, OffsetAndMetadata, OffsetKey},
    timers::TimerKey,
};

/// From when on the age of an offset counts.
#[derive(Clone, Copy)]
enum Base {
    Commit,
    Timestamp(i64),
}

impl GroupShard {
    /// Looks through all groups, and sets the time of the next look.
    pub(super) fn expire_offsets(&mut self, now_ms: i64, effects: &mut Effects) {
        let (mut records, mut then) = (Vec::new(), Vec::new());
        let group_ids = self.groups.keys().cloned().collect::<Vec<_>>();
        for group_id in group_ids {
            let Some(group) = self.groups.get(&group_id) else { continue };
            if self.expire_offsets_of(now_ms, group, &mut records)
                && group.state() == GroupState::Empty
            {
                self.remove_group(&group_id, &mut records, &mut then);
            }
        }
        let interval_ms = self.config.offsets_retention_check_interval_ms.max(1);
        self.timers.set(TimerKey::Expiry, now_ms.saturating_add(interval_ms));
        self.append(now_ms, records, then, effects);
    }

    /// Whether nothing is left of the group's offsets.
    fn expire_offsets_of(
        &self,
        now_ms: i64,
        group: &ClassicGroup,
        records: &mut Vec<GroupRecord>,
    ) -> bool {
        let group_id = group.group_id();
        let is_transactional = self.hard.has_open_transaction(group_id);
        let Some(topics) = self.hard.topics(group_id) else { return !is_transactional };
        let Some(base) = expiry_base(group) else { return false };
        let mut is_all_expired = !is_transactional;
        for (topic, partitions) in topics {
            let is_subscribed = group.is_subscribed_to(topic);
            for (partition, entry) in partitions {
                let key = key_of(group_id, topic, *partition);
                match entry.latest() {
                    None => {}
                    Some(offset)
                        if !is_subscribed
                            && self.is_expired(now_ms, base, offset)
                            && !self.hard.is_unstable(&key) =>
                    {
                        records.push(GroupRecord::Offset { key, value: None });
                    }
                    Some(_) => is_all_expired = false,
                }
            }
        }
        is_all_expired
    }

    fn is_expired(&self, now_ms: i64, base: Base, offset: &OffsetAndMetadata) -> bool {
        if let Some(expire_timestamp_ms) = offset.expire_timestamp_ms {
            return now_ms >= expire_timestamp_ms;
        }
        let since_ms = match base {
            Base::Commit => offset.commit_timestamp_ms,
            Base::Timestamp(timestamp_ms) => timestamp_ms,
        };
        now_ms.saturating_sub(since_ms) >= self.config.offsets_retention_ms
    }
}

fn expiry_base(group: &ClassicGroup) -> Option<Base> {
    match group.state() {
        _ if group.protocol_type().is_none() => Some(Base::Commit),
        GroupState::Empty => {
            Some(group.current_state_timestamp_ms().map_or(Base::Commit, Base::Timestamp))
        }
        GroupState::Stable if group.uses_consumer_protocol() && group.knows_subscriptions() => {
            Some(Base::Commit)
        }
        _ => None,
    }
}

fn key_of(group_id: &Str, topic: &Str, partition: i32) -> OffsetKey {
    OffsetKey { group_id: group_id.clone(), topic: topic.clone(), partition }
}
