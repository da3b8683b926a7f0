//! The checks of the ledger in a period.

use std::collections::BTreeSet;

use super::*;
use crate::domain::Reach;
use crate::domain::administered::{self, Administered};
use crate::domain::exception::ExceptionGrant;
use crate::domain::producer::{Administration, Role, SERVICE_PRODUCER};
use crate::domain::snapshot::Content;
use crate::domain::{Instant, Period, Zone};
use crate::reconcile::{Completeness, Expectation, Finding as Shown, FindingKind, Gap, Moment, Series, Silent};

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
        misplaced: &[],
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
fn each_of_several_findings_is_told() {
    let mut ledger = Ledger::default();
    issue(&mut ledger, Some("carol"), "carol");
    let one = judged(&ledger, "DL-ADM-1", &[], |_| {});
    assert!(one.parts.is_empty(), "the verdict tells it");
    issue(&mut ledger, Some("dave"), "dave");
    issue(&mut ledger, Some("root"), "erin");
    let both = judged(&ledger, "DL-ADM-1", &[], |_| {});
    let parts = both
        .parts
        .iter()
        .map(|part| (part.found.as_str(), part.evidence.as_slice()));
    assert_eq!(
        parts.collect::<Vec<_>>(),
        [
            ("#0 (token issued) is by carol, who gains by it", &[0][..]),
            ("#1 (token issued) is by dave, who gains by it", &[1][..]),
        ]
    );
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
    let names =
        |by: &'static str| with(&move |l| l.alias(0, also("carol", "c")).event.extension.actor = Some(human(by))).0;
    assert_eq!(
        (names("root"), names("carol")),
        (Pass, Fail),
        "whose names are whose decides who approved"
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
    ledger.revoke_exception(0, "EX-1");
    ledger.deploy(0, "d2", "2", good());
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
        signers: ["ci", "cluster"].map(|name| name.parse().unwrap()).into(),
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
        signers: BTreeSet::new(),
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
        ["DL-POP-2", "DL-EXC-2"].map(|check| judged_with(&ledger, check, &[], Some(&shown(seen)), |_| {}))
    };
    let [allowed, relied] = with(|_| {}, |_| {}, &[(10, 50)]);
    let exception = allowed.exception.map(|applied| applied.index);
    assert_eq!((allowed.result, exception), (CheckResult::Excepted, Some(0)));
    assert_eq!(
        (relied.result, relied.found, relied.evidence),
        (Pass, "EX-1 in force".to_owned(), vec![0])
    );
    assert_eq!(
        allowed.found,
        "1 finding, the first: undocumented of payments from 2026-03-02 09:10:00 UTC; the exception EX-1 allows it until \
         2026-03-02 10:00:00 UTC"
    );
    let [part, relied] = with(|_| {}, |_| {}, &[(10, 50), (70, 80)]);
    assert_eq!((part.result, relied.result), (Fail, Pass));
    assert!(part.found.starts_with("1 finding, "), "{}", part.found);
    assert!(part.found.ends_with("; exceptions allow 1 more"), "{}", part.found);
    let known_before = with(|_| {}, |_| {}, &[(-90, 50)]).map(|verdict| verdict.result);
    assert_eq!(known_before, [CheckResult::Excepted, Pass]);
    assert_eq!(
        with(|_| {}, |_| {}, &[])[1].result,
        NotApplicable,
        "nothing is to be allowed"
    );
    // What cannot be meant, and why the others do not hold.
    let wrong: [(Change, After, &str); 12] = [
        (|granted| granted.checks = vec!["DL-POP-3".to_owned()], |_| {}, ""),
        (
            |granted| granted.scope.services = vec!["search".parse().unwrap()],
            |_| {},
            "",
        ),
        (
            |granted| granted.scope.environments = vec!["staging".parse().unwrap()],
            |_| {},
            "",
        ),
        (
            |granted| granted.scope.artifacts = vec!["sha256:00fe".to_owned()],
            |_| {},
            "is for other artifacts than what ran",
        ),
        (
            |granted| granted.scope.deployments = vec!["d1".parse().unwrap()],
            |_| {},
            "is for single deployments",
        ),
        (
            |granted| granted.expires_at = at(50),
            |_| {},
            "ran out at 2026-03-02 09:50:00 UTC, and is needed until 2026-03-02 09:50:00 UTC",
        ),
        (
            |granted| granted.approved_by = "urn:github:user:dev".to_owned(),
            |_| {},
            "was approved by urn:github:user:dev, who may be dev",
        ),
        (
            |_| {},
            |ledger| _ = ledger.revoke_exception(20, "EX-1"),
            "was taken back at 2026-03-02 09:20:00 UTC",
        ),
        (
            |granted| granted.valid_from = Some(at(11)),
            |_| {},
            "begins only at 2026-03-02 09:11:00 UTC",
        ),
        (
            |granted| granted.valid_from = Some(at(-20)),
            |ledger| ledger.records[0].event.occurred_at = at(11),
            "was granted only at 2026-03-02 09:11:00 UTC",
        ),
        (
            |_| {},
            |ledger| ledger.records[0].index = 200,
            "was recorded only after #200",
        ),
        (
            |_| {},
            |ledger| ledger.records[0].producer = "cluster".parse().unwrap(),
            "is signed by cluster, which also signed what it is to allow",
        ),
    ];
    for (change, after, why) in wrong {
        let [failed, relied] = with(change, after, &[(10, 50)]);
        assert_eq!(failed.result, Fail, "{why}");
        assert_eq!(
            relied.result,
            if why.is_empty() { NotApplicable } else { Fail },
            "{why}"
        );
        assert!(
            why.is_empty()
                || relied
                    .found
                    .starts_with(&format!("the exception EX-1 for DL-POP-2 {why}")),
            "{}",
            relied.found
        );
    }
    let long_ago: Change = |granted| (granted.valid_from, granted.expires_at) = (Some(at(-90 * 1440)), at(-31 * 1440));
    assert_eq!(with(long_ago, |_| {}, &[(10, 50)])[1].result, NotApplicable);
}

/// What is of no service and of no moment is allowed only by what holds for the whole period.
#[test]
fn an_exception_for_the_whole_period_allows_what_is_of_no_moment() {
    let with = |change: fn(&mut ExceptionGrant), producer: &str| {
        let mut ledger = Ledger::default();
        let mut granted = grant(&["DL-RET-1"]);
        granted.expires_at = PERIOD.to;
        granted.scope.services.clear();
        change(&mut granted);
        ledger.except(-5, "EX-1", granted).producer = producer.parse().unwrap();
        let erased = [kept(9, -10)];
        assert_eq!(
            judged(&ledger, "DL-RET-1", &erased, |_| {}).result,
            Fail,
            "of no known environment"
        );
        ["DL-RET-1", "DL-EXC-2"].map(|check| judged_with(&ledger, check, &erased, Some(&shown(&[])), |_| {}))
    };
    assert_eq!(
        with(|_| {}, "desk").map(|verdict| verdict.result),
        [CheckResult::Excepted, Pass]
    );
    type Change = fn(&mut ExceptionGrant);
    let wrong: [(Change, &str, &str); 4] = [
        (
            |granted| granted.expires_at = PERIOD.to.plus_millis(-1),
            "desk",
            "ran out at ",
        ),
        (
            |granted| granted.scope.services = vec!["payments".parse().unwrap()],
            "desk",
            "is for single services",
        ),
        (
            |granted| granted.scope.environments.clear(),
            "desk",
            "does not name the environment production",
        ),
        (|_| {}, SERVICE_PRODUCER, "is signed by shipslog, which also signed"),
    ];
    for (change, producer, why) in wrong {
        let [failed, relied] = with(change, producer);
        assert_eq!((failed.result, relied.result), (Fail, Fail), "{why}");
        assert!(
            relied
                .found
                .starts_with(&format!("the exception EX-1 for DL-RET-1 {why}")),
            "{}",
            relied.found
        );
    }
}

/// Numbers that a source left out are not excused by the key that signs its records.
#[test]
fn a_source_does_not_excuse_its_own_gaps() {
    let with = |producer: &str| {
        let mut ledger = Ledger::default();
        let mut granted = grant(&["DL-POP-3"]);
        granted.expires_at = PERIOD.to;
        granted.scope.services.clear();
        ledger.except(-5, "EX-1", granted).producer = producer.parse().unwrap();
        let mut told = shown(&[]);
        told.sequences = vec![Series {
            source: "ci".to_owned(),
            series: None,
            first: 1,
            last: 3,
            recorded: 2,
            missing: 1,
            gaps: vec![Gap {
                from: 2,
                to: 2,
                after: 110,
                before: 111,
            }],
        }];
        told.signers = ["pipeline".parse().unwrap()].into();
        ["DL-POP-3", "DL-EXC-2"].map(|check| judged_with(&ledger, check, &[], Some(&told), |_| {}).result)
    };
    assert_eq!(with("desk"), [CheckResult::Excepted, Pass]);
    assert_eq!(with("pipeline"), [Fail, Fail]);
}

/// Its numbers may all be of the time before.
#[test]
fn a_source_that_is_silent_all_the_time_is_missing() {
    let mut told = shown(&[]);
    let judged = |told: &Completeness| judged_with(&Ledger::default(), "DL-POP-3", &[], Some(told), |_| {});
    assert_eq!(judged(&told).result, NotEvaluable);
    told.silent_sources = vec![Silent {
        source: "ci".to_owned(),
        last: Moment { index: 7, at: at(-100) },
        expected_within_ms: 60_000,
        expectation: Expectation::Declared,
        silent_for_ms: 6_000_000,
    }];
    assert_eq!((judged(&told).result, judged(&told).evidence), (Fail, vec![7]));
}
