//! Fuzzes what reads paths of tiles.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shipslog_fuzz::properties::tile_path(bytes);
});
