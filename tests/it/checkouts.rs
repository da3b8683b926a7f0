//! Commits come from git: what `shipslog record deployment` reads of a checkout.

use std::path::Path;
use std::process::Command;

use ledger::Envelope;
use serde_json::Value;
use shipslog::domain::extension::DeploymentKind;
use shipslog::domain::parse::parse;

use crate::cli_record::Desk;
use crate::support::binary::{Service, command, stdout};

/// A checkout with these commits, one on another; gives their ids.
pub fn checkout(folder: &Path, messages: &[&str]) -> Vec<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=T",
                "-c",
                "user.email=t@example.org",
                "-c",
                "commit.gpgSign=false",
            ])
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q", "-b", "main"]);
    messages
        .iter()
        .map(|message| {
            git(&["commit", "-q", "--allow-empty", "-m", message]);
            git(&["rev-parse", "HEAD"])
        })
        .collect()
}

#[test]
fn what_a_ci_system_calls_a_commit_is_looked_up_or_left_out() {
    if Command::new("git").arg("--version").output().is_err() {
        println!("skipped: git is missing");
        return;
    }
    let desk = Desk::new();
    let arguments: Vec<&str> = "deployment --service shop --environment production --version 1"
        .split(' ')
        .collect();
    let commit = || {
        let event = desk.dry(&arguments, &[("BUILDKITE", "true"), ("BUILDKITE_COMMIT", "HEAD")]);
        event.extension.commit
    };
    assert_eq!(commit(), None);
    let commits = checkout(desk.folder.path(), &["first"]);
    assert_eq!(commit().as_ref(), commits.first());
    let (code, told) = desk.refused(&[&arguments[..], &["--commit", "nowhere"]].concat());
    assert!(code == 2 && told.contains("--commit: \"nowhere\" is not"), "{told}");
    std::fs::write(desk.folder.path().join(".git/HEAD"), "nothing").unwrap();
    assert_eq!(commit(), None);
}

#[test]
fn a_deployment_brings_the_commits_since_what_runs_there() {
    if Command::new("git").arg("--version").output().is_err() {
        println!("skipped: git is missing");
        return;
    }
    let desk = Desk::new();
    let data = tempfile::tempdir().unwrap();
    let commits = checkout(
        desk.folder.path(),
        &["first", "feat: second (#7)\n\nRefs: PAY-2", "fix: third"],
    );
    let service = Service::start(data.path(), None, &[]);
    stdout(&service.shipslog(&["producer", "add", "ci", "--public-key", &desk.at("key.pub.pem")]));
    let deploy = |commit: &str, token: Option<&str>| {
        let mut command = command(&[
            "record",
            "deployment",
            "--service",
            "shop",
            "--environment",
            "production",
        ]);
        command
            .args([
                "--commit",
                commit,
                "--key",
                &desk.at("key.pem"),
                "--envelope",
                &desk.at("envelope.json"),
            ])
            .current_dir(desk.folder.path())
            .env("SHIPSLOG_URL", service.url())
            // A hostile environment changes nothing.
            .env("GIT_DIR", "/nonexistent");
        if let Some(token) = token {
            command.env("SHIPSLOG_TOKEN", token);
        }
        let output = command.output().unwrap();
        let receipt = serde_json::from_str::<Value>(&stdout(&output)).unwrap();
        assert!(receipt["index"].is_u64());
        let envelope = Envelope::parse(&std::fs::read(desk.at("envelope.json")).unwrap()).unwrap();
        let event = parse(&envelope.payload_type, &envelope.payload).unwrap();
        (event.extension, String::from_utf8(output.stderr).unwrap())
    };
    let token = service.client.token.clone();
    let token = token.as_deref();

    let (first, told) = deploy(&commits[0], token);
    assert!(
        first.commits.is_empty() && told.contains("No commits were collected"),
        "{told}"
    );
    let (unknown, told) = deploy(&commits[2], None);
    assert!(unknown.commits.is_empty() && told.contains("reader token"), "{told}");
    deploy(&commits[0], token);
    let (forward, _) = deploy(&commits[2], token);
    assert_eq!(
        forward.commits.iter().map(|commit| &commit.id).collect::<Vec<_>>(),
        [&commits[2], &commits[1]]
    );
    assert_eq!(forward.commits[1].message, "feat: second (#7)\n\nRefs: PAY-2");
    assert_eq!(
        forward
            .pull_requests
            .iter()
            .map(|pull| pull.id.as_str())
            .collect::<Vec<_>>(),
        ["7"]
    );
    let (back, told) = deploy(&commits[1], token);
    assert!(back.commits.is_empty() && told.contains("goes back"), "{told}");
    assert_eq!(back.kind, Some(DeploymentKind::Rollback));
}
