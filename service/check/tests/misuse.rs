//! Ways around the checks: each as somebody would try it, with a near miss beside it that is nothing of the kind.

use super::*;
use crate::domain::event::Decision;

fn answer(record: &mut Recorded, decision: Option<Decision>, status: &str) {
    let Body::Approval(body) = &mut record.event.body else {
        unreachable!()
    };
    (body.decision, body.status) = (decision, Some(status.to_owned()));
}

fn of_kind(kind: DeploymentKind) -> Extension {
    Extension {
        kind: Some(kind),
        ..good()
    }
}

#[test]
fn an_author_approves_and_somebody_else_does_so_too_late() {
    let own = |ledger: &mut Ledger| {
        ledger.approve(-10, "alice", "2");
    };
    let mut ledger = ledger_with(good(), own, nothing);
    ledger.approve(10, "bob", "2");
    expect(&ledger, "DL-SOD-1", Fail, "alice, who approved, also wrote");
    let mut only_late = ledger_with(good(), nothing, nothing);
    only_late.approve(10, "bob", "2");
    expect(
        &only_late,
        "DL-SOD-1",
        NotEvaluable,
        "bob approved, but only after the start",
    );
    let mut emergency = ledger_with(of_kind(DeploymentKind::Emergency), own, nothing);
    emergency.approve(10, "bob", "2");
    expect(&emergency, "DL-SOD-1", Pass, "bob approved");
}

#[test]
fn an_author_approves_and_somebody_else_approved_another_artifact() {
    let with = |other: &'static str| {
        ledger_with(
            good(),
            move |ledger| {
                ledger.approve(-12, "bob", other).event.extension.tickets = vec![ticket("PAY-1")];
                ledger.approve(-10, "alice", "2");
                ledger.alias(-100, holds("bob", "release manager"));
            },
            nothing,
        )
    };
    expect(&with("1"), "DL-SOD-1", Fail, "alice, who approved, also wrote");
    expect(&with("1"), "DL-AUTH-4", Fail, "alice held no such role");
    expect(&with("2"), "DL-SOD-1", Pass, "bob approved");
    let old = |minutes: i64| {
        ledger_with(
            good(),
            move |ledger| {
                ledger.approve(minutes, "bob", "2");
                ledger.approve(-10, "alice", "2");
            },
            nothing,
        )
    };
    expect(&old(-31 * 1440), "DL-SOD-1", Fail, "alice, who approved, also wrote");
    expect(&old(-29 * 1440), "DL-SOD-1", Pass, "bob approved");
}

#[test]
fn one_person_twice_where_two_are_asked_for() {
    let mut two = Parameters::default();
    two.set("min_approvers", &json!(2)).unwrap();
    let by = |others: &'static [&'static str]| {
        ledger_with(
            good(),
            move |ledger| {
                ledger.approve(-12, "bob", "2");
                for other in others {
                    ledger.approve(-10, other, "2");
                }
            },
            nothing,
        )
    };
    for check in ["DL-AUTH-1", "DL-AUTH-2", "DL-AUTH-3"] {
        let result = |others| run_with(&by(others), "d2", check, &two).result;
        assert_eq!(result(&["urn:github:user:bob"]), NotEvaluable, "{check}");
        assert_eq!(result(&[]), Fail, "{check}");
        assert_eq!(result(&["carol"]), Pass, "{check}");
    }
}

#[test]
fn another_artifact_of_the_approved_and_tested_commit() {
    let with = |version: &'static str| {
        ledger_with(
            good(),
            move |ledger| ledger.approve(-10, "bob", version).event.extension.commit = Some("c".repeat(40)),
            move |ledger| {
                ledger
                    .test(-30, "unit", version, Outcome::Success)
                    .event
                    .extension
                    .commit = Some("c".repeat(40));
            },
        )
    };
    expect(&with("1"), "DL-AUTH-3", Fail, "bob approved another artifact");
    expect(&with("1"), "DL-TST-1", Fail, "tested something else");
    expect(&with("2"), "DL-AUTH-3", Pass, "this artifact");
    expect(&with("2"), "DL-TST-1", Pass, "unit");
}

#[test]
fn a_name_that_may_stand_for_anything() {
    let with = |commit: bool| {
        let mut ledger = ledger_with(good(), approved, tested);
        for record in &mut ledger.records {
            if let Body::Deployment { artifact, .. } = &mut record.event.body {
                *artifact = crate::domain::artifact::Artifact::parse("registry.example/payments:latest");
            }
            let extension = &mut record.event.extension;
            extension.artifact = extension
                .artifact
                .take()
                .map(|_| "registry.example/payments:latest".to_owned());
            extension.commit = commit.then(|| "c".repeat(40));
        }
        ledger
    };
    expect(&with(false), "DL-AUTH-3", NotEvaluable, "nothing that can be compared");
    expect(&with(false), "DL-TST-1", NotEvaluable, "neither a digest nor a commit");
    expect(&with(true), "DL-AUTH-3", Pass, "this commit");
    expect(&with(true), "DL-TST-1", Pass, "integration");
}

#[test]
fn a_commit_after_the_approval_of_the_artifact() {
    let committed = |minutes: i64| {
        let mut extension = good();
        extension.commits[0].committed_at = Some(at(minutes));
        ledger_with(extension, approved, nothing)
    };
    expect(&committed(-5), "DL-AUTH-3", Fail, "was made after bob approved");
    expect(&committed(-15), "DL-AUTH-3", Pass, "this artifact");
}

#[test]
fn a_rejection_that_names_less_than_the_approval() {
    let with = |id: &'static str| {
        ledger_with(
            good(),
            move |ledger| {
                ledger.approve(-10, "bob", "2").event.subject_id = "A".to_owned();
                let record = ledger.approve(-5, "carol", "2");
                record.event.extension.artifact = None;
                record.event.subject_id = id.to_owned();
                answer(record, Some(Decision::Rejected), "rejected");
            },
            nothing,
        )
    };
    expect(&with("A"), "DL-AUTH-1", Fail, "rejected by carol");
    expect(&with("B"), "DL-AUTH-1", Pass, "approved by bob");
}

#[test]
fn a_rejection_under_another_name_of_the_same_person() {
    let with = |other: &'static str| {
        ledger_with(
            good(),
            move |ledger| {
                ledger.alias(-100, also("bob", "rob"));
                approved(ledger);
                answer(ledger.approve(-5, other, "2"), Some(Decision::Rejected), "rejected");
            },
            nothing,
        )
    };
    expect(&with("ROB"), "DL-AUTH-1", Fail, "rejected by ROB");
    expect(&with("carol"), "DL-AUTH-1", Pass, "approved by bob");
}

#[test]
fn an_approval_that_ended_as_rejected() {
    let with = |status: &'static str| {
        let given =
            move |ledger: &mut Ledger| answer(ledger.approve(-10, "bob", "2"), Some(Decision::Approved), status);
        ledger_with(good(), given, nothing)
    };
    expect(&with("rejected"), "DL-AUTH-1", Fail, "rejected by bob");
    expect(&with("approved"), "DL-AUTH-1", Pass, "approved by bob");
}

#[test]
fn an_older_success_recorded_after_a_failure() {
    let with = |minutes: i64| {
        ledger_with(good(), approved, move |ledger| {
            ledger.test(-30, "integration", "2", Outcome::Failure);
            ledger.test(minutes, "integration", "2", Outcome::Success);
        })
    };
    expect(&with(-35), "DL-TST-1", Fail, "integration ended in failure");
    expect(&with(-25), "DL-TST-1", Pass, "integration");
    let verified = |before: bool| {
        let mut ledger = Ledger::default();
        let check = |ledger: &mut Ledger| {
            let run = ledger.test(20, "smoke", "2", Outcome::Success);
            run.event.environment = Some("production".parse().unwrap());
        };
        if before {
            check(&mut ledger);
            ledger.records[0].recorded_at = at(-5);
        }
        ledger.deploy(0, "d2", "2", good());
        if !before {
            check(&mut ledger);
        }
        ledger
    };
    expect(&verified(true), "DL-VER-1", NotEvaluable, "no verification is recorded");
    expect(&verified(false), "DL-VER-1", Pass, "smoke");
    let fixed = |minutes: i64| {
        let mut ledger = Ledger::default();
        ledger.start(0, "d2", "2", good());
        ledger.finish(3, "d2", "2", Outcome::Failure);
        ledger.deploy(minutes, "d3", "1", good());
        ledger
    };
    expect(
        &fixed(-30),
        "DL-INC-1",
        Fail,
        "no later deployment to this place succeeded",
    );
    expect(&fixed(30), "DL-INC-1", Pass, "succeeded on");
}

#[test]
fn a_kind_that_the_ledger_does_not_bear_out() {
    let nobody = |kind| Extension {
        commits: vec![],
        ..of_kind(kind)
    };
    for (kind, again) in [(DeploymentKind::Redeploy, "2"), (DeploymentKind::Rollback, "1")] {
        let new = ledger_with(nobody(kind), approved, nothing);
        expect(&new, "DL-SOD-1", NotEvaluable, "not every author");
        expect(&new, "DL-SOD-3", NotEvaluable, "no commits are recorded");
        let mut ledger = Ledger::default();
        ledger.deploy(-900, "d0", again, good());
        ledger.deploy(-800, "d1", "2", good());
        ledger.approve(-10, "bob", again);
        ledger.deploy(0, "d2", again, nobody(kind));
        expect(&ledger, "DL-SOD-1", Pass, "bob approved");
        expect(&ledger, "DL-SOD-3", NotApplicable, "outside its scope");
    }
}

#[test]
fn a_first_record_of_a_place_that_was_only_emptied() {
    let with = |history: bool| {
        let mut ledger = Ledger::default();
        if history {
            ledger.deploy(-900, "d1", "1", good());
            ledger.service(-60, ServiceStep::Removed, None);
        }
        ledger.deploy(0, "d2", "2", of_kind(DeploymentKind::Baseline));
        ledger
    };
    expect(&with(true), "DL-TST-1", NotEvaluable, "no test results");
    expect(&with(false), "DL-TST-1", NotApplicable, "before the ledger began");
}

#[test]
fn an_emergency_that_is_said_only_at_the_end() {
    let with = |kind, end| {
        let mut ledger = ledger_with(Extension { kind, ..good() }, nothing, nothing);
        ledger.records.last_mut().unwrap().event.extension.kind = end;
        ledger.approve(5, "bob", "2");
        ledger
    };
    let emergency = Some(DeploymentKind::Emergency);
    let afterwards = with(None, emergency);
    expect(&afterwards, "DL-AUTH-2", Fail, "after the start");
    expect(&afterwards, "DL-EMG-1", Fail, "only after the start it was said");
    expect(&with(emergency, None), "DL-AUTH-2", NotApplicable, "emergency");
    expect(&with(emergency, None), "DL-EMG-1", Pass, "a reason");
}

#[test]
fn an_exception_that_a_back_dated_start_would_revive() {
    let with = |expires: i64, recorded: i64| {
        let mut ledger = Ledger::default();
        let mut granted = grant(&["DL-CHG-1"]);
        granted.expires_at = at(expires);
        ledger.except(-60, "EX-1", granted);
        let none = Extension {
            tickets: vec![],
            ..good()
        };
        ledger.deploy(0, "d2", "2", none);
        for record in &mut ledger.records[1..] {
            record.recorded_at = at(recorded);
        }
        ledger
    };
    expect(&with(60, 2 * 1440), "DL-CHG-1", Fail, "no reference");
    expect(
        &with(60, 2 * 1440),
        "DL-EXC-1",
        Fail,
        "before the start was recorded at",
    );
    expect(&with(3 * 1440, 2 * 1440), "DL-EXC-1", Pass, "EX-1 in force");
    expect(&with(60, 62), "DL-EXC-1", Pass, "EX-1 in force");
}

#[test]
fn a_back_dated_start_in_a_window() {
    let mut hours = Parameters::default();
    let window = json!({ "time_zone": "UTC", "windows": [{ "from": "08:00", "to": "18:00" }] });
    hours.set("calendar", &window).unwrap();
    let with = |recorded: i64| {
        let mut ledger = ledger_with(good(), nothing, nothing);
        for record in ledger.records.iter_mut().rev().take(2) {
            record.recorded_at = at(recorded);
        }
        ledger
    };
    expect_with(
        &with(14 * 60),
        &hours,
        "DL-WIN-1",
        NotEvaluable,
        "was recorded only when",
    );
    expect_with(&with(5), &hours, "DL-WIN-1", Pass, "began");
    expect_with(&with(6 * 60), &hours, "DL-WIN-1", Pass, "began");
}

#[test]
fn an_exception_taken_back_once_and_granted_twice() {
    let with = |id: &'static str| {
        let mut ledger = Ledger::default();
        ledger.except(-60, "EX-6", grant(&["DL-CHG-1"]));
        ledger.except(-50, "EX-6", grant(&["DL-CHG-1"]));
        ledger.revoke_exception(-40, id);
        let none = Extension {
            tickets: vec![],
            ..good()
        };
        ledger.deploy(0, "d2", "2", none);
        ledger
    };
    expect(&with("EX-6"), "DL-CHG-1", Fail, "no reference");
    expect(&with("EX-6"), "DL-EXC-1", Fail, "was taken back");
    expect(&with("EX-7"), "DL-EXC-1", Pass, "EX-6 in force");
    assert_eq!(run(&with("EX-7"), "d2", "DL-CHG-1").result, CheckResult::Excepted);
}

#[test]
fn who_or_what_deploys_approves() {
    let by = |person: &'static str| {
        let given = move |ledger: &mut Ledger| {
            ledger.approve(-10, person, "2");
        };
        ledger_with(good(), given, nothing)
    };
    expect(&by("release-pipeline"), "DL-SOD-1", Fail, "also deployed it");
    expect(&by("jose\u{301}"), "DL-SOD-1", Pass, "approved");
    for other in ["\u{430}lice", "alice1@corp"] {
        expect(&by(other), "DL-SOD-1", NotEvaluable, "may be alice");
    }
    let mut declared = Parameters::default();
    declared.set("declared_approvers", &json!(true)).unwrap();
    expect_with(
        &by("bob"),
        &declared,
        "DL-SOD-1",
        NotEvaluable,
        "not declared to be anybody",
    );
    let known = |ledger: &mut Ledger| {
        ledger.alias(-100, also("bob", "rob"));
        approved(ledger);
    };
    expect_with(
        &ledger_with(good(), known, nothing),
        &declared,
        "DL-SOD-1",
        Pass,
        "bob approved",
    );
}

#[test]
fn names_that_are_told_apart_afterwards() {
    let with = |after: &'static [&'static str]| {
        let given = |ledger: &mut Ledger| {
            ledger.alias(-100, also("alice", "svc-release"));
            ledger.approve(-10, "svc-release", "2");
        };
        let mut ledger = ledger_with(good(), given, nothing);
        for name in after {
            let mut said = also("alice", name);
            said.valid_from = Some(at(-50));
            ledger.alias(60, said);
        }
        ledger
    };
    expect(&with(&[]), "DL-SOD-1", Fail, "as alice");
    expect(&with(&["other"]), "DL-SOD-1", NotEvaluable, "contradict each other");
    expect(&with(&["svc-release"]), "DL-SOD-1", Fail, "as alice");
}

#[test]
fn a_review_that_does_not_count() {
    let with = |commits: bool, requester: &'static str, revoked: bool| {
        let mut extension = of_kind(DeploymentKind::Emergency);
        if !commits {
            extension.commits.clear();
        }
        let mut ledger = ledger_with(extension, nothing, nothing);
        let asked = ledger.approve(-10, requester, "2");
        let Body::Approval(body) = &mut asked.event.body else {
            unreachable!()
        };
        body.step = crate::domain::event::ApprovalStep::Created;
        asked.event.subject_id = "A".to_owned();
        ledger.approve(-9, "dora", "2").event.subject_id = "A".to_owned();
        ledger.approve(30, "bob", "2").event.extension.reason = Some("Held; back to normal.".to_owned());
        if revoked {
            answer(ledger.approve(31, "bob", "2"), Some(Decision::Rejected), "rejected");
        }
        ledger.deploy(7 * 1440, "d3", "3", good());
        ledger
    };
    expect(&with(true, "carol", false), "DL-EMG-2", Pass, "bob reviewed it");
    expect(&with(true, "bob", false), "DL-EMG-2", Fail, "also asked for it");
    expect(&with(true, "carol", true), "DL-EMG-2", Fail, "taken back");
    expect(
        &with(false, "carol", false),
        "DL-EMG-2",
        NotEvaluable,
        "not every author",
    );
}

#[test]
fn an_exception_approved_by_who_asked_for_the_change() {
    let with = |requester: &'static str, commits: bool| {
        let mut ledger = Ledger::default();
        ledger.except(-60, "EX-1", grant(&["DL-CHG-2"]));
        let asked = ledger.approve(-10, requester, "2");
        let Body::Approval(body) = &mut asked.event.body else {
            unreachable!()
        };
        body.step = crate::domain::event::ApprovalStep::Created;
        asked.event.subject_id = "A".to_owned();
        ledger.approve(-9, "bob", "2").event.subject_id = "A".to_owned();
        let mut extension = Extension { reason: None, ..good() };
        if !commits {
            extension.commits.clear();
        }
        ledger.deploy(0, "d2", "2", extension);
        ledger
    };
    expect(&with("risk-officer", true), "DL-EXC-1", Fail, "who asked for it");
    expect(&with("carol", true), "DL-EXC-1", Pass, "EX-1 in force");
    expect(&with("carol", false), "DL-EXC-1", NotEvaluable, "not every author");
}

#[test]
fn a_scan_that_could_not_run_or_found_what_counts() {
    let with = |outcome, severity: Option<&'static str>| {
        let scan = move |ledger: &mut Ledger| {
            let Body::TestRun(body) = &mut scanned(ledger, -20).event.body else {
                unreachable!()
            };
            body.phase = crate::domain::event::RunPhase::Finished(Some(outcome));
            body.severity = severity.map(str::to_owned);
        };
        ledger_with(good(), nothing, scan)
    };
    expect(&with(Outcome::Error, Some("low")), "DL-TST-3", Fail, "ended in error");
    expect(&with(Outcome::Cancel, Some("low")), "DL-TST-3", Fail, "ended in cancel");
    expect(&with(Outcome::Success, Some("critical")), "DL-TST-3", Fail, "critical");
    expect(&with(Outcome::Success, Some("medium")), "DL-TST-3", Pass, "image scan");
    expect(&with(Outcome::Failure, Some("low")), "DL-TST-3", Pass, "image scan");
}
