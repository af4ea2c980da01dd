//! Partitions and their replicas: elections, reassignments, and who may lead.
//!
//! Kafka: `Admin.electLeaders`, `alterPartitionReassignments`, `listPartitionReassignments`.

use std::{collections::BTreeMap, time::Duration};

use ottla_types::BrokerId;
use ottla_wire::{
    alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
    describe_topic_partitions_request::{Cursor, TopicRequest},
    elect_leaders_request::TopicPartitions,
    list_partition_reassignments_request::ListPartitionReassignmentsTopics,
    messages::{
        AlterPartitionReassignmentsRequest, DescribeTopicPartitionsRequest, ElectLeadersRequest,
        ListPartitionReassignmentsRequest,
    },
};

use super::{Admin, verdict};
use crate::{
    ErrorKind, Result,
    client::{ANY, Lane},
};

/// Which replica is to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// The first of the replicas, where it is in sync.
    Preferred,
    /// Any live replica where no leader is left, even one that lacks records.
    Unclean,
}

/// A partition whose replicas are being exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionReassignment {
    /// All brokers that have a replica or get one.
    pub replicas: Vec<BrokerId>,
    /// Those that get one.
    pub adding: Vec<BrokerId>,
    /// Those that lose theirs.
    pub removing: Vec<BrokerId>,
}

/// Replicas that are not in sync and may lead all the same (KIP-966); `None` where the broker does
/// not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EligibleReplicas {
    /// Those that have every committed record.
    pub eligible: Option<Vec<BrokerId>>,
    /// Those that had when the last of them was lost.
    pub last_known: Option<Vec<BrokerId>>,
}

/// What holds for each partition, by topic and number.
type ByPartition<T> = BTreeMap<(String, i32), T>;

impl Admin {
    /// Elects leaders of these partitions, or of all (`None`). Each is answered by itself; where
    /// all were asked for, those that need no election are left out.
    pub async fn elect_leaders(
        &self,
        election: Election,
        partitions: Option<&[(String, i32)]>,
    ) -> Result<ByPartition<Result<()>>> {
        let topics = partitions.map(|partitions| {
            let by_topic = by_topic(partitions).into_iter();
            let topics = by_topic
                .map(|(topic, partitions)| TopicPartitions { topic: topic.into(), partitions });
            topics.collect()
        });
        let request = ElectLeadersRequest {
            election_type: i8::from(election == Election::Unclean),
            topic_partitions: topics,
            timeout_ms: self.client.broker_timeout_ms(),
        };
        let to = (self.controller().await?, Lane::Shared);
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        verdict(response.error_code, || "cannot elect leaders".to_owned(), None)?;
        let mut results = BTreeMap::new();
        for topic in &response.replica_election_results {
            for it in &topic.partition_result {
                let what =
                    || format!("cannot elect a leader of {}-{}", topic.topic, it.partition_id);
                let result = verdict(it.error_code, what, it.error_message.as_deref());
                results.insert((topic.topic.to_string(), it.partition_id), result);
            }
        }
        Ok(results)
    }

    /// Gives partitions other replicas; `None` cancels what is under way.
    pub async fn alter_reassignments(
        &self,
        wanted: &ByPartition<Option<Vec<BrokerId>>>,
    ) -> Result<ByPartition<Result<()>>> {
        let mut topics: Vec<ReassignableTopic> = Vec::new();
        for ((name, partition), replicas) in wanted {
            let replicas = replicas.as_ref().map(|ids| ids.iter().map(|id| id.0).collect());
            let item = ReassignablePartition { partition_index: *partition, replicas };
            match topics.last_mut() {
                Some(topic) if topic.name == *name.as_str() => topic.partitions.push(item),
                _ => topics.push(ReassignableTopic { name: name.into(), partitions: vec![item] }),
            }
        }
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: self.client.broker_timeout_ms(),
            topics,
            ..AlterPartitionReassignmentsRequest::default()
        };
        let to = (self.controller().await?, Lane::Shared);
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        let what = || "cannot reassign partitions".to_owned();
        verdict(response.error_code, what, response.error_message.as_deref())?;
        let mut results = BTreeMap::new();
        for topic in &response.responses {
            for it in &topic.partitions {
                let what = || format!("cannot reassign {}-{}", topic.name, it.partition_index);
                let result = verdict(it.error_code, what, it.error_message.as_deref());
                results.insert((topic.name.to_string(), it.partition_index), result);
            }
        }
        Ok(results)
    }

    /// The reassignments under way, of these partitions or of all.
    pub async fn list_reassignments(
        &self,
        partitions: Option<&[(String, i32)]>,
    ) -> Result<ByPartition<PartitionReassignment>> {
        let topics = partitions.map(|partitions| {
            let topics = by_topic(partitions).into_iter();
            let topics = topics.map(|(name, partition_indexes)| ListPartitionReassignmentsTopics {
                name: name.into(),
                partition_indexes,
            });
            topics.collect()
        });
        let request = ListPartitionReassignmentsRequest {
            timeout_ms: self.client.broker_timeout_ms(),
            topics,
        };
        let to = (self.controller().await?, Lane::Shared);
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        let what = || "cannot list reassignments".to_owned();
        verdict(response.error_code, what, response.error_message.as_deref())?;
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
        let moves = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |it| {
                let moved = PartitionReassignment {
                    replicas: ids(&it.replicas),
                    adding: ids(&it.adding_replicas),
                    removing: ids(&it.removing_replicas),
                };
                ((topic.name.to_string(), it.partition_index), moved)
            })
        });
        Ok(moves.collect())
    }

    /// Who may lead the partitions of these topics without being in sync; `None` from brokers that
    /// cannot say.
    pub async fn eligible_replicas(
        &self,
        topics: &[String],
    ) -> Result<Option<ByPartition<EligibleReplicas>>> {
        let mut names: Vec<&String> = topics.iter().collect();
        names.sort_unstable();
        let mut found = BTreeMap::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let build = |_| DescribeTopicPartitionsRequest {
                topics: names.iter().map(|name| TopicRequest { name: (*name).into() }).collect(),
                cursor: cursor.clone(),
                ..DescribeTopicPartitionsRequest::default()
            };
            let response = match self.client.call_any(ANY, build).await {
                Ok(response) => response,
                Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(None),
                Err(error) => return Err(error),
            };
            for topic in &response.topics {
                let name = topic.name.as_deref().unwrap_or_default();
                for it in &topic.partitions {
                    let ids = |ids: &Option<Vec<i32>>| {
                        ids.as_ref().map(|ids| ids.iter().copied().map(BrokerId).collect())
                    };
                    let replicas = EligibleReplicas {
                        eligible: ids(&it.eligible_leader_replicas),
                        last_known: ids(&it.last_known_elr),
                    };
                    found.insert((name.to_owned(), it.partition_index), replicas);
                }
            }
            let Some(next) = response.next_cursor else { return Ok(Some(found)) };
            names.retain(|name| name.as_str() >= next.topic_name.as_str());
            let partition_index = next.partition_index;
            cursor = Some(Cursor { topic_name: next.topic_name, partition_index });
        }
    }
}

fn by_topic(partitions: &[(String, i32)]) -> BTreeMap<&str, Vec<i32>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    topics
}
