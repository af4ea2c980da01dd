//! Topics and partitions: what they are, how much they hold, and where their cursors stand.
//!
//! Kafka: `TopicDescription`, `Log` and `Partition` MBeans.

use ottla_types::{BrokerId, LeaderEpoch, Offset, TopicName, Uuid};

use super::Views;
use crate::{
    partition::Partition,
    partitions::{HostedTopic, Replica},
};

/// A topic in a list.
#[derive(Clone, Debug)]
pub struct TopicSummary {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many replicas each has.
    pub replication_factor: i16,
    /// Partitions that this broker cannot serve.
    pub offline_partitions: usize,
    /// Offsets from the start of each log to its end: records, where none were compacted away.
    pub records: u64,
    /// Bytes of all segments.
    pub size_bytes: u64,
    /// Bytes of batches appended since the broker started.
    pub bytes_in: u64,
    /// `cleanup.policy` has `delete`.
    pub is_deleted: bool,
    /// `cleanup.policy` has `compact`.
    pub is_compacted: bool,
    /// `retention.ms`.
    pub retention_ms: i64,
}

/// A topic and its partitions.
#[derive(Clone, Debug)]
pub struct TopicView {
    /// What a list says of it.
    pub summary: TopicSummary,
    /// How many configs are set for it.
    pub configs_set: usize,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionView>,
}

/// A partition.
#[derive(Clone, Debug)]
pub struct PartitionView {
    /// Its number.
    pub partition: i32,
    /// Who leads it.
    pub leader: BrokerId,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
    /// Who has a replica.
    pub replicas: Vec<BrokerId>,
    /// Whose replica is in sync.
    pub isr: Vec<BrokerId>,
    /// Where it lies on this broker.
    pub log_dir: Option<String>,
    /// Where its cursors stand; `None` where this broker cannot serve it.
    pub cursors: Option<CursorsView>,
}

/// Where the cursors of a partition stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorsView {
    /// The first offset that may be read, inclusive.
    pub log_start_offset: Offset,
    /// Exclusive: what a reader of committed records may see.
    pub last_stable_offset: Offset,
    /// Exclusive: what a consumer may see.
    pub high_watermark: Offset,
    /// Exclusive: what the log holds.
    pub log_end_offset: Offset,
    /// Exclusive: what is on the disk.
    pub durable_offset: Offset,
    /// Bytes of all segments.
    pub size_bytes: u64,
    /// How many segments there are.
    pub segments: usize,
}

impl Views {
    /// Every topic, by name.
    pub fn topics(&self) -> Vec<TopicSummary> {
        let image = self.shared.image();
        image.topics().filter_map(|topic| self.summary(topic)).collect()
    }

    /// One topic with its partitions; `None` where there is none of this name.
    pub fn topic(&self, name: &str) -> Option<TopicView> {
        let image = self.shared.image();
        let topic = image.topic(name)?;
        let hosted = self.shared.partitions.topic_by_id(topic.id)?;
        let partitions = topic.partitions().map(|(number, state)| {
            let replica = hosted.replica(number);
            PartitionView {
                partition: number,
                leader: state.leader,
                leader_epoch: state.leader_epoch,
                replicas: state.replicas.clone(),
                isr: state.isr.clone(),
                log_dir: replica.and_then(log_dir),
                cursors: replica.and_then(Replica::online).map(|partition| partition.cursors()),
            }
        });
        Some(TopicView {
            summary: self.summary(topic)?,
            configs_set: image.topic_overrides(name).len(),
            partitions: partitions.collect(),
        })
    }

    /// How many partitions there are in all.
    pub fn partition_count(&self) -> usize {
        let image = self.shared.image();
        image.topics().map(|topic| topic.partitions().len()).sum()
    }

    /// Where the cursors of one partition stand.
    pub fn cursors(&self, topic: &str, partition: i32) -> Option<CursorsView> {
        let topic = self.shared.partitions.topic(topic)?;
        topic.partition(partition).ok().map(|partition| partition.cursors())
    }

    fn summary(&self, topic: &ottla_metadata::Topic) -> Option<TopicSummary> {
        let hosted = self.shared.partitions.topic_by_id(topic.id)?;
        let settings = hosted.settings();
        let (records, size_bytes, online) = totals(&hosted);
        Some(TopicSummary {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions().len(),
            replication_factor: topic.replication_factor(),
            offline_partitions: topic.partitions().len().saturating_sub(online),
            records,
            size_bytes,
            bytes_in: hosted.bytes_in.get(),
            is_deleted: settings.log.cleanup_delete,
            is_compacted: settings.log.cleanup_compact,
            retention_ms: settings.log.retention_ms,
        })
    }
}

/// Records, bytes and partitions that can be served.
fn totals(topic: &HostedTopic) -> (u64, u64, usize) {
    topic.partitions().map(|it| it.cursors()).fold((0, 0, 0), |(records, bytes, count), it| {
        let held = it.log_end_offset.get().saturating_sub(it.log_start_offset.get());
        let held = u64::try_from(held).unwrap_or(0);
        (records + held, bytes + it.size_bytes, count + 1)
    })
}

fn log_dir(replica: &Replica) -> Option<String> {
    let dir = match replica {
        Replica::Open(partition) => partition.data_dir(),
        Replica::Waiting { dir } | Replica::Offline { dir: Some(dir) } => {
            std::sync::Arc::clone(dir)
        }
        Replica::Offline { dir: None } => return None,
    };
    Some(dir.path.display().to_string())
}

impl Partition {
    /// Where its cursors stand, all at one moment.
    pub(crate) fn cursors(&self) -> CursorsView {
        self.with_replication(|log, replication| {
            let high_watermark = replication.high_watermark();
            CursorsView {
                log_start_offset: log.log_start_offset(),
                last_stable_offset: log.last_stable_offset(high_watermark),
                high_watermark,
                log_end_offset: log.log_end_offset(),
                durable_offset: replication.durable_offset(),
                size_bytes: log.size_bytes().unwrap_or(0),
                segments: log.segment_count(),
            }
        })
    }
}
