//! What is found, when, and what puts an end to it.

use super::*;
use crate::domain::event::{Body, Outcome, ServiceStep};
use crate::domain::fixture::{Ledger, at, digest};
use crate::domain::sequence::Sequence;
use crate::domain::snapshot::{self, Method, RuntimeSnapshot, Workload};
use crate::domain::{Extension, deployment};

/// Version 1 of `payments` was deployed.
fn deployed() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", Extension::default());
    ledger
}

/// A complete snapshot of these versions of `payments`. Gives its index.
fn snapshot(ledger: &mut Ledger, at_minutes: i64, running: &[&str]) -> u64 {
    let workload = |version: &&str| Workload {
        service: "payments".parse().unwrap(),
        artifact: Some(format!("payments@{}", digest(version))),
        version: Some((*version).to_owned()),
        instances: Some(2),
    };
    let record = ledger.add(at_minutes, "shipslog-snapshot.taken", "production", Body::Other);
    record.event.service = None;
    record.event.extension.snapshot = Some(Box::new(RuntimeSnapshot {
        method: Method::Kubernetes,
        complete: true,
        services: Vec::new(),
        running: running.iter().map(workload).collect(),
        unmapped: Vec::new(),
    }));
    record.index
}

fn partly(ledger: &mut Ledger, index: u64, source: &str) {
    let event = &mut ledger.records[index as usize].event;
    event.source = source.to_owned();
    event.extension.snapshot.as_mut().unwrap().complete = false;
}

fn reconciled(ledger: &Ledger) -> Completeness {
    let query = Query {
        environment: "production".parse().unwrap(),
        service: None,
        from: None,
        to: None,
    };
    asked(ledger, &query)
}

fn asked(ledger: &Ledger, query: &Query) -> Completeness {
    let before = Query {
        from: None,
        to: query.from,
        ..query.clone()
    };
    let before = query.from.map(|_| before.heard(&ledger.records));
    let input = Input {
        tree_size: ledger.records.len() as u64,
        recorded_until: ledger.records.last().map(|record| record.recorded_at),
        deployments: &deployment::fold(&ledger.records),
        snapshots: &snapshot::fold(&ledger.records),
        heard: &query.heard(&ledger.records),
        heard_before: &before.unwrap_or_default(),
        numbered: &ledger.records.iter().filter_map(Numbered::of).collect::<Vec<_>>(),
    };
    reconcile(query, &input)
}

/// Kind, what runs, opened, last seen, closed, of each finding; `+` for one that was documented later.
fn told(ledger: &Ledger) -> Vec<String> {
    let finding = |finding: Finding| {
        let kind = format!("{:?}", finding.kind).to_lowercase();
        let running = finding
            .running
            .as_ref()
            .map_or("-", |content| content.label())
            .to_owned();
        let closed = finding.closed.map_or("open".to_owned(), |closed| match closed.how {
            Closing::Resolved => closed.index.to_string(),
            Closing::DocumentedLater => format!("+{}", closed.index),
        });
        format!(
            "{kind} {running} {} {} {closed}",
            finding.opened.index, finding.last_seen.index
        )
    };
    reconciled(ledger).findings.into_iter().map(finding).collect()
}

#[test]
fn what_was_deployed_and_runs_is_no_finding() {
    let mut ledger = deployed();
    snapshot(&mut ledger, 30, &["1"]);
    let answer = reconciled(&ledger);
    assert!(answer.is_clean() && answer.findings.is_empty(), "{answer:?}");
    assert_eq!(answer.snapshots, 1);
}

#[test]
fn what_nobody_deployed_is_undocumented_until_it_is_gone() {
    let mut ledger = deployed();
    let opened = snapshot(&mut ledger, 30, &["2"]);
    let still = snapshot(&mut ledger, 60, &["2"]);
    assert_eq!(told(&ledger), [format!("undocumented 2 {opened} {still} open")]);
    let finding = &reconciled(&ledger).findings[0];
    assert_eq!(finding.expected.as_ref().unwrap().label, "1");
    assert_eq!((finding.opened.at, finding.instances), (at(30), Some(2)));
    let over = snapshot(&mut ledger, 90, &["1"]);
    assert_eq!(told(&ledger), [format!("undocumented 2 {opened} {still} {over}")]);
    // The same again is another finding.
    let again = snapshot(&mut ledger, 120, &["2"]);
    assert_eq!(told(&ledger)[1], format!("undocumented 2 {again} {again} open"));
}

#[test]
fn a_finding_knows_whose_keys_signed_what_it_is_about() {
    let mut ledger = deployed();
    for (minutes, producer) in [(30, "cluster"), (60, "cluster-2")] {
        let taken = snapshot(&mut ledger, minutes, &["2"]);
        ledger.records[taken as usize].producer = producer.parse().unwrap();
    }
    let names = |signers: &BTreeSet<ProducerName>| signers.iter().map(ToString::to_string).collect::<Vec<_>>();
    let answer = reconciled(&ledger);
    assert_eq!(names(&answer.findings[0].signers), ["ci", "cluster", "cluster-2"]);
    assert!(answer.signers.is_empty(), "no source left anything out");
    for number in [7, 9] {
        let index = numbered(&mut ledger, 90, number, None) as usize;
        ledger.records[index].event.source = "https://other.example".to_owned();
        ledger.records[index].producer = "other".parse().unwrap();
    }
    assert_eq!(names(&reconciled(&ledger).signers), ["other"]);
}

#[test]
fn a_record_that_comes_late_closes_it_and_it_stays_to_be_seen() {
    let mut ledger = deployed();
    let opened = snapshot(&mut ledger, 30, &["2"]);
    let late = ledger.finish(20, "d2", "2", Outcome::Success);
    late.recorded_at = at(200);
    let late = late.index;
    let after = snapshot(&mut ledger, 240, &["2"]);
    assert_eq!(told(&ledger), [format!("undocumented 2 {opened} {opened} +{late}")]);
    // One that happened only afterwards explains nothing: it ends when the next snapshot is taken.
    ledger.records[late as usize].event.occurred_at = at(190);
    assert_eq!(told(&ledger), [format!("undocumented 2 {opened} {opened} {after}")]);
}

#[test]
fn a_failed_deployment_documents_nothing() {
    let mut ledger = deployed();
    ledger.start(10, "d2", "2", Extension::default());
    ledger.finish(12, "d2", "2", Outcome::Failure);
    let opened = snapshot(&mut ledger, 60, &["2"]);
    assert_eq!(told(&ledger), [format!("undocumented 2 {opened} {opened} open")]);
}

#[test]
fn an_older_version_that_still_runs_is_drift_but_not_while_it_is_replaced() {
    let mut ledger = deployed();
    ledger.start(100, "d2", "2", Extension::default());
    snapshot(&mut ledger, 110, &["1", "2"]);
    ledger.finish(120, "d2", "2", Outcome::Success);
    snapshot(&mut ledger, 124, &["1", "2"]);
    assert!(told(&ledger).is_empty());
    let opened = snapshot(&mut ledger, 126, &["1", "2"]);
    assert_eq!(told(&ledger), [format!("drift 1 {opened} {opened} open")]);
    // Going back is a deployment as well.
    ledger.deploy(140, "d3", "1", Extension::default());
    let over = snapshot(&mut ledger, 160, &["1"]);
    assert_eq!(told(&ledger), [format!("drift 1 {opened} {opened} {over}")]);
}

#[test]
fn what_ended_last_is_no_drift_where_another_one_is_recorded_after_it() {
    let mut ledger = deployed();
    ledger.deploy(100, "d3", "3", Extension::default());
    ledger.finish(50, "d2", "2", Outcome::Success).recorded_at = at(120);
    snapshot(&mut ledger, 130, &["3"]);
    assert!(told(&ledger).is_empty());
    // What the ledger takes for running may run as well.
    snapshot(&mut ledger, 140, &["2"]);
    assert!(told(&ledger).is_empty());
}

#[test]
fn what_should_run_and_does_not_is_missing_only_in_a_complete_snapshot() {
    let mut ledger = deployed();
    let partial = snapshot(&mut ledger, 20, &[]);
    partly(&mut ledger, partial, "https://ci.example");
    assert!(told(&ledger).is_empty());
    let opened = snapshot(&mut ledger, 30, &[]);
    assert_eq!(told(&ledger), [format!("missing - {opened} {opened} open")]);
    // It was taken away, and that was written down too late.
    let removed = ledger.service(25, ServiceStep::Removed, Some("1"));
    removed.recorded_at = at(90);
    let removed = removed.index;
    assert_eq!(told(&ledger), [format!("missing - {opened} {opened} +{removed}")]);
    let back = snapshot(&mut ledger, 120, &["1"]);
    assert_eq!(told(&ledger)[1], format!("drift 1 {back} {back} open"));
}

#[test]
fn another_observer_that_sees_only_a_part_ends_nothing() {
    let mut ledger = deployed();
    let opened = snapshot(&mut ledger, 30, &["2"]);
    partly(&mut ledger, opened, "https://host-a.example");
    let other = snapshot(&mut ledger, 60, &["1"]);
    partly(&mut ledger, other, "https://host-b.example");
    assert_eq!(told(&ledger), [format!("undocumented 2 {opened} {opened} open")]);
    let same = snapshot(&mut ledger, 90, &["1"]);
    partly(&mut ledger, same, "https://host-a.example");
    assert_eq!(told(&ledger), [format!("undocumented 2 {opened} {opened} {same}")]);
}

#[test]
fn snapshots_are_judged_in_the_order_in_which_they_were_taken() {
    let mut ledger = deployed();
    let later = snapshot(&mut ledger, 90, &["1"]);
    let earlier = snapshot(&mut ledger, 30, &["2"]);
    assert_eq!(told(&ledger), [format!("undocumented 2 {earlier} {earlier} {later}")]);
}

#[test]
fn a_period_holds_the_findings_that_were_open_in_it() {
    let mut ledger = deployed();
    snapshot(&mut ledger, 30, &["2"]);
    snapshot(&mut ledger, 60, &["1"]);
    let found = |from, to| {
        let query = Query {
            environment: "production".parse().unwrap(),
            service: Some("payments".parse().unwrap()),
            from: Some(at(from)),
            to: Some(at(to)),
        };
        asked(&ledger, &query).findings.len()
    };
    assert_eq!((found(0, 30), found(0, 31), found(60, 90), found(61, 90)), (0, 1, 1, 0));
}

#[test]
fn what_cannot_be_told_is_a_limit_and_no_pass() {
    let mut ledger = deployed();
    let why = |ledger: &Ledger| {
        let answer = reconciled(ledger);
        assert!(answer.findings.is_empty());
        let all = answer
            .not_covered
            .into_iter()
            .filter(|limit| limit.why != Uncovered::NoSequence);
        all.map(|limit| (limit.why, limit.what, limit.indexes))
            .collect::<Vec<_>>()
    };
    assert_eq!(why(&ledger), [(Uncovered::NoSnapshot, "payments".to_owned(), vec![])]);
    let index = snapshot(&mut ledger, 30, &["1"]);
    let taken = ledger.records[index as usize]
        .event
        .extension
        .snapshot
        .as_mut()
        .unwrap();
    taken.complete = false;
    taken.unmapped = vec!["pod x".to_owned()];
    taken.running[0].version = None;
    taken.running[0].artifact = Some("payments".to_owned());
    assert_eq!(
        why(&ledger),
        [
            (Uncovered::NotComparable, "payments payments".to_owned(), vec![index]),
            (Uncovered::Unmapped, "pod x".to_owned(), vec![index]),
        ]
    );
}

fn numbered(ledger: &mut Ledger, at_minutes: i64, number: u64, next_within_s: Option<u32>) -> u64 {
    let record = ledger.add(at_minutes, "build.finished", "run", Body::Other);
    record.event.extension.sequence = Some(Sequence {
        number,
        series: Some("deploy".to_owned()),
        next_within_s,
    });
    record.index
}

#[test]
fn numbers_that_are_missing_are_told_with_their_neighbours() {
    let mut ledger = Ledger::default();
    for (minute, number) in [(0, 7), (1, 8), (2, 8), (3, 12), (4, 11), (5, 14)] {
        numbered(&mut ledger, minute, number, None);
    }
    let answer = reconciled(&ledger);
    let [series] = answer.sequences.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (series.first, series.last, series.recorded, series.missing),
        (7, 14, 5, 3)
    );
    let gaps: Vec<_> = series
        .gaps
        .iter()
        .map(|gap| (gap.from, gap.to, gap.after, gap.before))
        .collect();
    assert_eq!(gaps, [(9, 10, 1, 4), (13, 13, 3, 5)]);
    assert!(!answer.is_clean());
    assert!(answer.not_covered.is_empty());
}

#[test]
fn a_source_is_silent_after_the_time_that_it_declares_by_the_clock_of_the_ledger() {
    let mut ledger = Ledger::default();
    numbered(&mut ledger, 0, 1, Some(3600));
    ledger.add(50, "build.finished", "run", Body::Other).event.source = "https://other.example".to_owned();
    assert!(reconciled(&ledger).silent_sources.is_empty());
    ledger.add(61, "build.finished", "run", Body::Other).event.source = "https://other.example".to_owned();
    let [silent] = <[Silent; 1]>::try_from(reconciled(&ledger).silent_sources).unwrap();
    assert_eq!((silent.source.as_str(), silent.last.index), ("https://ci.example", 0));
    assert_eq!(
        (silent.expectation, silent.silent_for_ms),
        (Expectation::Declared, 61 * 60_000)
    );
}

#[test]
fn a_source_is_silent_after_three_times_its_longest_pause() {
    const HOUR: i64 = 60;
    let mut ledger = Ledger::default();
    for hours in [0, 10, 20, 32, 40, 50] {
        ledger.add(hours * HOUR, "build.finished", "run", Body::Other);
    }
    let mut heard = |hours: i64| {
        ledger
            .add(hours * HOUR, "build.finished", "run", Body::Other)
            .event
            .source = "https://other.example".to_owned();
        reconciled(&ledger).silent_sources
    };
    assert!(heard(50 + 36).is_empty());
    let silent = heard(50 + 37);
    assert_eq!((silent.len(), silent[0].expectation), (1, Expectation::Usual));
    assert_eq!(silent[0].expected_within_ms, 36 * HOUR * 60_000);
}

#[test]
fn a_source_that_fell_silent_before_the_time_that_is_asked_about_is_silent_in_it() {
    let mut ledger = Ledger::default();
    numbered(&mut ledger, 0, 1, Some(3600));
    ledger.add(300, "build.finished", "run", Body::Other).event.source = "https://other.example".to_owned();
    let silent = |from| {
        let query = Query {
            environment: "production".parse().unwrap(),
            service: None,
            from: Some(at(from)),
            to: Some(at(400)),
        };
        let answer = asked(&ledger, &query);
        let signers = answer.signers.len();
        let silent = answer
            .silent_sources
            .into_iter()
            .map(|silent| (silent.source, silent.last.index));
        (silent.collect::<Vec<_>>(), signers, answer.sequences.len())
    };
    let told = vec![("https://ci.example".to_owned(), 0)];
    assert_eq!(silent(0), (told.clone(), 1, 1));
    // Its numbers are of the time before.
    assert_eq!(silent(200), (told, 1, 0));
}

#[test]
fn records_without_a_number_of_a_source_that_numbers_others_are_named() {
    let mut ledger = Ledger::default();
    for number in [1, 2] {
        numbered(&mut ledger, number as i64, number, None);
    }
    let without = [3, 4].map(|minute| ledger.add(minute, "build.finished", "run", Body::Other).index);
    // Who numbers deployments need not number snapshots too.
    snapshot(&mut ledger, 5, &[]);
    let answer = reconciled(&ledger);
    let [limit] = <[NotCovered; 1]>::try_from(answer.not_covered).unwrap();
    assert_eq!(
        (limit.why, limit.what.as_str(), limit.indexes),
        (Uncovered::Unnumbered, "https://ci.example", without.to_vec())
    );
}

#[test]
fn what_ran_unknown_in_an_older_snapshot_is_not_forgotten() {
    let mut ledger = deployed();
    let mut taken = |minute: i64, unmapped: &[&str]| {
        let index = snapshot(&mut ledger, minute, &["1"]);
        let taken = ledger.records[index as usize]
            .event
            .extension
            .snapshot
            .as_mut()
            .unwrap();
        taken.unmapped = unmapped.iter().map(|what| (*what).to_owned()).collect();
        index
    };
    let first = taken(30, &["cryptominer", "shadow-db"]);
    let second = taken(60, &["shadow-db"]);
    let third = taken(90, &[]);
    let answer = reconciled(&ledger);
    let told = answer
        .not_covered
        .iter()
        .filter(|limit| limit.why == Uncovered::Unmapped);
    let told: Vec<_> = told
        .map(|limit| {
            (
                limit.what.as_str(),
                limit.indexes.clone(),
                limit.seen.unwrap().gone.unwrap().index,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("cryptominer", vec![first], second),
            ("shadow-db", vec![first, second], third)
        ]
    );
    // In the time after it was gone, nothing is to be told of it.
    let after = Query {
        environment: "production".parse().unwrap(),
        service: None,
        from: Some(at(60)),
        to: None,
    };
    let told = asked(&ledger, &after).not_covered;
    let told: Vec<_> = told
        .iter()
        .filter(|limit| limit.seen.is_some())
        .map(|limit| limit.what.as_str())
        .collect();
    assert_eq!(told, ["shadow-db"]);
}
