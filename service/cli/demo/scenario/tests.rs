//! The story is what the page about it says: complete, in order, always the same, and every record of it is accepted.

use std::collections::{BTreeMap, BTreeSet};

use super::super::cast::Signer;
use super::*;
use crate::domain::event::{ApprovalStep, Body, IncidentStep, Phase};
use crate::domain::parse::parse;
use crate::domain::sequence::Numbered;
use crate::domain::{Event, Outcome};

fn end() -> Instant {
    Instant::parse("2026-11-23T12:30:00Z").unwrap()
}

fn told() -> Vec<(Recording, Event)> {
    told_by(7)
}

fn told_by(seed: u64) -> Vec<(Recording, Event)> {
    story(end(), seed)
        .into_iter()
        .map(|recording| {
            let event = parse(recording.payload_type, &recording.payload)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&recording.payload)));
            (recording, event)
        })
        .collect()
}

fn finished(story: &[(Recording, Event)], environment: &str) -> Vec<(Instant, Outcome, Event)> {
    story
        .iter()
        .filter_map(|(recording, event)| match &event.body {
            Body::Deployment {
                phase: Phase::Finished(outcome),
                ..
            } if event
                .environment
                .as_ref()
                .is_some_and(|name| name.as_str() == environment) =>
            {
                Some((recording.recorded_at, *outcome, event.clone()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn it_is_always_the_same_story() {
    assert_eq!(story(end(), 7), story(end(), 7));
    assert_ne!(story(end(), 7), story(end(), 8));
    assert_eq!(beginning(end()), Instant::parse("2026-05-24T00:00:00Z").unwrap());
}

#[test]
fn it_is_in_order_and_ends_before_the_end() {
    for day in 0..7 {
        // Whatever day of the week the demonstration is run on, and however early.
        let end = Instant::parse("2026-11-23T00:05:00Z").unwrap().plus_millis(day * DAY);
        let story = story(end, 7);
        assert!(story.len() > 800 && story.len() < 4_000, "{} records", story.len());
        assert!(story.is_sorted_by_key(|recording| recording.recorded_at));
        assert!(story[0].recorded_at > beginning(end));
        let last = story.last().unwrap().recorded_at;
        assert!(last < end && end.millis_since(last) < 10 * DAY, "{last}");
    }
}

#[test]
fn every_record_is_within_the_scope_of_its_signer() {
    let mut signers = BTreeSet::new();
    for (recording, event) in told() {
        recording
            .signer
            .scope()
            .permits(&event)
            .unwrap_or_else(|error| panic!("{}: {error}", recording.signer.name()));
        assert!(event.occurred_at <= recording.recorded_at);
        signers.insert(recording.signer);
    }
    // The auditor speaks once her sample is drawn.
    let all = Signer::ALL.into_iter().filter(|signer| *signer != Signer::Auditor);
    assert_eq!(signers, all.collect());
}

#[test]
fn no_two_records_share_an_id() {
    let story = told();
    let ids = story
        .iter()
        .map(|(_, event)| (&event.source, &event.id))
        .collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), story.len());
}

#[test]
fn production_sees_success_failure_cancellation_rollback_hotfix_and_emergency() {
    let story = told();
    let production = finished(&story, "production");
    let count = |outcome| production.iter().filter(|(_, found, _)| *found == outcome).count();
    assert!(count(Outcome::Success) > 50, "{}", count(Outcome::Success));
    assert!(count(Outcome::Failure) >= 3);
    assert_eq!(count(Outcome::Cancel), 1);
    for kind in [
        DeploymentKind::Rollback,
        DeploymentKind::Hotfix,
        DeploymentKind::Emergency,
    ] {
        let found = production
            .iter()
            .filter(|(_, _, event)| event.extension.kind == Some(kind))
            .count();
        assert_eq!(found, 1, "{kind:?}");
    }
    assert!(finished(&story, "staging").len() > production.len() / 2);
    let services = production
        .iter()
        .filter_map(|(_, _, event)| event.service.clone())
        .collect::<BTreeSet<_>>();
    assert_eq!(services.len(), 5);
}

#[test]
fn one_deployment_is_undocumented_and_one_is_recorded_late() {
    let story = told();
    let production = finished(&story, "production");
    let bare = production
        .iter()
        .filter(|(_, _, event)| event.extension.tickets.is_empty() && event.extension.commits.is_empty())
        .filter(|(_, _, event)| event.extension.kind.is_none())
        .collect::<Vec<_>>();
    assert_eq!(bare.len(), 1);
    let artifact = bare[0].2.extension.version.clone();
    let evidence = story.iter().any(|(_, event)| {
        matches!(event.body, Body::Approval(_) | Body::TestRun(_))
            && event.service == bare[0].2.service
            && event.extension.version == artifact
    });
    assert!(!evidence, "the undocumented change has evidence");
    let late = production
        .iter()
        .filter(|(recorded, _, event)| recorded.millis_since(event.occurred_at) > DAY)
        .count();
    assert_eq!(late, 1);
}

#[test]
fn approvals_come_before_but_for_two_and_from_others_but_for_one() {
    let story = told();
    let mut started = BTreeMap::new();
    for (recording, event) in &story {
        if let Body::Deployment {
            phase: Phase::Started, ..
        } = event.body
            && event
                .environment
                .as_ref()
                .is_some_and(|name| name.as_str() == "production")
        {
            let key = (event.service.clone(), event.extension.version.clone());
            started.entry(key).or_insert((recording.recorded_at, event.clone()));
        }
    }
    let (mut before, mut after, mut by_author) = (0, 0, 0);
    for (recording, event) in &story {
        let Body::Approval(approval) = &event.body else {
            continue;
        };
        if approval.step != ApprovalStep::Closed {
            continue;
        }
        let key = (event.service.clone(), event.extension.version.clone());
        let Some((at, _)) = started.get(&key) else {
            // Approved on one of the last days, and still to be deployed.
            assert!(
                end().millis_since(recording.recorded_at) < 4 * DAY,
                "an approval of what never started: {key:?}"
            );
            continue;
        };
        if recording.recorded_at < *at {
            before += 1
        } else {
            after += 1
        }
        let approver = event.extension.actor.as_ref().unwrap().id.clone();
        let authors = story
            .iter()
            .filter(|(_, other)| other.service == event.service)
            .flat_map(|(_, other)| {
                let same = other.extension.version == event.extension.version;
                other
                    .extension
                    .commits
                    .iter()
                    .filter(move |_| same)
                    .filter_map(|commit| commit.author.clone())
            });
        by_author += usize::from(authors.collect::<BTreeSet<_>>().contains(&approver));
    }
    assert!(before > 40);
    // One in a hurry, and one for the emergency of the night before.
    assert_eq!((after, by_author), (2, 1));
}

#[test]
fn incidents_have_a_named_cause_a_version_or_nothing() {
    let story = told();
    let incidents = story
        .iter()
        .filter(|(_, event)| matches!(event.body, Body::Incident { .. }))
        .collect::<Vec<_>>();
    let ids = incidents
        .iter()
        .map(|(_, event)| event.subject_id.as_str())
        .collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), 5);
    let caused = incidents
        .iter()
        .find_map(|(_, event)| event.extension.caused_by.clone())
        .unwrap();
    let deployment = story.iter().find(|(_, event)| event.subject_id == caused);
    assert!(deployment.is_some(), "the named cause is a deployment of the story");
    assert!(incidents.iter().any(|(_, event)| event.extension.version.is_some()));
    let resolved = incidents
        .iter()
        .filter(|(_, event)| {
            matches!(
                event.body,
                Body::Incident {
                    step: IncidentStep::Resolved,
                    ..
                }
            )
        })
        .count();
    assert_eq!(resolved, 5);
}

#[test]
fn one_incident_has_no_deployment_of_its_service_near() {
    let story = told();
    let (_, outage) = story.iter().find(|(_, event)| event.subject_id == "INC-2077").unwrap();
    let near = finished(&story, "production")
        .into_iter()
        .filter(|(_, _, event)| event.service == outage.service)
        .filter(|(_, _, event)| (0..8 * DAY).contains(&outage.occurred_at.millis_since(event.occurred_at)))
        .count();
    assert_eq!(near, 0);
}

#[test]
fn trouble_rollback_and_repair_follow_each_other_on_every_weekday() {
    for day in 0..7 {
        let story = story(end().plus_millis(day * DAY), 7);
        let events = story
            .iter()
            .map(|recording| parse(recording.payload_type, &recording.payload).unwrap());
        let mut order = Vec::new();
        for event in events {
            let started = matches!(
                event.body,
                Body::Deployment {
                    phase: Phase::Started,
                    ..
                }
            );
            match event.extension.kind {
                Some(kind @ (DeploymentKind::Rollback | DeploymentKind::Hotfix)) if started => {
                    order.push(kind.as_str())
                }
                _ if event.subject_id == "INC-2041"
                    && matches!(
                        event.body,
                        Body::Incident {
                            step: IncidentStep::Detected,
                            ..
                        }
                    ) =>
                {
                    order.push("incident");
                }
                _ => {}
            }
        }
        assert_eq!(order, ["incident", "rollback", "hotfix"], "day {day}");
    }
}

#[test]
fn snapshots_find_what_was_recorded_late_and_what_was_never_recorded() {
    use crate::domain::event::Recorded;
    use crate::domain::{deployment, snapshot};
    use crate::reconcile::{Closing, Input, Query, reconcile};
    for day in 0..7 {
        let told = story(end().plus_millis(day * DAY), 7);
        let recorded = |(index, recording): (u64, Recording)| Recorded {
            index,
            recorded_at: recording.recorded_at,
            producer: recording.signer.name().parse().unwrap(),
            event: parse(recording.payload_type, &recording.payload).unwrap(),
        };
        let records: Vec<Recorded> = (0..).zip(told).map(recorded).collect();
        let mut deployments = deployment::fold(&records);
        deployments.retain(|deployment| deployment.environment.as_str() == "production");
        let query = Query {
            environment: "production".parse().unwrap(),
            service: None,
            from: None,
            to: None,
        };
        let input = Input {
            tree_size: records.len() as u64,
            recorded_until: records.last().map(|record| record.recorded_at),
            deployments: &deployments,
            snapshots: &snapshot::fold(&records),
            heard: &query.heard(&records),
            heard_before: &[],
            numbered: &records.iter().filter_map(Numbered::of).collect::<Vec<_>>(),
        };
        let found = reconcile(&query, &input);
        let findings: Vec<_> = found
            .findings
            .iter()
            .map(|finding| (finding.service.as_str(), finding.closed.map(|closed| closed.how)))
            .collect();
        let expected = [("catalogue", Some(Closing::DocumentedLater)), ("catalogue", None)];
        assert_eq!(findings, expected, "day {day}");
        assert_eq!((found.sequences.len(), found.sequences[0].missing), (1, 1));
    }
}

#[test]
fn nothing_is_done_twice_and_there_is_always_something_to_do() {
    for seed in 1..8 {
        let mut done: BTreeMap<String, String> = BTreeMap::new();
        for (_, _, event) in finished(&told_by(seed), "development") {
            let commits = &event.extension.commits;
            let baseline = event.extension.kind == Some(DeploymentKind::Baseline);
            assert!(baseline || !commits.is_empty(), "{event:?}");
            for commit in commits {
                let title = commit.message.split(" (#").next().unwrap().to_owned();
                let known = done.entry(title).or_insert_with(|| commit.id.clone());
                assert_eq!(*known, commit.id, "{}", commit.message);
            }
        }
    }
}
