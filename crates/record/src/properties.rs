//! What holds for any records and for any bytes.

use bytes::{Bytes, BytesMut};
use ottla_types::Offset;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::{
    BATCH_OVERHEAD, BatchBuilder, BatchHeader, Batches, BuilderOptions, Compression, Header,
    ProduceRules, Record, Scratch, TargetCompression, TimestampType, check_crc, decode_batch,
    legacy, records, validate_produced,
};

const LIMIT: usize = 1 << 20;

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    // Runs and noise, so that the codecs have something to find and something to store.
    let noise = vec(any::<u8>(), 0..most).prop_map(Bytes::from);
    let run = (any::<u8>(), 0..most * 20).prop_map(|(byte, count)| Bytes::from(vec![byte; count]));
    prop_oneof![noise, run]
}

fn record() -> impl Strategy<Value = Record> {
    let header =
        ("[a-z]{0,5}", option::of(bytes(20))).prop_map(|(key, value)| Header { key, value });
    let parts = (any::<i64>(), option::of(bytes(30)), option::of(bytes(400)), vec(header, 0..3));
    parts.prop_map(|(timestamp, key, value, headers)| Record { timestamp, key, value, headers })
}

fn compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(&Compression::ALL[..])
}

fn build(compression: Compression, base_offset: Offset, records: &[Record]) -> BytesMut {
    let options = BuilderOptions { compression, base_offset, ..BuilderOptions::default() };
    let mut builder = BatchBuilder::new(options);
    for record in records {
        builder.append(record).unwrap();
    }
    let estimate = builder.size_estimate();
    let batch = builder.finish().unwrap();
    assert!(compression != Compression::None || estimate == batch.len());
    batch
}

fn rules(compression: Option<Compression>) -> ProduceRules {
    ProduceRules {
        compression: compression.map(|compression| TargetCompression { compression, level: None }),
        timestamp_type: TimestampType::CreateTime,
        now_ms: 0,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        compacted: false,
        batch_bytes_max: LIMIT,
        record_bytes_max: LIMIT,
        decompressed_bytes_max: LIMIT,
    }
}

/// Reads bytes in every way there is. It only must not panic.
fn read_all(bytes: &[u8]) {
    let mut scratch = Scratch::new();
    for (header, batch) in Batches::new(bytes).flatten() {
        drop(decode_batch(&Bytes::copy_from_slice(batch), LIMIT));
        if let Ok(compression) = header.attributes.compression()
            && let Ok(body) = scratch.decompress(compression, crate::body(batch), LIMIT)
        {
            let read = records(&header, body).flatten().map(|record| record.headers().count());
            read.for_each(drop);
        }
    }
    drop(legacy::read_set(bytes, &mut scratch, LIMIT));
    drop(legacy::up_convert(bytes, &mut scratch, LIMIT));
    for target in [None, Some(Compression::None), Some(Compression::Lz4)] {
        drop(validate_produced(Bytes::copy_from_slice(bytes), &rules(target), &mut scratch));
    }
}

/// Gives bytes the checksum of a batch, so that what lies behind it is reached.
fn seal(bytes: &mut [u8]) {
    if bytes.len() >= BATCH_OVERHEAD {
        crate::header::set_crc(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn what_is_built_is_read_back(
        compression in compression(),
        base_offset in 0i64..1 << 60,
        appended in vec(record(), 1..20),
    ) {
        let batch = build(compression, Offset(base_offset), &appended).freeze();
        let (header, decoded) = decode_batch(&batch, LIMIT).unwrap();
        prop_assert_eq!(header.size(), batch.len());
        prop_assert_eq!(usize::try_from(header.record_count), Ok(appended.len()));
        prop_assert_eq!(header.next_offset(), Offset(base_offset + i64::from(header.record_count)));
        let latest = appended.iter().map(|record| record.timestamp).max().unwrap();
        prop_assert_eq!(header.max_timestamp, latest.max(-1));
        let offsets = (base_offset..).map(Offset);
        prop_assert_eq!(decoded, offsets.zip(appended).collect::<Vec<_>>());
    }

    #[test]
    fn recompression_keeps_the_records(
        from in compression(),
        to in compression(),
        mut appended in vec(record(), 1..10),
    ) {
        for record in &mut appended {
            record.timestamp = record.timestamp.saturating_abs() / 2;
        }
        let before = build(from, Offset::ZERO, &appended).freeze();
        let rules = rules(Some(to));
        let validated = validate_produced(before.clone(), &rules, &mut Scratch::new()).unwrap();
        let batch = validated.to_bytes();
        prop_assert_eq!(check_crc(&batch), Ok(()));
        prop_assert_eq!(validated.header.attributes.compression(), Ok(to));
        prop_assert_eq!(validated.is_rebuilt, from != to);
        prop_assert!(validated.is_rebuilt || batch == before);
        let (_, decoded) = decode_batch(&batch, LIMIT).unwrap();
        let place = usize::try_from(validated.max_timestamp_offset_delta).unwrap();
        let latest = &appended[place];
        prop_assert_eq!(latest.timestamp, validated.max_timestamp);
        prop_assert_eq!(decoded, (0..).map(Offset).zip(appended).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
        for compression in Compression::ALL {
            drop(compression.decompress(&bytes, LIMIT));
        }
    }

    #[test]
    fn a_changed_batch_is_read_without_panic(
        compression in compression(),
        appended in vec(record(), 1..6),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        let mut batch = build(compression, Offset::ZERO, &appended).to_vec();
        for (at, byte) in changes {
            let at = at.index(batch.len());
            batch[at] = byte;
        }
        if let Some(cut) = cut {
            batch.truncate(cut.index(batch.len()));
        }
        read_all(&batch);
        seal(&mut batch);
        read_all(&batch);
        // The same with a length that fits, so that the change reaches the records.
        if batch.len() >= BATCH_OVERHEAD {
            let length = i32::try_from(batch.len() - 12).unwrap();
            batch[8..12].copy_from_slice(&length.to_be_bytes());
            read_all(&batch);
        }
    }

    #[test]
    fn a_changed_set_of_magic_0_or_1_is_read_without_panic(
        line in 0usize..9,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        let mut set = crate::golden::legacy_set(line);
        for (at, byte) in changes {
            let at = at.index(set.len());
            set[at] = byte;
        }
        if let Some(cut) = cut {
            set.truncate(cut.index(set.len()));
        }
        // The first record's checksum, so that the change reaches what it covers.
        if set.len() > 16 {
            let crc = crc_fast::crc32_iso_hdlc(&set[16..]);
            set[12..16].copy_from_slice(&crc.to_be_bytes());
        }
        read_all(&set);
    }

    #[test]
    fn codecs_give_back_what_they_took(
        compression in compression(),
        level in option::of(-5i32..30),
        input in bytes(20_000),
    ) {
        let packed = compression.compress(level, &input).unwrap();
        let limit = input.len();
        let unpacked = compression.decompress(&packed, limit);
        prop_assert_eq!(unpacked.as_deref(), Ok(&input[..]));
        if limit > 0 {
            let refused = compression.decompress(&packed, limit - 1);
            prop_assert_eq!(refused, Err(crate::BatchError::TooLarge { limit: limit - 1 }));
        }
    }

    #[test]
    fn a_header_is_written_as_it_is_read(bytes in vec(any::<u8>(), BATCH_OVERHEAD)) {
        let header = BatchHeader::parse_unchecked(&bytes).unwrap();
        prop_assert_eq!(&header.to_bytes()[..], &bytes[..]);
    }
}
