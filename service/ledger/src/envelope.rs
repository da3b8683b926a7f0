//! DSSE v1.0.2 envelopes: a payload, its type, and signatures over both.
//!
//! Only [`Envelope::verify`] makes a [`Verified`], and only what it holds may be parsed further. A key id in an
//! envelope is a hint: it helps to find keys and never decides anything (DSSE protocol.md).

mod read;

use crate::base64;
use crate::entry::{self, Entry, EntryError, Signer};
use crate::hash::sha256;
use crate::json::{JsonError, quoted};
use crate::key::{PrivateKey, PublicKey};

/// Signatures that one envelope may carry.
pub const MAX_ENVELOPE_SIGNATURES: usize = 16;
/// Keys that are tried for all signatures of one envelope together.
pub const MAX_KEY_TRIES: usize = 64;
/// Bytes that are hashed for that: every try hashes all that was signed.
const MAX_TRIED_BYTES: usize = 8 << 20;

/// Why an envelope is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not the JSON of an envelope.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// No signature is by a key that is known.
    #[error("no signature of the envelope is by a known key")]
    UnknownKey,
    /// A signature that names a known key is not by it.
    #[error("signature {0} of the envelope does not verify under the key it names")]
    Signature(usize),
    /// There were keys to try, and none of them made any of the signatures.
    #[error("no signature of the envelope verifies")]
    NoSignature,
    /// Nobody said which keys signed it, and there are more than can be tried.
    #[error(
        "no signature of the envelope is by one of the {0} keys that were tried, and there are more: name the key in keyid"
    )]
    Tries(usize),
    /// An entry of the log cannot hold the type and all signers.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

impl EnvelopeError {
    /// JSON pointer to what is refused.
    pub fn pointer(&self) -> String {
        match self {
            Self::Json(error) => error.pointer.clone(),
            Self::UnknownKey | Self::NoSignature | Self::Tries(_) => "/signatures".to_owned(),
            Self::Signature(index) => format!("/signatures/{index}/sig"),
            Self::Entry(EntryError::PayloadType) => "/payloadType".to_owned(),
            Self::Entry(EntryError::TooLong | EntryError::Form(_) | EntryError::Signers) => "/signatures".to_owned(),
        }
    }
}

/// An envelope, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What kind of payload it is.
    pub payload_type: String,
    /// The signed bytes.
    pub payload: Vec<u8>,
    /// Who claims to have signed.
    pub signatures: Vec<EnvelopeSignature>,
}

/// A signature over an envelope's PAE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// Which key the signer says it is, if it says so.
    pub keyid: Option<String>,
    /// The signature.
    pub sig: Vec<u8>,
}

impl Envelope {
    /// Reads an envelope. Unknown members are passed over, as DSSE asks, if they too are strict JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope = read::envelope(bytes)?;
        entry::check_payload_type(&envelope.payload_type)?;
        Ok(envelope)
    }

    /// Signs a payload with every key, naming each by its id.
    pub fn sign(payload_type: &str, payload: &[u8], keys: &[&PrivateKey]) -> Self {
        let pae = pae(payload_type, payload);
        let signature = |key: &&PrivateKey| EnvelopeSignature {
            keyid: Some(key.public().id().to_string()),
            sig: key.sign(&pae).to_vec(),
        };
        let signatures = keys.iter().map(signature).collect();
        Self {
            payload_type: payload_type.to_owned(),
            payload: payload.to_owned(),
            signatures,
        }
    }

    /// What is signed: the pre-authentication encoding of type and payload.
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// The canonical JSON: members in the order of the specification, standard base64, no white space.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.payload.len() / 3 * 4 + 256 * (1 + self.signatures.len()));
        json.push_str("{\"payloadType\":");
        json.push_str(&quoted(&self.payload_type));
        json.push_str(",\"payload\":\"");
        json.push_str(&base64::encode(&self.payload));
        json.push_str("\",\"signatures\":[");
        for (index, signature) in self.signatures.iter().enumerate() {
            json.push_str(if index == 0 { "{" } else { ",{" });
            if let Some(keyid) = &signature.keyid {
                json.push_str("\"keyid\":");
                json.push_str(&quoted(keyid));
                json.push(',');
            }
            json.push_str("\"sig\":\"");
            json.push_str(&base64::encode(&signature.sig));
            json.push_str("\"}");
        }
        json.push_str("]}");
        json
    }

    /// Checks the signatures. `keys` gives the keys to try for a key id.
    ///
    /// At least one signature must verify. One that names a key among its candidates and is not by it is an error;
    /// signatures of unknown keys are dropped. A key counts once, however often and under whatever id it signed.
    ///
    /// No more than [`MAX_KEY_TRIES`] keys are tried for all signatures together, and fewer for a large payload, but always
    /// one for each signature. Signatures with a single candidate come first; what is left over is as if its keys were unknown.
    pub fn verify(self, keys: impl Fn(Option<&str>) -> Vec<PublicKey>) -> Result<Verified, EnvelopeError> {
        let pae = self.pae();
        let most = most_tries(pae.len());
        let mut tries = most;
        let mut accepted: Vec<(Signer, EnvelopeSignature)> = Vec::with_capacity(1);
        let (mut tried, mut cut) = (false, false);
        let signatures = self.signatures.into_iter().enumerate();
        let (named, guessed): (Vec<_>, Vec<_>) = signatures
            .map(|(index, signature)| (index, keys(signature.keyid.as_deref()), signature))
            .partition(|(_, candidates, _)| candidates.len() <= 1);
        for (index, mut candidates, signature) in named.into_iter().chain(guessed) {
            let surplus = candidates.len() > tries;
            candidates.truncate(tries);
            tried |= !candidates.is_empty();
            let found = candidates
                .iter()
                .position(|key| key.verify(&pae, &signature.sig).is_ok());
            tries -= found.map_or(candidates.len(), |at| at + 1);
            cut |= surplus && found.is_none();
            match found.and_then(|at| candidates.get(at)).map(PublicKey::id) {
                Some(key) if accepted.iter().any(|(signer, _)| signer.key == key) => {}
                Some(key) => {
                    let signer = Signer {
                        key,
                        signature: sha256(&signature.sig),
                    };
                    accepted.push((
                        signer,
                        EnvelopeSignature {
                            keyid: Some(key.to_string()),
                            sig: signature.sig,
                        },
                    ));
                }
                None if candidates
                    .iter()
                    .any(|key| Some(key.id().to_string()) == signature.keyid) =>
                {
                    return Err(EnvelopeError::Signature(index));
                }
                None => {}
            }
        }
        if accepted.is_empty() {
            return Err(match (cut, tried) {
                (true, _) => EnvelopeError::Tries(most),
                (false, true) => EnvelopeError::NoSignature,
                (false, false) => EnvelopeError::UnknownKey,
            });
        }
        // Parsing has checked the type; an envelope put together by hand has not been.
        entry::check_payload_type(&self.payload_type)?;
        entry::check_room(&self.payload_type, accepted.len())?;
        accepted.sort_unstable_by_key(|(signer, _)| signer.key);
        let (signers, signatures) = accepted.into_iter().unzip();
        Ok(Verified {
            envelope: Self { signatures, ..self },
            pae,
            signers,
        })
    }
}

/// An envelope with at least one verified signature. Holds nothing that was not signed; an entry always has room for
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    envelope: Envelope,
    pae: Vec<u8>,
    signers: Vec<Signer>,
}

impl Verified {
    /// What kind of payload it is.
    pub fn payload_type(&self) -> &str {
        &self.envelope.payload_type
    }

    /// The signed bytes.
    pub fn payload(&self) -> &[u8] {
        &self.envelope.payload
    }

    /// What was signed.
    pub fn pae(&self) -> &[u8] {
        &self.pae
    }

    /// The keys whose signatures were accepted, sorted.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// The canonical envelope: accepted signatures only, in the order of the signers, each named by its key's id.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The entry by which a log records the envelope.
    pub fn entry(&self, time: u64, salt: &[u8; 32]) -> Entry {
        Entry::from_checked(
            time,
            entry::commitment(salt, &self.pae),
            self.payload_type(),
            &self.signers,
        )
    }
}

/// Keys that may be tried on an envelope of which this many bytes were signed: some milliseconds of work.
fn most_tries(signed: usize) -> usize {
    (MAX_TRIED_BYTES / signed.max(1)).clamp(MAX_ENVELOPE_SIGNATURES, MAX_KEY_TRIES)
}

/// `DSSEv1 SP len(type) SP type SP len(body) SP body`.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}
