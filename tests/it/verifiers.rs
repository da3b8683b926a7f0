//! The verifier in Python: short enough to read, and with the same idea of a signature as ours.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use ledger::PublicKey;
use serde_json::Value;

use crate::support::{python, shared};

#[test]
fn it_can_be_read_in_ten_minutes() {
    let text = fs::read_to_string(python::verifier()).unwrap();
    assert!(text.lines().count() < 300, "{} lines", text.lines().count());
    assert!(
        text.lines().all(|line| line.chars().count() <= 120),
        "a line is too long"
    );
    let imports = text
        .lines()
        .filter(|line| line.starts_with("import ") || line.starts_with("from "));
    assert_eq!(
        imports.collect::<Vec<_>>(),
        ["import argparse, base64, datetime, hashlib, json, os, pathlib, re, sys, urllib.parse"],
        "nothing but the standard library"
    );
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// Key, message and signature, and whether a published answer says that it must be accepted.
type Vector = (Vec<u8>, Vec<u8>, Vec<u8>, Option<bool>);

fn vectors() -> Vec<Vector> {
    let mut all = Vec::new();
    if let Some(path) = shared("vectors/wycheproof/testvectors_v1/ed25519_test.json") {
        let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        for group in file["testGroups"].as_array().unwrap() {
            for case in group["tests"].as_array().unwrap() {
                let valid = case["result"] == "valid";
                all.push((
                    hex(&group["publicKey"]["pk"]),
                    hex(&case["msg"]),
                    hex(&case["sig"]),
                    Some(valid),
                ));
            }
        }
    }
    if let Some(path) = shared("vectors/cctv-ed25519/ed25519/ed25519vectors.json") {
        let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        for case in file.as_array().unwrap() {
            let message = case["msg"].as_str().unwrap().as_bytes().to_vec();
            all.push((hex(&case["key"]), message, hex(&case["sig"]), None));
        }
    }
    all
}

fn accepts(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    <&[u8; 32]>::try_from(key)
        .is_ok_and(|key| PublicKey::from_bytes(key).is_ok_and(|key| key.verify(message, signature).is_ok()))
}

#[test]
fn it_accepts_the_same_signatures_as_we_do() {
    let vectors = vectors();
    if vectors.is_empty() {
        return;
    }
    let script = "
import sys
sys.path.insert(0, sys.argv[1])
import verify
for line in sys.stdin:
    key, message, signature = map(bytes.fromhex, line.rstrip('\\n').split(','))
    try:
        key = verify.Key(bytes.fromhex('302a300506032b6570032100') + key)
    except verify.Wrong:
        print(0)
    else:
        print(int(key.verifies(message, signature)))
";
    let spawned = python::command()
        .args(["-c", script])
        .arg(python::verifier().parent().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        println!("skipped: python3 is missing");
        return;
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut input = child.stdin.take().unwrap();
    let lines: String = vectors
        .iter()
        .map(|(key, message, signature, _)| format!("{},{},{}\n", hex(key), hex(message), hex(signature)))
        .collect();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    let answers: Vec<bool> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line == "1")
        .collect();
    assert_eq!(answers.len(), vectors.len());
    for (at, ((key, message, signature, expected), answer)) in vectors.iter().zip(&answers).enumerate() {
        let ours = accepts(key, message, signature);
        assert_eq!(*answer, ours, "vector {at}: {}", hex(signature));
        assert!(
            expected.is_none_or(|expected| expected == ours),
            "vector {at} is published as {expected:?}"
        );
    }
    let accepted = answers.iter().filter(|answer| **answer).count();
    assert!(
        accepted > 40 && accepted < answers.len(),
        "{accepted} of {}",
        answers.len()
    );
}
