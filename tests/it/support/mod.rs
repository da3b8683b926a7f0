//! What the tests share: databases, the service in this process and as the real binary, a client, keys and events.

pub mod app;
pub mod binary;
pub mod database;
pub mod events;
pub mod evidence;
pub mod http;
pub mod port;
pub mod proxy;
pub mod python;
pub mod witness;

pub use app::TestApp;
pub use database::Backend;
pub use port::free_address;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ledger::PrivateKey;

/// A key that is the same in every run.
pub fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed([number; 32])
}

/// Waits until something is so.
#[track_caller]
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A folder of real payloads and test vectors that stands beside the checkout, if it is there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if folder.exists() {
        Some(folder)
    } else {
        println!("skipped: {} is not there", folder.display());
        None
    }
}
