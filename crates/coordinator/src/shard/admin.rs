//! `DescribeGroups`, `ListGroups` and `DeleteGroups`.
//!
//! Kafka: `GroupMetadataManager.describeGroups`, `listGroups`,
//! `GroupCoordinatorShard.deleteGroups`.

use std::collections::BTreeSet;

use ottla_types::ErrorCode;
use ottla_wire::{
    Str, delete_groups_response::DeletableGroupResult,
    delete_groups_response::DeleteGroupsResponse, describe_groups_response::DescribedGroup,
    list_groups_response::ListedGroup,
};

use super::{Call, Effects, GroupShard, Reply, Then};
use crate::{
    classic::{ClassicGroup, GroupState},
    record::{GroupRecord, OffsetKey},
};

/// The only type of group there is so far, as `ListGroups` names it.
const CLASSIC: &str = "classic";

impl GroupShard {
    /// One group of a `DescribeGroups`, without the operations its caller may do.
    pub fn describe_group(&self, group_id: &Str, version: i16) -> DescribedGroup {
        if let Some(group) = self.groups.get(group_id) {
            return group.describe();
        }
        let dead = DescribedGroup {
            group_id: group_id.clone(),
            group_state: Str::from_static(GroupState::Dead.name()),
            ..Default::default()
        };
        if version < 6 {
            return dead;
        }
        DescribedGroup {
            error_code: ErrorCode::GroupIdNotFound.code(),
            error_message: Some(Str::from(format!("Group {group_id} not found."))),
            ..dead
        }
    }

    /// The groups of a `ListGroups`: those in one of the states and of one of the types, where an
    /// empty list stands for all.
    pub fn list_groups(&self, states: &[Str], types: &[Str]) -> Vec<ListedGroup> {
        let states = states.iter().map(|state| state.to_lowercase()).collect::<Vec<_>>();
        let is_type_wanted =
            types.is_empty() || types.iter().any(|name| name.eq_ignore_ascii_case(CLASSIC));
        let groups = self.groups.values().filter(|group| {
            let name = group.state().name();
            is_type_wanted
                && (states.is_empty()
                    || states.iter().any(|state| state.trim().eq_ignore_ascii_case(name)))
        });
        groups
            .map(|group| ListedGroup {
                group_id: group.group_id().clone(),
                protocol_type: group.protocol_type().cloned().unwrap_or_default(),
                group_state: Str::from_static(group.state().name()),
                group_type: Str::from_static(CLASSIC),
            })
            .collect()
    }

    /// `DeleteGroups` for the groups of this shard.
    pub fn delete_groups(&mut self, call: &Call<'_>, group_ids: &[Str], effects: &mut Effects) {
        let (mut records, mut then, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut response = DeleteGroupsResponse::default();
        for group_id in group_ids.iter().filter(|group_id| seen.insert(*group_id)) {
            let code = match self.groups.get(group_id).map(ClassicGroup::state) {
                None => ErrorCode::GroupIdNotFound,
                Some(GroupState::Empty) => ErrorCode::None,
                Some(_) => ErrorCode::NonEmptyGroup,
            };
            if code == ErrorCode::None {
                self.delete_all_offsets(group_id, &mut records);
                self.remove_group(group_id, &mut records, &mut then);
            }
            response.results.push(DeletableGroupResult {
                group_id: group_id.clone(),
                error_code: code.code(),
                error_message: None,
            });
        }
        then.push(Then::Answer { waiter: call.waiter, reply: Reply::DeleteGroups(response) });
        self.append(call.now_ms, records, then, effects);
    }

    fn delete_all_offsets(&self, group_id: &Str, records: &mut Vec<GroupRecord>) {
        let mut keys = BTreeSet::new();
        for (topic, partitions) in self.hard.topics(group_id).into_iter().flatten() {
            for (partition, _) in partitions.iter().filter(|(_, entry)| entry.latest().is_some()) {
                let (group_id, topic) = (group_id.clone(), topic.clone());
                keys.insert(OffsetKey { group_id, topic, partition: *partition });
            }
        }
        keys.extend(self.hard.transactional_keys_of(group_id).cloned());
        records.extend(keys.into_iter().map(|key| GroupRecord::Offset { key, value: None }));
    }

    /// Takes an empty group out, to come back should its tombstone not reach the log.
    pub(super) fn remove_group(
        &mut self,
        group_id: &Str,
        records: &mut Vec<GroupRecord>,
        then: &mut Vec<Then>,
    ) {
        let Some(mut group) = self.groups.remove(group_id) else { return };
        group.cancel_timers(&mut self.timers);
        // Whoever was only given an id is gone with the group, as it would be in Kafka.
        group.forget_pending_members();
        records.push(GroupRecord::Group { group_id: group.group_id().clone(), value: None });
        then.push(Then::GroupRemoved { group: Box::new(group) });
    }
}
