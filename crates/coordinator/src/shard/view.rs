//! Groups for whoever looks at them from outside.
//!
//! Kafka: `DescribeGroups` and `OffsetFetch`, and what they leave out.

use bytes::Bytes;
use ottla_wire::Str;

use super::GroupShard;
use crate::{
    classic::{ClassicGroup, GroupState},
    record::OffsetAndMetadata,
};

/// A group.
#[derive(Clone, Debug)]
pub struct GroupLook {
    /// Its id.
    pub group_id: Str,
    /// Where it stands.
    pub state: GroupState,
    /// When it came to stand there, in ms.
    pub since_ms: Option<i64>,
    /// `consumer` for consumers.
    pub protocol_type: Option<Str>,
    /// The assignor in use.
    pub protocol_name: Option<Str>,
    /// How often its members were given partitions.
    pub generation_id: i32,
    /// Its members, by id.
    pub members: Vec<MemberLook>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberLook {
    /// The id that it was given.
    pub member_id: Str,
    /// The id that it brought, if it is a static member.
    pub group_instance_id: Option<Str>,
    /// What it calls itself.
    pub client_id: Str,
    /// Where it comes from.
    pub client_host: Str,
    /// Whether it decides who reads what.
    pub is_leader: bool,
    /// What it was told to read, as the protocol has it.
    pub assignment: Bytes,
}

impl GroupShard {
    /// Every group with its state, its protocol's type and how many members it has.
    pub fn each_group(&self, mut look: impl FnMut(&Str, GroupState, Option<&Str>, usize)) {
        for group in self.groups.values() {
            look(group.group_id(), group.state(), group.protocol_type(), group.member_count());
        }
    }

    /// Every member with its group and what it calls itself.
    pub fn each_member(&self, mut look: impl FnMut(&Str, &Str)) {
        for group in self.groups.values() {
            group.each_client(|client_id| look(group.group_id(), client_id));
        }
    }

    /// One group.
    pub fn look(&self, group_id: &str) -> Option<GroupLook> {
        let group = self.groups.get(&Str::from(group_id))?;
        Some(group.look())
    }

    /// The committed offsets of a group that are safe.
    pub fn each_offset(&self, group_id: &Str, mut look: impl FnMut(&Str, i32, &OffsetAndMetadata)) {
        for (topic, partitions) in self.hard.topics(group_id).into_iter().flatten() {
            for (partition, entry) in partitions {
                if let Some(committed) = entry.committed() {
                    look(topic, *partition, committed);
                }
            }
        }
    }

    /// The groups that have committed offsets of a topic.
    pub fn readers_of(&self, topic: &str) -> Vec<Str> {
        let topic = Str::from(topic);
        let readers = self.hard.offset_groups().filter(|(_, topics)| topics.contains_key(&topic));
        readers.map(|(group_id, _)| group_id.clone()).collect()
    }

    /// The groups that have members which read a topic.
    pub fn subscribers_of(&self, topic: &str) -> Vec<Str> {
        let topic = Str::from(topic);
        let reads =
            |group: &&ClassicGroup| group.member_count() > 0 && group.is_subscribed_to(&topic);
        self.groups.values().filter(reads).map(|group| group.group_id().clone()).collect()
    }
}

impl ClassicGroup {
    fn look(&self) -> GroupLook {
        GroupLook {
            group_id: self.group_id().clone(),
            state: self.state(),
            since_ms: self.current_state_timestamp_ms(),
            protocol_type: self.protocol_type().cloned(),
            protocol_name: self.protocol_name().cloned(),
            generation_id: self.generation_id(),
            members: self.member_looks(),
        }
    }
}
