//! `OffsetCommit`, `OffsetFetch` and `OffsetDelete`.
//!
//! Kafka: `OffsetMetadataManager`.

use ottla_types::{ErrorCode, LeaderEpoch, Offset, TopicName, Uuid};
use ottla_wire::{
    Str,
    offset_commit_request::{OffsetCommitRequest, OffsetCommitRequestPartition},
    offset_commit_response::{
        OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    },
    offset_delete_request::OffsetDeleteRequest,
    offset_delete_response::{
        OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
    },
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    offset_fetch_response::{
        OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
    },
};

use super::{Call, Effects, GroupShard, Reply, Then, WaiterId};
use crate::{
    answer::{offset_fetch, refusal},
    classic::{ClassicGroup, GroupState, Step},
    hard_state::{PartitionOffsets, Versioned},
    record::{GroupRecord, OffsetAndMetadata, OffsetKey},
};

impl GroupShard {
    /// `OffsetCommit`. Each topic comes with its name and, where it is known, its id, in every
    /// version; topics that do not exist are left out by the caller.
    pub fn commit_offsets(
        &mut self,
        call: &Call<'_>,
        request: &OffsetCommitRequest,
        effects: &mut Effects,
    ) {
        let group_id = match self.admit_commit(call, request, effects) {
            Ok(group_id) => group_id,
            Err(code) => {
                let refused = Reply::OffsetCommit(refusal::offset_commit(request, code));
                return effects.reply(call.waiter, refused);
            }
        };
        let is_simple = !self.groups.contains_key(&group_id);
        if is_simple {
            self.groups.insert(group_id.clone(), ClassicGroup::new(group_id.clone(), call.now_ms));
        }
        let mut records = Vec::new();
        let mut response = OffsetCommitResponse::default();
        for topic in &request.topics {
            let name = topic.name.detached();
            let partitions = topic.partitions.iter().map(|partition| {
                let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
                let code = if self.is_metadata_too_large(metadata) {
                    ErrorCode::OffsetMetadataTooLarge
                } else {
                    let (group_id, topic_name) = (group_id.clone(), name.clone());
                    let partition_index = partition.partition_index;
                    let key = OffsetKey { group_id, topic: topic_name, partition: partition_index };
                    let value = committed(call.now_ms, request, topic.topic_id, partition);
                    records.push(GroupRecord::Offset { key, value: Some(value) });
                    ErrorCode::None
                };
                OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: code.code(),
                }
            });
            response.topics.push(OffsetCommitResponseTopic {
                partitions: partitions.collect(),
                name: topic.name.clone(),
                topic_id: topic.topic_id,
            });
        }
        let mut then =
            vec![Then::Answer { waiter: call.waiter, reply: Reply::OffsetCommit(response) }];
        if is_simple {
            then.push(Then::SimpleGroupCreated { group_id });
        }
        self.append(call.now_ms, records, then, effects);
    }

    /// Whether a commit is allowed; if so, the group's id.
    fn admit_commit(
        &mut self,
        call: &Call<'_>,
        request: &OffsetCommitRequest,
        effects: &mut Effects,
    ) -> Result<Str, ErrorCode> {
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return match (request.generation_id_or_member_epoch, call.version) {
                (i32::MIN..0, _) => Ok(request.group_id.detached()),
                (_, 9..) => Err(ErrorCode::GroupIdNotFound),
                _ => Err(ErrorCode::IllegalGeneration),
            };
        };
        group.validate_commit(
            &request.member_id,
            request.group_instance_id.as_ref(),
            request.generation_id_or_member_epoch,
        )?;
        if matches!(group.state(), GroupState::Stable | GroupState::PreparingRebalance) {
            let mut step = Step::new(call.now_ms, &self.config, &mut self.timers, effects);
            group.reset_session(&mut step, &request.member_id);
        }
        Ok(group.group_id().clone())
    }

    pub(super) fn is_metadata_too_large(&self, metadata: &str) -> bool {
        let limit = usize::try_from(self.config.offset_metadata_max).unwrap_or(0);
        metadata.len() > limit && metadata.encode_utf16().count() > limit
    }

    /// `OffsetFetch` for one group, in the shape of version 8: see [`offset_fetch`] for the others.
    /// Each topic comes with its name and, from version 10, its id.
    pub fn fetch_offsets(
        &mut self,
        call: &Call<'_>,
        group: OffsetFetchRequestGroup,
        require_stable: RequireStable,
        effects: &mut Effects,
    ) {
        let (waiter, version) = (call.waiter, call.version);
        if require_stable == RequireStable::Yes {
            // Another member may just have committed: its offset is waited for, as it may be that
            // of the last owner of the partition.
            if let Some(pending) = self.last_append_of(&group.group_id) {
                pending.then.push(Then::Fetch { waiter, version, group });
                return;
            }
        }
        let response = self.fetch(&group, require_stable);
        effects.reply(waiter, Reply::OffsetFetch(response));
    }

    /// Answers a fetch of stable offsets that was waiting, or lets it wait for what came since.
    pub(super) fn answer_fetch(
        &mut self,
        waiter: WaiterId,
        version: i16,
        group: OffsetFetchRequestGroup,
        effects: &mut Effects,
    ) {
        let call = Call { now_ms: 0, waiter, version, client_id: "", client_host: "" };
        self.fetch_offsets(&call, group, RequireStable::Yes, effects);
    }

    fn fetch(
        &self,
        group: &OffsetFetchRequestGroup,
        require_stable: RequireStable,
    ) -> OffsetFetchResponseGroup {
        let group_id = &group.group_id;
        let stored = self.hard.topics(group_id).filter(|_| self.groups.contains_key(group_id));
        let is_unstable = |topic: &Str, partition: i32| {
            let (group_id, topic) = (group_id.clone(), topic.clone());
            require_stable == RequireStable::Yes
                && self.hard.is_unstable(&OffsetKey { group_id, topic, partition })
        };
        let topics = match &group.topics {
            Some(topics) => topics
                .iter()
                .map(|topic| {
                    let offsets = stored.and_then(|topics| topics.get(&topic.name));
                    fetched_topic(topic, offsets, |partition| is_unstable(&topic.name, partition))
                })
                .collect(),
            None => stored
                .into_iter()
                .flatten()
                .filter_map(|(name, offsets)| {
                    let partition_indexes = offsets
                        .iter()
                        .filter(|(_, entry)| entry.committed().is_some())
                        .map(|(partition, _)| *partition)
                        .collect::<Vec<_>>();
                    let all = OffsetFetchRequestTopics {
                        name: name.clone(),
                        topic_id: Uuid::ZERO,
                        partition_indexes,
                    };
                    (!all.partition_indexes.is_empty()).then(|| {
                        fetched_topic(&all, Some(offsets), |partition| is_unstable(name, partition))
                    })
                })
                .collect(),
        };
        OffsetFetchResponseGroup { group_id: group_id.clone(), topics, error_code: 0 }
    }

    /// `OffsetDelete`. Topics and partitions that do not exist are answered by the caller.
    pub fn delete_offsets(
        &mut self,
        call: &Call<'_>,
        request: &OffsetDeleteRequest,
        effects: &mut Effects,
    ) {
        let group = match self.group_for_offset_delete(&request.group_id) {
            Ok(group) => group,
            Err(code) => {
                let refused = Reply::OffsetDelete(refusal::offset_delete(code));
                return effects.reply(call.waiter, refused);
            }
        };
        let mut records = Vec::new();
        let topics = request.topics.iter().map(|topic| {
            let subscribed = group.is_subscribed_to(&topic.name);
            let partitions = topic.partitions.iter().map(|partition| {
                let partition_index = partition.partition_index;
                let key = OffsetKey {
                    group_id: group.group_id().clone(),
                    topic: topic.name.clone(),
                    partition: partition_index,
                };
                let code =
                    if subscribed { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
                if !subscribed && (self.hard.latest(&key).is_some() || self.hard.is_unstable(&key))
                {
                    records.push(GroupRecord::Offset { key, value: None });
                }
                OffsetDeleteResponsePartition { partition_index, error_code: code.code() }
            });
            OffsetDeleteResponseTopic { name: topic.name.clone(), partitions: partitions.collect() }
        });
        let response = OffsetDeleteResponse { topics: topics.collect(), ..Default::default() };
        let then = Then::Answer { waiter: call.waiter, reply: Reply::OffsetDelete(response) };
        self.append(call.now_ms, records, vec![then], effects);
    }

    fn group_for_offset_delete(&self, group_id: &Str) -> Result<&ClassicGroup, ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let group = self.groups.get(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        if group.state() != GroupState::Empty && !group.uses_consumer_protocol() {
            return Err(ErrorCode::NonEmptyGroup);
        }
        Ok(group)
    }

    /// Deletes the offsets of a topic that no longer exists, in every group. Offsets of another
    /// topic that had its name are kept.
    pub fn remove_topic(
        &mut self,
        now_ms: i64,
        topic: &TopicName,
        topic_id: Uuid,
        effects: &mut Effects,
    ) {
        let name = Str::from(topic.as_str());
        let mut records = Vec::new();
        for (group_id, topics) in self.hard.offset_groups() {
            for (partition, entry) in topics.get(&name).into_iter().flatten() {
                let id = entry.latest().map(|offset| offset.topic_id);
                if id.is_some_and(|id| id.is_zero() || topic_id.is_zero() || id == topic_id) {
                    let (group_id, topic) = (group_id.clone(), name.clone());
                    let key = OffsetKey { group_id, topic, partition: *partition };
                    records.push(GroupRecord::Offset { key, value: None });
                }
            }
        }
        // One tombstone takes a key's offset and those that are pending.
        let pending = self.hard.transactional_keys().filter(|key| key.topic == name);
        let pending = pending.filter(|key| {
            let is_gone = |id: Uuid| id.is_zero() || topic_id.is_zero() || id == topic_id;
            self.hard.latest(key).is_none()
                && self.hard.pending(key).any(|offset| is_gone(offset.topic_id))
        });
        records.extend(pending.map(|key| GroupRecord::Offset { key: key.clone(), value: None }));
        self.append(now_ms, records, Vec::new(), effects);
    }
}

/// Whether an `OffsetFetch` refuses offsets that a transaction may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequireStable {
    /// Such offsets are answered with `UNSTABLE_OFFSET_COMMIT`.
    Yes,
    /// The last committed offset will do.
    No,
}

impl From<bool> for RequireStable {
    fn from(flag: bool) -> Self {
        if flag { Self::Yes } else { Self::No }
    }
}

fn committed(
    now_ms: i64,
    request: &OffsetCommitRequest,
    topic_id: Uuid,
    partition: &OffsetCommitRequestPartition,
) -> OffsetAndMetadata {
    let expire_timestamp_ms = match request.retention_time_ms {
        -1 => None,
        // -1 stands for "none" in the record: an expiry at -1 is one in the past like any other.
        retention_ms => Some(match now_ms.wrapping_add(retention_ms) {
            -1 => 0,
            timestamp => timestamp,
        }),
    };
    OffsetAndMetadata {
        committed_offset: Offset(partition.committed_offset),
        // The record of an offset with its own expiry is too old to hold an epoch, or an id.
        leader_epoch: match expire_timestamp_ms {
            None => LeaderEpoch(partition.committed_leader_epoch),
            Some(_) => LeaderEpoch::NONE,
        },
        metadata: partition.committed_metadata.as_ref().map(Str::detached).unwrap_or_default(),
        commit_timestamp_ms: now_ms,
        topic_id: if expire_timestamp_ms.is_none() { topic_id } else { Uuid::ZERO },
        expire_timestamp_ms,
    }
}

fn fetched_topic(
    topic: &OffsetFetchRequestTopics,
    offsets: Option<&PartitionOffsets>,
    is_unstable: impl Fn(i32) -> bool,
) -> OffsetFetchResponseTopics {
    let partitions = topic.partition_indexes.iter().map(|&partition_index| {
        if is_unstable(partition_index) {
            let code = ErrorCode::UnstableOffsetCommit;
            return offset_fetch::no_offset(partition_index, code);
        }
        let entry = offsets.and_then(|offsets| offsets.get(&partition_index));
        match entry.and_then(Versioned::committed) {
            // An offset of another topic of this name says nothing about this one.
            Some(offset)
                if offset.topic_id.is_zero()
                    || topic.topic_id.is_zero()
                    || offset.topic_id == topic.topic_id =>
            {
                OffsetFetchResponsePartitions {
                    partition_index,
                    committed_offset: offset.committed_offset.0,
                    committed_leader_epoch: offset.leader_epoch.0,
                    metadata: Some(offset.metadata.clone()),
                    error_code: 0,
                }
            }
            _ => offset_fetch::no_offset(partition_index, ErrorCode::None),
        }
    });
    OffsetFetchResponseTopics {
        partitions: partitions.collect(),
        name: topic.name.clone(),
        topic_id: topic.topic_id,
    }
}
