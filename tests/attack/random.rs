//! Random choices that can be made again: the seed is printed, and `SHIPSLOG_TEST_SEED` brings it back.

use std::time::{SystemTime, UNIX_EPOCH};

/// Splitmix64: good enough to choose places.
pub struct Random(u64);

impl Random {
    /// The seed of the environment, or a new one; printed either way.
    pub fn printed() -> Self {
        let seed = match std::env::var("SHIPSLOG_TEST_SEED") {
            Ok(text) => text.parse().expect("SHIPSLOG_TEST_SEED is a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64,
        };
        println!("SHIPSLOG_TEST_SEED={seed}");
        Self::new(seed)
    }

    /// One that makes the same choices in every run.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One that depends on this one and a name, so that each case can be run alone.
    pub fn named(&self, name: &str) -> Self {
        Self(name.bytes().fold(self.0, |seed, byte| {
            seed.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
        }))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range, which is not empty.
    pub fn between(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }
}
