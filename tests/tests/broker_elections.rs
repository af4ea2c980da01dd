//! Elections and reassignments on the data of a cluster whose other brokers are gone.

use std::{fs, io::Write as _, path::Path};

use ottla_metadata::MetadataRecord;
use ottla_record::{BatchBuilder, Batches, BuilderOptions};
use ottla_tests::{
    batch,
    client::{Client, bytes_of},
    in_process::TestBroker,
};
use ottla_types::{LeaderEpoch, Offset, Uuid};
use ottla_wire::{
    Str,
    alter_partition_reassignments_request::{
        AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
    },
    elect_leaders_request::{ElectLeadersRequest, TopicPartitions},
    partition_change_record::PartitionChangeRecord,
};

/// The number of `metadata.version` that new clusters have.
const METADATA_VERSION: i16 = 33;

/// Adds a record to the cluster's metadata, as a controller would have that has gone since.
fn add_to_metadata(data_dir: &Path, record: &MetadataRecord) {
    let path = data_dir.join("__cluster_metadata-0").join(format!("{:020}.log", 0));
    let bytes = bytes::Bytes::from(fs::read(&path).unwrap());
    let (last, _) = Batches::new(&bytes).last().unwrap().unwrap();
    let options = BuilderOptions {
        base_offset: last.next_offset(),
        leader_epoch: last.leader_epoch,
        ..BuilderOptions::default()
    };
    let mut batch = BatchBuilder::new(options);
    let value = record.encode(METADATA_VERSION).unwrap();
    batch.append_parts(last.max_timestamp, None, Some(&value), std::iter::empty()).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&batch.finish().unwrap()).unwrap();
}

/// A broker with the topic `t` of three records, whose partition another broker led last.
fn left_behind() -> TestBroker {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let topic_id: Uuid = client.topic("t", 1, &[]);
    client.produce("t", 0, batch::plain(3));
    let moved = PartitionChangeRecord {
        partition_id: 0,
        topic_id,
        replicas: Some(vec![2, 1]),
        isr: Some(vec![2]),
        leader: -1,
        ..PartitionChangeRecord::default()
    };
    broker.crash_with(|data| add_to_metadata(data, &moved.into()));
    broker
}

fn elect(client: &mut Client, election_type: i8) -> i16 {
    let asked = vec![TopicPartitions { topic: Str::from("t"), partitions: vec![0] }];
    let request =
        ElectLeadersRequest { election_type, topic_partitions: Some(asked), timeout_ms: 1_000 };
    let mut response = client.call(2, &request);
    response.replica_election_results.remove(0).partition_result.remove(0).error_code
}

#[test]
fn a_partition_whose_leader_is_gone_is_led_here_once_that_is_asked_for() {
    let broker = left_behind();
    let mut client = broker.client();
    let before = client.metadata("t", false).partitions.remove(0);
    assert_eq!((before.error_code, before.leader_id), (5, -1), "no leader is available");
    assert_eq!(elect(&mut client, 0), 80, "the preferred leader is not available");
    assert_eq!(elect(&mut client, 1), 0);
    let after = client.metadata("t", false).partitions.remove(0);
    assert_eq!((after.error_code, after.leader_id), (0, 1));
    assert_eq!(after.isr_nodes, [1]);
    assert_eq!(after.leader_epoch, before.leader_epoch + 1);

    assert_eq!(client.produce("t", 0, batch::plain(1)), 3, "what was there is there");
    let fetched = bytes_of(&client.try_fetch("t", 0, 3));
    let (header, _) = Batches::new(&fetched).next().unwrap().unwrap();
    assert_eq!(header.base_offset, Offset(3));
    assert_eq!(header.leader_epoch, LeaderEpoch(after.leader_epoch), "it leads in the new epoch");
}

#[test]
fn replicas_on_brokers_that_are_gone_can_be_taken_away() {
    let mut broker = left_behind();
    let mut client = broker.client();
    assert_eq!(elect(&mut client, 1), 0);
    let partition = ReassignablePartition { partition_index: 0, replicas: Some(vec![1]) };
    let topic = ReassignableTopic { name: Str::from("t"), partitions: vec![partition] };
    let request = AlterPartitionReassignmentsRequest {
        topics: vec![topic],
        timeout_ms: 1_000,
        ..Default::default()
    };
    let response = client.call(1, &request);
    assert_eq!(response.responses[0].partitions[0].error_code, 0);
    let after = client.metadata("t", false).partitions.remove(0);
    assert_eq!((after.replica_nodes.as_slice(), after.isr_nodes.as_slice()), (&[1][..], &[1][..]));
    broker.restart();
    let again = broker.client().metadata("t", false).partitions.remove(0);
    assert_eq!((again.leader_id, again.replica_nodes), (1, vec![1]));
}
