//! What weakens or strengthens a candidate beside time and place; how soon closeness fades; odd moments; incidents that are one.

use super::*;
use crate::domain::event::ServiceStep;
use crate::domain::exposure::Rollout;
use crate::domain::service::Declaration;

/// A test of a version, and its deployment after it.
fn tested(tests: &[(i64, &str, Outcome)]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.deploy(-6000, "d0", "0", none());
    let (before, after): (Vec<_>, Vec<_>) = tests.iter().partition(|(minutes, ..)| *minutes < -240);
    for (minutes, name, outcome) in before {
        ledger.test(minutes, name, "1", outcome);
    }
    ledger.deploy(-240, "d1", "1", none());
    for (minutes, name, outcome) in after {
        ledger.test(minutes, name, "1", outcome);
    }
    ledger.incident(0, "I", IncidentStep::Detected);
    ledger
}

#[test]
fn what_was_deployed_although_a_test_had_failed_is_suspected_more() {
    let plain = best(&tested(&[]));
    for tests in [
        &[(-300, "smoke", Outcome::Failure)][..],
        &[(-300, "smoke", Outcome::Error), (-290, "unit", Outcome::Success)],
        &[(-310, "smoke", Outcome::Success), (-300, "smoke", Outcome::Failure)],
    ] {
        let found = best(&tested(tests));
        assert_eq!(
            found.reasons,
            [Reason::SameServiceRecent, Reason::FailedChecks],
            "{tests:?}"
        );
        // Odds of 0.40 times 1.5.
        assert_eq!((plain.score, found.score), (0.40, 0.50), "{tests:?}");
        assert!(found.share > plain.share, "{tests:?}");
    }
    for tests in [
        &[(-300, "smoke", Outcome::Success)][..],
        // Run again, and passed.
        &[(-310, "smoke", Outcome::Failure), (-300, "smoke", Outcome::Success)],
        // Nobody let it end.
        &[(-300, "smoke", Outcome::Cancel)],
        // After it was deployed: no reason to have held it back.
        &[(-100, "smoke", Outcome::Failure)],
    ] {
        let found = best(&tested(tests));
        assert_eq!((found.score, found.share), (plain.score, plain.share), "{tests:?}");
        assert_eq!(found.reasons, plain.reasons, "{tests:?}");
    }
}

#[test]
fn a_failed_test_of_something_else_says_nothing() {
    let mut ledger = tested(&[(-300, "smoke", Outcome::Failure)]);
    for record in &mut ledger.records {
        if matches!(record.event.body, Body::TestRun(_)) {
            record.event.extension.artifact = Some(crate::domain::fixture::digest("0"));
        }
    }
    assert_eq!(best(&ledger).reasons, [Reason::SameServiceRecent]);
}

#[test]
fn what_reached_nobody_when_the_incident_began_is_suspected_less() {
    let story = |stages: &[(i64, u8)]| {
        let mut ledger = Ledger::default();
        ledger.deploy(-240, "d1", "1", none());
        for (minutes, share_percent) in stages {
            let rollout = Some(Rollout {
                share_percent: *share_percent,
                strategy: None,
            });
            let told = &mut ledger.service(*minutes, ServiceStep::Published, None).event.extension;
            *told = Extension {
                deployment_id: Some("d1".parse().unwrap()),
                rollout,
                ..none()
            };
        }
        ledger.incident(0, "I", IncidentStep::Detected);
        best(&ledger)
    };
    let plain = story(&[]);
    let off = story(&[(-240, 10), (-60, 0)]);
    assert_eq!(off.reasons, [Reason::SameServiceRecent, Reason::CanaryOff]);
    // Odds of 0.40 times 0.2.
    assert_eq!((plain.score, off.score), (0.40, 0.12));
    assert!(off.share < plain.share);
    for on in [
        &[(-240, 1)][..],
        &[(-240, 10), (-60, 0), (-30, 5)],
        // Switched off only because of the incident.
        &[(-240, 10), (1, 0)],
    ] {
        assert_eq!(
            (story(on).score, story(on).reasons),
            (plain.score, plain.reasons.clone()),
            "{on:?}"
        );
    }
}

#[test]
fn tests_matter_only_of_what_could_be_shown() {
    let story = |failed: bool| {
        let mut ledger = Ledger::default();
        let old = ledger.deploy(-3 * 24 * 60, "old", "1", none());
        ledger.deploy(-20 * 60, "previous", "2", none());
        if failed {
            ledger.test(-800, "smoke", "3", Outcome::Failure);
        }
        // Twelve hours and a half: too weak by itself, and just strong enough where a test of it had failed.
        let weak = ledger.deploy(-750, "weak", "3", none());
        ledger.incident(0, "I", IncidentStep::Detected);
        (ledger, old, weak)
    };
    let suspects = |ledger: &Ledger| {
        let facts = Facts::fold(&ledger.records);
        let found = Correlator::new(&facts).suspects().into_iter().map(|d| d.index);
        found.collect::<Vec<_>>()
    };
    let (mut ledger, old, weak) = story(false);
    assert!(correlate(&ledger).no_candidate);
    assert_eq!(suspects(&ledger), [weak]);
    decide(&mut ledger, "I", Some(old), Verdict::Rejected);
    assert_eq!(suspects(&ledger), [old, weak]);
    assert_eq!(best(&story(true).0).deployment.as_str(), "weak");
}

#[test]
fn the_hour_that_a_clock_is_moved_by_is_no_distance() {
    let mut ledger = Ledger::default();
    let moved = |time: &str| Instant::parse(time).unwrap();
    // Berlin, the night in which 02:00 is 03:00.
    ledger.deploy(0, "d1", "1", none());
    for record in &mut ledger.records {
        record.event.occurred_at = moved("2026-03-29T01:58:00+01:00");
    }
    ledger.incident(0, "I", IncidentStep::Detected).event.occurred_at = moved("2026-03-29T03:02:00+02:00");
    let four_minutes = 0.80 * (-4.0_f64 / 240.0).exp2();
    assert!((best(&ledger).score - four_minutes).abs() < 0.01, "{:?}", best(&ledger));
}

#[test]
fn an_incident_in_a_leap_second_comes_after_the_second_before_it() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", none());
    for record in &mut ledger.records {
        record.event.occurred_at = Instant::parse("2016-12-31T23:59:59.900Z").unwrap();
    }
    ledger.incident(0, "I", IncidentStep::Detected).event.occurred_at =
        Instant::parse("2016-12-31T23:59:60.5Z").unwrap();
    let found = correlate(&ledger);
    assert_eq!(
        (found.candidates[0].deployment.as_str(), found.candidates[0].score),
        ("d1", 0.80)
    );
    assert_eq!(found.began_at, Instant::parse("2017-01-01T00:00:00.500Z").unwrap());
}

/// The ledger has no word for it: the person who merges them says that no deployment caused the second one, and why.
#[test]
fn an_incident_that_is_the_same_as_another_is_settled_by_a_person() {
    let (mut ledger, first, second) = two();
    ledger.incident(5, "Again", IncidentStep::Detected);
    decide(&mut ledger, "I", Some(first), Verdict::Confirmed);
    decide(&mut ledger, "Again", None, Verdict::NoDeployment);
    let facts = Facts::fold(&ledger.records);
    let correlator = Correlator::new(&facts);
    let (one, merged) = (
        correlator.candidates(&facts.incidents[0]),
        correlator.candidates(&facts.incidents[1]),
    );
    let established = |found: &Correlation| {
        let candidates = found.candidates.iter().filter(|c| c.state.is_established());
        candidates.map(|c| c.index).collect::<Vec<_>>()
    };
    assert_eq!((established(&one), established(&merged)), (vec![first], Vec::new()));
    assert_eq!(merged.no_deployment.share, 1.0);
    assert!(
        merged
            .candidates
            .iter()
            .any(|c| c.index == second && c.state == LinkState::Superseded)
    );
}

#[test]
fn a_service_may_declare_how_soon_its_faults_show() {
    let story = |declared_at: i64| {
        let mut ledger = Ledger::default();
        let declares = ledger.add(declared_at, "shipslog-service.declared", "payments", Body::Other);
        declares.event.extension.declaration = Some(Box::new(Declaration {
            half_life_minutes: Some(24 * 60),
            ..Declaration::default()
        }));
        ledger.deploy(0, "d1", "1", none());
        ledger.incident(24 * 60, "I", IncidentStep::Detected);
        correlate(&ledger)
    };
    let slow = story(-60);
    let found = &slow.candidates[0];
    assert!((found.score - 0.40).abs() < 0.001, "{}", found.score);
    let day = HalfLife {
        minutes: 24 * 60,
        declared: Some(0),
    };
    assert_eq!(found.half_life, Some(day));
    assert_eq!(
        found.words(),
        ["live on the same service and environment (half-life 1 day)"]
    );
    // 0.08 ln 2 / 24 h, halved, against 0.05 incidents a day that no deployment causes.
    assert_eq!(found.share, 0.36);
    // What is declared later does not hold for what was deployed before.
    assert!(story(60).no_candidate);
}

#[test]
fn what_does_not_fade_has_no_half_life() {
    let mut ledger = Ledger::default();
    ledger.deploy(-60, "d1", "1", none());
    ledger.incident(0, "I", IncidentStep::Detected);
    let usual = HalfLife {
        minutes: HALF_LIFE_MINUTES,
        declared: None,
    };
    assert_eq!(best(&ledger).half_life, Some(usual));
    let told = ledger.records.last_mut().unwrap();
    told.event.extension.version = Some("1".to_owned());
    let found = best(&ledger);
    assert_eq!(
        (found.reasons.as_slice(), found.half_life),
        (&[Reason::VersionMatch][..], None)
    );
}

#[test]
fn what_ran_just_before_is_found_behind_records_that_came_late() {
    let mut ledger = Ledger::default();
    ledger.deploy(-120, "d1", "1", none());
    ledger.deploy(-60, "d2", "2", none());
    for (n, late) in ["l1", "l2"].into_iter().enumerate() {
        ledger.deploy(-20_000 + n as i64, late, &format!("0.{n}"), none());
    }
    ledger.incident(0, "I", IncidentStep::Detected);
    let found = correlate(&ledger).candidates;
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.deployment.as_str(), one.reasons[0]))
        .collect();
    assert_eq!(
        found,
        [("d2", Reason::SameServiceRecent), ("d1", Reason::PreviousOnService)]
    );
}
