//! The files of the write-ahead log.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ottla_tests::fuzzing::write_ahead(data));
