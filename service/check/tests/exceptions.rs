//! Exceptions: what they allow, and what is found where they do not hold.

use super::*;
use crate::domain::exception::ExceptionGrant;

/// A deployment at minute 0 that fails DL-CHG-1, under an exception from an hour before.
fn excepted(change: impl Fn(&mut ExceptionGrant), after: impl Fn(&mut Ledger)) -> Ledger {
    let mut ledger = Ledger::default();
    let mut granted = grant(&["DL-CHG-1"]);
    change(&mut granted);
    ledger.except(-60, "EX-1", granted);
    after(&mut ledger);
    ledger.deploy(
        0,
        "d2",
        "2",
        Extension {
            tickets: vec![],
            ..good()
        },
    );
    ledger
}

#[test]
fn one_that_holds_turns_a_failure_into_excepted() {
    let ledger = excepted(|_| {}, |_| {});
    let verdict = run(&ledger, "d2", "DL-CHG-1");
    assert_eq!(verdict.result, CheckResult::Excepted);
    assert_eq!(
        verdict.found,
        "no reference is recorded; the exception EX-1 allows it until 2026-03-02 10:00:00 UTC"
    );
    let applied = Applied {
        id: "EX-1".to_owned(),
        index: 0,
    };
    assert_eq!((verdict.exception, verdict.evidence), (Some(applied), vec![0, 1, 2]));
    expect(&ledger, "DL-EXC-1", Pass, "EX-1 in force");
    expect(&ledger, "DL-CHG-2", Pass, "characters");
}

#[test]
fn one_that_does_not_hold_excuses_nothing_and_is_found() {
    type Change = fn(&mut ExceptionGrant);
    type After = fn(&mut Ledger);
    let nothing: After = |_| {};
    let cases: [(Change, After, &str); 8] = [
        (
            |g| g.expires_at = at(-5),
            nothing,
            "EX-1 ran out at 2026-03-02 08:55:00 UTC, 5 min before the start",
        ),
        (
            |g| g.approved_by = "alice".to_owned(),
            nothing,
            "was approved by alice, who wrote part of the change",
        ),
        (
            |g| g.approved_by = "urn:github:user:alice".to_owned(),
            nothing,
            "may be alice",
        ),
        (
            |g| g.approved_by = "dev@corp".to_owned(),
            |ledger| {
                ledger.alias(-90, also("dev", "dev@corp"));
            },
            "was approved by dev@corp, who asked for it",
        ),
        (
            |g| g.approved_by = "dev@corp".to_owned(),
            nothing,
            "who may be dev, who asked for it",
        ),
        (
            |_| {},
            |ledger| {
                ledger.revoke_exception(-10, "EX-1");
            },
            "was taken back",
        ),
        (
            |_| {},
            |ledger| ledger.records[0].producer = "ci".parse().unwrap(),
            "signed by ci, which also recorded",
        ),
        (
            |g| g.valid_from = Some(at(-120)),
            |ledger| ledger.records[0].event.occurred_at = at(1),
            "was granted at 2026-03-02 09:01:00 UTC, 1 min after the start",
        ),
    ];
    for (change, after, words) in cases {
        let ledger = excepted(change, after);
        expect(&ledger, "DL-CHG-1", Fail, "no reference is recorded");
        expect(&ledger, "DL-EXC-1", Fail, words);
    }
}

#[test]
fn one_recorded_only_afterwards_does_not_hold() {
    let mut ledger = Ledger::default();
    ledger.deploy(
        0,
        "d2",
        "2",
        Extension {
            tickets: vec![],
            ..good()
        },
    );
    ledger.except(-60, "EX-1", grant(&["DL-CHG-1"]));
    expect(&ledger, "DL-CHG-1", Fail, "no reference");
    expect(&ledger, "DL-EXC-1", Fail, "recorded only after the start was");
}

#[test]
fn one_taken_back_afterwards_held_at_the_start() {
    let mut ledger = excepted(|_| {}, |_| {});
    ledger.revoke_exception(30, "EX-1");
    assert_eq!(run(&ledger, "d2", "DL-CHG-1").result, CheckResult::Excepted);
}

#[test]
fn others_concern_nothing() {
    let elsewhere = excepted(|g| g.scope.environments = vec!["staging".parse().unwrap()], |_| {});
    let of_another = excepted(|g| g.checks = vec!["DL-TST-1".to_owned()], |_| {});
    let long_ago = excepted(
        |g| (g.valid_from, g.expires_at) = (Some(at(-90 * 1440)), at(-31 * 1440)),
        |ledger| ledger.records[0].event.occurred_at = at(-90 * 1440),
    );
    for ledger in [elsewhere, of_another, long_ago] {
        expect(&ledger, "DL-CHG-1", Fail, "no reference");
        expect(&ledger, "DL-EXC-1", NotApplicable, "no exception");
    }
}

#[test]
fn what_a_deployment_names_must_be_there_and_cover_it() {
    let naming = |id: &str| {
        let mut ledger = excepted(|g| g.scope.environments = vec!["staging".parse().unwrap()], |_| {});
        ledger.records[1].event.extension.exceptions = vec![id.to_owned()];
        ledger
    };
    expect(&naming("EX-1"), "DL-EXC-1", Fail, "EX-1 does not cover it");
    expect(&naming("EX-9"), "DL-EXC-1", Fail, "no exception EX-9 is recorded");
}

#[test]
fn nothing_is_excepted_but_a_failure() {
    let mut ledger = Ledger::default();
    ledger.except(-60, "EX-1", grant(&["DL-TST-1", "DL-CHG-2"]));
    ledger.deploy(0, "d2", "2", good());
    expect(&ledger, "DL-TST-1", NotEvaluable, "no test results");
    expect(&ledger, "DL-CHG-2", Pass, "characters");
}
