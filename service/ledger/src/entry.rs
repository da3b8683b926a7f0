//! Entries: the bytes that a leaf of the log commits to.
//!
//! An entry holds no content of the event, only a salted commitment to it and hashes of signatures: when envelope and
//! salt are destroyed nothing can be guessed from it, and every proof stays valid. The form is fixed for good; another
//! one would begin with another first line.

use crate::checkpoint::parse_decimal;
use crate::hash::Hash;
use crate::key::KeyId;
use sha2::{Digest, Sha256};

/// The longest entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = 1024;
/// The longest payload type, in bytes.
pub const MAX_PAYLOAD_TYPE_BYTES: usize = 255;

const HEADER: &str = "shipslog-entry/v1";
const COMMITMENT_CONTEXT: &[u8] = b"shipslog-commitment/v1\0";

/// Why bytes, or parts, are not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Longer than [`MAX_ENTRY_BYTES`].
    #[error("an entry has at most {MAX_ENTRY_BYTES} bytes: too many signatures for so long a payload type")]
    TooLong,
    /// Not exactly the lines of the form.
    #[error("not an entry: {0}")]
    Form(&'static str),
    /// Empty, too long, or not visible ASCII.
    #[error("a payload type is 1 to {MAX_PAYLOAD_TYPE_BYTES} visible ASCII characters, with spaces only between them")]
    PayloadType,
    /// None, or not in rising order of keys.
    #[error("an entry names at least one signer, each key once, in order")]
    Signers,
}

/// A key that signed, and which signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// The signer's key.
    pub key: KeyId,
    /// SHA-256 of the signature's bytes. Not the signature: with it and the key one could test guesses of the payload.
    pub signature: Hash,
}

/// What the log says about one envelope. Every value of this type has the form and fits [`MAX_ENTRY_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    time: u64,
    commitment: Hash,
    payload_type: String,
    signers: Vec<Signer>,
}

/// The commitment to a payload: SHA-256("shipslog-commitment/v1", 0, salt, PAE).
pub fn commitment(salt: &[u8; 32], pae: &[u8]) -> Hash {
    Hash(
        Sha256::new()
            .chain_update(COMMITMENT_CONTEXT)
            .chain_update(salt)
            .chain_update(pae)
            .finalize()
            .into(),
    )
}

/// Whether a payload type can stand in an entry.
pub(crate) fn check_payload_type(payload_type: &str) -> Result<(), EntryError> {
    let visible = payload_type.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let spaced = payload_type.starts_with(' ') || payload_type.ends_with(' ');
    if payload_type.is_empty() || payload_type.len() > MAX_PAYLOAD_TYPE_BYTES || !visible || spaced {
        Err(EntryError::PayloadType)
    } else {
        Ok(())
    }
}

/// Whether an entry for these has room, at whatever time. Says the same of every entry with this type and number of
/// signers, so it can be asked before the time is known.
pub(crate) fn check_room(payload_type: &str, signers: usize) -> Result<(), EntryError> {
    if length(payload_type, signers) > MAX_ENTRY_BYTES {
        Err(EntryError::TooLong)
    } else {
        Ok(())
    }
}

/// The most bytes that an entry for these can have.
fn length(payload_type: &str, signers: usize) -> usize {
    const FIXED: usize = "shipslog-entry/v1\ntime \ncommitment \npayload-type \n".len() + 20 + 44;
    const SIGNER: usize = "signer  \n".len() + 64 + 44;
    signers
        .saturating_mul(SIGNER)
        .saturating_add(FIXED + payload_type.len())
}

impl Entry {
    /// Puts an entry together. The signers must be sorted by key.
    pub fn new(time: u64, commitment: Hash, payload_type: &str, signers: &[Signer]) -> Result<Self, EntryError> {
        check_payload_type(payload_type)?;
        check_room(payload_type, signers.len())?;
        if signers.is_empty() || !signers.is_sorted_by(|a, b| a.key < b.key) {
            return Err(EntryError::Signers);
        }
        Ok(Self {
            time,
            commitment,
            payload_type: payload_type.to_owned(),
            signers: signers.to_vec(),
        })
    }

    /// Reads an entry in its only spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| EntryError::Form("not UTF-8"))?;
        let lines = text
            .strip_suffix('\n')
            .ok_or(EntryError::Form("no newline at the end"))?;
        let mut lines = lines.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(EntryError::Form("the first line is not shipslog-entry/v1"));
        }
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let time = field("time").and_then(parse_decimal).ok_or(EntryError::Form("time"))?;
        let commitment = field("commitment")
            .and_then(Hash::from_base64)
            .ok_or(EntryError::Form("commitment"))?;
        let payload_type = field("payload-type").ok_or(EntryError::Form("payload-type"))?;
        let signers: Option<Vec<Signer>> = lines.map(Signer::parse).collect();
        Self::new(
            time,
            commitment,
            payload_type,
            &signers.ok_or(EntryError::Form("signer"))?,
        )
    }

    /// The bytes of the leaf.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::with_capacity(length(&self.payload_type, self.signers.len()));
        for part in [
            HEADER,
            "\ntime ",
            &self.time.to_string(),
            "\ncommitment ",
            &self.commitment.to_base64(),
            "\npayload-type ",
            &self.payload_type,
            "\n",
        ] {
            text.push_str(part);
        }
        for signer in &self.signers {
            for part in [
                "signer ",
                &Hash(signer.key.0).to_hex(),
                " ",
                &signer.signature.to_base64(),
                "\n",
            ] {
                text.push_str(part);
            }
        }
        text.into_bytes()
    }

    /// The server's clock when it took the envelope, in Unix milliseconds.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The salted hash of the signed content.
    pub fn commitment(&self) -> Hash {
        self.commitment
    }

    /// What kind of payload the envelope carries.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The accepted signatures, sorted by key.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// For callers that have checked every part already.
    pub(crate) fn from_checked(time: u64, commitment: Hash, payload_type: &str, signers: &[Signer]) -> Self {
        debug_assert!(Self::new(time, commitment, payload_type, signers).is_ok());
        Self {
            time,
            commitment,
            payload_type: payload_type.to_owned(),
            signers: signers.to_vec(),
        }
    }
}

impl Signer {
    fn parse(line: &str) -> Option<Self> {
        let (key, signature) = line.strip_prefix("signer ")?.split_once(' ')?;
        Some(Self {
            key: key.parse().ok()?,
            signature: Hash::from_base64(signature)?,
        })
    }
}
