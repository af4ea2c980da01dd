//! Fetch: long polls, sessions, limits, and where reading may begin.

use std::time::{Duration, Instant};

use ottla_record::{BatchHeader, Batches, BuilderOptions, Compression};
use ottla_tests::{
    batch,
    client::{Client, FETCH_VERSION, bytes_of, fetching, records_of},
    in_process::TestBroker,
};
use ottla_types::Uuid;
use ottla_wire::{
    Str,
    fetch_request::{FetchPartition, FetchTopic, ForgottenTopic},
    messages::{FetchRequest, FetchResponse},
    offset_for_leader_epoch_request::{
        OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
    },
};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
const INVALID_FETCH_SESSION_EPOCH: i16 = 71;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const UNKNOWN_TOPIC_ID: i16 = 100;

/// Longer than any test runs: a poll that is not woken fails its test.
const FOR_EVER_MS: i32 = 60_000;
/// How long nothing must come where nothing may come.
const QUIET: Duration = Duration::from_millis(150);
/// What is answered at once takes less, even on a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// A Fetch that waits for a byte.
fn polling(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    FetchRequest { max_wait_ms: FOR_EVER_MS, ..fetching(topic, partition, offset) }
}

/// A Fetch of several partitions of a topic, each with its offset, that does not wait.
fn several(topic: &str, partitions: &[(i32, i64)]) -> FetchRequest {
    let one = |&(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic {
        topic: Str::from(topic),
        partitions: partitions.iter().map(one).collect(),
        ..Default::default()
    };
    FetchRequest { topics: vec![topic], ..fetching("", 0, 0) }
}

/// A Fetch in a session; topics are what changes.
fn in_session(session_id: i32, session_epoch: i32, changes: FetchRequest) -> FetchRequest {
    FetchRequest { session_id, session_epoch, ..changes }
}

/// A Fetch that changes nothing in its session and does not wait.
fn unchanged(session_id: i32, session_epoch: i32) -> FetchRequest {
    in_session(session_id, session_epoch, FetchRequest { topics: Vec::new(), ..fetching("", 0, 0) })
}

/// Opens a session for these partitions; gives its id.
fn open(client: &mut Client, topic: &str, partitions: &[(i32, i64)]) -> i32 {
    let request = in_session(0, 0, several(topic, partitions));
    let response = client.call(FETCH_VERSION, &request);
    assert_eq!(response.error_code, 0);
    assert_ne!(response.session_id, 0, "a session");
    response.session_id
}

/// The partitions in a response with their error and the number of their records.
fn summary(response: &FetchResponse) -> Vec<(i32, i16, usize)> {
    let topics = response.responses.iter();
    let partitions = topics.flat_map(|topic| &topic.partitions);
    partitions.map(|part| (part.partition_index, part.error_code, records_of(part).len())).collect()
}

/// The same in the order of partitions.
fn sorted(response: &FetchResponse) -> Vec<(i32, i16, usize)> {
    let mut all = summary(response);
    all.sort_unstable();
    all
}

#[test]
fn a_long_poll_waits_for_its_bytes_and_no_longer() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("polled", 1, &[]);
    let batch = batch::plain(3);
    let request = FetchRequest { min_bytes: batch.len() as i32 + 1, ..polling("polled", 0, 0) };
    let id = client.send(FETCH_VERSION, &request);
    assert!(client.is_silent_for(QUIET), "there is nothing");
    broker.client().produce("polled", 0, batch.clone());
    assert!(client.is_silent_for(QUIET), "there is a byte too little");
    let began = Instant::now();
    broker.client().produce("polled", 0, batch);
    let response = client.receive::<FetchRequest>(id, FETCH_VERSION);
    assert!(began.elapsed() < SOON);
    assert_eq!(summary(&response), [(0, 0, 6)]);
}

#[test]
fn the_bytes_of_all_partitions_count_together() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("polled", 2, &[]);
    let batch = batch::plain(3);
    let all = several("polled", &[(0, 0), (1, 0)]);
    let request =
        FetchRequest { max_wait_ms: FOR_EVER_MS, min_bytes: 2 * batch.len() as i32, ..all };
    let id = client.send(FETCH_VERSION, &request);
    for partition in [1, 0] {
        assert!(client.is_silent_for(QUIET));
        broker.client().produce("polled", partition, batch.clone());
    }
    let response = client.receive::<FetchRequest>(id, FETCH_VERSION);
    assert_eq!(summary(&response), [(0, 0, 3), (1, 0, 3)]);
}

#[test]
fn a_long_poll_whose_time_is_over_brings_what_there_is() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("polled", 1, &[]);
    client.produce("polled", 0, batch::plain(3));
    let request = FetchRequest { min_bytes: 1 << 20, max_wait_ms: 200, ..fetching("polled", 0, 0) };
    let began = Instant::now();
    let response = client.call(FETCH_VERSION, &request);
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    assert_eq!(summary(&response), [(0, 0, 3)]);
    let none = FetchRequest { min_bytes: 0, ..polling("polled", 0, 3) };
    let began = Instant::now();
    assert_eq!(summary(&client.call(FETCH_VERSION, &none)), [(0, 0, 0)]);
    assert!(began.elapsed() < SOON, "no bytes are there at once");
}

#[test]
fn an_error_in_one_partition_does_not_wait_for_records_of_the_others() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("polled", 1, &[]);
    let request = FetchRequest { max_wait_ms: FOR_EVER_MS, ..several("polled", &[(0, 0), (5, 0)]) };
    let began = Instant::now();
    let response = client.call(FETCH_VERSION, &request);
    assert!(began.elapsed() < SOON);
    assert_eq!(summary(&response), [(0, 0, 0), (5, UNKNOWN_TOPIC_OR_PARTITION, 0)]);
}

#[test]
fn a_long_poll_ends_when_its_topic_is_deleted() {
    let broker = TestBroker::start(&[]);
    for version in [FETCH_VERSION, 17] {
        let id = broker.client().topic("deleted", 1, &[]);
        let mut request = polling("deleted", 0, 0);
        if version >= 13 {
            request.topics[0].topic = Str::default();
            request.topics[0].topic_id = id;
        }
        let mut client = broker.client();
        let sent = client.send(version, &request);
        assert!(client.is_silent_for(QUIET));
        let began = Instant::now();
        broker.client().delete_topic("deleted");
        let response = client.receive::<FetchRequest>(sent, version);
        assert!(began.elapsed() < SOON);
        assert_eq!(summary(&response), [(0, UNKNOWN_TOPIC_OR_PARTITION, 0)], "v{version}");
    }
}

#[test]
fn requests_behind_a_long_poll_are_answered_after_it() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("ordered", 1, &[]);
    let first = client.send(FETCH_VERSION, &polling("ordered", 0, 0));
    let second = client.send(FETCH_VERSION, &fetching("ordered", 0, 0));
    assert!(client.is_silent_for(QUIET));
    broker.client().produce("ordered", 0, batch::plain(1));
    for id in [first, second] {
        let response = client.receive::<FetchRequest>(id, FETCH_VERSION);
        assert_eq!(summary(&response), [(0, 0, 1)]);
    }
}

#[test]
fn an_incremental_fetch_of_nothing_new_waits() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("quiet", 3, &[]);
    let session = open(&mut client, "quiet", &[(0, 0), (1, 0), (2, 0)]);
    let request = FetchRequest { max_wait_ms: FOR_EVER_MS, ..unchanged(session, 1) };
    let id = client.send(FETCH_VERSION, &request);
    assert!(client.is_silent_for(QUIET));
    broker.client().produce("quiet", 1, batch::plain(2));
    let response = client.receive::<FetchRequest>(id, FETCH_VERSION);
    assert_eq!(summary(&response), [(1, 0, 2)], "the others have nothing new");
    assert_eq!(response.session_id, session);
    let began = Instant::now();
    let request = FetchRequest { max_wait_ms: 200, ..several("quiet", &[(1, 2)]) };
    let response = client.call(FETCH_VERSION, &in_session(session, 2, request));
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(summary(&response), []);
}

#[test]
fn a_session_tells_of_a_partition_that_moved_without_records_for_the_client() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("moved", 2, &[]);
    client.produce("moved", 0, batch::plain(5));
    let session = open(&mut client, "moved", &[(0, 5), (1, 0)]);
    assert_eq!(summary(&client.call(FETCH_VERSION, &unchanged(session, 1))), []);

    broker.client().delete_records("moved", 0, 3);
    let response = client.call(FETCH_VERSION, &unchanged(session, 2));
    assert_eq!(summary(&response), [(0, 0, 0)], "the log start moved");
    assert_eq!(response.responses[0].partitions[0].log_start_offset, 3);
    assert_eq!(summary(&client.call(FETCH_VERSION, &unchanged(session, 3))), []);

    // Both get records, and there is room for one batch only.
    broker.client().produce("moved", 0, batch::plain(1));
    broker.client().produce("moved", 1, batch::plain(1));
    let small = FetchRequest { max_bytes: 1, ..unchanged(session, 4) };
    let response = client.call(FETCH_VERSION, &small);
    let mut counts = sorted(&response);
    counts.sort_by_key(|(_, _, count)| *count);
    assert_eq!(counts.iter().map(|part| part.2).collect::<Vec<_>>(), [0, 1]);
    for part in &response.responses[0].partitions {
        assert_eq!(part.high_watermark, [6, 1][part.partition_index as usize]);
    }
}

#[test]
fn a_session_with_little_room_serves_its_partitions_in_turn() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("turns", 3, &[]);
    for partition in 0..3 {
        client.produce("turns", partition, batch::plain(1));
    }
    let all = several("turns", &[(0, 0), (1, 0), (2, 0)]);
    let small = FetchRequest { max_bytes: 1, ..in_session(0, 0, all) };
    let response = client.call(FETCH_VERSION, &small);
    let session = response.session_id;
    let served = |response: &FetchResponse| {
        let all = summary(response);
        all.iter().find(|(_, _, count)| *count > 0).expect("somebody is served").0
    };
    let mut order = vec![served(&response)];
    for epoch in 1..6 {
        let next = FetchRequest { max_bytes: 1, ..unchanged(session, epoch) };
        order.push(served(&client.call(FETCH_VERSION, &next)));
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_session_tells_an_error_until_it_is_gone() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("there", 1, &[]);
    let session = open(&mut client, "there", &[(0, 0)]);
    let response = client.call(FETCH_VERSION, &in_session(session, 1, several("late", &[(0, 0)])));
    assert_eq!(summary(&response), [(0, UNKNOWN_TOPIC_OR_PARTITION, 0)]);
    let response = client.call(FETCH_VERSION, &unchanged(session, 2));
    assert_eq!(summary(&response), [(0, UNKNOWN_TOPIC_OR_PARTITION, 0)]);
    broker.client().topic("late", 1, &[]);
    let response = client.call(FETCH_VERSION, &unchanged(session, 3));
    assert_eq!(summary(&response), [(0, 0, 0)]);
    assert_eq!(&*response.responses[0].topic, "late");
    assert_eq!(summary(&client.call(FETCH_VERSION, &unchanged(session, 4))), []);
}

#[test]
fn a_forgotten_partition_is_told_of_no_more_and_can_come_back() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("left", 2, &[]);
    let session = open(&mut client, "left", &[(0, 0), (1, 0)]);
    let forgotten =
        ForgottenTopic { topic: Str::from("left"), partitions: vec![0], ..Default::default() };
    let less = FetchRequest { forgotten_topics_data: vec![forgotten], ..unchanged(session, 1) };
    assert_eq!(summary(&client.call(FETCH_VERSION, &less)), []);
    broker.client().produce("left", 0, batch::plain(1));
    broker.client().produce("left", 1, batch::plain(1));
    let response = client.call(FETCH_VERSION, &unchanged(session, 2));
    assert_eq!(summary(&response), [(1, 0, 1)]);
    let response = client.call(FETCH_VERSION, &in_session(session, 3, several("left", &[(0, 0)])));
    assert_eq!(sorted(&response), [(0, 0, 1), (1, 0, 1)]);
}

#[test]
fn a_session_is_not_the_connections_and_its_epochs_count() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("counted", 1, &[]);
    let session = open(&mut client, "counted", &[(0, 0)]);
    drop(client);
    let mut client = broker.client();
    assert_eq!(client.call(FETCH_VERSION, &unchanged(session, 1)).error_code, 0);
    // The answer got lost, and the client asks again: it must not be told too little.
    let again = client.call(FETCH_VERSION, &unchanged(session, 1));
    assert_eq!(again.error_code, INVALID_FETCH_SESSION_EPOCH);
    let stranger = client.call(FETCH_VERSION, &unchanged(session.wrapping_add(1).max(1), 2));
    assert_eq!(stranger.error_code, FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(client.call(FETCH_VERSION, &unchanged(session, 2)).error_code, 0);
    // Epoch 0 with the old id replaces the session.
    let fresh = in_session(session, 0, several("counted", &[(0, 0)]));
    let fresh = client.call(FETCH_VERSION, &fresh).session_id;
    let gone = client.call(FETCH_VERSION, &unchanged(session, 3));
    assert_eq!(gone.error_code, FETCH_SESSION_ID_NOT_FOUND);
    let closed = client.call(FETCH_VERSION, &in_session(fresh, -1, several("counted", &[(0, 0)])));
    assert_eq!((closed.session_id, summary(&closed)), (0, vec![(0, 0, 0)]));
    let gone = client.call(FETCH_VERSION, &unchanged(fresh, 1));
    assert_eq!(gone.error_code, FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn without_a_free_slot_a_client_is_served_without_a_session() {
    let broker = TestBroker::start(&[("max.incremental.fetch.session.cache.slots", "1")]);
    let mut client = broker.client();
    client.topic("full", 1, &[]);
    client.produce("full", 0, batch::plain(1));
    let session = open(&mut client, "full", &[(0, 0)]);
    for _ in 0..2 {
        let response = client.call(FETCH_VERSION, &in_session(0, 0, several("full", &[(0, 0)])));
        assert_eq!((response.session_id, summary(&response)), (0, vec![(0, 0, 1)]));
    }
    assert_eq!(client.call(FETCH_VERSION, &unchanged(session, 1)).session_id, session);
}

#[test]
fn a_restart_ends_the_sessions() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("ended", 1, &[]);
    let session = open(&mut client, "ended", &[(0, 0)]);
    broker.restart();
    let response = broker.client().call(FETCH_VERSION, &unchanged(session, 1));
    assert_eq!(response.error_code, FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn an_id_of_a_topic_that_is_gone_is_unknown_even_if_its_name_is_back() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let old = client.topic("again", 1, &[]);
    let by_id = |id: Uuid| {
        let mut request = fetching("", 0, 0);
        request.topics[0].topic_id = id;
        request
    };
    let opened = client.call(17, &in_session(0, 0, by_id(old)));
    assert_eq!(summary(&opened), [(0, 0, 0)]);
    client.delete_topic("again");
    let new = client.topic("again", 1, &[]);
    assert_ne!(old, new);
    client.produce("again", 0, batch::plain(1));
    assert_eq!(summary(&client.call(17, &by_id(old))), [(0, UNKNOWN_TOPIC_ID, 0)]);
    assert_eq!(summary(&client.call(17, &by_id(new))), [(0, 0, 1)]);
    let session = opened.session_id;
    assert_eq!(summary(&client.call(17, &unchanged(session, 1))), [(0, UNKNOWN_TOPIC_ID, 0)]);
    // What a client does then: it forgets the old one and asks for the new one.
    let forgotten = ForgottenTopic { topic_id: old, partitions: vec![0], ..Default::default() };
    let moved = FetchRequest { forgotten_topics_data: vec![forgotten], ..by_id(new) };
    assert_eq!(summary(&client.call(17, &in_session(session, 2, moved))), [(0, 0, 1)]);
}

#[test]
fn from_every_offset_the_batch_that_holds_it_comes_whole_and_all_after_it() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    // An index entry per batch, and a new segment whenever an hour of records has passed.
    client.topic("every", 1, &[("segment.ms", "3600000"), ("index.interval.bytes", "1")]);
    let codecs = [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Zstd];
    let mut starts = Vec::new();
    for number in 0..40 {
        let compression = codecs[number % codecs.len()];
        let at = number as i64 * 600_000;
        let records: Vec<_> =
            (0..1 + number % 7).map(|_| batch::record("k", &"v".repeat(number), at)).collect();
        let options = BuilderOptions { compression, ..Default::default() };
        starts.push(client.produce("every", 0, batch::build(options, &records).freeze()));
    }
    let end = client.offset("every", 0, -1);
    assert!(broker.segments("every-0").len() > 4, "segments were rolled");
    for round in 0..2 {
        for offset in 0..end {
            let bytes = bytes_of(&client.try_fetch("every", 0, offset));
            let first = BatchHeader::parse(&bytes).expect("a whole batch");
            let holder = starts.iter().rev().find(|start| **start <= offset).unwrap();
            assert_eq!(first.base_offset.get(), *holder, "from {offset}");
            let all = client.records("every", 0, offset);
            let offsets: Vec<i64> = all.iter().map(|(offset, _)| offset.get()).collect();
            assert_eq!(offsets, (offset..end).collect::<Vec<_>>());
        }
        if round == 0 {
            broker.crash_and_restart();
            client = broker.client();
        }
    }
}

#[test]
fn the_first_batch_comes_whole_however_large_and_no_other_does() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("large", 2, &[]);
    let batch = batch::plain(50);
    for _ in 0..3 {
        client.produce("large", 0, batch.clone());
        client.produce("large", 1, batch.clone());
    }
    let batches = |response: &FetchResponse| -> Vec<(i32, usize, usize)> {
        let parts = response.responses.iter().flat_map(|topic| &topic.partitions);
        parts
            .map(|part| {
                let bytes = bytes_of(part);
                let whole = Batches::new(&bytes).filter(Result::is_ok).count();
                (part.partition_index, whole, bytes.len())
            })
            .collect()
    };
    let length = batch.len();
    let both = || several("large", &[(0, 0), (1, 0)]);
    let tiny = FetchRequest { max_bytes: 1, ..both() };
    let response = client.call(FETCH_VERSION, &tiny);
    assert_eq!(batches(&response), [(0, 1, length), (1, 0, 0)]);
    let mut tiny = both();
    for part in &mut tiny.topics[0].partitions {
        part.partition_max_bytes = 1;
    }
    let response = client.call(FETCH_VERSION, &tiny);
    assert_eq!(batches(&response)[0], (0, 1, length));
    // The second partition may bring a piece, but no more than it was allowed.
    assert!(batches(&response)[1].2 <= 1, "{response:?}");
    let two = FetchRequest { max_bytes: 2 * length as i32, ..both() };
    let response = client.call(FETCH_VERSION, &two);
    let bytes: usize = batches(&response).iter().map(|part| part.2).sum();
    assert!(bytes <= 2 * length, "{bytes}");
    assert_eq!(batches(&response)[0].1, 2);
}

#[test]
fn the_brokers_own_limit_holds_whatever_a_client_asks_for() {
    let broker = TestBroker::start(&[("fetch.max.bytes", "4096")]);
    let mut client = broker.client();
    client.topic("limited", 1, &[]);
    let batch = batch::plain(20);
    for _ in 0..30 {
        client.produce("limited", 0, batch.clone());
    }
    let bytes = bytes_of(&client.try_fetch("limited", 0, 0));
    assert!(bytes.len() <= 4096 && bytes.len() > 4096 - batch.len(), "{}", bytes.len());
    assert_eq!(client.records("limited", 0, 0).len(), 600);
}

#[test]
fn out_of_range_is_said_without_offsets_that_could_mislead() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("ranged", 1, &[]);
    client.produce("ranged", 0, batch::plain(10));
    client.delete_records("ranged", 0, 4);
    for offset in [-1, 0, 3, 11, i64::MAX] {
        let data = client.try_fetch("ranged", 0, offset);
        assert_eq!(data.error_code, OFFSET_OUT_OF_RANGE, "{offset}");
        let offsets = (data.high_watermark, data.last_stable_offset, data.log_start_offset);
        assert_eq!(offsets, (-1, -1, -1));
        assert!(bytes_of(&data).is_empty());
    }
    for (offset, count) in [(4, 6), (9, 1), (10, 0)] {
        let data = client.try_fetch("ranged", 0, offset);
        assert_eq!((data.error_code, data.high_watermark, data.log_start_offset), (0, 10, 4));
        let above = |found: &&(ottla_types::Offset, _)| found.0.get() >= offset;
        assert_eq!(records_of(&data).iter().filter(above).count(), count);
    }
    // Not even a client that would wait for ever waits for this.
    let began = Instant::now();
    let response = client.call(FETCH_VERSION, &polling("ranged", 0, 99));
    assert_eq!(summary(&response), [(0, OFFSET_OUT_OF_RANGE, 0)]);
    assert!(began.elapsed() < SOON);
}

/// The end of a leader epoch, as OffsetForLeaderEpoch tells it.
fn end_of_epoch(client: &mut Client, topic: &str, leader_epoch: i32) -> (i32, i64) {
    let partition =
        OffsetForLeaderPartition { partition: 0, current_leader_epoch: -1, leader_epoch };
    let topics =
        vec![OffsetForLeaderTopic { topic: Str::from(topic), partitions: vec![partition] }];
    let request = OffsetForLeaderEpochRequest { replica_id: -1, topics };
    let found = client.call(4, &request).topics.remove(0).partitions.remove(0);
    assert_eq!(found.error_code, 0);
    (found.leader_epoch, found.end_offset)
}

#[test]
fn a_client_that_read_what_a_crash_lost_is_told_where_the_logs_part() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("parted", 1, &[]);
    client.produce("parted", 0, batch::plain(3));
    client.produce("parted", 0, batch::plain(2));
    broker.crash_with(|data| {
        let path = data.join("parted-0/00000000000000000000.log");
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    });
    let mut client = broker.client();
    let epoch = client.metadata("parted", false).partitions[0].leader_epoch;
    assert!(epoch > 0, "a new epoch begins where records may have been lost");
    assert_eq!(client.produce("parted", 0, batch::plain(7)), 3);
    assert_eq!(end_of_epoch(&mut client, "parted", 0), (0, 3));
    assert_eq!(end_of_epoch(&mut client, "parted", epoch), (epoch, 10));

    let with = |current: i32, fetched: i32, offset: i64| {
        let mut request = fetching("parted", 0, offset);
        request.topics[0].partitions[0].current_leader_epoch = current;
        request.topics[0].partitions[0].last_fetched_epoch = fetched;
        request
    };
    let mut ask = |request: &FetchRequest| {
        client.call(FETCH_VERSION, request).responses.remove(0).partitions.remove(0)
    };
    assert_eq!(ask(&with(0, -1, 0)).error_code, FENCED_LEADER_EPOCH);
    assert_eq!(ask(&with(epoch + 1, -1, 0)).error_code, UNKNOWN_LEADER_EPOCH);
    assert_eq!(ask(&with(epoch, -1, 0)).error_code, 0);
    // The reader has 0 to 4 of epoch 0; of those, 3 and 4 are other records now.
    let data = ask(&with(epoch, 0, 5));
    assert_eq!(data.error_code, 0);
    assert_eq!((data.diverging_epoch.epoch, data.diverging_epoch.end_offset), (0, 3));
    assert!(bytes_of(&data).is_empty(), "records come once the client has gone back");
    let data = ask(&with(epoch, 0, 3));
    assert_eq!(data.diverging_epoch.epoch, -1);
    assert_eq!(records_of(&data).len(), 7);
}

#[test]
fn a_response_under_way_outlives_its_topic() {
    let broker = TestBroker::start(&[("log.segment.delete.delay.ms", "0")]);
    let mut client = broker.client();
    client.topic("doomed", 1, &[]);
    // More than the sockets' buffers take.
    let value = "x".repeat(500_000);
    let record = batch::record("k", &value, 0);
    let large = batch::build(BuilderOptions::default(), std::slice::from_ref(&record)).freeze();
    for _ in 0..40 {
        client.produce("doomed", 0, large.clone());
    }
    let mut request = fetching("doomed", 0, 0);
    request.topics[0].partitions[0].partition_max_bytes = 50 << 20;
    let mut reader = broker.client();
    let id = reader.send(FETCH_VERSION, &request);
    reader.connection().wait_readable().expect("an answer begins");
    client.delete_topic("doomed");
    let gone = || {
        let entries = std::fs::read_dir(broker.data_dir()).unwrap().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        (!names.any(|name| name.starts_with("doomed"))).then_some(())
    };
    ottla_tests::in_process::eventually("the files are removed", gone);
    let response = reader.receive::<FetchRequest>(id, FETCH_VERSION);
    assert_eq!(summary(&response), [(0, 0, 40)]);
    for (_, found) in records_of(&response.responses[0].partitions[0]) {
        assert_eq!(found, record);
    }
}

#[test]
fn read_committed_sees_the_same_where_nobody_has_transactions() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("committed", 1, &[]);
    client.produce("committed", 0, batch::plain(4));
    let request = FetchRequest { isolation_level: 1, ..fetching("committed", 0, 0) };
    let data = client.call(FETCH_VERSION, &request).responses.remove(0).partitions.remove(0);
    assert_eq!((data.high_watermark, data.last_stable_offset), (4, 4));
    assert_eq!(records_of(&data).len(), 4);
    assert_eq!(data.aborted_transactions, Some(Vec::new()));
    let open = client.try_fetch("committed", 0, 0);
    assert_eq!(open.aborted_transactions, None, "only those who ask are told");
}
