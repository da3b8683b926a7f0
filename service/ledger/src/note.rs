//! Signed notes (C2SP signed-note v1.0.0): a text, and signatures over it by named Ed25519 keys.
//!
//! A note is accepted only in the one spelling that its parts have. Signatures of keys the verifier does not know
//! prove nothing and are never relied on.

use std::fmt;

use crate::base64;
use crate::key::{KeyError, PrivateKey, PublicKey};
use crate::vkey::{Algorithm, NamedKey, check_name};

/// Signature lines in one note, as in the Go implementation.
pub const MAX_NOTE_SIGNATURES: usize = 100;

/// What every signature line begins with: an em dash and a space.
const LINE_START: &str = "\u{2014} ";

/// Why a note, or a note's key, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not UTF-8, or a control character other than the newline.
    #[error("a note holds no control characters but newlines")]
    Character,
    /// No final newline, no blank line before the signatures, or no signatures.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// A signature line that is not `— NAME BASE64`.
    #[error("signature line {0} of the note is malformed")]
    Line(usize),
    /// More than [`MAX_NOTE_SIGNATURES`].
    #[error("a note has at most {MAX_NOTE_SIGNATURES} signatures")]
    TooManySignatures,
    /// An empty name, or one with white space or `+`.
    #[error("a key name is not empty and holds no white space and no '+'")]
    Name,
    /// Not `NAME+HEX8+BASE64`, or the id is not the key's.
    #[error("not a verifier key: {0}")]
    VerifierKey(&'static str),
    /// The 32 bytes are not a key to trust.
    #[error("not a verifier key: {0}")]
    Key(#[from] KeyError),
    /// No signature of this key.
    #[error("the note is not signed by {0}")]
    NotSigned(String),
    /// A signature of this key that does not verify.
    #[error("the note's signature by {0} does not verify")]
    Signature(String),
}

/// A named public key that signs notes, written `NAME+HEX8+BASE64` (a "vkey").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey(NamedKey);

impl NoteKey {
    /// Gives a key its name.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, NoteError> {
        NamedKey::new(Algorithm::Note, name, key).map(Self)
    }

    /// Reads a vkey. Only Ed25519 keys (0x01) sign checkpoints here.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        NamedKey::parse(Algorithm::Note, text).map(Self)
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
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A private key with the name it signs notes under.
#[derive(Debug, Clone)]
pub struct NoteSigner {
    key: NoteKey,
    private: PrivateKey,
}

impl NoteSigner {
    /// Gives a private key its name.
    pub fn new(name: &str, private: PrivateKey) -> Result<Self, NoteError> {
        Ok(Self {
            key: NoteKey::new(name, private.public())?,
            private,
        })
    }

    /// The key that verifies.
    pub fn key(&self) -> &NoteKey {
        &self.key
    }

    /// Signs a text, which must end with a newline.
    pub fn sign(&self, text: &str) -> Result<SignedNote, NoteError> {
        check_text(text)?;
        let signature = self.private.sign(text.as_bytes()).to_vec();
        let line = NoteSignature {
            name: self.key.name().to_owned(),
            key_id: self.key.id(),
            signature,
        };
        Ok(SignedNote {
            text: text.to_owned(),
            signatures: vec![line],
        })
    }
}

/// A line under a note: who claims to have signed, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub key_id: [u8; 4],
    /// What follows the id: for Ed25519 the 64 bytes, for a cosignature 8 bytes of time before them.
    pub signature: Vec<u8>,
}

/// A note with its signatures, well formed; whether they verify is [`SignedNote::verify`]'s to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Reads a note in its only spelling.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if has_control(note) {
            return Err(NoteError::Character);
        }
        // The last blank line divides, for the text may hold blank lines too.
        let (text, lines) = note
            .rsplit_once("\n\n")
            .ok_or(NoteError::Form("no blank line before the signatures"))?;
        Ok(Self {
            text: note[..text.len() + 1].to_owned(),
            signatures: NoteSignature::parse_lines(lines)?,
        })
    }

    /// What is signed, with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines, of whatever keys.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The note with more signature lines below its own.
    pub fn with_signatures(&self, lines: impl IntoIterator<Item = NoteSignature>) -> Result<Self, NoteError> {
        let mut note = self.clone();
        note.signatures.extend(lines);
        if note.signatures.len() > MAX_NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        Ok(note)
    }

    /// Checks that this key signed the note. Every line under the key's name and id must verify.
    pub fn verify(&self, key: &NoteKey) -> Result<(), NoteError> {
        let mut signed = false;
        for line in self.signatures_of(&key.0) {
            let verified = key.public().verify(self.text.as_bytes(), &line.signature);
            verified.map_err(|_| NoteError::Signature(key.name().to_owned()))?;
            signed = true;
        }
        if signed {
            Ok(())
        } else {
            Err(NoteError::NotSigned(key.name().to_owned()))
        }
    }

    /// The lines under a key's name and id.
    pub(crate) fn signatures_of(&self, key: &NamedKey) -> impl Iterator<Item = &NoteSignature> {
        let claimed = |line: &&NoteSignature| line.name == key.name && line.key_id == key.id;
        self.signatures.iter().filter(claimed)
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl NoteSignature {
    /// Reads signature lines, one at least, each with its newline: what stands below a note, and what a witness
    /// answers with.
    pub fn parse_lines(lines: &str) -> Result<Vec<Self>, NoteError> {
        let lines = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Form("no newline at the end"))?;
        let mut signatures = Vec::new();
        for (number, line) in lines.split('\n').enumerate() {
            if number == MAX_NOTE_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Self::parse(line).ok_or(NoteError::Line(number + 1))?);
        }
        Ok(signatures)
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, blob) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        check_name(name).ok()?;
        let blob = base64::decode(blob)?;
        match blob.split_first_chunk() {
            Some((key_id, signature)) if !signature.is_empty() => Some(Self {
                name: name.to_owned(),
                key_id: *key_id,
                signature: signature.to_vec(),
            }),
            Some(_) | None => None,
        }
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = [&self.key_id[..], &self.signature].concat();
        write!(f, "{LINE_START}{} {}", self.name, base64::display(&blob))
    }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < 0x20 && byte != b'\n')
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if has_control(text) {
        Err(NoteError::Character)
    } else if !text.ends_with('\n') {
        Err(NoteError::Form("no newline at the end"))
    } else {
        Ok(())
    }
}
