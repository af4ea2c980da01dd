//! Produced batches: what Kafka's cases do not cover.

use super::*;
use crate::Record;

fn rules() -> ProduceRules {
    ProduceRules {
        compression: None,
        timestamp_type: TimestampType::CreateTime,
        now_ms: 1_000_000,
        before_max_ms: i64::MAX,
        after_max_ms: 3_600_000,
        compacted: false,
        batch_bytes_max: 1 << 20,
        record_bytes_max: 1 << 20,
        decompressed_bytes_max: 1 << 20,
    }
}

fn batch(compression: Compression, count: i64, value: usize) -> BytesMut {
    let options = BuilderOptions { compression, ..BuilderOptions::default() };
    let mut builder = BatchBuilder::new(options);
    for timestamp in 0..count {
        let value = Some(vec![b'v'; value].into());
        builder.append(&Record { timestamp, value, ..Record::default() }).unwrap();
    }
    builder.finish().unwrap()
}

fn validate(batch: BytesMut, rules: &ProduceRules) -> Result<Validated, Invalid> {
    validate_produced(batch.freeze(), rules, &mut Scratch::new())
}

#[test]
fn a_batch_that_decompresses_to_too_much_is_refused() {
    for compression in Compression::ALL.into_iter().skip(1) {
        let batch = batch(compression, 20, 100_000);
        let refused = validate(batch, &rules()).unwrap_err();
        assert_eq!(refused.code, ErrorCode::MessageTooLarge, "{compression:?}");
    }
}

#[test]
fn records_at_odd_offsets_are_moved() {
    for compression in [Compression::None, Compression::Gzip] {
        let options = BuilderOptions {
            compression,
            last_offset_delta: Some(2),
            producer_id: ottla_types::ProducerId(5),
            producer_epoch: 1,
            base_sequence: 3,
            transactional: true,
            ..BuilderOptions::default()
        };
        let source = batch(Compression::None, 3, 10);
        let header = BatchHeader::parse(&source).unwrap();
        let mut builder = BatchBuilder::new(options);
        for (offset, record) in
            [1, 4, 9].map(Offset).into_iter().zip(records(&header, body(&source)))
        {
            builder.append_view(offset, 50 + offset.0, &record.unwrap()).unwrap();
        }
        let batch = builder.finish().unwrap();
        let before = BatchHeader::parse(&batch).unwrap();
        let validated = validate(batch, &rules()).unwrap();
        assert!(validated.is_rebuilt);
        let expected = BatchHeader {
            batch_length: validated.header.batch_length,
            crc: validated.header.crc,
            ..before
        };
        assert_eq!(validated.header, expected);
        let (_, decoded) = crate::decode_batch(&validated.to_bytes(), 1 << 20).unwrap();
        let placed = decoded.iter().map(|(offset, record)| (offset.0, record.timestamp));
        assert_eq!(placed.collect::<Vec<_>>(), [(0, 51), (1, 54), (2, 59)]);
    }
}

#[test]
fn the_first_of_equal_timestamps_is_the_largest() {
    let mut builder = BatchBuilder::new(BuilderOptions::default());
    for timestamp in [3, 8, 5, 8] {
        builder.append(&Record { timestamp, ..Record::default() }).unwrap();
    }
    let batch = builder.finish().unwrap();
    let validated = validate(batch.clone(), &rules()).unwrap();
    assert_eq!((validated.max_timestamp, validated.max_timestamp_offset_delta), (8, 1));
    let append_time = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..rules() };
    let validated = validate(batch, &append_time).unwrap();
    assert_eq!((validated.max_timestamp, validated.max_timestamp_offset_delta), (1_000_000, 0));
    assert_eq!(validated.log_append_time, 1_000_000);
}

#[test]
fn not_every_record_of_a_large_batch_is_named() {
    let compacted = ProduceRules { compacted: true, ..rules() };
    let batch = batch(Compression::None, 12_000, 1);
    let refused = validate(batch, &compacted).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRecord);
    assert_eq!(refused.record_errors.len(), RECORD_ERRORS_MAX);
    assert!(refused.text.starts_with("12000 records"), "{}", refused.text);
}

#[test]
fn a_topic_may_ask_for_a_level() {
    let sized = |level| {
        let target = TargetCompression { compression: Compression::Gzip, level };
        let rules = ProduceRules { compression: Some(target), ..rules() };
        let mut builder = BatchBuilder::new(BuilderOptions::default());
        let value = (0..50_000u32).map(|at| (at * at / 7).to_le_bytes()[0]).collect::<Vec<_>>();
        builder.append(&Record { value: Some(value.into()), ..Record::default() }).unwrap();
        let batch = builder.finish().unwrap();
        validate(batch, &rules).unwrap().header.size()
    };
    assert!(sized(Some(1)) > sized(Some(9)));
}
