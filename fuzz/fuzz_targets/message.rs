//! Any message in any version.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ottla_tests::fuzzing::message(data));
