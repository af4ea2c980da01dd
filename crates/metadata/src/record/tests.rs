//! Records as Kafka 4.4 wrote them, and bytes that are none.

use ottla_types::Uuid;
use ottla_wire::{
    broker_registration_change_record::BrokerRegistrationChangeRecord,
    partition_change_record::PartitionChangeRecord, partition_record::PartitionRecord,
    register_broker_record::RegisterBrokerRecord, topic_record::TopicRecord,
};

use super::*;

/// Values found in the metadata log of a Kafka 4.4.0, one per record and version.
const KAFKAS: &[(&str, &str)] = &[
    ("BeginTransactionRecord", "01170001001212426f6f747374726170207265636f726473"),
    ("EndTransactionRecord", "01180000"),
    ("NoOpRecord", "01140000"),
    ("FeatureLevelRecord", "010c00116d657461646174612e76657273696f6e002100"),
    ("ConfigRecord", "0104000401146d696e2e696e73796e632e7265706c69636173023100"),
    ("ConfigRecord", "01040002066f6b6465660d726574656e74696f6e2e6d730000"),
    ("TopicRecord", "010200046f6b31c74b9e9cec9741c59a6a861d3f6689a300"),
    (
        "PartitionRecord",
        "01030200000000c74b9e9cec9741c59a6a861d3f6689a302000000010200000001010100000001000000000000\
         00000242fac7a22f6b40109993857f11c90cfc00",
    ),
    (
        "PartitionChangeRecord",
        "01050200000000c74b9e9cec9741c59a6a861d3f6689a3040001010104ffffffff060502000000010705020000\
         0001",
    ),
    (
        "PartitionChangeRecord",
        "01050200000000e8974851c7a2492db20552321d9f5bfc0400050200000001010400000001060101070101",
    ),
    ("RemoveTopicRecord", "0109009d6140d8f12a4fc2a4abc09f2bdc888200"),
    ("ProducerIdsRecord", "010f0000000001000000000000000e00000000000003e800"),
    ("ClearElrRecord", "011c00086d696e6973723200"),
    ("BrokerRegistrationChangeRecord", "01110000000001000000000000000e010001ff"),
    ("BrokerRegistrationChangeRecord", "01110100000001000000000000000e01010101"),
    ("BrokerRegistrationChangeRecord", "01110300000001000000000000000e01030101"),
    (
        "RegisterBrokerRecord",
        "01000400000001004ac60104fdd247feb6062996e9f2f11b000000000000000e020a504c41494e544558540a31\
         32372e302e302e315334000000080e6b726166742e76657273696f6e00000001000e73686172652e7665727369\
         6f6e0000000200116d657461646174612e76657273696f6e000700210021656c696769626c652e6c6561646572\
         2e7265706c696361732e76657273696f6e0000000100147472616e73616374696f6e2e76657273696f6e000000\
         02001073747265616d732e76657273696f6e00000001000e67726f75702e76657273696f6e0000000100000100\
         0100110242fac7a22f6b40109993857f11c90cfc",
    ),
    (
        "RegisterControllerRecord",
        "011b0000000001af0e8909ea6844428df307813158e52100020b434f4e54524f4c4c45520a3132372e302e302e\
         315335000000080e67726f75702e76657273696f6e00000001000e6b726166742e76657273696f6e0000000100\
         116d657461646174612e76657273696f6e00070021000e73686172652e76657273696f6e000000020010737472\
         65616d732e76657273696f6e0000000100147472616e73616374696f6e2e76657273696f6e000000020021656c\
         696769626c652e6c65616465722e7265706c696361732e76657273696f6e000000010000",
    ),
];

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

#[test]
fn kafkas_records_are_read_and_written_byte_for_byte() {
    for (name, hex) in KAFKAS {
        let record = MetadataRecord::decode(bytes(hex)).unwrap();
        assert_eq!(record.name(), *name);
        assert_eq!(record.encode(33).unwrap(), bytes(hex), "{record:?}");
    }
}

#[test]
fn every_truncation_of_a_record_is_an_error() {
    for (name, hex) in KAFKAS {
        let whole = bytes(hex);
        for end in 0..whole.len() {
            let cut = MetadataRecord::decode(whole.slice(..end));
            assert!(cut.is_err(), "{name} cut to {end} bytes: {cut:?}");
        }
    }
}

#[test]
fn what_is_not_known_is_named() {
    let record = |value: &'static [u8]| MetadataRecord::decode(Bytes::from_static(value));
    assert_eq!(record(&[]), Err(RecordError::Frame(DecodeError::Truncated)));
    assert_eq!(record(&[2, 20, 0, 0]), Err(RecordError::FrameVersion(2)));
    assert_eq!(record(&[1, 99, 0, 0]), Err(RecordError::UnknownRecord(99)));
    assert_eq!(
        record(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]),
        Err(RecordError::UnknownRecord(u32::MAX))
    );
    assert_eq!(
        record(&[1, 20, 1, 0]),
        Err(RecordError::UnknownVersion { record: "NoOpRecord", version: 1 })
    );
    assert_eq!(
        record(&[1, 20, 0, 0, 7, 7]),
        Err(RecordError::Garbage { record: "NoOpRecord", bytes: 2 })
    );
    assert_eq!(
        record(&[1, 9, 0, 1]),
        Err(RecordError::Malformed { record: "RemoveTopicRecord", cause: DecodeError::Truncated })
    );
    assert_eq!(RecordError::UnknownRecord(99).to_string(), "metadata record type 99 is not known");
}

fn version_written(record: &MetadataRecord, metadata_version: i16) -> u8 {
    record.encode(metadata_version).unwrap()[2]
}

/// The versions that `MetadataVersion` of Kafka 4.4 gives.
#[test]
fn versions_follow_the_metadata_version() {
    let partition: MetadataRecord = PartitionRecord {
        replicas: vec![1],
        directories: vec![Uuid([1; 16])],
        eligible_leader_replicas: Some(vec![1]),
        ..PartitionRecord::default()
    }
    .into();
    let change: MetadataRecord = PartitionChangeRecord {
        directories: Some(vec![Uuid([1; 16])]),
        last_known_elr: Some(vec![1]),
        ..PartitionChangeRecord::default()
    }
    .into();
    let broker: MetadataRecord = RegisterBrokerRecord {
        log_dirs: vec![Uuid([1; 16])],
        cordoned_log_dirs: Some(Vec::new()),
        ..RegisterBrokerRecord::default()
    }
    .into();
    let cases = [
        (7, 0, 1),
        (8, 0, 2),
        (16, 0, 2),
        (17, 1, 3),
        (22, 1, 3),
        (23, 2, 3),
        (30, 2, 4),
        (33, 2, 4),
    ];
    for (metadata_version, of_partition, of_broker) in cases {
        assert_eq!(version_written(&partition, metadata_version), of_partition);
        assert_eq!(version_written(&change, metadata_version), of_partition);
        assert_eq!(version_written(&broker, metadata_version), of_broker);
    }
}

#[test]
fn a_registration_change_is_written_no_newer_than_it_needs() {
    let fenced = BrokerRegistrationChangeRecord { fenced: 1, ..Default::default() };
    let stopping = BrokerRegistrationChangeRecord { in_controlled_shutdown: 1, ..fenced.clone() };
    let moved =
        BrokerRegistrationChangeRecord { log_dirs: vec![Uuid([1; 16])], ..stopping.clone() };
    let cordoned =
        BrokerRegistrationChangeRecord { cordoned_log_dirs: Some(Vec::new()), ..moved.clone() };
    for (record, version) in [(fenced, 0), (stopping, 1), (moved, 2), (cordoned, 3)] {
        assert_eq!(version_written(&record.into(), 33), version);
    }
}

#[test]
fn text_that_no_record_can_hold_is_refused() {
    let record: MetadataRecord =
        TopicRecord { name: "x".repeat(40_000).into(), topic_id: Uuid::ZERO }.into();
    assert_eq!(record.encode(33), Err(EncodeError::TooLong));
}
