//! Fuzzes what reads bodies of webhooks.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::webhook(bytes);
});
