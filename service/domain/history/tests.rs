//! What runs, by ledger order and by claim.

use super::*;
use crate::domain::event::{Outcome, ServiceStep};
use crate::domain::extension::Extension;
use crate::domain::fixture::{Ledger, at};

fn place() -> (ServiceName, EnvironmentName) {
    ("payments".parse().unwrap(), "production".parse().unwrap())
}

#[test]
fn what_runs_is_the_latest_by_ledger_order_of_what_claims_to_have_ended() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", Extension::default());
    ledger.deploy(100, "d2", "2", Extension::default());
    ledger.start(150, "d3", "3", Extension::default());
    ledger.finish(151, "d3", "3", Outcome::Failure);
    // Recorded last, although it claims to have come before d2.
    ledger.deploy(50, "late", "9", Extension::default());
    let deployments = ledger.deployments();
    let (service, environment) = place();
    let timeline = Timeline::of(&deployments, &service, &environment);
    let running = |at| timeline.running_at(at).map(|run| run.deployment.id.to_string());
    assert_eq!(running(None).as_deref(), Some("late"));
    assert_eq!(running(Some(at(110))).as_deref(), Some("late"));
    assert_eq!(running(Some(at(52))).as_deref(), Some("d1"));
    assert_eq!(running(Some(at(2))), None, "a deployment runs from its end on");
    let ids: Vec<&str> = timeline.runs().iter().map(|run| run.deployment.id.as_str()).collect();
    assert_eq!(ids, ["d1", "d2", "late"]);
    assert_eq!(
        (timeline.runs()[0].from, timeline.runs()[0].until),
        (at(0), Some(at(103)))
    );
    assert_eq!(timeline.runs()[2].until, None);
    // It ended nothing that began after it.
    assert_eq!(timeline.runs()[1].until, None);
    assert!(timeline.live_at(timeline.runs()[1].deployment, at(120), 0));
}

#[test]
fn the_state_has_one_line_a_service_and_none_for_a_removed_one() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", Extension::default());
    ledger.deploy(10, "s1", "4", Extension::default());
    for record in &mut ledger.records[2..] {
        record.event.service = Some("search".parse().unwrap());
    }
    ledger.service(60, ServiceStep::Removed, None);
    let deployments = ledger.deployments();
    let (_, environment) = place();
    let lines = |at| -> Vec<String> {
        state(&deployments, &environment, at)
            .iter()
            .map(|r| format!("{} {} {}", r.service, r.label, r.since))
            .collect()
    };
    assert_eq!(lines(None), ["search 4 2026-03-02T09:13:00.000Z"]);
    assert_eq!(
        lines(Some(at(30))),
        [
            "payments 1 2026-03-02T09:03:00.000Z",
            "search 4 2026-03-02T09:13:00.000Z"
        ]
    );
    assert!(lines(Some(at(-1))).is_empty());
}

#[test]
fn a_failed_attempt_may_do_harm_until_the_next_success() {
    let mut ledger = Ledger::default();
    ledger.deploy(0, "d1", "1", Extension::default());
    ledger.start(10, "d2", "2", Extension::default());
    ledger.finish(12, "d2", "2", Outcome::Failure);
    ledger.deploy(20, "d3", "3", Extension::default());
    let deployments = ledger.deployments();
    let (service, environment) = place();
    let timeline = Timeline::of(&deployments, &service, &environment);
    let live = |minutes| -> Vec<&str> {
        let live = deployments.iter().filter(|d| timeline.live_at(d, at(minutes), 0));
        live.map(|d| d.id.as_str()).collect()
    };
    assert_eq!(live(15), ["d1", "d2"]);
    assert_eq!(live(21), ["d1", "d2", "d3"], "while it rolls out, both are live");
    assert_eq!(live(23), ["d3"]);
}
