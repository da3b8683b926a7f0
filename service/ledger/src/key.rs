//! Ed25519 keys: reading and writing them as openssl does, signing, and strict verification.
//!
//! Whatever this module accepts, every other RFC 8032 implementation accepts too: weak and non-canonical keys are
//! refused when they are read, and signatures are verified with dalek's strict rule and no other, never in batches.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::{DecodePrivateKey, Document};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::base64;
use crate::hash::{Hash, sha256};

/// The DER of every Ed25519 SubjectPublicKeyInfo (RFC 8410 §4) up to the 32 bytes of the key. Comparing it whole
/// leaves no room for parameters, unused bits or other encodings of lengths.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The DER of a PKCS#8 Ed25519 key without its public key (RFC 8410 §7) up to the 32 bytes of the seed.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The longest PEM text that is looked at.
const MAX_PEM_BYTES: usize = 4096;

/// Why a key or a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM with the label for this kind of key.
    #[error("not a PEM text with the label {0}")]
    Pem(&'static str),
    /// Not the DER of an Ed25519 key.
    #[error("not an Ed25519 key in {0} form")]
    Der(&'static str),
    /// Not a point of the curve.
    #[error("not a point of the curve")]
    NotAPoint,
    /// A point that has a second encoding, or this is the second.
    #[error("the key is not encoded canonically")]
    NotCanonical,
    /// A point of small order, under which anybody can sign.
    #[error("the key is weak: its order is small")]
    Weak,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
}

/// A public key that may be trusted to mean one signer. Keeps the decompressed point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    id: KeyId,
}

impl PublicKey {
    /// Reads the PEM of a SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        const LABEL: &str = "PUBLIC KEY";
        if text.len() > MAX_PEM_BYTES {
            return Err(KeyError::Pem(LABEL));
        }
        match Document::from_pem(text) {
            Ok((LABEL, document)) => Self::from_spki_der(document.as_bytes()),
            Ok(_) | Err(_) => Err(KeyError::Pem(LABEL)),
        }
    }

    /// Reads the DER of a SubjectPublicKeyInfo.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = der
            .strip_prefix(&SPKI_PREFIX)
            .and_then(|key| <&[u8; 32]>::try_from(key).ok());
        Self::from_bytes(key.ok_or(KeyError::Der("SubjectPublicKeyInfo"))?)
    }

    /// Reads the 32 bytes of RFC 8032.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        if key.to_edwards().compress().as_bytes() != bytes {
            Err(KeyError::NotCanonical)
        } else if key.is_weak() {
            Err(KeyError::Weak)
        } else {
            Ok(Self::trusted(key))
        }
    }

    /// What names the key: SHA-256 of its DER SubjectPublicKeyInfo.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn to_spki_der(&self) -> [u8; 44] {
        spki(&self.key)
    }

    /// The PEM of the SubjectPublicKeyInfo, as openssl writes it.
    pub fn to_pem(&self) -> String {
        // The base64 of 44 bytes fits one line of 64 characters.
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            base64::encode(&spki(&self.key))
        )
    }

    /// Verifies strictly: the signature is canonical and its nonce point is not of small order.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let signature = Signature::from_slice(signature).map_err(|_| KeyError::Signature)?;
        self.key
            .verify_strict(message, &signature)
            .map_err(|_| KeyError::Signature)
    }

    fn trusted(key: VerifyingKey) -> Self {
        Self {
            id: KeyId(sha256(&spki(&key)).0),
            key,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

fn spki(key: &VerifyingKey) -> [u8; 44] {
    let mut der = [0; 44];
    der[..12].copy_from_slice(&SPKI_PREFIX);
    der[12..].copy_from_slice(key.as_bytes());
    der
}

/// A private key. Wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    /// The key of a 32-byte seed (RFC 8032 §5.1.5), which must come from a source of randomness.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&Zeroizing::new(seed));
        // A clamped secret scalar is never a multiple of the group order, so its public key is never weak.
        Self {
            public: PublicKey::trusted(key.verifying_key()),
            key,
        }
    }

    /// Reads PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        const LABEL: &str = "PRIVATE KEY";
        if text.len() > MAX_PEM_BYTES || !text.contains("-----BEGIN PRIVATE KEY-----") {
            return Err(KeyError::Pem(LABEL));
        }
        let key = SigningKey::from_pkcs8_pem(text).map_err(|_| KeyError::Der("PKCS#8"))?;
        Ok(Self::from_seed(key.to_bytes()))
    }

    /// PKCS#8 PEM without the public key, byte for byte as openssl writes it.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let mut der = Zeroizing::new([0; 48]);
        der[..16].copy_from_slice(&PKCS8_PREFIX);
        der[16..].copy_from_slice(self.key.as_bytes());
        let body = Zeroizing::new(base64::encode(&*der));
        // Room for all of it, so that no half-written copy is left behind.
        let mut pem = Zeroizing::new(String::with_capacity(256));
        for part in ["-----BEGIN PRIVATE KEY-----\n", &body, "\n-----END PRIVATE KEY-----\n"] {
            pem.push_str(part);
        }
        pem
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs (deterministically, RFC 8032 §5.1.6).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public.id)
    }
}

/// What names a key: SHA-256 of the DER SubjectPublicKeyInfo, in lowercase hexadecimal.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 32]);

/// A text that is not 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id is 64 lowercase hexadecimal digits")]
pub struct KeyIdError;

impl FromStr for KeyId {
    type Err = KeyIdError;
    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        Hash::from_hex(text).map(|hash| Self(hash.0)).ok_or(KeyIdError)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hash(self.0), f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
