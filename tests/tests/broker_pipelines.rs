//! Several requests on their way on one connection: answers come in order, and none waits for what
//! is not at hand.

use ottla_record::BuilderOptions;
use ottla_tests::{
    batch,
    client::{Client, FETCH_VERSION, bytes_of, fetching},
    in_process::TestBroker,
    session::produce,
};
use ottla_wire::{
    Request,
    messages::{ApiVersionsRequest, FetchRequest, MetadataRequest, ProduceRequest},
};

/// Longer than a client of these tests waits for an answer.
const FOR_EVER_MS: i32 = 120_000;
const PRODUCE_VERSION: i16 = 9;

/// Requests that are sent by one write.
#[derive(Default)]
struct Together(Vec<u8>);

impl Together {
    /// Adds one; gives its id.
    fn add<R: Request>(&mut self, client: &mut Client, version: i16, request: &R) -> i32 {
        let (id, frame) = client.connection().frame(version, request).expect("a request");
        self.0.extend(frame);
        id
    }

    /// Adds a Produce of a small batch.
    fn produce(&mut self, client: &mut Client, topic: &str) -> i32 {
        self.add(client, PRODUCE_VERSION, &produce(topic, 0, batch::plain(1)))
    }

    fn send(self, client: &mut Client) {
        client.connection().send_raw(&self.0).expect("they are sent");
    }
}

/// Reads the answer to a Produce.
fn appended_at(client: &mut Client, id: i32) -> i64 {
    let response = client.receive::<ProduceRequest>(id, PRODUCE_VERSION);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, 0);
    partition.base_offset
}

fn with_topic(durability: &str) -> (TestBroker, Client) {
    let broker = TestBroker::start(&[("ottla.ack.durability", durability)]);
    let mut client = broker.client();
    client.topic("piped", 1, &[]);
    (broker, client)
}

/// With acks that wait for the disk, and without.
const DURABILITIES: [&str; 2] = ["fsync", "page-cache"];

#[test]
fn a_poll_that_waits_holds_back_nothing_that_came_before_it() {
    for durability in DURABILITIES {
        let (broker, mut client) = with_topic(durability);
        let mut together = Together::default();
        let first = together.produce(&mut client, "piped");
        let second = together.produce(&mut client, "piped");
        let polling = FetchRequest { max_wait_ms: FOR_EVER_MS, ..fetching("piped", 0, 2) };
        let poll = together.add(&mut client, FETCH_VERSION, &polling);
        together.send(&mut client);
        assert_eq!((appended_at(&mut client, first), appended_at(&mut client, second)), (0, 1));
        // It wakes up from another connection.
        let mut other = broker.client();
        other.produce("piped", 0, batch::plain(1));
        let response = client.receive::<FetchRequest>(poll, FETCH_VERSION);
        assert_eq!(response.responses[0].partitions[0].high_watermark, 3);
    }
}

#[test]
fn half_a_request_holds_back_nothing_that_came_before_it() {
    for durability in DURABILITIES {
        let (_broker, mut client) = with_topic(durability);
        let mut together = Together::default();
        let first = together.produce(&mut client, "piped");
        let whole = together.0.len();
        let second = together.produce(&mut client, "piped");
        let rest = together.0.split_off((whole + together.0.len()) / 2);
        together.send(&mut client);
        assert_eq!(appended_at(&mut client, first), 0);
        client.connection().send_raw(&rest).expect("the rest is sent");
        assert_eq!(appended_at(&mut client, second), 1);
    }
}

#[test]
fn what_came_before_the_end_of_a_connection_is_answered() {
    // An API that there is not, a frame of no bytes, and no more of anything.
    let unknown: &[u8] = &[0, 0, 0, 10, 0x7f, 0x7f, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
    for durability in DURABILITIES {
        for end in [unknown, &[0, 0, 0, 0], &[]] {
            let (_broker, mut client) = with_topic(durability);
            let mut together = Together::default();
            let ids = [0; 5].map(|_| together.produce(&mut client, "piped"));
            together.0.extend(end);
            together.send(&mut client);
            if end.is_empty() {
                client.connection().finish_sending().expect("it is told");
            }
            let offsets = ids.map(|id| appended_at(&mut client, id));
            assert_eq!(offsets, [0, 1, 2, 3, 4], "{durability}, then {end:?}");
            assert!(client.is_closed(), "{durability}, then {end:?}");
        }
    }
}

#[test]
fn all_kinds_of_answers_come_in_order() {
    for durability in DURABILITIES {
        let (_broker, mut client) = with_topic(durability);
        // Sent by sendfile, and one that is copied into its answer.
        let large = [batch::record("key", &"x".repeat(100_000), 0)];
        let large = batch::build(BuilderOptions::default(), &large).freeze();
        client.produce("piped", 0, large.clone());
        let small = batch::plain(1);
        client.produce("piped", 0, small.clone());
        let mut together = Together::default();
        let mut ids = Vec::new();
        for round in 0..20 {
            let produced = together.produce(&mut client, "piped");
            let metadata = together.add(
                &mut client,
                12,
                &MetadataRequest { topics: None, ..Default::default() },
            );
            let fetching = fetching("piped", 0, i64::from(round % 2));
            let fetched = together.add(&mut client, FETCH_VERSION, &fetching);
            let versions = together.add(&mut client, 2, &ApiVersionsRequest::default());
            ids.push((produced, metadata, fetched, versions));
        }
        together.send(&mut client);
        for (round, (produced, metadata, fetched, versions)) in ids.into_iter().enumerate() {
            assert_eq!(appended_at(&mut client, produced), i64::try_from(round).unwrap() + 2);
            let topics = client.receive::<MetadataRequest>(metadata, 12).topics;
            assert_eq!(topics.len(), 1);
            let response = client.receive::<FetchRequest>(fetched, FETCH_VERSION);
            let bytes = bytes_of(&response.responses[0].partitions[0]);
            let first = if round % 2 == 0 { &large } else { &small };
            // Without the offset and the leader's epoch, which the broker writes.
            assert_eq!(bytes[16..first.len()], first[16..], "round {round}");
            assert_eq!(client.receive::<ApiVersionsRequest>(versions, 2).error_code, 0);
        }
    }
}

#[test]
fn thousands_of_requests_in_one_go_are_all_answered() {
    for durability in DURABILITIES {
        let (_broker, mut client) = with_topic(durability);
        let mut together = Together::default();
        let ids: Vec<i32> = (0..2_000).map(|_| together.produce(&mut client, "piped")).collect();
        together.send(&mut client);
        for (offset, id) in ids.into_iter().enumerate() {
            assert_eq!(appended_at(&mut client, id), i64::try_from(offset).unwrap());
        }
    }
}
