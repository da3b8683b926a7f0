//! Approval lead time: which waits count, and what is told of the others.

use super::*;
use crate::domain::alias::AliasDeclaration;
use crate::domain::event::{ApprovalStep, Body, Decision};

/// Somebody asks for, or gives, the approval of that version under this id.
fn say(ledger: &mut Ledger, minutes: i64, id: &str, step: ApprovalStep, version: &str) -> u64 {
    let record = ledger.approve(minutes, "grace", version);
    record.event.subject_id = id.to_owned();
    if let Body::Approval(body) = &mut record.event.body {
        body.step = step;
    }
    record.index
}

fn refuse(ledger: &mut Ledger, minutes: i64, version: &str) {
    if let Body::Approval(body) = &mut ledger.approve(minutes, "grace", version).event.body {
        body.decision = Some(Decision::Rejected);
        body.status = None;
    }
}

#[test]
fn an_approval_counts_once_from_its_request_and_the_last_one_up_to_the_start() {
    let mut ledger = Ledger::default();
    let asked = say(&mut ledger, 0, "A", ApprovalStep::Created, "1");
    let given = say(&mut ledger, 30, "A", ApprovalStep::Closed, "1");
    let unasked = ledger.approve(40, "heidi", "1").index;
    let first = ledger.deploy(50, "a", "1", Extension::default());
    // What is approved afterwards held nothing up, and going back to what was approved counts no approval again.
    ledger.deploy(HOUR, "b", "2", Extension::default());
    let late = ledger.approve(2 * HOUR, "grace", "2").index;
    ledger.deploy(DAY, "c", "1", Extension::default());
    let whole = measure_at(WEEK, &ledger, &[], &march()).whole;
    let found = &whole.approval_lead_time;
    let wait = AnsweredRequest {
        deployment: first,
        request: asked,
        approval: given,
        wait_ms: 30 * 60_000,
    };
    assert_eq!(found.answered, [wait]);
    assert_eq!(
        (
            found.approvals.n,
            found.approvals.median_ms,
            &found.approvals.deployments
        ),
        (1, Some(30 * 60_000), &set([first]))
    );
    assert_eq!(
        (found.to_start.n, found.to_start.median_ms, &found.to_start.deployments),
        (1, Some(10 * 60_000), &set([first]))
    );
    assert_eq!(
        (&found.without_request, &found.after_start),
        (&set([unasked]), &set([late]))
    );
}

#[test]
fn a_wait_that_is_not_known_is_no_data() {
    let mut ledger = Ledger::default();
    // Asked for only after it was given, by claim.
    say(&mut ledger, 20, "A", ApprovalStep::Created, "1");
    let early = say(&mut ledger, 10, "A", ApprovalStep::Closed, "1");
    ledger.finish(50, "a", "1", Outcome::Success);
    // Taken back, and named by nobody.
    say(&mut ledger, 60, "B", ApprovalStep::Created, "2");
    say(&mut ledger, 70, "B", ApprovalStep::Closed, "2");
    refuse(&mut ledger, 80, "2");
    if let Body::Approval(body) = &mut ledger.approve(90, "", "2").event.body {
        body.person = None;
    }
    ledger.deploy(100, "b", "2", Extension::default());
    let whole = measure_at(WEEK, &ledger, &[], &march()).whole;
    let found = &whole.approval_lead_time;
    assert_eq!(
        *found,
        ApprovalLeadTime {
            negative: set([early]),
            without_start: indexes(&ledger.deployments(), &["a"]),
            ..ApprovalLeadTime::default()
        }
    );
}

/// Of several approvals of one person, under whatever names, the first that answers a request counts.
#[test]
fn a_person_with_two_names_approves_once() {
    let mut ledger = Ledger::default();
    let grace = AliasDeclaration {
        person: "grace".to_owned(),
        names: vec!["g.hopper".to_owned()],
        ..AliasDeclaration::default()
    };
    ledger.alias(-10, grace);
    ledger.approve(-5, "grace", "1");
    say(&mut ledger, 0, "A", ApprovalStep::Created, "1");
    let given = say(&mut ledger, 10, "A", ApprovalStep::Closed, "1");
    say(&mut ledger, 0, "B", ApprovalStep::Created, "1");
    let again = say(&mut ledger, 40, "B", ApprovalStep::Closed, "1");
    let named = |ledger: &mut Ledger, name: &str| {
        if let Body::Approval(body) = &mut ledger.records[again as usize].event.body {
            body.person = Some(name.to_owned());
        }
        ledger.deploy(50, "a", "1", Extension::default());
        measure_at(WEEK, ledger, &[], &march()).whole.approval_lead_time
    };
    let two = named(&mut ledger, "heidi");
    assert_eq!((two.approvals.n, two.to_start.median_ms), (2, Some(10 * 60_000)));
    let one = named(&mut ledger, "G.Hopper");
    assert_eq!((one.answered[0].approval, one.approvals.n), (given, 1));
    assert_eq!(one.to_start.median_ms, Some(40 * 60_000));
}
