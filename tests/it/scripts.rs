//! The example scripts of the README: an event is posted with openssl and curl alone, and verified without a network.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::binary::{Service, code, run, stdout};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/post-with-openssl.sh")
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn post(folder: &Path, service: &Service, arguments: &[&str]) -> Output {
    let mut command = Command::new(script());
    command
        .args(arguments)
        .current_dir(folder)
        .env("SHIPSLOG_URL", service.url())
        .output()
        .unwrap()
}

/// Whether this machine has what the script needs.
fn equipped() -> bool {
    let there = ["bash", "openssl", "curl"].iter().all(|tool| {
        Command::new(tool)
            .arg(if *tool == "openssl" { "version" } else { "--version" })
            .output()
            .is_ok()
    });
    if !there {
        println!("skipped: bash, openssl or curl is missing");
    }
    there
}

#[test]
fn an_event_signed_with_openssl_alone_is_recorded_and_verifies_offline() {
    if !equipped() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    openssl(folder.path(), &["genpkey", "-algorithm", "ed25519", "-out", "key.pem"]);
    openssl(
        folder.path(),
        &["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"],
    );
    openssl(
        folder.path(),
        &["genpkey", "-algorithm", "ed25519", "-out", "stranger.pem"],
    );

    let service = Service::start(data.path(), None, &[]);
    stdout(&service.shipslog(&["producer", "add", "shell", "--public-key", &at("public.pem")]));
    // A name that would break a careless script.
    let printed = stdout(&post(
        folder.path(),
        &service,
        &["key.pem", "pay \"ments\" \\ é", "production", "1.2.3"],
    ));
    assert_eq!(printed.trim_end(), std::fs::read_to_string(at("receipt.json")).unwrap());
    let state = service.json(&["state", "production", "--format", "json"]);
    assert_eq!(state["items"][0]["service"], "pay \"ments\" \\ é");
    assert_eq!(state["items"][0]["version"], "1.2.3");

    let receipt = std::fs::read(at("receipt.json")).unwrap();
    let envelope = std::fs::read(at("envelope.json")).unwrap();
    let refused = post(
        folder.path(),
        &service,
        &["stranger.pem", "shop", "production", "1.2.3"],
    );
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("401"), "{refused:?}");
    std::fs::write(at("receipt.json"), &receipt).unwrap();
    std::fs::write(at("envelope.json"), &envelope).unwrap();
    assert!(service.terminate());

    let log_key = data.path().join("log.vkey");
    let verify = || {
        let log_key = log_key.to_str().unwrap();
        run(&[
            "verify",
            "receipt",
            &at("receipt.json"),
            "--envelope",
            &at("envelope.json"),
            "--log-key",
            log_key,
            "--producer-key",
            &at("public.pem"),
        ])
    };
    assert!(stdout(&verify()).starts_with("Verified: entry "));
    for (name, bytes) in [("receipt.json", &receipt), ("envelope.json", &envelope)] {
        for at_byte in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[at_byte] ^= 1 << (at_byte % 8);
            std::fs::write(at(name), &changed).unwrap();
            assert_eq!(code(&verify()), 1, "byte {at_byte} of {name}");
        }
        std::fs::write(at(name), bytes).unwrap();
    }
    assert_eq!(code(&verify()), 0);
    std::fs::remove_file(at("envelope.json")).unwrap();
    assert_eq!(code(&verify()), 2);
}

#[test]
fn the_script_says_how_it_is_used() {
    if !equipped() {
        return;
    }
    let output = Command::new(script()).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("KEY.pem SERVICE ENVIRONMENT VERSION"));
}
