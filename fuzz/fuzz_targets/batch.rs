//! What a client may send as records: batches of magic 2 and sets of magic 0 and 1.
//!
//! Whatever passes validation can be read again and is as the topic asks for.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use ottla_record::{
    BatchHeader, Batches, Compression, ProduceRules, Scratch, TargetCompression, TimestampType,
    decode_batch, legacy, set_producer, validate_produced,
};

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
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
        let (header, records) = decode_batch(&validated.to_bytes(), LIMIT * 2).expect("it has passed");
        assert_eq!(header.record_count, validated.header.record_count);
        assert_eq!(records.len(), usize::try_from(header.record_count).expect("a count"));
    }
    let _set = legacy::read_set(data, &mut scratch, LIMIT);
});
