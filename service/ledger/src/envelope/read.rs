//! Reads the JSON of an envelope straight into its parts: strings are decoded where they stand, nothing is built that
//! is not kept, and no member may occur twice.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Envelope, EnvelopeSignature, MAX_ENVELOPE_SIGNATURES};
use crate::base64;
use crate::json::{JsonError, Strict, Trail};

/// Reads bytes that hold an envelope and nothing else.
pub(super) fn envelope(bytes: &[u8]) -> Result<Envelope, JsonError> {
    let trail = Trail::default();
    trail.read(bytes, EnvelopeSeed(&trail))
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
