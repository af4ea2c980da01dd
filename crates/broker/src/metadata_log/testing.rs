//! The readers of the metadata log's files, for fuzzing: each by itself, and all of them when a log
//! is opened on whatever is there.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_config::ServerConfig;
use ottla_log::{LogDir, simulation::disk::SimDisk};
use ottla_metadata::{Image, MetadataLog, MetadataRecord, Snapshot, SnapshotId, decide, feature};
use ottla_types::{BrokerId, LeaderEpoch, Offset, Uuid};
use ottla_wire::{
    config_record::ConfigRecord, no_op_record::NoOpRecord, partition_record::PartitionRecord,
    topic_record::TopicRecord,
};

use super::{Opened, open_log, quorum_state, replay_log, settings, snapshots};

const ID: BrokerId = BrokerId(1);
const DIRECTORY_ID: Uuid = Uuid([7; 16]);

/// Reads bytes as each kind of file of the metadata log. A snapshot that can be read, and whose
/// records can be written, is the same once it was written and read again.
pub fn read_as_every_metadata_file(content: &Bytes) {
    if let Some(state) = quorum_state::parse(&String::from_utf8_lossy(content)) {
        let text = quorum_state::format(0, ID, state.leader_epoch);
        let again = quorum_state::parse(&text).map(|state| state.leader_epoch);
        assert_eq!(again, Some(state.leader_epoch), "what was written is read");
    }
    if let Ok(contents) = snapshots::parse(content) {
        check_written_again(contents);
    }
}

fn check_written_again(contents: snapshots::Contents) {
    let id = SnapshotId { end_offset: Offset(1), leader_epoch: LeaderEpoch(1) };
    let timestamp = contents.last_contained_timestamp;
    let snapshot = Snapshot { id, last_contained_timestamp: timestamp, records: contents.records };
    let disk = SimDisk::new();
    let dir = disk.root();
    let versions = (feature::METADATA_VERSION_LATEST, 0);
    if snapshots::write(dir.as_ref(), &snapshot, &contents.quorum, versions).is_err() {
        // A field that a later version of its record no longer has.
        return;
    }
    let again = snapshots::read(dir.as_ref(), &id.file_name());
    assert!(again.is_ok(), "what was written is read: {again:?}");
    let again = again.unwrap_or_default().unwrap_or_default();
    assert_eq!(again.last_contained_timestamp, timestamp);
    let encoded = |records: &[MetadataRecord]| -> Vec<_> {
        records.iter().map(|record| record.encode(versions.0)).collect()
    };
    // Not by what they hold: a number may be none, which equals nothing.
    assert_eq!(encoded(&again.records), encoded(&snapshot.records));
}

/// Opens the metadata log that lies on a disk, whatever it is. If that can be done it can be done
/// again, after a record more and a snapshot, and gives the same.
pub fn open_metadata_log(disk: &SimDisk) -> Result<Image, String> {
    let (mut opened, log_dir) = open(disk)?;
    opened.log.propose(&[NoOpRecord::default().into()]).map_err(|error| error.to_string())?;
    let next = opened.log.next_offset();
    if !opened.image.is_in_transaction() {
        let snapshot = Snapshot {
            id: SnapshotId { end_offset: next, leader_epoch: opened.log.leader_epoch() },
            last_contained_timestamp: 0,
            records: opened.image.to_records(),
        };
        opened.log.save_snapshot(&snapshot).map_err(|error| error.to_string())?;
    }
    opened.log.close().map_err(|error| error.to_string())?;
    let image = opened.image;
    drop((opened.log, log_dir));
    let again = open(disk);
    assert!(again.is_ok(), "what could be opened can be opened again: {again:?}");
    let (again, _) = again?;
    assert_eq!(again.image, image, "the same once more");
    assert!(again.applied.next >= next, "nothing is gone");
    Ok(image)
}

fn open(disk: &SimDisk) -> Result<(Opened, LogDir), String> {
    let config = ServerConfig::load(&[]).map_err(|error| error.to_string())?.config;
    let log_dir = LogDir::simulated(disk).map_err(|error| error.to_string())?;
    let own = settings::voter(&config, (ID, DIRECTORY_ID));
    let opened = open_log(&config, &log_dir)
        .and_then(|log| replay_log(&config, &log_dir, &own, log))
        .map_err(|error| error.to_string())?;
    Ok((opened, log_dir))
}

/// The files of a directory in which there is a metadata log that was written by several starts,
/// with a snapshot in the middle.
pub fn metadata_log_files() -> Result<BTreeMap<String, Vec<u8>>, String> {
    let disk = SimDisk::new();
    let text = |error: super::MetadataLogError| error.to_string();
    for start in 0..3_u8 {
        let (mut opened, _log_dir) = open(&disk)?;
        let mut image = opened.image;
        let first = if start == 0 { decide::bootstrap(&opened.prepared) } else { Vec::new() };
        for records in [first, topic(2 * start), topic(2 * start + 1)] {
            if !records.is_empty() {
                opened.log.propose(&records).map_err(text)?;
                super::replay(&mut image, &records).map_err(text)?;
            }
        }
        if start == 1 {
            let snapshot = Snapshot {
                id: SnapshotId {
                    end_offset: opened.log.next_offset(),
                    leader_epoch: opened.log.leader_epoch(),
                },
                last_contained_timestamp: 1,
                records: image.to_records(),
            };
            opened.log.save_snapshot(&snapshot).map_err(text)?;
        }
        opened.log.close().map_err(text)?;
    }
    Ok(disk.files())
}

/// The records of a topic with one partition and a configuration.
fn topic(number: u8) -> Vec<MetadataRecord> {
    let name = format!("topic-{number}");
    let topic_id = Uuid([number + 1; 16]);
    vec![
        TopicRecord { name: name.as_str().into(), topic_id }.into(),
        PartitionRecord {
            topic_id,
            replicas: vec![ID.get()],
            isr: vec![ID.get()],
            directories: vec![DIRECTORY_ID],
            leader: ID.get(),
            ..PartitionRecord::default()
        }
        .into(),
        ConfigRecord {
            resource_type: 2,
            resource_name: name.as_str().into(),
            name: "retention.ms".into(),
            value: Some("7".into()),
        }
        .into(),
    ]
}
