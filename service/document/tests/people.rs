//! People in the compliance report: who had which part, who is whom, and what went ahead against the answer of the gate.

use super::compliance_report::column;
use super::*;
use crate::domain::alias::{AliasDeclaration, RoleHeld};
use crate::domain::gate::{Decision, GateDecision, GateVerdict};

/// Alice, who wrote the change, approved it as al, which is declared to be her name.
fn own_approval(declared_at: i64) -> Ledger {
    let mut ledger = Ledger::default();
    let alice = AliasDeclaration {
        person: "Alice".to_owned(),
        names: vec!["al".to_owned()],
        roles: vec![RoleHeld {
            role: "release manager".to_owned(),
            services: vec!["payments".parse().unwrap()],
        }],
        valid_from: Some(at(-100)),
        ..AliasDeclaration::default()
    };
    let nobody_here = AliasDeclaration {
        person: "zoe".to_owned(),
        names: vec!["z".to_owned()],
        ..AliasDeclaration::default()
    };
    ledger.alias(-200, nobody_here);
    ledger.approve(-10, "al", "1");
    ledger.deploy(0, "run-1", "1", release(vec![commit("feat: refunds", "alice")]));
    ledger.alias(declared_at, alice).event.extension.actor = Some(human("hr"));
    ledger
}

#[test]
fn one_person_is_one_row_whatever_the_names() {
    let report = report(&own_approval(10));
    let rows = report.duties.iter();
    let rows = rows.map(|row| {
        (
            row.person.as_str(),
            row.names.len(),
            row.author,
            row.approver,
            row.conflicts,
        )
    });
    assert_eq!(rows.collect::<Vec<_>>(), [("Alice", 2, 1, 1, 1)]);
    let separation = report.exceptions[0].failures.iter().find(|row| row.id == "DL-SOD-1");
    assert!(separation.is_some(), "as the check says");
}

#[test]
fn what_is_declared_about_these_people_is_listed_with_who_said_it_and_when() {
    let report = report(&own_approval(10));
    let [alice] = report.aliases.as_slice() else {
        panic!("{:?}", report.aliases)
    };
    assert_eq!((alice.declared.from, alice.until), (at(-100), None));
    assert!(alice.recorded_after);
    let text = markdown(compliance::TEMPLATE, &report);
    assert!(
        text.contains(
            "| Alice | al | none | release manager (payments) | 2026-03-02 07:20:00 UTC | open | 2026-03-02 09:11:00 UTC, \
             after it says that it holds | hr, signed by ci | [#4]"
        ),
        "{text}"
    );
}

/// An answer of the gate about a version.
pub fn answer(ledger: &mut Ledger, minute: i64, version: &str, decision: Decision, reason: Option<&str>) {
    let record = ledger.add(minute, "shipslog-gate.decided", "question", Body::Other);
    let verdict = GateVerdict {
        id: "DL-TST-1".to_owned(),
        version: 1,
        result: if decision == Decision::Allow { "pass" } else { "fail" }.to_owned(),
        text: "e2e ended in failure".to_owned(),
        evidence: Vec::new(),
    };
    record.event.extension = Extension {
        artifact: Some(digest(version)),
        actor: Some(pipeline("release-pipeline")),
        gate: Some(Box::new(GateDecision {
            question: 0,
            decision,
            checks: vec![verdict],
            catalogue_sha256: None,
            override_reason: reason.map(str::to_owned),
        })),
        ..Extension::default()
    };
}

#[test]
fn what_began_against_the_answer_of_the_gate_is_listed() {
    let mut ledger = Ledger::default();
    for version in ["1", "2", "3", "5"] {
        answer(&mut ledger, -20, version, Decision::Deny, None);
    }
    answer(&mut ledger, -19, "2", Decision::CannotTell, Some("The shop is down."));
    answer(&mut ledger, -18, "3", Decision::Allow, None);
    for (minute, version) in [(0, "1"), (10, "2"), (20, "3"), (30, "4")] {
        ledger.deploy(minute, &format!("run-{version}"), version, release(vec![]));
    }
    answer(&mut ledger, 40, "4", Decision::Deny, None);
    ledger.finish(50, "run-5", "5", Outcome::Cancel);
    let report = report(&ledger);
    let rows = report.against_gate.iter();
    let rows = rows.map(|row| (row.deployment.id.as_str(), row.answer.index, row.answer.said.decision));
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [("run-1", 0, Decision::Deny), ("run-2", 4, Decision::CannotTell)],
        "not what was allowed since, never asked about, asked about afterwards, or cancelled before it began"
    );
    let text = markdown(compliance::TEMPLATE, &report);
    for part in [
        "2 deployments went ahead although the gate had not allowed it, 1 of them without a recorded override.",
        "| deny | 2026-03-02 08:41:00 UTC | release-pipeline | DL-TST-1: e2e ended in failure | none recorded |",
        "| DL-TST-1: e2e ended in failure | The shop is down. |",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let told = [
        "deny (#0); no override recorded",
        "cannot tell (#4); overridden: The shop is down.",
    ];
    assert_eq!(column(&report, "against_gate")[..3], [told[0], told[1], ""]);
}
