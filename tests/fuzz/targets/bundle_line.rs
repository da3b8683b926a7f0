//! Fuzzes what reads lines of bundles.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::bundle_line(bytes);
});
