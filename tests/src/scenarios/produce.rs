//! Produce: what is taken, what is refused, and what it says then.

use bytes::{Bytes, BytesMut};
use ottla_record::{BuilderOptions, Compression, Record, TimestampType};
use ottla_types::Uuid;
use ottla_wire::{
    Str,
    api_versions_request::ApiVersionsRequest,
    produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData},
};

use crate::{
    batch::{self, build, numbered, record},
    session::{Session, produce as to_name, versions},
};

/// A Produce of `batch` in whichever way the version names topics.
fn to(version: i16, name: &str, topic_id: Uuid, partition: i32, batch: Bytes) -> ProduceRequest {
    let mut request = to_name(name, partition, batch);
    if version >= 13
        && let Some(topic) = request.topic_data.first_mut()
    {
        (topic.name, topic.topic_id) = (Str::default(), topic_id);
    }
    request
}

pub fn produce(session: &mut Session) {
    let id = session.topic("produced", 2, &[]);
    for version in versions::<ProduceRequest>() {
        let good = to(version, "produced", id, 0, batch::plain(3));
        session.ask("three records", version, &good);
        session.ask("one replica suffices", version, &ProduceRequest { acks: 1, ..good.clone() });
        for acks in [2, -2] {
            session.ask(format!("acks {acks}"), version, &ProduceRequest { acks, ..good.clone() });
        }
        let wrong = to(version, "produced", id, 2, batch::plain(1));
        session.ask("unknown partition", version, &wrong);
        let wrong = to(version, "produced", id, -1, batch::plain(1));
        session.ask("partition -1", version, &wrong);
        let wrong = to(version, "produced-none", Uuid([9; 16]), 0, batch::plain(1));
        session.ask("unknown topic", version, &wrong);
        let mut both = to(version, "produced", id, 0, batch::plain(1));
        if let Some(topic) = both.topic_data.first_mut() {
            let more =
                |index| PartitionProduceData { index, records: batch::field(batch::plain(2)) };
            topic.partition_data.extend([more(7), more(1)]);
        }
        session.ask("good and bad partitions", version, &both);
    }
    session.ask("no topic id", 13, &to(13, "", Uuid::ZERO, 0, batch::plain(1)));
    let transactional = ProduceRequest {
        transactional_id: Some(Str::from("")),
        ..to_name("produced", 0, batch::plain(1))
    };
    session.ask("an empty transactional id", 9, &transactional);

    // acks=0 has no response: what follows is answered next.
    let silent = ProduceRequest { acks: 0, ..to_name("produced", 0, batch::plain(1)) };
    let pending = session.send(0, 9, &silent);
    drop(pending);
    session.ask("after acks 0", 0, &ApiVersionsRequest::default());
    session.hang_up(0);
    let silent = ProduceRequest { acks: 0, ..to_name("produced-none", 0, batch::plain(1)) };
    let pending = session.send(0, 9, &silent);
    drop(pending);
    session.ask("after acks 0 to nowhere", 0, &ApiVersionsRequest::default());
    session.hang_up(0);
}

fn with_header(mut batch: BytesMut, change: impl Fn(&mut BytesMut)) -> Bytes {
    change(&mut batch);
    batch.freeze()
}

/// The batch with these bytes written over it, and a CRC that fits.
fn patched(at: usize, bytes: &'static [u8]) -> Bytes {
    let batch = build(BuilderOptions::default(), &numbered(3));
    with_header(batch, |batch| {
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = batch::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
    })
}

pub fn badly(session: &mut Session) {
    session.topic("badly", 1, &[]);
    let plain = || build(BuilderOptions::default(), &numbered(3));
    let joined: Bytes = [plain(), plain()].concat().into();
    let short = plain().freeze();
    for (what, bytes) in [
        ("no bytes", Bytes::new()),
        ("ten bytes", short.slice(..10)),
        ("a header only", short.slice(..61)),
        ("one byte missing", short.slice(..short.len() - 1)),
        ("a byte too many", with_header(plain(), |batch| batch.extend_from_slice(&[0]))),
        ("two batches", joined),
        ("a wrong CRC", with_header(plain(), |batch| batch[17] ^= 1)),
        ("magic 0", with_header(plain(), |batch| batch[16] = 0)),
        ("magic 1", with_header(plain(), |batch| batch[16] = 1)),
        ("magic 3", with_header(plain(), |batch| batch[16] = 3)),
        ("a base offset of 7", with_header(plain(), |batch| batch[7] = 7)),
        ("a leader epoch of 5", with_header(plain(), |batch| batch[15] = 5)),
        (
            "a length of 3",
            with_header(plain(), |batch| batch[8..12].copy_from_slice(&[0, 0, 0, 3])),
        ),
        ("a negative length", with_header(plain(), |batch| batch[8] = 0xff)),
        ("a last offset delta of 9", patched(23, &[0, 0, 0, 9])),
        ("a last offset delta of 1", patched(23, &[0, 0, 0, 1])),
        ("a record count of 2", patched(57, &[0, 0, 0, 2])),
        ("a record count of 0", patched(57, &[0, 0, 0, 0])),
        ("a record count of -1", patched(57, &[0xff; 4])),
        ("a record count of 2^31-1", patched(57, &[0x7f, 0xff, 0xff, 0xff])),
        ("codec 5", patched(21, &[0, 5])),
        ("codec 7", patched(21, &[0, 7])),
        ("gzip that is none", patched(21, &[0, 1])),
        ("zstd that is none", patched(21, &[0, 4])),
        ("a control batch", patched(21, &[0, 0x20])),
        ("a transactional batch", patched(21, &[0, 0x10])),
        ("unused attributes", patched(21, &[0x7f, 0])),
        ("log append time", patched(21, &[0, 8])),
        ("a delete horizon", patched(21, &[0, 0x40])),
        ("a producer id without epoch", patched(43, &[0, 0, 0, 0, 0, 0, 0, 5])),
        ("a max timestamp of -1", patched(35, &[0xff; 8])),
        ("a max timestamp of 0", patched(35, &[0; 8])),
        ("the first record's length is 0", patched(61, &[0])),
        ("the first record's length is -1", patched(61, &[1])),
        ("the first record is too long", patched(61, &[0x7e])),
        ("the second offset delta is 5", patched(61 + 11 + 3, &[10])),
    ] {
        for version in [3, 9, 12] {
            session.ask(what, version, &to_name("badly", 0, bytes.clone()));
        }
    }
    // Null records are left out: Kafka never answers them.
    let request = to_name("badly", 0, Bytes::new());
    let nothing = ProduceRequest { topic_data: Vec::new(), ..request.clone() };
    session.ask("no topics", 9, &nothing);
    let empty = TopicProduceData { name: Str::from("badly"), ..Default::default() };
    session.ask("no partitions", 9, &ProduceRequest { topic_data: vec![empty], ..request });
    session.ask("an internal topic", 9, &to_name("__consumer_offsets", 0, batch::plain(1)));
    session.ask("a bad name", 9, &to_name("a b", 0, batch::plain(1)));
}

pub fn codecs(session: &mut Session) {
    for codec in ["gzip", "snappy", "lz4", "zstd", "uncompressed"] {
        session.topic(&format!("codec-to-{codec}"), 1, &[("compression.type", codec)]);
    }
    session.topic("codec", 1, &[]);
    let all = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for codec in all {
        for version in [3, 6, 7, 9, 12] {
            let batch = batch::compressed(codec, 20);
            session.ask(format!("{codec:?}"), version, &to_name("codec", 0, batch));
        }
        for target in ["gzip", "snappy", "lz4", "zstd", "uncompressed"] {
            let batch = batch::compressed(codec, 20);
            let name = format!("codec-to-{target}");
            session.ask(format!("{codec:?} to {target}"), 9, &to_name(&name, 0, batch));
        }
    }
}

pub fn topic_rules(session: &mut Session) {
    let one = |record: Record| build(BuilderOptions::default(), &[record]).freeze();
    session.topic("rules-compact", 1, &[("cleanup.policy", "compact")]);
    let keyless = Record { key: None, ..record("", "v", 0) };
    let tombstone = Record { value: None, ..record("k", "", 0) };
    for version in [3, 7, 8, 9, 12] {
        session.ask("no key", version, &to_name("rules-compact", 0, one(keyless.clone())));
        let mixed = [record("a", "1", 0), keyless.clone(), record("b", "2", 0), keyless.clone()];
        let mixed = build(BuilderOptions::default(), &mixed).freeze();
        session.ask("some without keys", version, &to_name("rules-compact", 0, mixed));
        session.ask("tombstone", version, &to_name("rules-compact", 0, one(tombstone.clone())));
    }
    session.topic("rules-small", 1, &[("max.message.bytes", "200")]);
    for version in [3, 9, 12] {
        let large = one(record("k", &"v".repeat(200), 0));
        session.ask("too large", version, &to_name("rules-small", 0, large));
        let fits = one(record("k", &"v".repeat(100), 0));
        session.ask("fits", version, &to_name("rules-small", 0, fits));
    }
    let options = BuilderOptions { compression: Compression::Gzip, ..Default::default() };
    let shrunk = build(options, &[record("k", &"v".repeat(5000), 0)]).freeze();
    session.ask("fits once compressed", 9, &to_name("rules-small", 0, shrunk));
    session.topic("rules-time", 1, &[("message.timestamp.before.max.ms", "1000")]);
    session.ask("too old", 9, &to_name("rules-time", 0, one(record("k", "v", 0))));
    session.topic("rules-future", 1, &[]);
    let far = 20 * 365 * 24 * 3600 * 1000;
    session.ask("too new", 9, &to_name("rules-future", 0, one(record("k", "v", far))));
    let never = Record { timestamp: -1, ..record("k", "v", 0) };
    session.ask("no timestamp", 9, &to_name("rules-future", 0, one(never)));
    session.topic("rules-append", 1, &[("message.timestamp.type", "LogAppendTime")]);
    for version in [3, 9, 12] {
        session.ask(
            "append time",
            version,
            &to_name("rules-append", 0, one(record("k", "v", far))),
        );
    }
    let options = BuilderOptions {
        timestamp_type: TimestampType::LogAppendTime,
        log_append_time: batch::BASE_TIMESTAMP,
        ..Default::default()
    };
    let stamped = build(options, &numbered(2)).freeze();
    session.ask("append time by a client", 9, &to_name("rules-append", 0, stamped));
    session.topic("rules-replicas", 1, &[("min.insync.replicas", "2")]);
    session.ask("too few replicas", 9, &to_name("rules-replicas", 0, batch::plain(1)));
    let leader_only = ProduceRequest { acks: 1, ..to_name("rules-replicas", 0, batch::plain(1)) };
    session.ask("too few replicas but acks 1", 9, &leader_only);
}
