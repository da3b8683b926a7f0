//! What a log asks of a witness (C2SP tlog-witness v1.0.0, `add-checkpoint`): its text form, and whether a witness that
//! holds an earlier checkpoint may cosign.
//!
//! The checks are pure. Whoever applies them must check and remember in one step, or two requests at once could roll
//! the witness back.

use std::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError, parse_decimal};
use crate::hash::Hash;
use crate::note::{NoteError, NoteKey, SignedNote};
use crate::proof::{MAX_PROOF_HASHES, ProofError, verify_consistency};

/// The largest request looked at: 63 hashes and a checkpoint with a hundred ordinary signatures fit many times.
pub const MAX_ADD_CHECKPOINT_BYTES: usize = 64 * 1024;

/// The media type of a tree size, the body of a witness's 409.
pub const TREE_SIZE_TYPE: &str = "text/x.tlog.size";

/// Why a text is not an add-checkpoint request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddCheckpointError {
    /// Not the lines of the format.
    #[error("not an add-checkpoint request: {0}")]
    Form(&'static str),
    /// Beyond [`MAX_ADD_CHECKPOINT_BYTES`].
    #[error("a request of {0} bytes is longer than {MAX_ADD_CHECKPOINT_BYTES}")]
    TooLong(usize),
    /// A line before the blank line is not a hash.
    #[error("hash {0} of the consistency proof is not the base64 of 32 bytes")]
    Hash(usize),
    /// More than 63 hashes.
    #[error("a consistency proof has at most {MAX_PROOF_HASHES} hashes")]
    TooManyHashes,
    /// What follows the blank line is not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The tree would have shrunk.
    #[error("the old size {old} is beyond the checkpoint's {size}")]
    OldSize {
        /// What the request names as the size the witness holds.
        old: u64,
        /// The size of the checkpoint.
        size: u64,
    },
}

/// Why a witness does not cosign a well-formed request, in the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// Status 404.
    #[error("no log with the origin {0:?} is known here")]
    UnknownOrigin(String),
    /// Status 403.
    #[error("the checkpoint has no valid signature by a key of its log: {0}")]
    NotSigned(NoteError),
    /// Status 409 with the size as [`TREE_SIZE_TYPE`].
    #[error("the last checkpoint cosigned here has size {held}")]
    OtherSize {
        /// The size that the witness holds.
        held: u64,
    },
    /// Status 409: two signed checkpoints of one size, and their roots differ. The log has forked.
    #[error("the log has signed two roots for the size {size}: a fork")]
    Fork {
        /// The size of both.
        size: u64,
    },
    /// Status 422.
    #[error("the checkpoint is not shown to continue the one of size {held}: {error}")]
    Inconsistent {
        /// The size that the witness holds.
        held: u64,
        /// What is wrong with the proof.
        error: ProofError,
    },
}

/// A request to cosign a checkpoint that continues the one of size `old`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Hash>,
    note: SignedNote,
    checkpoint: Checkpoint,
}

impl AddCheckpoint {
    /// A request that its own parser accepts.
    pub fn new(old: u64, proof: Vec<Hash>, note: SignedNote) -> Result<Self, AddCheckpointError> {
        if proof.len() > MAX_PROOF_HASHES {
            return Err(AddCheckpointError::TooManyHashes);
        }
        let checkpoint = Checkpoint::parse(note.text())?;
        if old > checkpoint.size {
            let size = checkpoint.size;
            return Err(AddCheckpointError::OldSize { old, size });
        }
        Ok(Self {
            old,
            proof,
            note,
            checkpoint,
        })
    }

    /// Reads a request in its only spelling. Whatever is wrong here is answered with 400.
    pub fn parse(body: &str) -> Result<Self, AddCheckpointError> {
        if body.len() > MAX_ADD_CHECKPOINT_BYTES {
            return Err(AddCheckpointError::TooLong(body.len()));
        }
        // The checkpoint begins after the first blank line; nothing before it may be blank.
        let (head, note) = body
            .split_once("\n\n")
            .ok_or(AddCheckpointError::Form("no blank line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(parse_decimal);
        let old = old.ok_or(AddCheckpointError::Form(
            "the first line is not `old` and a decimal number",
        ))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == MAX_PROOF_HASHES {
                return Err(AddCheckpointError::TooManyHashes);
            }
            proof.push(Hash::from_base64(line).ok_or(AddCheckpointError::Hash(proof.len() + 1))?);
        }
        Self::new(old, proof, SignedNote::parse(note)?)
    }

    /// The size that the sender believes the witness to hold.
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The consistency proof.
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The checkpoint as the log signed it.
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// What the note says; not to be relied on before [`AddCheckpoint::check_signed`].
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Checks that one of the known logs, the one of this origin, signed the checkpoint.
    pub fn check_signed<'a>(&self, logs: impl IntoIterator<Item = &'a NoteKey>) -> Result<(), WitnessRefusal> {
        let origin = &self.checkpoint.origin;
        let mut verdict = Err(WitnessRefusal::UnknownOrigin(origin.clone()));
        for log in logs.into_iter().filter(|log| log.name() == origin) {
            match (self.note.verify(log), &verdict) {
                (Ok(()), _) => verdict = Ok(()),
                // An old or a new key of the log may be missing while another signed.
                (Err(NoteError::NotSigned(_)), Ok(())) => {}
                // A signature by a known key that does not verify condemns the note.
                (Err(error @ NoteError::Signature(_)), _) => return Err(WitnessRefusal::NotSigned(error)),
                (Err(error), _) => verdict = Err(WitnessRefusal::NotSigned(error)),
            }
        }
        verdict
    }

    /// Checks that the checkpoint continues the one that the witness cosigned last for this origin.
    pub fn check_continues(&self, held: Option<&Checkpoint>) -> Result<(), WitnessRefusal> {
        let (held, held_root) = held.map_or((0, Hash::EMPTY_ROOT), |held| (held.size, held.root));
        let Checkpoint { size, root, .. } = self.checkpoint;
        if self.old != held {
            return Err(WitnessRefusal::OtherSize { held });
        }
        if size == held && root != held_root {
            return Err(WitnessRefusal::Fork { size });
        }
        let consistent = match (held, self.proof.len()) {
            // From the empty tree there is nothing to prove.
            (0, 0) => Ok(()),
            (0, length) => Err(ProofError::Length(length)),
            _ => verify_consistency(held, size, &held_root, &root, &self.proof),
        };
        consistent.map_err(|error| WitnessRefusal::Inconsistent { held, error })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.note)
    }
}

/// The body that tells a log which size the witness holds.
pub fn tree_size_body(size: u64) -> String {
    format!("{size}\n")
}

/// Reads what [`tree_size_body`] writes, and nothing else.
pub fn parse_tree_size(body: &str) -> Option<u64> {
    body.strip_suffix('\n').and_then(parse_decimal)
}
