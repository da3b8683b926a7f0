//! Which evidence belongs to a deployment, and which does not.

use super::*;
use crate::domain::event::ApprovalStep;
use crate::domain::extension::Extension;
use crate::domain::fixture::{Ledger, commit, digest, ticket};

#[test]
fn evidence_belongs_by_reference_only() {
    let mut ledger = Ledger::default();
    ledger.approve(0, "bob", "1");
    ledger.approve(1, "eve", "2");
    let elsewhere = ledger.approve(2, "carol", "1");
    elsewhere.event.environment = Some("staging".parse().unwrap());
    let by_ticket = ledger.approve(3, "dora", "1");
    by_ticket.event.extension.artifact = None;
    by_ticket.event.extension.tickets = vec![ticket("PAY-1")];
    let by_id = ledger.approve(4, "erin", "2");
    by_id.event.extension.deployment_id = Some("d1".parse().unwrap());
    let other_id = ledger.approve(5, "frank", "1");
    other_id.event.extension.deployment_id = Some("d0".parse().unwrap());
    ledger.deploy(
        10,
        "d1",
        "1",
        Extension {
            tickets: vec![ticket("PAY-1")],
            ..Extension::default()
        },
    );
    let evidence = fold(&ledger.records);
    let deployment = ledger.deployment("d1");
    let found: Vec<(&str, Bond)> = evidence
        .approvals_of(&deployment)
        .into_iter()
        .map(|(a, bond)| (a.person.as_deref().unwrap(), bond))
        .collect();
    assert_eq!(
        found,
        [
            ("bob", Bond::Artifact),
            ("dora", Bond::Change),
            ("erin", Bond::Deployment)
        ]
    );
    assert_eq!(evidence.approvals[4].binding.same_artifact(&deployment), Some(false));
}

#[test]
fn tests_belong_to_their_content_wherever_they_ran() {
    let mut ledger = Ledger::default();
    ledger.test(0, "smoke", "1", Outcome::Success);
    ledger.test(1, "other", "2", Outcome::Success);
    let by_commit = ledger.test(2, "unit", "1", Outcome::Success);
    by_commit.event.extension.artifact = None;
    by_commit.event.extension.commit = Some(commit("a", "x").id.to_uppercase());
    ledger.deploy(
        10,
        "d1",
        "1",
        Extension {
            commit: Some(commit("a", "x").id),
            ..Extension::default()
        },
    );
    let evidence = fold(&ledger.records);
    let names: Vec<&str> = evidence
        .tests_of(&ledger.deployment("d1"))
        .into_iter()
        .map(|(t, _)| t.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["smoke", "unit"]);
}

#[test]
fn an_answer_takes_from_the_request_what_it_does_not_name() {
    let mut ledger = Ledger::default();
    for (minute, step, person) in [
        (0, ApprovalStep::Created, "mailto:alice@example.com"),
        (5, ApprovalStep::Updated, "bob"),
        (6, ApprovalStep::Closed, "bob"),
    ] {
        let record = ledger.approve(minute, person, "1");
        record.event.subject_id = "A".to_owned();
        if step != ApprovalStep::Created {
            record.event.extension.artifact = None;
        }
        let Body::Approval(body) = &mut record.event.body else {
            unreachable!()
        };
        body.step = step;
    }
    let evidence = fold(&ledger.records);
    assert_eq!(evidence.approvals.len(), 1, "closing repeats the answer");
    let approval = &evidence.approvals[0];
    assert_eq!((approval.origin.index, approval.person.as_deref()), (1, Some("bob")));
    assert_eq!(approval.requested_by.as_deref(), Some("alice@example.com"));
    assert_eq!(approval.request.as_ref().map(|request| request.index), Some(0));
    assert_eq!(approval.binding.artifact, Some(digest("1")));
}

#[test]
fn a_rejection_from_another_source_takes_back_what_has_its_id_in_its_place() {
    let standing = |change: fn(&mut Recorded)| {
        let mut ledger = Ledger::default();
        ledger.approve(0, "bob", "1").event.subject_id = "A".to_owned();
        let no = ledger.approve(5, "carol", "1");
        no.event.subject_id = "A".to_owned();
        no.event.source = "https://desk.example".to_owned();
        no.event.extension.artifact = None;
        if let Body::Approval(body) = &mut no.event.body {
            body.status = Some("rejected".to_owned());
        }
        change(no);
        ledger.deploy(10, "d1", "1", Extension::default());
        let evidence = fold(&ledger.records);
        let standing = evidence.standing_approvals_of(&ledger.deployment("d1"), &Aliases::default());
        standing.len()
    };
    assert_eq!(standing(|_| {}), 0);
    assert_eq!(standing(|no| no.event.environment = None), 0, "in all environments");
    let elsewhere: [fn(&mut Recorded); 5] = [
        |no| no.event.environment = Some("staging".parse().unwrap()),
        |no| no.event.service = Some("search".parse().unwrap()),
        |no| no.event.service = None,
        |no| no.event.subject_id = "B".to_owned(),
        |no| no.event.extension.artifact = Some(digest("2")),
    ];
    assert_eq!(elsewhere.map(standing), [1; 5], "something else was rejected");
}

#[test]
fn a_rejection_that_does_not_say_of_what_takes_back_all_that_stands_under_its_id() {
    let mut ledger = Ledger::default();
    for (minute, version, place) in [(0, "1", "production"), (1, "2", "production"), (2, "2", "staging")] {
        let yes = ledger.approve(minute, "bob", version);
        yes.event.subject_id = "A".to_owned();
        yes.event.environment = Some(place.parse().unwrap());
    }
    // Another desk knows the request by its id, and not what was asked.
    let no = ledger.approve(5, "carol", "1");
    no.event.subject_id = "A".to_owned();
    no.event.source = "https://desk.example".to_owned();
    no.event.environment = None;
    no.event.extension.artifact = None;
    if let Body::Approval(body) = &mut no.event.body {
        body.status = Some("rejected".to_owned());
    }
    ledger.deploy(10, "d1", "1", Extension::default());
    ledger.deploy(20, "d2", "2", Extension::default());
    let evidence = fold(&ledger.records);
    for id in ["d1", "d2"] {
        let deployment = ledger.deployment(id);
        let standing = evidence.standing_approvals_of(&deployment, &Aliases::default());
        assert_eq!(standing.len(), 0, "{id}");
        let answers = evidence.approvals_of(&deployment);
        assert_eq!(answers.iter().filter(|(answer, _)| answer.origin.index == 3).count(), 1);
    }
}

#[test]
fn a_request_that_ran_out_is_no_approval() {
    let mut ledger = Ledger::default();
    let record = ledger.approve(0, "bob", "1");
    let Body::Approval(body) = &mut record.event.body else {
        unreachable!()
    };
    body.status = Some("expired".to_owned());
    let evidence = fold(&ledger.records);
    assert_eq!(evidence.approvals[0].answer, Answer::Expired);
    assert!(evidence.approvals[0].answer.revokes());
}
