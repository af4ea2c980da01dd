//! Groups: who is in them, how far they have read, and how far that is behind.
//!
//! Kafka: `ListGroups`, `DescribeGroups`, `OffsetFetch`.

use std::collections::HashMap;

use ottla_coordinator::{GroupLook, GroupState};
use ottla_types::Offset;
use ottla_wire::Str;

use super::Views;

/// A group in a list.
#[derive(Clone, Debug)]
pub struct GroupSummary {
    /// Its id.
    pub group_id: String,
    /// Where it stands.
    pub state: GroupState,
    /// `consumer` for consumers; empty where nobody has said.
    pub protocol_type: String,
    /// How many members it has.
    pub members: usize,
    /// The topics that it has committed offsets of.
    pub topics: Vec<String>,
    /// How many partitions those offsets are of.
    pub partitions: usize,
    /// Records between its offsets and the high watermarks; `None` without offsets.
    pub lag: Option<u64>,
}

/// An offset that a group has committed.
#[derive(Clone, Debug)]
pub struct CommittedView {
    /// Of which topic.
    pub topic: String,
    /// Of which partition.
    pub partition: i32,
    /// The next offset to read.
    pub committed_offset: Offset,
    /// What the committer noted; `None` where that is not known any more.
    pub metadata: Option<String>,
    /// When, in ms.
    pub commit_ms: i64,
}

/// High watermarks, looked up once per topic.
struct Ends<'a> {
    views: &'a Views,
    topics: HashMap<Str, Vec<Option<Offset>>>,
}

impl Ends<'_> {
    fn lag(&mut self, topic: &Str, partition: i32, committed: Offset) -> Option<u64> {
        if !self.topics.contains_key(topic) {
            let hosted = self.views.shared.partitions.topic(topic);
            let ends = hosted.map(|topic| {
                let replicas = topic.replicas().iter();
                replicas.map(|it| it.online().map(|it| it.high_watermark())).collect()
            });
            self.topics.insert(topic.clone(), ends.unwrap_or_default());
        }
        let place = usize::try_from(partition).ok()?;
        let end = self.topics.get(topic)?.get(place).copied().flatten()?;
        u64::try_from(end.get().saturating_sub(committed.get())).ok().or(Some(0))
    }
}

impl Views {
    /// Every group of the shards that are loaded.
    pub fn groups(&self) -> Vec<GroupSummary> {
        let mut groups = Vec::new();
        let mut ends = Ends { views: self, topics: HashMap::new() };
        self.shared.groups.look_at_all(|shard| {
            shard.each_group(|group_id, state, protocol_type, members| {
                let mut summary = GroupSummary {
                    group_id: group_id.to_string(),
                    state,
                    protocol_type: protocol_type.map(ToString::to_string).unwrap_or_default(),
                    members,
                    topics: Vec::new(),
                    partitions: 0,
                    lag: None,
                };
                shard.each_offset(group_id, |topic, partition, committed| {
                    if summary.topics.last().is_none_or(|last| last.as_str() != topic.as_str()) {
                        summary.topics.push(topic.to_string());
                    }
                    summary.partitions += 1;
                    if let Some(lag) = ends.lag(topic, partition, committed.committed_offset) {
                        summary.lag = Some(summary.lag.unwrap_or(0).saturating_add(lag));
                    }
                });
                groups.push(summary);
            });
        });
        groups
    }

    /// Members by what they call themselves, with their groups; at most `max`.
    pub fn members(&self, max: usize) -> Vec<(String, String)> {
        let mut members = Vec::new();
        self.shared.groups.look_at_all(|shard| {
            shard.each_member(|group_id, client_id| {
                if members.len() < max {
                    members.push((client_id.to_string(), group_id.to_string()));
                }
            });
        });
        members
    }

    /// One group, with its committed offsets; `None` where there is none.
    pub fn group(&self, group_id: &str) -> Option<(GroupLook, Vec<CommittedView>)> {
        self.shared.groups.look(group_id, |shard| {
            let look = shard.look(group_id)?;
            let mut offsets = Vec::new();
            shard.each_offset(&look.group_id, |topic, partition, committed| {
                offsets.push(CommittedView {
                    topic: topic.to_string(),
                    partition,
                    committed_offset: committed.committed_offset,
                    metadata: Some(committed.metadata.to_string()),
                    commit_ms: committed.commit_timestamp_ms,
                });
            });
            Some((look, offsets))
        })?
    }

    /// The positions in a topic of the groups that read it, at most `max` groups, by id.
    pub fn positions(&self, topic: &str, max: usize) -> Vec<(String, Vec<(i32, Offset)>)> {
        let mut found = Vec::new();
        self.shared.groups.look_at_all(|shard| {
            for group_id in shard.readers_of(topic) {
                let mut positions = Vec::new();
                shard.each_offset(&group_id, |name, partition, committed| {
                    if name.as_str() == topic {
                        positions.push((partition, committed.committed_offset));
                    }
                });
                found.push((group_id.to_string(), positions));
            }
        });
        found.sort();
        found.truncate(max);
        found
    }
}
