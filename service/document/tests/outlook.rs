//! Release notes on the time beside the deployment: for when it was planned, what is not in it, what comes next; and what came late.

use super::*;
use crate::domain::event::{ChangeStep, Phase};
use crate::domain::fixture::image;

fn announce(ledger: &mut Ledger, minutes: i64, id: &str, version: &str) {
    let artifact = image("payments", version);
    let body = Body::Deployment {
        phase: Phase::Queued,
        artifact,
    };
    let said = ledger.add(minutes, "deployment.queued", id, body);
    said.event.extension.version = Some(version.to_owned());
}

fn merge(ledger: &mut Ledger, minutes: i64, id: &str, title: &str) {
    let body = Body::Change {
        step: ChangeStep::Merged,
        description: None,
        repository: None,
    };
    let said = ledger.add(minutes, "change.merged", id, body);
    said.event.environment = None;
    said.event.extension.pull_requests = vec![pull_request(id, title)];
}

fn bringing(titles: &[&str]) -> Extension {
    Extension {
        commits: titles.iter().map(|title| commit(title, "alice")).collect(),
        ..Extension::default()
    }
}

fn section(text: &str) -> &str {
    let section = text.split("## When, what is not in it, and what comes next").nth(1);
    section
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap()
        .split("\n---")
        .next()
        .unwrap()
}

#[test]
fn managers_read_when_it_was_planned_what_is_not_in_it_and_what_comes_next() {
    let mut ledger = Ledger::default();
    merge(&mut ledger, 1, "7", "Pay by card");
    merge(&mut ledger, 2, "8", "Pay by phone");
    let ahead = ledger.records.len();
    ledger.deploy(
        10,
        "s1",
        "1.1.0",
        bringing(&["feat: pay by card", "feat: pay by phone"]),
    );
    ledger.move_to(ahead, "staging");
    let tried = ledger.records.len();
    ledger.deploy(
        15,
        "t1",
        "1.1.0",
        bringing(&["feat: pay by card", "feat: pay by phone"]),
    );
    ledger.move_to(tried, "development");
    announce(&mut ledger, 30, "p1", "1.0.0");
    let carrying = Extension {
        pull_requests: vec![pull_request("7", "Pay by card")],
        ..bringing(&["feat: pay by card"])
    };
    ledger.deploy(40, "p1", "1.0.0", carrying);
    announce(&mut ledger, 600, "p2", "1.1.0");
    let (_, text) = variant(&ledger, Scope::Deployment("p1".parse().unwrap()), Audience::Manager);
    let said = section(&text);
    for part in [
        "When: deployed from 2026-03-02 09:40 UTC to 2026-03-02 09:43 UTC; announced for 2026-03-02 09:30 UTC ([#6](/entries/6)).",
        "Not in it, but in staging with 1.1.0 ([#2](/entries/2)):\n\n- Pay by phone ([#2](/entries/2))\n",
        "Not in it, but merged:\n\n- [8](https://git.example/payments/pull/8): Pay by phone, 2026-03-02 ([#1](/entries/1))\n",
        "Next: 1.1.0, announced for 2026-03-02 19:00 UTC ([#9](/entries/9)).",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert_eq!(said.matches("Pay by card").count(), 0, "{said}");
    assert!(!said.contains("development"), "told of staging: {said}");
    // Once it is deployed, nothing waits.
    ledger.deploy(610, "p2", "1.1.0", bringing(&["feat: pay by phone"]));
    let (merged, next) = (&ledger.records[1], notes_of(&ledger, "p1").outlook.next);
    assert_eq!((next[0].label.as_str(), next[0].status), ("1.1.0", "finished"));
    let after = notes_of(&ledger, "p2");
    assert!(after.outlook.elsewhere.is_empty() && after.outlook.next.is_empty());
    let waiting: Vec<u64> = after.outlook.merged.iter().map(|row| row.index).collect();
    assert_eq!(waiting, [merged.index], "nothing says which change that commit was");
}

/// The order of the log says what replaced what; it says nothing of when.
#[test]
fn what_came_late_is_told_with_the_data() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1.0.0", Extension::default());
    ledger.deploy(2880, "d3", "3.0.0", Extension::default());
    ledger.deploy(1440, "d2", "2.0.0", Extension::default());
    let late = notes_of(&ledger, "d2");
    let note = late.data_notes.iter().find(|note| note.contains("came late")).unwrap();
    assert!(note.contains("it claims to be older than 3.0.0"), "{note}");
    assert_eq!(late.previous.unwrap().ran_for_ms, None);
    let before = notes_of(&ledger, "d3");
    assert!(
        before
            .data_notes
            .iter()
            .any(|note| note.contains("The record of 2.0.0 came late"))
    );
    let in_order = notes_of(&ledger, "d1");
    assert!(!in_order.data_notes.iter().any(|note| note.contains("came late")));
}

#[test]
fn an_incident_of_two_sources_is_told_to_be_one_by_its_id_alone() {
    let mut ledger = story();
    let notes = notes_of(&ledger, "run-3");
    let shared = |notes: &ReleaseNotes| notes.data_notes.iter().filter(|note| note.contains("sources")).count();
    assert_eq!(shared(&notes), 0);
    let spoken = ledger
        .records
        .iter_mut()
        .rfind(|record| record.event.subject_id == "INC-7");
    spoken.unwrap().event.source = "https://desk.example".to_owned();
    let notes = ["run-2", "run-3", "run-4"].map(|id| shared(&notes_of(&ledger, id)));
    assert!(notes.contains(&1), "{notes:?}");
}
