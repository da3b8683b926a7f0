//! `deployment_review`: a run of a workflow waits for somebody to let it deploy, and what they answered.
//!
//! The delivery names no deployment. It is bound as any approval of a commit is: to the commit of the run, in the repository's service,
//! for the environment that the run waits for.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::body::{DeploymentReview, JobRun, User, filled};
use super::{AdapterError, Made, Record, extension, made, missing, refused};
use crate::domain::extension::Extension;
use crate::domain::id::EnvironmentName;
use crate::domain::instant::Instant;

/// One approval for each environment, under an id that its request and its answer share.
pub(super) fn review(delivery: &DeploymentReview) -> Result<Made, AdapterError> {
    let (event_type, who, decision) = match delivery.action.as_str() {
        "requested" => ("dev.cdevents.approval.created.0.1.0", &delivery.requestor, None),
        "approved" => (
            "dev.cdevents.approval.closed.0.1.0",
            &delivery.approver,
            Some("approved"),
        ),
        "rejected" => (
            "dev.cdevents.approval.closed.0.1.0",
            &delivery.approver,
            Some("rejected"),
        ),
        _ => return Ok(made(&delivery.common, Vec::new())),
    };
    let who = who.as_ref().unwrap_or(&delivery.common.sender);
    let run = delivery.workflow_run.as_ref().ok_or_else(|| missing("/workflow_run"))?;
    let page = &delivery.common.repository.html_url;
    let mut records = Vec::new();
    for environment in environments(delivery)? {
        let mut content = json!({
            "approvalDetailsUrl": run.html_url,
            "resourceTargetUrl": format!("{page}/commit/{}", run.head_sha),
        });
        match decision {
            None => content["requestor"] = json!(urn(who)),
            Some(decision) => {
                content["responder"] = json!(urn(who));
                content["decision"] = json!(decision);
                content["status"] = json!(decision);
            }
        }
        records.push(Record {
            event_type,
            at: at(delivery, run.updated_at),
            subject: format!("{}/attempts/{}/{environment}", run.id, run.run_attempt.unwrap_or(1)),
            content,
            extension: Extension {
                environment: Some(environment),
                commit: Some(run.head_sha.clone()),
                actor: Some(who.actor()),
                reason: filled(delivery.comment.as_ref()),
                run_url: Some(run.html_url.clone()),
                ..extension(&delivery.common)?
            },
        });
    }
    Ok(made(&delivery.common, records))
}

/// The environments that are asked for, each once.
fn environments(delivery: &DeploymentReview) -> Result<BTreeSet<EnvironmentName>, AdapterError> {
    let at = match delivery.workflow_job_runs {
        Some(_) => "/workflow_job_runs",
        None => "/environment",
    };
    let named = jobs(delivery).filter_map(|job| job.environment.as_ref());
    let named = named.chain(&delivery.environment).filter_map(|name| filled(Some(name)));
    let names: Result<BTreeSet<_>, _> = named.map(EnvironmentName::try_from).collect();
    let names = names.map_err(|error| refused(at, error))?;
    if names.is_empty() {
        return Err(missing(at));
    }
    Ok(names)
}

/// GitHub does not say when somebody answered: the latest time that the delivery holds is no later.
fn at(delivery: &DeploymentReview, run: Instant) -> Instant {
    let since = delivery.since;
    if delivery.action == "requested" {
        return since;
    }
    let jobs = jobs(delivery).filter_map(|job| job.updated_at);
    jobs.fold(since.max(run), Instant::max)
}

fn jobs(delivery: &DeploymentReview) -> impl Iterator<Item = &JobRun> {
    let several = delivery.workflow_job_runs.iter().flatten();
    several.chain(&delivery.workflow_job_run)
}

/// CDEvents wants a URI; who it is stands in `actor`, as in every record of GitHub.
fn urn(user: &User) -> String {
    format!("urn:github:user:{}", utf8_percent_encode(&user.login, NON_ALPHANUMERIC))
}
