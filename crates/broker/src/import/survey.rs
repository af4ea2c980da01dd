//! What data directories hold: topics, partitions, records, groups.

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_coordinator::Census;
use ottla_log::{Checkpoints, LogSurvey, StoppedDir};
use ottla_metadata::Image;
use ottla_record::{Batches, decode_batch};
use ottla_types::{BrokerId, Offset, TopicName, TopicPartition};

use super::ImportError;
use crate::metadata_log;

/// Most bytes one batch of group records may take when it is decompressed.
const GROUP_BATCH_BYTES_MAX: usize = 64 << 20;

/// What data directories hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The cluster.
    pub cluster_id: String,
    /// The broker's `node.id`.
    pub node_id: i32,
    /// The finalized `metadata.version`; 0 where the cluster has no records yet.
    pub metadata_version: i16,
    /// Whether every directory was left in order.
    pub was_clean: bool,
    /// Topics, without Kafka's own.
    pub topics: usize,
    /// Kafka's own topics.
    pub internal_topics: usize,
    /// Partitions, with those of Kafka's own topics.
    pub partitions: usize,
    /// Records, without those of Kafka's own topics.
    pub records: u64,
    /// Bytes of the batches of all topics.
    pub bytes: u64,
    /// Bytes that a crash has left behind the last whole batches, which recovery cuts.
    pub torn_bytes: u64,
    /// Groups.
    pub groups: usize,
    /// Offsets that they have committed.
    pub committed_offsets: usize,
    /// Partitions that are not there, and of which no checkpoint says that they were. They begin
    /// empty.
    pub missing: Vec<String>,
    /// Directories of partitions that no topic has. They stay behind.
    pub strays: Vec<String>,
}

/// Looks at the directories of one broker.
pub(super) fn take(dirs: &[StoppedDir]) -> Result<Survey, ImportError> {
    let (cluster_id, node_id) = owner(dirs)?;
    let image = image(dirs, BrokerId(node_id))?;
    let mut survey = Survey {
        cluster_id,
        node_id,
        metadata_version: image.metadata_version(),
        was_clean: dirs.iter().all(StoppedDir::was_clean),
        ..Survey::default()
    };
    for topic in image.topics() {
        let count =
            if topic.name.is_internal() { &mut survey.internal_topics } else { &mut survey.topics };
        *count += 1;
    }
    let mut census = Census::default();
    let mut found = BTreeSet::new();
    let mut all_points = Vec::new();
    for dir in dirs {
        let Checkpoints { recovery_points, log_start_offsets: starts, .. } =
            dir.read_checkpoints()?;
        let written_ahead = dir.read_written_ahead()?;
        for at in dir.contents()?.partitions {
            if *at.topic == *TopicName::CLUSTER_METADATA {
                continue;
            }
            let topic = image.topic(&at.topic);
            let Some(topic) = topic.filter(|topic| topic.partition(at.partition).is_some()) else {
                survey.strays.push(at.to_string());
                continue;
            };
            let start = starts.get(&at).copied().unwrap_or(Offset::ZERO);
            let log = dir.survey(&at, start)?;
            let point = recovery_points.get(&at).copied().unwrap_or(Offset::ZERO);
            dir.check_end(&at, Some(log.log_end_offset), point)?;
            if written_ahead.end_offset(topic.id, at.partition) > Some(log.log_end_offset) {
                return Err(only_written_ahead(dir, &at));
            }
            survey.add(&at, log);
            if *at.topic == *TopicName::CONSUMER_OFFSETS {
                count_groups(&mut census, dir, &at)?;
            }
            found.insert(at);
        }
        all_points.push((dir, recovery_points));
    }
    let missing = missing(&image, &found);
    // The records of one that was there are lost.
    for (dir, recovery_points) in all_points {
        for (at, point) in recovery_points.into_iter().filter(|(at, _)| missing.contains(at)) {
            dir.check_end(&at, None, point)?;
        }
    }
    survey.missing = missing.iter().map(ToString::to_string).collect();
    survey.strays.sort_unstable();
    (survey.groups, survey.committed_offsets) = (census.groups(), census.offsets());
    Ok(survey)
}

/// Partitions that are in none of the directories.
fn missing(image: &Image, found: &BTreeSet<TopicPartition>) -> BTreeSet<TopicPartition> {
    let of_topics = image.topics().flat_map(|topic| {
        let at = |(index, _)| TopicPartition::new(topic.name.clone(), index);
        topic.partitions().map(at)
    });
    of_topics.filter(|at| !found.contains(at)).collect()
}

/// After a power cut, acknowledged records may be in the write-ahead log only, which is not copied.
fn only_written_ahead(dir: &StoppedDir, at: &TopicPartition) -> ImportError {
    ImportError::Refused(format!(
        "the write-ahead log of {} has records of {at} that are not in its files: start Ottla there once, and stop \
         it",
        dir.path().display()
    ))
}

impl Survey {
    fn add(&mut self, at: &TopicPartition, log: LogSurvey) {
        self.partitions += 1;
        self.bytes = self.bytes.saturating_add(log.bytes);
        self.torn_bytes = self.torn_bytes.saturating_add(log.torn_bytes);
        if !at.topic.is_internal() {
            self.records = self.records.saturating_add(log.records);
        }
    }
}

/// The cluster and the broker that all directories belong to.
fn owner(dirs: &[StoppedDir]) -> Result<(String, i32), ImportError> {
    let mut owner = None;
    for dir in dirs {
        let path = dir.path().display();
        let Some(meta) = dir.meta() else {
            return Err(ImportError::Refused(format!(
                "{path} is not a data directory of Kafka: it has no meta.properties"
            )));
        };
        let own = (meta.cluster_id.clone(), meta.node_id);
        if owner.get_or_insert_with(|| own.clone()) != &own {
            return Err(ImportError::Refused(format!(
                "{path} belongs to broker {} of cluster {}, and the others do not",
                own.1, own.0
            )));
        }
    }
    owner.ok_or_else(|| ImportError::Refused("no directory is named".to_owned()))
}

/// The cluster's metadata, from the directory that has it.
fn image(dirs: &[StoppedDir], node_id: BrokerId) -> Result<Image, ImportError> {
    for dir in dirs {
        let contents = dir.contents()?;
        let log = contents.partitions.iter().find(|at| *at.topic == *TopicName::CLUSTER_METADATA);
        if let Some(at) = log {
            return metadata_log::look(dir, at, node_id).map_err(|error| {
                let path = dir.path().join(at.to_string());
                ImportError::Refused(format!("{}: {error}", path.display()))
            });
        }
    }
    Err(ImportError::Refused(format!(
        "none of the directories has {}-0, the cluster's metadata: name the one in metadata.log.dir, \
         too (a Kafka that still uses ZooKeeper has none, and has to be migrated first)",
        TopicName::CLUSTER_METADATA
    )))
}

/// Counts the groups whose records are in this partition. A torn tail ends the count.
fn count_groups(
    census: &mut Census,
    dir: &StoppedDir,
    at: &TopicPartition,
) -> Result<(), ImportError> {
    let files = dir.partition_dir(at);
    for segment in dir.segments(at)? {
        let path = files.path().join(&segment.name);
        let bytes = files.read(&segment.name).map_err(ImportError::io("read", &path))?;
        let bytes = Bytes::from(bytes.unwrap_or_default());
        for batch in Batches::new(&bytes) {
            let Ok((header, batch)) = batch else { break };
            if header.attributes.is_control() {
                continue;
            }
            let Ok((_, records)) = decode_batch(&bytes.slice_ref(batch), GROUP_BATCH_BYTES_MAX)
            else {
                break;
            };
            for (_, record) in records {
                let Some(key) = record.key else { continue };
                census.add(&key, record.value.as_deref()).map_err(|error| {
                    ImportError::Refused(format!("{}: {error}", path.display()))
                })?;
            }
        }
    }
    Ok(())
}
