//! What a run of records has changed in an image.
//!
//! Kafka: `MetadataDelta`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ottla_types::{BrokerId, TopicIdPartition, Uuid};

use super::{ConfigResource, Topic};

/// What a run of records has changed. The new state is in the image; what is gone is here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// Topics that are new.
    pub created_topics: BTreeSet<Uuid>,
    /// Topics that are gone, as they were. One that came and went within the run is left out.
    pub deleted_topics: BTreeMap<Uuid, Arc<Topic>>,
    /// Partitions that are new or changed, of topics that still exist.
    pub partitions: BTreeSet<TopicIdPartition>,
    /// Resources whose configuration changed, those of deleted topics included.
    pub configs: BTreeSet<ConfigResource>,
    /// Brokers that registered, changed or left.
    pub brokers: BTreeSet<BrokerId>,
    /// Whether a feature was turned on, off or to another level.
    pub features: bool,
    /// Whether producer ids were given out.
    pub producer_ids: bool,
}

impl Delta {
    /// Whether nothing that a broker acts on has changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn topic_deleted(&mut self, topic: Arc<Topic>) {
        let gone: Vec<_> = topic
            .partitions()
            .map(|(partition, _)| TopicIdPartition { topic_id: topic.id, partition })
            .collect();
        for partition in gone {
            self.partitions.remove(&partition);
        }
        if !self.created_topics.remove(&topic.id) {
            self.deleted_topics.insert(topic.id, topic);
        }
    }
}
