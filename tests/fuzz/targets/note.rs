//! Fuzzes what reads signed notes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::note(bytes);
});
