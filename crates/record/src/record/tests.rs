//! Records: numbers at their limits, counts that cannot be, bytes that are missing or left.

use bytes::BytesMut;

use super::*;
use crate::cursor::{put_varint, put_varlong, varint_size};
use crate::{BatchBuilder, BuilderOptions, Header, Record};

fn header(record_count: i32) -> BatchHeader {
    let mut builder = BatchBuilder::new(BuilderOptions::default());
    builder.append(&Record::default()).unwrap();
    let batch = builder.finish().unwrap();
    BatchHeader { record_count, ..BatchHeader::parse(&batch).unwrap() }
}

/// One record of these fields after its attributes, with its length before them.
fn body(fields: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    put_varint(&mut out, i32::try_from(fields.len()).unwrap() + 1);
    out.extend_from_slice(&[0]);
    out.extend_from_slice(fields);
    out.to_vec()
}

fn error(record_count: i32, body: &[u8]) -> String {
    let mut read = records(&header(record_count), body);
    let error = read.by_ref().find_map(Result::err).unwrap().to_string();
    assert!(read.next().is_none(), "nothing comes after an error");
    error
}

#[test]
fn numbers_take_the_bytes_they_need() {
    let cases = [(0, 1), (-1, 1), (63, 1), (-64, 1), (64, 2), (-65, 2), (8191, 2), (8192, 3)];
    let limits =
        [(i64::from(i32::MAX), 5), (i64::from(i32::MIN), 5), (i64::MAX, 10), (i64::MIN, 10)];
    for (number, size) in cases.into_iter().chain(limits) {
        let mut out = BytesMut::new();
        put_varlong(&mut out, number);
        assert_eq!((out.len(), varint_size(number)), (size, size), "{number}");
        assert_eq!(Cursor::new(&out).varlong(), Some(number));
        assert_eq!(Cursor::new(&out).varint().map(i64::from), (size <= 5).then_some(number));
    }
}

#[test]
fn numbers_that_do_not_end_are_refused() {
    assert_eq!(Cursor::new(&[0x80; 5]).varint(), None);
    assert_eq!(Cursor::new(&[0x80; 10]).varlong(), None);
    assert_eq!(Cursor::new(&[0x80; 3]).varint(), None);
    assert_eq!(Cursor::new(&[]).varint(), None);
}

#[test]
fn a_record_is_read_with_all_its_parts() {
    // Timestamp 1, offset 2, key "k", no value, headers "a" without and "" with a value.
    let body = body(&[2, 4, 2, b'k', 1, 4, 2, b'a', 1, 0, 2, b'v']);
    let record = records(&header(1), &body).next().unwrap().unwrap();
    assert_eq!((record.timestamp_delta, record.offset_delta), (1, 2));
    assert_eq!((record.key, record.value), (Some(&b"k"[..]), None));
    assert_eq!((record.size, record.body_size), (body.len(), body.len() - 1));
    assert_eq!(record.headers().len(), 2);
    let headers = record.headers().map(|header| (header.key, header.value)).collect::<Vec<_>>();
    assert_eq!(headers, [(&b"a"[..], None), (b"", Some(&b"v"[..]))]);
}

#[test]
fn counts_that_cannot_be_are_refused() {
    let huge_headers = body(&[0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(error(1, &huge_headers), "invalid record: a record has more headers than bytes");
    let negative_headers = body(&[0, 0, 1, 1, 1]);
    let expected = "invalid record: a record has a negative number of headers";
    assert_eq!(error(1, &negative_headers), expected);
    let good = body(&[0, 0, 1, 1, 0]);
    let hint = records(&header(i32::MAX), &good).size_hint();
    assert_eq!(hint, (0, Some(2)), "a count is not believed beyond the bytes");
    assert_eq!(error(i32::MAX, &good), "invalid record: a record's length cannot be read");
    assert_eq!(error(0, &good), "invalid record: bytes are left after the last record");
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    let long_key = body(&[0, 0, 8, b'k', 1, 0]);
    assert_eq!(error(1, &long_key), "invalid record: a record ends before its fields do");
    let left = body(&[0, 0, 1, 1, 0, 0]);
    assert_eq!(error(1, &left), "invalid record: a record is longer than its fields");
    let cut = body(&[0, 0, 1, 1, 0]);
    assert_eq!(error(1, &cut[..4]), "invalid record: a record is longer than its batch");
    let no_header_key = body(&[0, 0, 1, 1, 2, 1, 1]);
    assert_eq!(error(1, &no_header_key), "invalid record: a header has no key");
    let long_header = body(&[0, 0, 1, 1, 2, 2, b'a', 8]);
    assert_eq!(error(1, &long_header), "invalid record: a header is longer than its record");
}

#[test]
fn a_record_takes_at_most_what_was_foretold() {
    let value = vec![1; 300];
    let headers = vec![Header { key: "key".into(), value: Some(value.clone().into()) }; 3];
    let most = BatchBuilder::record_size_max(Some(b"key"), Some(&value), &headers);
    let mut builder = BatchBuilder::new(BuilderOptions::default());
    let empty = builder.size_estimate();
    let (key, value) = (Some(b"key".to_vec().into()), Some(value.into()));
    builder.append(&Record { timestamp: i64::MAX, key, value, headers }).unwrap();
    assert!(builder.size_estimate() - empty <= most);
}

#[test]
fn an_empty_batch_keeps_its_span() {
    let options = BuilderOptions {
        compression: crate::Compression::Zstd,
        base_offset: Offset(100),
        last_offset_delta: Some(7),
        ..BuilderOptions::default()
    };
    let batch = BatchBuilder::new(options).finish().unwrap().freeze();
    let (header, decoded) = crate::decode_batch(&batch, 0).unwrap();
    assert_eq!((header.last_offset(), decoded.len()), (Offset(107), 0));
    assert_eq!(header.attributes.compression(), Ok(crate::Compression::None));
}

#[test]
fn offsets_may_leave_gaps_but_not_go_back() {
    let body = body(&[0, 0, 1, 1, 0]);
    let header = header(1);
    let record = records(&header, &body).next().unwrap().unwrap();
    let options = BuilderOptions { base_offset: Offset(10), ..BuilderOptions::default() };
    let mut builder = BatchBuilder::new(options);
    builder.append_view(Offset(11), 5, &record).unwrap();
    builder.append_view(Offset(15), 6, &record).unwrap();
    for offset in [15, 14, 9, i64::MAX] {
        assert!(builder.append_view(Offset(offset), 7, &record).is_err(), "{offset}");
    }
    let batch = builder.finish().unwrap().freeze();
    let (header, decoded) = crate::decode_batch(&batch, 0).unwrap();
    assert_eq!(decoded.iter().map(|(offset, _)| offset.0).collect::<Vec<_>>(), [11, 15]);
    assert_eq!((header.last_offset(), header.max_timestamp), (Offset(15), 6));
}
