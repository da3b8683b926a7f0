//! Receipts: what a producer keeps to show, without the service, that the log holds its envelope.
//!
//! A receipt proves inclusion and that the entry commits to this very envelope. Whether the signatures in the
//! envelope are by keys that may be trusted is a second question, which [`VerifiedReceipt::authenticate`] answers for
//! keys that the caller brings.

use serde_json::{Map, Value};

use crate::base64;
use crate::checkpoint::Checkpoint;
use crate::entry::{Entry, EntryError, commitment};
use crate::envelope::{Envelope, EnvelopeError, Verified};
use crate::hash::{Hash, leaf_hash, sha256};
use crate::json::{self, JsonError};
use crate::key::PublicKey;
use crate::note::NoteKey;
use crate::tlog_proof::{TlogProof, TlogProofError};

/// Why a receipt is refused, or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A member is missing, unknown, or not of its form.
    #[error("{message} ({pointer:?})")]
    Member {
        /// JSON pointer to the member.
        pointer: String,
        /// What is wrong with it.
        message: String,
    },
    /// The log did not sign, or its tree does not hold the entry.
    #[error(transparent)]
    Proof(#[from] TlogProofError),
    /// The entry is not of the form.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The bytes are not those the receipt was given for.
    #[error("the envelope's SHA-256 is not the receipt's")]
    Digest,
    /// The bytes are not an envelope, or not signed by the keys given.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The entry is about another payload type.
    #[error("the entry is about another payload type")]
    PayloadType,
    /// The entry commits to another payload.
    #[error("the entry commits to another payload, or the salt is another")]
    Commitment,
    /// The entry names a signature that the envelope does not carry.
    #[error("the envelope does not carry the signature of {0} that the entry names")]
    Signer(crate::key::KeyId),
    /// Keys other than those the entry names have signed.
    #[error("the envelope's verified signers are not those of the entry")]
    Signers,
}

/// The answer to a recorded envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The bytes of the leaf.
    pub entry: Vec<u8>,
    /// The salt of the entry's commitment.
    pub salt: [u8; 32],
    /// Index, inclusion proof and signed checkpoint.
    pub proof: TlogProof,
    /// SHA-256 of the envelope's bytes as they were received.
    pub envelope_sha256: Hash,
}

/// What a receipt that holds says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    /// Where the entry stands in the log.
    pub index: u64,
    /// What the leaf commits to.
    pub entry: Entry,
    /// The checkpoint under which it was proved.
    pub checkpoint: Checkpoint,
    /// The envelope with the signatures that the entry names. They are not verified: the log's word stands for them.
    pub envelope: Envelope,
}

impl Receipt {
    /// The JSON form, without white space.
    pub fn to_json(&self) -> String {
        format!(
            r#"{{"index":{},"entry":"{}","salt":"{}","proof":{},"envelope_sha256":"{}"}}"#,
            self.proof.index,
            base64::display(&self.entry),
            base64::display(&self.salt),
            json::quoted(&self.proof.to_string()),
            self.envelope_sha256
        )
    }

    /// Reads the JSON form. White space and the order of members are free; every member is required, none unknown.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let Value::Object(mut members) = json::parse(bytes)? else {
            return Err(member("", "a receipt is an object"));
        };
        let index = members.remove("index").ok_or_else(|| member("/index", MISSING))?;
        let index = index.as_u64().ok_or_else(|| member("/index", "not an index"))?;
        let entry = base64::decode(&text(&mut members, "entry")?).ok_or_else(|| member("/entry", "not base64"))?;
        let salt = base64::decode_array(&text(&mut members, "salt")?)
            .ok_or_else(|| member("/salt", "not the base64 of 32 bytes"))?;
        let proof =
            TlogProof::parse(&text(&mut members, "proof")?).map_err(|error| member("/proof", &error.to_string()))?;
        let envelope_sha256 = Hash::from_hex(&text(&mut members, "envelope_sha256")?)
            .ok_or_else(|| member("/envelope_sha256", "not 64 lowercase hexadecimal digits"))?;
        if let Some(name) = members.keys().next() {
            return Err(member(&format!("/{}", json::escape(name)), "not a member of a receipt"));
        }
        if index != proof.index {
            return Err(member("/index", "the proof is of another index"));
        }
        if proof.extra.is_some() {
            // Nothing would cover it.
            return Err(member("/proof", "a receipt's proof has no extra data"));
        }
        Ok(Self {
            entry,
            salt,
            proof,
            envelope_sha256,
        })
    }

    /// Checks that the log holds the entry and that the entry is about these bytes.
    pub fn verify(&self, log: &NoteKey, envelope: &[u8]) -> Result<VerifiedReceipt, ReceiptError> {
        let checkpoint = self.proof.verify(log, &leaf_hash(&self.entry))?;
        let entry = Entry::parse(&self.entry)?;
        if sha256(envelope) != self.envelope_sha256 {
            return Err(ReceiptError::Digest);
        }
        let mut envelope = Envelope::parse(envelope)?;
        if envelope.payload_type != entry.payload_type() {
            return Err(ReceiptError::PayloadType);
        }
        if commitment(&self.salt, &envelope.pae()) != entry.commitment() {
            return Err(ReceiptError::Commitment);
        }
        // Signatures that the log did not accept prove nothing, whoever they are by.
        let named = |hash: Hash| entry.signers().iter().any(|signer| signer.signature == hash);
        envelope.signatures.retain(|signature| named(sha256(&signature.sig)));
        let carried = |hash: Hash| {
            envelope
                .signatures
                .iter()
                .any(|signature| sha256(&signature.sig) == hash)
        };
        match entry.signers().iter().find(|signer| !carried(signer.signature)) {
            Some(signer) => Err(ReceiptError::Signer(signer.key)),
            None => Ok(VerifiedReceipt {
                index: self.proof.index,
                entry,
                checkpoint,
                envelope,
            }),
        }
    }
}

impl VerifiedReceipt {
    /// Checks the envelope's signatures with keys the caller trusts, and that they are the ones the entry names.
    pub fn authenticate(&self, keys: impl Fn(Option<&str>) -> Vec<PublicKey>) -> Result<Verified, ReceiptError> {
        let verified = self.envelope.clone().verify(keys)?;
        if verified.signers() == self.entry.signers() {
            Ok(verified)
        } else {
            Err(ReceiptError::Signers)
        }
    }
}

const MISSING: &str = "the member is missing";

fn text(members: &mut Map<String, Value>, name: &str) -> Result<String, ReceiptError> {
    match members.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(member(&format!("/{name}"), "not a string")),
        None => Err(member(&format!("/{name}"), MISSING)),
    }
}

fn member(pointer: &str, message: &str) -> ReceiptError {
    ReceiptError::Member {
        pointer: pointer.to_owned(),
        message: message.to_owned(),
    }
}
