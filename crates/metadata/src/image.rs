//! The cluster's state as the metadata log has it, cheap to clone and to keep.
//!
//! Invariants: only [`Image::replay`] changes an image; a clone shares every topic, partition and
//! resource that has not changed since; the same records give the same image, and so do the
//! records of [`Image::to_records`].
//!
//! Kafka: `MetadataImage`, `TopicsImage`, `ClusterImage`, `ConfigurationsImage`, `FeaturesImage`.

mod delta;
mod kept;
mod registration;
mod replay;
mod resource;
mod snapshot;
mod topic;

use std::{collections::BTreeMap, sync::Arc};

use ottla_config::Properties;
use ottla_types::{BrokerId, TopicName, Uuid};
use ottla_wire::register_controller_record::RegisterControllerRecord;

pub use delta::Delta;
use kept::Kept;
pub use registration::{Endpoint, FeatureRange, Registration};
pub use replay::ReplayError;
pub use resource::{ConfigResource, ResourceType};
pub(crate) use topic::raw_ids;
pub use topic::{LeaderRecoveryState, Partition, Topic};

use crate::{MetadataRecord, feature};

/// What the metadata log says, up to some offset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    topics: Arc<BTreeMap<TopicName, Arc<Topic>>>,
    topic_names: Arc<BTreeMap<Uuid, TopicName>>,
    configs: Arc<BTreeMap<ConfigResource, Arc<Properties>>>,
    features: Arc<BTreeMap<String, i16>>,
    brokers: Arc<BTreeMap<BrokerId, Arc<Registration>>>,
    controllers: Arc<BTreeMap<i32, RegisterControllerRecord>>,
    producer_ids: ProducerIds,
    kept: Arc<Kept>,
    /// The records of a transaction that has begun and not ended.
    pending: Option<Vec<MetadataRecord>>,
}

/// The producer ids given out so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerIds {
    /// The first producer id that no broker has been given.
    pub next_producer_id: i64,
    /// The broker that was given the last block.
    pub broker_id: BrokerId,
    /// That broker's epoch when it was.
    pub broker_epoch: i64,
}

/// What a resource has that nobody configured.
static NO_OVERRIDES: Properties = Properties::new();

impl Image {
    /// An image of an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The image that these records give.
    pub fn from_records<'a>(
        records: impl IntoIterator<Item = &'a MetadataRecord>,
    ) -> Result<Self, ReplayError> {
        let mut image = Self::new();
        for record in records {
            image.replay(record)?;
        }
        Ok(image)
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic with this id.
    pub fn topic_by_id(&self, topic_id: Uuid) -> Option<&Arc<Topic>> {
        self.topics.get(self.topic_names.get(&topic_id)?)
    }

    /// The partition of the topic of this name.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&Arc<Partition>> {
        self.topic(topic)?.partition(partition)
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// The topics whose name is this one or a later one, by name.
    pub fn topics_from<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<Topic>> {
        use std::ops::Bound;
        self.topics
            .range::<str, _>((Bound::Included(name), Bound::Unbounded))
            .map(|(_, topic)| topic)
    }

    /// A topic whose name would clash with this one in the names of metrics.
    pub fn colliding_topic(&self, name: &TopicName) -> Option<&Arc<Topic>> {
        if !name.contains(['.', '_']) {
            return None;
        }
        let key = name.collision_key();
        let collides = |topic: &&Arc<Topic>| {
            topic.name != *name
                && topic.name.len() == key.len()
                && topic.name.collision_key() == key
        };
        self.topics().find(collides)
    }

    /// What is configured for a resource, without what it inherits.
    pub fn overrides(&self, resource: &ConfigResource) -> &Properties {
        self.configs.get(resource).map_or(&NO_OVERRIDES, Arc::as_ref)
    }

    /// What is configured for a topic itself.
    pub fn topic_overrides(&self, topic: &str) -> &Properties {
        self.overrides(&ConfigResource::topic(topic))
    }

    /// What is configured for one broker while it runs.
    pub fn broker_overrides(&self, broker_id: BrokerId) -> &Properties {
        self.overrides(&ConfigResource::broker(broker_id))
    }

    /// What is configured for all brokers of the cluster while they run.
    pub fn cluster_overrides(&self) -> &Properties {
        self.overrides(&ConfigResource::cluster())
    }

    /// What is configured for a group itself.
    pub fn group_overrides(&self, group_id: &str) -> &Properties {
        self.overrides(&ConfigResource::group(group_id))
    }

    /// Every resource with something configured, and what.
    pub fn configured(&self) -> impl ExactSizeIterator<Item = (&ConfigResource, &Properties)> {
        self.configs.iter().map(|(resource, properties)| (resource, properties.as_ref()))
    }

    /// The finalized level of a feature; 0 where it is off.
    pub fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// Every feature that is on, with its finalized level.
    pub fn features(&self) -> impl ExactSizeIterator<Item = (&str, i16)> {
        self.features.iter().map(|(name, level)| (name.as_str(), *level))
    }

    /// The finalized `metadata.version`; 0 before the log has said one.
    pub fn metadata_version(&self) -> i16 {
        self.feature(feature::METADATA_VERSION)
    }

    /// Whether eligible leader replicas are kept.
    pub fn is_elr_enabled(&self) -> bool {
        self.feature(feature::ELIGIBLE_LEADER_REPLICAS_VERSION) > 0
    }

    /// A broker's registration.
    pub fn broker(&self, broker_id: BrokerId) -> Option<&Arc<Registration>> {
        self.brokers.get(&broker_id)
    }

    /// The replicas of a partition that do not work: their broker is not up, or their directory
    /// has failed. Kafka: `KRaftMetadataCache.getOfflineReplicas`.
    pub fn offline_replicas(&self, partition: &Partition) -> Vec<BrokerId> {
        let is_offline = |id: &BrokerId| {
            let dir = partition.directory(*id);
            self.broker(*id).is_none_or(|broker| broker.fenced || !broker.has_online(dir))
        };
        partition.replicas.iter().copied().filter(is_offline).collect()
    }

    /// Every registered broker, by id.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &Arc<Registration>> {
        self.brokers.values()
    }

    /// Whether a broker is registered and takes part.
    pub fn is_alive(&self, broker_id: BrokerId) -> bool {
        self.broker(broker_id)
            .is_some_and(|broker| !broker.fenced && !broker.in_controlled_shutdown)
    }

    /// Every registered controller, by id.
    pub fn controllers(&self) -> impl ExactSizeIterator<Item = &RegisterControllerRecord> {
        self.controllers.values()
    }

    /// The producer ids given out so far.
    pub fn producer_ids(&self) -> ProducerIds {
        self.producer_ids
    }

    /// Whether a metadata transaction has begun and not ended. What it holds does not count yet,
    /// and no snapshot may be taken.
    pub fn is_in_transaction(&self) -> bool {
        self.pending.is_some()
    }

    /// Asserts what holds between the parts of an image whose records Ottla decided on; for tests.
    pub fn check(&self) {
        assert_eq!(
            self.topics.len(),
            self.topic_names.len(),
            "every topic has one id and one name"
        );
        for topic in self.topics() {
            assert!(
                self.topic_names.get(&topic.id) == Some(&topic.name),
                "a topic is found by its id"
            );
            for partition in topic.partitions().map(|(_, partition)| partition) {
                assert!(
                    partition.isr.iter().all(|id| partition.replicas.contains(id)),
                    "only replicas are in sync"
                );
            }
        }
        assert!(
            self.configs.values().all(|properties| !properties.is_empty()),
            "a resource without overrides is not kept"
        );
    }
}

#[cfg(test)]
mod tests;
