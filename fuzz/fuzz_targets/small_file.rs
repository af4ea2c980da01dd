//! Every file of a data directory that is read whole.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ottla_tests::fuzzing::small_file(data));
