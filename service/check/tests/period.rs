//! The checks of the ledger in a period.

use super::*;
use crate::domain::Reach;
use crate::domain::administered::{self, Administered};
use crate::domain::exception::ExceptionGrant;
use crate::domain::producer::{Administration, Role};
use crate::domain::snapshot::Content;
use crate::domain::{Instant, Period, Zone};
use crate::reconcile::{Completeness, Finding as Shown, FindingKind, Moment};

const WHOLE: Continuity = Continuity {
    before: 100,
    after: 150,
    consistent: true,
};

/// From minute 0 for a day.
const PERIOD: Period = Period {
    from: Instant::from_millis(1_772_442_000_000),
    to: Instant::from_millis(1_772_442_000_000 + 86_400_000),
    zone: Zone::UTC,
};

fn judged(ledger: &Ledger, check: &str, erased: &[Kept], change: impl Fn(&mut PeriodSubject<'_>)) -> Verdict {
    judged_with(ledger, check, erased, None, change)
}

fn judged_with(
    ledger: &Ledger,
    check: &str,
    erased: &[Kept],
    completeness: Option<&Completeness>,
    change: impl Fn(&mut PeriodSubject<'_>),
) -> Verdict {
    let (facts, administered) = (Facts::fold(&ledger.records), administered::fold(&ledger.records));
    let mut subject = PeriodSubject {
        facts: &facts,
        period: PERIOD,
        parameters: &Parameters::default(),
        continuity: WHOLE,
        administered: &administered,
        completeness,
        oldest: Some(kept(0, -400)),
        recorded_until: Some(at(0)),
        erased,
    };
    change(&mut subject);
    let findings = evaluate_period(&subject);
    findings
        .into_iter()
        .find(|finding| finding.check.id == check)
        .expect("the check")
        .verdict
}

fn kept(index: u64, days: i64) -> Kept {
    Kept {
        index,
        recorded_at: at(days * 1440),
    }
}

#[test]
fn the_ledger_goes_on_without_a_gap() {
    let with = |continuity| {
        let verdict = judged(&Ledger::default(), "DL-POP-1", &[], |subject| {
            subject.continuity = continuity
        });
        (verdict.result, verdict.found)
    };
    assert_eq!(with(WHOLE), (Pass, "50 entries in one piece".to_owned()));
    let shorter = Continuity { after: 99, ..WHOLE };
    assert_eq!(with(shorter).0, Fail);
    let forked = Continuity {
        consistent: false,
        ..WHOLE
    };
    assert_eq!(with(forked).0, Fail);
    let first = Continuity { before: 0, ..WHOLE };
    assert_eq!(with(first).0, NotEvaluable);
}

/// A token that somebody issues.
fn issue(ledger: &mut Ledger, by: Option<&str>, name: &str) {
    let record = ledger.add(0, "shipslog-token.issued", "1", Body::Other);
    record.event.extension.actor = by.map(human);
    record.event.extension.administration = Some(Box::new(Administration::TokenIssued {
        id: "1".to_owned(),
        name: name.to_owned(),
        role: Role::Admin,
        reach: Reach::default(),
        secret_sha256: "0".repeat(64),
        valid_until: None,
    }));
}

#[test]
fn nobody_gives_rights_to_themselves() {
    let with = |change: &dyn Fn(&mut Ledger)| {
        let mut ledger = Ledger::default();
        change(&mut ledger);
        let verdict = judged(&ledger, "DL-ADM-1", &[], |_| {});
        (verdict.result, verdict.found)
    };
    assert_eq!(with(&|_| {}).0, NotApplicable);
    assert_eq!(
        with(&|l| issue(l, Some("root"), "carol")),
        (Pass, "1 change, #0".to_owned())
    );
    let own = "#0 (token issued) is by carol, who gains by it".to_owned();
    assert_eq!(with(&|l| issue(l, Some("carol"), "carol")), (Fail, own));
    assert_eq!(
        with(&|l| issue(l, None, "carol")),
        (NotEvaluable, "#0 (token issued) names nobody".to_owned())
    );
    let role = |by: &'static str| {
        with(&move |l| l.alias(0, holds("carol", "release manager")).event.extension.actor = Some(human(by)))
    };
    assert_eq!(
        (role("root").0, role("carol").0, role("urn:x:carol").0),
        (Pass, Fail, NotEvaluable)
    );
    assert_eq!(
        with(&|l| {
            l.except(0, "EX-1", grant(&["DL-CHG-1"]));
        })
        .0,
        Pass
    );
}

#[test]
fn what_is_no_change_of_rights_is_left_out() {
    let mut ledger = Ledger::default();
    ledger.alias(0, also("carol", "c"));
    assert_eq!(administered::fold(&ledger.records), Vec::<Administered>::new());
}

#[test]
fn entries_are_kept() {
    let reaching = |oldest| judged(&Ledger::default(), "DL-RET-1", &[], |subject| subject.oldest = oldest).result;
    assert_eq!(reaching(Some(kept(0, -400))), Pass);
    assert_eq!(reaching(Some(kept(0, -10))), Pass, "the log is not older");
    assert_eq!(reaching(Some(kept(7, -10))), Fail);
    assert_eq!(reaching(None), NotEvaluable);
    let without = |erased: &[Kept]| judged(&Ledger::default(), "DL-RET-1", erased, |_| {}).result;
    assert_eq!(without(&[kept(3, -400)]), Pass);
    assert_eq!(without(&[kept(3, -400), kept(9, -10)]), Fail);
}

/// What runtime snapshots of production showed of payments: something undocumented, seen first and last at these minutes.
fn shown(seen: &[(i64, i64)]) -> Completeness {
    let moment = |minutes| Moment {
        index: 200,
        at: at(minutes),
    };
    let finding = |(first, last): &(i64, i64)| Shown {
        kind: FindingKind::Undocumented,
        service: "payments".parse().unwrap(),
        running: Some(Content {
            digest: Some("sha256:00ff".to_owned()),
            version: None,
            artifact: None,
        }),
        instances: None,
        expected: None,
        opened: moment(*first),
        last_seen: moment(*last),
        closed: None,
    };
    Completeness {
        tree_size: 300,
        recorded_until: Some(at(1440)),
        environment: "production".parse().unwrap(),
        service: None,
        snapshots: 2,
        open: seen.len(),
        findings: seen.iter().map(finding).collect(),
        sequences: Vec::new(),
        silent_sources: Vec::new(),
        not_covered: Vec::new(),
    }
}

#[test]
fn an_exception_allows_what_ran_while_it_holds() {
    type Change = fn(&mut ExceptionGrant);
    type After = fn(&mut Ledger);
    let with = |change: Change, after: After, seen: &[(i64, i64)]| {
        let mut ledger = Ledger::default();
        let mut granted = grant(&["DL-POP-2"]);
        change(&mut granted);
        ledger.except(-5, "EX-1", granted);
        after(&mut ledger);
        let verdict = judged_with(&ledger, "DL-POP-2", &[], Some(&shown(seen)), |_| {});
        (
            verdict.result,
            verdict.found,
            verdict.exception.map(|applied| applied.index),
        )
    };
    let (result, found, exception) = with(|_| {}, |_| {}, &[(10, 50)]);
    assert_eq!((result, exception), (CheckResult::Excepted, Some(0)));
    assert_eq!(
        found,
        "1 finding, the first: undocumented of payments from 2026-03-02 09:10:00 UTC; the exception EX-1 allows it until \
         2026-03-02 10:00:00 UTC"
    );
    let part = with(|_| {}, |_| {}, &[(10, 50), (70, 80)]);
    assert_eq!(part.0, Fail);
    assert!(
        part.1.starts_with("1 finding, ") && part.1.ends_with("; exceptions allow 1 more"),
        "{}",
        part.1
    );
    assert_eq!(
        with(|_| {}, |_| {}, &[(-90, 50)]).0,
        CheckResult::Excepted,
        "known before the period"
    );
    let wrong: [(Change, After); 9] = [
        (|granted| granted.checks = vec!["DL-POP-3".to_owned()], |_| {}),
        (
            |granted| granted.scope.services = vec!["search".parse().unwrap()],
            |_| {},
        ),
        (
            |granted| granted.scope.environments = vec!["staging".parse().unwrap()],
            |_| {},
        ),
        (
            |granted| granted.scope.artifacts = vec!["sha256:00fe".to_owned()],
            |_| {},
        ),
        (
            |granted| granted.scope.deployments = vec!["d1".parse().unwrap()],
            |_| {},
        ),
        (|granted| granted.expires_at = at(50), |_| {}),
        (|granted| granted.approved_by = "urn:github:user:dev".to_owned(), |_| {}),
        (|_| {}, |ledger| _ = ledger.revoke_exception(20, "EX-1")),
        (|_| {}, |ledger| ledger.records[0].event.occurred_at = at(11)),
    ];
    for (at, (change, after)) in wrong.into_iter().enumerate() {
        assert_eq!(with(change, after, &[(10, 50)]).0, Fail, "case {at}");
    }
}

/// What is of no service and of no moment is allowed only by what holds for the whole period.
#[test]
fn an_exception_for_the_whole_period_allows_what_is_of_no_moment() {
    let with = |expires_at: Instant, services: bool| {
        let mut ledger = Ledger::default();
        let mut granted = grant(&["DL-RET-1"]);
        granted.expires_at = expires_at;
        if !services {
            granted.scope.services.clear();
        }
        ledger.except(-5, "EX-1", granted);
        let erased = [kept(9, -10)];
        assert_eq!(
            judged(&ledger, "DL-RET-1", &erased, |_| {}).result,
            Fail,
            "of no known environment"
        );
        judged_with(&ledger, "DL-RET-1", &erased, Some(&shown(&[])), |_| {}).result
    };
    assert_eq!(with(PERIOD.to, false), CheckResult::Excepted);
    assert_eq!(
        with(PERIOD.to.plus_millis(-1), false),
        Fail,
        "it runs out before the end"
    );
    assert_eq!(with(PERIOD.to, true), Fail, "it is for one service alone");
}
