//! What happens around the source: releases, pull requests, reviews, pushes and workflow runs.

use serde_json::json;

use super::body::{
    Common, PullRequestDelivery, Push, PushedCommit, ReleaseDelivery, User, WorkflowRun, WorkflowRunDelivery, filled,
};
use super::{AdapterError, Made, Record, absent, extension, made, missing, refused};
use crate::domain::artifact::is_whole_commit;
use crate::domain::event::{GITHUB_PUSH, Outcome};
use crate::domain::extension::{Commit, Extension, PullRequest, ReviewVerdict};
use crate::domain::instant::Instant;
use crate::domain::sequence::Sequence;

/// `release`: published ones, as a package of GitHub under their tag.
pub(super) fn release(delivery: &ReleaseDelivery) -> Result<Made, AdapterError> {
    let release = &delivery.release;
    let mut records = Vec::new();
    if delivery.action == "published" {
        let published_at = release.published_at.ok_or_else(|| missing("/release/published_at"))?;
        let author = release.author.as_ref().unwrap_or(&delivery.common.sender);
        records.push(Record {
            event_type: "dev.cdevents.artifact.published.0.3.0",
            at: published_at,
            subject: super::purl(&delivery.common, &release.tag_name),
            content: json!({ "user": author.login }),
            extension: Extension {
                version: Some(release.tag_name.clone()),
                commit: Some(release.target_commitish.clone()).filter(|target| is_whole_commit(target)),
                actor: Some(author.actor()),
                highlights: filled(release.body.as_ref()),
                ..extension(&delivery.common)?
            },
        });
    }
    Ok(made(&delivery.common, records))
}

/// `pull_request`: a change, under the number that people call it by.
pub(super) fn pull_request(delivery: &PullRequestDelivery) -> Result<Made, AdapterError> {
    absent("/review", delivery.review.as_ref())?;
    let request = &delivery.pull_request;
    let merged = request.merged.unwrap_or(request.merged_at.is_some());
    let (event_type, at) = match delivery.action.as_str() {
        "opened" => ("dev.cdevents.change.created.0.4.0", request.created_at),
        "synchronize" | "edited" | "reopened" => ("dev.cdevents.change.updated.0.3.0", request.updated_at),
        "closed" if merged => {
            let at = request
                .merged_at
                .or(request.closed_at)
                .ok_or_else(|| missing("/pull_request/merged_at"))?;
            ("dev.cdevents.change.merged.0.3.0", at)
        }
        "closed" => {
            let at = request.closed_at.ok_or_else(|| missing("/pull_request/closed_at"))?;
            ("dev.cdevents.change.abandoned.0.3.0", at)
        }
        // Labels, assignments, locks and the like change nothing that is shipped.
        _ => return Ok(made(&delivery.common, Vec::new())),
    };
    let merged = merged && delivery.action == "closed";
    let by = if merged { request.merged_by.as_ref() } else { None };
    let mut content = repository(&delivery.common);
    if delivery.action == "opened"
        && let Some(title) = filled(Some(&request.title))
    {
        content["description"] = json!(title);
    }
    let commit = if merged {
        request.merge_commit_sha.as_ref()
    } else {
        Some(&request.head.sha)
    };
    let record = Record {
        event_type,
        at,
        subject: request.number.to_string(),
        content,
        extension: Extension {
            commit: commit.cloned(),
            actor: Some(by.unwrap_or(&delivery.common.sender).actor()),
            pull_requests: vec![described(delivery, merged, Vec::new())],
            ..extension(&delivery.common)?
        },
    };
    Ok(made(&delivery.common, vec![record]))
}

/// `pull_request_review`: what somebody said of a change.
pub(super) fn review(delivery: &PullRequestDelivery) -> Result<Made, AdapterError> {
    let review = delivery.review.as_ref().ok_or_else(|| missing("/review"))?;
    let verdict = match (delivery.action.as_str(), review.state.to_ascii_lowercase().as_str()) {
        ("submitted", "approved") => ReviewVerdict::Approved,
        ("submitted", "changes_requested") => ReviewVerdict::ChangesRequested,
        ("submitted", "commented") => ReviewVerdict::Commented,
        _ => return Ok(made(&delivery.common, Vec::new())),
    };
    let reviewer = review.user.as_ref().unwrap_or(&delivery.common.sender);
    let approved_by = match verdict {
        ReviewVerdict::Approved => vec![reviewer.login.clone()],
        ReviewVerdict::ChangesRequested | ReviewVerdict::Commented => Vec::new(),
    };
    let record = Record {
        event_type: "dev.cdevents.change.reviewed.0.3.0",
        at: review.submitted_at.ok_or_else(|| missing("/review/submitted_at"))?,
        subject: delivery.pull_request.number.to_string(),
        content: repository(&delivery.common),
        extension: Extension {
            commit: review.commit_id.clone(),
            actor: Some(reviewer.actor()),
            pull_requests: vec![described(delivery, false, approved_by)],
            review: Some(verdict),
            ..extension(&delivery.common)?
        },
    };
    Ok(made(&delivery.common, vec![record]))
}

/// `push`: CDEvents has no event for it, and what it holds is worth keeping: the commits, and whether history was rewritten.
pub(super) fn push(push: &Push) -> Result<Made, AdapterError> {
    let pushed_at = push
        .common
        .repository
        .pushed_at
        .as_ref()
        .and_then(super::body::PushedAt::instant);
    let committed_at = push.head_commit.as_ref().and_then(committed_at);
    let record = Record {
        event_type: GITHUB_PUSH,
        at: pushed_at
            .or(committed_at)
            .ok_or_else(|| missing("/repository/pushed_at"))?,
        subject: push.git_ref.clone(),
        content: json!({
            "ref": push.git_ref,
            "before": push.before,
            "after": push.after,
            "created": push.created,
            "deleted": push.deleted,
            "forced": push.forced,
            "compare": push.compare,
        }),
        extension: Extension {
            commit: Some(push.after.clone()).filter(|_| !push.deleted),
            actor: Some(push.common.sender.actor()),
            commits: push.commits.iter().map(commit).collect(),
            ..extension(&push.common)?
        },
    };
    Ok(made(&push.common, vec![record]))
}

/// `workflow_run`: a run of a pipeline; each attempt is a run of its own.
pub(super) fn workflow_run(delivery: &WorkflowRunDelivery) -> Result<Made, AdapterError> {
    let run = &delivery.workflow_run;
    let started_at = run.run_started_at.unwrap_or(run.created_at);
    let (event_type, at) = match delivery.action.as_str() {
        "requested" => ("dev.cdevents.pipelinerun.queued.0.3.0", started_at),
        "in_progress" => ("dev.cdevents.pipelinerun.started.0.3.0", started_at),
        "completed" => ("dev.cdevents.pipelinerun.finished.0.3.0", run.updated_at),
        _ => return Ok(made(&delivery.common, Vec::new())),
    };
    let mut content = json!({ "pipelineName": pipeline_name(delivery), "uri": run.html_url });
    if delivery.action == "completed"
        && let Some(conclusion) = &run.conclusion
    {
        match outcome(conclusion) {
            Some(outcome) => content["outcome"] = json!(outcome),
            None => {
                return Err(refused(
                    "/workflow_run/conclusion",
                    format!("{conclusion:?} is not known here"),
                ));
            }
        }
    }
    let record = Record {
        event_type,
        at,
        subject: format!("{}/attempts/{}", run.id, run.run_attempt.unwrap_or(1)),
        content,
        extension: Extension {
            commit: Some(run.head_sha.clone()),
            actor: Some(person(run, &delivery.common.sender).actor()),
            run_url: Some(run.html_url.clone()),
            sequence: run.run_number.zip(run.workflow_id).map(|(number, workflow)| Sequence {
                number,
                series: Some(format!("workflow {workflow}")),
                next_within_s: None,
            }),
            ..extension(&delivery.common)?
        },
    };
    Ok(made(&delivery.common, vec![record]))
}

/// GitHub's conclusions in the words of CDEvents.
fn outcome(conclusion: &str) -> Option<Outcome> {
    Some(match conclusion {
        "success" | "neutral" => Outcome::Success,
        "failure" | "startup_failure" | "action_required" => Outcome::Failure,
        "cancelled" | "skipped" | "stale" => Outcome::Cancel,
        "timed_out" => Outcome::Error,
        _ => return None,
    })
}

/// The workflow's name; a file without one is called by its path.
fn pipeline_name(delivery: &WorkflowRunDelivery) -> String {
    let workflow = delivery
        .workflow
        .as_ref()
        .and_then(|workflow| filled(workflow.name.as_ref()));
    filled(delivery.workflow_run.name.as_ref())
        .or(workflow)
        .or_else(|| filled(delivery.workflow_run.path.as_ref()))
        .unwrap_or_default()
}

fn person<'a>(run: &'a WorkflowRun, sender: &'a User) -> &'a User {
    run.triggering_actor.as_ref().or(run.actor.as_ref()).unwrap_or(sender)
}

fn described(delivery: &PullRequestDelivery, merged: bool, approved_by: Vec<String>) -> PullRequest {
    let request = &delivery.pull_request;
    PullRequest {
        id: request.number.to_string(),
        title: filled(Some(&request.title)),
        url: Some(request.html_url.clone()),
        author: request.user.as_ref().map(|user| user.login.clone()),
        approved_by,
        merged_by: request
            .merged_by
            .as_ref()
            .filter(|_| merged)
            .map(|user| user.login.clone()),
        merge_commit: request.merge_commit_sha.clone().filter(|_| merged),
    }
}

fn commit(commit: &PushedCommit) -> Commit {
    let author = commit.author.as_ref();
    Commit {
        id: commit.id.clone(),
        message: commit.message.clone(),
        author: author.and_then(|author| filled(author.username.as_ref()).or_else(|| filled(author.name.as_ref()))),
        committed_at: committed_at(commit),
        merge: None,
    }
}

/// A committer's clock may show what is no time at all; the raw body keeps it.
fn committed_at(commit: &PushedCommit) -> Option<Instant> {
    commit.timestamp.as_deref().and_then(|text| Instant::parse(text).ok())
}

fn repository(common: &Common) -> serde_json::Value {
    json!({ "repository": { "id": common.repository.full_name, "source": common.repository.html_url } })
}
