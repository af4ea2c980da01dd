//! Every file of a data directory that is read whole: checkpoints, producer snapshots, transaction
//! indexes, `partition.metadata`, `meta.properties`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    ottla_log::testing::read_as_every_small_file(data);
    // Most of them begin so.
    let mut text = b"0\n1\n".to_vec();
    text.extend_from_slice(data);
    ottla_log::testing::read_as_every_small_file(&text);
});
