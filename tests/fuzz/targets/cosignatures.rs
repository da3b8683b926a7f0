//! Fuzzes what reads what witnesses answer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::cosignatures(bytes);
});
