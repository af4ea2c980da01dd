//! The records of groups and transactions, replayed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ottla_tests::fuzzing::coordinator_records(data));
