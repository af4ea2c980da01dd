//! What Apache Kafka 4.4 wrote and decided, against what this crate reads and decides.
//!
//! `testdata/java.txt` was made with Kafka's own classes: batches by `MemoryRecordsBuilder`, and
//! cases by appending to a `UnifiedLog` with the clock at `NOW`. `testdata/tools.txt` holds the
//! same 150,000 bytes as the reference tools of each format compress them.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_types::{ErrorCode, LeaderEpoch, Offset, ProducerId};

use crate::{
    BatchBuilder, BatchHeader, Batches, BuilderOptions, Compression, Header, Invalid, ProduceRules,
    Record, Scratch, TargetCompression, TimestampType, Validated, decode_batch, legacy, stamp,
    validate_produced,
};

const JAVA: &str = include_str!("../testdata/java.txt");
const TOOLS: &str = include_str!("../testdata/tools.txt");
const NOW: i64 = 1_700_000_000_000;
const LIMIT: usize = 1 << 20;

/// Cases in which we knowingly decide otherwise, by the end of their names.
const DIFFERENT: [(&str, &str); 2] = [
    ("odd offsets", "Kafka keeps them, or throws: we move them to 0, 1, 2"),
    ("record long", "Kafka does not look that closely at a compressed record: no reader could"),
];

fn hex(text: &str) -> Vec<u8> {
    let digits = text.bytes().map(|digit| char::from(digit).to_digit(16).unwrap());
    let digits = digits.collect::<Vec<_>>();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// The lines of one kind, in fields.
fn lines(kind: &str) -> impl Iterator<Item = Vec<&'static str>> {
    JAVA.lines()
        .map(|line| line.split('|').collect::<Vec<_>>())
        .filter(move |fields| fields[0] == kind)
}

/// One of the sets of magic 0 and 1, by its place among them.
pub(crate) fn legacy_set(place: usize) -> Vec<u8> {
    hex(lines("legacy").nth(place).unwrap()[3])
}

fn record(timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Record {
    let owned = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    Record { timestamp, key: key.map(owned), value: value.map(owned), headers: Vec::new() }
}

fn three() -> Vec<Record> {
    let mut first = record(NOW - 1000, Some(b"a"), Some(b"hello"));
    first.headers = vec![
        Header { key: "h".into(), value: Some(Bytes::from_static(b"1")) },
        Header { key: "n".into(), value: None },
    ];
    vec![first, record(NOW - 5, None, Some(&[b'a'; 200])), record(NOW - 2000, Some(b"k"), None)]
}

fn big() -> Vec<Record> {
    vec![
        record(NOW, Some(b"big"), Some(&vec![b'a'; 70_000])),
        record(NOW + 1, Some(b"small"), Some(b"x")),
    ]
}

fn only_records(decoded: Vec<(Offset, Record)>) -> Vec<Record> {
    decoded.into_iter().map(|(_, record)| record).collect()
}

#[test]
fn batches_of_the_java_client_are_read() {
    let mut seen = Vec::new();
    for fields in lines("batch") {
        let batch = Bytes::from(hex(fields[2]));
        let (header, decoded) = decode_batch(&batch, LIMIT).unwrap();
        let mut expected = if fields[1] == "big" { big() } else { three() };
        if fields[1] == "append-time" {
            for record in &mut expected {
                record.timestamp = NOW + 77;
            }
            assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
        }
        let in_order = (0..).map(Offset).zip(expected).collect::<Vec<_>>();
        assert_eq!(decoded, in_order);
        seen.push(header.attributes.compression().unwrap());
    }
    for compression in Compression::ALL {
        assert!(seen.contains(&compression), "{compression:?} is among the batches");
    }
}

#[test]
fn batches_are_built_as_java_builds_them() {
    let mut built = 0;
    for fields in lines("batch") {
        let expected = hex(fields[2]);
        let header = BatchHeader::parse(&expected).unwrap();
        let mut builder = BatchBuilder::new(BuilderOptions {
            compression: header.attributes.compression().unwrap(),
            timestamp_type: header.attributes.timestamp_type(),
            log_append_time: header.max_timestamp,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            transactional: header.attributes.is_transactional(),
            ..BuilderOptions::default()
        });
        for record in if fields[1] == "big" { big() } else { three() } {
            builder.append(&record).unwrap();
        }
        let batch = builder.finish().unwrap();
        // Encoders differ in what they find to compress, so only the rest can be the same.
        let ours = BatchHeader::parse(&batch).unwrap();
        let same = BatchHeader { batch_length: 0, crc: 0, ..ours };
        assert_eq!(same, BatchHeader { batch_length: 0, crc: 0, ..header });
        if header.attributes.compression() == Ok(Compression::None) {
            assert_eq!(batch, expected);
            built += 1;
        }
    }
    assert_eq!(built, 3);
}

#[test]
fn sets_of_magic_0_and_1_are_read_and_converted() {
    let mut seen = 0;
    for fields in lines("legacy") {
        let magic: i8 = fields[1].parse().unwrap();
        let set = hex(fields[3]);
        assert_eq!(legacy::magic_of(&set), Some(magic));
        let mut scratch = Scratch::new();
        let read = legacy::read_set(&set, &mut scratch, LIMIT).unwrap();
        assert_eq!(read.compression.name(), fields[2]);
        let mut expected = three();
        for record in &mut expected {
            record.headers.clear();
            if magic == 0 {
                record.timestamp = -1;
            } else if read.timestamp_type == TimestampType::LogAppendTime {
                record.timestamp = NOW + 77;
            }
        }
        let offsets = read.records.iter().map(|(offset, _)| offset.0).collect::<Vec<_>>();
        assert_eq!(offsets, [0, 1, 2]);
        assert_eq!(only_records(read.records), expected);
        let batch = legacy::up_convert(&set, &mut scratch, LIMIT).unwrap().freeze();
        let (header, decoded) = decode_batch(&batch, LIMIT).unwrap();
        assert_eq!(header.attributes.compression(), Ok(read.compression));
        assert_eq!(only_records(decoded), expected);
        seen += 1;
    }
    assert_eq!(seen, 9);
}

fn rules(config: &str) -> ProduceRules {
    let mut rules = ProduceRules {
        compression: None,
        timestamp_type: TimestampType::CreateTime,
        now_ms: NOW,
        before_max_ms: i64::MAX,
        after_max_ms: 3_600_000,
        compacted: false,
        batch_bytes_max: 1_048_588,
        record_bytes_max: 0x7fff_fff7,
        decompressed_bytes_max: LIMIT,
    };
    for (key, value) in config.split(',').filter_map(|pair| pair.split_once('=')) {
        match key {
            "compression.type" => {
                let compression = Compression::from_name(value).unwrap_or_default();
                rules.compression = Some(TargetCompression { compression, level: None });
            }
            "message.timestamp.type" => {
                rules.timestamp_type = TimestampType::from_name(value).unwrap();
            }
            "message.timestamp.before.max.ms" => rules.before_max_ms = value.parse().unwrap(),
            "max.message.bytes" => rules.batch_bytes_max = value.parse().unwrap(),
            "max.decompressed.message.bytes" => rules.record_bytes_max = value.parse().unwrap(),
            "cleanup.policy" => rules.compacted = value == "compact",
            _ => panic!("no case sets {key}"),
        }
    }
    rules
}

#[test]
fn produced_batches_are_judged_and_stored_as_kafka_does() {
    let stored =
        lines("bytes").map(|fields| (fields[1], hex(fields[2]))).collect::<BTreeMap<_, _>>();
    let mut scratch = Scratch::new();
    let mut cases = 0;
    for fields in lines("case") {
        let (name, rules) = (fields[1], rules(fields[2]));
        let batch = Bytes::from(stored[fields[3]].clone());
        let ours = validate_produced(batch, &rules, &mut scratch);
        if DIFFERENT.iter().any(|(end, _)| name.ends_with(end)) && !name.starts_with("none record")
        {
            continue;
        }
        cases += 1;
        match (fields[4], ours) {
            ("ok", Ok(ours)) => {
                check_stored(name, &stored[fields[5]], &ours);
                assert_eq!(ours.max_timestamp.to_string(), fields[6], "{name}");
                assert_eq!(ours.log_append_time.to_string(), fields[7], "{name}");
            }
            ("err", Err(ours)) => check_refused(name, &ours, fields[5], fields[6]),
            (kafka, ours) => panic!("{name}: Kafka says {kafka}, we say {ours:?}"),
        }
    }
    assert!(cases > 240, "{cases} cases");
}

fn check_stored(name: &str, kafka: &[u8], ours: &Validated) {
    let (mut batch, mut kafka) = (ours.to_bytes().to_vec(), kafka.to_vec());
    stamp(&mut batch, Offset::ZERO, LeaderEpoch(0));
    // Only what the case changed was recorded, which the stamp alone is not.
    stamp(&mut kafka, Offset::ZERO, LeaderEpoch(0));
    let is_compressed = ours.header.attributes.compression() != Ok(Compression::None);
    if !is_compressed || !ours.is_rebuilt {
        assert_eq!(&batch[..], kafka, "{name}");
    }
    let decode = |batch: &[u8]| decode_batch(&Bytes::copy_from_slice(batch), LIMIT).unwrap();
    let ((ours, our_records), (kafka, kafka_records)) = (decode(&batch), decode(&kafka));
    let same = BatchHeader { batch_length: 0, crc: 0, ..ours };
    assert_eq!(same, BatchHeader { batch_length: 0, crc: 0, ..kafka }, "{name}");
    assert_eq!(our_records, kafka_records, "{name}");
}

fn check_refused(name: &str, ours: &Invalid, code: &str, records: &str) {
    if code == "UNKNOWN_SERVER_ERROR" {
        // Kafka stumbles over these; a client is better off with the reason.
        let codes = [ErrorCode::InvalidRecord, ErrorCode::UnsupportedCompressionType];
        assert!(codes.contains(&ours.code), "{name}: {ours:?}");
    } else {
        assert_eq!(ours.code.name(), code, "{name}: {ours:?}");
    }
    let places = ours.record_errors.iter().map(|(place, _)| place.to_string());
    assert_eq!(places.collect::<Vec<_>>().join(","), records, "{name}");
    assert!(!ours.text.is_empty(), "{name}");
}

/// What the tools compressed: 500 bytes without a pattern, 300 times.
fn plain() -> Vec<u8> {
    let mut state = 1u32;
    let noise = (0..500).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    noise.collect::<Vec<_>>().repeat(300)
}

#[test]
fn what_the_reference_tools_write_is_read() {
    let plain = plain();
    let mut seen = 0;
    for line in TOOLS.lines() {
        let fields = line.split('|').collect::<Vec<_>>();
        let compression = Compression::from_name(fields[0]).unwrap();
        let packed = hex(fields[2]);
        let unpacked = compression.decompress(&packed, plain.len());
        assert!(unpacked.as_deref() == Ok(&plain[..]), "{line}");
        let less = plain.len() - 1;
        let refused = compression.decompress(&packed, less);
        assert_eq!(refused, Err(crate::BatchError::TooLarge { limit: less }), "{}", fields[1]);
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[test]
fn batches_that_follow_each_other_are_walked() {
    let three = lines("batch").map(|fields| hex(fields[2])).take(3).collect::<Vec<_>>();
    let mut bytes = three.concat();
    bytes.extend_from_slice(&three[0][..20]);
    let mut batches = Batches::new(&bytes);
    let walked = batches.by_ref().map(|item| item.unwrap().1.to_vec()).collect::<Vec<_>>();
    assert_eq!(walked, three);
    assert_eq!(batches.trailing(), 20);
    assert_eq!(batches.position(), bytes.len() - 20);
}

#[test]
fn a_retried_batch_gets_its_new_producer() {
    let mut batch = hex(lines("batch").next().unwrap()[2]);
    crate::set_producer(&mut batch, ProducerId(9), 3, 7);
    assert_eq!(crate::check_crc(&batch), Ok(()));
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!(
        (header.producer_id, header.producer_epoch, header.base_sequence),
        (ProducerId(9), 3, 7)
    );
    assert_eq!(header.last_sequence(), 9);
}
