//! The metadata log of a single node: a quorum of one over `__cluster_metadata-0`.
//!
//! What is written and synced is committed. The files are Kafka's. A leader epoch begins with each
//! start, as an election of one, and its first record says so.
//! Kafka: `KafkaRaftClient`, `KafkaRaftLog`, `RecordsBatchReader`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_log::{Log, LogError, OpenOptions, write_atomically};
use ottla_metadata::{
    CommittedBatch, Image, MetadataLog, MetadataRecord, Snapshot, SnapshotId, control, feature,
};
use ottla_record::{BatchBuilder, BatchHeader, Batches, BuilderOptions, decode_batch};
use ottla_types::{BrokerId, LeaderEpoch, Offset, TopicName, TopicPartition, Uuid};

use crate::{
    broker::StartError,
    clock::now_ms,
    storage::{self, DataDir},
};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// Most bytes one batch of metadata may take.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// The log and the epoch of this start.
#[derive(Debug)]
pub(crate) struct LocalMetadataLog {
    log: Log,
    leader_epoch: LeaderEpoch,
    /// Decides in which versions records are written.
    metadata_version: i16,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataLogError {
    /// The files.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Reading the log.
    #[error(transparent)]
    Read(#[from] ottla_log::ReadError),
    /// Writing the log.
    #[error(transparent)]
    Append(#[from] ottla_log::AppendError),
    /// What is in the files.
    #[error("{0}")]
    Malformed(String),
}

fn malformed(error: impl std::fmt::Display) -> MetadataLogError {
    MetadataLogError::Malformed(error.to_string())
}

/// Opens the log and replays it: the log, the image it gives, and the offset after it.
pub(crate) fn open(data: &DataDir) -> Result<(LocalMetadataLog, Image, Offset), StartError> {
    let failed =
        |error: MetadataLogError| StartError::Metadata(format!("cluster metadata: {error}"));
    let name =
        TopicName::new(TopicName::CLUSTER_METADATA).map_err(|e| storage::invalid(e.to_string()))?;
    let at = TopicPartition::new(name, 0);
    let options = OpenOptions {
        topic_id: Uuid::METADATA_TOPIC,
        clean_shutdown: data.log_dir.was_clean(),
        ..OpenOptions::new(at.clone(), now_ms())
    };
    let log = Log::open(data.log_dir.partition_dir(&at), options)?;
    let leader_epoch =
        LeaderEpoch(log.epochs().latest().map_or(0, LeaderEpoch::get).saturating_add(1));
    let metadata_version = feature::METADATA_VERSION_LATEST;
    let mut log = LocalMetadataLog { log, leader_epoch, metadata_version };
    let mut image = Image::new();
    let mut next = Offset::ZERO;
    if let Some(snapshot) = log.latest_snapshot().map_err(failed)? {
        next = snapshot.id.end_offset;
        replay(&mut image, &snapshot.records).map_err(failed)?;
    }
    while let Some(batch) = log.next_committed(next).map_err(failed)? {
        next = batch.next_offset;
        replay(&mut image, &batch.records).map_err(failed)?;
    }
    if image.metadata_version() > 0 {
        log.metadata_version = image.metadata_version();
    }
    log.elect(data.broker_id).map_err(failed)?;
    Ok((log, image, next))
}

fn replay(image: &mut Image, records: &[MetadataRecord]) -> Result<(), MetadataLogError> {
    records.iter().try_for_each(|record| image.replay(record).map_err(malformed))
}

impl LocalMetadataLog {
    /// Begins this start's epoch.
    fn elect(&mut self, leader: BrokerId) -> Result<(), MetadataLogError> {
        let record = control::leader_change(leader).map_err(malformed)?;
        let mut batch = self.builder(true);
        batch
            .append_parts(now_ms(), Some(&record.key), Some(&record.value), std::iter::empty())
            .map_err(malformed)?;
        self.append(batch).map(drop)
    }

    fn builder(&self, control: bool) -> BatchBuilder {
        let leader_epoch = self.leader_epoch;
        BatchBuilder::new(BuilderOptions { leader_epoch, control, ..BuilderOptions::default() })
    }

    fn append(&mut self, batch: BatchBuilder) -> Result<Offset, MetadataLogError> {
        let mut batch = batch.finish().map_err(malformed)?;
        let now = now_ms();
        let appended = self.log.append_as_leader(&mut batch, self.leader_epoch, now)?;
        // Committed means on disk: nobody else has it.
        self.log.sync(now)?;
        Ok(appended.last_offset)
    }
}

impl MetadataLog for LocalMetadataLog {
    type Error = MetadataLogError;

    fn propose(&mut self, records: &[MetadataRecord]) -> Result<Offset, MetadataLogError> {
        let mut batch = self.builder(false);
        for record in records {
            let value = record.encode(self.metadata_version).map_err(malformed)?;
            batch
                .append_parts(now_ms(), None, Some(&value), std::iter::empty())
                .map_err(malformed)?;
        }
        self.append(batch)
    }

    fn next_offset(&self) -> Offset {
        self.log.log_end_offset()
    }

    fn next_committed(&mut self, from: Offset) -> Result<Option<CommittedBatch>, MetadataLogError> {
        let reader = self.log.reader();
        let end = reader.log_end_offset();
        if from >= end {
            return Ok(None);
        }
        let bytes = reader.read(from, READ_BYTES, end, true)?.read().map_err(malformed)?;
        let Some(batch) = Batches::new(&bytes).next() else { return Ok(None) };
        let (header, batch) = batch.map_err(malformed)?;
        let records = decode(&header, &bytes.slice_ref(batch))?;
        Ok(Some(CommittedBatch {
            base_offset: header.base_offset,
            next_offset: header.next_offset(),
            leader_epoch: header.leader_epoch,
            append_timestamp: header.max_timestamp,
            records,
        }))
    }

    fn latest_snapshot(&mut self) -> Result<Option<Snapshot>, MetadataLogError> {
        let dir = Arc::clone(self.log.dir());
        let names = dir.list().map_err(malformed)?;
        let Some(id) = names.iter().filter_map(|name| SnapshotId::from_file_name(name)).max()
        else {
            return Ok(None);
        };
        let bytes = dir.read(&id.file_name()).map_err(malformed)?.unwrap_or_default();
        let bytes = Bytes::from(bytes);
        let (mut records, mut last_contained_timestamp) = (Vec::new(), -1);
        for batch in Batches::new(&bytes) {
            let (header, batch) = batch.map_err(malformed)?;
            last_contained_timestamp = header.max_timestamp;
            records.extend(decode(&header, &bytes.slice_ref(batch))?);
        }
        Ok(Some(Snapshot { id, last_contained_timestamp, records }))
    }

    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), MetadataLogError> {
        let mut bytes = BytesMut::new();
        let mut next = Offset::ZERO;
        let mut add = |control: bool, records: &[(Option<Bytes>, Bytes)]| {
            let mut batch = BatchBuilder::new(BuilderOptions {
                base_offset: next,
                leader_epoch: snapshot.id.leader_epoch,
                control,
                ..BuilderOptions::default()
            });
            for (key, value) in records {
                let timestamp = snapshot.last_contained_timestamp;
                batch
                    .append_parts(timestamp, key.as_deref(), Some(value), std::iter::empty())
                    .map_err(malformed)?;
                next = next.plus(1);
            }
            bytes.extend_from_slice(&batch.finish().map_err(malformed)?);
            Ok::<(), MetadataLogError>(())
        };
        let header =
            control::snapshot_header(snapshot.last_contained_timestamp).map_err(malformed)?;
        add(true, &[(Some(header.key), header.value)])?;
        for records in snapshot.records.chunks(1_000) {
            let encoded: Result<Vec<_>, _> = records
                .iter()
                .map(|record| record.encode(self.metadata_version).map(|value| (None, value)))
                .collect();
            add(false, &encoded.map_err(malformed)?)?;
        }
        let footer = control::snapshot_footer().map_err(malformed)?;
        add(true, &[(Some(footer.key), footer.value)])?;
        let name = snapshot.id.file_name();
        write_atomically(self.log.dir().as_ref(), &name, &bytes).map_err(malformed)
    }
}

/// The metadata records of a batch; none of a control batch.
fn decode(header: &BatchHeader, batch: &Bytes) -> Result<Vec<MetadataRecord>, MetadataLogError> {
    if header.attributes.is_control() {
        return Ok(Vec::new());
    }
    let (_, records) = decode_batch(batch, BATCH_BYTES_MAX).map_err(malformed)?;
    records
        .into_iter()
        .map(|(_, record)| {
            MetadataRecord::decode(record.value.unwrap_or_default()).map_err(malformed)
        })
        .collect()
}
