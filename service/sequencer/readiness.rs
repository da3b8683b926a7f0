//! What keeps the service from its work, for everybody to see: the writer says it, doors and `/readyz` read it.
//!
//! Each trouble is logged when it begins and when it is over, and not in between.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::SubmitError;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The database does not continue what was published, or that cannot be told: nothing is recorded.
    Guard,
    /// The disk is nearly full: nothing is recorded.
    StorageLow,
    /// The last attempt to write failed: the next one may succeed.
    Storage,
    /// Checkpoints cannot be published. Records are taken all the same.
    Publication,
    /// The clock is behind the log. Entries are given the time of the newest one.
    Clock,
}

impl Trouble {
    /// The word for it in `/readyz` and in the service's own log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guard => "read-only",
            Self::StorageLow => "storage-low",
            Self::Storage => "storage",
            Self::Publication => "publication",
            Self::Clock => "clock",
        }
    }

    /// Whether a service in this trouble should be sent no work.
    pub const fn stops(self) -> bool {
        match self {
            Self::Guard | Self::StorageLow | Self::Storage => true,
            Self::Publication | Self::Clock => false,
        }
    }
}

/// The troubles there are. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness(Arc<RwLock<BTreeMap<Trouble, String>>>);

impl Readiness {
    /// What is wrong, in words, the gravest first.
    pub fn troubles(&self) -> BTreeMap<Trouble, String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this is wrong.
    pub fn has(&self, trouble: Trouble) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&trouble)
    }

    /// Whether a record may be queued.
    pub(super) fn writable(&self) -> Result<(), SubmitError> {
        let troubles = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = troubles.get(&Trouble::Guard) {
            return Err(SubmitError::ReadOnly(reason.clone()));
        }
        match troubles.get(&Trouble::StorageLow) {
            Some(reason) => Err(SubmitError::StorageLow(reason.clone())),
            None => Ok(()),
        }
    }

    /// Says what is wrong, or that it is not any more.
    pub(super) fn set(&self, trouble: Trouble, reason: Option<String>) {
        let (name, before) = (trouble.as_str(), self.has(trouble));
        match &reason {
            Some(reason) if !before && trouble.stops() => tracing::error!(reason, "trouble begins: {name}"),
            Some(reason) if !before => tracing::warn!(reason, "trouble begins: {name}"),
            None if before => tracing::info!("trouble is over: {name}"),
            Some(_) => {}
            None => return,
        }
        let mut troubles = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match reason {
            Some(reason) => troubles.insert(trouble, reason),
            None => troubles.remove(&trouble),
        };
    }
}
