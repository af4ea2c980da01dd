//! Properties of every message in every version, and the corner cases of reading and writing.

use bytes::Bytes;
use ottla_types::Uuid;

use crate::{
    ApiKey, DecodeError, Deferred, EncodeError, Message, MessageType, Reader, Records, Request,
    RequestHeader, ResponseHeader, Sampler, Str, Writer,
    fetch_response::{FetchableTopicResponse, PartitionData},
    messages::{
        ApiVersionsRequest, FetchRequest, FetchResponse, HeartbeatRequest, InitProducerIdRequest,
        MetadataRequest, ProduceRequest,
    },
    produce_request::{PartitionProduceData, TopicProduceData},
    source::Source,
};

/// Every message type with each of its versions.
fn each() -> impl Iterator<Item = (MessageType, i16)> {
    MessageType::all()
        .into_iter()
        .flat_map(|message| message.versions.clone().map(move |version| (message.clone(), version)))
}

fn reader(bytes: &[u8]) -> Reader {
    Reader::new(Bytes::copy_from_slice(bytes))
}

fn encode<M: Message>(message: &M, version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version)?;
    Ok(writer.finish().0.to_vec())
}

#[test]
fn every_message_survives_encoding_and_decoding_in_every_version() {
    for (message, version) in each() {
        for seed in 0..40 {
            assert!((message.round_trips)(seed, version), "{} v{version}", message.name);
        }
    }
}

#[test]
fn what_ends_too_early_is_refused_wherever_it_ends() {
    for (message, version) in each() {
        for seed in 0..4 {
            let bytes = Bytes::from((message.sample)(seed, version, version).unwrap());
            for end in 0..bytes.len() {
                let cut = (message.decode)(bytes.slice(..end), version);
                assert!(cut.is_err(), "{} v{version} cut at {end}", message.name);
            }
        }
    }
}

#[test]
fn what_decodes_after_a_mutation_can_be_encoded_again_and_then_no_longer_changes() {
    let mut random = Sampler::new(7);
    for (message, version) in each() {
        for seed in 0..30 {
            let mut bytes = (message.sample)(seed, version, version).unwrap();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= u8::try_from(random.below(256)).unwrap();
                }
            }
            settles(&message, version, bytes);
        }
    }
}

#[test]
fn random_bytes_decode_or_are_refused() {
    let mut random = Sampler::new(11);
    for (message, version) in each() {
        for _ in 0..30 {
            let length = random.below(200);
            let bytes = (0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
            settles(&message, version, bytes);
        }
    }
}

/// Decoding either fails, or gives a message that is encoded and decoded to the same bytes.
fn settles(message: &MessageType, version: i16, bytes: Vec<u8>) {
    let Ok(first) = (message.decode)(Bytes::from(bytes), version) else { return };
    let bytes = first.again.unwrap();
    let second = (message.decode)(Bytes::from(bytes.clone()), version).unwrap();
    assert_eq!((second.remaining, second.again), (0, Ok(bytes)), "{} v{version}", message.name);
}

#[test]
fn versions_outside_of_the_range_are_refused() {
    assert_eq!(
        HeartbeatRequest::decode(&mut reader(&[0; 64]), 99),
        Err(DecodeError::UnsupportedVersion(99))
    );
    assert_eq!(encode(&HeartbeatRequest::default(), -1), Err(EncodeError::UnsupportedVersion(-1)));
}

#[test]
fn an_array_count_beyond_the_frame_is_refused_before_anything_is_read() {
    // 1,000 topics of at least 2 bytes in 4 bytes.
    let topics = [0, 0, 3, 232, 0, 1, b'a', 0];
    assert_eq!(MetadataRequest::decode(&mut reader(&topics), 0), Err(DecodeError::BadLength),);
    let mut numbers = reader(&[0x7f, 0xff, 0xff, 0xff, 1]);
    assert_eq!(numbers.array(false, 4, Reader::i32), Err(DecodeError::BadLength));
    let mut compact = reader(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]);
    assert_eq!(compact.array(true, 1, Reader::i8), Err(DecodeError::BadLength));
}

#[test]
fn null_is_refused_where_the_version_does_not_allow_it() {
    // Topics is null: "all topics" since version 1, before that an error.
    let null = [0xff; 4];
    assert_eq!(MetadataRequest::decode(&mut reader(&null), 0), Err(DecodeError::UnexpectedNull));
    assert_eq!(MetadataRequest::decode(&mut reader(&null), 1).unwrap().topics, None);
    let all = MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(encode(&all, 0), Err(EncodeError::UnexpectedNull));
    assert_eq!(encode(&all, 1), Ok(null.to_vec()));
}

#[test]
fn a_field_that_a_version_lacks_is_refused_unless_it_may_be_ignored() {
    let request = FetchRequest { session_id: 5, ..Default::default() };
    assert!(encode(&request, 4).is_ok(), "SessionId may be ignored");
    let response = FetchResponse { session_id: 5, ..Default::default() };
    assert_eq!(
        encode(&response, 4),
        Err(EncodeError::UnsupportedField { field: "SessionId", version: 4 })
    );
}

#[test]
fn defaults_are_those_of_kafkas_definitions() {
    let request = FetchRequest::default();
    assert_eq!((request.replica_id, request.max_bytes), (-1, i32::MAX));
    assert_eq!(request.cluster_id, None);
    assert_eq!(MetadataRequest::default().topics, Some(Vec::new()));
    assert!(MetadataRequest::default().allow_auto_topic_creation);
}

#[test]
fn strings_must_be_utf8_and_not_longer_than_kafkas() {
    assert_eq!(reader(&[0, 1, 0xff]).get_string(false), Err(DecodeError::BadUtf8));
    assert_eq!(reader(&[0, 2, b'a']).get_string(false), Err(DecodeError::Truncated));
    assert_eq!(reader(&[0]).get_string(true), Err(DecodeError::UnexpectedNull));
    let mut long = vec![0x81, 0x80, 0x02];
    long.resize(40_000, b'a');
    assert_eq!(reader(&long).get_string(true), Err(DecodeError::BadLength));
    let text = "a".repeat(0x8000);
    assert_eq!(Writer::new().put_string(true, &text), Err(EncodeError::TooLong));
    assert_eq!(Writer::new().put_string(false, &text), Err(EncodeError::TooLong));
}

#[test]
fn varints_have_kafkas_bytes_at_both_ends_of_their_range() {
    let cases: [(i64, &[u8]); 6] = [
        (0, &[0]),
        (-1, &[1]),
        (64, &[0x80, 1]),
        (i64::from(i32::MIN), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
    ];
    for (value, bytes) in cases {
        let mut writer = Writer::new();
        writer.put_varlong(value);
        assert_eq!(&writer.finish().0[..], bytes);
        assert_eq!(reader(bytes).get_varlong(), Ok(value));
        if let Ok(value) = i32::try_from(value) {
            let mut writer = Writer::new();
            writer.put_varint(value);
            assert_eq!(&writer.finish().0[..], bytes);
            assert_eq!(reader(bytes).get_varint(), Ok(value));
        }
    }
}

#[test]
fn varints_that_are_too_long_are_refused() {
    assert_eq!(reader(&[0x80, 0x80]).get_uvarint(), Err(DecodeError::Truncated));
    assert_eq!(reader(&[0xff; 6]).get_uvarint(), Err(DecodeError::BadVarint));
    assert_eq!(
        reader(&[0xff, 0xff, 0xff, 0xff, 0x1f]).get_uvarint(),
        Err(DecodeError::BadVarint),
        "33 bits"
    );
    let mut long = [0xff; 10];
    long[9] = 2;
    assert_eq!(reader(&long).get_varlong(), Err(DecodeError::BadVarint), "65 bits");
}

#[test]
fn unknown_tagged_fields_are_skipped_and_malformed_ones_refused() {
    // ApiVersionsRequest v3: two compact strings, then tagged fields.
    let request = |tags: &[u8]| {
        let bytes = [&[2, b'a', 2, b'b'], tags].concat();
        ApiVersionsRequest::decode(&mut reader(&bytes), 3)
            .map(|request| request.client_software_name)
    };
    assert_eq!(request(&[0]), Ok(Str::from("a")));
    assert_eq!(request(&[2, 5, 1, 9, 77, 0]), Ok(Str::from("a")));
    assert_eq!(request(&[2, 5, 0, 5, 0]), Err(DecodeError::BadTags), "twice the same");
    assert_eq!(request(&[2, 5, 0, 4, 0]), Err(DecodeError::BadTags), "descending");
    assert_eq!(request(&[1, 5, 9]), Err(DecodeError::Truncated), "longer than the frame");
    assert_eq!(request(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Err(DecodeError::Truncated));
}

#[test]
fn a_known_tagged_field_must_be_as_long_as_it_says() {
    let request = FetchRequest { cluster_id: Some(Str::from("c")), ..Default::default() };
    let bytes = encode(&request, 12).unwrap();
    let [head @ .., 1, 0, 2, 2, b'c'] = bytes.as_slice() else { panic!("{bytes:?}") };
    let with = |tags: &[u8]| {
        FetchRequest::decode(&mut reader(&[head, tags].concat()), 12)
            .map(|request| request.cluster_id)
    };
    assert_eq!(with(&[1, 0, 2, 2, b'c']), Ok(Some(Str::from("c"))));
    assert_eq!(with(&[1, 0, 3, 2, b'c', 0]), Err(DecodeError::BadTags));
    assert_eq!(with(&[1, 0, 1, 2, b'c']), Err(DecodeError::Truncated));
}

#[test]
fn deferred_records_count_as_written_and_leave_their_place_open() {
    let records = Bytes::from_static(b"batches");
    let partition =
        PartitionData { records: Some(Records::Bytes(records.clone())), ..Default::default() };
    let topic = FetchableTopicResponse { partitions: vec![partition], ..Default::default() };
    let mut response = FetchResponse { responses: vec![topic], ..Default::default() };
    let whole = encode(&response, 12).unwrap();

    response.responses[0].partitions[0].records =
        Some(Records::Deferred { len: records.len(), slot: 3 });
    let mut writer = Writer::new();
    response.encode(&mut writer, 12).unwrap();
    assert_eq!(writer.len(), whole.len());
    let (buf, deferred) = writer.finish();
    let [Deferred { at, len: 7, slot: 3 }] = deferred[..] else { panic!("{deferred:?}") };
    assert_eq!([&buf[..at], &records[..], &buf[at..]].concat(), whole);
}

#[test]
fn decoded_bytes_share_the_memory_of_the_frame() {
    let partition = PartitionProduceData {
        records: Some(Records::Bytes(Bytes::from_static(b"batch"))),
        ..Default::default()
    };
    let topic = TopicProduceData { partition_data: vec![partition], ..Default::default() };
    let request = ProduceRequest { topic_data: vec![topic], ..Default::default() };
    let frame = Bytes::from(encode(&request, 9).unwrap());
    let decoded = ProduceRequest::decode(&mut Reader::new(frame.clone()), 9).unwrap();
    let records = decoded.topic_data[0].partition_data[0].records.clone().unwrap();
    let start = records.bytes().unwrap().as_ptr().addr();
    assert!((frame.as_ptr().addr()..frame.as_ptr().addr() + frame.len()).contains(&start));
}

#[test]
fn a_request_header_takes_the_form_of_its_key_and_version() {
    let header = RequestHeader {
        api_key: ApiKey::Heartbeat.code(),
        api_version: 3,
        correlation_id: 7,
        client_id: Some(Str::from("me")),
    };
    let old = [0, 12, 0, 3, 0, 0, 0, 7, 0, 2, b'm', b'e'];
    let flexible = RequestHeader { api_version: 4, ..header.clone() };
    for (header, tags) in [(header, 0), (flexible, 1)] {
        let mut writer = Writer::new();
        header.encode(&mut writer).unwrap();
        let bytes = writer.finish().0.freeze();
        assert_eq!(bytes.len(), old.len() + tags);
        let mut reader = Reader::new(bytes);
        assert_eq!(RequestHeader::decode(&mut reader), Ok(header));
        assert_eq!(reader.remaining(), 0);
    }
}

#[test]
fn the_header_of_an_unknown_api_still_gives_the_correlation_id() {
    let bytes = [3, 231, 0, 9, 0, 0, 0, 7, 0xff, 0xff, 1, 2, 3];
    let mut reader = reader(&bytes);
    let header = RequestHeader::decode(&mut reader).unwrap();
    assert_eq!((header.api_key, header.correlation_id, header.client_id), (999, 7, None));
    assert_eq!(reader.remaining(), 3);
}

#[test]
fn only_the_response_to_api_versions_keeps_the_old_header() {
    for (key, version, size) in
        [(ApiKey::ApiVersions, 4, 4), (ApiKey::Fetch, 12, 5), (ApiKey::Fetch, 11, 4)]
    {
        let mut writer = Writer::new();
        ResponseHeader { correlation_id: 9 }.encode(&mut writer, key, version);
        let bytes = writer.finish().0.freeze();
        assert_eq!(bytes.len(), size);
        let decoded = ResponseHeader::decode(&mut Reader::new(bytes), key, version);
        assert_eq!(decoded, Ok(ResponseHeader { correlation_id: 9 }));
    }
}

#[test]
fn api_keys_know_their_numbers_names_and_stable_versions() {
    for key in ApiKey::ALL {
        assert_eq!(ApiKey::from_i16(key.code()), Some(*key));
        assert!(!key.kafka_versions().is_empty(), "{}", key.name());
    }
    assert!(ApiKey::ALL.is_sorted());
    assert_eq!(ApiKey::from_i16(4), None, "LeaderAndIsr is gone");
    assert_eq!((ApiKey::Produce.code(), ApiKey::Produce.name()), (0, "Produce"));
    assert_eq!(ApiKey::Fetch.kafka_versions(), 4..=18);
    assert_eq!(ApiKey::InitProducerId.kafka_versions(), 0..=5, "6 is not stable");
    assert_eq!(InitProducerIdRequest::VERSIONS, 0..=6);
    assert!(!HeartbeatRequest::is_flexible(3) && HeartbeatRequest::is_flexible(4));
    assert!(!ApiKey::SaslHandshake.is_flexible(i16::MAX - 1));
}

#[test]
fn a_str_is_its_text_in_every_comparison() {
    let text = Str::from("ottla");
    assert_eq!(text, "ottla");
    assert_eq!(text, *"ottla");
    assert_eq!(text, Str::from_static("ottla"));
    assert_eq!(text.to_string() + &format!("{text:?}"), "ottla\"ottla\"");
    assert!([text.clone(), text.detached(), Str::from("p")].is_sorted());
    let set = std::collections::BTreeSet::from([text]);
    assert!(set.contains("ottla"));
    assert_eq!(Str::from_utf8(Bytes::from_static(&[0xc3])), Err(DecodeError::BadUtf8));
}

#[test]
fn a_uuid_is_sixteen_bytes() {
    let id = Uuid([7; 16]);
    let mut writer = Writer::new();
    writer.put_uuid(id);
    assert_eq!(Reader::new(writer.finish().0.freeze()).get_uuid(), Ok(id));
}
