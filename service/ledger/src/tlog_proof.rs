//! Offline inclusion proofs (C2SP tlog-proof@v1): an index, an inclusion proof and a signed checkpoint, as one text.
//!
//! The `extra` line is covered by nothing; whoever relies on it must verify it by other means.

use std::fmt;

use crate::base64;
use crate::checkpoint::{Checkpoint, CheckpointError, parse_decimal};
use crate::hash::Hash;
use crate::note::{NoteError, NoteKey, SignedNote};
use crate::proof::{MAX_PROOF_HASHES, ProofError, verify_inclusion};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Why a text is not a proof, or does not prove.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Not the lines of the format.
    #[error("not a tlog-proof: {0}")]
    Form(&'static str),
    /// A line between the index and the blank line is not a hash.
    #[error("hash {0} of the tlog-proof is not the base64 of 32 bytes")]
    Hash(usize),
    /// The checkpoint at the end is not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It is not a checkpoint, or not signed by the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not lead from the leaf to the checkpoint's root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// A proof that a log holds an entry at an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Unauthenticated bytes for the application.
    pub extra: Option<Vec<u8>>,
    /// Where the entry stands.
    pub index: u64,
    /// The inclusion proof, leaf's sibling first.
    pub hashes: Vec<Hash>,
    /// The checkpoint whose tree the proof is of.
    pub checkpoint: SignedNote,
}

impl TlogProof {
    /// Reads a proof in its only spelling.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        // The checkpoint begins after the first blank line; nothing before it may be blank.
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(TlogProofError::Form("no blank line before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(TlogProofError::Form("the first line is not c2sp.org/tlog-proof@v1"));
        }
        let mut line = lines.next();
        let extra = line.and_then(|line| line.strip_prefix("extra ")).map(base64::decode);
        let extra = match extra {
            Some(None) => return Err(TlogProofError::Form("the extra data is not base64")),
            Some(Some(bytes)) => {
                line = lines.next();
                Some(bytes)
            }
            None => None,
        };
        let index = line
            .and_then(|line| line.strip_prefix("index "))
            .and_then(parse_decimal);
        let index = index.ok_or(TlogProofError::Form("the index line is not a decimal number"))?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == MAX_PROOF_HASHES {
                return Err(ProofError::Length(hashes.len() + 1).into());
            }
            hashes.push(Hash::from_base64(line).ok_or(TlogProofError::Hash(hashes.len() + 1))?);
        }
        let checkpoint = SignedNote::parse(checkpoint)?;
        Checkpoint::parse(checkpoint.text())?;
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint,
        })
    }

    /// Checks that the log signed the checkpoint and that its tree has this leaf at the index.
    pub fn verify(&self, log: &NoteKey, leaf: &Hash) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, log)?;
        verify_inclusion(leaf, self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64::display(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", base64::display(&hash.0)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
