//! The compliance report: the whole document, its counts, its words.

use super::*;
use crate::domain::event::{Decision, Phase};
use crate::domain::extension::Actor;
use crate::domain::fixture::image;

#[test]
fn a_report_as_a_whole() {
    let mut ledger = story();
    let emergency = Extension {
        kind: Some(DeploymentKind::Emergency),
        actor: Some(human("eve")),
        reason: Some("Card payments were rejected for all customers.".to_owned()),
        remediates: Some("INC-8".to_owned()),
        ..release(vec![commit("fix: accept cards again", "eve")])
    };
    ledger.deploy(300, "run-6", "1.0.1", emergency);
    ledger.approve(330, "bob", "1.0.1");
    ledger.deploy(400, "run-7", "1.0.2", release(vec![]));
    ledger.records.last_mut().unwrap().recorded_at = at(400 + 3 * 1440);
    ledger.start(500, "run-8", "1.0.3", Extension::default());
    let mut report = report(&ledger);
    report.generated.tool.version = "1.2.3";
    insta::assert_snapshot!("compliance", markdown(compliance::TEMPLATE, &report));
}

#[test]
fn five_results_add_up_to_the_population() {
    let report = report(&story());
    assert!(report.population.count > 0);
    for row in &report.results {
        let counts = row.counts;
        let sum = counts.tested + counts.not_applicable + counts.not_evaluable;
        assert_eq!(sum, report.population.count, "{}", row.id);
        assert_eq!(counts.pass + counts.fail + counts.excepted, counts.tested, "{}", row.id);
    }
}

#[test]
fn the_population_can_be_counted_again() {
    let report = report(&story());
    let mut ids: Vec<&str> = report.population.deployments.iter().map(|d| d.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["run-1", "run-2", "run-3", "run-4"]);
    // printf 'run-1\nrun-2\nrun-3\nrun-4\n' | sha256sum
    assert_eq!(
        report.population.ids_sha256,
        "04846b598f4dd492ba02a67831ad18f97cc83d50bb3220877cf501e4bf054034"
    );
    assert!(
        report.population.rule.contains("environment = 'production'"),
        "{}",
        report.population.rule
    );
}

#[test]
fn the_period_holds_its_first_instant_and_not_its_last() {
    let ledger = story();
    let compose = |from, to| report_of(&ledger, &[], (from, to));
    assert_eq!(compose(0, 90).population.count, 1);
    assert_eq!(compose(1, 91).population.count, 1);
    assert_eq!(compose(1, 90).population.count, 0);
    let empty = compose(1, 90);
    let text = markdown(compliance::TEMPLATE, &empty);
    assert!(text.contains("holds no deployment attempt"), "{text}");
}

#[test]
fn it_never_says_compliant() {
    let text = markdown(compliance::TEMPLATE, &report(&story())).to_lowercase();
    assert!(!text.contains("compliant"), "evidence, not verdicts");
}

#[test]
fn every_row_of_facts_cites_an_entry() {
    let text = markdown(compliance::TEMPLATE, &report(&story()));
    let section = |name: &str| {
        text.split(&format!("## {name}\n"))
            .nth(1)
            .unwrap()
            .split("\n## ")
            .next()
            .unwrap()
            .to_owned()
    };
    for name in ["Exceptions", "All deployment attempts", "Not evaluable"] {
        for row in section(name)
            .lines()
            .filter(|line| line.starts_with("| ") && !line.contains("Entries |"))
        {
            assert!(row.contains("](/entries/"), "{name}: {row}");
        }
    }
}

/// Every cell of a column of the table.
pub(super) fn column(report: &ComplianceReport, name: &str) -> Vec<String> {
    let mut table = csv::Reader::from_reader(report.csv.as_bytes());
    let at = table
        .headers()
        .unwrap()
        .iter()
        .position(|column| column == name)
        .unwrap();
    table.records().map(|row| row.unwrap()[at].to_owned()).collect()
}

/// Who asked for a deployment is recorded where it is queued, and where an approval is asked for.
#[test]
fn whoever_requested_what_they_approved_is_a_conflict() {
    let mut ledger = Ledger::default();
    let queued = |ledger: &mut Ledger, who: Actor| {
        let artifact = image("payments", "1");
        let phase = Phase::Queued;
        let record = ledger.add(-40, "deployment.queued", "run-1", Body::Deployment { phase, artifact });
        record.event.extension.actor = Some(who);
    };
    queued(&mut ledger, human("bob"));
    ledger.approve(-30, "bob", "1");
    ledger.approve(-20, "carol", "1");
    ledger.deploy(0, "run-1", "1", release(vec![commit("feat: refunds", "alice")]));
    let report = report_of(&ledger, &[], (-60, 60));
    let duties = report.duties.iter();
    let duties = duties.map(|row| (row.person.as_str(), row.requester, row.approver, row.conflicts));
    assert_eq!(
        duties.collect::<Vec<_>>(),
        [("alice", 0, 0, 0), ("bob", 1, 1, 1), ("carol", 0, 1, 0)]
    );
    assert_eq!(column(&report, "requested_by"), ["bob"]);
}

/// Who took an approval back before the start is no approver, and when they did it is no time of approval.
#[test]
fn only_approvals_that_stand_make_an_approver() {
    let mut ledger = Ledger::default();
    ledger.approve(-30, "bob", "1");
    ledger.approve(-20, "carol", "1");
    if let Body::Approval(body) = &mut ledger.approve(-10, "carol", "1").event.body {
        (body.decision, body.status) = (Some(Decision::Rejected), None);
    }
    ledger.deploy(0, "run-1", "1", release(vec![commit("feat: refunds", "carol")]));
    let report = report(&ledger);
    let duties = report
        .duties
        .iter()
        .map(|row| (row.person.as_str(), row.approver, row.conflicts));
    assert_eq!(duties.collect::<Vec<_>>(), [("bob", 1, 0), ("carol", 0, 0)]);
    assert_eq!(
        cells(&report, &["approvers", "approved_at"]),
        ["bob".to_owned(), at(-30).to_string()]
    );
}

fn cells(report: &ComplianceReport, names: &[&str]) -> Vec<String> {
    let mut table = csv::Reader::from_reader(report.csv.as_bytes());
    let columns = table.headers().unwrap().clone();
    let row = table.records().next().unwrap().unwrap();
    let cell = |name: &&str| row[columns.iter().position(|column| column == *name).unwrap()].to_owned();
    names.iter().map(cell).collect()
}

#[test]
fn what_an_exception_excused_is_listed_with_it() {
    let mut ledger = Ledger::default();
    ledger.except(-10, "EX-1", grant(&["DL-CHG-1"]));
    ledger.deploy(0, "run-1", "1", release(vec![commit("feat: refunds", "carol")]));
    let report = report(&ledger);
    let excused: Vec<_> = report.excepted.iter().flat_map(|row| &row.checks).collect();
    let [check] = excused.as_slice() else {
        panic!("{excused:?}")
    };
    let exception = check.exception.as_ref().unwrap();
    assert_eq!(
        (check.id, exception.id.as_str(), exception.index),
        ("DL-CHG-1", "EX-1", 0)
    );
    assert_eq!(
        cells(&report, &["exceptions", "DL-CHG-1"]),
        ["DL-CHG-1: EX-1 (#0)", "excepted"]
    );
    let text = markdown(compliance::TEMPLATE, &report);
    assert!(
        text.contains("An exception excused 1 deployment; all are listed in full"),
        "{text}"
    );
    let (_, section) = text.split_once("## Deployments that an exception excused").unwrap();
    let row = section.lines().find(|line| line.contains("DL-CHG-1: ")).unwrap();
    assert!(row.contains("payments 1") && row.contains("| EX-1 [#0]"), "{row}");
}

#[test]
fn the_review_of_an_emergency_is_told_with_who_when_and_outcome() {
    let mut ledger = Ledger::default();
    let emergency = Extension {
        kind: Some(DeploymentKind::Emergency),
        ..release(vec![commit("fix: cards", "eve")])
    };
    ledger.deploy(0, "run-1", "1", emergency.clone());
    let review = ledger.approve(60, "bob", "1");
    review.event.extension.reason = Some("Cards work again; normal releases resume.".to_owned());
    ledger.deploy(100, "run-2", "2", emergency);
    let report = report(&ledger);
    let [reviewed, open] = report.emergencies.as_slice() else {
        panic!("{:?}", report.emergencies)
    };
    let review = &reviewed.reviews[0];
    assert_eq!(
        (reviewed.reviewed, review.person.as_deref(), review.at),
        ("pass", Some("bob"), at(60))
    );
    assert_eq!(
        review.outcome.as_deref(),
        Some("Cards work again; normal releases resume.")
    );
    assert_eq!((open.reviewed, open.reviews.len()), ("not evaluable", 0));
    let text = markdown(compliance::TEMPLATE, &report);
    assert!(
        text.contains("bob, 2026-03-02 10:00:00 UTC: Cards work again; normal releases resume. [#2]"),
        "{text}"
    );
    assert!(text.contains("pending: no review yet | no review recorded |"), "{text}");
}

/// 7 of 21 are 33 %, and 6 of 20 no more than the 30 % that are set; of fewer there is no share.
#[test]
fn many_emergencies_are_a_warning_sign() {
    let above = |all: i64, emergencies: i64| {
        let mut ledger = Ledger::default();
        for number in 0..all {
            let extension = Extension {
                kind: Some(if number < emergencies {
                    DeploymentKind::Emergency
                } else {
                    DeploymentKind::Normal
                }),
                ..release(vec![])
            };
            ledger.deploy(number * 60, &format!("run-{number}"), &format!("1.{number}"), extension);
        }
        let report = report(&ledger);
        let warned = report.summary.join(" ").contains("more than 30 %, a warning sign");
        assert_eq!(warned, report.emergency_share.above == Some(true));
        report.emergency_share.above
    };
    assert_eq!(
        [above(21, 7), above(20, 6), above(19, 19)],
        [Some(true), Some(false), None]
    );
}

/// An attempt that claims another time than the one it was recorded at counts in one period, and is named in both.
#[test]
fn attempts_that_meet_two_periods_count_once_and_are_named_twice() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "run-1", "1", release(vec![]));
    ledger.deploy(58, "run-2", "2", release(vec![]));
    ledger.deploy(90, "run-3", "3", release(vec![]));
    ledger.start(-3 * 525_600, "run-4", "4", release(vec![]));
    ledger.records.last_mut().unwrap().recorded_at = at(30);
    ledger.finish(31, "run-4", "4", Outcome::Success);
    ledger.deploy(3 * 525_600, "run-5", "5", release(vec![]));
    for record in ledger.records.iter_mut().rev().take(2) {
        record.recorded_at = at(50);
    }
    let of = |from, to| {
        let report = report_of(&ledger, &["soc2"], (from, to));
        let counted: Vec<String> = report.population.deployments.iter().map(|row| row.id.clone()).collect();
        let beside = report.counted_elsewhere.iter();
        let beside: Vec<String> = beside.map(|row| row.deployment.id.clone()).collect();
        (counted, beside, report)
    };
    let (counted, beside, report) = of(0, 60);
    assert_eq!(
        (counted.join(" "), beside.join(" ")),
        ("run-1 run-2".to_owned(), "run-4 run-5".to_owned())
    );
    let back_dated = &report.counted_elsewhere[0];
    assert_eq!(
        (back_dated.claims.as_str(), back_dated.recorded.as_slice()),
        ("1095 days before the period", &[6, 7][..])
    );
    assert!(
        report
            .counted_elsewhere
            .iter()
            .all(|row| row.failed.contains(&"DL-POP-4"))
    );
    let said = "2 attempts of which something was recorded in this period, or is said to have happened in it, claim to have begun at another time";
    assert!(report.summary.join(" ").contains(said), "{:?}", report.summary);
    let continuity = report.period_checks.iter().find(|row| row.id == "DL-POP-1").unwrap();
    assert!(
        continuity
            .found
            .ends_with("; 2 attempts with entries of the period claim to have begun at another time (#6 first)")
    );
    let text = markdown(compliance::TEMPLATE, &report);
    assert!(text.contains("1095 days before the period"), "{text}");
    // Of a requirement they are no part, and its reader learns that they are there.
    let requirement = &report.frameworks[0].requirements[0];
    let elsewhere = requirement.elsewhere;
    assert_eq!(
        [requirement.counts, elsewhere].map(|counts| counts.tested + counts.not_evaluable + counts.not_applicable),
        [2, 2]
    );
    let said = format!(
        "; not counted, of another period by their start: 2 attempts, {} of them failed",
        elsewhere.fail
    );
    assert!(
        requirement.says.ends_with(&said) && text.contains(&said),
        "{}",
        requirement.says
    );
    let rows = csv::Reader::from_reader(report.csv.as_bytes())
        .into_records()
        .collect::<Result<Vec<_>, _>>();
    let rows: Vec<(String, bool)> = rows
        .unwrap()
        .iter()
        .map(|row| (row[2].to_owned(), row.iter().any(|cell| cell == "no")))
        .collect();
    let told = [("run-1", false), ("run-2", false), ("run-4", true), ("run-5", true)];
    assert_eq!(rows, told.map(|(id, apart)| (id.to_owned(), apart)));
    // It began in the hour before, and ended in this one.
    let (counted, beside, report) = of(60, 120);
    assert_eq!(
        (counted.join(" "), beside.join(" ")),
        ("run-3".to_owned(), "run-2".to_owned())
    );
    assert!(!report.counted_elsewhere[0].failed.contains(&"DL-POP-4"));
    // Where nothing counts, what is beside it is told all the same.
    let (counted, _, report) = of(24, 40);
    assert!(
        counted.is_empty() && report.summary[2].starts_with("1 attempt of which"),
        "{:?}",
        report.summary
    );
    let (counted, beside, _) = of(-4 * 525_600, -525_600);
    assert_eq!((counted.join(" "), beside.len()), ("run-4".to_owned(), 0));
}

#[test]
fn a_period_that_is_not_over_in_the_ledger_is_told_to_be_so() {
    let period = |from, to| Period {
        from: at(from),
        to: at(to),
        zone: Zone::UTC,
    };
    let told = |from, to, until: Option<i64>| open_period(&period(from, to), until.map(at));
    assert_eq!(told(0, 60, Some(60)), None);
    let words = |state: &str| {
        Some(format!(
            "The period {state} in the ledger, whose newest entry is of 2026-03-02 09:30 UTC."
        ))
    };
    assert_eq!(told(0, 60, Some(30)), words("is not over"));
    assert_eq!(told(40, 60, Some(30)), words("has not begun"));
    assert_eq!(told(0, 60, None), Some("The ledger is empty.".to_owned()));
    // The log of these reports ends at minute 0.
    let summary = |from, to| report_of(&story(), &[], (from, to)).summary.join(" ");
    assert!(summary(-10, 10).contains("The period is not over in the ledger"));
    assert!(summary(9_000, 9_001).contains("The period has not begun in the ledger"));
    assert!(!summary(-9_000, 0).contains("in the ledger, whose"));
}
