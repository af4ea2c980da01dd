//! Records that are on the disk and not in memory.

use std::{
    fs::{self, File},
    num::NonZero,
    thread::available_parallelism,
};

use ottla_record::BuilderOptions;
use ottla_tests::{
    batch,
    client::{Client, FETCH_VERSION, bytes_of, fetching},
    in_process::TestBroker,
};
use ottla_wire::{fetch_request::FetchPartition, messages::FetchRequest};
use rustix::fs::Advice;

/// More than the buffers of both sockets take: the broker has to wait for who reads.
const BATCHES: usize = 40;

/// A topic of one segment whose records the page cache no longer has.
fn cold_topic(broker: &TestBroker, client: &mut Client) {
    client.topic("cold", 1, &[]);
    for number in 0..BATCHES {
        // No two blocks are alike: what is sent from a wrong place is noticed.
        let value: String = (0..100_000).map(|at| format!("{number:02} {at:06}")).collect();
        let record = batch::record("k", &value, 0);
        let batch = batch::build(BuilderOptions::default(), &[record]);
        client.produce("cold", 0, batch.freeze());
    }
    for segment in broker.segments("cold-0") {
        let file = File::open(segment).expect("a segment");
        file.sync_all().expect("a sync");
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).expect("a hint");
    }
}

/// A Fetch of everything there is.
fn fetching_all() -> FetchRequest {
    let mut request = fetching("cold", 0, 0);
    let all = FetchPartition { partition_max_bytes: 50 << 20, ..Default::default() };
    request.topics[0].partitions = vec![all];
    request
}

#[test]
fn cold_records_reach_a_slow_reader_whole_and_hold_up_nobody() {
    let broker = TestBroker::start(&[]);
    let mut slow = broker.client();
    cold_topic(&broker, &mut slow);
    let fetch = slow.send(FETCH_VERSION, &fetching_all());
    // Nobody reads what comes of it yet. Connections go to the threads in turns: each is free.
    let threads = available_parallelism().map_or(1, NonZero::get);
    for number in 0..threads {
        let offset = broker.client().produce("cold", 0, batch::plain(1));
        assert_eq!(offset, (BATCHES + number) as i64);
    }
    let response = slow.receive::<FetchRequest>(fetch, FETCH_VERSION);
    let fetched = bytes_of(&response.responses[0].partitions[0]);
    let written = fs::read(&broker.segments("cold-0")[0]).expect("the segment");
    assert!(fetched.len() > BATCHES * 900_000, "{}", fetched.len());
    assert!(written.starts_with(&fetched), "what was sent is not what is there");
}
