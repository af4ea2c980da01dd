//! What a client knows of its cluster: brokers, topics, partitions and who leads them.
//!
//! Invariant: a [`Topology`] never changes; a refresh makes a new one.
//! Kafka: `org.apache.kafka.clients.MetadataSnapshot`, `org.apache.kafka.common.Cluster`.

use std::{collections::BTreeMap, sync::Arc};

use ottla_types::{BrokerId, ErrorCode, LeaderEpoch, Uuid};
use ottla_wire::{messages::MetadataResponse, metadata_response::MetadataResponseTopic};

use crate::{Error, Result};

/// One broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: BrokerId,
    /// The host name it advertises.
    pub host: String,
    /// The port it advertises.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

impl Broker {
    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        address_of(&self.host, self.port)
    }
}

pub(crate) fn address_of(host: &str, port: i32) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// One partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    /// The partition's number.
    pub partition: i32,
    /// The broker that leads it, −1 if none does.
    pub leader: BrokerId,
    /// How often leadership changed, −1 if not known.
    pub leader_epoch: LeaderEpoch,
    /// The brokers that hold a copy; the first is the preferred leader.
    pub replicas: Vec<BrokerId>,
    /// The replicas that are in sync.
    pub isr: Vec<BrokerId>,
    /// The replicas that are offline.
    pub offline_replicas: Vec<BrokerId>,
    /// What is wrong with the partition, if anything.
    pub error: ErrorCode,
}

impl PartitionInfo {
    /// Whether a broker leads it.
    pub(crate) const fn is_led(&self) -> bool {
        self.leader.0 >= 0
    }
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// The name.
    pub name: Arc<str>,
    /// The id, zero from brokers before 2.8.
    pub topic_id: Uuid,
    /// Whether Kafka keeps its own data there.
    pub is_internal: bool,
    /// The partitions, by number.
    pub partitions: BTreeMap<i32, PartitionInfo>,
    /// What is wrong with the topic, if anything.
    pub error: ErrorCode,
}

impl TopicInfo {
    /// How many partitions it has.
    pub(crate) fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    /// A topic whose partitions are led by these brokers, −1 for none.
    #[cfg(test)]
    pub(crate) fn led_by(leaders: &[i32]) -> Self {
        let partition = |(partition, leader): (i32, &i32)| PartitionInfo {
            partition,
            leader: BrokerId(*leader),
            leader_epoch: LeaderEpoch(0),
            replicas: vec![BrokerId(1)],
            isr: vec![BrokerId(1)],
            offline_replicas: Vec::new(),
            error: ErrorCode::None,
        };
        let partitions = (0..).zip(leaders).map(partition).map(|it| (it.partition, it)).collect();
        let name = Arc::from("t");
        let (topic_id, is_internal, error) = (Uuid::ZERO, false, ErrorCode::None);
        Self { name, topic_id, is_internal, partitions, error }
    }
}

/// A picture of the cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The broker to send controller requests to, −1 if not known.
    pub controller_id: BrokerId,
    /// The brokers, by id.
    pub brokers: BTreeMap<i32, Broker>,
    /// The topics that were asked for, by name.
    pub topics: BTreeMap<Arc<str>, Arc<TopicInfo>>,
}

impl Topology {
    /// The topic with this id.
    pub fn topic_by_id(&self, topic_id: Uuid) -> Option<&Arc<TopicInfo>> {
        self.topics.values().find(|topic| topic.topic_id == topic_id)
    }

    /// The leader of a partition and its epoch, if a leader is known.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<(BrokerId, LeaderEpoch)> {
        let partition = self.topics.get(topic)?.partitions.get(&partition)?;
        partition.is_led().then_some((partition.leader, partition.leader_epoch))
    }

    /// The leader of a partition for what cannot be done without it; Kafka's code says what is
    /// missing, the partition or its leader.
    pub(crate) fn leader_of(
        &self,
        topic: &str,
        partition: i32,
        what: impl FnOnce() -> String,
    ) -> Result<BrokerId> {
        let found = self.topics.get(topic).and_then(|topic| topic.partitions.get(&partition));
        let code = match found {
            Some(found) if found.is_led() => return Ok(found.leader),
            Some(_) => ErrorCode::LeaderNotAvailable,
            None => ErrorCode::UnknownTopicOrPartition,
        };
        Err(Error::broker(code, what(), None))
    }

    /// This picture with a response laid over it. `all` says that the response names every topic.
    pub(crate) fn with(&self, response: &MetadataResponse, all: bool) -> Self {
        let brokers = response.brokers.iter().map(|broker| {
            let rack = broker.rack.as_ref().map(ToString::to_string);
            let id = BrokerId(broker.node_id);
            (broker.node_id, Broker { id, host: broker.host.to_string(), port: broker.port, rack })
        });
        let mut topics = if all { BTreeMap::new() } else { self.topics.clone() };
        for topic in &response.topics {
            let Some(info) = topic_info(topic) else { continue };
            if info.error.is_error() && info.partitions.is_empty() {
                topics.remove(&info.name);
            } else {
                topics.insert(info.name.clone(), Arc::new(info));
            }
        }
        Self {
            cluster_id: response.cluster_id.as_ref().map(ToString::to_string),
            controller_id: BrokerId(response.controller_id),
            brokers: brokers.collect(),
            topics,
        }
    }

    /// This picture without one topic.
    pub(crate) fn without(&self, topic: &str) -> Self {
        let mut other = self.clone();
        other.topics.remove(topic);
        other
    }
}

pub(crate) fn topic_info(topic: &MetadataResponseTopic) -> Option<TopicInfo> {
    let name = topic.name.as_ref()?;
    let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
    let partitions = topic.partitions.iter().map(|partition| {
        let info = PartitionInfo {
            partition: partition.partition_index,
            leader: BrokerId(partition.leader_id),
            leader_epoch: LeaderEpoch(partition.leader_epoch),
            replicas: ids(&partition.replica_nodes),
            isr: ids(&partition.isr_nodes),
            offline_replicas: ids(&partition.offline_replicas),
            error: ErrorCode::from_code(partition.error_code),
        };
        (info.partition, info)
    });
    Some(TopicInfo {
        name: Arc::from(name.as_str()),
        topic_id: topic.topic_id,
        is_internal: topic.is_internal,
        partitions: partitions.collect(),
        error: ErrorCode::from_code(topic.error_code),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_host_gets_brackets() {
        assert_eq!(address_of("::1", 9092), "[::1]:9092");
        assert_eq!(address_of("localhost", 9092), "localhost:9092");
    }
}
