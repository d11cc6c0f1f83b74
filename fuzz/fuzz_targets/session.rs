//! The target `session` for libFuzzer. What it does is in the library, under the same name.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rudp_fuzz::targets::session::run(input));
