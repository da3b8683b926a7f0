//! Fuzzes what reads envelopes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::envelope(bytes);
});
