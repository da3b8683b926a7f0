//! Which content was destroyed, by which entry, and why: a fold of administration events in ledger order.
//!
//! What the content was is not here, and nothing here lets anybody find it out again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::Hash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instant::Instant;

/// Why content is destroyed. The list is closed, so that reports can count by it; the rest is in the text beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureReason {
    /// The person it is about asked for it.
    DataSubjectRequest,
    /// A court or an authority ordered it.
    LegalOrder,
    /// It should never have been in a deployment record.
    PersonalDataRecordedByMistake,
    /// A password, key or token was in it.
    SecretRecordedByMistake,
    /// The time for which it had to be kept is over.
    RetentionExpired,
}

impl ErasureReason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::DataSubjectRequest,
        Self::LegalOrder,
        Self::PersonalDataRecordedByMistake,
        Self::SecretRecordedByMistake,
        Self::RetentionExpired,
    ];

    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataSubjectRequest => "data-subject-request",
            Self::LegalOrder => "legal-order",
            Self::PersonalDataRecordedByMistake => "personal-data-recorded-by-mistake",
            Self::SecretRecordedByMistake => "secret-recorded-by-mistake",
            Self::RetentionExpired => "retention-expired",
        }
    }
}

/// That the content of an entry was destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Index of the erased entry.
    pub index: u64,
    /// Index of the entry that records the erasure.
    pub by: u64,
    /// When that entry was recorded.
    pub at: Instant,
    /// Why.
    pub reason: ErasureReason,
}

/// Why the content of an entry cannot be destroyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErasureError {
    /// There is no such entry before this one.
    #[error("there is no entry {0} to erase")]
    NoEntry(u64),
    /// Rights follow from it.
    #[error(
        "entry {0} says who may record, read or erase: whether any later entry was rightly made follows from it, so it cannot be \
         erased; revoke the producer or the token that it introduces instead"
    )]
    Administrative(u64),
    /// Auditors must be able to tell what was asked.
    #[error("entry {0} says what an auditor asked for, which is never erased")]
    Question(u64),
    /// It is gone already.
    #[error("entry {index} was erased by entry {by} already")]
    Again {
        /// The entry.
        index: u64,
        /// The entry that erased it.
        by: u64,
    },
    /// What its identity was turned into is not the hash that it must be.
    #[error("identity must be 64 hexadecimal digits")]
    Identity,
}

/// All erasures as of some tree size.
#[derive(Debug, Clone, Default)]
pub struct Erasures {
    erased: BTreeMap<u64, Erasure>,
    identities: HashMap<[u8; 32], u64>,
    /// Entries that say who may do what.
    administrative: BTreeSet<u64>,
}

impl Erasures {
    /// Remembers that an entry says who may do what.
    pub fn keep(&mut self, index: u64) {
        self.administrative.insert(index);
    }

    /// Takes in an erasure; the order of calls is that of the log.
    pub fn add(&mut self, erasure: Erasure, identity: &str) -> Result<(), ErasureError> {
        let index = erasure.index;
        if index >= erasure.by {
            return Err(ErasureError::NoEntry(index));
        }
        self.permit(index)?;
        let identity = Hash::from_hex(identity).ok_or(ErasureError::Identity)?;
        self.identities.insert(identity.0, index);
        self.erased.insert(index, erasure);
        Ok(())
    }

    /// Whether an entry may be erased, as far as the order of the log decides it.
    pub fn permit(&self, index: u64) -> Result<(), ErasureError> {
        if self.administrative.contains(&index) {
            return Err(ErasureError::Administrative(index));
        }
        match self.erased.get(&index) {
            Some(first) => Err(ErasureError::Again { index, by: first.by }),
            None => Ok(()),
        }
    }

    /// What erased an entry, if anything did.
    pub fn of(&self, index: u64) -> Option<&Erasure> {
        self.erased.get(&index)
    }

    /// The erased entry whose event had this identity, in the form that it survives in.
    pub fn identified(&self, identity: &Hash) -> Option<u64> {
        self.identities.get(&identity.0).copied()
    }

    /// All of them, by erased entry.
    pub fn all(&self) -> impl Iterator<Item = &Erasure> {
        self.erased.values()
    }
}

#[cfg(test)]
mod tests;
