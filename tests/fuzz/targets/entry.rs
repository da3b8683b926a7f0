//! Fuzzes what reads entries.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::entry(bytes);
});
