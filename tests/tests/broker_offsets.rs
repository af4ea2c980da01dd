//! ListOffsets: the ends of a partition, offsets by time, and whose epoch comes with them.

use bytes::{Bytes, BytesMut};
use ottla_record::{BatchHeader, BuilderOptions, Compression, Record, check_crc};
use ottla_tests::{
    batch::{self, BASE_TIMESTAMP},
    client::{Client, bytes_of},
    in_process::TestBroker,
};
use ottla_wire::{
    Str,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    list_offsets_response::ListOffsetsPartitionResponse,
};

const UNSUPPORTED_VERSION: i16 = 35;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// The newest version.
const VERSION: i16 = 10;

const HOUR_MS: i64 = 3_600_000;

fn asking(topic: &str, partition: ListOffsetsPartition) -> ListOffsetsRequest {
    ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic { name: Str::from(topic), partitions: vec![partition] }],
        ..Default::default()
    }
}

fn answer(
    client: &mut Client,
    version: i16,
    request: &ListOffsetsRequest,
) -> ListOffsetsPartitionResponse {
    client.call(version, request).topics.remove(0).partitions.remove(0)
}

/// Offset, timestamp and leader epoch of what is found at a timestamp or a special one.
fn find(client: &mut Client, topic: &str, timestamp: i64) -> (i64, i64, i32) {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let found = answer(client, VERSION, &asking(topic, partition));
    assert_eq!(found.error_code, 0, "at {timestamp}");
    (found.offset, found.timestamp, found.leader_epoch)
}

/// One batch of records with these times after [`BASE_TIMESTAMP`].
fn at_times(compression: Compression, times: &[i64]) -> Bytes {
    let records: Vec<Record> = times.iter().map(|&after| batch::record("k", "v", after)).collect();
    batch::build(BuilderOptions { compression, ..Default::default() }, &records).freeze()
}

#[test]
fn the_ends_follow_the_log() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("ends", 1, &[]);
    for special in [LATEST, EARLIEST, EARLIEST_LOCAL] {
        assert_eq!(find(&mut client, "ends", special), (0, -1, 0), "{special}");
    }
    for special in [MAX_TIMESTAMP, LATEST_TIERED, 0, BASE_TIMESTAMP] {
        assert_eq!(find(&mut client, "ends", special), (-1, -1, -1), "{special}");
    }
    client.produce("ends", 0, batch::plain(5));
    client.delete_records("ends", 0, 2);
    assert_eq!(find(&mut client, "ends", LATEST), (5, -1, 0));
    assert_eq!(find(&mut client, "ends", EARLIEST), (2, -1, 0));
    assert_eq!(find(&mut client, "ends", EARLIEST_LOCAL), (2, -1, 0));
    let last = BASE_TIMESTAMP + 4_000;
    assert_eq!(find(&mut client, "ends", MAX_TIMESTAMP), (4, last, 0));
    assert_eq!(find(&mut client, "ends", LATEST_TIERED), (-1, -1, -1));
}

#[test]
fn a_special_timestamp_is_known_from_its_version_on() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("versions", 1, &[]);
    client.produce("versions", 0, batch::plain(2));
    for (special, from) in
        [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (-6, 11), (-7, 99)]
    {
        for version in 1..=11 {
            let partition = ListOffsetsPartition { timestamp: special, ..Default::default() };
            let found = answer(&mut client, version, &asking("versions", partition));
            let wanted = if version < from { UNSUPPORTED_VERSION } else { 0 };
            assert_eq!(found.error_code, wanted, "{special} in v{version}");
        }
    }
}

#[test]
fn the_first_record_at_or_after_a_time_is_found_inside_its_batch() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    for (number, codec) in
        [Compression::None, Compression::Gzip, Compression::Lz4].into_iter().enumerate()
    {
        let topic = format!("inside-{number}");
        client.topic(&topic, 1, &[]);
        client.produce(&topic, 0, at_times(codec, &[0, 10, 20]));
        client.produce(&topic, 0, at_times(codec, &[30, 40, 50]));
        for (after, offset, found) in
            [(-5, 0, 0), (0, 0, 0), (1, 1, 10), (20, 2, 20), (21, 3, 30), (45, 5, 50), (50, 5, 50)]
        {
            let answer = find(&mut client, &topic, BASE_TIMESTAMP + after);
            assert_eq!(answer, (offset, BASE_TIMESTAMP + found, 0), "{after} ms, {codec:?}");
        }
        // Nothing is that late: the answer is none, not the end of the log.
        assert_eq!(find(&mut client, &topic, BASE_TIMESTAMP + 51), (-1, -1, -1));
    }
}

#[test]
fn across_segments_and_disorder_every_time_is_found_as_a_scan_would_find_it() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("scanned", 1, &[("segment.ms", "3600000"), ("index.interval.bytes", "1")]);
    let mut all = Vec::new();
    let mut state = 7_u64;
    for number in 0..30_i64 {
        let times: Vec<i64> = (0..4)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                number * HOUR_MS / 4 + (state >> 33) as i64 % HOUR_MS
            })
            .collect();
        let codec = if number % 2 == 0 { Compression::None } else { Compression::Zstd };
        client.produce("scanned", 0, at_times(codec, &times));
        all.extend(times);
    }
    assert!(broker.segments("scanned-0").len() > 3, "segments were rolled");
    let start = 17;
    client.delete_records("scanned", 0, start as i64);
    for round in 0..3 {
        let latest = all.iter().max().unwrap();
        for target in (0..=latest + 1).step_by(HOUR_MS as usize / 7).chain(all.iter().copied()) {
            let mut offsets = (0_i64..).zip(&all).skip(start);
            let wanted = offsets
                .find(|(_, time)| **time >= target)
                .map_or((-1, -1), |(offset, time)| (offset, BASE_TIMESTAMP + time));
            let (offset, time, _) = find(&mut client, "scanned", BASE_TIMESTAMP + target);
            assert_eq!((offset, time), wanted, "{target} ms in round {round}");
        }
        let first_latest = all.iter().position(|time| time == latest).unwrap() as i64;
        let (offset, time, _) = find(&mut client, "scanned", MAX_TIMESTAMP);
        assert_eq!((offset, time), (first_latest, BASE_TIMESTAMP + latest), "round {round}");
        match round {
            0 => broker.restart(),
            // The indexes are built anew.
            _ => broker.crash_with(|data| {
                for entry in std::fs::read_dir(data.join("scanned-0")).unwrap().flatten() {
                    if entry
                        .path()
                        .extension()
                        .is_some_and(|end| end.to_string_lossy().contains("index"))
                    {
                        std::fs::remove_file(entry.path()).unwrap();
                    }
                }
            }),
        }
        client = broker.client();
    }
}

#[test]
fn the_epoch_is_the_records_own_and_not_the_leaders() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("epochs", 1, &[]);
    client.produce("epochs", 0, at_times(Compression::None, &[0, 10]));
    broker.crash_and_restart();
    let mut client = broker.client();
    let current = client.metadata("epochs", false).partitions[0].leader_epoch;
    assert!(current > 0);
    client.produce("epochs", 0, at_times(Compression::None, &[20]));
    assert_eq!(find(&mut client, "epochs", EARLIEST), (0, -1, 0));
    assert_eq!(find(&mut client, "epochs", BASE_TIMESTAMP + 10), (1, BASE_TIMESTAMP + 10, 0));
    let last = (2, BASE_TIMESTAMP + 20, current);
    assert_eq!(find(&mut client, "epochs", BASE_TIMESTAMP + 11), last);
    assert_eq!(find(&mut client, "epochs", MAX_TIMESTAMP), last);
    assert_eq!(find(&mut client, "epochs", LATEST), (3, -1, current));
    for (believed, code) in [
        (-1, 0),
        (current, 0),
        (current - 1, FENCED_LEADER_EPOCH),
        (current + 1, UNKNOWN_LEADER_EPOCH),
    ] {
        let partition = ListOffsetsPartition {
            timestamp: LATEST,
            current_leader_epoch: believed,
            ..Default::default()
        };
        let found = answer(&mut client, VERSION, &asking("epochs", partition));
        assert_eq!(found.error_code, code, "epoch {believed}");
    }
}

#[test]
fn with_log_append_time_the_brokers_clock_is_what_counts() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]);
    for codec in [Compression::None, Compression::Gzip] {
        let before = batch::now_ms();
        let end = client.offset("stamped", 0, LATEST);
        // The producer's own times are years old and in disorder.
        let answer = client.try_produce("stamped", 0, at_times(codec, &[30, 10, 20]));
        assert_eq!(answer.error_code, 0);
        let stamp = answer.log_append_time_ms;
        assert!((before..=batch::now_ms()).contains(&stamp));
        // Every record of the batch has that time, so the first of them is found.
        assert_eq!(find(&mut client, "stamped", stamp), (end, stamp, 0));
        assert_eq!(find(&mut client, "stamped", MAX_TIMESTAMP), (end, stamp, 0));
        assert_eq!(find(&mut client, "stamped", stamp + 1), (-1, -1, -1));
        assert_eq!(find(&mut client, "stamped", BASE_TIMESTAMP).0, 0);
        broker.wait_for_next_millisecond();
    }
}

#[test]
fn a_max_timestamp_that_the_client_left_unset_is_filled_in() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    for (number, codec) in [Compression::None, Compression::Gzip].into_iter().enumerate() {
        let topic = format!("unset-{number}");
        client.topic(&topic, 1, &[]);
        for unset in [-1_i64, 0] {
            // As Sarama sends it.
            let mut bytes = BytesMut::from(&at_times(codec, &[5, 25, 15])[..]);
            bytes[35..43].copy_from_slice(&unset.to_be_bytes());
            let crc = batch::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&crc.to_be_bytes());
            client.produce(&topic, 0, bytes.freeze());
        }
        let bytes = bytes_of(&client.try_fetch(&topic, 0, 3));
        let header = BatchHeader::parse(&bytes).unwrap();
        assert_eq!(header.max_timestamp, BASE_TIMESTAMP + 25, "{codec:?}");
        assert!(check_crc(&bytes).is_ok());
    }
    for round in 0..2 {
        for topic in ["unset-0", "unset-1"] {
            let found = find(&mut client, topic, BASE_TIMESTAMP + 6);
            assert_eq!(found, (1, BASE_TIMESTAMP + 25, 0), "round {round}");
            let found = find(&mut client, topic, MAX_TIMESTAMP);
            assert_eq!(found, (1, BASE_TIMESTAMP + 25, 0), "round {round}");
        }
        broker.restart();
        client = broker.client();
    }
}

#[test]
fn the_end_for_read_committed_is_where_open_transactions_would_begin() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("committed", 1, &[]);
    client.produce("committed", 0, batch::plain(4));
    let partition = ListOffsetsPartition { timestamp: LATEST, ..Default::default() };
    let request = ListOffsetsRequest { isolation_level: 1, ..asking("committed", partition) };
    let found = answer(&mut client, VERSION, &request);
    assert_eq!((found.error_code, found.offset), (0, 4));
}
