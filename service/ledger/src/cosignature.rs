//! Cosignatures of witnesses (C2SP tlog-cosignature v1.0.1, Ed25519): "at this time, this was the largest tree of this
//! log that I had seen, and it held all that I had seen before".
//!
//! Only checkpoints are ever cosigned. A witness key has another type than a log key, hence never its id; whose key it
//! is, the caller says.

use std::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::key::{PrivateKey, PublicKey};
use crate::note::{NoteError, NoteSignature, SignedNote};
use crate::vkey::{Algorithm, NamedKey};

/// The latest time a cosignature can name, in seconds since 1970.
pub const MAX_COSIGNATURE_TIME: u64 = i64::MAX as u64;

/// Why a cosignature is not made or does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// Zero, or beyond [`MAX_COSIGNATURE_TIME`].
    #[error("a cosignature's time is from 1 to 2^63 - 1 seconds, not {0}")]
    Time(u64),
    /// What is cosigned is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Not 8 bytes of time and 64 of signature.
    #[error("the cosignature by {0} is not 8 bytes of time and 64 of signature")]
    Form(String),
    /// Of this key, and it does not verify.
    #[error("the cosignature by {0} does not verify")]
    Signature(String),
    /// Its line says that another key made it.
    #[error("the cosignature is not by {0}")]
    Key(String),
}

/// The public key of a witness, written as a vkey of type 0x04.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignerKey(NamedKey);

impl CosignerKey {
    /// Gives a key its name.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, NoteError> {
        NamedKey::new(Algorithm::Cosignature, name, key).map(Self)
    }

    /// Reads a vkey of type 0x04.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        NamedKey::parse(Algorithm::Cosignature, text).map(Self)
    }

    /// The name that signature lines carry.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The first four bytes of SHA-256(name, newline, type, key).
    pub fn id(&self) -> [u8; 4] {
        self.0.id
    }

    /// The key itself.
    pub fn public(&self) -> &PublicKey {
        &self.0.key
    }

    /// When this witness cosigned the note: `None` where no line is its. Every line under its name and id must verify,
    /// and the first says the time.
    pub fn cosigned(&self, note: &SignedNote) -> Result<Option<u64>, CosignatureError> {
        let mut first = None;
        for line in note.signatures_of(&self.0) {
            let time = self.verify(note.text(), line)?;
            first.get_or_insert(time);
        }
        Ok(first)
    }

    /// Verifies one line over the text of a checkpoint, and gives its time in seconds.
    pub fn verify(&self, checkpoint: &str, line: &NoteSignature) -> Result<u64, CosignatureError> {
        if line.name != self.0.name || line.key_id != self.0.id {
            return Err(CosignatureError::Key(self.0.name.clone()));
        }
        let (time, signature) = match line.signature.split_first_chunk() {
            Some((time, signature)) if signature.len() == 64 => (u64::from_be_bytes(*time), signature),
            Some(_) | None => return Err(CosignatureError::Form(self.0.name.clone())),
        };
        let message = message(checkpoint, time)?;
        let verified = self.0.key.verify(message.as_bytes(), signature);
        verified.map_err(|_| CosignatureError::Signature(self.0.name.clone()))?;
        Ok(time)
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A witness's private key with its name.
#[derive(Debug, Clone)]
pub struct Cosigner {
    key: CosignerKey,
    private: PrivateKey,
}

impl Cosigner {
    /// Gives a private key its name. The signed message does not name the witness, so no two witnesses may share a key.
    pub fn new(name: &str, private: PrivateKey) -> Result<Self, NoteError> {
        Ok(Self {
            key: CosignerKey::new(name, private.public())?,
            private,
        })
    }

    /// The key that verifies.
    pub fn key(&self) -> &CosignerKey {
        &self.key
    }

    /// Cosigns a checkpoint at a time in seconds. Whether it may be cosigned is for [`crate::AddCheckpoint`] to say.
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> Result<NoteSignature, CosignatureError> {
        let text = checkpoint.to_text();
        // It must read back as itself, or the line would cover another text than the reader sees.
        Checkpoint::parse(&text)?;
        let message = message(&text, time)?;
        let mut signature = time.to_be_bytes().to_vec();
        signature.extend_from_slice(&self.private.sign(message.as_bytes()));
        Ok(NoteSignature {
            name: self.key.name().to_owned(),
            key_id: self.key.id(),
            signature,
        })
    }
}

/// What is signed. A time outside its range is never signed and never verified.
fn message(checkpoint: &str, time: u64) -> Result<String, CosignatureError> {
    if time == 0 || time > MAX_COSIGNATURE_TIME {
        return Err(CosignatureError::Time(time));
    }
    Ok(format!("cosignature/v1\ntime {time}\n{checkpoint}"))
}
