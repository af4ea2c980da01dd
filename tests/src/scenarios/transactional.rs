//! Transactions as partitions and groups see them: batches, markers, what readers are told, and
//! offsets.

use bytes::Bytes;
use ottla_record::{Batches, decode_batch};
use ottla_wire::{
    Records, Str,
    describe_producers_request::{DescribeProducersRequest, TopicRequest},
    describe_transactions_request::DescribeTransactionsRequest,
    fetch_request::{FetchPartition, FetchRequest, FetchTopic},
    fetch_response::FetchResponse,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    write_txn_markers_request::{
        WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
    },
};

use crate::{
    batch::{self},
    session::{Session, produce, versions},
};

mod offsets;
mod producer;

pub use offsets::{offsets_of_new_clients, offsets_of_old_clients};
use producer::{Producer, until};

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
        // Not the largest timestamp: a marker has the broker's time, and which is the larger
        // depends on how fast the broker was.
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
