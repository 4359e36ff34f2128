#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nightjar_broker::fuzzing::web_socket(input));
