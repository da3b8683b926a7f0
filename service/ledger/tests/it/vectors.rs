//! Vectors of other projects, read from beside the checkout (their sources are in `../shared/vectors/SOURCES.md`).

use std::fs;
use std::path::{Path, PathBuf};

use ledger::{
    Checkpoint, Envelope, Hash, KeyError, NoteError, NoteKey, PrivateKey, ProofPlan, PublicKey, SignedNote, TilePath,
    TlogProof, entry_bundle, leaf_hash, partial_width, sha256, verify_consistency, verify_inclusion,
};
use serde_json::Value;

use crate::support::{Tree, hex, log_signer, private_key, shared};

fn json(path: &Path) -> Value {
    ledger::json::parse(&fs::read(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} of {value}"))
}

/// The key is refused, or the signature is, or both hold.
fn accepted(key: &str, message: &[u8], signature: &str) -> bool {
    let key = hex(key)
        .try_into()
        .ok()
        .and_then(|key| PublicKey::from_bytes(&key).ok());
    key.is_some_and(|key| key.verify(message, &hex(signature)).is_ok())
}

#[test]
fn wycheproof() {
    let Some(path) = shared("wycheproof/testvectors_v1/ed25519_test.json") else {
        return;
    };
    let file = json(&path);
    let (mut valid, mut invalid) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let key = text(&group["publicKey"], "pk");
        let der = PublicKey::from_spki_der(&hex(text(group, "publicKeyDer"))).unwrap();
        assert_eq!(PublicKey::from_pem(text(group, "publicKeyPem")).unwrap(), der);
        assert_eq!(der.as_bytes()[..], hex(key));
        for test in group["tests"].as_array().unwrap() {
            let verdict = accepted(key, &hex(text(test, "msg")), text(test, "sig"));
            match text(test, "result") {
                "valid" => valid += 1,
                "invalid" => invalid += 1,
                other => panic!("result {other}"),
            }
            assert_eq!(verdict, text(test, "result") == "valid", "{test}");
        }
    }
    assert_eq!((valid, invalid), (88, 63));
}

/// Exactly those without a low-order or non-canonical part, or a residue of small order, are accepted.
#[test]
fn cctv_edge_cases() {
    let Some(path) = shared("cctv-ed25519/ed25519/ed25519vectors.json") else {
        return;
    };
    let refused = [
        "low_order_A",
        "low_order_R",
        "non_canonical_A",
        "non_canonical_R",
        "low_order_residue",
    ];
    let mut count = [0, 0];
    for case in json(&path).as_array().unwrap() {
        let flags: Vec<&str> = case["flags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let verdict = accepted(text(case, "key"), text(case, "msg").as_bytes(), text(case, "sig"));
        assert_eq!(verdict, !flags.iter().any(|flag| refused.contains(flag)), "{case}");
        count[usize::from(verdict)] += 1;
        // A weak or aliased key is refused before any signature is looked at.
        let key: [u8; 32] = hex(text(case, "key")).try_into().unwrap();
        if flags.contains(&"low_order_A") || flags.contains(&"non_canonical_A") {
            assert!(
                matches!(
                    PublicKey::from_bytes(&key),
                    Err(KeyError::Weak | KeyError::NotCanonical)
                ),
                "{case}"
            );
        } else {
            PublicKey::from_bytes(&key).unwrap();
        }
    }
    assert_eq!(count, [871, 43]);
}

#[test]
fn rfc_8032() {
    let Some(folder) = shared("rfc8032") else { return };
    let file = json(&folder.join("rfc8032_ed25519.json"));
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let key = PrivateKey::from_seed(hex(text(vector, "secret")).try_into().unwrap());
        let message = hex(text(vector, "message"));
        assert_eq!(key.public().as_bytes()[..], hex(text(vector, "public")));
        assert_eq!(key.sign(&message)[..], hex(text(vector, "signature")));
        key.public().verify(&message, &hex(text(vector, "signature"))).unwrap();
    }
    let pem = fs::read_to_string(folder.join("ed25519-pub.pem")).unwrap();
    let der = fs::read(folder.join("ed25519-pub.der")).unwrap();
    let key = PublicKey::from_pem(&pem).unwrap();
    assert_eq!((key.to_pem(), key.to_spki_der().to_vec()), (pem, der.clone()));
    assert_eq!(PublicKey::from_spki_der(&der).unwrap(), key);
    let odd = fs::read(folder.join("ed25519-pub-non-zero-unused-bits.der")).unwrap();
    assert_eq!(
        PublicKey::from_spki_der(&odd),
        Err(KeyError::Der("SubjectPublicKeyInfo"))
    );
}

/// Every JSON file below a folder.
fn cases(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            cases(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// A hash of a case, if it is one: no verifier here can be given anything else.
fn hash(value: &Value) -> Option<Hash> {
    Hash::from_base64(value.as_str()?)
}

fn hashes(case: &Value) -> Option<Vec<Hash>> {
    case["proof"].as_array().into_iter().flatten().map(hash).collect()
}

/// A root that may be a text with no meaning, as different from all others as its hash.
fn root(value: &Value) -> Hash {
    hash(value).unwrap_or_else(|| leaf_hash(value.as_str().unwrap().as_bytes()))
}

#[test]
fn merkle_inclusion() {
    let Some(folder) = shared("merkle/testdata/inclusion") else {
        return;
    };
    let mut files = Vec::new();
    cases(&folder, &mut files);
    assert_eq!(files.len(), 98);
    for file in files {
        let case = json(&file);
        let (index, size) = (number(&case, "leafIdx"), number(&case, "treeSize"));
        let verdict = || {
            let (leaf, root) = (hash(&case["leafHash"])?, hash(&case["root"])?);
            verify_inclusion(&leaf, index, size, &hashes(&case)?, &root).ok()
        };
        assert_eq!(
            verdict().is_none(),
            case["wantErr"].as_bool().unwrap(),
            "{}",
            file.display()
        );
    }
}

#[test]
fn merkle_consistency() {
    let Some(folder) = shared("merkle/testdata/consistency") else {
        return;
    };
    let mut files = Vec::new();
    cases(&folder, &mut files);
    assert_eq!(files.len(), 98);
    for file in files {
        let case = json(&file);
        let (old, new) = (root(&case["root1"]), root(&case["root2"]));
        let (size1, size2) = (number(&case, "size1"), number(&case, "size2"));
        let verdict = hashes(&case).and_then(|proof| verify_consistency(size1, size2, &old, &new, &proof).ok());
        assert_eq!(
            verdict.is_none(),
            case["wantErr"].as_bool().unwrap(),
            "{}",
            file.display()
        );
    }
}

/// The text between two marks of the file of own vectors.
fn between<'a>(file: &'a str, start: &str, end: &str) -> &'a str {
    let after = file.split_once(start).unwrap_or_else(|| panic!("{start:?}")).1;
    after.split_once(end).unwrap_or_else(|| panic!("{end:?}")).0
}

/// The value that follows a label.
fn labelled<'a>(file: &'a str, label: &str) -> &'a str {
    between(file, label, "\n").trim()
}

/// A signed log of seven entries, its proof with a witness's cosignature, its tile and its bundle, byte for byte.
#[test]
fn a_log_of_seven_entries() {
    let Some(path) = shared("own-tlog-vectors.txt") else {
        return;
    };
    let file = fs::read_to_string(path).unwrap();
    let signer = log_signer();
    let log = NoteKey::parse(labelled(&file, "\nlog vkey ")).unwrap();
    assert_eq!(signer.key(), &log);
    // A key for cosignatures is not a key for checkpoints.
    let witness = NoteKey::parse(labelled(&file, "\nwitness vkey "));
    assert_eq!(witness, Err(NoteError::VerifierKey("not an Ed25519 key (type 0x01)")));

    let entries: Vec<String> = (0..7).map(|i| format!("entry-{i}")).collect();
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry.as_bytes())).collect();
    let tree = Tree::of(leaves.iter().copied());
    let checkpoint = Checkpoint {
        origin: log.name().to_owned(),
        size: 7,
        root: tree.edge.root(),
    };
    let note = checkpoint.sign(&signer).unwrap();

    let proof = between(&file, "--- tlog-proof\n", "\nsha256 checkpoint");
    assert_eq!(sha256(proof.as_bytes()).to_string(), labelled(&file, "\nsha256 proof "));
    let proof = TlogProof::parse(proof).unwrap();
    assert_eq!(
        sha256(proof.to_string().as_bytes()).to_string(),
        labelled(&file, "\nsha256 proof ")
    );
    assert_eq!(
        (proof.extra.as_ref(), proof.index, proof.checkpoint.signatures().len()),
        (None, 4, 2)
    );
    assert_eq!(proof.hashes, tree.assemble(ProofPlan::inclusion(4, 7).unwrap()));
    assert_eq!(proof.verify(&log, &leaves[4]).unwrap(), checkpoint);
    proof.verify(&log, &leaves[3]).unwrap_err();

    let cosigned = proof.checkpoint.to_string();
    assert_eq!(
        sha256(cosigned.as_bytes()).to_string(),
        labelled(&file, "\nsha256 checkpoint ")
    );
    assert_eq!(
        (note.text(), note.signatures()),
        (proof.checkpoint.text(), &proof.checkpoint.signatures()[..1])
    );
    assert!(cosigned.starts_with(&note.to_string()));
    assert_eq!(
        Checkpoint::open(&SignedNote::parse(&cosigned).unwrap(), &log).unwrap(),
        checkpoint
    );

    let mut bundle = Vec::new();
    entries
        .iter()
        .for_each(|entry| entry_bundle::append(&mut bundle, entry.as_bytes()).unwrap());
    assert!(labelled(&file, "bundle sha256 (tile/entries/000.p/7) ").starts_with(&sha256(&bundle).to_string()));
    let tile = sha256(&tree.edge.encode()).to_string();
    assert!(labelled(&file, "tile sha256 (tile/0/000.p/7) ").starts_with(&tile));

    let proof = between(&file, "\nold 3\n", "\n\n");
    let proof: Vec<Hash> = proof.split('\n').map(|line| Hash::from_base64(line).unwrap()).collect();
    assert_eq!(tree.assemble(ProofPlan::consistency(3, 7).unwrap()), proof);
    let old = Tree::of(leaves[..3].iter().copied()).edge.root();
    verify_consistency(3, 7, &old, &tree.edge.root(), &proof).unwrap();

    let origin = sha256(log.name().as_bytes()).to_string();
    assert_eq!(labelled(&file, "\norigin hash "), origin);
}

#[test]
fn paths_widths_and_envelopes() {
    let Some(path) = shared("own-tlog-vectors.txt") else {
        return;
    };
    let file = fs::read_to_string(path).unwrap();
    let mut seen = 0;
    for line in file.lines().filter_map(|line| line.strip_prefix("path ")) {
        let (index, path) = line.split_once(' ').unwrap();
        let index = index.parse().unwrap();
        let path = format!("entries/{path}");
        assert_eq!(TilePath::parse(&path).unwrap(), TilePath::Entries { index, width: 256 });
        assert_eq!(TilePath::Entries { index, width: 256 }.to_string(), path);
        seen += 1;
    }
    assert_eq!(seen, 7);
    for line in file.lines().filter_map(|line| line.strip_prefix("size ")) {
        let (size, levels) = line.split_once(' ').unwrap();
        let size: u64 = size.parse().unwrap();
        let numbers: Vec<u64> = levels
            .split(|c: char| !c.is_ascii_digit())
            .flat_map(str::parse)
            .collect();
        for level in numbers.chunks_exact(3) {
            assert_eq!(u64::from(partial_width(level[0] as u8, size)), level[2], "size {size}");
            assert_eq!(size >> (8 * (level[0] + 1)), level[1], "size {size}");
        }
        seen += 1;
    }
    assert_eq!(seen, 13);
    let envelope = Envelope::sign("application/vnd.in-toto+json", br#"{"a":1}"#, &[&private_key(0)]);
    assert_eq!(sha256(&envelope.pae()).to_string(), labelled(&file, "\npae sha256 "));
    let signature = file.split_once("\nsig(seed log) ").unwrap().1.trim();
    assert!(envelope.to_json().contains(signature));
}
