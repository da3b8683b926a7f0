//! How commits, pull requests and tickets become a change set.

use super::*;
use crate::domain::extension::{DependencyChange, Extension};
use crate::domain::fixture::{Ledger, commit, pull_request, ticket};

fn changes(extension: Extension) -> Changes {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d", "1", extension);
    Changes::of(&[&ledger.deployment("d")], &BTreeSet::new(), &[])
}

fn of(messages: &[&str]) -> Changes {
    changes(Extension {
        commits: messages.iter().map(|m| commit(m, "a")).collect(),
        ..Extension::default()
    })
}

fn shown(changes: &Changes) -> Vec<(&str, &str)> {
    changes
        .groups
        .iter()
        .flat_map(|g| g.entries.iter().map(|e| (g.key, e.title.as_str())))
        .collect()
}

#[test]
fn breaking_comes_first_and_noise_is_counted() {
    let changes = of(&[
        "docs: explain",
        "fix: b",
        "chore(deps): bump x",
        "chore: tidy",
        "perf: c",
        "security: d",
        "feat!: a",
        "feat: e",
        "refactor: f",
        "Update the logo",
        "WIP: something",
        "Merge pull request #3 from x/y",
    ]);
    assert_eq!(
        shown(&changes),
        [
            ("breaking", "a"),
            ("security", "d"),
            ("feature", "e"),
            ("fix", "b"),
            ("performance", "c"),
            ("other", "Update the logo"),
            ("other", "WIP: something"),
        ]
    );
    assert_eq!((changes.total, changes.shown, changes.maintenance_total), (11, 7, 4));
}

#[test]
fn what_is_fixed_may_be_a_weakness() {
    let changes = of(&[
        "fix(security): refuse tokens without a signature",
        "fix: escape names (CVE-2026-1234)",
        "fix(api): explain what a CVE- is",
        "feat: list GHSA-1",
    ]);
    assert_eq!(
        shown(&changes),
        [
            ("security", "refuse tokens without a signature"),
            ("security", "escape names (CVE-2026-1234)"),
            ("feature", "list GHSA-1"),
            ("fix", "explain what a CVE- is"),
        ]
    );
}

#[test]
fn what_was_taken_back_is_named_without_its_kind() {
    let changes = of(&[
        "Revert \"feat(cards): pay by card (#3)\" (#4)",
        "revert: fix: rounding",
        "revert(ui): the new colours",
        "Revert \"Make it blue\"",
        "Revert \"Note: this\"",
    ]);
    let entries = &changes.groups[0].entries;
    let told = entries
        .iter()
        .map(|entry| (entry.scope.as_deref(), entry.title.as_str()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (Some("cards"), "pay by card (#3)"),
            (None, "rounding"),
            (Some("ui"), "the new colours"),
            (None, "Make it blue"),
            (None, "Note: this"),
        ]
    );
}

#[test]
fn a_history_that_says_no_kinds_is_one_list() {
    let title = |messages: &[&str]| of(messages).groups.last().map(|group| group.title);
    let plain = [
        "Tokens can run out",
        "Tokens: the test names the status",
        "README: tokens",
    ];
    assert_eq!(title(&plain), Some("Changes"));
    assert_eq!(of(&plain).maintenance[0].key, "docs");
    assert_eq!(title(&["feat: a", "Tokens can run out"]), Some("Other changes"));
}

#[test]
fn tickets_of_texts_are_listed_once_and_pull_requests_are_none() {
    let mut ledger = Ledger::default();
    let texts = [
        "feat: refunds (#420)\n\nRefs: PAY-1\nSee also #7 and #420.",
        "fix: PAY-1 again, in UTF-8\n\nFixes: PAY-2, OPS-3",
        "feat: gone (PAY-9)",
        "Revert \"feat: gone (PAY-9)\"",
    ];
    let extension = Extension {
        commits: texts.iter().map(|text| commit(text, "a")).collect(),
        tickets: vec![ticket("PAY-2")],
        ..Extension::default()
    };
    ledger.deploy(0, "d", "1", extension);
    let links = ["PAY-", "#"].map(|prefix| TicketLink {
        prefix: prefix.to_owned(),
        url: "https://t.example/{id}".to_owned(),
    });
    let changes = Changes::of(&[&ledger.deployment("d")], &BTreeSet::new(), &links);
    let all = changes
        .tickets
        .iter()
        .map(|ticket| (ticket.id.as_str(), ticket.url.as_deref()));
    assert_eq!(
        all.collect::<Vec<_>>(),
        [
            ("PAY-2", Some("https://tickets.example/PAY-2")),
            ("PAY-1", Some("https://t.example/PAY-1")),
            ("#7", Some("https://t.example/%237")),
            ("OPS-3", None),
        ]
    );
    let of_first: Vec<&str> = changes.groups[0].entries[0]
        .tickets
        .iter()
        .map(|t| t.id.as_str())
        .collect();
    assert_eq!(of_first, ["PAY-1", "#7"]);
}

#[test]
fn a_breaking_chore_is_not_noise() {
    let changes = of(&["chore!: need Rust 1.95\n\nBREAKING CHANGE: update the toolchain"]);
    assert_eq!(shown(&changes), [("breaking", "need Rust 1.95")]);
    assert_eq!(
        changes.groups[0].entries[0].breaking_note.as_deref(),
        Some("update the toolchain")
    );
}

#[test]
fn reverts_cancel_and_reverts_of_reverts_restore() {
    let a = commit("feat: a (#1)", "a");
    let b = commit("feat: b", "a");
    let mut revert_a = commit("Revert \"feat: a (#1)\" (#2)", "a");
    revert_a.message.push_str(&format!("\n\nThis reverts commit {}.", a.id));
    let mut again = commit("Revert \"Revert \"feat: a (#1)\" (#2)\" (#3)", "a");
    again
        .message
        .push_str(&format!("\n\nThis reverts commit {}.", revert_a.id));
    let set = |commits| {
        changes(Extension {
            commits,
            ..Extension::default()
        })
    };
    for order in [
        vec![a.clone(), b.clone(), revert_a.clone()],
        vec![revert_a.clone(), b.clone(), a.clone()],
    ] {
        let changes = set(order);
        assert_eq!((shown(&changes), changes.cancelled), (vec![("feature", "b")], 2));
    }
    let restored = set(vec![a.clone(), b.clone(), revert_a.clone(), again]);
    assert_eq!(
        (shown(&restored), restored.cancelled),
        (vec![("feature", "a (#1)"), ("feature", "b")], 2)
    );
    let outside = set(vec![b, revert_a]);
    assert_eq!(shown(&outside), [("feature", "b"), ("revert", "a (#1)")]);
}

#[test]
fn one_change_is_shown_once() {
    let original = commit("fix: rounding", "a");
    let picked = commit(
        &format!("fix: rounding\n\n(cherry picked from commit {})", original.id),
        "a",
    );
    let changes = changes(Extension {
        commits: vec![original, picked],
        ..Extension::default()
    });
    assert_eq!((shown(&changes), changes.duplicates), (vec![("fix", "rounding")], 1));
    let changes = of(&["fix: typo\n\none", "fix: typo\n\ntwo"]);
    assert_eq!(changes.groups[0].entries.len(), 1);
    assert_eq!(changes.groups[0].entries[0].commits.len(), 2);
}

#[test]
fn pull_requests_and_tickets_are_linked_to_their_change() {
    let changes = changes(Extension {
        commits: vec![
            commit("feat: refunds (#420)", "a"),
            commit("fix: PAY-1 rounding", "a"),
            commit("fix: PAY-12 y", "a"),
        ],
        pull_requests: vec![
            pull_request("420", "feat: refunds"),
            pull_request("421", "fix: no commit is known for this"),
        ],
        tickets: vec![ticket("PAY-1")],
        ..Extension::default()
    });
    let entry = |title: &str| {
        changes
            .groups
            .iter()
            .flat_map(|g| &g.entries)
            .find(|e| e.title == title)
            .unwrap_or_else(|| panic!("{title}: {changes:?}"))
    };
    assert_eq!(entry("refunds").pull_requests[0].id, "#420");
    assert_eq!(entry("no commit is known for this").pull_requests[0].id, "#421");
    assert_eq!(entry("PAY-1 rounding").tickets[0].id, "PAY-1");
    assert!(entry("PAY-12 y").tickets.is_empty(), "PAY-1 is no part of PAY-12");
}

#[test]
fn tickets_alone_are_changes_too() {
    let changes = changes(Extension {
        tickets: vec![ticket("PAY-1")],
        ..Extension::default()
    });
    assert_eq!(shown(&changes), [("other", "PAY-1")]);
}

#[test]
fn odd_messages_stay_visible() {
    let changes = of(&["", "\n\nno title", "feat:", ": x", "feat(: x", "\u{202e}"]);
    assert_eq!(changes.shown, changes.total - changes.duplicates, "{changes:?}");
    assert!(
        changes
            .groups
            .iter()
            .flat_map(|g| &g.entries)
            .all(|e| !e.title.is_empty())
    );
}

#[test]
fn dependency_updates_are_listed_by_version_and_nowhere_else() {
    let changes = of(&[
        "chore(deps): bump serde from 1.0.2 to 1.0.3",
        "chore(deps): bump serde from 1.0.1 to 1.0.2",
        "chore(deps): bump tokio",
        "build(deps)!: bump axum from 0.7.9 to 0.8.0\n\nBREAKING CHANGE: paths use braces",
        "feat: a",
        "Revert \"chore(deps): bump rand from 1 to 2\"",
        "chore(deps): bump rand from 1 to 2",
    ]);
    let rows: Vec<_> = changes
        .dependencies
        .iter()
        .map(|row| (row.name.as_str(), row.from.as_deref(), row.to.as_deref()))
        .collect();
    assert_eq!(
        rows,
        [
            ("axum", Some("0.7.9"), Some("0.8.0")),
            ("serde", Some("1.0.1"), Some("1.0.3"))
        ]
    );
    assert_eq!(
        shown(&changes),
        [("breaking", "bump axum from 0.7.9 to 0.8.0"), ("feature", "a")]
    );
    assert_eq!(
        (changes.maintenance_total, changes.cancelled),
        (1, 2),
        "tokio says no version"
    );
}

#[test]
fn what_a_deployment_says_itself_and_its_commits_say_is_one_row() {
    let said = |name: &str, from: Option<&str>, to: Option<&str>| DependencyChange {
        name: name.to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    let changes = changes(Extension {
        commits: vec![commit("chore(deps): bump serde from 1.0.1 to 1.0.2", "a")],
        dependency_changes: vec![
            said("serde", Some("1.0.1"), Some("1.0.2")),
            said("left-pad", Some("1.3.0"), None),
        ],
        ..Extension::default()
    });
    let rows: Vec<_> = changes
        .dependencies
        .iter()
        .map(|row| (row.name.as_str(), row.to.as_deref()))
        .collect();
    assert_eq!(rows, [("left-pad", None), ("serde", Some("1.0.2"))]);
}
