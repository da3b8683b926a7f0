//! What exceptions look like: cases that auditors meet, each as it fails, and each again with its evidence missing, which never
//! passes.

use super::*;

/// Monday to Monday, many times.
const QUARTER: i64 = 90 * 1440;

#[test]
fn approval_four_minutes_after_the_start() {
    let mut late = ledger_with(good(), nothing, tested);
    late.approve(4, "bob", "2");
    expect(&late, "DL-AUTH-2", Fail, "4 min after the start");
    expect(
        &ledger_with(good(), nothing, tested),
        "DL-AUTH-2",
        NotEvaluable,
        "no approval to compare",
    );
}

#[test]
fn self_approval_through_a_second_account() {
    let second = |declare: fn(&mut Ledger)| {
        ledger_with(
            good(),
            |ledger| {
                declare(ledger);
                ledger.approve(-10, "svc-release-7", "2");
            },
            nothing,
        )
    };
    let declared = second(|ledger| {
        ledger.alias(-100, also("alice", "svc-release-7"));
    });
    expect(
        &declared,
        "DL-SOD-1",
        Fail,
        "svc-release-7, who approved, also wrote part of the change as alice",
    );
    let alike = ledger_with(
        good(),
        |l| {
            l.approve(-10, "alice-admin", "2");
        },
        nothing,
    );
    expect(
        &alike,
        "DL-SOD-1",
        NotEvaluable,
        "may be alice, who wrote part of the change; no alias is recorded",
    );
    let others = |ledger: &mut Ledger| {
        let other = AliasDeclaration {
            person: "alice".to_owned(),
            not: vec!["alice-admin".to_owned()],
            ..AliasDeclaration::default()
        };
        ledger.alias(-100, other);
        ledger.approve(-10, "alice-admin", "2");
    };
    expect(
        &ledger_with(good(), others, nothing),
        "DL-SOD-1",
        Pass,
        "alice-admin approved",
    );
    let circle = |ledger: &mut Ledger| {
        ledger.alias(-100, also("alice", "svc"));
        ledger.alias(-100, also("svc", "alice"));
        ledger.approve(-10, "svc", "2");
    };
    let circular = ledger_with(good(), circle, nothing);
    let verdict = run(&circular, "d2", "DL-SOD-1");
    assert_eq!(verdict.result, NotEvaluable);
    assert!(verdict.found.contains("contradict each other"), "{}", verdict.found);
    let declarations = circular.records.iter().filter(|r| r.event.extension.alias.is_some());
    assert!(
        declarations
            .map(|r| r.index)
            .all(|index| verdict.evidence.contains(&index))
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
}

#[test]
fn two_approvals_of_one_person_under_two_names() {
    let mut two = Parameters::default();
    two.set("min_approvers", &json!(2)).unwrap();
    let by = |other: &'static str, declare: fn(&mut Ledger)| {
        ledger_with(
            good(),
            move |ledger| {
                declare(ledger);
                ledger.approve(-12, "bob", "2");
                ledger.approve(-10, other, "2");
            },
            nothing,
        )
    };
    let result = |ledger: &Ledger| run_with(ledger, "d2", "DL-AUTH-1", &two).result;
    assert_eq!(result(&by("carol", |_| {})), Pass);
    assert_eq!(
        result(&by("rob", |l| {
            l.alias(-100, also("bob", "rob"));
        })),
        Fail
    );
    assert_eq!(result(&by("urn:github:user:bob", |_| {})), NotEvaluable);
}

#[test]
fn another_commit_was_approved() {
    let approval = |ledger: &mut Ledger, commit: Option<&str>| {
        let extension = &mut ledger.approve(-10, "bob", "1").event.extension;
        extension.artifact = None;
        extension.tickets = vec![ticket("PAY-1")];
        extension.commit = commit.map(str::to_owned);
    };
    let other = ledger_with(good(), |l| approval(l, Some(&"d".repeat(40))), nothing);
    expect(&other, "DL-AUTH-3", Fail, "bob approved another commit");
    let later = |committed: i64| {
        let mut extension = good();
        extension.commits[0].committed_at = Some(at(committed));
        ledger_with(extension, |l| approval(l, None), nothing)
    };
    expect(&later(-5), "DL-AUTH-3", Fail, "was made after bob approved");
    expect(&later(-15), "DL-AUTH-3", NotEvaluable, "nothing that can be compared");
    let old = ledger_with(
        good(),
        |l| {
            l.approve(-QUARTER, "bob", "2");
        },
        nothing,
    );
    expect(&old, "DL-AUTH-3", Fail, "bob approved 90 days before the start");
}

#[test]
fn one_ticket_for_a_whole_quarter() {
    let ticketed = |first: i64| {
        let mut ledger = Ledger::default();
        ledger.deploy(first, "d1", "1", good());
        ledger.deploy(0, "d2", "2", good());
        ledger
    };
    expect(
        &ticketed(-QUARTER),
        "DL-CHG-1",
        Fail,
        "only PAY-1, which deployments have named since 2025-12-02",
    );
    expect(&ticketed(-30 * 1440), "DL-CHG-1", Pass, "PAY-1");
    let mut elsewhere = ticketed(-QUARTER);
    elsewhere.records[0].event.environment = Some("staging".parse().unwrap());
    elsewhere.records[1].event.environment = Some("staging".parse().unwrap());
    expect(&elsewhere, "DL-CHG-1", Pass, "PAY-1");
}

#[test]
fn tests_of_another_commit() {
    let other = ledger_with(good(), nothing, |ledger| {
        let record = ledger.test(-30, "integration", "2", Outcome::Success);
        record.event.environment = None;
        record.event.extension.artifact = None;
        record.event.extension.commit = Some("d".repeat(40));
        record.event.extension.tickets = vec![ticket("PAY-1")];
    });
    expect(&other, "DL-TST-1", Fail, "tested something else");
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-TST-1",
        NotEvaluable,
        "no test results",
    );
    let mut kinds = Parameters::default();
    kinds.set("test_kinds", &json!(["integration", "performance"])).unwrap();
    let some = run_with(&ledger_with(good(), nothing, tested), "d2", "DL-TST-1", &kinds);
    assert_eq!(
        (some.result, some.found.as_str()),
        (Fail, "no performance test of this artifact is recorded")
    );
}

#[test]
fn scan_sixty_days_old() {
    let old = ledger_with(
        good(),
        |ledger| {
            scanned(ledger, -60 * 1440);
        },
        nothing,
    );
    expect(&old, "DL-TST-3", Fail, "60 days before the start");
    expect(
        &ledger_with(good(), nothing, tested),
        "DL-TST-3",
        NotEvaluable,
        "no security scan",
    );
}

#[test]
fn every_third_an_emergency() {
    let mut ledger = Ledger::default();
    for number in 0..9 {
        let kind = (number % 3 == 0).then_some(DeploymentKind::Emergency);
        let reason = None;
        ledger.deploy(
            number * 60,
            &format!("e{number}"),
            &number.to_string(),
            Extension { kind, reason, ..good() },
        );
    }
    // Their share is for the reports; each of them must be justified, however many there are.
    assert_eq!(run(&ledger, "e3", "DL-EMG-1").result, Fail);
    assert_eq!(run(&ledger, "e4", "DL-EMG-1").result, NotApplicable);
}

#[test]
fn emergency_that_was_never_reviewed() {
    let kind = Some(DeploymentKind::Emergency);
    let mut ledger = ledger_with(Extension { kind, ..good() }, nothing, nothing);
    expect(&ledger, "DL-EMG-2", NotEvaluable, "pending");
    ledger.deploy(7 * 1440, "d3", "3", good());
    expect(&ledger, "DL-EMG-2", Fail, "no review is recorded");
}

#[test]
fn deployment_without_a_ticket() {
    let none = Extension {
        tickets: vec![],
        ..good()
    };
    // The evidence is the ticket: without it this fails, and nothing is left to be told.
    expect(&ledger_with(none, nothing, nothing), "DL-CHG-1", Fail, "no reference");
}

#[test]
fn production_first() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d2", "2", good());
    expect(&ledger, "DL-TST-2", NotEvaluable, "no lower environment");
    let from = ledger.records.len();
    ledger.deploy(30, "s2", "2", good());
    ledger.move_to(from, "staging");
    expect(&ledger, "DL-TST-2", Fail, "reached staging");
}

#[test]
fn approver_who_left_the_company() {
    let left = |ledger: &mut Ledger| {
        let until = AliasDeclaration {
            valid_until: Some(at(-1440)),
            ..holds("bob", "release manager")
        };
        ledger.alias(-QUARTER, until);
        approved(ledger);
    };
    expect(
        &ledger_with(good(), left, nothing),
        "DL-AUTH-4",
        Fail,
        "bob held no such role",
    );
    expect(
        &ledger_with(good(), approved, nothing),
        "DL-AUTH-4",
        NotEvaluable,
        "no roles are declared",
    );
}

#[test]
fn clock_skew_that_makes_an_approval_look_later() {
    let skewed = ledger_with(
        good(),
        |l| {
            l.approve(1, "bob", "2");
        },
        nothing,
    );
    // In the ledger before, but by its own claim after: both must say before.
    expect(&skewed, "DL-AUTH-2", Fail, "1 min after the start");
    expect(
        &ledger_with(good(), nothing, nothing),
        "DL-AUTH-2",
        NotEvaluable,
        "no approval",
    );
}

#[test]
fn record_filled_in_afterwards() {
    let mut ledger = ledger_with(good(), nothing, nothing);
    let last = ledger.records.last_mut().unwrap();
    last.recorded_at = last.event.occurred_at.plus_millis(25 * 3_600_000);
    expect(&ledger, "DL-POP-4", Fail, "filled in 1 day 1 h later");
    ledger.records.pop();
    expect(&ledger, "DL-POP-4", NotEvaluable, "no end");
    let start = ledger.records.last_mut().unwrap();
    start.recorded_at = start.event.occurred_at.plus_millis(25 * 3_600_000);
    expect(&ledger, "DL-POP-4", Fail, "filled in 1 day 1 h later");
    ledger.finish(25 * 60, "d2", "2", Outcome::Success);
    expect(&ledger, "DL-POP-4", Fail, "began 2026-03-02 09:00:00 UTC");
}

#[test]
fn exception_that_ran_out_the_day_before() {
    let with = |except: bool| {
        let mut ledger = Ledger::default();
        if except {
            let mut granted = grant(&["DL-CHG-1"]);
            granted.expires_at = at(-1440);
            ledger.except(-10 * 1440, "EX-1", granted);
        }
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
    };
    expect(&with(true), "DL-CHG-1", Fail, "no reference");
    expect(
        &with(true),
        "DL-EXC-1",
        Fail,
        "ran out at 2026-03-01 09:00:00 UTC, 1 day before the start",
    );
    expect(&with(false), "DL-CHG-1", Fail, "no reference");
    expect(&with(false), "DL-EXC-1", NotApplicable, "no exception");
}
