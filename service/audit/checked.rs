//! What can be said of an entry without those before it: its form, its commitment, its event and its signatures.
//!
//! Never says what is wrong by itself: a finding belongs to a place in the log, and only [`super::Audit`] knows places.

use ledger::{Entry, Envelope, Hash, KeyId, PublicKey, Verified, commitment, leaf_hash};

use super::{Fault, Kind};
use crate::domain::Event;
use crate::domain::parse::parse;

/// An entry that was found right in itself: its form, its commitment, its event and its signatures by the keys that it
/// names. Whether those keys might sign it depends on its place, which [`Audit::add_checked`] gives it.
///
/// Making one costs nearly all of an audit and needs nothing of the entries before but their keys, so many can be made
/// at once.
pub struct Checked {
    pub(super) leaf: Hash,
    pub(super) entry: Entry,
    pub(super) event: Event,
}

impl Checked {
    /// None where anything at all is wrong, or a signer is not among the keys: [`Audit::add`] then says what.
    pub fn new(
        leaf: &[u8],
        salt: &[u8; 32],
        envelope: &[u8],
        keys: impl Fn(&KeyId) -> Option<PublicKey>,
    ) -> Option<Self> {
        let entry = Entry::parse(leaf).ok()?;
        let (parsed, event) = unseal(&entry, salt, envelope).ok()?;
        // In the canonical form every signature names its key by its id.
        let key = |keyid: Option<&str>| keyid.and_then(|id| keys(&id.parse().ok()?));
        authenticate(&entry, parsed, envelope, |keyid| key(keyid).into_iter().collect()).ok()?;
        Some(Self {
            leaf: leaf_hash(leaf),
            entry,
            event,
        })
    }
}

/// The envelope and what it says, if it is the one that the entry commits to.
pub(super) fn unseal(entry: &Entry, salt: &[u8; 32], bytes: &[u8]) -> Result<(Envelope, Event), Fault> {
    let envelope = Envelope::parse(bytes).map_err(|error| Fault(Kind::Envelope, error.to_string()))?;
    if commitment(salt, &envelope.pae()) != entry.commitment() || envelope.payload_type != entry.payload_type() {
        return Err(Fault(
            Kind::Commitment,
            "the envelope is not the one that the entry commits to".to_owned(),
        ));
    }
    let event =
        parse(&envelope.payload_type, &envelope.payload).map_err(|error| Fault(Kind::Event, error.to_string()))?;
    Ok((envelope, event))
}

/// The envelope with its signatures verified, if they are those of the entry and nothing else is in the bytes.
pub(super) fn authenticate(
    entry: &Entry,
    envelope: Envelope,
    bytes: &[u8],
    keys: impl Fn(Option<&str>) -> Vec<PublicKey>,
) -> Result<Verified, Fault> {
    let verified = envelope
        .verify(keys)
        .map_err(|error| Fault(Kind::Signature, error.to_string()))?;
    if verified.signers() != entry.signers() {
        return Err(Fault(
            Kind::Commitment,
            "the signatures are not those that the entry commits to".to_owned(),
        ));
    }
    if verified.envelope().to_json().as_bytes() != bytes {
        return Err(Fault(
            Kind::Envelope,
            "the envelope is not in its canonical form".to_owned(),
        ));
    }
    Ok(verified)
}
