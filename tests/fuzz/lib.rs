//! What is fuzzed. The same files are part of the quick run, `tests/fuzz/quick.rs`.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed assertion is what a fuzzer looks for"
)]

pub mod properties;
pub mod seeds;
