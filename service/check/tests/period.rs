//! The checks of the ledger in a period.

use super::*;
use crate::domain::Reach;
use crate::domain::administered::{self, Administered};
use crate::domain::producer::{Administration, Role};

const WHOLE: Continuity = Continuity {
    before: 100,
    after: 150,
    consistent: true,
};

fn judged(ledger: &Ledger, check: &str, erased: &[Kept], change: impl Fn(&mut PeriodSubject<'_>)) -> Verdict {
    let (facts, administered) = (Facts::fold(&ledger.records), administered::fold(&ledger.records));
    let mut subject = PeriodSubject {
        facts: &facts,
        parameters: &Parameters::default(),
        continuity: WHOLE,
        administered: &administered,
        completeness: None,
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
