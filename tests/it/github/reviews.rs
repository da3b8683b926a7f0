//! Reviews: of changes, and of deployments that wait for somebody.

use serde_json::json;
use shipslog::adapter::AdapterError;
use shipslog::adapter::github::events;
use shipslog::domain::Body;
use shipslog::domain::event::{ApprovalStep, Decision};
use shipslog::domain::extension::ReviewVerdict;

use super::{DELIVERY, made, payload};

#[test]
fn a_review_says_who_approved() {
    let Some(mut body) = payload("pull_request_review", "submitted.with-organization.payload.json") else {
        return;
    };
    for (state, verdict) in [
        ("approved", Some(ReviewVerdict::Approved)),
        ("changes_requested", Some(ReviewVerdict::ChangesRequested)),
        ("commented", Some(ReviewVerdict::Commented)),
        ("pending", None),
    ] {
        body["review"]["state"] = state.into();
        let made = made("pull_request_review", &body);
        assert_eq!(
            made.first().and_then(|event| event.extension.review),
            verdict,
            "{state}"
        );
        if let Some(event) = made.first() {
            let approved_by = &event.extension.pull_requests[0].approved_by;
            assert_eq!(approved_by.is_empty(), verdict != Some(ReviewVerdict::Approved));
        }
    }
}

#[test]
fn a_deployment_review_is_an_approval_of_the_commit_for_the_environment() {
    let Some(requested) = payload("deployment_review", "requested.payload.json") else {
        return;
    };
    let asked = made("deployment_review", &requested).remove(0);
    // As GitHub's schema has an answer; there is no sample of one.
    let mut body = requested.clone();
    for gone in ["requestor", "environment", "workflow_job_run"] {
        body.as_object_mut().unwrap().remove(gone);
    }
    let mut job = requested["workflow_job_run"].clone();
    job["updated_at"] = "2023-07-04T10:00:00Z".into();
    let mut other = job.clone();
    other["environment"] = "PRD".into();
    body["workflow_job_runs"] = json!([job, other, job]);
    body["approver"] = json!({ "login": "octo[bot]", "type": "Bot" });
    body["comment"] = "Looks right".into();
    for (action, decision) in [("approved", Decision::Approved), ("rejected", Decision::Rejected)] {
        body["action"] = action.into();
        let answers = made("deployment_review", &body);
        let environments = answers.iter().map(|event| event.environment.as_ref().unwrap().as_str());
        assert!(environments.eq(["PRD", "TST"]), "each once");
        let answer = &answers[1];
        let Body::Approval(approval) = &answer.body else {
            panic!()
        };
        assert_eq!(
            (approval.step, approval.decision),
            (ApprovalStep::Closed, Some(decision))
        );
        assert_eq!(approval.status.as_deref(), Some(action));
        assert_eq!(approval.person.as_deref(), Some("urn:github:user:octo%5Bbot%5D"));
        assert_eq!(answer.subject_id, asked.subject_id, "one approval");
        assert_eq!(answer.extension.commit, asked.extension.commit);
        assert_eq!(answer.extension.reason.as_deref(), Some("Looks right"));
        assert_eq!(answer.occurred_at.to_string(), "2023-07-04T10:00:00.000Z");
    }
    let Body::Approval(approval) = &asked.body else {
        panic!()
    };
    assert_eq!((approval.step, approval.decision), (ApprovalStep::Created, None));
    assert_eq!(
        asked.extension.commit.as_deref(),
        requested["workflow_run"]["head_sha"].as_str()
    );
    assert_eq!(asked.extension.actor.as_ref().unwrap().id, "ilmax");
    assert_eq!(asked.occurred_at.to_string(), "2023-07-04T09:28:15.000Z");

    body["workflow_job_runs"] = json!([]);
    let refused = events("deployment_review", DELIVERY, &serde_json::to_vec(&body).unwrap());
    assert!(matches!(refused, Err(AdapterError::Body { pointer, .. }) if pointer == "/workflow_job_runs"));
    body["action"] = "reconsidered".into();
    assert!(made("deployment_review", &body).is_empty());
}
