//! What a client sends: frames, and every message by itself.

use std::sync::LazyLock;

use bytes::Bytes;
use ottla_wire::{ApiKey, MessageType, Reader, RequestHeader, Writer};

static MESSAGES: LazyLock<Vec<MessageType>> = LazyLock::new(MessageType::all);

fn request_of(key: ApiKey) -> Option<&'static MessageType> {
    MESSAGES.iter().find(|message| message.name.strip_suffix("Request") == Some(key.name()))
}

/// A frame as a client sends it: the header, then the request that the header names.
///
/// Whatever the bytes are, they are refused or they are a request that can be encoded again.
pub fn request(data: &[u8]) {
    let mut reader = Reader::new(Bytes::copy_from_slice(data));
    let Ok(header) = RequestHeader::decode(&mut reader) else { return };
    let Some(message) = ApiKey::from_i16(header.api_key).and_then(request_of) else { return };
    if let Ok(decoding) = (message.decode)(reader.into_rest(), header.api_version) {
        decoding.again.expect("what was decoded can be encoded");
    }
}

/// Any message in any version: the first two bytes choose it, the rest is decoded.
///
/// Whatever the bytes are, they are refused, or they settle: what is encoded again decodes to the
/// same bytes.
pub fn message(data: &[u8]) {
    let [which, version, frame @ ..] = data else { return };
    let message = &MESSAGES[usize::from(*which) % MESSAGES.len()];
    let version = message.versions.start() + i16::from(*version % 32);
    let Ok(first) = (message.decode)(Bytes::copy_from_slice(frame), version) else { return };
    let bytes = first.again.expect("what was decoded can be encoded");
    let second = (message.decode)(Bytes::from(bytes.clone()), version);
    let second = second.expect("what was encoded can be decoded");
    assert_eq!((second.remaining, second.again), (0, Ok(bytes)));
}

pub(super) fn requests() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for key in (0..100).filter_map(ApiKey::from_i16) {
        let Some(message) = request_of(key) else { continue };
        for version in message.versions.clone() {
            let mut writer = Writer::new();
            let header = RequestHeader {
                api_key: key.code(),
                api_version: version,
                correlation_id: 1,
                client_id: Some("a".into()),
            };
            header.encode(&mut writer).expect("it is valid");
            let mut frame = writer.finish().0.to_vec();
            let Ok(body) = (message.sample)(1, version, version) else { continue };
            frame.extend(body);
            frames.push(frame);
        }
    }
    frames
}

pub(super) fn messages() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for (which, message) in (0_u8..=255).zip(MESSAGES.iter()) {
        for (at, version) in (0..32).zip(message.versions.clone()) {
            let Ok(body) = (message.sample)(u64::from(at), version, version) else { continue };
            inputs.push([&[which, at], &body[..]].concat());
        }
    }
    inputs
}
