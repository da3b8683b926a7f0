//! The rules of correlation, one story each.

use super::*;
use crate::domain::event::{IncidentStep, Outcome};
use crate::domain::extension::{CauseClass, DeploymentKind, Extension};
use crate::domain::fixture::{Ledger, at, image};
use crate::domain::{event::Body, incident};

fn none() -> Extension {
    Extension::default()
}

fn correlate(ledger: &Ledger) -> Correlation {
    let incidents = incident::fold(&ledger.records);
    candidates(&incidents[0], &ledger.deployments())
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
