//! Proofs for any sizes up to the committed one, and receipts proved anew under a later checkpoint.
//!
//! Nothing here needs trust: whoever asks verifies the answer, and could make it from the public tiles instead.

use ledger::{Checkpoint, Hash, ProofPlan, Receipt, TlogProof, leaf_hash};

use super::App;
use super::log::{LogError, assemble, inclusion, root};
use super::quorum::cosigned_note;
use super::record::receipt;
use crate::store::{ReadTx, StoreError};

/// Why there is no such proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofsError {
    /// The index is not below the tree size.
    #[error("entry {index} is not in a tree of {size} entries")]
    Index {
        /// What was asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The log is not that large yet.
    #[error("{parameter} is {asked}, but the log has {size} entries")]
    Size {
        /// The parameter that says so.
        parameter: &'static str,
        /// What was asked for.
        asked: u64,
        /// What there is.
        size: u64,
    },
    /// From nothing, or backwards.
    #[error("old is {old} and new is {new}; old must be at least 1 and at most new")]
    Sizes {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer tree.
        new: u64,
    },
    /// Not every size has a checkpoint: records that share a commit share its checkpoint.
    #[error("the log has signed no checkpoint of size {size}")]
    NoCheckpoint {
        /// What was asked for.
        size: u64,
    },
    /// Recorded a moment ago.
    #[error("the published checkpoint covers {size} entries and not yet entry {index}; one is published each second")]
    NotPublished {
        /// What was asked for.
        index: u64,
        /// The size of the published tree.
        size: u64,
    },
    /// The log could not give it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Proof that an entry is in a tree.
#[derive(Debug, Clone)]
pub struct InclusionProof {
    /// Hash of the entry.
    pub leaf: Hash,
    /// Root of the tree.
    pub root: Hash,
    /// The proof, leaf's sibling first.
    pub hashes: Vec<Hash>,
}

/// Proof that one tree continues another.
#[derive(Debug, Clone)]
pub struct ConsistencyProof {
    /// Root of the older tree.
    pub old_root: Hash,
    /// Root of the newer tree.
    pub new_root: Hash,
    /// The proof.
    pub hashes: Vec<Hash>,
}

/// Under which checkpoint a receipt is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest published one, with the cosignatures it has.
    Latest,
    /// The one of exactly this size.
    Size(u64),
}

impl App {
    /// The inclusion proof of an entry in the tree of any size (RFC 9162 §2.1.3).
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<InclusionProof, ProofsError> {
        self.database.read(|tx| {
            reached(tx, "tree_size", size)?;
            if index >= size {
                return Err(ProofsError::Index { index, size });
            }
            let leaf = tx.leaves(index, 1)?.pop().ok_or(LogError::NoEntry { index })?;
            Ok(InclusionProof {
                leaf: leaf_hash(&leaf),
                root: root(tx, size)?,
                hashes: inclusion(tx, index, size)?,
            })
        })
    }

    /// The consistency proof between the trees of any two sizes (RFC 9162 §2.1.4).
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, ProofsError> {
        self.database.read(|tx| {
            reached(tx, "new", new)?;
            let plan = ProofPlan::consistency(old, new).ok_or(ProofsError::Sizes { old, new })?;
            Ok(ConsistencyProof {
                old_root: root(tx, old)?,
                new_root: root(tx, new)?,
                hashes: assemble(tx, &plan)?,
            })
        })
    }

    /// The receipt of an entry, proved under another checkpoint than that of its own commit.
    pub fn receipt_at(&self, index: u64, at: At) -> Result<Receipt, ProofsError> {
        self.database.read(|tx| {
            let receipt = receipt(tx, index)?;
            let checkpoint = match at {
                At::Latest => self.served(tx)?.note,
                At::Size(size) => {
                    reached(tx, "tree_size", size)?;
                    match cosigned_note(tx, size) {
                        Err(LogError::NoResource) => return Err(ProofsError::NoCheckpoint { size }),
                        note => note?,
                    }
                }
            };
            let damaged = |error: String| StoreError::Damaged(format!("a checkpoint: {error}"));
            let size = Checkpoint::parse(checkpoint.text())
                .map_err(|error| damaged(error.to_string()))?
                .size;
            match at {
                At::Latest if index >= size => return Err(ProofsError::NotPublished { index, size }),
                At::Size(_) if index >= size => return Err(ProofsError::Index { index, size }),
                At::Latest | At::Size(_) => {}
            }
            let proof = TlogProof {
                extra: None,
                index,
                hashes: inclusion(tx, index, size)?,
                checkpoint,
            };
            Ok(Receipt { proof, ..receipt })
        })
    }
}

/// Whether the log has grown to a size.
fn reached(tx: &mut ReadTx<'_>, parameter: &'static str, asked: u64) -> Result<(), ProofsError> {
    let size = tx.head()?.map_or(0, |head| head.tree_size);
    if asked > size {
        return Err(ProofsError::Size { parameter, asked, size });
    }
    Ok(())
}
