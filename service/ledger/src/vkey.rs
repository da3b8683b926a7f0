//! Named keys as C2SP signed-note v1.0.0 writes them ("vkeys"): `NAME+HEX8+BASE64`, for each algorithm byte alike.
//!
//! The algorithm is part of the id, so that one key under one name, used for two things, has two ids. Nothing here
//! verifies a signature.

use std::fmt;

use crate::base64;
use crate::hash::{hex_digit, sha256};
use crate::key::PublicKey;
use crate::note::NoteError;

/// What a named key signs, as the algorithm byte of its id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// Ed25519 over the text of a note: keys of logs.
    Note,
    /// Ed25519 over a checkpoint with a time: keys of witnesses (C2SP tlog-cosignature v1.0.1).
    Cosignature,
}

impl Algorithm {
    fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn mismatch(self) -> &'static str {
        match self {
            Self::Note => "not an Ed25519 key (type 0x01)",
            Self::Cosignature => "not a key for Ed25519 cosignatures (type 0x04)",
        }
    }
}

/// A public key with a name and the id that follows from both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedKey {
    algorithm: Algorithm,
    pub(crate) name: String,
    pub(crate) id: [u8; 4],
    pub(crate) key: PublicKey,
}

impl NamedKey {
    pub(crate) fn new(algorithm: Algorithm, name: &str, key: PublicKey) -> Result<Self, NoteError> {
        check_name(name)?;
        let mut hashed = Vec::with_capacity(name.len() + 34);
        hashed.extend_from_slice(name.as_bytes());
        hashed.extend_from_slice(&[b'\n', algorithm.byte()]);
        hashed.extend_from_slice(key.as_bytes());
        let [a, b, c, d, ..] = sha256(&hashed).0;
        Ok(Self {
            algorithm,
            name: name.to_owned(),
            id: [a, b, c, d],
            key,
        })
    }

    pub(crate) fn parse(algorithm: Algorithm, text: &str) -> Result<Self, NoteError> {
        // The base64 may hold '+' itself, so only the first two divide.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKey("expected NAME+HEX8+BASE64"));
        };
        let id = parse_id(id).ok_or(NoteError::VerifierKey(
            "the key id is not 8 lowercase hexadecimal digits",
        ))?;
        let key = base64::decode(key).ok_or(NoteError::VerifierKey("the key is not base64"))?;
        let key = match key.split_first() {
            Some((byte, key)) if *byte == algorithm.byte() => {
                <&[u8; 32]>::try_from(key).map_err(|_| NoteError::VerifierKey("not 32 bytes"))?
            }
            Some(_) | None => return Err(NoteError::VerifierKey(algorithm.mismatch())),
        };
        let key = Self::new(algorithm, name, PublicKey::from_bytes(key)?)?;
        if key.id == id {
            Ok(key)
        } else {
            Err(NoteError::VerifierKey("the key id belongs to another name or key"))
        }
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.algorithm.byte()];
        key.extend_from_slice(self.key.as_bytes());
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, base64::encode(&key))
    }
}

/// A name is not empty and has neither white space nor `+`.
pub(crate) fn check_name(name: &str) -> Result<(), NoteError> {
    let refused = |c: char| c.is_whitespace() || c == '+' || c < ' ';
    if name.is_empty() || name.contains(refused) {
        Err(NoteError::Name)
    } else {
        Ok(())
    }
}

fn parse_id(text: &str) -> Option<[u8; 4]> {
    let digits: &[u8; 8] = text.as_bytes().try_into().ok()?;
    let mut id = [0; 4];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(id)
}
