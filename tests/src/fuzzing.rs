//! What fuzzing feeds bytes to: of each target a plain function, which panics where the code under
//! it is wrong, and inputs to begin with.
//!
//! The targets in `fuzz/` hand libFuzzer's inputs to these functions. `tests/fuzzing.rs` runs them
//! in every test run, on inputs that a seed makes out of the first ones.

mod coordinator;
mod input;
mod log;
mod metadata;
mod mutate;
mod records;
mod wire;

pub use coordinator::coordinator_records;
pub use log::{index, segment, small_file, write_ahead};
pub use metadata::{metadata_file, metadata_log, metadata_records};
pub use mutate::mutated;
pub use records::{batch, decompress};
pub use wire::{message, request};

/// What can be fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As the file in `fuzz/fuzz_targets` is called.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Inputs that come far.
    pub first_inputs: fn() -> Vec<Vec<u8>>,
    /// How many inputs a test run tries: each target takes about as long as any other.
    pub cases: u64,
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target { name: "request", run: request, first_inputs: wire::requests, cases: 200_000 },
    Target { name: "message", run: message, first_inputs: wire::messages, cases: 200_000 },
    Target { name: "batch", run: batch, first_inputs: records::batches, cases: 100_000 },
    Target { name: "decompress", run: decompress, first_inputs: records::compressed, cases: 8000 },
    Target { name: "segment", run: segment, first_inputs: log::segments, cases: 2000 },
    Target { name: "small_file", run: small_file, first_inputs: log::small_files, cases: 30_000 },
    Target { name: "index", run: index, first_inputs: log::indexes, cases: 3000 },
    Target { name: "write_ahead", run: write_ahead, first_inputs: log::written_ahead, cases: 2000 },
    Target {
        name: "metadata_file",
        run: metadata_file,
        first_inputs: metadata::files,
        cases: 100_000,
    },
    Target {
        name: "metadata_records",
        run: metadata_records,
        first_inputs: metadata::record_lists,
        cases: 100_000,
    },
    Target { name: "metadata_log", run: metadata_log, first_inputs: metadata::logs, cases: 1000 },
    Target {
        name: "coordinator_records",
        run: coordinator_records,
        first_inputs: coordinator::record_lists,
        cases: 150_000,
    },
];
