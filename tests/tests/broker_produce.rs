//! Produce: idempotence, order, acknowledgements, and what a topic demands of a batch.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla_record::{BatchHeader, BuilderOptions, Compression};
use ottla_tests::{
    batch,
    client::{Client, FETCH_VERSION, PRODUCE_VERSION, bytes_of, fetching, text_of},
    in_process::{TestBroker, eventually},
    session::produce,
};
use ottla_wire::{
    Str,
    describe_producers_request::{DescribeProducersRequest, TopicRequest},
    messages::{FetchRequest, ProduceRequest},
    produce_request::TopicProduceData,
};

const DUPLICATE_SEQUENCE_NUMBER: i16 = 46;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const MESSAGE_TOO_LARGE: i16 = 10;
const CORRUPT_MESSAGE: i16 = 2;
const INVALID_TIMESTAMP: i16 = 32;
const INVALID_TOPIC_EXCEPTION: i16 = 17;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_REQUIRED_ACKS: i16 = 21;
const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;

/// The answer to one record of an idempotent producer: error and base offset.
fn send(client: &mut Client, id: i64, epoch: i16, sequence: i32) -> (i16, i64) {
    let answer = client.try_produce("idempotent", 0, batch::idempotent(id, epoch, sequence, 1));
    (answer.error_code, answer.base_offset)
}

/// The same with a record of this moment.
fn send_now(client: &mut Client, id: i64, epoch: i16, sequence: i32) -> (i16, i64) {
    let batch = batch::idempotent_now(id, epoch, sequence, 1);
    let answer = client.try_produce("idempotent", 0, batch);
    (answer.error_code, answer.base_offset)
}

#[test]
fn the_last_five_batches_of_a_producer_are_known_and_a_duplicate_gets_its_first_offset() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("idempotent", 1, &[]);
    let id = client.producer_id();
    for sequence in 0..6 {
        assert_eq!(send(&mut client, id, 0, sequence), (0, sequence.into()));
    }
    for sequence in 1..6 {
        assert_eq!(send(&mut client, id, 0, sequence), (0, sequence.into()), "a duplicate");
    }
    assert_eq!(client.offset("idempotent", 0, -1), 6);
    let (code, _) = send(&mut client, id, 0, 0);
    assert!(
        [DUPLICATE_SEQUENCE_NUMBER, OUT_OF_ORDER_SEQUENCE_NUMBER].contains(&code),
        "the sixth before the last is not known any more: {code}"
    );
}

#[test]
fn a_gap_is_out_of_order_and_an_old_epoch_is_fenced() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("idempotent", 1, &[]);
    let id = client.producer_id();
    assert_eq!(send(&mut client, id, 0, 0).0, 0);
    assert_eq!(send(&mut client, id, 0, 2).0, OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(send(&mut client, id, 1, 5).0, OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(send(&mut client, id, 1, 0), (0, 1));
    assert_eq!(send(&mut client, id, 0, 1).0, INVALID_PRODUCER_EPOCH);
    assert_eq!(client.offset("idempotent", 0, -1), 2);
}

#[test]
fn what_is_known_of_a_producer_survives_a_stop_and_a_crash() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("idempotent", 1, &[]);
    let id = client.producer_id();
    for sequence in 0..3 {
        assert_eq!(send_now(&mut client, id, 1, sequence).0, 0);
    }
    broker.restart();
    let mut client = broker.client();
    assert_eq!(send_now(&mut client, id, 1, 2), (0, 2), "a duplicate after a stop");
    assert_eq!(send_now(&mut client, id, 1, 9).0, OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(send_now(&mut client, id, 1, 3), (0, 3));
    broker.crash_and_restart();
    let mut client = broker.client();
    assert_eq!(send_now(&mut client, id, 1, 3), (0, 3), "a duplicate after a crash");
    assert_eq!(send_now(&mut client, id, 0, 4).0, INVALID_PRODUCER_EPOCH);
    assert_eq!(send_now(&mut client, id, 1, 4), (0, 4));
    assert_eq!(client.records("idempotent", 0, 0).len(), 5);
}

#[test]
fn a_producer_id_is_never_given_twice() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let mut seen: Vec<i64> = (0..3).map(|_| client.producer_id()).collect();
    broker.restart();
    seen.push(broker.client().producer_id());
    broker.crash_and_restart();
    seen.push(broker.client().producer_id());
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count, "{seen:?}");
}

#[test]
fn a_producer_that_was_not_heard_of_for_long_is_forgotten() {
    let broker = TestBroker::start(&[
        ("producer.id.expiration.ms", "1"),
        ("producer.id.expiration.check.interval.ms", "1"),
        ("log.initial.task.delay.ms", "0"),
    ]);
    let mut client = broker.client();
    client.topic("idempotent", 1, &[]);
    let id = client.producer_id();
    assert_eq!(send(&mut client, id, 0, 0).0, 0);
    let topic = TopicRequest { name: Str::from("idempotent"), partition_indexes: vec![0] };
    let request = DescribeProducersRequest { topics: vec![topic] };
    eventually("the producer is forgotten", || {
        let response = client.call(0, &request);
        response.topics[0].partitions[0].active_producers.is_empty().then_some(())
    });
    assert_eq!(send(&mut client, id, 0, 0), (0, 1), "what was a duplicate is new now");
}

#[test]
fn answers_come_in_the_order_of_the_requests_and_so_do_the_offsets() {
    let broker = TestBroker::start(&[("ottla.ack.durability", "fsync")]);
    let mut client = broker.client();
    client.topic("piped", 1, &[]);
    // More than one connection may have unanswered, of every kind of acknowledgement.
    let mut sent = Vec::new();
    for number in 0..200 {
        let acks = if number % 3 == 0 { 1 } else { -1 };
        let request = ProduceRequest { acks, ..produce("piped", 0, batch::plain(1)) };
        sent.push(client.send(PRODUCE_VERSION, &request));
    }
    for (number, id) in (0_i64..).zip(sent) {
        let answer = client.receive::<ProduceRequest>(id, PRODUCE_VERSION);
        let part = &answer.responses[0].partition_responses[0];
        assert_eq!((part.error_code, part.base_offset), (0, number));
    }
}

#[test]
fn without_acks_there_is_no_answer_and_the_order_holds() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("unanswered", 1, &[]);
    let request = ProduceRequest { acks: 0, ..produce("unanswered", 0, batch::plain(2)) };
    client.send(PRODUCE_VERSION, &request);
    // The answer that comes next is the one to the next request, and that one comes behind.
    assert_eq!(client.produce("unanswered", 0, batch::plain(1)), 2);
}

#[test]
fn without_acks_an_error_closes_the_connection() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let request = ProduceRequest { acks: 0, ..produce("nowhere", 0, batch::plain(1)) };
    client.send(PRODUCE_VERSION, &request);
    assert!(client.is_closed());
    broker.client().topic("elsewhere", 1, &[]);
}

#[test]
fn other_acks_are_refused() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("acks", 1, &[]);
    let request = ProduceRequest { acks: 2, ..produce("acks", 0, batch::plain(1)) };
    assert_eq!(client.send_produce(&request).error_code, INVALID_REQUIRED_ACKS);
    assert_eq!(client.offset("acks", 0, -1), 0);
}

#[test]
fn one_bad_partition_does_not_keep_the_others_from_being_written() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("mixed", 2, &[]);
    let mut request = produce("mixed", 0, batch::plain(1));
    let absent = produce("mixed", 7, batch::plain(1)).topic_data.remove(0).partition_data;
    let second = produce("mixed", 1, batch::plain(1)).topic_data.remove(0).partition_data;
    request.topic_data[0].partition_data.extend(absent.into_iter().chain(second));
    request.topic_data.extend(produce("none", 0, batch::plain(1)).topic_data);
    let answer = client.call(PRODUCE_VERSION, &request);
    let codes: Vec<i16> = answer
        .responses
        .iter()
        .flat_map(|topic| topic.partition_responses.iter().map(|part| part.error_code))
        .collect();
    assert_eq!(codes, [0, UNKNOWN_TOPIC_OR_PARTITION, 0, UNKNOWN_TOPIC_OR_PARTITION]);
    assert_eq!(client.values("mixed", 1, 0), ["v0"]);
}

#[test]
fn a_wrong_checksum_is_refused_and_nothing_is_written() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("checked", 1, &[]);
    let mut bytes = BytesMut::from(&batch::plain(3)[..]);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(client.try_produce("checked", 0, bytes.freeze()).error_code, CORRUPT_MESSAGE);
    assert_eq!(client.offset("checked", 0, -1), 0);
    assert_eq!(client.produce("checked", 0, batch::plain(1)), 0);
}

#[test]
fn no_prefix_of_a_batch_and_no_flipped_bit_of_its_header_is_written_as_it_is() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("harmed", 1, &[]);
    let whole = batch::plain(2);
    for length in 0..whole.len() {
        let answer = client.try_produce("harmed", 0, whole.slice(..length));
        assert_ne!(answer.error_code, 0, "{length} bytes of {}", whole.len());
    }
    // The offset and the leader epoch are the broker's; everything else is the producer's word.
    for at in (8..12).chain(16..61) {
        let mut bytes = BytesMut::from(&whole[..]);
        bytes[at] ^= 0x80;
        let answer = client.try_produce("harmed", 0, bytes.freeze());
        assert_ne!(answer.error_code, 0, "byte {at}");
    }
    assert_eq!(client.offset("harmed", 0, -1), 0);
}

#[test]
fn a_batch_above_the_limit_is_refused_and_the_limit_is_named() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("small", 1, &[("max.message.bytes", "300")]);
    assert_eq!(client.produce("small", 0, batch::plain(1)), 0);
    let answer = client.try_produce("small", 0, batch::plain(100));
    assert_eq!(answer.error_code, MESSAGE_TOO_LARGE);
    let text = answer.error_message.as_deref().unwrap_or_default();
    assert!(text.contains("300"), "{text}");
    client.alter((2, "small"), &[("max.message.bytes", "100000")]);
    assert_eq!(client.produce("small", 0, batch::plain(100)), 1);
}

#[test]
fn a_topic_of_one_codec_stores_every_batch_in_it() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    for wanted in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let topic = format!("all-{}", wanted.name());
        client.topic(&topic, 1, &[("compression.type", wanted.name())]);
        for (number, sent) in
            [Compression::None, Compression::Gzip, Compression::Zstd].into_iter().enumerate()
        {
            assert_eq!(client.produce(&topic, 0, batch::compressed(sent, 2)), number as i64 * 2);
        }
        let data = client.try_fetch(&topic, 0, 0);
        let bytes = bytes_of(&data);
        let mut count = 0;
        for found in ottla_record::Batches::new(&bytes) {
            assert_eq!(found.unwrap().0.attributes.compression(), Ok(wanted));
            count += 1;
        }
        assert_eq!(count, 3);
        assert_eq!(client.values(&topic, 0, 0), ["v0", "v1", "v0", "v1", "v0", "v1"]);
    }
    client.topic("plain", 1, &[("compression.type", "uncompressed")]);
    client.produce("plain", 0, batch::compressed(Compression::Lz4, 2));
    let header = BatchHeader::parse(&bytes_of(&client.try_fetch("plain", 0, 0))).unwrap();
    assert_eq!(header.attributes.compression(), Ok(Compression::None));
}

#[test]
fn a_batch_that_grows_beyond_the_limit_when_it_is_stored_is_refused() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let configs = [("compression.type", "uncompressed"), ("max.message.bytes", "2000")];
    client.topic("grown", 1, &configs);
    let record = batch::record("k", &"0".repeat(5000), 0);
    let options = BuilderOptions { compression: Compression::Gzip, ..Default::default() };
    let small = batch::build(options, &[record]).freeze();
    assert!(small.len() < 2000);
    assert_eq!(client.try_produce("grown", 0, small).error_code, MESSAGE_TOO_LARGE);
    assert_eq!(client.offset("grown", 0, -1), 0);
}

#[test]
fn an_unknown_producer_may_start_anywhere_and_is_counted_from_there() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("idempotent", 1, &[]);
    let (first, second) = (client.producer_id(), client.producer_id());
    assert_eq!(send(&mut client, first, 3, 4711), (0, 0));
    assert_eq!(send(&mut client, first, 3, 4711), (0, 0), "a duplicate");
    assert_eq!(send(&mut client, first, 3, 4713).0, OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(send(&mut client, first, 3, 4712), (0, 1));
    // After the largest number comes 0.
    assert_eq!(send(&mut client, second, 0, i32::MAX), (0, 2));
    assert_eq!(send(&mut client, second, 0, 1).0, OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(send(&mut client, second, 0, 0), (0, 3));
    assert_eq!(send(&mut client, second, 0, i32::MAX), (0, 2), "a duplicate");
}

#[test]
fn old_produce_versions_may_not_bring_zstd() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("old", 1, &[]);
    let request = produce("old", 0, batch::compressed(Compression::Zstd, 2));
    for (version, code) in
        [(3, UNSUPPORTED_COMPRESSION_TYPE), (6, UNSUPPORTED_COMPRESSION_TYPE), (7, 0)]
    {
        let answer = client.call(version, &request);
        assert_eq!(answer.responses[0].partition_responses[0].error_code, code, "v{version}");
    }
    // It is stored as it came, and comes to the readers of every version that way.
    assert_eq!(client.values("old", 0, 0), ["v0", "v1"]);
}

#[test]
fn a_recompressed_batch_of_an_idempotent_producer_stays_one() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("idempotent", 1, &[("compression.type", "zstd")]);
    let id = client.producer_id();
    assert_eq!(send(&mut client, id, 0, 0), (0, 0));
    assert_eq!(send(&mut client, id, 0, 0), (0, 0));
    assert_eq!(send(&mut client, id, 0, 1), (0, 1));
    assert_eq!(client.offset("idempotent", 0, -1), 2);
}

#[test]
fn log_append_time_is_the_brokers_and_is_told() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let answer = client.try_produce("stamped", 0, batch::plain(3));
    assert_eq!(answer.error_code, 0);
    assert!(answer.log_append_time_ms > batch::BASE_TIMESTAMP, "{answer:?}");
    for (_, record) in client.records("stamped", 0, 0) {
        assert_eq!(record.timestamp, answer.log_append_time_ms);
    }
    client.topic("unstamped", 1, &[]);
    assert_eq!(client.try_produce("unstamped", 0, batch::plain(1)).log_append_time_ms, -1);
    assert_eq!(client.records("unstamped", 0, 0)[0].1.timestamp, batch::BASE_TIMESTAMP);
}

#[test]
fn a_timestamp_out_of_bounds_is_refused_with_the_records_that_have_it() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    // The records of the tests are years old.
    client.topic("recent", 1, &[("message.timestamp.before.max.ms", "1000")]);
    let answer = client.try_produce("recent", 0, batch::plain(2));
    assert_eq!(answer.error_code, INVALID_TIMESTAMP);
    assert_eq!(answer.record_errors.len(), 2, "{answer:?}");
    let far = batch::record("k", "v", 1 << 50);
    client.topic("future", 1, &[]);
    let far = batch::build(BuilderOptions::default(), &[far]).freeze();
    assert_eq!(client.try_produce("future", 0, far).error_code, INVALID_TIMESTAMP);
    assert_eq!(client.offset("recent", 0, -1), 0);
}

#[test]
fn headers_null_values_and_null_keys_come_back_as_they_were() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("odd", 1, &[]);
    let mut first = batch::record("k", "v", 0);
    first.headers = vec![
        ottla_record::Header { key: "a".to_owned(), value: Some(Bytes::from_static(b"1")) },
        ottla_record::Header { key: "a".to_owned(), value: None },
    ];
    let tombstone = ottla_record::Record { value: None, ..batch::record("k", "", 1) };
    let keyless = ottla_record::Record { key: None, ..batch::record("", "v", 2) };
    let sent = [first, tombstone, keyless];
    client.produce("odd", 0, batch::build(BuilderOptions::default(), &sent).freeze());
    let found: Vec<_> = client.records("odd", 0, 0).into_iter().map(|(_, one)| one).collect();
    assert_eq!(found, sent);
}

#[test]
fn clients_cannot_write_to_the_offsets_topic_and_can_read_it() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("read", 1, &[]);
    client.find_coordinator("someone");
    assert_eq!(ottla_tests::group::commit(&mut client, "someone", "read", 0, (3, "m")), 0);
    let name = "__consumer_offsets";
    for partition in 0..2 {
        let answer = client.try_produce(name, partition, batch::plain(1));
        assert_eq!(answer.error_code, INVALID_TOPIC_EXCEPTION);
    }
    let records: Vec<_> = (0..2).flat_map(|partition| client.records(name, partition, 0)).collect();
    // An offset's key begins with version 1, its group and its topic; the value with version 3 or 4
    // and the offset.
    let key = b"\0\x01\0\x07someone\0\x04read\0\0\0\0";
    let (_, found) = records
        .iter()
        .find(|(_, record)| record.key.as_deref() == Some(&key[..]))
        .expect("the committed offset is a record");
    let value = found.value.as_ref().unwrap();
    assert!(matches!(value[..2], [0, 1..=4]), "{value:?}");
    assert_eq!(i64::from_be_bytes(value[2..10].try_into().unwrap()), 3);
    assert!(text_of(Some(value)).contains('m'));
}

#[test]
fn a_topic_id_that_is_none_is_an_unknown_topic_id() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let id = client.topic("by-id", 1, &[]);
    let by_id = |topic_id| ProduceRequest {
        topic_data: vec![TopicProduceData {
            name: Str::default(),
            topic_id,
            ..produce("by-id", 0, batch::plain(1)).topic_data.remove(0)
        }],
        ..produce("by-id", 0, batch::plain(1))
    };
    let answer = client.call(13, &by_id(id));
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    let answer = client.call(13, &by_id(ottla_types::Uuid([9; 16])));
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 100);
}

#[test]
fn a_slow_reader_keeps_nobody_waiting() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("large", 1, &[]);
    let value = "x".repeat(900_000);
    let record = batch::record("k", &value, 0);
    for _ in 0..20 {
        let bytes = batch::build(BuilderOptions::default(), std::slice::from_ref(&record));
        client.produce("large", 0, bytes.freeze());
    }
    // Asks for far more than socket buffers hold, and reads nothing.
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut reader = broker.client();
        let mut request = fetching("large", 0, 0);
        request.topics[0].partitions[0].partition_max_bytes = 50 << 20;
        for _ in 0..4 {
            reader.send(FETCH_VERSION, &request);
        }
        slow.push(reader);
    }
    for _ in 0..8 {
        let began = std::time::Instant::now();
        let mut other = broker.client();
        other.topic(&format!("other-{}", began.elapsed().as_nanos()), 1, &[]);
        other.produce("large", 0, batch::plain(1));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    drop(slow);
}

#[test]
fn a_fetch_behind_a_produce_on_the_same_connection_sees_what_that_wrote() {
    let broker = TestBroker::start(&[("ottla.ack.durability", "fsync")]);
    let mut client = broker.client();
    client.topic("ordered", 1, &[]);
    for offset in 0..50 {
        let wrote = client.send(PRODUCE_VERSION, &produce("ordered", 0, batch::plain(1)));
        let read = client.send(FETCH_VERSION, &fetching("ordered", 0, offset));
        client.receive::<ProduceRequest>(wrote, PRODUCE_VERSION);
        let response = client.receive::<FetchRequest>(read, FETCH_VERSION);
        let data = &response.responses[0].partitions[0];
        assert_eq!((data.error_code, data.high_watermark), (0, offset + 1));
    }
}
