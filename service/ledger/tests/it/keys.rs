//! Keys as openssl writes them, and keys that nobody may use.

use ledger::{KeyError, KeyId, PrivateKey, PublicKey};

use crate::support::{hex, private_key};

/// RFC 8410 §10.1 and §10.3.
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
/// The same private key with its public key: version 2 of the form.
const PRIVATE_V2: &str = "-----BEGIN PRIVATE KEY-----
MFECAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
gSEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PRIVATE KEY-----
";

#[test]
fn pem_returns_byte_for_byte() {
    let public = PublicKey::from_pem(PUBLIC).unwrap();
    let private = PrivateKey::from_pem(PRIVATE).unwrap();
    assert_eq!(private.public(), public);
    assert_eq!(public.to_pem(), PUBLIC);
    assert_eq!(private.to_pem().as_str(), PRIVATE);
    assert_eq!(PrivateKey::from_pem(PRIVATE_V2).unwrap().public(), public);
    let signature = private.sign(b"message");
    public.verify(b"message", &signature).unwrap();
    assert_eq!(public.verify(b"massage", &signature), Err(KeyError::Signature));
}

#[test]
fn line_ends_may_differ() {
    let public = PublicKey::from_pem(PUBLIC).unwrap();
    assert_eq!(PublicKey::from_pem(&PUBLIC.replace('\n', "\r\n")).unwrap(), public);
    assert_eq!(PublicKey::from_pem(PUBLIC.trim_end()).unwrap(), public);
}

#[test]
fn other_pem_is_refused() {
    assert_eq!(PublicKey::from_pem(PRIVATE), Err(KeyError::Pem("PUBLIC KEY")));
    assert_eq!(PrivateKey::from_pem(PUBLIC).unwrap_err(), KeyError::Pem("PRIVATE KEY"));
    for text in [
        "",
        "MCowBQYDK2VwAyEA",
        &PUBLIC[..60],
        &"x".repeat(5000),
        &format!("{PUBLIC}{}", " ".repeat(5000)),
    ] {
        assert_eq!(PublicKey::from_pem(text), Err(KeyError::Pem("PUBLIC KEY")), "{text}");
    }
    // X25519, Ed448, and one byte too many or too few.
    let der = PublicKey::from_pem(PUBLIC).unwrap().to_spki_der();
    for (at, value) in [(8, 0x6e), (8, 0x71), (1, 0x2b), (10, 0x22), (11, 0x01), (2, 0x31)] {
        let mut other = der;
        other[at] = value;
        assert_eq!(
            PublicKey::from_spki_der(&other),
            Err(KeyError::Der("SubjectPublicKeyInfo"))
        );
    }
    assert_eq!(
        PublicKey::from_spki_der(&der[..43]),
        Err(KeyError::Der("SubjectPublicKeyInfo"))
    );
    assert_eq!(
        PublicKey::from_spki_der(&[&der[..], &[0]].concat()),
        Err(KeyError::Der("SubjectPublicKeyInfo"))
    );
    let encrypted = PRIVATE.replace("PRIVATE", "ENCRYPTED PRIVATE");
    assert_eq!(
        PrivateKey::from_pem(&encrypted).unwrap_err(),
        KeyError::Pem("PRIVATE KEY")
    );
    // A public key that is not the private key's.
    let other = PRIVATE_V2.replace("gSEAGb9E", "gSEAGb9F");
    assert_eq!(PrivateKey::from_pem(&other).unwrap_err(), KeyError::Der("PKCS#8"));
}

/// The eight points of small order, and every second way to write one or any other point.
#[test]
fn weak_and_aliased_keys_are_refused() {
    let weak = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for key in weak {
        assert_eq!(
            PublicKey::from_bytes(&hex(key).try_into().unwrap()),
            Err(KeyError::Weak),
            "{key}"
        );
    }
    let aliased = [
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for key in aliased {
        let verdict = PublicKey::from_bytes(&hex(key).try_into().unwrap());
        assert!(
            matches!(verdict, Err(KeyError::NotCanonical | KeyError::NotAPoint)),
            "{key} {verdict:?}"
        );
    }
    assert_eq!(
        PublicKey::from_bytes(&hex(&format!("02{}", "00".repeat(31))).try_into().unwrap()),
        Err(KeyError::NotAPoint)
    );
}

#[test]
fn ids_are_the_hash_of_the_der() {
    let key = private_key(0).public();
    assert_eq!(key.id(), KeyId(ledger::sha256(&key.to_spki_der()).0));
    assert_eq!(key.id().to_string().parse(), Ok(key.id()));
    for refused in [
        "",
        "00",
        &key.id().to_string().to_uppercase(),
        &format!("{}0", key.id()),
    ] {
        refused.parse::<KeyId>().unwrap_err();
    }
}

#[test]
fn signatures_of_other_lengths_do_not_verify() {
    let key = private_key(0);
    let signature = key.sign(b"m");
    for signature in [&signature[..63], &[&signature[..], &[0]].concat(), &[]] {
        assert_eq!(key.public().verify(b"m", signature), Err(KeyError::Signature));
    }
}

#[test]
fn private_keys_are_never_shown() {
    let shown = format!("{:?} {:?}", private_key(0), crate::support::log_signer());
    assert!(!shown.contains("0, 1, 2, 3") && !shown.contains("00010203"), "{shown}");
}
