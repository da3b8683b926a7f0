//! The rules of correlation, one story each.

mod circumstances;
mod named;

use super::*;
use crate::domain::event::Body;
use crate::domain::event::{IncidentStep, Outcome};
use crate::domain::extension::{CauseClass, DeploymentKind, Extension};
use crate::domain::fixture::{Ledger, at, image};
use crate::domain::link::{LinkDecision, Verdict};

fn none() -> Extension {
    Extension::default()
}

fn correlate(ledger: &Ledger) -> Correlation {
    let facts = Facts::fold(&ledger.records);
    Correlator::new(&facts).candidates(&facts.incidents[0])
}

fn best(ledger: &Ledger) -> Candidate {
    correlate(ledger).candidates.first().cloned().expect("a candidate")
}

#[test]
fn an_incident_during_the_rollout_points_to_it() {
    let mut ledger = Ledger::default();
    ledger.deploy(-600, "d1", "1", none());
    ledger.start(0, "d2", "2", none());
    ledger.incident(1, "I", IncidentStep::Detected);
    ledger.finish(3, "d2", "2", Outcome::Success);
    let best = best(&ledger);
    assert_eq!(
        (best.deployment.as_str(), best.reasons.as_slice()),
        ("d2", &[Reason::SameServiceRecent][..])
    );
    assert!(best.score > 0.79, "{}", best.score);
}

#[test]
fn five_minutes_of_skew_are_forgiven_and_six_are_not() {
    for (minutes, expected) in [(5, Some("d2")), (6, None)] {
        let mut ledger = Ledger::default();
        ledger.incident(0, "I", IncidentStep::Detected);
        ledger.deploy(minutes, "d2", "2", none());
        let found = correlate(&ledger);
        assert_eq!(
            found.candidates.first().map(|c| c.deployment.as_str()),
            expected,
            "{minutes} minutes"
        );
        assert_eq!(found.no_candidate, expected.is_none());
    }
}

#[test]
fn deployments_of_the_same_second_stay_apart() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "ours", "1", none());
    let from = ledger.records.len();
    ledger.deploy(0, "theirs", "1", none());
    for record in &mut ledger.records[from..] {
        record.event.service = Some("search".parse().unwrap());
    }
    ledger.incident(10, "I", IncidentStep::Detected);
    let found = correlate(&ledger);
    assert_eq!(found.candidates.len(), 1);
    assert_eq!(found.candidates[0].deployment.as_str(), "ours");
}

#[test]
fn closeness_in_time_halves_every_four_hours() {
    for (hours, score) in [(0, 0.80), (4, 0.40), (8, 0.20), (12, 0.10)] {
        let mut ledger = Ledger::default();
        ledger.deploy(0, "d1", "1", none());
        ledger.incident(hours * 60, "I", IncidentStep::Detected);
        assert!(
            (best(&ledger).score - score).abs() < 0.001,
            "{hours} hours: {}",
            best(&ledger).score
        );
    }
}

#[test]
fn nothing_is_suggested_when_all_is_old_or_absent() {
    let mut ledger = Ledger::default();
    ledger.deploy(-6 * 24 * 60, "d1", "1", none());
    ledger.incident(0, "I", IncidentStep::Detected);
    assert!(
        correlate(&ledger).no_candidate,
        "a deployment six days ago is no suspect by time alone"
    );
    let mut empty = Ledger::default();
    empty.incident(0, "I", IncidentStep::Detected);
    assert!(correlate(&empty).no_candidate);
}

#[test]
fn a_version_match_outlives_the_decay_while_it_is_live() {
    let mut ledger = Ledger::default();
    ledger.deploy(-3 * 24 * 60, "d1", "1", none());
    ledger.incident(0, "I", IncidentStep::Detected).event.extension.version = Some("1".to_owned());
    let best = best(&ledger);
    assert_eq!(
        (best.score, best.reasons.as_slice()),
        (0.90, &[Reason::VersionMatch][..])
    );
}

#[test]
fn an_artifact_match_counts_only_while_it_is_live() {
    let mut ledger = Ledger::default();
    ledger.deploy(-3 * 24 * 60, "d1", "1", none());
    ledger.deploy(-2 * 24 * 60, "d2", "2", none());
    let record = ledger.incident(0, "I", IncidentStep::Detected);
    let Body::Incident { artifact, .. } = &mut record.event.body else {
        unreachable!()
    };
    *artifact = Some(image("payments", "1"));
    assert!(correlate(&ledger).no_candidate);
    let record = ledger.records.last_mut().unwrap();
    let Body::Incident { artifact, .. } = &mut record.event.body else {
        unreachable!()
    };
    *artifact = Some(image("payments", "2"));
    assert_eq!(best(&ledger).reasons, [Reason::ArtifactMatch]);
}

#[test]
fn what_the_incident_names_is_explicit() {
    for cause in ["d1", "#0", "PAY-7"] {
        let mut ledger = Ledger::default();
        let tickets = vec![crate::domain::fixture::ticket("PAY-7")];
        ledger.deploy(-9 * 24 * 60, "d1", "1", Extension { tickets, ..none() });
        ledger.deploy(-10, "d2", "2", none());
        ledger
            .incident(0, "I", IncidentStep::Detected)
            .event
            .extension
            .caused_by = Some(cause.to_owned());
        let best = best(&ledger);
        assert_eq!(
            (best.deployment.as_str(), best.state),
            ("d1", LinkState::Explicit),
            "{cause}"
        );
        assert_eq!(best.score, 0.99);
    }
}

/// V1 V2 V3 V1: the rollback repairs the incident, V2 came first after what it returned to, V3 went with it.
#[test]
fn a_repairing_rollback_names_the_first_it_took_out() {
    let mut ledger = Ledger::default();
    ledger.deploy(-300, "d1", "1", none());
    ledger.deploy(-120, "d2", "2", none());
    ledger.deploy(-60, "d3", "3", none());
    ledger.incident(0, "I", IncidentStep::Detected);
    ledger.deploy(
        20,
        "d4",
        "1",
        Extension {
            remediates: Some("I".to_owned()),
            ..none()
        },
    );
    ledger.incident(40, "I", IncidentStep::Resolved);
    let found = correlate(&ledger);
    assert_eq!(found.candidates[0].deployment.as_str(), "d2");
    assert_eq!(found.candidates[0].reasons, [Reason::ExplicitRemediation]);
    let third = found
        .candidates
        .iter()
        .find(|c| c.deployment.as_str() == "d3")
        .expect("d3");
    assert!(third.reasons.contains(&Reason::AlsoRemoved) && third.reasons.contains(&Reason::RolledBackAfter));
    assert!(third.score < 0.99);
    assert_eq!(found.remediated_by, [ledger.deployment("d4").index]);
}

#[test]
fn without_a_word_a_rollback_before_the_end_raises_the_score() {
    let story = |roll_back: bool| {
        let mut ledger = Ledger::default();
        ledger.deploy(-600, "d1", "1", none());
        ledger.deploy(-240, "d2", "2", none());
        ledger.incident(0, "I", IncidentStep::Detected);
        if roll_back {
            ledger.deploy(20, "d3", "1", none());
        }
        ledger.incident(40, "I", IncidentStep::Resolved);
        best(&ledger).score
    };
    assert_eq!(story(false), 0.40);
    assert_eq!(story(true), 0.73, "odds of 0.40 times four");
}

#[test]
fn a_baseline_is_a_candidate_like_any_other() {
    let mut ledger = Ledger::default();
    ledger.deploy(-30, "d1", "1", none());
    ledger.incident(0, "I", IncidentStep::Detected);
    assert_eq!(ledger.deployment("d1").kind.kind, DeploymentKind::Baseline);
    assert_eq!(best(&ledger).deployment.as_str(), "d1");
}

#[test]
fn reopening_does_not_move_the_beginning() {
    let mut ledger = Ledger::default();
    ledger.deploy(-30, "d1", "1", none());
    ledger.incident(0, "I", IncidentStep::Detected);
    ledger.incident(60, "I", IncidentStep::Resolved);
    ledger.deploy(90, "d2", "2", none());
    ledger.incident(95, "I", IncidentStep::Detected);
    let found = correlate(&ledger);
    assert_eq!(found.began_at, at(0));
    assert!(found.candidates.iter().all(|c| c.deployment.as_str() == "d1"));
}

#[test]
fn a_deployment_recorded_late_is_found_by_its_claim() {
    let mut ledger = Ledger::default();
    ledger.incident(0, "I", IncidentStep::Detected);
    ledger.deploy(-30, "d1", "1", none());
    for record in &mut ledger.records[1..] {
        record.recorded_at = at(2 * 24 * 60);
    }
    assert_eq!(best(&ledger).deployment.as_str(), "d1");
}

#[test]
fn an_outside_cause_and_a_removal_are_no_suspects() {
    let mut ledger = Ledger::default();
    ledger.deploy(-30, "d1", "1", none());
    ledger
        .incident(0, "I", IncidentStep::Detected)
        .event
        .extension
        .cause_class = Some(CauseClass::External);
    let best = best(&ledger);
    assert!(
        best.score < 0.35 && best.reasons.contains(&Reason::ExternalCause),
        "{best:?}"
    );

    let mut removed = Ledger::default();
    removed.service(-30, crate::domain::event::ServiceStep::Removed, None);
    removed.incident(0, "I", IncidentStep::Detected);
    assert!(correlate(&removed).no_candidate);
}

#[test]
fn at_most_five_are_shown_strongest_first() {
    let mut ledger = Ledger::default();
    for attempt in 0..8 {
        let id = format!("d{attempt}");
        ledger.start(-90 + attempt * 10, &id, &id, none());
        ledger.finish(-88 + attempt * 10, &id, &id, Outcome::Failure);
    }
    ledger.incident(0, "I", IncidentStep::Detected);
    let found = correlate(&ledger).candidates;
    assert_eq!(found.len(), MAX_CANDIDATES);
    assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert_eq!(found[0].deployment.as_str(), "d7");
}

/// A decision about an incident, at the end of the ledger.
fn decide(ledger: &mut Ledger, incident: &str, deployment: Option<u64>, verdict: Verdict) {
    let record = ledger.add(600, "shipslog-link.decided", incident, Body::Other);
    record.event.extension.link = Some(Box::new(LinkDecision {
        incident: incident.parse().unwrap(),
        deployment,
        verdict,
        judged: None,
    }));
}

fn states(ledger: &Ledger) -> Vec<(String, LinkState)> {
    let found = correlate(ledger).candidates;
    found.into_iter().map(|c| (c.deployment.to_string(), c.state)).collect()
}

fn expect(states: &[(&str, LinkState)]) -> Vec<(String, LinkState)> {
    states.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect()
}

/// Two deployments, and an incident after both.
fn two() -> (Ledger, u64, u64) {
    let mut ledger = Ledger::default();
    let first = ledger.deploy(-60, "d1", "1", none());
    let second = ledger.deploy(-20, "d2", "2", none());
    ledger.incident(0, "I", IncidentStep::Detected);
    (ledger, first, second)
}

#[test]
fn a_confirmed_link_settles_the_incident_and_a_rejected_one_stays_rejected() {
    let (mut ledger, first, second) = two();
    assert_eq!(
        states(&ledger),
        expect(&[("d2", LinkState::Suggested), ("d1", LinkState::Suggested)])
    );
    decide(&mut ledger, "I", Some(second), Verdict::Rejected);
    assert_eq!(
        states(&ledger),
        expect(&[("d2", LinkState::Rejected), ("d1", LinkState::Suggested)])
    );
    decide(&mut ledger, "I", Some(first), Verdict::Confirmed);
    let settled = expect(&[("d1", LinkState::Confirmed), ("d2", LinkState::Rejected)]);
    assert_eq!(states(&ledger), settled);
    // Computing again after more was recorded changes nothing about what a person said.
    ledger.deploy(-10, "d3", "3", none());
    let found = states(&ledger);
    assert!(
        found.starts_with(&settled[..1]) && found.contains(&settled[1]),
        "{found:?}"
    );
    assert!(found.contains(&("d3".to_owned(), LinkState::Superseded)), "{found:?}");
}

#[test]
fn no_deployment_is_an_answer_until_somebody_confirms_one() {
    let (mut ledger, first, _) = two();
    decide(&mut ledger, "I", None, Verdict::NoDeployment);
    let found = correlate(&ledger);
    assert_eq!(found.no_deployment.share, 1.0);
    assert_eq!(found.no_deployment.decided.unwrap().verdict, Verdict::NoDeployment);
    assert!(
        found
            .candidates
            .iter()
            .all(|c| c.state == LinkState::Superseded && c.share == 0.0)
    );
    decide(&mut ledger, "I", Some(first), Verdict::Confirmed);
    let found = correlate(&ledger);
    assert_eq!(
        (found.candidates[0].state, found.candidates[0].share),
        (LinkState::Confirmed, 1.0)
    );
    assert_eq!(found.no_deployment.decided, None);
}

#[test]
fn what_an_event_names_can_be_disputed_and_then_no_longer_counts() {
    let (mut ledger, first, _) = two();
    ledger.records.last_mut().unwrap().event.extension.caused_by = Some("d1".to_owned());
    assert_eq!(
        states(&ledger),
        expect(&[("d1", LinkState::Explicit), ("d2", LinkState::Superseded)])
    );
    decide(&mut ledger, "I", Some(first), Verdict::Disputed);
    assert_eq!(
        states(&ledger),
        expect(&[("d1", LinkState::Disputed), ("d2", LinkState::Suggested)])
    );
}

#[test]
fn a_reviewer_may_name_what_no_rule_sees() {
    let mut ledger = Ledger::default();
    let old = ledger.deploy(-30 * 24 * 60, "old", "1", none());
    ledger.incident(0, "I", IncidentStep::Detected);
    assert!(correlate(&ledger).no_candidate);
    decide(&mut ledger, "I", Some(old), Verdict::Confirmed);
    let best = best(&ledger);
    assert_eq!((best.state, best.score), (LinkState::Confirmed, 0.0));
    assert_eq!(best.reasons, [Reason::NamedByReviewer]);
}

#[test]
fn three_deployments_in_ten_minutes_share_what_one_alone_would_have() {
    let mut one = Ledger::default();
    one.deploy(-10, "d1", "1", none());
    one.incident(0, "I", IncidentStep::Detected);
    let alone = best(&one).share;
    assert!((0.85..0.88).contains(&alone), "{alone}");

    let mut three = Ledger::default();
    for (minutes, id) in [(-10, "d1"), (-7, "d2"), (-4, "d3")] {
        // Attempts that did not succeed: each may have done harm, and none has taken another's place.
        three.start(minutes, id, id, none());
        three.finish(minutes + 1, id, id, Outcome::Failure);
    }
    three.incident(0, "I", IncidentStep::Detected);
    let found = correlate(&three);
    assert!(
        found.candidates.iter().all(|c| c.score > 0.75 && c.share < 0.35),
        "{found:?}"
    );
    let all: f64 = found.candidates.iter().map(|c| c.share).sum::<f64>() + found.no_deployment.share;
    assert!((all - 1.0).abs() < 0.03, "{all}");
}

#[test]
fn with_time_no_deployment_becomes_the_better_explanation() {
    let shares: Vec<f64> = [0, 4, 8, 11]
        .into_iter()
        .map(|hours| {
            let mut ledger = Ledger::default();
            ledger.deploy(-hours * 60, "d1", "1", none());
            ledger.incident(0, "I", IncidentStep::Detected);
            correlate(&ledger).no_deployment.share
        })
        .collect();
    assert!(shares.windows(2).all(|pair| pair[0] < pair[1]), "{shares:?}");
    assert!(shares[0] < 0.15 && shares[3] > 0.45, "{shares:?}");
}

#[test]
fn a_deployment_of_what_the_service_needs_is_a_weaker_candidate() {
    let story = |declared: Option<i64>| {
        let mut ledger = Ledger::default();
        let from = ledger.records.len();
        ledger.deploy(-10, "theirs", "1", none());
        for record in &mut ledger.records[from..] {
            record.event.service = Some("search".parse().unwrap());
        }
        if let Some(minutes) = declared {
            let record = ledger.add(minutes, "shipslog-dependencies.declared", "payments", Body::Other);
            record.event.extension.depends_on = Some(vec!["search".parse().unwrap()]);
        }
        ledger.incident(0, "I", IncidentStep::Detected);
        let facts = Facts::fold(&ledger.records);
        Correlator::new(&facts).candidates(&facts.incidents[0])
    };
    assert!(story(None).no_candidate);
    assert!(story(Some(1)).no_candidate, "declared only after the incident began");
    let found = story(Some(-5000));
    assert_eq!(found.candidates[0].reasons, [Reason::DependencyRecent]);
    assert!((0.26..0.29).contains(&found.candidates[0].score), "{found:?}");
    assert!(found.no_deployment.share > found.candidates[0].share);
}

#[test]
fn another_open_incident_weakens_the_candidates() {
    let (ledger, ..) = two();
    let mut troubled = Ledger::default();
    troubled.incident(-90, "Earlier", IncidentStep::Detected);
    let from = troubled.records.len() as u64;
    troubled
        .records
        .extend(ledger.records.iter().cloned().map(|mut record| {
            record.index += from;
            record
        }));
    let facts = Facts::fold(&troubled.records);
    let found = Correlator::new(&facts).candidates(&facts.incidents[1]);
    assert!(found.candidates[0].reasons.contains(&Reason::OtherIncidentOpen));
    assert!(found.candidates[0].score < best(&ledger).score);
}

#[test]
fn a_revert_with_its_original_in_one_deployment_blames_nobody() {
    let mut ledger = Ledger::default();
    let commits = vec![
        crate::domain::fixture::commit("feat: faster search", "ann"),
        crate::domain::fixture::commit("Revert \"feat: faster search\"", "bob"),
    ];
    ledger.deploy(0, "d1", "1", Extension { commits, ..none() });
    assert!(Facts::fold(&ledger.records).incidents.is_empty());
    ledger.incident(60 * 24 * 3, "I", IncidentStep::Detected);
    assert!(
        correlate(&ledger).no_candidate,
        "what was taken back at once explains nothing later"
    );
}
