//! The metadata log of a single node: a quorum of one over `__cluster_metadata-0`.
//!
//! What is written and synced is committed. The files are Kafka's: the log, snapshots of it, and
//! `quorum-state`. A leader epoch begins with each start, as an election of one, and its first
//! records say so, and who votes. Invariant: a log that other nodes vote on is left alone.
//! Kafka: `KafkaRaftClient`, `KafkaRaftLog`, `RecordsBatchReader`, `SnapshotGenerator`.

mod look;
mod quorum_state;
mod recovery_point;
mod retention;
mod settings;
mod snapshots;
#[cfg(feature = "testing")]
pub(crate) mod testing;

use std::sync::Arc;

use bytes::Bytes;
use ottla_config::ServerConfig;
use ottla_log::{Dir, Log, LogDir, LogError};
use ottla_metadata::{
    CommittedBatch, Image, MetadataLog, MetadataRecord, Snapshot, SnapshotId,
    control::{self, ControlRecord, KRAFT_VERSION, Quorum, Voter},
    feature,
};
use ottla_record::{BatchBuilder, BatchHeader, Batches, BuilderOptions, decode_batch};
use ottla_types::{BrokerId, LeaderEpoch, Offset, TopicName, TopicPartition, Uuid};

pub(crate) use self::look::look;
use self::{quorum_state::QuorumState, settings::Settings};
use crate::{broker::StartError, clock::now_ms, log_dirs::LogDirs, storage};

/// Bytes read at once while the log is loaded.
const READ_BYTES: usize = 1 << 20;

/// Most bytes one batch of metadata may take.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// The records a directory was prepared with, by Kafka 4.3 and older: beside the partitions.
const BOOTSTRAP: &str = "bootstrap.checkpoint";

/// The records a directory was prepared with, and who votes: a snapshot of nothing.
const PREPARED: SnapshotId = SnapshotId { end_offset: Offset::ZERO, leader_epoch: LeaderEpoch(0) };

/// The log and the epoch of this start.
#[derive(Debug)]
pub(crate) struct LocalMetadataLog {
    log: Log,
    leader_epoch: LeaderEpoch,
    /// Decides in which versions records are written.
    metadata_version: i16,
    quorum: Quorum,
    /// Whether the log or a snapshot of it says who votes.
    is_quorum_recorded: bool,
    settings: Settings,
    /// Bytes of the batches that no snapshot contains.
    bytes_since_snapshot: u64,
    /// When the last snapshot was made, or this start began.
    snapshot_ms: i64,
    /// When old snapshots and segments were looked for.
    cleaned_ms: i64,
}

/// Up to where the log has been replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The offset after the last record.
    pub(crate) next: Offset,
    /// That record's leader epoch.
    pub(crate) leader_epoch: LeaderEpoch,
    /// When it was appended, in ms since 1970; −1 for nothing.
    pub(crate) timestamp: i64,
}

impl Applied {
    const NOTHING: Self = Self { next: Offset::ZERO, leader_epoch: LeaderEpoch(0), timestamp: -1 };

    /// This batch, too, is replayed.
    pub(crate) fn advance(&mut self, batch: &CommittedBatch) {
        *self = Self {
            next: batch.next_offset,
            leader_epoch: batch.leader_epoch,
            timestamp: batch.append_timestamp,
        };
    }
}

/// A log that has been opened and replayed.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The log.
    pub(crate) log: LocalMetadataLog,
    /// What its records give.
    pub(crate) image: Image,
    /// Up to where.
    pub(crate) applied: Applied,
    /// What the directory was prepared with, where the log has no records yet.
    pub(crate) prepared: Vec<MetadataRecord>,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataLogError {
    /// The files.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Writing the log.
    #[error(transparent)]
    Append(#[from] ottla_log::AppendError),
    /// What is in the files.
    #[error("{0}")]
    Malformed(String),
}

impl MetadataLogError {
    /// Whether there was only no room for what was to be written.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Log(error) => error.is_full(),
            Self::Append(error) => matches!(error, ottla_log::AppendError::Full(_)),
            Self::Malformed(_) => false,
        }
    }
}

fn malformed(error: impl std::fmt::Display) -> MetadataLogError {
    MetadataLogError::Malformed(error.to_string())
}

/// The only partition there is.
pub(crate) fn topic_partition() -> std::io::Result<TopicPartition> {
    let name = TopicName::new(TopicName::CLUSTER_METADATA);
    Ok(TopicPartition::new(name.map_err(|error| storage::invalid(error.to_string()))?, 0))
}

/// Opens the log, replays it, and begins the epoch of this start. Where the log is refused, nothing
/// was written in any directory, and those that were left in order still are.
pub(crate) fn open(
    config: &ServerConfig,
    log_dirs: &LogDirs,
    broker_id: BrokerId,
) -> Result<Opened, StartError> {
    let dir = log_dirs.metadata();
    let log_dir = dir.log_dir().ok_or_else(|| storage::invalid("it is offline".to_owned()))?;
    let log = open_log(config, log_dir).inspect_err(|_| log_dirs.leave_as_found())?;
    replay_log(config, log_dir, &settings::voter(config, (broker_id, dir.id)), log)
}

fn open_log(config: &ServerConfig, log_dir: &LogDir) -> Result<Log, StartError> {
    recovery_point::open(log_dir, &topic_partition()?, Settings::new(config).log(), now_ms())
}

/// Replays a log and begins the epoch of this start, for a node that votes as `own`.
fn replay_log(
    config: &ServerConfig,
    log_dir: &LogDir,
    own: &Voter,
    log: Log,
) -> Result<Opened, StartError> {
    let at = topic_partition()?;
    let settings = Settings::new(config);
    let now = now_ms();
    let mut log = LocalMetadataLog {
        log,
        leader_epoch: LeaderEpoch(0),
        metadata_version: feature::METADATA_VERSION_LATEST,
        quorum: Quorum::default(),
        is_quorum_recorded: false,
        settings,
        bytes_since_snapshot: 0,
        snapshot_ms: now,
        cleaned_ms: now,
    };
    let load = |log: &mut LocalMetadataLog| {
        let (image, applied) = log.load(log_dir)?;
        let prepared = if image.metadata_version() == 0 {
            log.prepared(log_dir.root().as_ref())?
        } else {
            Vec::new()
        };
        log.elect(own, image.metadata_version() == 0 && prepared.is_empty())?;
        log_dir.write_recovery_point(&at, Some(log.recovery_point()))?;
        Ok((image, applied, prepared))
    };
    let (image, applied, prepared) = load(&mut log).map_err(|error: MetadataLogError| {
        StartError::Metadata(format!("cluster metadata: {error}"))
    })?;
    Ok(Opened { log, image, applied, prepared })
}

fn replay(image: &mut Image, records: &[MetadataRecord]) -> Result<(), MetadataLogError> {
    records.iter().try_for_each(|record| image.replay(record).map_err(malformed))
}

/// Room that the log keeps for itself: where records have filled the disk, topics can still be
/// deleted and changed.
const RESERVED_BYTES: u64 = 1 << 20;

/// A batch as it was read.
struct ReadBatch {
    committed: CommittedBatch,
    control: Vec<ControlRecord>,
    size: usize,
}

impl LocalMetadataLog {
    /// The epoch that this start has begun.
    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Everything before it is on disk for good.
    pub(crate) fn recovery_point(&self) -> Offset {
        self.log.recovery_point()
    }

    /// Replays the newest snapshot and what follows it.
    fn load(&mut self, log_dir: &LogDir) -> Result<(Image, Applied), MetadataLogError> {
        let mut image = Image::new();
        let mut applied = Applied::NOTHING;
        if let Some(contents) = snapshots::read(self.log.dir().as_ref(), &PREPARED.file_name())? {
            self.quorum = contents.quorum;
        }
        if let Some((snapshot, quorum)) = snapshots::newest_readable(self.log.dir().as_ref())? {
            replay(&mut image, &snapshot.records)?;
            (self.quorum, self.is_quorum_recorded) = (quorum, true);
            applied = Applied {
                next: snapshot.id.end_offset,
                leader_epoch: snapshot.id.leader_epoch,
                timestamp: snapshot.last_contained_timestamp,
            };
        }
        if applied.next > self.log.log_end_offset() {
            // A crash within what follows must not leave a log that seems to have lost records.
            log_dir.write_recovery_point(self.log.topic_partition(), None)?;
            self.log.lower_recovery_point(Offset::ZERO);
            self.log.truncate_fully_and_start_at(applied.next, now_ms())?;
        }
        if applied.next < self.log.log_start_offset() {
            let start = self.log.log_start_offset();
            return Err(malformed(format!(
                "{} begins at offset {start}, and no snapshot there holds what was before it",
                self.log.dir().path().display()
            )));
        }
        while applied.next < self.log.log_end_offset() {
            let batches = self.read_batches(applied.next, READ_BYTES)?;
            if batches.is_empty() {
                break;
            }
            for batch in batches {
                replay(&mut image, &batch.committed.records)?;
                for record in &batch.control {
                    self.quorum.replay(record).map_err(malformed)?;
                }
                applied.advance(&batch.committed);
                self.count(batch.size);
            }
        }
        self.is_quorum_recorded |= applied.next > Offset::ZERO;
        check_version(&image)?;
        if image.metadata_version() > 0 {
            self.metadata_version = image.metadata_version();
        }
        Ok((image, applied))
    }

    /// What the directory was prepared with.
    fn prepared(&mut self, root: &dyn Dir) -> Result<Vec<MetadataRecord>, MetadataLogError> {
        let named = snapshots::read(self.log.dir().as_ref(), &PREPARED.file_name())?;
        let mut records = named.map(|contents| contents.records).unwrap_or_default();
        if records.is_empty() {
            let beside = snapshots::read(root, BOOTSTRAP)?;
            records = beside.map(|contents| contents.records).unwrap_or_default();
        }
        let image = Image::from_records(&records).map_err(malformed)?;
        check_version(&image)?;
        if image.metadata_version() == 0 {
            return Ok(Vec::new());
        }
        self.metadata_version = image.metadata_version();
        Ok(records)
    }

    /// Begins this start's epoch. A log that is new is given its only voter.
    fn elect(&mut self, own: &Voter, is_new: bool) -> Result<(), MetadataLogError> {
        let dir = Arc::clone(self.log.dir());
        let state = quorum_state::read(dir.as_ref())?;
        check_voters(dir.as_ref(), &self.quorum, state.as_ref(), (own.id, own.directory_id))?;
        // Ottla wrote no voters once, and no `quorum-state` either, which Kafka always does.
        let is_ours = is_new || state.is_none() && self.is_quorum_recorded;
        if self.quorum.kraft_version == 0 && is_ours {
            self.quorum = Quorum { kraft_version: KRAFT_VERSION, voters: vec![own.clone()] };
            self.is_quorum_recorded = false;
        }
        let in_log = self.log.epochs().latest().map_or(0, LeaderEpoch::get);
        let voted = state.map_or(0, |state| state.leader_epoch.get());
        self.leader_epoch = LeaderEpoch(in_log.max(voted).saturating_add(1));
        quorum_state::write(dir.as_ref(), self.quorum.kraft_version, own.id, self.leader_epoch)?;
        let mut records = vec![control::leader_change(own.id).map_err(malformed)?];
        if !self.is_quorum_recorded {
            records.extend(self.quorum.to_records().map_err(malformed)?);
        }
        self.is_quorum_recorded = true;
        self.append(true, records.iter().map(|record| (Some(&*record.key), &*record.value)))
            .map(drop)
    }

    /// Leaves the log in order. Nothing may be written after that.
    pub(crate) fn close(&mut self) -> Result<(), MetadataLogError> {
        Ok(self.log.close(now_ms())?)
    }

    /// Appends a batch and has it on disk: that is what committed means where nobody else has it.
    fn append<'a>(
        &mut self,
        control: bool,
        records: impl Iterator<Item = (Option<&'a [u8]>, &'a [u8])>,
    ) -> Result<Offset, MetadataLogError> {
        let leader_epoch = self.leader_epoch;
        let options = BuilderOptions { leader_epoch, control, ..BuilderOptions::default() };
        let mut batch = BatchBuilder::new(options);
        // One time for all: Kafka refuses a batch of metadata whose records were made at several.
        let now = now_ms();
        for (key, value) in records {
            batch.append_parts(now, key, Some(value), std::iter::empty()).map_err(malformed)?;
        }
        let mut batch = batch.finish().map_err(malformed)?;
        self.log.reserve_ahead(RESERVED_BYTES);
        let appended = self.log.append_as_leader(&mut batch, leader_epoch, now)?;
        self.log.sync(now)?;
        Ok(appended.last_offset)
    }

    /// The batches from this offset on, at least one, and more up to this many bytes.
    fn read_batches(
        &self,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<ReadBatch>, MetadataLogError> {
        let reader = self.log.reader();
        let end = reader.log_end_offset();
        if from >= end {
            return Ok(Vec::new());
        }
        let range = reader.read(from, max_bytes, end, true).map_err(LogError::from)?;
        let bytes = range.read().map_err(malformed)?;
        let read = |batch: Result<(BatchHeader, &[u8]), _>| {
            let (_, batch) = batch.map_err(malformed)?;
            let (header, decoded) = decode(&bytes.slice_ref(batch))?;
            let (records, control) = match decoded {
                Decoded::Metadata(records) => (records, Vec::new()),
                Decoded::Control(control) => (Vec::new(), control),
            };
            let committed = CommittedBatch {
                base_offset: header.base_offset,
                next_offset: header.next_offset(),
                leader_epoch: header.leader_epoch,
                append_timestamp: header.max_timestamp,
                records,
            };
            Ok(ReadBatch { committed, control, size: batch.len() })
        };
        Batches::new(&bytes).map(read).collect()
    }

    fn count(&mut self, size: usize) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.bytes_since_snapshot = self.bytes_since_snapshot.saturating_add(size);
    }
}

/// Whether every record there may be is known.
fn check_version(image: &Image) -> Result<(), MetadataLogError> {
    let latest = feature::METADATA_VERSION_LATEST;
    let version = image.metadata_version();
    if version > latest {
        return Err(malformed(format!(
            "metadata.version is {version}, and this version of Ottla knows up to {latest}: a newer \
             Kafka wrote it"
        )));
    }
    Ok(())
}

/// Whether this node may decide alone. One of several voters may not, nor one that only follows:
/// what it wrote, the others would never have agreed to.
fn check_voters(
    dir: &dyn Dir,
    quorum: &Quorum,
    state: Option<&QuorumState>,
    (id, directory_id): (BrokerId, Uuid),
) -> Result<(), MetadataLogError> {
    if let [only] = quorum.voters.as_slice()
        && only.id == id
        && only.directory_id != directory_id
    {
        let meta = dir.path().with_file_name("meta.properties");
        let meta = meta.display();
        return Err(malformed(format!(
            "voter {id} has the directory {}, and {meta} has the line \"directory.id={directory_id}\": \
             one of them is of another directory. Look at it with: ottla log dump {meta}",
            only.directory_id
        )));
    }
    let voters: Vec<BrokerId> = if quorum.voters.is_empty() {
        state.map(|state| state.voters.clone()).unwrap_or_default()
    } else {
        quorum.voters.iter().map(|voter| voter.id).collect()
    };
    if voters.is_empty() || voters == [id] {
        return Ok(());
    }
    let names: Vec<String> = voters.iter().map(ToString::to_string).collect();
    Err(malformed(format!(
        "its voters are {}, and node {id} cannot decide alone: this version of Ottla runs on one \
         node",
        names.join(", ")
    )))
}

impl MetadataLog for LocalMetadataLog {
    type Error = MetadataLogError;

    fn propose(&mut self, records: &[MetadataRecord]) -> Result<Offset, MetadataLogError> {
        let encoded: Result<Vec<Bytes>, _> =
            records.iter().map(|record| record.encode(self.metadata_version)).collect();
        let encoded = encoded.map_err(malformed)?;
        self.append(false, encoded.iter().map(|value| (None, &**value)))
    }

    fn next_offset(&self) -> Offset {
        self.log.log_end_offset()
    }

    fn next_committed(&mut self, from: Offset) -> Result<Option<CommittedBatch>, MetadataLogError> {
        let Some(batch) = self.read_batches(from, 1)?.into_iter().next() else { return Ok(None) };
        self.count(batch.size);
        Ok(Some(batch.committed))
    }

    fn latest_snapshot(&mut self) -> Result<Option<Snapshot>, MetadataLogError> {
        Ok(snapshots::newest_readable(self.log.dir().as_ref())?.map(|(snapshot, _)| snapshot))
    }

    fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), MetadataLogError> {
        let now = now_ms();
        // Whatever comes of it: the next attempt is not made with the next record.
        (self.bytes_since_snapshot, self.snapshot_ms) = (0, now);
        let versions = (self.metadata_version, now);
        snapshots::write(self.log.dir().as_ref(), snapshot, &self.quorum, versions)
    }
}

/// The records of a batch.
enum Decoded {
    Metadata(Vec<MetadataRecord>),
    Control(Vec<ControlRecord>),
}

fn decode(batch: &Bytes) -> Result<(BatchHeader, Decoded), MetadataLogError> {
    let (header, records) = decode_batch(batch, BATCH_BYTES_MAX).map_err(malformed)?;
    let records = records.into_iter().map(|(_, record)| record);
    if header.attributes.is_control() {
        let control = records.map(|record| ControlRecord {
            key: record.key.unwrap_or_default(),
            value: record.value.unwrap_or_default(),
        });
        return Ok((header, Decoded::Control(control.collect())));
    }
    let metadata = records
        .map(|record| MetadataRecord::decode(record.value.unwrap_or_default()).map_err(malformed));
    let metadata = metadata.collect::<Result<_, _>>()?;
    Ok((header, Decoded::Metadata(metadata)))
}
