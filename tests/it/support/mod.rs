//! What the tests share: databases, the service in this process and as the real binary, a client, keys and events.

pub mod app;
pub mod binary;
pub mod database;
pub mod events;
pub mod http;
pub mod proxy;

pub use app::TestApp;
pub use database::Backend;

use std::path::PathBuf;

use ledger::PrivateKey;

/// A key that is the same in every run.
pub fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed([number; 32])
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
