//! What the identity of an event is turned into when the event is erased: enough to know it again, nothing to read it from.
//!
//! Producer, source and id can often be guessed, so a plain hash of them would give them away. The hash is keyed with what only the
//! holder of the service's private key can compute; the database and the log alone do not let anybody test a guess.

use hmac::{Hmac, KeyInit as _, Mac as _};
use ledger::{Hash, PrivateKey, sha256};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What is signed to make the key; no envelope and no checkpoint begins like this.
const PURPOSE: &str = "shipslog-erased-identity/v1";

/// The key under which identities are hidden.
pub(super) struct IdentityKey(Zeroizing<[u8; 32]>);

impl IdentityKey {
    /// The key of a service and its log: the same for every replica, and after a restart. Ed25519 signatures are a function of
    /// key and message (RFC 8032 §5.1.6), and nobody else can make this one.
    pub(super) fn of(service: &PrivateKey, origin: &str) -> Self {
        let signature = Zeroizing::new(service.sign(format!("{PURPOSE}\0{origin}").as_bytes()));
        Self(Zeroizing::new(sha256(&*signature).0))
    }

    /// An identity as it survives the erasure of its event.
    pub(super) fn hide(&self, event_id: &str, source: &str, producer: &str) -> Hash {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.0) else {
            // HMAC takes keys of any length.
            return Hash::EMPTY_ROOT;
        };
        for part in [event_id, source, producer] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Hash(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_hidden_under_the_key_of_its_service_alone() {
        let key = |seed, origin| IdentityKey::of(&PrivateKey::from_seed([seed; 32]), origin);
        let hidden = key(1, "log.example").hide("e1", "/ci", "team");
        assert_eq!(hidden, key(1, "log.example").hide("e1", "/ci", "team"));
        for (other, seed) in [("log.example", 2), ("other.example", 1)] {
            assert_ne!(hidden, key(seed, other).hide("e1", "/ci", "team"));
        }
    }

    #[test]
    fn identities_do_not_run_into_each_other() {
        let key = IdentityKey::of(&PrivateKey::from_seed([1; 32]), "log.example");
        let parts = [
            ("e1", "/ci", "team"),
            ("e1/", "ci", "team"),
            ("e1", "/cit", "eam"),
            ("e", "1/ci", "team"),
        ];
        let hidden: std::collections::BTreeSet<_> = parts
            .iter()
            .map(|(id, source, by)| key.hide(id, source, by).0)
            .collect();
        assert_eq!(hidden.len(), parts.len());
    }
}
