//! Headers: parsed, stamped and checked.

use super::*;
use crate::{BatchBuilder, BuilderOptions, Record};

fn batch() -> Vec<u8> {
    let mut builder = BatchBuilder::new(BuilderOptions::default());
    for timestamp in [5, 9, 7] {
        builder.append(&Record { timestamp, ..Record::default() }).unwrap();
    }
    builder.finish().unwrap().to_vec()
}

fn with(change: impl FnOnce(&mut BatchHeader)) -> BatchHeader {
    let mut header = BatchHeader::parse(&batch()).unwrap();
    change(&mut header);
    header
}

#[test]
fn a_header_needs_all_its_bytes() {
    let batch = batch();
    assert!(BatchHeader::parse(&batch[..BATCH_OVERHEAD]).is_ok());
    let error = BatchHeader::parse(&batch[..BATCH_OVERHEAD - 1]);
    assert_eq!(error, Err(BatchError::Truncated { needed: 61, have: 60 }));
}

#[test]
fn a_header_that_cannot_be_is_refused() {
    let parse = |header: BatchHeader| BatchHeader::parse(&header.to_bytes());
    let magic = parse(with(|header| header.magic = 1));
    assert_eq!(magic, Err(BatchError::UnsupportedMagic(1)));
    let length = parse(with(|header| header.batch_length = 48));
    assert_eq!(length, Err(BatchError::InvalidLength(48)));
    let count = parse(with(|header| header.record_count = -1));
    assert_eq!(count, Err(BatchError::InvalidCount(-1)));
    let delta = parse(with(|header| header.last_offset_delta = -1));
    assert_eq!(delta, Err(BatchError::InvalidOffsetDelta(-1)));
    let compression = with(|header| header.attributes.0 = 5).attributes.compression();
    assert_eq!(compression, Err(BatchError::UnknownCompression(5)));
}

#[test]
fn a_stamp_leaves_the_checksum_valid() {
    let mut batch = batch();
    stamp(&mut batch, Offset(1 << 40), LeaderEpoch(6));
    assert_eq!(check_crc(&batch), Ok(()));
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!((header.base_offset, header.leader_epoch), (Offset(1 << 40), LeaderEpoch(6)));
    assert_eq!(header.last_offset(), Offset((1 << 40) + 2));
    assert_eq!(header.next_offset(), Offset((1 << 40) + 3));
}

#[test]
fn a_changed_byte_fails_the_checksum() {
    let batch = batch();
    for at in CRC_START..batch.len() {
        let mut changed = batch.clone();
        changed[at] ^= 0x10;
        assert!(matches!(check_crc(&changed), Err(BatchError::CrcMismatch { .. })), "{at}");
    }
    assert!(matches!(check_crc(&batch[..20]), Err(BatchError::Truncated { .. })));
}

#[test]
fn the_append_time_is_that_of_every_record() {
    let mut batch = batch();
    let (head, rest) = batch.split_first_chunk_mut().unwrap();
    set_max_timestamp(head, rest, TimestampType::LogAppendTime, 1234);
    assert_eq!(check_crc(&batch), Ok(()));
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    let times =
        crate::records(&header, body(&batch)).map(|record| record.unwrap().timestamp(&header));
    assert_eq!(times.collect::<Vec<_>>(), [1234; 3]);
    let (head, rest) = batch.split_first_chunk_mut().unwrap();
    set_max_timestamp(head, rest, TimestampType::CreateTime, 9);
    assert_eq!(batch, self::batch());
}

#[test]
fn sequences_begin_again_after_the_largest() {
    let last = |base_sequence, last_offset_delta| {
        with(|header| {
            header.base_sequence = base_sequence;
            header.last_offset_delta = last_offset_delta;
        })
        .last_sequence()
    };
    assert_eq!(last(-1, 2), -1);
    assert_eq!(last(7, 2), 9);
    assert_eq!(last(i32::MAX, 0), i32::MAX);
    assert_eq!(last(i32::MAX, 1), 0);
    assert_eq!(last(i32::MAX - 1, 3), 1);
}

#[test]
fn timestamp_types_have_their_names() {
    for timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
        assert_eq!(TimestampType::from_name(timestamp_type.name()), Some(timestamp_type));
    }
    assert_eq!(TimestampType::from_name("createtime"), None);
}

#[test]
fn the_kind_of_a_batch_is_in_its_attributes() {
    let options = BuilderOptions {
        transactional: true,
        control: true,
        delete_horizon_ms: Some(77),
        last_offset_delta: Some(9),
        ..BuilderOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    builder.append(&Record { timestamp: 80, ..Record::default() }).unwrap();
    let batch = builder.finish().unwrap();
    let header = BatchHeader::parse(&batch).unwrap();
    let attributes = header.attributes;
    assert!(attributes.is_transactional() && attributes.is_control());
    assert_eq!(header.delete_horizon_ms(), Some(77));
    assert_eq!(header.last_offset(), Offset(9));
    let record = crate::records(&header, body(&batch)).next().unwrap().unwrap();
    assert_eq!(record.timestamp(&header), 80);
}
