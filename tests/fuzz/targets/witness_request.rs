//! Fuzzes what reads requests to a witness.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::witness_request(bytes);
});
