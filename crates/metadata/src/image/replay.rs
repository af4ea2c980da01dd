//! Records into an image: the only code that changes one.
//!
//! Invariants: a record that does not fit is named, and the image is not to be used any more; the
//! records between the beginning and the end of a transaction count when it ends, or never.
//!
//! Kafka: `MetadataDelta.replay`, `MetadataBatchLoader`.

use std::{collections::BTreeMap, sync::Arc};

use ottla_types::{BrokerId, InvalidTopicName, TopicIdPartition, TopicName, Uuid};
use ottla_wire::{
    config_record::ConfigRecord, partition_change_record::PartitionChangeRecord,
    partition_record::PartitionRecord, topic_record::TopicRecord,
};

use super::{
    ConfigResource, Delta, Image, Partition, ProducerIds, Registration, ResourceType, Topic,
};
use crate::MetadataRecord;

/// Why a record does not fit the image: the log is not one that Kafka or Ottla would write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A record about a topic that does not exist.
    #[error("{record} is for the topic {topic_id}, which does not exist")]
    UnknownTopic {
        /// The name of the record.
        record: &'static str,
        /// The topic's id.
        topic_id: Uuid,
    },
    /// A record about a partition that does not exist.
    #[error("{record} is for partition {partition} of the topic {topic}, which does not exist")]
    UnknownPartition {
        /// The name of the record.
        record: &'static str,
        /// The topic.
        topic: TopicName,
        /// The partition's number.
        partition: i32,
    },
    /// A record about a broker that is not registered, or has registered anew since.
    #[error("{record} is for broker {broker_id} at epoch {broker_epoch}, which is not registered")]
    UnknownBroker {
        /// The name of the record.
        record: &'static str,
        /// The broker.
        broker_id: i32,
        /// Its epoch.
        broker_epoch: i64,
    },
    /// A topic that exists is created again.
    #[error("the topic {0} is created and exists already")]
    TopicExists(TopicName),
    /// A topic has a name that no topic can have.
    #[error(transparent)]
    TopicName(#[from] InvalidTopicName),
    /// A transaction begins within another.
    #[error("a metadata transaction begins before the last one has ended")]
    NestedTransaction,
    /// A transaction ends that has not begun.
    #[error("{0} ends a metadata transaction that has not begun")]
    NoTransaction(&'static str),
}

impl Image {
    /// Applies a record.
    pub fn replay(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        self.replay_into(record, &mut Delta::default())
    }

    /// Applies a record and notes in `delta` what has changed.
    pub fn replay_into(
        &mut self,
        record: &MetadataRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        match (record, self.pending.take()) {
            (MetadataRecord::BeginTransaction(_), None) => self.pending = Some(Vec::new()),
            (MetadataRecord::BeginTransaction(_), open @ Some(_)) => {
                self.pending = open;
                return Err(ReplayError::NestedTransaction);
            }
            (MetadataRecord::EndTransaction(_) | MetadataRecord::AbortTransaction(_), None) => {
                return Err(ReplayError::NoTransaction(record.name()));
            }
            (MetadataRecord::AbortTransaction(_), Some(_)) => {}
            (MetadataRecord::EndTransaction(_), Some(records)) => {
                for record in &records {
                    self.apply(record, delta)?;
                }
            }
            (_, Some(mut records)) => {
                records.push(record.clone());
                self.pending = Some(records);
            }
            (_, None) => self.apply(record, delta)?,
        }
        Ok(())
    }

    fn apply(&mut self, record: &MetadataRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::Topic(topic) => self.create_topic(topic, delta)?,
            MetadataRecord::RemoveTopic(gone) => self.remove_topic(gone.topic_id, delta)?,
            MetadataRecord::Partition(partition) => self.set_partition(partition, delta)?,
            MetadataRecord::PartitionChange(change) => self.change_partition(change, delta)?,
            MetadataRecord::ClearElr(clear) => self.clear_elr(&clear.topic_name, delta),
            MetadataRecord::Config(config) => self.configure(config, delta),
            MetadataRecord::FeatureLevel(feature) => {
                let features = Arc::make_mut(&mut self.features);
                if feature.feature_level == 0 {
                    features.remove(feature.name.as_str());
                } else {
                    features.insert(feature.name.to_string(), feature.feature_level);
                }
                delta.features = true;
            }
            MetadataRecord::ProducerIds(block) => {
                self.producer_ids = ProducerIds {
                    next_producer_id: block.next_producer_id,
                    broker_id: BrokerId(block.broker_id),
                    broker_epoch: block.broker_epoch,
                };
                delta.producer_ids = true;
            }
            MetadataRecord::RegisterBroker(_)
            | MetadataRecord::UnregisterBroker(_)
            | MetadataRecord::FenceBroker(_)
            | MetadataRecord::UnfenceBroker(_)
            | MetadataRecord::BrokerRegistrationChange(_) => self.apply_broker(record, delta)?,
            MetadataRecord::RegisterController(controller) => {
                Arc::make_mut(&mut self.controllers)
                    .insert(controller.controller_id, controller.clone());
            }
            MetadataRecord::UnregisterController(gone) => {
                Arc::make_mut(&mut self.controllers).remove(&gone.controller_id);
            }
            MetadataRecord::AccessControlEntry(_)
            | MetadataRecord::RemoveAccessControlEntry(_)
            | MetadataRecord::UserScramCredential(_)
            | MetadataRecord::RemoveUserScramCredential(_)
            | MetadataRecord::DelegationToken(_)
            | MetadataRecord::RemoveDelegationToken(_)
            | MetadataRecord::ClientQuota(_)
            | MetadataRecord::ZkMigrationState(_) => Arc::make_mut(&mut self.kept).replay(record),
            // Transactions are over when their records get here.
            MetadataRecord::NoOp(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => {}
        }
        Ok(())
    }

    fn create_topic(&mut self, record: &TopicRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        let name = TopicName::new(&record.name)?;
        if self.topics.contains_key(&name) || self.topic_names.contains_key(&record.topic_id) {
            return Err(ReplayError::TopicExists(name));
        }
        let topic = Topic { name: name.clone(), id: record.topic_id, partitions: BTreeMap::new() };
        Arc::make_mut(&mut self.topics).insert(name.clone(), Arc::new(topic));
        Arc::make_mut(&mut self.topic_names).insert(record.topic_id, name);
        delta.created_topics.insert(record.topic_id);
        Ok(())
    }

    fn remove_topic(&mut self, topic_id: Uuid, delta: &mut Delta) -> Result<(), ReplayError> {
        let unknown = ReplayError::UnknownTopic { record: "RemoveTopicRecord", topic_id };
        let name = Arc::make_mut(&mut self.topic_names).remove(&topic_id).ok_or(unknown)?;
        if let Some(topic) = Arc::make_mut(&mut self.topics).remove(&name) {
            delta.topic_deleted(topic);
        }
        let resource = ConfigResource::topic(name.as_str());
        if self.configs.contains_key(&resource) {
            Arc::make_mut(&mut self.configs).remove(&resource);
            delta.configs.insert(resource);
        }
        Ok(())
    }

    /// A topic, not shared with any clone of the image.
    fn topic_mut(
        &mut self,
        record: &'static str,
        topic_id: Uuid,
    ) -> Result<&mut Topic, ReplayError> {
        let name = self.topic_names.get(&topic_id);
        name.and_then(|name| Arc::make_mut(&mut self.topics).get_mut(name))
            .map(Arc::make_mut)
            .ok_or(ReplayError::UnknownTopic { record, topic_id })
    }

    fn set_partition(
        &mut self,
        record: &PartitionRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        let topic = self.topic_mut("PartitionRecord", record.topic_id)?;
        let partition = Arc::new(Partition::from_record(record));
        topic.partitions.insert(record.partition_id, partition);
        delta
            .partitions
            .insert(TopicIdPartition { topic_id: record.topic_id, partition: record.partition_id });
        Ok(())
    }

    fn change_partition(
        &mut self,
        change: &PartitionChangeRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        let record = "PartitionChangeRecord";
        let topic = self.topic_mut(record, change.topic_id)?;
        let Some(partition) = topic.partitions.get_mut(&change.partition_id) else {
            return Err(ReplayError::UnknownPartition {
                record,
                topic: topic.name.clone(),
                partition: change.partition_id,
            });
        };
        Arc::make_mut(partition).merge(change);
        delta
            .partitions
            .insert(TopicIdPartition { topic_id: change.topic_id, partition: change.partition_id });
        Ok(())
    }

    /// Forgets the eligible leaders of a topic, or of all where the name is empty.
    fn clear_elr(&mut self, topic_name: &str, delta: &mut Delta) {
        let cleared = PartitionChangeRecord {
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..PartitionChangeRecord::default()
        };
        for (name, topic) in Arc::make_mut(&mut self.topics) {
            if !topic_name.is_empty() && name.as_str() != topic_name {
                continue;
            }
            let has_elr = |partition: &Partition| {
                !partition.eligible_leader_replicas.is_empty()
                    || !partition.last_known_elr.is_empty()
            };
            if !topic.partitions.values().any(|partition| has_elr(partition)) {
                continue;
            }
            let topic_id = topic.id;
            for (number, partition) in &mut Arc::make_mut(topic).partitions {
                if has_elr(partition) {
                    Arc::make_mut(partition).merge(&cleared);
                    delta.partitions.insert(TopicIdPartition { topic_id, partition: *number });
                }
            }
        }
    }

    fn configure(&mut self, record: &ConfigRecord, delta: &mut Delta) {
        let resource = ConfigResource::new(
            ResourceType(record.resource_type),
            record.resource_name.to_string(),
        );
        let configs = Arc::make_mut(&mut self.configs);
        let properties = configs.entry(resource.clone()).or_default();
        match &record.value {
            Some(value) => {
                Arc::make_mut(properties).insert(record.name.to_string(), value.to_string());
            }
            None => {
                Arc::make_mut(properties).remove(record.name.as_str());
            }
        }
        if properties.is_empty() {
            configs.remove(&resource);
        }
        delta.configs.insert(resource);
    }

    fn apply_broker(
        &mut self,
        record: &MetadataRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        let brokers = Arc::make_mut(&mut self.brokers);
        let broker_id = match record {
            MetadataRecord::RegisterBroker(broker) => {
                let broker = Registration::from_record(broker);
                let broker_id = broker.broker_id;
                brokers.insert(broker_id, Arc::new(broker));
                broker_id
            }
            MetadataRecord::UnregisterBroker(gone) => {
                registered(brokers, record, (gone.broker_id, gone.broker_epoch))?;
                brokers.remove(&BrokerId(gone.broker_id));
                BrokerId(gone.broker_id)
            }
            MetadataRecord::FenceBroker(fence) => {
                registered(brokers, record, (fence.id, fence.epoch))?.fenced = true;
                BrokerId(fence.id)
            }
            MetadataRecord::UnfenceBroker(fence) => {
                registered(brokers, record, (fence.id, fence.epoch))?.fenced = false;
                BrokerId(fence.id)
            }
            MetadataRecord::BrokerRegistrationChange(change) => {
                let broker = (change.broker_id, change.broker_epoch);
                registered(brokers, record, broker)?.merge(change);
                BrokerId(change.broker_id)
            }
            _ => return Ok(()),
        };
        delta.brokers.insert(broker_id);
        Ok(())
    }
}

/// The registration that a record is about, by id and epoch; not shared with any clone.
fn registered<'a>(
    brokers: &'a mut BTreeMap<BrokerId, Arc<Registration>>,
    record: &MetadataRecord,
    (broker_id, broker_epoch): (i32, i64),
) -> Result<&'a mut Registration, ReplayError> {
    brokers
        .get_mut(&BrokerId(broker_id))
        .filter(|broker| broker.broker_epoch == broker_epoch)
        .map(Arc::make_mut)
        .ok_or(ReplayError::UnknownBroker { record: record.name(), broker_id, broker_epoch })
}
