//! The checks of pipelines, tests, ways back and failures.

use super::*;

#[test]
fn pipeline_deploys() {
    let with = |actor, kind| ledger_with(Extension { actor, kind, ..good() }, nothing, nothing);
    expect(&with(Some(pipeline("p")), None), "DL-SOD-2", Pass, "a pipeline");
    expect(&with(Some(human("eve")), None), "DL-SOD-2", Fail, "eve, a person");
    expect(
        &with(Some(human("eve")), Some(DeploymentKind::Emergency)),
        "DL-SOD-2",
        Pass,
        "emergency with a reason",
    );
    expect(&with(None, None), "DL-SOD-2", NotEvaluable, "no actor");
}

#[test]
fn tests_passed() {
    expect(
        &ledger_with(good(), nothing, tested),
        "DL-TST-1",
        Pass,
        "passed: integration",
    );
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-TST-1",
        NotEvaluable,
        "no test results for this service",
    );
    let with = |test: fn(&mut Ledger)| ledger_with(good(), nothing, test);
    let failed = with(|l| {
        l.test(-40, "integration", "2", Outcome::Success);
        l.test(-30, "integration", "2", Outcome::Failure);
    });
    expect(&failed, "DL-TST-1", Fail, "integration ended in failure");
    let repeated = with(|l| {
        l.test(-40, "integration", "2", Outcome::Failure);
        l.test(-30, "integration", "2", Outcome::Success);
    });
    expect(&repeated, "DL-TST-1", Pass, "integration");
    let late = {
        let mut ledger = with(|_| {});
        ledger.test(5, "integration", "2", Outcome::Success);
        ledger
    };
    expect(
        &late,
        "DL-TST-1",
        Fail,
        "integration ended at 2026-03-02 09:05:00 UTC, 5 min after the start",
    );
    let other_commit = with(|l| {
        let extension = &mut l.test(-30, "integration", "2", Outcome::Success).event.extension;
        extension.artifact = None;
        extension.commit = Some("d".repeat(40));
        extension.tickets = vec![ticket("PAY-1")];
    });
    let mut other_commit = other_commit;
    for record in &mut other_commit.records {
        if record.event.event_type.subject == "testsuiterun" {
            record.event.environment = None;
        }
    }
    expect(&other_commit, "DL-TST-1", Fail, "tested something else");
    let older = with(|l| {
        l.test(-30, "integration", "1", Outcome::Success);
    });
    expect(&older, "DL-TST-1", Fail, "no test of this artifact");
}

#[test]
fn promoted() {
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-TST-2",
        Pass,
        "ran in staging",
    );
    let mut first = Ledger::default();
    first.deploy(0, "d2", "2", good());
    expect(&first, "DL-TST-2", NotEvaluable, "no lower environment");
    let from = first.records.len();
    first.deploy(30, "s2", "2", good());
    first.move_to(from, "staging");
    expect(
        &first,
        "DL-TST-2",
        Fail,
        "reached staging at 2026-03-02 09:33:00 UTC, 33 min after the start",
    );
    let mut other = ledger_with(good(), nothing, nothing);
    other.deploy(60, "d2b", "3", good());
    assert_eq!(run(&other, "d2b", "DL-TST-2").result, Fail);
    let mut nowhere = Ledger::default();
    nowhere.deploy(0, "d2", "2", good());
    nowhere.move_to(0, "blue");
    expect(&nowhere, "DL-TST-2", NotEvaluable, "tier of blue is not known");
}

#[test]
fn verified() {
    let with = |minutes: i64, outcome: Outcome| {
        let mut ledger = ledger_with(good(), nothing, nothing);
        ledger.test(minutes, "smoke", "2", outcome).event.environment = Some("production".parse().unwrap());
        ledger
    };
    expect(&with(20, Outcome::Success), "DL-VER-1", Pass, "smoke: success");
    expect(&with(20, Outcome::Failure), "DL-VER-1", Fail, "smoke: failure");
    expect(&with(90, Outcome::Success), "DL-VER-1", Fail, "after the end");
    expect(
        &ledger_with(good(), nothing, tested),
        "DL-VER-1",
        NotEvaluable,
        "no verification",
    );
    let mut others = ledger_with(good(), nothing, nothing);
    others.test(-800, "smoke", "1", Outcome::Success).event.environment = Some("production".parse().unwrap());
    expect(&others, "DL-VER-1", Fail, "no verification");
}

#[test]
fn a_way_back() {
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-RBK-1",
        Pass,
        "plan: return to 1",
    );
    let no_plan = || Extension {
        rollback_plan: None,
        ..good()
    };
    expect(
        &ledger_with(no_plan(), nothing, nothing),
        "DL-RBK-1",
        Pass,
        "1 ran before, as sha256:",
    );
    let mut blind = ledger_with(no_plan(), nothing, nothing);
    for record in &mut blind.records[..2] {
        let Body::Deployment { artifact, .. } = &mut record.event.body else {
            unreachable!()
        };
        artifact.digest = None;
    }
    expect(&blind, "DL-RBK-1", Fail, "not known by its digest");
    blind.records.last_mut().unwrap().event.extension.rollback_plan = good().rollback_plan;
    expect(&blind, "DL-RBK-1", Fail, "only after the start");
    let mut first = Ledger::default();
    first.deploy(0, "d2", "2", no_plan());
    expect(
        &first,
        "DL-RBK-1",
        NotEvaluable,
        "nothing is known to have run there before",
    );
}

#[test]
fn emergencies() {
    let kind = Some(DeploymentKind::Emergency);
    let with = |extension: Extension| ledger_with(extension, nothing, nothing);
    expect(
        &with(good()),
        "DL-EMG-1",
        NotApplicable,
        "normal deployments are outside its scope",
    );
    expect(&with(Extension { kind, ..good() }), "DL-EMG-1", Pass, "ticket PAY-1");
    expect(
        &with(Extension {
            kind,
            reason: None,
            ..good()
        }),
        "DL-EMG-1",
        Fail,
        "no reason",
    );
    let alone = || Extension {
        kind,
        tickets: vec![],
        ..good()
    };
    expect(&with(alone()), "DL-EMG-1", Fail, "no incident, ticket or approval");
    let repairs = Extension {
        remediates: Some("INC-1".to_owned()),
        ..alone()
    };
    expect(&with(repairs), "DL-EMG-1", Pass, "repairs INC-1");
    expect(
        &ledger_with(alone(), approved, nothing),
        "DL-EMG-1",
        Pass,
        "approved by bob",
    );
}

#[test]
fn failures_are_dealt_with() {
    let mut ledger = Ledger::default();
    ledger.start(0, "d2", "2", good());
    ledger.finish(3, "d2", "2", Outcome::Failure);
    expect(&ledger, "DL-INC-1", Fail, "no later deployment");
    ledger.deploy(30, "d3", "3", good());
    expect(&ledger, "DL-INC-1", Pass, "3 succeeded");
    ledger.incident(5, "I", IncidentStep::Detected);
    expect(&ledger, "DL-INC-1", Fail, "incident I is open");
    ledger.incident(40, "I", IncidentStep::Resolved);
    expect(&ledger, "DL-INC-1", Pass, "incident I resolved");
}

#[test]
fn what_never_started_is_not_judged_by_what_comes_before_a_start() {
    let mut ledger = ledger_with(good(), nothing, nothing);
    ledger.finish(500, "d9", "9", Outcome::Cancel);
    for check in [
        "DL-AUTH-1",
        "DL-AUTH-2",
        "DL-AUTH-3",
        "DL-SOD-1",
        "DL-TST-1",
        "DL-TST-2",
        "DL-RBK-1",
    ] {
        assert_eq!(run(&ledger, "d9", check).result, NotApplicable, "{check}");
    }
    ledger
        .service(600, ServiceStep::Removed, None)
        .event
        .extension
        .deployment_id = Some("gone".parse().unwrap());
    for check in ["DL-TST-1", "DL-TST-2", "DL-RBK-1", "DL-VER-1"] {
        assert_eq!(run(&ledger, "gone", check).result, NotApplicable, "{check}");
    }
}
