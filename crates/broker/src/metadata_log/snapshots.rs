//! Snapshots of the metadata log as files: written, read, listed.
//!
//! A snapshot is a file of record batches: first a control batch with the header and, where the
//! log keeps its voters, who they are; then the metadata records; last a control batch with the
//! footer. Offsets begin at 0. Invariant: a file under its final name is whole.
//! Kafka: `RecordsSnapshotWriter`, `RecordsSnapshotReader`, `Snapshots`, `BootstrapDirectory`.

use bytes::{Bytes, BytesMut};
use ottla_log::{Dir, write_atomically};
use ottla_metadata::{
    MetadataRecord, Snapshot, SnapshotId,
    control::{self, ControlRecord, Quorum},
};
use ottla_record::{BatchBuilder, Batches, BuilderOptions};
use ottla_types::{LeaderEpoch, Offset};

use super::{Decoded, MetadataLogError, PREPARED, decode, malformed};

/// Records in one batch of a snapshot.
const RECORDS_PER_BATCH: usize = 1_000;

/// What a snapshot file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// When the last record that it stands for was appended, in ms.
    pub(super) last_contained_timestamp: i64,
    /// Who votes.
    pub(super) quorum: Quorum,
    /// The metadata records.
    pub(super) records: Vec<MetadataRecord>,
}

/// The snapshots in a directory, from the oldest on.
pub(super) fn list(dir: &dyn Dir) -> Result<Vec<SnapshotId>, MetadataLogError> {
    let names = dir.list().map_err(malformed)?;
    let mut ids: Vec<_> =
        names.iter().filter_map(|name| SnapshotId::from_file_name(name)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Reads a snapshot; `None` where there is no such file.
pub(super) fn read(dir: &dyn Dir, name: &str) -> Result<Option<Contents>, MetadataLogError> {
    let Some(bytes) = dir.read(name).map_err(malformed)? else { return Ok(None) };
    parse(&Bytes::from(bytes)).map(Some).map_err(|(position, cause)| {
        let path = dir.path().join(name);
        let path = path.display();
        malformed(format!(
            "{path} is damaged at position {position}: {cause}. Look at it with: ottla log dump {path}"
        ))
    })
}

/// The newest snapshot that is whole. One that is damaged is passed over, as long as the log
/// still has what it stood for.
pub(super) fn newest_readable(
    dir: &dyn Dir,
) -> Result<Option<(Snapshot, Quorum)>, MetadataLogError> {
    for id in list(dir)?.into_iter().rev().filter(|id| *id != PREPARED) {
        let name = id.file_name();
        match read(dir, &name) {
            Ok(Some(contents)) => {
                let Contents { last_contained_timestamp, quorum, records } = contents;
                return Ok(Some((Snapshot { id, last_contained_timestamp, records }, quorum)));
            }
            Ok(None) => {}
            Err(error) => tracing::error!("a metadata snapshot is passed over: {error}"),
        }
    }
    Ok(None)
}

/// What is in the file, or from where on it cannot be understood, in bytes, and why.
pub(super) fn parse(bytes: &Bytes) -> Result<Contents, (usize, MetadataLogError)> {
    let mut contents = Contents::default();
    let mut first = None;
    let mut last = None;
    let mut batches = Batches::new(bytes);
    let mut position = 0;
    while let Some(batch) = batches.next() {
        let (_, batch) = batch.map_err(|error| (position, malformed(error)))?;
        let (_, decoded) = decode(&bytes.slice_ref(batch)).map_err(|error| (position, error))?;
        match decoded {
            Decoded::Control(records) => {
                for record in records {
                    let replayed = contents.quorum.replay(&record);
                    replayed.map_err(|error| (position, malformed(error)))?;
                    first.get_or_insert_with(|| record.clone());
                    last = Some(record);
                }
            }
            Decoded::Metadata(records) => {
                last = None;
                contents.records.extend(records);
            }
        }
        position = batches.position();
    }
    let header = first.as_ref().and_then(ControlRecord::snapshot_timestamp);
    let is_whole = batches.trailing() == 0 && last.is_some_and(|last| last.is_snapshot_footer());
    match header {
        Some(timestamp) if is_whole => contents.last_contained_timestamp = timestamp,
        _ => return Err((position, malformed("the snapshot is not whole"))),
    }
    Ok(contents)
}

/// Writes a snapshot, durably; its records for readers at `metadata_version`.
pub(super) fn write(
    dir: &dyn Dir,
    snapshot: &Snapshot,
    quorum: &Quorum,
    (metadata_version, now_ms): (i16, i64),
) -> Result<(), MetadataLogError> {
    let mut writer = Writer {
        bytes: BytesMut::new(),
        next: Offset::ZERO,
        leader_epoch: snapshot.id.leader_epoch,
        now_ms,
    };
    let timestamp = snapshot.last_contained_timestamp;
    let mut head = vec![control::snapshot_header(timestamp).map_err(malformed)?];
    head.extend(quorum.to_records().map_err(malformed)?);
    writer.add_control(&head)?;
    for records in snapshot.records.chunks(RECORDS_PER_BATCH) {
        let encoded: Result<Vec<_>, _> =
            records.iter().map(|record| record.encode(metadata_version)).collect();
        let encoded = encoded.map_err(malformed)?;
        writer.add(false, encoded.iter().map(|value| (None, value)))?;
    }
    writer.add_control(&[control::snapshot_footer().map_err(malformed)?])?;
    let name = snapshot.id.file_name();
    write_atomically(dir, &name, &writer.bytes).and_then(|()| dir.sync()).map_err(malformed)
}

struct Writer {
    bytes: BytesMut,
    next: Offset,
    leader_epoch: LeaderEpoch,
    now_ms: i64,
}

impl Writer {
    fn add_control(&mut self, records: &[ControlRecord]) -> Result<(), MetadataLogError> {
        self.add(true, records.iter().map(|record| (Some(&record.key), &record.value)))
    }

    fn add<'a>(
        &mut self,
        control: bool,
        records: impl Iterator<Item = (Option<&'a Bytes>, &'a Bytes)>,
    ) -> Result<(), MetadataLogError> {
        let mut batch = BatchBuilder::new(BuilderOptions {
            base_offset: self.next,
            leader_epoch: self.leader_epoch,
            control,
            ..BuilderOptions::default()
        });
        for (key, value) in records {
            let key = key.map(|key| &**key);
            batch
                .append_parts(self.now_ms, key, Some(value), std::iter::empty())
                .map_err(malformed)?;
            self.next = self.next.plus(1);
        }
        self.bytes.extend_from_slice(&batch.finish().map_err(malformed)?);
        Ok(())
    }
}
