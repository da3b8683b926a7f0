//! Release notes beside those that git-cliff, which `tests/run` fetches, makes of the same commits: nothing that it lists is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::checkouts::checkout;
use crate::cli_record::Desk;
use crate::support::binary::{Service, command, stdout};

/// Commits as people and tools write them, after one that runs already.
const COMMITS: [&str; 24] = [
    "feat: pay by card",
    "feat(refunds): refund a part of a payment (#101)\n\nUntil now only whole payments could go back.\n\nRefs: PAY-210",
    "fix: round half cents to even\n\nFixes: PAY-198",
    "feat(api)!: amounts are strings (#104)\n\nBREAKING CHANGE: clients must send amounts as decimal strings.",
    "chore(deps): bump serde from 1.0.203 to 1.0.210",
    "docs: explain refunds",
    "perf(search): look up payments by index",
    "fix(webhook): accept names in UTF-8 (PAY-205)",
    "fix(security): refuse tokens without a signature (CVE-2026-1234)",
    "ci: run on two cores",
    "test: a refund after midnight",
    "refactor(ledger)!: one place for rounding",
    "feat: voucher payments (#110)",
    "Revert \"feat: voucher payments (#110)\" (#111)",
    "fix: typo in receipt\n\nCo-authored-by: Bob <bob@example.com>",
    "fix: typo in receipt",
    "Update the logo",
    "WIP",
    "feat: export as CSV",
    "Fix: time zone of statements",
    "feat(refunds)!: a reason is required\n\nBREAKING-CHANGE: send `reason`\nSigned-off-by: Ann <ann@example.com>",
    "revert: feat: pay by card",
    "chore(release): 1.1.0",
    "feat: *bold* <b>claims</b> by @ann",
];

/// What git-cliff lists, by the id of the commit: the group, without its number and picture, and whether it is breaking.
fn listed(program: &Path, folder: &Path, from: &str) -> BTreeMap<String, (String, bool)> {
    let output = Command::new(program)
        .args(["--context", "--offline", &format!("{from}..")])
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    let releases: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let commits = releases.as_array().unwrap().iter();
    let commits = commits.flat_map(|release| release["commits"].as_array().unwrap());
    commits
        .map(|commit| {
            let group = commit["group"].as_str().unwrap_or_default();
            let word = group.rsplit_once("-->").map_or(group, |(_, group)| group);
            let word = word.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).to_owned();
            let breaking = commit["breaking"].as_bool().unwrap();
            (commit["id"].as_str().unwrap().to_owned(), (word, breaking))
        })
        .collect()
}

#[test]
fn nothing_that_git_cliff_lists_for_readers_is_missing() {
    let Some(tools) = std::env::var_os("SHIPSLOG_TEST_GIT_CLIFF").map(PathBuf::from) else {
        println!("skipped: git-cliff is not here");
        return;
    };
    let desk = Desk::new();
    let data = tempfile::tempdir().unwrap();
    let ids = checkout(desk.folder.path(), &COMMITS);
    let service = Service::start(data.path(), None, &[]);
    stdout(&service.shipslog(&["producer", "add", "ci", "--public-key", &desk.at("key.pub.pem")]));
    for commit in [&ids[0], &ids[ids.len() - 1]] {
        let place = ["--service", "shop", "--environment", "production"];
        let mut record = command(&["record", "deployment", "--commit", commit, "--key", &desk.at("key.pem")]);
        record.args(place).current_dir(desk.folder.path());
        record.env("SHIPSLOG_URL", service.url());
        record.env("SHIPSLOG_TOKEN", service.client.token.as_deref().unwrap());
        stdout(&record.output().unwrap());
    }
    let notes = service.json(&["notes", "shop", "production", "--format", "json"]);
    let changes = &notes["changes"];
    let ours = |key: Option<&str>| -> BTreeSet<&str> {
        let groups = changes["groups"].as_array().unwrap().iter();
        let groups = groups.filter(|group| key.is_none_or(|key| group["key"] == key));
        let entries = groups.flat_map(|group| group["entries"].as_array().unwrap());
        entries
            .flat_map(|entry| entry["commits"].as_array().unwrap())
            .map(|commit| commit.as_str().unwrap())
            .collect()
    };
    let theirs = listed(&tools.join("venv/bin/git-cliff"), desk.folder.path(), &ids[0]);
    let of = |wanted: &str| -> BTreeSet<&str> {
        let these = theirs.iter().filter(|(_, (group, _))| group == wanted);
        these.map(|(id, _)| id.as_str()).collect()
    };
    let for_readers = ["Features", "Bug Fixes", "Performance", "Security", "Revert"];
    let all: BTreeSet<&str> = for_readers.iter().flat_map(|group| of(group)).collect();
    assert!(all.len() > 12, "{theirs:?}");
    // The vouchers came and went.
    let shown = ours(None);
    let missing: Vec<&&str> = all.difference(&shown).collect();
    assert_eq!(missing, [&ids[12].as_str()]);
    assert_eq!(changes["cancelled"], 2);
    let breaking = theirs.iter().filter(|(_, (_, breaking))| *breaking);
    let breaking: BTreeSet<&str> = breaking.map(|(id, _)| id.as_str()).collect();
    assert_eq!((ours(Some("breaking")), breaking.len()), (breaking, 3));

    // Every commit is shown or counted, those that git-cliff says nothing of among them.
    let count = |member: &str| changes[member].as_u64().unwrap();
    let moved = changes["dependencies"].as_array().unwrap().len() as u64;
    let shown = ours(None).len() as u64;
    assert_eq!(
        shown + count("maintenance_total") + count("cancelled") + moved,
        ids.len() as u64 - 1
    );
}
