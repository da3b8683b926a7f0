//! Random bytes, passed in: the system's in service, reproducible ones where a test needs the same receipts again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::sha256;

/// Gives random bytes.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<AtomicU64>),
}

/// The system has no random bytes to give.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes: {0}")]
pub struct EntropyError(String);

impl Entropy {
    /// The system's.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A known sequence. For tests and demonstrations: whoever knows the seed can test guesses of erased content.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(AtomicU64::new(seed))))
    }

    /// 32 bytes nobody has seen before.
    pub fn bytes(&self) -> Result<[u8; 32], EntropyError> {
        match &self.0 {
            Source::System => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).map_err(|error| EntropyError(error.to_string()))?;
                Ok(bytes)
            }
            Source::Seeded(counter) => Ok(sha256(&counter.fetch_add(1, Ordering::SeqCst).to_be_bytes()).0),
        }
    }
}
