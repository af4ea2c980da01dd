//! Each decompressor: a bomb stops at the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla_record::{Compression, Scratch};

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    let Some(compression) = Compression::from_id(which % 5) else { return };
    let mut scratch = Scratch::new();
    if let Ok(output) = scratch.decompress(compression, data, LIMIT) {
        assert!(output.len() <= LIMIT, "the limit holds");
        let output = output.to_vec();
        let again = compression.compress(None, &output).expect("anything can be compressed");
        let back = compression.decompress(&again, LIMIT).expect("it is ours");
        assert_eq!(back, output);
    }
    // A second use of the same buffers.
    let _again = scratch.decompress(compression, data, 100);
});
