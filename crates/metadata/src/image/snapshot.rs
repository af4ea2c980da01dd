//! An image as the records that make it.
//!
//! Kafka: `MetadataImage.write`.

use ottla_wire::{
    config_record::ConfigRecord, feature_level_record::FeatureLevelRecord,
    producer_ids_record::ProducerIdsRecord, topic_record::TopicRecord,
};

use super::{Image, ProducerIds};
use crate::{MetadataRecord, feature};

impl Image {
    /// The records that make this image, in the order Kafka writes them into a snapshot. What an
    /// unfinished transaction holds is left out.
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        // `metadata.version` first: readers take the versions of the other records from it.
        let level = |name: &str, level| {
            FeatureLevelRecord { name: name.into(), feature_level: level }.into()
        };
        let first = feature::METADATA_VERSION;
        records.extend(self.features.get(first).map(|version| level(first, *version)));
        records.extend(
            self.features().filter(|(name, _)| *name != first).map(|(name, at)| level(name, at)),
        );
        records.extend(self.kept.migration_record());
        records.extend(self.brokers().map(|broker| MetadataRecord::from(broker.to_record())));
        records.extend(self.controllers().cloned().map(MetadataRecord::from));
        for topic in self.topics() {
            records
                .push(TopicRecord { name: topic.name.as_str().into(), topic_id: topic.id }.into());
            let partition = |(number, partition): (i32, &std::sync::Arc<super::Partition>)| {
                MetadataRecord::from(partition.to_record(topic.id, number))
            };
            records.extend(topic.partitions().map(partition));
        }
        for (resource, properties) in self.configured() {
            let config = |(name, value): (&String, &String)| ConfigRecord {
                resource_type: resource.resource_type.0,
                resource_name: resource.name.as_str().into(),
                name: name.as_str().into(),
                value: Some(value.as_str().into()),
            };
            records.extend(properties.iter().map(config).map(MetadataRecord::from));
        }
        records.extend(self.kept.quota_records());
        if self.producer_ids != ProducerIds::default() {
            records.push(
                ProducerIdsRecord {
                    broker_id: self.producer_ids.broker_id.0,
                    broker_epoch: self.producer_ids.broker_epoch,
                    next_producer_id: self.producer_ids.next_producer_id,
                }
                .into(),
            );
        }
        records.extend(self.kept.security_records());
        records
    }
}
