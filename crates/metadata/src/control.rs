//! The control records of the metadata log: who leads the quorum, who votes, where a snapshot
//! begins and ends.
//!
//! A control record's key is two `INT16`s, a version (0) and the type; control batches hold nothing
//! else and are marked as such. They have offsets, and say nothing of the cluster's state.
//!
//! Kafka: `ControlRecordType`, `ControlRecordUtils`, `RecordsSnapshotWriter`, `VoterSet`.

use bytes::Bytes;
use ottla_types::{BrokerId, Uuid};
use ottla_wire::{
    EncodeError, Message, Writer, kraft_version_record::KRaftVersionRecord,
    leader_change_message as leader_change, leader_change_message::LeaderChangeMessage,
    snapshot_footer_record::SnapshotFooterRecord, snapshot_header_record::SnapshotHeaderRecord,
    voters_record as voters, voters_record::VotersRecord,
};

/// The `kraft.version` that keeps the voters in the log, with their directories.
const KRAFT_VERSION: i16 = 1;

/// The key and the value of a control record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRecord {
    /// The key: version and type.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
}

/// A voter of the quorum and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// The controller's `node.id`.
    pub id: BrokerId,
    /// Its metadata log directory.
    pub directory_id: Uuid,
    /// Name, host and port of each controller listener.
    pub endpoints: Vec<(String, String, u16)>,
}

/// Who leads the quorum from here on; the first record of every leader epoch.
pub fn leader_change(leader: BrokerId) -> Result<ControlRecord, EncodeError> {
    let voter = leader_change::Voter { voter_id: leader.0, ..Default::default() };
    let message = LeaderChangeMessage {
        version: 0,
        leader_id: leader.0,
        voters: vec![voter.clone()],
        granting_voters: vec![voter],
    };
    control_record(2, &message)
}

/// The first record of a snapshot.
pub fn snapshot_header(last_contained_timestamp: i64) -> Result<ControlRecord, EncodeError> {
    control_record(
        3,
        &SnapshotHeaderRecord {
            version: 0,
            last_contained_log_timestamp: last_contained_timestamp,
        },
    )
}

/// The last record of a snapshot.
pub fn snapshot_footer() -> Result<ControlRecord, EncodeError> {
    control_record(4, &SnapshotFooterRecord { version: 0 })
}

/// Which `kraft.version` holds from here on.
pub fn kraft_version() -> Result<ControlRecord, EncodeError> {
    control_record(5, &KRaftVersionRecord { version: 0, kraft_version: KRAFT_VERSION })
}

/// Who votes from here on.
pub fn voters(set: &[Voter]) -> Result<ControlRecord, EncodeError> {
    let voter = |voter: &Voter| voters::Voter {
        voter_id: voter.id.0,
        voter_directory_id: voter.directory_id,
        endpoints: voter
            .endpoints
            .iter()
            .map(|(name, host, port)| voters::Endpoint {
                name: name.as_str().into(),
                host: host.as_str().into(),
                port: *port,
            })
            .collect(),
        kraft_version_feature: voters::KRaftVersionFeature {
            min_supported_version: 0,
            max_supported_version: KRAFT_VERSION,
        },
    };
    control_record(6, &VotersRecord { version: 0, voters: set.iter().map(voter).collect() })
}

fn control_record(record_type: i16, message: &impl Message) -> Result<ControlRecord, EncodeError> {
    let mut key = Writer::with_capacity(4);
    key.put_i16(0);
    key.put_i16(record_type);
    let mut value = Writer::new();
    message.encode(&mut value, 0)?;
    Ok(ControlRecord { key: key.finish().0.freeze(), value: value.finish().0.freeze() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found in the metadata log and the first snapshot of a Kafka 4.4.0.
    #[test]
    fn control_records_are_kafkas() {
        let voter = Voter {
            id: BrokerId(1),
            directory_id: "QvrHoi9rQBCZk4V_EckM_A".parse().unwrap(),
            endpoints: vec![("CONTROLLER".to_owned(), "127.0.0.1".to_owned(), 21301)],
        };
        let cases = [
            (leader_change(BrokerId(1)), 2, "00000000000102000000010002000000010000"),
            (kraft_version(), 5, "0000000100"),
            (
                voters(&[voter]),
                6,
                "0000020000000142fac7a22f6b40109993857f11c90cfc020b434f4e54524f4c4c45520a3132372e30\
                 2e302e3153350000000001000000",
            ),
        ];
        for (record, record_type, expected) in cases {
            let record = record.unwrap();
            assert_eq!(record.key.as_ref(), [0, 0, 0, record_type]);
            assert_eq!(format!("{:x}", record.value), expected, "type {record_type}");
        }
        for (record, record_type, size) in
            [(snapshot_header(1_795_492_657_960), 3, 11), (snapshot_footer(), 4, 3)]
        {
            let record = record.unwrap();
            assert_eq!(record.key.as_ref(), [0, 0, 0, record_type]);
            assert_eq!(record.value.len(), size, "type {record_type}");
        }
    }
}
