//! Fuzzes what reads payloads of events.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::event(bytes);
});
