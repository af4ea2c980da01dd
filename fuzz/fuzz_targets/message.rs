//! Any message in any version: the first two bytes choose it, the rest is decoded.
//!
//! Whatever the bytes are, they are refused, or they settle: what is encoded again decodes to the
//! same bytes.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_wire::MessageType;

static MESSAGES: LazyLock<Vec<MessageType>> = LazyLock::new(MessageType::all);

fuzz_target!(|data: &[u8]| {
    let [which, version, frame @ ..] = data else { return };
    let message = &MESSAGES[usize::from(*which) % MESSAGES.len()];
    let version = message.versions.start() + i16::from(*version % 32);
    let Ok(first) = (message.decode)(Bytes::copy_from_slice(frame), version) else { return };
    let bytes = first.again.expect("what was decoded can be encoded");
    let second = (message.decode)(Bytes::from(bytes.clone()), version);
    let second = second.expect("what was encoded can be decoded");
    assert_eq!((second.remaining, second.again), (0, Ok(bytes)));
});
