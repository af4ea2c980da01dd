//! A whole metadata log.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ottla_tests::fuzzing::metadata_log(data));
