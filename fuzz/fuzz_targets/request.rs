//! A frame as a client sends it: the header, then the request that the header names.
//!
//! Whatever the bytes are, they are refused or they are a request that can be encoded again.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_wire::{ApiKey, MessageType, Reader, RequestHeader};

static MESSAGES: LazyLock<Vec<MessageType>> = LazyLock::new(MessageType::all);

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new(Bytes::copy_from_slice(data));
    let Ok(header) = RequestHeader::decode(&mut reader) else { return };
    let Some(key) = ApiKey::from_i16(header.api_key) else { return };
    let of_key = |message: &&MessageType| message.name.strip_suffix("Request") == Some(key.name());
    let Some(message) = MESSAGES.iter().find(of_key) else { return };
    if let Ok(decoding) = (message.decode)(reader.into_rest(), header.api_version) {
        decoding.again.expect("what was decoded can be encoded");
    }
});
