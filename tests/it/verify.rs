//! Offline verification with the real binary: receipts and bundles verify, and whatever was changed is found.

use std::fs;
use std::path::{Path, PathBuf};

use ledger::{Entry, Envelope, NoteKey, Receipt, entry_bundle};
use rstest::rstest;
use serde_json::Value;

use crate::support::binary::{Service, code, run, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::http::Client;
use crate::support::python;
use crate::support::{Backend, key};

fn register(client: &Client) {
    let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    client.post_json("/v1/producers", &body).expect(201);
}

/// A receipt, its envelope and the log's key in files, from a service that has ended since.
fn receipt(folder: &Path) -> [String; 3] {
    let service = Service::start(&folder.join("data"), None, &[]);
    register(&service.client);
    for n in 0..20 {
        service
            .client
            .record(&sign(&deployed(&format!("e{n}"), "checkout", "production", n), &key(7)))
            .expect(201);
    }
    let envelope = sign(&deployed("the-one", "checkout", "production", 1), &key(7));
    let receipt = service.client.record(&envelope).expect(201);
    assert!(service.terminate());
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    fs::write(path("receipt.json"), &receipt.body).unwrap();
    fs::write(path("envelope.json"), &envelope).unwrap();
    fs::copy(folder.join("data/log.vkey"), path("log.vkey")).unwrap();
    [path("receipt.json"), path("envelope.json"), path("log.vkey")]
}

#[test]
fn a_receipt_verifies_offline_and_every_flipped_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let [receipt, envelope, vkey] = receipt(folder.path());
    let verify = |receipt: &str, envelope: &str, vkey: &str| {
        let ours = code(&run(&[
            "verify",
            "receipt",
            receipt,
            "--envelope",
            envelope,
            "--log-key",
            vkey,
        ]));
        let theirs = python::verify(&[receipt, envelope, "--log-key", vkey]);
        assert!(
            theirs.is_none_or(|theirs| theirs == ours),
            "verify.py says {theirs:?}, we say {ours}"
        );
        ours
    };
    assert_eq!(verify(&receipt, &envelope, &vkey), 0);

    let log = NoteKey::parse(fs::read_to_string(&vkey).unwrap().trim_end()).unwrap();
    let (receipt_bytes, envelope_bytes) = (fs::read(&receipt).unwrap(), fs::read(&envelope).unwrap());
    let holds = |receipt: &[u8], envelope: &[u8]| {
        Receipt::parse(receipt).is_ok_and(|receipt| receipt.verify(&log, envelope).is_ok())
    };
    assert!(holds(&receipt_bytes, &envelope_bytes));
    let changed = folder.path().join("changed").to_str().unwrap().to_owned();
    // Every bit of every byte with the library the binary is made of; a sample of them with the binary itself.
    let flips = |bytes: &[u8], holds: &dyn Fn(&[u8]) -> bool, verify: &dyn Fn() -> i32| {
        let mut flipped = bytes.to_vec();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                flipped[at] = bytes[at] ^ (1 << bit);
                assert!(!holds(&flipped), "bit {bit} of byte {at} of {}", bytes.len());
            }
            if at % 61 == 0 {
                fs::write(&changed, &flipped).unwrap();
                assert_eq!(verify(), 1, "byte {at}");
            }
            flipped[at] = bytes[at];
        }
    };
    flips(&receipt_bytes, &|bytes| holds(bytes, &envelope_bytes), &|| {
        verify(&changed, &envelope, &vkey)
    });
    flips(&envelope_bytes, &|bytes| holds(&receipt_bytes, bytes), &|| {
        verify(&receipt, &changed, &vkey)
    });

    // Half of it, nothing of it, something after it, or another log's key.
    for bytes in [
        &receipt_bytes[..receipt_bytes.len() / 2],
        b"",
        &[&receipt_bytes[..], b"\n{}"].concat(),
    ] {
        fs::write(&changed, bytes).unwrap();
        assert_eq!(verify(&changed, &envelope, &vkey), 1);
    }
    let other = ledger::NoteSigner::new(log.name(), key(99)).unwrap().key().to_string();
    fs::write(&changed, other).unwrap();
    assert_eq!(verify(&receipt, &envelope, &changed), 1);
    assert_eq!(verify(&receipt, &envelope, "/nonexistent"), 2);
    assert_eq!(verify("/nonexistent", &envelope, &vkey), 2);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for item in fs::read_dir(next).unwrap().map(|item| item.unwrap().path()) {
            if item.is_dir() {
                open.push(item)
            } else {
                found.push(item)
            }
        }
    }
    found.sort();
    found
}

/// A bundle of some 300 entries, and the log's key.
fn bundle(folder: &Path, backend: Backend) -> Option<(PathBuf, String, Service, TestDatabase)> {
    let database = TestDatabase::new(backend)?;
    let service = Service::start(&folder.join("data"), Some(&database.url), &[]);
    register(&service.client);
    let lines: Vec<Vec<u8>> = (0..300)
        .map(|n| sign(&deployed(&format!("e{n}"), "checkout", "production", n), &key(7)))
        .collect();
    service
        .client
        .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
        .expect(200);
    let out = folder.join("bundle");
    stdout(&service.shipslog(&["export", out.to_str().unwrap()]));
    let vkey = service.data.join("log.vkey").to_str().unwrap().to_owned();
    Some((out, vkey, service, database))
}

fn verify_alone(bundle: &Path, vkey: &str) -> i32 {
    code(&run(&["verify", "bundle", bundle.to_str().unwrap(), "--log-key", vkey]))
}

/// The exit code, on which both verifiers must agree.
fn verify(bundle: &Path, vkey: &str) -> i32 {
    let ours = verify_alone(bundle, vkey);
    let theirs = python::verify(&[bundle.to_str().unwrap(), "--log-key", vkey]);
    assert!(
        theirs.is_none_or(|theirs| theirs == ours),
        "verify.py says {theirs:?}, we say {ours}"
    );
    ours
}

#[rstest]
fn a_bundle_verifies_and_every_change_is_found(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let Some((bundle, vkey, service, _database)) = bundle(folder.path(), backend) else {
        return;
    };
    assert_eq!(verify(&bundle, &vkey), 0);
    let size = service.client.get("/v1/log").json()["tree_size"].as_u64().unwrap();
    drop(service);
    let lines: usize = files(&bundle)
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .map(|path| fs::read_to_string(path).unwrap().lines().count())
        .sum();
    assert_eq!(lines as u64, size, "nothing recorded is missing");

    for path in files(&bundle) {
        let bytes = fs::read(&path).unwrap();
        let name = path.strip_prefix(&bundle).unwrap().display().to_string();
        let check = |what: &str| assert_eq!(verify(&bundle, &vkey), 1, "{name}: {what}");
        // The first and last byte and some between.
        for part in 0..=8 {
            let at = (bytes.len() - 1) * part / 8;
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            // The second verifier is slower; it sees the ends and the middle.
            if part % 4 == 0 {
                check(&format!("byte {at} changed"));
            } else {
                assert_eq!(verify_alone(&bundle, &vkey), 1, "{name}: byte {at} changed");
            }
        }
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        check("a byte short");
        fs::write(&path, [&bytes[..], b"\n"].concat()).unwrap();
        check("a byte more");
        fs::remove_file(&path).unwrap();
        check("missing");
        fs::write(&path, &bytes).unwrap();
    }
    for extra in ["notes.txt", "tile/entries/002", "envelopes/001.jsonl", "tile/0/000"] {
        let path = bundle.join(extra);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "extra").unwrap();
        assert_eq!(verify(&bundle, &vkey), 1, "{extra}");
        fs::remove_file(&path).unwrap();
        if extra == "tile/0/000" {
            fs::remove_dir(path.parent().unwrap()).unwrap();
        }
    }
    assert_eq!(verify(&bundle, &vkey), 0, "whole again");
}

#[test]
fn a_forged_history_does_not_verify() {
    let folder = tempfile::tempdir().unwrap();
    let Some((bundle, vkey, service, _database)) = bundle(folder.path(), Backend::Sqlite) else {
        return;
    };
    drop(service);
    let lines_path = files(&bundle)
        .into_iter()
        .find(|path| path.ends_with("envelopes/000.jsonl"))
        .unwrap();
    let tile_path = bundle.join("tile/entries/000");
    let lines: Vec<String> = fs::read_to_string(&lines_path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let tile = fs::read(&tile_path).unwrap();
    let entries: Vec<Vec<u8>> = entry_bundle::parse(&tile, 256)
        .unwrap()
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    let put = |lines: &[String], entries: &[Vec<u8>]| {
        fs::write(&lines_path, lines.join("\n") + "\n").unwrap();
        let mut bytes = Vec::new();
        for entry in entries {
            entry_bundle::append(&mut bytes, entry).unwrap();
        }
        fs::write(&tile_path, bytes).unwrap();
        verify(&bundle, &vkey)
    };
    assert_eq!(put(&lines, &entries), 0);

    // An event edited and signed again by a key that the producer never had.
    let line: Value = serde_json::from_str(&lines[100]).unwrap();
    let envelope = Envelope::parse(line["envelope"].to_string().as_bytes()).unwrap();
    let forged = Envelope::sign(&envelope.payload_type, b"{}", &[&key(66)]);
    let mut edited = lines.clone();
    edited[100] = lines[100].replace(&envelope.to_json(), &forged.to_json());
    assert_ne!(edited[100], lines[100]);
    assert_eq!(put(&edited, &entries), 1, "edited");

    // The same, with the entry hashed again to match.
    let salt = <base64ct::Base64 as base64ct::Encoding>::decode_vec(line["salt"].as_str().unwrap()).unwrap();
    let verified = forged.verify(|_| vec![key(66).public()]).unwrap();
    let time = Entry::parse(&entries[100]).unwrap().time();
    let mut rehashed = entries.clone();
    rehashed[100] = verified.entry(time, &salt.try_into().unwrap()).encode();
    assert_eq!(put(&edited, &rehashed), 1, "edited and hashed again");

    let mut swapped = (lines.clone(), entries.clone());
    swapped.0.swap(100, 101);
    swapped.1.swap(100, 101);
    assert_eq!(put(&swapped.0, &swapped.1), 1, "swapped");

    let mut dropped = (lines.clone(), entries.clone());
    dropped.0.remove(100);
    dropped.1.remove(100);
    assert_eq!(put(&dropped.0, &dropped.1), 1, "dropped");

    let mut repeated = (lines.clone(), entries.clone());
    repeated.0[101] = lines[100].clone();
    repeated.1[101] = entries[100].clone();
    assert_eq!(put(&repeated.0, &repeated.1), 1, "repeated");
    assert_eq!(put(&lines, &entries), 0, "whole again");
}
