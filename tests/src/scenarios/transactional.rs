//! Transactions as partitions and groups see them: batches, markers, what readers are told, and
//! offsets.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ottla_record::{Batches, decode_batch};
use ottla_types::Uuid;
use ottla_wire::{
    Records, Str,
    add_offsets_to_txn_request::AddOffsetsToTxnRequest,
    add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic},
    describe_producers_request::{DescribeProducersRequest, TopicRequest},
    describe_transactions_request::DescribeTransactionsRequest,
    end_txn_request::EndTxnRequest,
    fetch_request::{FetchPartition, FetchRequest, FetchTopic},
    fetch_response::FetchResponse,
    find_coordinator_request::FindCoordinatorRequest,
    init_producer_id_request::InitProducerIdRequest,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    offset_fetch_request::{
        OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic,
        OffsetFetchRequestTopics,
    },
    produce_request::ProduceRequest,
    txn_offset_commit_request::{
        TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    },
    write_txn_markers_request::{
        WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
    },
};

use crate::{
    batch::{self, transactional},
    session::{Session, produce, versions},
};

/// CONCURRENT_TRANSACTIONS and those of a coordinator that is not there yet.
const COME_BACK: [i16; 4] = [14, 15, 16, 51];
const PATIENCE: Duration = Duration::from_secs(20);

/// A transactional producer, as its client knows it.
#[derive(Clone, Debug)]
struct Producer {
    transactional_id: String,
    id: i64,
    epoch: i16,
}

/// Asks, quietly, until the answer is none of those that say to come back.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = ask() {
            return Some(found);
        }
        std::thread::yield_now();
    }
    None
}

impl Producer {
    fn new(session: &mut Session, transactional_id: &str) -> Self {
        let find = FindCoordinatorRequest {
            key_type: 1,
            coordinator_keys: vec![Str::from(transactional_id)],
            ..Default::default()
        };
        // To look for it is what makes the topic that it needs.
        until(|| {
            let found = session.quietly(4, &find)?;
            (found.coordinators.first()?.error_code == 0).then_some(())
        });
        let request = InitProducerIdRequest {
            transactional_id: Some(Str::from(transactional_id)),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let response = until(|| {
            let response = session.quietly(4, &request)?;
            (!COME_BACK.contains(&response.error_code)).then_some(response)
        });
        let response = response.unwrap_or_default();
        let transactional_id = transactional_id.to_owned();
        Self { transactional_id, id: response.producer_id, epoch: response.producer_epoch }
    }

    fn at(&self, epoch: i16) -> Self {
        Self { epoch, ..self.clone() }
    }

    fn request(&self, topic: &str, batch: Bytes) -> ProduceRequest {
        let transactional_id = Some(Str::from(&self.transactional_id));
        ProduceRequest { transactional_id, ..produce(topic, 0, batch) }
    }

    fn batch(&self, sequence: i32, count: usize) -> Bytes {
        transactional(self.id, self.epoch, sequence, count)
    }

    fn send(&self, topic: &str, sequence: i32, count: usize) -> ProduceRequest {
        self.request(topic, self.batch(sequence, count))
    }

    fn add(&self, session: &mut Session, topic: &str) {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: Str::from(&self.transactional_id),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: Str::from(topic),
                partitions: vec![0],
            }],
            ..Default::default()
        };
        until(|| {
            let response = session.quietly(3, &request)?;
            let topic = response.results_by_topic_v3_and_below.first()?;
            let code = topic.results_by_partition.first()?.partition_error_code;
            (!COME_BACK.contains(&code)).then_some(())
        });
    }

    fn end_request(&self, commit: bool) -> EndTxnRequest {
        EndTxnRequest {
            transactional_id: Str::from(&self.transactional_id),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed: commit,
        }
    }

    /// Ends the transaction as old clients do.
    fn end(&self, session: &mut Session, commit: bool) {
        let request = self.end_request(commit);
        until(|| {
            let response = session.quietly(3, &request)?;
            (!COME_BACK.contains(&response.error_code)).then_some(())
        });
    }

    /// Ends the transaction as new clients do, and goes on in the epoch that it is told.
    fn end_and_go_on(&mut self, session: &mut Session, commit: bool) {
        let request = self.end_request(commit);
        let response = until(|| {
            let response = session.quietly(5, &request)?;
            (!COME_BACK.contains(&response.error_code)).then_some(response)
        });
        let response = response.unwrap_or_default();
        (self.id, self.epoch) = (response.producer_id, response.producer_epoch);
    }
}

/// What a reader was told of a partition, without what differs between runs.
#[derive(Debug)]
#[expect(dead_code, reason = "it is compared by what Debug shows")]
struct Seen {
    error_code: i16,
    high_watermark: i64,
    last_stable_offset: i64,
    log_start_offset: i64,
    /// First offsets of the aborted transactions, in the order of the answer.
    aborted: Option<Vec<i64>>,
    batches: Vec<SeenBatch>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "it is compared by what Debug shows")]
struct SeenBatch {
    offsets: (i64, i64),
    attributes: String,
    producer_epoch: i16,
    base_sequence: i32,
    leader_epoch: i32,
    size: usize,
    /// Key and value of a marker.
    marker: Option<String>,
}

fn fetch(topic: &str, offset: i64, isolation_level: i8, max_bytes: i32) -> FetchRequest {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: max_bytes,
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation_level,
        topics: vec![FetchTopic {
            topic: Str::from(topic),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn seen(response: &FetchResponse) -> Option<Seen> {
    let data = response.responses.first()?.partitions.first()?;
    let aborted = data.aborted_transactions.as_ref();
    let bytes = match &data.records {
        Some(Records::Bytes(bytes)) => bytes.clone(),
        _ => Bytes::new(),
    };
    let batches = Batches::new(&bytes).map_while(Result::ok).map(|(header, batch)| {
        let marker = header.attributes.is_control().then(|| {
            let decoded = decode_batch(&bytes.slice_ref(batch), 1 << 20);
            decoded.map(|(_, records)| format!("{:?}, {:?}", records[0].1.key, records[0].1.value))
        });
        SeenBatch {
            offsets: (header.base_offset.get(), header.last_offset().get()),
            attributes: format!("{:?}", header.attributes),
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            leader_epoch: header.leader_epoch.get(),
            size: batch.len(),
            marker: marker.and_then(Result::ok),
        }
    });
    Some(Seen {
        error_code: data.error_code,
        high_watermark: data.high_watermark,
        last_stable_offset: data.last_stable_offset,
        log_start_offset: data.log_start_offset,
        aborted: aborted.map(|list| list.iter().map(|txn| txn.first_offset).collect()),
        batches: batches.collect(),
    })
}

/// Reads as both kinds of readers do, and writes down what they see.
fn look(session: &mut Session, note: &str, topic: &str, offset: i64) {
    for isolation_level in [0, 1] {
        read(
            session,
            &format!("{note}, isolation {isolation_level}"),
            topic,
            offset,
            (isolation_level, 1 << 20),
        );
    }
}

fn read(
    session: &mut Session,
    note: &str,
    topic: &str,
    offset: i64,
    (isolation_level, max_bytes): (i8, i32),
) {
    let request = fetch(topic, offset, isolation_level, max_bytes);
    session.note(format!("{note}, from {offset}, {max_bytes} bytes"));
    session.ask_and_show(12, &request, |response| format!("{:#?}", seen(response)));
}

fn list(session: &mut Session, note: &str, topic: &str) {
    for isolation_level in [0, 1] {
        // Not the largest timestamp: a marker has the broker's time, and which is the larger depends
        // on how fast the broker was.
        for timestamp in [-1, -2, batch::BASE_TIMESTAMP + 1] {
            let partition = ListOffsetsPartition { timestamp, ..Default::default() };
            let request = ListOffsetsRequest {
                replica_id: -1,
                isolation_level,
                topics: vec![ListOffsetsTopic {
                    name: Str::from(topic),
                    partitions: vec![partition],
                }],
                ..Default::default()
            };
            session.note(format!("{note}: offsets at {timestamp}, isolation {isolation_level}"));
            session.ask_and_show(8, &request, |response| {
                let found = response.topics.first().and_then(|topic| topic.partitions.first());
                format!("{:#?}", found.map(|found| (found.error_code, found.offset)))
            });
        }
    }
}

fn describe(session: &mut Session, note: &str, topic: &str) {
    let topics = vec![TopicRequest { name: Str::from(topic), partition_indexes: vec![0] }];
    session.note(format!("{note}: producers"));
    session.ask_and_show(0, &DescribeProducersRequest { topics }, |response| {
        let mut all = response.topics[0].partitions[0].active_producers.clone();
        all.sort_by_key(|one| one.producer_id);
        let all = all.iter().map(|one| {
            let epochs = (one.producer_epoch, one.coordinator_epoch);
            (epochs, one.last_sequence, one.current_txn_start_offset)
        });
        format!("{:#?}", all.collect::<Vec<_>>())
    });
}

/// Waits until the markers of the producer's last transaction are written.
fn settled(session: &mut Session, producer: &Producer) {
    let transactional_ids = vec![Str::from(&producer.transactional_id)];
    let request = DescribeTransactionsRequest { transactional_ids };
    until(|| {
        let response = session.quietly(0, &request)?;
        response.transaction_states.first()?.transaction_state.starts_with("Complete").then_some(())
    });
}

pub fn log_of_old_clients(session: &mut Session) {
    let topic = "txn-old";
    session.topic(topic, 1, &[]);
    session.append(topic, 0, batch::plain(2));
    let producer = Producer::new(session, "txn-old");
    for version in [3, 10, 11] {
        session.ask("a partition that was not added", version, &producer.send(topic, 0, 2));
    }
    producer.add(session, topic);
    session.ask("first", 11, &producer.send(topic, 0, 2));
    session.ask("first again", 11, &producer.send(topic, 0, 2));
    session.ask("second", 9, &producer.send(topic, 2, 1));
    session.ask("a gap", 11, &producer.send(topic, 7, 1));
    let outside = batch::idempotent_now(producer.id, producer.epoch, 3, 1);
    session.ask("without transaction", 11, &producer.request(topic, outside));
    look(session, "open", topic, 0);
    list(session, "open", topic);
    describe(session, "open", topic);
    session.ask("a later epoch", 11, &producer.at(producer.epoch + 1).send(topic, 0, 1));
    producer.end(session, true);
    settled(session, &producer);
    look(session, "committed", topic, 0);
    list(session, "committed", topic);
    describe(session, "committed", topic);
    session.ask("the last again", 11, &producer.send(topic, 2, 1));
    session.ask("more after the end", 11, &producer.send(topic, 3, 1));
    producer.add(session, topic);
    session.ask("the next transaction", 11, &producer.send(topic, 3, 4));
    producer.end(session, false);
    settled(session, &producer);
    look(session, "aborted", topic, 0);
    look(session, "aborted", topic, 7);
    let later = Producer::new(session, "txn-old");
    session.ask("the epoch before", 11, &producer.send(topic, 7, 1));
    later.add(session, topic);
    session.ask("the epoch before, added", 11, &producer.send(topic, 7, 1));
    session.ask("not from zero", 11, &later.send(topic, 7, 1));
    session.ask("from zero", 11, &later.send(topic, 0, 1));
    session.ask("the epoch before, open", 11, &producer.send(topic, 7, 1));
    later.end(session, true);
    settled(session, &later);
    look(session, "a new epoch", topic, 0);
    describe(session, "a new epoch", topic);
}

pub fn log_of_new_clients(session: &mut Session) {
    let topic = "txn-new";
    session.topic(topic, 1, &[]);
    let mut producer = Producer::new(session, "txn-new");
    let first = producer.clone();
    session.ask("not from zero", 12, &producer.send(topic, 3, 1));
    session.ask("first", 12, &producer.send(topic, 0, 2));
    session.ask("first again", 12, &producer.send(topic, 0, 2));
    session.ask("second", 12, &producer.send(topic, 2, 1));
    session.ask("a later epoch", 12, &producer.at(producer.epoch + 1).send(topic, 0, 1));
    look(session, "open", topic, 0);
    producer.end_and_go_on(session, true);
    settled(session, &producer);
    look(session, "committed", topic, 0);
    describe(session, "committed", topic);
    session.ask("the ended epoch again", 12, &first.send(topic, 2, 1));
    session.ask("the ended epoch goes on", 12, &first.send(topic, 3, 1));
    session.ask("the next not from zero", 12, &producer.send(topic, 3, 1));
    session.ask("the next", 12, &producer.send(topic, 0, 1));
    producer.end_and_go_on(session, false);
    settled(session, &producer);
    look(session, "aborted", topic, 0);
    look(session, "aborted", topic, 5);
    describe(session, "aborted", topic);
    for round in 0..4 {
        // At once: the end of the transaction before may be under way.
        session.ask(format!("back to back {round}"), 12, &producer.send(topic, 0, 1));
        producer.end_and_go_on(session, round % 2 == 0);
    }
    settled(session, &producer);
    look(session, "back to back", topic, 4);
}

pub fn bad_batches(session: &mut Session) {
    let topic = "txn-bad";
    session.topic(topic, 2, &[]);
    let one = Producer::new(session, "txn-bad-1");
    let two = Producer::new(session, "txn-bad-2");
    let unknown = Producer { transactional_id: "txn-bad-none".to_owned(), ..one.clone() };
    let other_id = Producer { id: two.id, ..one.clone() };
    for version in [10, 11, 12] {
        session.ask("an unknown transactional id", version, &unknown.send(topic, 0, 1));
        session.ask("another's producer id", version, &other_id.send(topic, 0, 1));
        session.ask("an epoch too high", version, &one.at(one.epoch + 1).send(topic, 0, 1));
        let nameless = produce(topic, 0, one.batch(0, 1));
        session.ask("no transactional id", version, &nameless);
        let mut mixed = one.send(topic, 0, 1);
        let mut more = mixed.topic_data[0].partition_data[0].clone();
        more.index = 1;
        more.records = batch::field(two.batch(0, 1));
        mixed.topic_data[0].partition_data.push(more);
        session.ask("two producers", version, &mixed);
        let mut elsewhere = one.send(topic, 0, 1);
        elsewhere.topic_data[0].partition_data[0].index = 9;
        session.ask("an unknown partition", version, &elsewhere);
        let plain = one.request(topic, batch::plain(1));
        session.ask("an id but no transaction", version, &plain);
    }
}

pub fn aborted_lists(session: &mut Session) {
    let topic = "txn-many";
    // Small segments, and index entries often: what a list has in excess follows from both.
    session.topic(topic, 1, &[("segment.bytes", "1048576"), ("index.interval.bytes", "400")]);
    let mut producers: Vec<Producer> =
        (0..5).map(|n| Producer::new(session, &format!("txn-many-{n}"))).collect();
    let mut sequences = [0_i32; 5];
    for step in 0..120_usize {
        let at = (step * 7 + step / 11) % 5;
        let count = 1 + step % 3;
        session.quietly(12, &producers[at].send(topic, sequences[at], count));
        sequences[at] += count as i32;
        if step % 4 == 3 {
            let ends = (step * 3 + step / 5) % 5;
            if sequences[ends] > 0 {
                producers[ends].end_and_go_on(session, step % 3 == 0);
                sequences[ends] = 0;
                // Its marker's place in the log must not depend on who is faster.
                settled(session, &producers[ends]);
            }
        }
    }
    for offset in (0..280).step_by(3) {
        for max_bytes in [1, 500, 3_000] {
            read(session, "many", topic, offset, (1, max_bytes));
        }
    }
    read(session, "many, uncommitted", topic, 0, (0, 1 << 20));
    list(session, "many", topic);
    describe(session, "many", topic);
}

fn marker(producer: &Producer, topic: &str, epoch: i16, version: i8) -> WritableTxnMarker {
    WritableTxnMarker {
        producer_id: producer.id,
        producer_epoch: epoch,
        transaction_result: false,
        topics: vec![WritableTxnMarkerTopic { name: Str::from(topic), partition_indexes: vec![0] }],
        coordinator_epoch: 0,
        transaction_version: version,
    }
}

pub fn markers(session: &mut Session) {
    let topic = "txn-markers";
    session.topic(topic, 1, &[]);
    let producer = Producer::new(session, "txn-markers");
    let write = |session: &mut Session, note: &str, marker: WritableTxnMarker| {
        for version in versions::<WriteTxnMarkersRequest>() {
            let request = WriteTxnMarkersRequest { markers: vec![marker.clone()] };
            session.ask(note, version, &request);
        }
    };
    session.ask("none", 1, &WriteTxnMarkersRequest::default());
    write(session, "of a producer without records", marker(&producer, topic, 0, 1));
    session.quietly(12, &producer.send(topic, 0, 1));
    write(session, "of an unknown topic", marker(&producer, "txn-none", 0, 1));
    let mut elsewhere = marker(&producer, topic, 0, 1);
    elsewhere.topics[0].partition_indexes = vec![3];
    write(session, "of an unknown partition", elsewhere);
    write(session, "at its epoch, for version 2", marker(&producer, topic, 0, 2));
    look(session, "after them", topic, 0);
    describe(session, "after them", topic);
    let late = WritableTxnMarker { coordinator_epoch: 7, ..marker(&producer, topic, 3, 2) };
    write(session, "of a later coordinator", late);
    let zombie = WritableTxnMarker { coordinator_epoch: 6, ..marker(&producer, topic, 4, 2) };
    write(session, "of an earlier coordinator", zombie);
    write(session, "of an old epoch", marker(&producer, topic, 1, 1));
    look(session, "at last", topic, 0);
    describe(session, "at last", topic);
}

/// A group's offsets, stable ones and any.
fn offsets(session: &mut Session, note: &str, group: &str, topic: &str) {
    for (version, require_stable) in [(7, false), (7, true), (9, true)] {
        let mut request = OffsetFetchRequest { require_stable, ..Default::default() };
        if version < 8 {
            request.group_id = Str::from(group);
            request.topics = None;
        } else {
            request.groups = vec![OffsetFetchRequestGroup {
                group_id: Str::from(group),
                topics: Some(vec![OffsetFetchRequestTopics {
                    name: Str::from(topic),
                    partition_indexes: vec![0, 1],
                    ..Default::default()
                }]),
                ..Default::default()
            }];
        }
        session.ask(format!("{note}, stable: {require_stable}"), version, &request);
    }
}

fn commit(producer: &Producer, group: &str, topic: &str, offset: i64) -> TxnOffsetCommitRequest {
    TxnOffsetCommitRequest {
        transactional_id: Str::from(&producer.transactional_id),
        group_id: Str::from(group),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: Str::from(topic),
            partitions: vec![TxnOffsetCommitRequestPartition {
                committed_offset: offset,
                committed_metadata: Some(Str::from("m")),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Waits until the group's coordinator serves.
fn find_group(session: &mut Session, group: &str) {
    let find =
        FindCoordinatorRequest { coordinator_keys: vec![Str::from(group)], ..Default::default() };
    until(|| {
        let found = session.quietly(4, &find)?;
        (found.coordinators.first()?.error_code == 0).then_some(())
    });
    let warm = OffsetFetchRequest { group_id: Str::from(group), ..Default::default() };
    until(|| (!COME_BACK.contains(&session.quietly(6, &warm)?.error_code)).then_some(()));
}

/// Waits until no offset of the group is pending.
fn stable(session: &mut Session, group: &str, topic: &str) {
    until(|| {
        let request = OffsetFetchRequest {
            group_id: Str::from(group),
            require_stable: true,
            topics: Some(vec![OffsetFetchRequestTopic {
                name: Str::from(topic),
                partition_indexes: vec![0, 1],
            }]),
            ..Default::default()
        };
        let response = session.quietly(7, &request)?;
        let parts = response.topics.iter().flat_map(|topic| &topic.partitions);
        let unstable = |part: i16| part == 88;
        (!parts.map(|part| part.error_code).any(unstable)).then_some(())
    });
}

pub fn offsets_of_old_clients(session: &mut Session) {
    let (topic, group) = ("txn-offsets", "txn-offsets");
    session.topic(topic, 2, &[]);
    let old = Producer::new(session, "txn-offsets-old");
    find_group(session, group);
    let add = AddOffsetsToTxnRequest {
        transactional_id: Str::from(&old.transactional_id),
        producer_id: old.id,
        producer_epoch: old.epoch,
        group_id: Str::from(group),
    };
    for version in [0, 3, 4] {
        session.ask("not added", version, &commit(&old, group, topic, 5));
    }
    until(|| (!COME_BACK.contains(&session.quietly(3, &add)?.error_code)).then_some(()));
    for version in 0..=4 {
        let offset = 5 + i64::from(version);
        session.ask("in a transaction", version, &commit(&old, group, topic, offset));
    }
    offsets(session, "open", group, topic);
    let unknown = commit(&old, group, "txn-none", 1);
    session.ask("an unknown topic", 4, &unknown);
    let mut large = commit(&old, group, topic, 1);
    large.topics[0].partitions[0].committed_metadata = Some(Str::from("x".repeat(5000)));
    session.ask("large metadata", 4, &large);
    let mut generation = commit(&old, group, topic, 1);
    generation.generation_id_or_member_epoch = 3;
    session.ask("a generation of nobody", 4, &generation);
    let elsewhere = commit(&old, "txn-offsets-none", topic, 1);
    let elsewhere = TxnOffsetCommitRequest { generation_id_or_member_epoch: 0, ..elsewhere };
    session.ask("a generation of no group", 4, &elsewhere);
    session.ask("no group", 4, &commit(&old, "", topic, 1));
    old.end(session, true);
    stable(session, group, topic);
    offsets(session, "committed", group, topic);
}

pub fn offsets_of_new_clients(session: &mut Session) {
    let (topic, group) = ("txn-offsets-new", "txn-offsets-new");
    let topic_id = session.topic(topic, 2, &[]);
    find_group(session, group);
    let mut new = Producer::new(session, "txn-offsets-new");
    session.ask("added with the offset", 5, &commit(&new, group, topic, 20));
    let mut by_id = commit(&new, group, "", 21);
    by_id.topics[0].topic_id = topic_id;
    by_id.topics[0].partitions[0].partition_index = 1;
    session.ask("by topic id", 6, &by_id);
    by_id.topics[0].topic_id = Uuid::from_random([7; 16]).unwrap_or_default();
    session.ask("by an unknown id", 6, &by_id);
    offsets(session, "open again", group, topic);
    let before = new.clone();
    new.end_and_go_on(session, false);
    stable(session, group, topic);
    offsets(session, "aborted", group, topic);
    session.ask("the ended epoch", 5, &commit(&before, group, topic, 30));
    session.ask("the next", 5, &commit(&new, group, topic, 31));
    let high = Producer { epoch: new.epoch + 1, ..new.clone() };
    session.ask("an epoch too high", 5, &commit(&high, group, topic, 32));
    let stranger = Producer { transactional_id: "txn-offsets-x".to_owned(), ..new.clone() };
    session.ask("an unknown transactional id", 5, &commit(&stranger, group, topic, 33));
    new.end_and_go_on(session, true);
    stable(session, group, topic);
    offsets(session, "committed at last", group, topic);
}
