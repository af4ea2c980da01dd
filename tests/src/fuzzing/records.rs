//! Record batches: what a client may send as records, and each decompressor.

use bytes::BytesMut;
use ottla_record::{
    BatchHeader, Batches, BuilderOptions, Compression, ProduceRules, Scratch, TargetCompression,
    TimestampType, decode_batch, legacy, set_producer, validate_produced,
};

use crate::batch as made;

const LIMIT: usize = 1 << 20;

/// What a client may send as records: batches of magic 2 and sets of magic 0 and 1.
///
/// Whatever passes validation can be read again and is as the topic asks for.
pub fn batch(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let target = Compression::from_id(flags & 7)
        .map(|compression| TargetCompression { compression, level: None });
    let rules = ProduceRules {
        compression: target,
        timestamp_type: if flags & 8 == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        },
        now_ms: 1_000_000,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        compacted: flags & 16 != 0,
        batch_bytes_max: LIMIT,
        record_bytes_max: LIMIT,
        decompressed_bytes_max: LIMIT,
    };
    let mut batch = BytesMut::from(data);
    if flags & 32 != 0
        && let Ok(header) = BatchHeader::parse(&batch)
        && header.size() <= batch.len()
    {
        // With the right checksum it comes further.
        batch.truncate(header.size());
        let (id, epoch) = (header.producer_id, header.producer_epoch);
        set_producer(&mut batch, id, epoch, header.base_sequence);
    }
    let _decoded = decode_batch(&batch.clone().freeze(), LIMIT);
    for batch in Batches::new(data) {
        let Ok(_) = batch else { break };
    }
    let mut scratch = Scratch::new();
    if let Ok(validated) = validate_produced(batch.freeze(), &rules, &mut scratch) {
        let (header, records) =
            decode_batch(&validated.to_bytes(), LIMIT * 2).expect("it has passed");
        assert_eq!(header.record_count, validated.header.record_count);
        assert_eq!(records.len(), usize::try_from(header.record_count).expect("a count"));
    }
    let _set = legacy::read_set(data, &mut scratch, LIMIT);
}

/// Each decompressor: a bomb stops at the limit.
pub fn decompress(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let Some(compression) = Compression::from_id(which % 5) else { return };
    let mut scratch = Scratch::new();
    if let Ok(output) = scratch.decompress(compression, data, LIMIT) {
        assert!(output.len() <= LIMIT, "the limit holds");
        let output = output.to_vec();
        let again = compression.compress(None, &output).expect("anything can be compressed");
        let back = compression.decompress(&again, LIMIT).expect("it is ours");
        assert_eq!(back, output);
    }
    // A second use of the same buffers.
    let _again = scratch.decompress(compression, data, 100);
}

pub(super) fn batches() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for compression in Compression::ALL {
        all.extend([1, 20].map(|count| made::compressed(compression, count).to_vec()));
    }
    all.push(made::idempotent(1, 0, 0, 3).to_vec());
    all.push(made::transactional(1, 0, 0, 3).to_vec());
    let marker = BuilderOptions { control: true, transactional: true, ..BuilderOptions::default() };
    all.push(made::build(marker, &made::numbered(1)).to_vec());
    all.extend(legacy_sets());
    let flags = [0, 1, 4, 8 | 7, 16 | 7, 32, 32 | 4, 32 | 7];
    let with = |flags: u8| move |batch: &Vec<u8>| [&[flags], &batch[..]].concat();
    flags.iter().flat_map(|flags| all.iter().map(with(*flags))).collect()
}

/// Messages of magic 0 and 1: without compression, and within a compressed one.
fn legacy_sets() -> Vec<Vec<u8>> {
    let mut sets = Vec::new();
    for magic in [0, 1] {
        let plain = legacy_message(magic, 0, b"value");
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            let inner = codec.compress(None, &[&plain[..], &plain].concat());
            sets.push(legacy_message(magic, codec.id(), &inner.expect("it can be compressed")));
        }
        sets.push(plain);
    }
    sets
}

fn legacy_message(magic: u8, attributes: u8, value: &[u8]) -> Vec<u8> {
    let mut message = vec![magic, attributes];
    if magic == 1 {
        message.extend(made::BASE_TIMESTAMP.to_be_bytes());
    }
    for field in [b"key", value] {
        message.extend(i32::try_from(field.len()).expect("it is small").to_be_bytes());
        message.extend(field);
    }
    let size = i32::try_from(message.len() + 4).expect("it is small");
    let crc = crc32(&message);
    [&0_i64.to_be_bytes()[..], &size.to_be_bytes(), &crc.to_be_bytes(), &message].concat()
}

/// The checksum of the old formats.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

pub(super) fn compressed() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let text: Vec<u8> = (0..3000_u32).map(|at| b"abcdefg "[(at * at / 7) as usize % 8]).collect();
    for (id, compression) in (0_u8..).zip(Compression::ALL) {
        // The last one is larger than the limit.
        for content in [&b""[..], b"a", &text, &vec![0; LIMIT + 1]] {
            let bytes = compression.compress(None, content).expect("anything can be compressed");
            if bytes.len() < 10_000 {
                all.push([&[id], &bytes[..]].concat());
            }
        }
    }
    all
}
