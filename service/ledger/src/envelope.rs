//! DSSE v1.0.2 envelopes: a payload, its type, and signatures over both.
//!
//! Only [`Envelope::verify`] makes a [`Verified`], and only what it holds may be parsed further. A key id in an
//! envelope is a hint: it helps to find keys and never decides anything (DSSE protocol.md).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::base64;
use crate::entry::{self, Entry, EntryError, Signer};
use crate::hash::sha256;
use crate::json::{JsonError, Strict, Trail};
use crate::key::{PrivateKey, PublicKey};

/// Signatures that one envelope may carry.
pub const MAX_ENVELOPE_SIGNATURES: usize = 16;

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
    /// An entry of the log cannot hold the type and all signers.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

impl EnvelopeError {
    /// JSON pointer to what is refused.
    pub fn pointer(&self) -> String {
        match self {
            Self::Json(error) => error.pointer.clone(),
            Self::UnknownKey | Self::NoSignature => "/signatures".to_owned(),
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
        let trail = Trail::default();
        let envelope = trail.read(bytes, EnvelopeSeed(&trail))?;
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

    /// Checks the signatures. `keys` gives the keys to try for a key id; each is tried against each signature that it
    /// is given for, so it should give few.
    ///
    /// At least one signature must verify. One that names a key among its candidates and is not by it is an error;
    /// signatures of unknown keys are dropped. A key counts once, however often and under whatever id it signed.
    pub fn verify(self, keys: impl Fn(Option<&str>) -> Vec<PublicKey>) -> Result<Verified, EnvelopeError> {
        let pae = self.pae();
        let mut accepted: Vec<(Signer, EnvelopeSignature)> = Vec::with_capacity(1);
        let mut tried = false;
        for (index, signature) in self.signatures.into_iter().enumerate() {
            let candidates = keys(signature.keyid.as_deref());
            tried |= !candidates.is_empty();
            match candidates
                .iter()
                .find(|key| key.verify(&pae, &signature.sig).is_ok())
                .map(PublicKey::id)
            {
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
            return Err(if tried {
                EnvelopeError::NoSignature
            } else {
                EnvelopeError::UnknownKey
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

/// `DSSEv1 SP len(type) SP type SP len(body) SP body`.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// A JSON string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Reads the envelope's object.
struct EnvelopeSeed<'t>(&'t Trail);

impl<'de> DeserializeSeed<'de> for EnvelopeSeed<'_> {
    type Value = Envelope;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeSeed<'_> {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a DSSE envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Envelope, A::Error> {
        let (mut payload_type, mut payload, mut signatures) = (None, None, None);
        let mut members = Members::new(self.0, 1, members);
        while let Some(name) = members.next()? {
            match name.as_ref() {
                "payloadType" => members.set(&name, Text("a payload type"), &mut payload_type)?,
                "payload" => members.set(&name, Base64, &mut payload)?,
                "signatures" => members.set(&name, SignaturesSeed(self.0), &mut signatures)?,
                _ => members.pass(name)?,
            }
        }
        Ok(Envelope {
            payload_type: members.required("payloadType", payload_type)?.into_owned(),
            payload: members.required("payload", payload)?,
            signatures: members.required("signatures", signatures)?,
        })
    }
}

/// Reads the array of signatures.
struct SignaturesSeed<'t>(&'t Trail);

impl<'de> DeserializeSeed<'de> for SignaturesSeed<'_> {
    type Value = Vec<EnvelopeSignature>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for SignaturesSeed<'_> {
    type Value = Vec<EnvelopeSignature>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of signatures")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut signatures = Vec::with_capacity(1);
        while let Some(signature) = self
            .0
            .step(signatures.len(), items.next_element_seed(SignatureSeed(self.0)))?
        {
            if signatures.len() == MAX_ENVELOPE_SIGNATURES {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_ENVELOPE_SIGNATURES} signatures"
                )));
            }
            signatures.push(signature);
        }
        if signatures.is_empty() {
            Err(A::Error::custom("no signatures"))
        } else {
            Ok(signatures)
        }
    }
}

/// Reads one signature's object.
struct SignatureSeed<'t>(&'t Trail);

impl<'de> DeserializeSeed<'de> for SignatureSeed<'_> {
    type Value = EnvelopeSignature;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<EnvelopeSignature, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SignatureSeed<'_> {
    type Value = EnvelopeSignature;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signature")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<EnvelopeSignature, A::Error> {
        let (mut keyid, mut sig) = (None, None);
        let mut members = Members::new(self.0, 3, members);
        while let Some(name) = members.next()? {
            match name.as_ref() {
                "keyid" => members.set(&name, Text("a key id"), &mut keyid)?,
                "sig" => members.set(&name, Base64, &mut sig)?,
                _ => members.pass(name)?,
            }
        }
        // Implementations that have no key id to give write an empty one.
        let keyid = keyid.filter(|keyid| !keyid.is_empty()).map(Cow::into_owned);
        Ok(EnvelopeSignature {
            keyid,
            sig: members.required("sig", sig)?,
        })
    }
}

/// The members of an object, each at most once.
struct Members<'t, A> {
    trail: &'t Trail,
    /// Containers around each value, this object included.
    depth: usize,
    map: A,
    others: BTreeSet<String>,
}

impl<'t, 'de, A: MapAccess<'de>> Members<'t, A> {
    fn new(trail: &'t Trail, depth: usize, map: A) -> Self {
        Self {
            trail,
            depth,
            map,
            others: BTreeSet::new(),
        }
    }

    fn next(&mut self) -> Result<Option<Cow<'de, str>>, A::Error> {
        self.map.next_key_seed(Text("a member name"))
    }

    /// Reads the value of a member that is not set yet.
    fn set<S: DeserializeSeed<'de>>(
        &mut self,
        name: &str,
        seed: S,
        slot: &mut Option<S::Value>,
    ) -> Result<(), A::Error> {
        if slot.is_some() {
            return self.twice(name);
        }
        *slot = Some(self.trail.step(name, self.map.next_value_seed(seed))?);
        Ok(())
    }

    /// Passes over a member that DSSE does not know.
    fn pass(&mut self, name: Cow<'de, str>) -> Result<(), A::Error> {
        if self.others.contains(name.as_ref()) {
            return self.twice(&name);
        }
        let ignored = Strict {
            trail: self.trail,
            depth: self.depth,
        };
        self.trail.step(&name, self.map.next_value_seed(ignored))?;
        self.others.insert(name.into_owned());
        Ok(())
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, A::Error> {
        self.trail
            .step(name, value.ok_or_else(|| A::Error::custom("the member is missing")))
    }

    fn twice(&self, name: &str) -> Result<(), A::Error> {
        self.trail.step(name, Err(A::Error::custom("the member occurs twice")))
    }
}

/// Reads a string, without copying it where JSON has no escapes in it.
struct Text(&'static str);

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Reads base64 in any of the spellings DSSE allows.
struct Base64;

impl<'de> DeserializeSeed<'de> for Base64 {
    type Value = Vec<u8>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Base64 {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
        base64::decode_any(text).ok_or_else(|| E::custom("not base64"))
    }
}
