//! Fuzzes what reads inclusion and consistency proofs.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::proof(bytes);
});
