//! The checks of impact, roles, reviews, scans, artifacts, emergencies' reviews and windows.

use super::*;
use crate::domain::extension::ReviewVerdict;

/// The complete history, changed before it is folded.
fn complete_but(change: impl Fn(&mut Ledger)) -> Ledger {
    let (mut ledger, _) = complete();
    change(&mut ledger);
    ledger
}

fn with(name: &str, value: serde_json::Value) -> Parameters {
    let (_, mut parameters) = complete();
    parameters.set(name, &value).unwrap();
    parameters
}

/// The start of the deployment that is tested.
fn start(ledger: &mut Ledger) -> &mut Recorded {
    let found = ledger.records.iter_mut().find(|record| record.event.subject_id == "d2");
    found.expect("the start")
}

#[test]
fn impact() {
    let told = complete_but(|_| {});
    expect(&told, "DL-CHG-3", Pass, "23 characters");
    let untold = complete_but(|ledger| start(ledger).event.extension.impact = None);
    expect(&untold, "DL-CHG-3", NotEvaluable, "no expected effect");
    expect_with(
        &untold,
        &with("required", json!(["DL-CHG-3"])),
        "DL-CHG-3",
        Fail,
        "no expected effect",
    );
    let late = complete_but(|ledger| {
        start(ledger).event.extension.impact = None;
        let end = ledger
            .records
            .iter_mut()
            .rfind(|record| record.event.subject_id == "d2");
        end.expect("the end").event.extension.impact = Some("none".to_owned());
    });
    expect(&late, "DL-CHG-3", Fail, "only after the start");
}

#[test]
fn roles() {
    let by = |declare: &dyn Fn(&mut Ledger)| {
        let mut ledger = Ledger::default();
        declare(&mut ledger);
        approved(&mut ledger);
        ledger.deploy(0, "d2", "2", good());
        ledger
    };
    let manager = by(&|ledger| {
        ledger.alias(-100, holds("bob", "release manager"));
    });
    expect(&manager, "DL-AUTH-4", Pass, "bob may");
    let roles = with("approver_roles", json!(["duty officer"]));
    expect_with(
        &manager,
        &roles,
        "DL-AUTH-4",
        Fail,
        "bob held no such role on 2026-03-02 08:50:00 UTC",
    );
    let undeclared = by(&|_| {});
    expect(
        &undeclared,
        "DL-AUTH-4",
        NotEvaluable,
        "no roles are declared for payments",
    );
    let another = by(&|ledger| {
        ledger.alias(-100, holds("carol", "release manager"));
    });
    expect(&another, "DL-AUTH-4", Fail, "bob held no such role");
    let mut afterwards = by(&|_| {});
    afterwards.alias(-100, holds("bob", "release manager"));
    expect(&afterwards, "DL-AUTH-4", Fail, "as recorded by then");
    let contradicted = by(&|ledger| {
        ledger.alias(-100, holds("bob", "release manager"));
        ledger.alias(-90, also("carol", "bob"));
    });
    expect(&contradicted, "DL-AUTH-4", NotEvaluable, "contradict each other");
}

#[test]
fn reviews_of_commits() {
    let told = complete_but(|_| {});
    expect(&told, "DL-SOD-3", Pass, "1 commit reviewed");
    let by = |people: &[&str]| {
        complete_but(|ledger| {
            let people = people.iter().map(|person| (*person).to_owned()).collect();
            start(ledger).event.extension.pull_requests[0].approved_by = people;
        })
    };
    expect(&by(&["Alice"]), "DL-SOD-3", Fail, "nobody but its author");
    expect(&by(&[]), "DL-SOD-3", NotEvaluable, "nor of the pull request 7");
    let required = with("required", json!(["DL-SOD-3"]));
    expect_with(&by(&[]), &required, "DL-SOD-3", Fail, "nor of the pull request 7");
    expect(
        &by(&["urn:github:user:alice"]),
        "DL-SOD-3",
        NotEvaluable,
        "may be its author",
    );
    let loose = complete_but(|ledger| start(ledger).event.extension.pull_requests.clear());
    expect(&loose, "DL-SOD-3", NotEvaluable, "no pull request and no review");
    let nothing = complete_but(|ledger| start(ledger).event.extension.commits.clear());
    expect(&nothing, "DL-SOD-3", NotEvaluable, "no commits");
    let cut = complete_but(|ledger| start(ledger).event.extension.commits_left_out = Some(2));
    expect(&cut, "DL-SOD-3", NotEvaluable, "has no room for 2 more commits");
    expect(&cut, "DL-SOD-1", NotEvaluable, "");
    let withdrawn = |verdict, minutes| {
        let review = Body::Change {
            step: crate::domain::event::ChangeStep::Reviewed,
            description: None,
            repository: None,
        };
        let mut ledger = Ledger::default();
        let record = ledger.add(
            minutes,
            "change.reviewed",
            "https://git.example/payments/pull/7",
            review,
        );
        record.event.environment = None;
        record.event.extension.actor = Some(human("bob"));
        record.event.extension.review = Some(verdict);
        let request = pull_request("7", "Refunds");
        ledger.deploy(
            0,
            "d2",
            "2",
            Extension {
                pull_requests: vec![request],
                ..good()
            },
        );
        ledger
    };
    expect(&withdrawn(ReviewVerdict::Approved, -60), "DL-SOD-3", Pass, "reviewed");
    expect(
        &withdrawn(ReviewVerdict::ChangesRequested, -60),
        "DL-SOD-3",
        Fail,
        "nobody but its author",
    );
    expect(
        &withdrawn(ReviewVerdict::Approved, 60),
        "DL-SOD-3",
        NotEvaluable,
        "no review",
    );
}

#[test]
fn scans() {
    let scan = |minutes: i64, change: &dyn Fn(&mut Recorded)| {
        ledger_with(good(), |ledger| change(scanned(ledger, minutes)), nothing)
    };
    let found = |outcome, severity: Option<&'static str>| {
        scan(-20, &move |record| {
            let Body::TestRun(body) = &mut record.event.body else {
                unreachable!()
            };
            body.phase = crate::domain::event::RunPhase::Finished(outcome);
            body.severity = severity.map(str::to_owned);
        })
    };
    expect(
        &scan(-20, &|_| {}),
        "DL-TST-3",
        Pass,
        "image scan ended 2026-03-02 08:40:00 UTC",
    );
    expect(
        &found(Some(Outcome::Failure), Some("critical")),
        "DL-TST-3",
        Fail,
        "ended in failure, critical",
    );
    expect(
        &found(Some(Outcome::Failure), Some("medium")),
        "DL-TST-3",
        Pass,
        "image scan",
    );
    let low = with("scan_threshold", json!("low"));
    expect_with(
        &found(Some(Outcome::Failure), Some("medium")),
        &low,
        "DL-TST-3",
        Fail,
        "medium",
    );
    expect(
        &found(Some(Outcome::Failure), None),
        "DL-TST-3",
        Fail,
        "ended in failure",
    );
    expect(&found(None, None), "DL-TST-3", NotEvaluable, "no result");
    let none = ledger_with(good(), nothing, tested);
    expect_with(
        &none,
        &with("required", json!(["DL-TST-3"])),
        "DL-TST-3",
        Fail,
        "no security scan",
    );
    let mut late = ledger_with(good(), nothing, nothing);
    scanned(&mut late, 5);
    expect(&late, "DL-TST-3", Fail, "5 min after the start");
}

#[test]
fn one_artifact() {
    expect(
        &complete_but(|_| {}),
        "DL-ART-1",
        Pass,
        "built, tested, approved and deployed as sha256:",
    );
    let unbuilt = ledger_with(good(), approved, tested);
    expect(&unbuilt, "DL-ART-1", NotEvaluable, "no record tells that it was built");
    let rebuilt = ledger_with(
        good(),
        |ledger| {
            approved(ledger);
            ledger.made(-50, "1").event.extension.commit = Some("c".repeat(40));
        },
        tested,
    );
    expect(&rebuilt, "DL-ART-1", Fail, "what was built is pkg:oci/payments@sha256");
}

#[test]
fn origin_of_the_artifact() {
    let (ledger, parameters) = complete();
    expect_with(
        &ledger,
        &parameters,
        "DL-ART-2",
        Pass,
        "verified, from https://builder.example",
    );
    expect(&ledger, "DL-ART-2", NotEvaluable, "no builders are named");
    let others = with("trusted_builders", json!(["https://other.example"]));
    expect_with(&ledger, &others, "DL-ART-2", Fail, "is not trusted");
    let broken = complete_but(|ledger| {
        let made = ledger
            .records
            .iter_mut()
            .find(|r| r.event.extension.provenance.is_some());
        made.expect("the package").event.extension.provenance = Some(provenance(false));
    });
    expect_with(&broken, &parameters, "DL-ART-2", Fail, "did not verify");
    let untold = ledger_with(good(), approved, tested);
    expect_with(&untold, &parameters, "DL-ART-2", NotEvaluable, "no provenance");
    let required = with("required", json!(["DL-ART-2"]));
    expect_with(&untold, &required, "DL-ART-2", Fail, "no provenance");
}

/// An emergency on Monday, and the ledger until Thursday.
fn emergency(review: impl Fn(&mut Ledger)) -> Ledger {
    let kind = Some(DeploymentKind::Emergency);
    let mut ledger = ledger_with(Extension { kind, ..good() }, nothing, nothing);
    review(&mut ledger);
    ledger.deploy(4 * 1440, "d3", "3", good());
    ledger
}

#[test]
fn emergencies_are_reviewed() {
    let by = |person: &'static str, minutes, note: Option<&'static str>| {
        emergency(move |ledger| {
            ledger.approve(minutes, person, "2").event.extension.reason = note.map(str::to_owned);
        })
    };
    let note = Some("It held. The usual process from here on.");
    expect(
        &by("bob", 60, note),
        "DL-EMG-2",
        Pass,
        "bob reviewed it at 2026-03-02 10:00:00 UTC",
    );
    expect(&by("bob", 60, None), "DL-EMG-2", Fail, "without a note");
    expect(
        &by("alice", 60, note),
        "DL-EMG-2",
        Fail,
        "also wrote part of the change",
    );
    expect(&by("bob", 3 * 1440, note), "DL-EMG-2", Fail, "too late");
    expect(&emergency(|_| {}), "DL-EMG-2", Fail, "no review");
    expect(&by("bob", -10, note), "DL-EMG-2", Fail, "no review");
    let kind = Some(DeploymentKind::Emergency);
    let running = ledger_with(Extension { kind, ..good() }, nothing, nothing);
    expect(&running, "DL-EMG-2", NotEvaluable, "pending: no review yet");
    let mut endless = Ledger::default();
    endless.start(0, "d2", "2", Extension { kind, ..good() });
    expect(&endless, "DL-EMG-2", NotEvaluable, "no end");
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-EMG-2",
        NotApplicable,
        "outside its scope",
    );
}

#[test]
fn windows() {
    let (ledger, parameters) = complete();
    expect_with(&ledger, &parameters, "DL-WIN-1", Pass, "began 2026-03-02 09:00:00 UTC");
    expect(&ledger, "DL-WIN-1", NotEvaluable, "no calendar");
    let frozen = json!({
        "time_zone": "UTC", "freezes": [{ "name": "spring", "from": "2026-03-01", "to": "2026-03-05" }],
    });
    expect_with(
        &ledger,
        &with("calendar", frozen),
        "DL-WIN-1",
        Fail,
        "is in the freeze spring",
    );
}
