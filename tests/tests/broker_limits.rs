//! What comes that should not: nonsense, too much, too many, too slow. Others notice nothing of it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use ottla_record::{BuilderOptions, Compression};
use ottla_tests::{
    batch,
    client::Client,
    connection::{Connection, Header, Outcome},
    http::get,
    in_process::{TestBroker, eventually},
    process::Process,
    session::produce,
};
use ottla_wire::{
    ApiKey, Str,
    api_versions_request::ApiVersionsRequest,
    messages::{MetadataRequest, ProduceRequest},
    metadata_request::MetadataRequestTopic,
};

const MESSAGE_TOO_LARGE: i16 = 10;
const INVALID_RECORD: i16 = 87;

/// A frame of an API that has no meaning as a body.
fn frame(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let flexible = ApiKey::from_i16(key).is_some_and(|api| api.is_flexible(version));
    Header { key, version, correlation_id: 1 }.frame("raw", flexible, body)
}

/// What no client sends, and a word that the log has for it.
fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    let hello = [0x16, 3, 1, 0, 0xc4, 1, 0, 0, 0xc0, 3, 3, 0, 0, 0, 0, 0];
    vec![
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("TLS", hello.to_vec()),
        ("negative", (-5_i32).to_be_bytes().to_vec()),
        ("empty", 0_i32.to_be_bytes().to_vec()),
        ("socket.request.max.bytes", i32::MAX.to_be_bytes().to_vec()),
        ("", vec![0, 0, 0, 1, 0]),
        ("", frame(999, 0, &[0; 20])),
        ("", frame(3, 99, &[0; 20])),
        ("", frame(-1, 0, &[0; 20])),
        ("", frame(3, 1, &[0x7f, 0xff, 0xff, 0xff])),
        ("", frame(3, 1, &[0, 0, 0, 1, 0xff, 0xf0])),
        ("", frame(3, 9, &[0xff; 12])),
        ("", frame(0, 9, &[])),
    ]
}

fn open(broker: &TestBroker) -> Connection {
    Connection::open(broker.address(), "raw").expect("a connection")
}

/// Whether the broker closes the connection without a word.
fn closes(connection: &mut Connection) -> bool {
    matches!(connection.receive_frame(), Ok(None))
}

#[test]
fn nonsense_closes_its_own_connection_and_no_other() {
    let broker = TestBroker::start(&[]);
    let mut bystander = broker.client();
    bystander.topic("calm", 1, &[]);
    for (number, (_, bytes)) in nonsense().into_iter().enumerate() {
        let mut connection = open(&broker);
        connection.send_raw(&bytes).unwrap();
        assert!(closes(&mut connection), "{bytes:?}");
        assert_eq!(bystander.produce("calm", 0, batch::plain(1)), number as i64);
    }
    // A frame that is cut by the end of the connection.
    for bytes in [&[0, 0][..], &[0, 0, 0, 50, 0, 3, 0, 0]] {
        let mut connection = open(&broker);
        connection.send_raw(bytes).unwrap();
        connection.finish_sending().unwrap();
        assert!(closes(&mut connection));
    }
    assert_eq!(bystander.values("calm", 0, 0).len(), nonsense().len());
}

#[test]
fn nonsense_is_one_line_in_the_log_that_says_what_it_looked_like() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &[]);
    let before = process.log().lines().count();
    for (number, (word, bytes)) in nonsense().into_iter().enumerate() {
        let mut connection = Connection::open(process.address, "raw").unwrap();
        connection.send_raw(&bytes).unwrap();
        assert!(closes(&mut connection));
        let log = eventually("a line", || {
            let log = process.log();
            (log.lines().count() > before + number && log.ends_with('\n')).then_some(log)
        });
        let lines: Vec<&str> = log.lines().skip(before + number).collect();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("connection closed"), "{}", lines[0]);
        assert!(lines[0].contains("127.0.0.1:"), "who it was: {}", lines[0]);
        assert!(lines[0].contains(word), "{word} is not in {}", lines[0]);
    }
}

#[test]
fn what_came_before_the_nonsense_is_answered() {
    let broker = TestBroker::start(&[("ottla.ack.durability", "fsync")]);
    let mut client = broker.client();
    client.topic("last", 1, &[]);
    let sent: Vec<i32> =
        (0..5).map(|_| client.send(12, &produce("last", 0, batch::plain(1)))).collect();
    client.connection().send_raw(&frame(999, 0, &[])).unwrap();
    for (offset, id) in (0_i64..).zip(sent) {
        let answer = client.receive::<ProduceRequest>(id, 12);
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, offset);
    }
    assert!(client.is_closed());
}

#[test]
fn whatever_the_body_of_a_request_is_the_broker_stays() {
    let broker = TestBroker::start(&[]);
    let mut bystander = broker.client();
    let mut state = 1_u64;
    let mut random = |length: usize| -> Vec<u8> {
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect()
    };
    let request = ApiVersionsRequest::default();
    for api in bystander.call(0, &request).api_keys {
        for version in api.min_version..=api.max_version {
            let bodies =
                [Vec::new(), vec![0; 80], vec![0xff; 80], vec![0x7f; 80], random(10), random(80)];
            for body in bodies {
                let mut connection = open(&broker);
                // Some of these are requests that wait; nobody waits for them.
                connection.set_patience(Duration::from_millis(20)).unwrap();
                connection.send_raw(&frame(api.api_key, version, &body)).unwrap();
                let outcome = connection.receive_frame();
                assert!(
                    matches!(outcome, Ok(_) | Err(Outcome::Silent)),
                    "API {} v{version}: {outcome:?}",
                    api.api_key
                );
            }
        }
        assert_eq!(bystander.call(0, &request).error_code, 0);
    }
}

#[test]
fn a_frame_may_be_as_large_as_the_limit_and_not_a_byte_larger() {
    let broker = TestBroker::start(&[("socket.request.max.bytes", "10000")]);
    let mut connection = open(&broker);
    connection.send_raw(&10_001_i32.to_be_bytes()).unwrap();
    assert!(closes(&mut connection), "before any more of it came");

    let mut client = broker.client();
    client.topic("exact", 1, &[]);
    let frame_of = |value: &str| {
        let record = batch::record("k", value, 0);
        let batch = batch::build(BuilderOptions::default(), &[record]).freeze();
        produce("exact", 0, batch)
    };
    let mut offset = 0;
    for length in 9_700..9_950 {
        let mut client = broker.client();
        let sent = client.connection().send(12, &frame_of(&"x".repeat(length)));
        // The broker may close before all of it is sent.
        let Ok(id) = sent else { break };
        match client.connection().receive::<ProduceRequest>(id, 12, 12) {
            Ok((answer, _)) => {
                assert_eq!(answer.responses[0].partition_responses[0].base_offset, offset);
                offset += 1;
            }
            Err(outcome) => {
                assert_eq!(outcome, Outcome::Closed);
                break;
            }
        }
    }
    assert!((1..249).contains(&offset), "the limit is among these: {offset}");
    assert_eq!(client.offset("exact", 0, -1), offset);
}

#[test]
fn one_connection_too_many_is_closed_and_a_place_that_is_free_is_given_again() {
    for key in ["max.connections", "max.connections.per.ip"] {
        let broker = TestBroker::start(&[(key, "3")]);
        let mut clients: VecDeque<Client> = (0..3).map(|_| broker.client()).collect();
        clients[0].topic("few", 1, &[]);
        let mut refused = open(&broker);
        assert!(closes(&mut refused), "{key}");
        for client in &mut clients {
            client.produce("few", 0, batch::plain(1));
        }
        drop(clients.pop_front());
        let mut again = eventually("a place is free", || {
            let mut connection = open(&broker);
            let id = connection.send(0, &ApiVersionsRequest::default()).ok()?;
            connection.receive::<ApiVersionsRequest>(id, 0, 0).ok()?;
            Some(connection)
        });
        let id = again.send(0, &ApiVersionsRequest::default()).unwrap();
        assert!(again.receive::<ApiVersionsRequest>(id, 0, 0).is_ok());
    }
}

#[test]
fn the_number_of_connections_may_be_limited_while_the_broker_runs() {
    for key in ["max.connections", "max.connections.per.ip"] {
        let broker = TestBroker::start(&[]);
        let mut client = broker.client();
        let _other = broker.client();
        client.alter((4, ""), &[(key, "2")]);
        assert!(closes(&mut open(&broker)), "{key}");
        client.alter((4, ""), &[(key, "3")]);
        let mut third = open(&broker);
        let id = third.send(0, &ApiVersionsRequest::default()).unwrap();
        assert!(third.receive::<ApiVersionsRequest>(id, 0, 0).is_ok(), "{key}");
    }
}

#[test]
fn an_idle_connection_is_closed_and_one_that_is_used_is_not() {
    let broker = TestBroker::start(&[("connections.max.idle.ms", "2000")]);
    let (mut idle, mut used) = (open(&broker), broker.client());
    let began = Instant::now();
    idle.set_patience(Duration::from_millis(1)).unwrap();
    // The other one speaks all the time.
    let closed = eventually("the idle one is closed", || {
        used.call(0, &ApiVersionsRequest::default());
        match idle.receive_frame() {
            Ok(None) => Some(began.elapsed()),
            _ => None,
        }
    });
    assert!(closed >= Duration::from_millis(1_800), "{closed:?}");
    assert_eq!(used.call(0, &ApiVersionsRequest::default()).error_code, 0);
}

#[test]
fn requests_that_are_more_than_memory_are_served_one_after_the_other() {
    let broker = TestBroker::start(&[
        ("queued.max.request.bytes", "1048576"),
        ("socket.request.max.bytes", "1048576"),
        ("ottla.console.listen", "127.0.0.1:0"),
    ]);
    let console = broker.broker().console().unwrap().to_owned();
    broker.client().topic("heavy", 1, &[]);
    let free = || {
        let page = get(&console, "/metrics").text();
        let line = page.lines().find(|line| line.starts_with("ottla_request_memory_free_bytes "));
        line.and_then(|line| line.split_once(' ')).unwrap().1.parse::<f64>().unwrap()
    };
    let all = free();
    let record = batch::record("k", &"x".repeat(400_000), 0);
    let large: Bytes = batch::build(BuilderOptions::default(), &[record]).freeze();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = broker.client();
                for _ in 0..6 {
                    client.produce("heavy", 0, large.clone());
                }
            });
        }
    });
    assert_eq!(broker.client().offset("heavy", 0, -1), 48);
    eventually("all of it is free again", || (free() >= all - 2048.0).then_some(()));
}

#[test]
fn a_size_that_is_only_announced_takes_no_memory_from_others() {
    let broker = TestBroker::start(&[
        ("queued.max.request.bytes", "1048576"),
        ("socket.request.max.bytes", "1048576"),
    ]);
    let mut client = broker.client();
    client.topic("light", 1, &[]);
    // Ten times what there is, if it were believed.
    let announcing: Vec<Connection> = (0..10)
        .map(|_| {
            let mut connection = open(&broker);
            connection.send_raw(&(1_i32 << 20).to_be_bytes()).unwrap();
            connection
        })
        .collect();
    let began = Instant::now();
    for offset in 0..50 {
        assert_eq!(client.produce("light", 0, batch::plain(1)), offset);
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    drop(announcing);
}

#[test]
fn half_sent_requests_take_little_more_memory_than_what_has_come() {
    let broker = TestBroker::start(&[
        ("queued.max.request.bytes", "1048576"),
        ("socket.request.max.bytes", "1048576"),
    ]);
    let mut client = broker.client();
    client.topic("light", 1, &[]);
    let began: Vec<Connection> = (0..40)
        .map(|_| {
            let mut connection = open(&broker);
            let mut half = (1_i32 << 20).to_be_bytes().to_vec();
            half.resize(1000, 0);
            connection.send_raw(&half).unwrap();
            connection
        })
        .collect();
    let start = Instant::now();
    for offset in 0..50 {
        assert_eq!(client.produce("light", 0, batch::plain(1)), offset);
    }
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    drop(began);
}

#[test]
fn a_large_request_that_comes_in_one_piece_is_answered() {
    let broker = TestBroker::start(&[]);
    broker.client().topic("t", 1, &[]);
    let of = |size: usize| {
        let record = batch::record("k", &"v".repeat(size), 0);
        batch::build(BuilderOptions::default(), &[record]).freeze()
    };
    // The first request makes the buffer larger than a small request needs. How much of it is free
    // depends on what came since, and at some point all of a larger request comes with one read.
    for others in 0..60 {
        let mut client = broker.client();
        client.produce("t", 0, of(7_900));
        for _ in 0..others {
            client.offset("t", 0, -1);
        }
        client.produce("t", 0, of(11_000));
    }
}

#[test]
fn a_client_that_asks_much_and_reads_nothing_is_read_no_further() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("there", 1, &[]);
    let topics = (0..300).map(|number| MetadataRequestTopic {
        name: Some(Str::from(format!("{number:0100}"))),
        ..Default::default()
    });
    let request = MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    let mut sent = VecDeque::new();
    client.connection().set_write_patience(Duration::from_millis(500)).unwrap();
    while sent.len() < 10_000 {
        match client.connection().send(12, &request) {
            Ok(id) => sent.push_back(id),
            Err(_) => break,
        }
    }
    assert!(sent.len() < 10_000, "the broker takes requests without end");
    assert_eq!(broker.client().metadata("there", false).error_code, 0);
    // Once it reads, everything is there and in order, but for the request that was cut.
    for id in sent {
        assert_eq!(client.receive::<MetadataRequest>(id, 12).topics.len(), 300);
    }
}

#[test]
fn a_little_that_becomes_much_when_it_is_decompressed_is_refused() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("bombed", 1, &[("max.decompressed.message.bytes", "100000")]);
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd]
    {
        let options = BuilderOptions { compression, ..Default::default() };
        let mut of = |length: usize| {
            let record = batch::record("k", &"0".repeat(length), 0);
            let batch = batch::build(options.clone(), &[record]).freeze();
            assert!(batch.len() < 200_000, "it is small on its way");
            client.try_produce("bombed", 0, batch)
        };
        assert_eq!(of(90_000).error_code, 0, "{compression:?}");
        let refused = of(200_000);
        assert!(
            [INVALID_RECORD, MESSAGE_TOO_LARGE].contains(&refused.error_code),
            "{compression:?}: {refused:?}"
        );
    }
    assert_eq!(client.offset("bombed", 0, -1), 4);
}
