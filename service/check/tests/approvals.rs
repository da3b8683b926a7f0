//! The checks of approvals and of who gave them.

use super::*;

#[test]
fn approved_at_all() {
    expect(
        &ledger_with(good(), approved, nothing),
        "DL-AUTH-1",
        Pass,
        "approved by bob on 2026-03-02 08:50:00 UTC",
    );
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-AUTH-1",
        NotEvaluable,
        "no approvals for this service",
    );
    let other = ledger_with(
        good(),
        |l| {
            l.approve(-10, "bob", "1");
        },
        nothing,
    );
    expect(&other, "DL-AUTH-1", Fail, "no approval is recorded");
    let revoked = ledger_with(
        good(),
        |ledger| {
            approved(ledger);
            let record = ledger.approve(-5, "bob", "2");
            let Body::Approval(body) = &mut record.event.body else {
                unreachable!()
            };
            body.decision = Some(crate::domain::event::Decision::Rejected);
            body.status = None;
        },
        nothing,
    );
    expect(&revoked, "DL-AUTH-1", Fail, "rejected by bob");
    let anonymous = ledger_with(
        good(),
        |ledger| {
            let record = ledger.approve(-5, "bob", "2");
            let Body::Approval(body) = &mut record.event.body else {
                unreachable!()
            };
            body.person = None;
        },
        nothing,
    );
    expect(&anonymous, "DL-AUTH-1", NotEvaluable, "names nobody");
}

#[test]
fn approved_before() {
    expect(
        &ledger_with(good(), approved, nothing),
        "DL-AUTH-2",
        Pass,
        "bob approved at 2026-03-02 08:50:00 UTC",
    );
    let mut late = ledger_with(good(), nothing, nothing);
    late.approve(4, "bob", "2");
    expect(
        &late,
        "DL-AUTH-2",
        Fail,
        "bob approved at 2026-03-02 09:04:00 UTC, 4 min after the start",
    );
    // Claims to have come before, but the ledger has it only afterwards.
    let mut back_dated = ledger_with(good(), nothing, nothing);
    back_dated.approve(-10, "bob", "2");
    expect(&back_dated, "DL-AUTH-2", Fail, "recorded only after the start was");
    // In the ledger before, but claims a later time: clocks differ, and the rule asks for both.
    let skewed = ledger_with(
        good(),
        |l| {
            l.approve(1, "bob", "2");
        },
        nothing,
    );
    expect(&skewed, "DL-AUTH-2", Fail, "1 min after the start");
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-AUTH-2",
        NotEvaluable,
        "no approval to compare",
    );
    let emergency = Extension {
        kind: Some(DeploymentKind::Emergency),
        ..good()
    };
    expect(
        &ledger_with(emergency, nothing, nothing),
        "DL-AUTH-2",
        NotApplicable,
        "emergency",
    );
}

#[test]
fn approval_bound_to_the_artifact() {
    expect(
        &ledger_with(good(), approved, nothing),
        "DL-AUTH-3",
        Pass,
        "bob approved this artifact",
    );
    let another = ledger_with(
        good(),
        |ledger| ledger.approve(-10, "bob", "1").event.extension.deployment_id = Some("d2".parse().unwrap()),
        nothing,
    );
    expect(&another, "DL-AUTH-3", Fail, "bob approved another artifact");
    let by_commit = |commit: &str| {
        ledger_with(
            good(),
            |ledger| {
                let extension = &mut ledger.approve(-10, "bob", "1").event.extension;
                extension.artifact = None;
                extension.tickets = vec![ticket("PAY-1")];
                extension.commit = Some(commit.to_owned());
            },
            nothing,
        )
    };
    expect(&by_commit(&"c".repeat(40)), "DL-AUTH-3", Pass, "this commit");
    expect(&by_commit(&"d".repeat(40)), "DL-AUTH-3", Fail, "another commit");
    let unbound = ledger_with(
        good(),
        |ledger| {
            let extension = &mut ledger.approve(-10, "bob", "1").event.extension;
            extension.artifact = None;
            extension.tickets = vec![ticket("PAY-1")];
        },
        nothing,
    );
    expect(&unbound, "DL-AUTH-3", NotEvaluable, "nothing that can be compared");
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-AUTH-3",
        NotEvaluable,
        "no approval",
    );
}

#[test]
fn independent_approver() {
    let by = |person: &'static str| {
        ledger_with(
            good(),
            move |l| {
                l.approve(-10, person, "2");
            },
            nothing,
        )
    };
    expect(&by("bob"), "DL-SOD-1", Pass, "bob approved");
    expect(&by("Alice"), "DL-SOD-1", Fail, "also wrote part of the change");
    expect(&by("urn:github:user:alice"), "DL-SOD-1", NotEvaluable, "may be alice");
    expect(
        &by("Alice Example <a.example@example.com>"),
        "DL-SOD-1",
        NotEvaluable,
        "may be alice",
    );
    let deployer = Extension {
        actor: Some(human("bob")),
        ..good()
    };
    expect(
        &ledger_with(deployer, approved, nothing),
        "DL-SOD-1",
        Fail,
        "bob, who approved, also deployed it",
    );
    let mut anonymous = commit("fix: x", "");
    anonymous.author = None;
    let unknown = Extension {
        commits: vec![anonymous],
        ..good()
    };
    expect(
        &ledger_with(unknown, approved, nothing),
        "DL-SOD-1",
        NotEvaluable,
        "not every author",
    );
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-SOD-1",
        NotEvaluable,
        "no approval",
    );
    let two = |ledger: &mut Ledger| {
        ledger.approve(-12, "alice", "2");
        ledger.approve(-10, "bob", "2");
    };
    expect(&ledger_with(good(), two, nothing), "DL-SOD-1", Pass, "bob approved");
}
