//! Transactions in a partition's log, as readers and tools see them. Nobody asks a coordinator
//! here: batches begin transactions and WriteTxnMarkers ends them.

use bytes::Bytes;
use ottla_record::{BatchHeader, Batches};
use ottla_tests::{
    batch::transactional,
    client::{Client, FETCH_VERSION, bytes_of, fetching, records_of},
    in_process::{TestBroker, eventually},
    session::produce,
};
use ottla_wire::{
    Str,
    describe_producers_request::{DescribeProducersRequest, TopicRequest},
    describe_producers_response::ProducerState,
    end_txn_request::EndTxnRequest,
    fetch_request::FetchRequest,
    fetch_response::PartitionData,
    find_coordinator_request::FindCoordinatorRequest,
    init_producer_id_request::InitProducerIdRequest,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestTopic},
    produce_request::ProduceRequest,
    produce_response::PartitionProduceResponse,
    txn_offset_commit_request::{
        TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    },
    write_txn_markers_request::{
        WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
    },
};

const TOPIC: &str = "ledger";
const INVALID_PRODUCER_EPOCH: i16 = 47;
const TRANSACTION_COORDINATOR_FENCED: i16 = 52;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const UNSTABLE_OFFSET_COMMIT: i16 = 88;

/// The last version of Produce whose clients add partitions to transactions themselves.
const UNASKED: i16 = 11;

fn broker() -> (TestBroker, Client) {
    let broker = TestBroker::start(&[("transaction.partition.verification.enable", "false")]);
    let mut client = broker.client();
    client.topic(TOPIC, 1, &[]);
    (broker, client)
}

fn request(batch: Bytes) -> ProduceRequest {
    let transactional_id = Some(Str::from("teller"));
    ProduceRequest { transactional_id, ..produce(TOPIC, 0, batch) }
}

fn try_append(client: &mut Client, batch: Bytes) -> PartitionProduceResponse {
    let mut response = client.call(UNASKED, &request(batch));
    response.responses.remove(0).partition_responses.remove(0)
}

/// One record of a transaction; its offset.
fn append(client: &mut Client, id: i64, epoch: i16, sequence: i32) -> i64 {
    let answer = try_append(client, transactional(id, epoch, sequence, 1));
    assert_eq!(answer.error_code, 0, "{answer:?}");
    answer.base_offset
}

fn marker(producer_id: i64, producer_epoch: i16, commit: bool) -> WritableTxnMarker {
    WritableTxnMarker {
        producer_id,
        producer_epoch,
        transaction_result: commit,
        topics: vec![WritableTxnMarkerTopic { name: Str::from(TOPIC), partition_indexes: vec![0] }],
        coordinator_epoch: 0,
        transaction_version: 0,
    }
}

fn write(client: &mut Client, marker: WritableTxnMarker) -> i16 {
    let response = client.call(2, &WriteTxnMarkersRequest { markers: vec![marker] });
    response.markers[0].topics[0].partitions[0].error_code
}

fn end(client: &mut Client, id: i64, epoch: i16, commit: bool) {
    assert_eq!(write(client, marker(id, epoch, commit)), 0);
}

fn reading(offset: i64, isolation_level: i8) -> FetchRequest {
    FetchRequest { isolation_level, ..fetching(TOPIC, 0, offset) }
}

fn read(client: &mut Client, offset: i64, isolation_level: i8) -> PartitionData {
    let mut response = client.call(FETCH_VERSION, &reading(offset, isolation_level));
    let data = response.responses.remove(0).partitions.remove(0);
    assert_eq!(data.error_code, 0, "{data:?}");
    data
}

fn offsets(data: &PartitionData) -> Vec<i64> {
    records_of(data).iter().map(|(offset, _)| offset.get()).collect()
}

fn aborted(data: &PartitionData) -> Option<Vec<(i64, i64)>> {
    let list = data.aborted_transactions.as_ref()?;
    Some(list.iter().map(|txn| (txn.producer_id, txn.first_offset)).collect())
}

fn list(client: &mut Client, timestamp: i64, isolation_level: i8) -> i64 {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level,
        topics: vec![ListOffsetsTopic { name: Str::from(TOPIC), partitions: vec![partition] }],
        ..Default::default()
    };
    client.call(8, &request).topics[0].partitions[0].offset
}

fn producers(client: &mut Client) -> Vec<ProducerState> {
    let topics = vec![TopicRequest { name: Str::from(TOPIC), partition_indexes: vec![0] }];
    let mut response = client.call(0, &DescribeProducersRequest { topics });
    response.topics.remove(0).partitions.remove(0).active_producers
}

#[test]
fn readers_of_committed_records_stop_before_the_first_open_transaction() {
    let (_broker, mut client) = broker();
    assert_eq!(append(&mut client, 1, 0, 0), 0);
    assert_eq!(append(&mut client, 2, 0, 0), 1);
    client.produce(TOPIC, 0, ottla_tests::batch::plain(1));
    let committed = read(&mut client, 0, 1);
    assert_eq!((committed.high_watermark, committed.last_stable_offset), (3, 0));
    assert_eq!((offsets(&committed), aborted(&committed)), (vec![], Some(vec![])));
    let uncommitted = read(&mut client, 0, 0);
    assert_eq!((offsets(&uncommitted), aborted(&uncommitted)), (vec![0, 1, 2], None));
    assert_eq!(uncommitted.last_stable_offset, 0);

    end(&mut client, 1, 0, true);
    let committed = read(&mut client, 0, 1);
    assert_eq!((committed.high_watermark, committed.last_stable_offset), (4, 1));
    assert_eq!(offsets(&committed), [0]);
    // Beyond what is decided there is nothing yet, and that is no error.
    assert_eq!(offsets(&read(&mut client, 3, 1)), [] as [i64; 0]);
    end(&mut client, 2, 0, false);
    let committed = read(&mut client, 0, 1);
    assert_eq!((committed.high_watermark, committed.last_stable_offset), (5, 5));
    // The markers are read, too; clients know them for what they are.
    assert_eq!(offsets(&committed), [0, 1, 2, 3, 4]);
    assert_eq!(aborted(&committed), Some(vec![(2, 1)]));
    assert_eq!(aborted(&read(&mut client, 4, 1)), Some(vec![(2, 1)]));
    assert_eq!(aborted(&read(&mut client, 5, 1)), Some(vec![]));
}

#[test]
fn the_end_of_a_transaction_wakes_who_waits_for_committed_records() {
    let (broker, mut client) = broker();
    append(&mut client, 1, 0, 0);
    let mut waiting = broker.client();
    let request = FetchRequest { max_wait_ms: 20_000, ..reading(0, 1) };
    let parked = waiting.send(FETCH_VERSION, &request);
    assert!(waiting.is_silent_for(std::time::Duration::from_millis(100)));
    append(&mut client, 1, 0, 1);
    assert!(waiting.is_silent_for(std::time::Duration::from_millis(100)));
    end(&mut client, 1, 0, true);
    let response = waiting.receive::<FetchRequest>(parked, FETCH_VERSION);
    assert_eq!(offsets(&response.responses[0].partitions[0]), [0, 1, 2]);
}

#[test]
fn offsets_are_listed_up_to_what_the_reader_may_see() {
    let (_broker, mut client) = broker();
    client.produce(TOPIC, 0, ottla_tests::batch::plain(1));
    append(&mut client, 1, 0, 0);
    assert_eq!((list(&mut client, -1, 0), list(&mut client, -1, 1)), (2, 1));
    assert_eq!((list(&mut client, -2, 0), list(&mut client, -2, 1)), (0, 0));
    // The largest timestamp is that of the open transaction.
    assert_eq!((list(&mut client, -3, 0), list(&mut client, -3, 1)), (1, -1));
    let after = ottla_tests::batch::BASE_TIMESTAMP + 1;
    assert_eq!((list(&mut client, after, 0), list(&mut client, after, 1)), (1, -1));
    end(&mut client, 1, 0, true);
    assert_eq!((list(&mut client, -1, 0), list(&mut client, -1, 1)), (3, 3));
    assert_eq!((list(&mut client, after, 0), list(&mut client, after, 1)), (1, 1));
}

#[test]
fn markers_are_control_batches_that_take_an_offset() {
    let (_broker, mut client) = broker();
    append(&mut client, 1, 4, 0);
    let marker = WritableTxnMarker { coordinator_epoch: 9, ..marker(1, 4, true) };
    assert_eq!(write(&mut client, marker), 0);
    let data = read(&mut client, 1, 0);
    let bytes = bytes_of(&data);
    let (header, batch) = Batches::new(&bytes).next().unwrap().unwrap();
    let BatchHeader { producer_epoch, base_sequence, last_offset_delta, .. } = header;
    assert_eq!((producer_epoch, base_sequence, last_offset_delta), (4, -1, 0));
    assert!(header.attributes.is_control() && header.attributes.is_transactional());
    let (_, records) = ottla_record::decode_batch(&bytes.slice_ref(batch), 1 << 20).unwrap();
    assert_eq!(records[0].1.key.as_deref(), Some(&[0, 0, 0, 1][..]));
    assert_eq!(records[0].1.value.as_deref(), Some(&[0, 0, 0, 0, 0, 9][..]));
}

#[test]
fn markers_of_old_epochs_and_coordinators_are_refused() {
    let (_broker, mut client) = broker();
    append(&mut client, 1, 4, 0);
    assert_eq!(write(&mut client, marker(1, 3, true)), INVALID_PRODUCER_EPOCH);
    // With an epoch for every transaction, the marker's is above that of the records.
    let second = |epoch| WritableTxnMarker { transaction_version: 2, ..marker(1, epoch, true) };
    assert_eq!(write(&mut client, second(4)), INVALID_PRODUCER_EPOCH);
    let later = WritableTxnMarker { coordinator_epoch: 5, ..second(5) };
    assert_eq!(write(&mut client, later), 0);
    let zombie = WritableTxnMarker { coordinator_epoch: 4, ..second(6) };
    assert_eq!(write(&mut client, zombie), TRANSACTION_COORDINATOR_FENCED);
    let again = WritableTxnMarker { coordinator_epoch: 5, ..second(5) };
    assert_eq!(write(&mut client, again), 0, "a repetition ends nothing");
    let mut elsewhere = marker(1, 9, true);
    elsewhere.topics[0].partition_indexes = vec![7];
    assert_eq!(write(&mut client, elsewhere), UNKNOWN_TOPIC_OR_PARTITION);
    // A batch of the ended transaction is late.
    let late = try_append(&mut client, transactional(1, 4, 1, 1));
    assert_eq!(late.error_code, INVALID_PRODUCER_EPOCH, "{late:?}");
}

#[test]
fn producers_are_described_with_their_open_transactions() {
    let (_broker, mut client) = broker();
    append(&mut client, 1, 0, 0);
    append(&mut client, 2, 0, 0);
    append(&mut client, 2, 0, 1);
    let described = |client: &mut Client| {
        let mut all = producers(client);
        all.sort_by_key(|one| one.producer_id);
        let of = |one: &ProducerState| {
            (
                one.producer_id,
                one.last_sequence,
                one.coordinator_epoch,
                one.current_txn_start_offset,
            )
        };
        all.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(described(&mut client), [(1, 0, -1, 0), (2, 1, -1, 1)]);
    let marker = WritableTxnMarker { coordinator_epoch: 3, ..marker(1, 0, false) };
    assert_eq!(write(&mut client, marker), 0);
    assert_eq!(described(&mut client), [(1, 0, 3, -1), (2, 1, -1, 1)]);
}

#[test]
fn an_open_transaction_survives_a_crash_and_ends_after_it() {
    let (mut broker, mut client) = broker();
    append(&mut client, 1, 0, 0);
    append(&mut client, 2, 0, 0);
    append(&mut client, 1, 0, 1);
    end(&mut client, 2, 0, false);
    for _ in 0..2 {
        broker.crash_and_restart();
        client = broker.client();
        let committed = read(&mut client, 0, 1);
        assert_eq!((committed.high_watermark, committed.last_stable_offset), (4, 0));
        // A repeated batch of the open transaction is known, the next one belongs to it.
        assert_eq!(append(&mut client, 1, 0, 1), 2);
    }
    assert_eq!(append(&mut client, 1, 0, 2), 4);
    end(&mut client, 1, 0, false);
    broker.crash_and_restart();
    client = broker.client();
    let committed = read(&mut client, 0, 1);
    assert_eq!((committed.high_watermark, committed.last_stable_offset), (6, 6));
    assert_eq!(aborted(&committed), Some(vec![(2, 1), (1, 0)]), "by their markers");
    assert_eq!(aborted(&read(&mut client, 4, 1)), Some(vec![(1, 0)]));
}

#[test]
fn aborted_records_are_told_of_where_the_index_of_them_was_lost() {
    let (mut broker, mut client) = broker();
    append(&mut client, 1, 0, 0);
    append(&mut client, 2, 0, 0);
    end(&mut client, 2, 0, false);
    append(&mut client, 2, 0, 1);
    end(&mut client, 2, 0, true);
    end(&mut client, 1, 0, false);
    let index = broker.data_dir().join(format!("{TOPIC}-0/00000000000000000000.txnindex"));
    let whole = std::fs::read(&index).unwrap();
    for left in [None, Some(&whole[..0]), Some(&whole[..34]), Some(&whole[..60])] {
        broker.stop();
        match left {
            Some(left) => std::fs::write(&index, left).unwrap(),
            None => std::fs::remove_file(&index).unwrap(),
        }
        broker.start_again();
        client = broker.client();
        assert_eq!(aborted(&read(&mut client, 0, 1)), Some(vec![(2, 1), (1, 0)]));
        assert_eq!(std::fs::read(&index).unwrap(), whole);
    }
}

#[test]
fn records_of_an_open_transaction_can_be_deleted() {
    let (mut broker, mut client) = broker();
    for sequence in 0..3 {
        append(&mut client, 1, 0, sequence);
    }
    assert_eq!(client.delete_records(TOPIC, 0, 2), 2);
    let committed = read(&mut client, 2, 1);
    assert_eq!((committed.high_watermark, committed.last_stable_offset), (3, 2));
    broker.crash_and_restart();
    client = broker.client();
    let committed = read(&mut client, 2, 1);
    assert_eq!((committed.high_watermark, committed.last_stable_offset), (3, 2));
    end(&mut client, 1, 0, false);
    let committed = read(&mut client, 2, 1);
    assert_eq!((committed.last_stable_offset, aborted(&committed)), (4, Some(vec![(1, 0)])));
}

/// Offset and error of the group's only partition, as a reader of stable offsets sees it.
fn stable_offset(client: &mut Client) -> (i64, i16) {
    let request = OffsetFetchRequest {
        group_id: Str::from("tellers"),
        require_stable: true,
        topics: Some(vec![OffsetFetchRequestTopic {
            name: Str::from(TOPIC),
            partition_indexes: vec![0],
        }]),
        ..Default::default()
    };
    let response = client.call(7, &request);
    assert_eq!(response.error_code, 0, "{response:?}");
    let partition = &response.topics[0].partitions[0];
    (partition.committed_offset, partition.error_code)
}

/// What a tool shows of the group, which does not wait for transactions.
fn shown_offsets(broker: &TestBroker) -> Vec<i64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = ottla_client::Client::connect(&broker.address().to_string()).await.unwrap();
        let offsets = client.admin().list_group_offsets("tellers").await.unwrap();
        offsets.values().map(|committed| committed.offset.0).collect()
    })
}

#[test]
fn pending_offsets_survive_a_crash_and_end_with_their_transaction() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic(TOPIC, 1, &[]);
    client.find_coordinator("tellers");
    let find = FindCoordinatorRequest {
        key_type: 1,
        coordinator_keys: vec![Str::from("teller")],
        ..Default::default()
    };
    eventually("a coordinator of transactions", || {
        (client.call(4, &find).coordinators[0].error_code == 0).then_some(())
    });
    let init = InitProducerIdRequest {
        transactional_id: Some(Str::from("teller")),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let producer = client.call(4, &init);
    assert_eq!(producer.error_code, 0, "{producer:?}");
    let commit = TxnOffsetCommitRequest {
        transactional_id: Str::from("teller"),
        group_id: Str::from("tellers"),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: Str::from(TOPIC),
            partitions: vec![TxnOffsetCommitRequestPartition {
                committed_offset: 5,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let committed = client.call(5, &commit);
    assert_eq!(committed.topics[0].partitions[0].error_code, 0, "{committed:?}");
    for _ in 0..2 {
        assert_eq!(stable_offset(&mut client), (-1, UNSTABLE_OFFSET_COMMIT));
        assert_eq!(shown_offsets(&broker), [] as [i64; 0]);
        broker.crash_and_restart();
        client = broker.client();
    }
    let end = EndTxnRequest {
        transactional_id: Str::from("teller"),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        committed: true,
    };
    assert_eq!(client.call(5, &end).error_code, 0);
    eventually("the offset", || (stable_offset(&mut client) == (5, 0)).then_some(()));
    broker.crash_and_restart();
    assert_eq!(stable_offset(&mut broker.client()), (5, 0));
    assert_eq!(shown_offsets(&broker), [5]);
}
