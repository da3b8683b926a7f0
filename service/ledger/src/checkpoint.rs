//! Checkpoints (C2SP tlog-checkpoint v1.0.0): a log's promise that its tree of this size has this root.
//!
//! Extension lines are not recommended by the specification and never written by this log, so they are refused.

use crate::hash::Hash;
use crate::note::{NoteError, NoteKey, NoteSigner, SignedNote};

/// Why a text is not a checkpoint, or not one of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not exactly an origin, a size and a root, each on its line.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
    /// The note around it is not signed by the log's key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The origin is not the name of the key.
    #[error("the checkpoint is of the log {found:?}, not of {expected:?}")]
    Origin {
        /// What the checkpoint says.
        found: String,
        /// The name of the log's key.
        expected: String,
    },
}

/// What a log signs about its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name of its key.
    pub origin: String,
    /// Entries in the tree.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a checkpoint in its only spelling.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text
            .strip_suffix('\n')
            .ok_or(CheckpointError::Form("no newline at the end"))?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Form("expected three lines: origin, size, root"));
        };
        if origin.is_empty() || origin.contains(char::is_control) {
            return Err(CheckpointError::Form("the origin is empty or holds control characters"));
        }
        let size = parse_decimal(size).ok_or(CheckpointError::Form("the size is not a decimal number"))?;
        let root = Hash::from_base64(root).ok_or(CheckpointError::Form("the root is not the base64 of 32 bytes"))?;
        if size == 0 && root != Hash::EMPTY_ROOT {
            return Err(CheckpointError::Form("the empty tree has another root"));
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    /// The three lines.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    /// Signs the checkpoint, if it is one: it reads back as itself, and the origin is the signer's name.
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedNote, CheckpointError> {
        let text = self.to_text();
        Self::parse(&text)?.check_origin(signer.key())?;
        Ok(signer.sign(&text)?)
    }

    /// Takes the checkpoint out of a note, if the log's key signed it and it speaks of the log of that name.
    pub fn open(note: &SignedNote, log: &NoteKey) -> Result<Self, CheckpointError> {
        note.verify(log)?;
        let checkpoint = Self::parse(note.text())?;
        checkpoint.check_origin(log)?;
        Ok(checkpoint)
    }

    fn check_origin(&self, log: &NoteKey) -> Result<(), CheckpointError> {
        if self.origin == log.name() {
            return Ok(());
        }
        Err(CheckpointError::Origin {
            found: self.origin.clone(),
            expected: log.name().to_owned(),
        })
    }
}

/// Decimal digits without sign or leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}
