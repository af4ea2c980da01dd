//! Consumer groups: listed, described, deleted, their committed offsets read and written.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_types::{BrokerId, LeaderEpoch, Offset};
use ottla_wire::{
    Message, Reader, Str,
    describe_groups_response::DescribedGroup,
    messages::{
        ConsumerProtocolAssignment, DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest,
        OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    },
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_fetch_request::OffsetFetchRequestGroup,
    offset_fetch_response::{
        OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
        OffsetFetchResponseTopic, OffsetFetchResponseTopics,
    },
};

use super::{Admin, verdict};
use crate::{
    Error, ErrorKind, Result,
    client::{ANY, Lane},
};

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// The group.
    pub group_id: String,
    /// `consumer` for consumers.
    pub protocol_type: String,
    /// `Stable`, `Empty` …; empty where the broker does not say.
    pub state: String,
    /// `Classic`, `Consumer` …; empty where the broker does not say.
    pub group_type: String,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
}

/// A group in detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group.
    pub group_id: String,
    /// `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Dead`.
    pub state: String,
    /// `consumer` for consumers.
    pub protocol_type: String,
    /// The assignor in use.
    pub assignor: String,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// The id that it brought, if it is a static member.
    pub group_instance_id: Option<String>,
    /// What it calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// The partitions it reads, where the protocol is the consumers'.
    pub assignment: Vec<(String, i32)>,
}

/// What becomes of offsets that a transaction under way commits (KIP-447).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// The ones before are told.
    PassedOver,
    /// The transaction has to end first.
    WaitedFor,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the record before it, −1 if not known.
    pub leader_epoch: LeaderEpoch,
    /// What the committer noted.
    pub metadata: String,
}

/// Who commits: the member of a generation, or somebody outside of the group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committer {
    pub(crate) generation_id: i32,
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
}

impl Committer {
    pub(crate) const OUTSIDE: Self =
        Self { generation_id: -1, member_id: String::new(), group_instance_id: None };
}

/// A committed offset as it is told.
struct Row {
    topic: Str,
    partition: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: Option<Str>,
    error_code: i16,
}

fn rows_of(group: &OffsetFetchResponseGroup) -> Vec<Row> {
    let partitions = |topic: &OffsetFetchResponseTopics| {
        let name = topic.name.clone();
        let row = |it: &OffsetFetchResponsePartitions| Row {
            topic: name.clone(),
            partition: it.partition_index,
            offset: it.committed_offset,
            leader_epoch: it.committed_leader_epoch,
            metadata: it.metadata.clone(),
            error_code: it.error_code,
        };
        topic.partitions.iter().map(row).collect::<Vec<_>>()
    };
    group.topics.iter().flat_map(partitions).collect()
}

fn offsets_of(rows: Vec<Row>, what: impl Fn() -> String) -> Result<Offsets> {
    let mut offsets = Offsets::new();
    for row in rows {
        verdict(row.error_code, &what, None)?;
        if row.offset >= 0 {
            let metadata = row.metadata.as_deref().unwrap_or_default().to_owned();
            let (offset, leader_epoch) = (Offset(row.offset), LeaderEpoch(row.leader_epoch));
            let committed = CommittedOffset { offset, leader_epoch, metadata };
            offsets.insert((Arc::from(row.topic.as_str()), row.partition), committed);
        }
    }
    Ok(offsets)
}

impl GroupDescription {
    fn new(group: &DescribedGroup, coordinator: BrokerId) -> Self {
        let is_consumer = group.protocol_type == "consumer";
        let members = group.members.iter().map(|member| GroupMember {
            member_id: member.member_id.to_string(),
            group_instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            assignment: if is_consumer {
                assignment_of(&member.member_assignment)
            } else {
                Vec::new()
            },
        });
        Self {
            members: members.collect(),
            group_id: group.group_id.to_string(),
            state: group.group_state.to_string(),
            protocol_type: group.protocol_type.to_string(),
            assignor: group.protocol_data.to_string(),
            coordinator,
        }
    }
}

/// Offsets per partition.
pub(crate) type Offsets = BTreeMap<(Arc<str>, i32), CommittedOffset>;

impl Admin {
    /// Every group of the cluster.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        self.client.refresh().await?;
        let brokers: Vec<BrokerId> =
            self.client.topology().brokers.values().map(|b| b.id).collect();
        let mut groups = Vec::new();
        for broker in brokers {
            let to = (broker, Lane::Shared);
            let mut backoff = self.client.backoff();
            // A coordinator that has just started reads its groups first.
            let response = loop {
                let request = ListGroupsRequest::default();
                let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
                match verdict(response.error_code, || "cannot list groups".into(), None) {
                    Err(error) if error.is_retriable() => backoff.pause(error).await?,
                    verdict => break verdict.map(|()| response)?,
                }
            };
            groups.extend(response.groups.iter().map(|group| GroupListing {
                group_id: group.group_id.to_string(),
                protocol_type: group.protocol_type.to_string(),
                state: group.group_state.to_string(),
                group_type: group.group_type.to_string(),
                coordinator: broker,
            }));
        }
        Ok(groups)
    }

    /// One group with its members.
    pub async fn describe_group(&self, group_id: &str) -> Result<GroupDescription> {
        let build =
            || DescribeGroupsRequest { groups: vec![group_id.into()], ..Default::default() };
        let what = || format!("cannot describe group {group_id}");
        let mut backoff = self.client.backoff();
        let (coordinator, group) = loop {
            let coordinator = self.client.find_coordinator(group_id).await?;
            let to = (coordinator, Lane::Shared);
            let response = self.client.call(to, ANY, Duration::ZERO, |_| build()).await?;
            let Some(group) = response.groups.into_iter().next() else {
                return Err(Error::new(ErrorKind::Protocol, what(), "the answer is empty"));
            };
            match verdict(group.error_code, what, group.error_message.as_deref()) {
                Err(error) if error.is_retriable() => backoff.pause(error).await?,
                verdict => break verdict.map(|()| (coordinator, group))?,
            }
        };
        Ok(GroupDescription::new(&group, coordinator))
    }

    /// Groups of one coordinator with their members; a group that cannot be described, as one of
    /// another type, is left out.
    pub async fn describe_groups(
        &self,
        coordinator: BrokerId,
        group_ids: &[String],
    ) -> Result<Vec<GroupDescription>> {
        let groups = group_ids.iter().map(|id| id.as_str().into()).collect();
        let request = DescribeGroupsRequest { groups, ..Default::default() };
        let to = (coordinator, Lane::Shared);
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        let described = response.groups.iter().filter(|group| group.error_code == 0);
        Ok(described.map(|group| GroupDescription::new(group, coordinator)).collect())
    }

    /// Deletes groups without members, with their offsets.
    pub async fn delete_groups(&self, group_ids: &[String]) -> Result<Vec<(String, Result<()>)>> {
        let mut results = Vec::new();
        for group_id in group_ids {
            let request = DeleteGroupsRequest { groups_names: vec![group_id.into()] };
            let to = (self.client.find_coordinator(group_id).await?, Lane::Shared);
            let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
            let result = match response.results.first() {
                Some(it) => {
                    let what = || format!("cannot delete group {group_id}");
                    verdict(it.error_code, what, it.error_message.as_deref())
                }
                None => Ok(()),
            };
            results.push((group_id.clone(), result));
        }
        Ok(results)
    }

    /// The offsets that a group committed, of all partitions. Of those that a transaction under way
    /// commits anew, the ones before, as Kafka's tools show them.
    pub async fn list_group_offsets(&self, group_id: &str) -> Result<Offsets> {
        self.group_offsets(group_id, Pending::PassedOver).await
    }

    /// The same, with or without the wait.
    pub(crate) async fn group_offsets(&self, group_id: &str, pending: Pending) -> Result<Offsets> {
        let mut backoff = self.client.backoff();
        loop {
            match self.ask_group_offsets(group_id, pending).await {
                Err(error) if error.is_retriable() => backoff.pause(error).await?,
                done => return done,
            }
        }
    }

    async fn ask_group_offsets(&self, group_id: &str, pending: Pending) -> Result<Offsets> {
        let to = (self.client.find_coordinator(group_id).await?, Lane::Shared);
        // From version 10 on topics have ids only; 9 has the same meaning with names.
        let build = |version| {
            let require_stable = pending == Pending::WaitedFor && version >= 7;
            let mut request = OffsetFetchRequest { require_stable, ..Default::default() };
            if version >= 8 {
                request.groups = vec![OffsetFetchRequestGroup {
                    group_id: group_id.into(),
                    topics: None,
                    ..OffsetFetchRequestGroup::default()
                }];
            } else {
                request.group_id = group_id.into();
                request.topics = None;
            }
            request
        };
        let response = self.client.call(to, 2..=9, Duration::ZERO, build).await?;
        let what = || format!("cannot read the offsets of group {group_id}");
        if let Some(group) = response.groups.first() {
            verdict(group.error_code, what, None)?;
            return offsets_of(rows_of(group), what);
        }
        verdict(response.error_code, what, None)?;
        let partitions = |topic: &OffsetFetchResponseTopic| {
            let name = topic.name.clone();
            let row = |it: &OffsetFetchResponsePartition| Row {
                topic: name.clone(),
                partition: it.partition_index,
                offset: it.committed_offset,
                leader_epoch: it.committed_leader_epoch,
                metadata: it.metadata.clone(),
                error_code: it.error_code,
            };
            topic.partitions.iter().map(row).collect::<Vec<_>>()
        };
        let rows = response.topics.iter().flat_map(partitions).collect();
        offsets_of(rows, what)
    }

    /// The offsets that groups of one coordinator have committed. Groups whose offsets cannot be
    /// told now are left out.
    pub async fn list_offsets_of_groups(
        &self,
        coordinator: BrokerId,
        group_ids: &[String],
    ) -> Result<BTreeMap<String, Offsets>> {
        let groups = group_ids.iter().map(|id| OffsetFetchRequestGroup {
            group_id: id.as_str().into(),
            topics: None,
            ..OffsetFetchRequestGroup::default()
        });
        let request = OffsetFetchRequest { groups: groups.collect(), ..Default::default() };
        let to = (coordinator, Lane::Shared);
        let response = match self.client.call(to, 8..=9, Duration::ZERO, |_| request).await {
            // Such a broker tells them one group at a time.
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let mut all = BTreeMap::new();
                for id in group_ids {
                    all.insert(id.clone(), self.list_group_offsets(id).await?);
                }
                return Ok(all);
            }
            response => response?,
        };
        let groups = response.groups.iter().filter(|group| group.error_code == 0);
        let named = groups.filter_map(|group| {
            let id = group.group_id.to_string();
            let what = || format!("cannot read the offsets of group {id}");
            let offsets = offsets_of(rows_of(group), what).ok()?;
            Some((id, offsets))
        });
        Ok(named.collect())
    }

    /// Sets offsets of a group that has no members.
    pub async fn alter_group_offsets(&self, group_id: &str, offsets: &Offsets) -> Result<()> {
        self.commit(group_id, &Committer::OUTSIDE, offsets).await
    }

    pub(crate) async fn commit(
        &self,
        group_id: &str,
        committer: &Committer,
        offsets: &Offsets,
    ) -> Result<()> {
        let mut backoff = self.client.backoff();
        loop {
            match self.commit_once(group_id, committer, offsets).await {
                Err(error) if error.is_retriable() => backoff.pause(error).await?,
                done => return done,
            }
        }
    }

    async fn commit_once(
        &self,
        group_id: &str,
        committer: &Committer,
        offsets: &Offsets,
    ) -> Result<()> {
        let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
        for ((name, partition), committed) in offsets {
            let item = OffsetCommitRequestPartition {
                partition_index: *partition,
                committed_offset: committed.offset.0,
                committed_leader_epoch: committed.leader_epoch.0,
                committed_metadata: Some((&committed.metadata).into()),
            };
            match topics.last_mut().filter(|topic| topic.name == **name) {
                Some(topic) => topic.partitions.push(item),
                None => topics.push(OffsetCommitRequestTopic {
                    name: (&**name).into(),
                    partitions: vec![item],
                    ..OffsetCommitRequestTopic::default()
                }),
            }
        }
        let build = |version| OffsetCommitRequest {
            group_id: group_id.into(),
            generation_id_or_member_epoch: committer.generation_id,
            member_id: (&committer.member_id).into(),
            group_instance_id: committer
                .group_instance_id
                .as_ref()
                .filter(|_| version >= 7)
                .map(Into::into),
            topics,
            ..OffsetCommitRequest::default()
        };
        let to = (self.client.find_coordinator(group_id).await?, Lane::Shared);
        let response = self.client.call(to, 2..=9, Duration::ZERO, build).await?;
        for topic in &response.topics {
            for it in &topic.partitions {
                let what = || {
                    let (name, partition) = (&topic.name, it.partition_index);
                    format!("cannot commit {name}-{partition} for group {group_id}")
                };
                verdict(it.error_code, what, None)?;
            }
        }
        Ok(())
    }

    /// Forgets committed offsets of a group, each partition by itself.
    pub async fn delete_group_offsets(
        &self,
        group_id: &str,
        partitions: &[(String, i32)],
    ) -> Result<Vec<(String, i32, Result<()>)>> {
        let mut topics: Vec<OffsetDeleteRequestTopic> = Vec::new();
        for (name, partition) in partitions {
            let item = OffsetDeleteRequestPartition { partition_index: *partition };
            if let Some(topic) = topics.iter_mut().find(|topic| topic.name == *name.as_str()) {
                topic.partitions.push(item);
            } else {
                let (name, partitions) = (name.into(), vec![item]);
                topics.push(OffsetDeleteRequestTopic { name, partitions });
            }
        }
        let request = OffsetDeleteRequest { group_id: group_id.into(), topics };
        let to = (self.client.find_coordinator(group_id).await?, Lane::Shared);
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        let what = || format!("cannot delete offsets of group {group_id}");
        verdict(response.error_code, what, None)?;
        let mut results = Vec::new();
        for topic in &response.topics {
            for it in &topic.partitions {
                let result = verdict(it.error_code, what, None);
                results.push((topic.name.to_string(), it.partition_index, result));
            }
        }
        Ok(results)
    }
}

/// Reads the consumers' assignment: a version, then the partitions. Empty where it cannot be read.
pub(crate) fn assignment_of(bytes: &bytes::Bytes) -> Vec<(String, i32)> {
    let mut reader = Reader::new(bytes.clone());
    let Ok(version) = reader.get_i16() else { return Vec::new() };
    let newest = *ConsumerProtocolAssignment::VERSIONS.end();
    let decoded = ConsumerProtocolAssignment::decode(&mut reader, version.clamp(0, newest));
    let Ok(assignment) = decoded else { return Vec::new() };
    let partitions = assignment.assigned_partitions.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (topic.topic.to_string(), *partition))
    });
    partitions.collect()
}
