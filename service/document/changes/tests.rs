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
    assert_eq!(shown(&outside), [("feature", "b"), ("revert", "feat: a (#1)")]);
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
