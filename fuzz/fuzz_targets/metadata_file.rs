//! A file of the metadata log by itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ottla_tests::fuzzing::metadata_file(data));
