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
    DecodeError, EncodeError, Message, Reader, Writer, kraft_version_record::KRaftVersionRecord,
    leader_change_message as leader_change, leader_change_message::LeaderChangeMessage,
    snapshot_footer_record::SnapshotFooterRecord, snapshot_header_record::SnapshotHeaderRecord,
    voters_record as voters, voters_record::VotersRecord,
};

/// The `kraft.version` that keeps the voters in the log, with their directories.
pub const KRAFT_VERSION: i16 = 1;

const LEADER_CHANGE: i16 = 2;
const SNAPSHOT_HEADER: i16 = 3;
const SNAPSHOT_FOOTER: i16 = 4;
const KRAFT_VERSION_CHANGE: i16 = 5;
const VOTERS: i16 = 6;

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

/// Who votes in the quorum, as the control records of a log or a snapshot say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// The finalized `kraft.version`.
    pub kraft_version: i16,
    /// The voters; none where `kraft.version` is 0, and configurations name them.
    pub voters: Vec<Voter>,
}

impl Quorum {
    /// Applies a control record; those that say nothing of voters change nothing.
    pub fn replay(&mut self, record: &ControlRecord) -> Result<(), DecodeError> {
        match record.record_type()? {
            KRAFT_VERSION_CHANGE => {
                let message = KRaftVersionRecord::decode(&mut Reader::new(record.value()), 0)?;
                self.kraft_version = message.kraft_version;
            }
            VOTERS => {
                let message = VotersRecord::decode(&mut Reader::new(record.value()), 0)?;
                self.voters = message.voters.iter().map(Voter::from_message).collect();
            }
            _ => {}
        }
        Ok(())
    }

    /// The records that make this quorum; none at `kraft.version` 0.
    pub fn to_records(&self) -> Result<Vec<ControlRecord>, EncodeError> {
        if self.kraft_version == 0 {
            return Ok(Vec::new());
        }
        let mut records = vec![kraft_version(self.kraft_version)?];
        if !self.voters.is_empty() {
            records.push(voters(&self.voters)?);
        }
        Ok(records)
    }
}

impl Voter {
    fn from_message(voter: &voters::Voter) -> Self {
        let endpoint = |endpoint: &voters::Endpoint| {
            (endpoint.name.to_string(), endpoint.host.to_string(), endpoint.port)
        };
        Self {
            id: BrokerId(voter.voter_id),
            directory_id: voter.voter_directory_id,
            endpoints: voter.endpoints.iter().map(endpoint).collect(),
        }
    }
}

impl ControlRecord {
    /// Whether a snapshot begins with this record.
    pub fn is_snapshot_header(&self) -> bool {
        self.record_type() == Ok(SNAPSHOT_HEADER)
    }

    /// Whether a snapshot ends with this record.
    pub fn is_snapshot_footer(&self) -> bool {
        self.record_type() == Ok(SNAPSHOT_FOOTER)
    }

    /// When the last record of a snapshot that begins with this one was appended, in milliseconds
    /// since 1970; `None` where it is not the beginning of one.
    pub fn snapshot_timestamp(&self) -> Option<i64> {
        if !self.is_snapshot_header() {
            return None;
        }
        let header = SnapshotHeaderRecord::decode(&mut Reader::new(self.value()), 0).ok()?;
        Some(header.last_contained_log_timestamp)
    }

    fn record_type(&self) -> Result<i16, DecodeError> {
        let mut key = Reader::new(self.key.clone());
        let _version = key.get_i16()?;
        key.get_i16()
    }

    fn value(&self) -> Bytes {
        self.value.clone()
    }
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
    control_record(LEADER_CHANGE, &message)
}

/// The first record of a snapshot.
pub fn snapshot_header(last_contained_timestamp: i64) -> Result<ControlRecord, EncodeError> {
    control_record(
        SNAPSHOT_HEADER,
        &SnapshotHeaderRecord {
            version: 0,
            last_contained_log_timestamp: last_contained_timestamp,
        },
    )
}

/// The last record of a snapshot.
pub fn snapshot_footer() -> Result<ControlRecord, EncodeError> {
    control_record(SNAPSHOT_FOOTER, &SnapshotFooterRecord { version: 0 })
}

/// Which `kraft.version` holds from here on.
pub fn kraft_version(level: i16) -> Result<ControlRecord, EncodeError> {
    let message = KRaftVersionRecord { version: 0, kraft_version: level };
    control_record(KRAFT_VERSION_CHANGE, &message)
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
    control_record(VOTERS, &VotersRecord { version: 0, voters: set.iter().map(voter).collect() })
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
            (kraft_version(KRAFT_VERSION), 5, "0000000100"),
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

    #[test]
    fn a_quorum_comes_back_from_its_records() {
        let voter = Voter {
            id: BrokerId(7),
            directory_id: "QvrHoi9rQBCZk4V_EckM_A".parse().unwrap(),
            endpoints: vec![("CONTROLLER".to_owned(), "host".to_owned(), 9093)],
        };
        let quorum = Quorum { kraft_version: KRAFT_VERSION, voters: vec![voter] };
        let mut replayed = Quorum::default();
        for record in quorum.to_records().unwrap() {
            replayed.replay(&record).unwrap();
        }
        replayed.replay(&leader_change(BrokerId(7)).unwrap()).unwrap();
        assert_eq!(replayed, quorum);
        assert_eq!(Quorum::default().to_records().unwrap(), [], "0 has nothing to say");
    }
}
