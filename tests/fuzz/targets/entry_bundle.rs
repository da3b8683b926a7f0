//! Fuzzes what reads bundles of entries.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::entry_bundle(bytes);
});
