//! Reads `subject.content` of a known type into a [`Body`]. The content has been checked against the catalogue before.

use serde_json::{Map, Value};

use crate::domain::artifact::{Artifact, is_whole_commit};
use crate::domain::catalogue::Kind;
use crate::domain::event::{
    Approval, ApprovalStep, ArtifactStep, Body, ChangeStep, Decision, EnvironmentStep, GITHUB_PUSH, IncidentStep,
    Outcome, Phase, Push, RunPhase, ServiceStep, TestRun, Ticket, TicketStep,
};

/// What the content says, and what it and the subject name.
pub(super) struct Content {
    pub(super) body: Body,
    pub(super) service: Option<String>,
    pub(super) environment: Option<String>,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            body: Body::Other,
            service: None,
            environment: None,
        }
    }
}

/// Reads a checked content.
pub(super) fn read(kind: &Kind, mut content: Map<String, Value>, subject_id: &str) -> Content {
    let members = &mut content;
    let mut service = object(members, "service").and_then(|mut service| text(&mut service, "id"));
    let mut environment = object(members, "environment").and_then(|mut environment| text(&mut environment, "id"));
    let body = match (kind.subject, kind.predicate) {
        ("deployment", predicate) => deployment(predicate, members),
        ("service", predicate) => {
            service = Some(subject_id.to_owned());
            service_step(predicate).map(|step| Body::Service {
                step,
                artifact: artifact(members),
            })
        }
        ("change", predicate) => change_step(predicate).map(|step| Body::Change {
            step,
            description: text(members, "description"),
            repository: object(members, "repository").and_then(|mut repository| text(&mut repository, "id")),
        }),
        ("artifact", predicate) => artifact_step(predicate).map(|step| Body::Artifact {
            step,
            artifact: Artifact::parse(subject_id),
            change: object(members, "change").and_then(|mut change| text(&mut change, "id")),
            sbom: object(members, "sbom").and_then(|mut sbom| text(&mut sbom, "uri")),
        }),
        ("build", predicate) => run_phase(predicate, members).map(|phase| Body::Build {
            phase,
            artifact: artifact(members),
        }),
        ("pipelinerun", predicate) => run_phase(predicate, members).map(|phase| Body::PipelineRun {
            phase,
            name: text(members, "pipelineName"),
            uri: uri(members),
            errors: text(members, "errors"),
        }),
        ("testsuiterun", predicate) => test_run(true, predicate, members, "testSuite"),
        ("testcaserun", predicate) => test_run(false, predicate, members, "testCase"),
        ("approval", predicate) => approval(predicate, members),
        ("incident", predicate) => incident_step(predicate).map(|step| Body::Incident {
            step,
            description: text(members, "description"),
            ticket: text(members, "ticketURI"),
            artifact: artifact(members),
        }),
        ("ticket", predicate) => ticket(predicate, members),
        ("environment", predicate) => {
            environment = Some(subject_id.to_owned());
            environment_step(predicate).map(|step| Body::Environment {
                step,
                name: text(members, "name"),
                uri: uri(members),
            })
        }
        // repository, branch, taskrun, testoutput
        _ => None,
    };
    Content {
        body: body.unwrap_or(Body::Other),
        service,
        environment,
    }
}

/// Reads the content of a custom type, where it is one that is read here and says what it should: anybody may use its name.
pub(super) fn custom(event_type: &str, mut content: Map<String, Value>) -> Content {
    let body = match event_type {
        GITHUB_PUSH => push(&mut content),
        _ => None,
    };
    Content {
        body: body.unwrap_or(Body::Other),
        ..Content::default()
    }
}

fn push(members: &mut Map<String, Value>) -> Option<Body> {
    // GitHub writes zeros where a branch or tag is not there.
    let mut commit = |name| {
        let commit = text(members, name)?.to_ascii_lowercase();
        let known = !commit.bytes().all(|digit| digit == b'0');
        is_whole_commit(&commit).then_some(Some(commit).filter(|_| known))
    };
    Some(Body::Push(Push {
        before: commit("before")?,
        after: commit("after")?,
        forced: members.get("forced")?.as_bool()?,
    }))
}

fn deployment(predicate: &str, members: &mut Map<String, Value>) -> Option<Body> {
    let phase = match predicate {
        "queued" => Phase::Queued,
        "started" => Phase::Started,
        "finished" => Phase::Finished(outcome(members)?),
        _ => return None,
    };
    Some(Body::Deployment {
        phase,
        artifact: artifact(members)?,
    })
}

fn service_step(predicate: &str) -> Option<ServiceStep> {
    Some(match predicate {
        "deployed" => ServiceStep::Deployed,
        "upgraded" => ServiceStep::Upgraded,
        "rolledback" => ServiceStep::RolledBack,
        "removed" => ServiceStep::Removed,
        "published" => ServiceStep::Published,
        _ => return None,
    })
}

fn change_step(predicate: &str) -> Option<ChangeStep> {
    Some(match predicate {
        "created" => ChangeStep::Created,
        "updated" => ChangeStep::Updated,
        "reviewed" => ChangeStep::Reviewed,
        "merged" => ChangeStep::Merged,
        "abandoned" => ChangeStep::Abandoned,
        _ => return None,
    })
}

fn artifact_step(predicate: &str) -> Option<ArtifactStep> {
    Some(match predicate {
        "packaged" => ArtifactStep::Packaged,
        "signed" => ArtifactStep::Signed,
        "published" => ArtifactStep::Published,
        "downloaded" => ArtifactStep::Downloaded,
        "deleted" => ArtifactStep::Deleted,
        _ => return None,
    })
}

fn incident_step(predicate: &str) -> Option<IncidentStep> {
    Some(match predicate {
        "detected" => IncidentStep::Detected,
        "reported" => IncidentStep::Reported,
        "resolved" => IncidentStep::Resolved,
        _ => return None,
    })
}

fn environment_step(predicate: &str) -> Option<EnvironmentStep> {
    Some(match predicate {
        "created" => EnvironmentStep::Created,
        "modified" => EnvironmentStep::Modified,
        "deleted" => EnvironmentStep::Deleted,
        _ => return None,
    })
}

fn run_phase(predicate: &str, members: &mut Map<String, Value>) -> Option<RunPhase> {
    Some(match predicate {
        "queued" => RunPhase::Queued,
        "started" => RunPhase::Started,
        "skipped" => RunPhase::Skipped,
        "finished" => RunPhase::Finished(outcome(members)),
        _ => return None,
    })
}

fn test_run(suite: bool, predicate: &str, members: &mut Map<String, Value>, definition: &str) -> Option<Body> {
    let phase = run_phase(predicate, members)?;
    let mut definition = object(members, definition).unwrap_or_default();
    let id = text(&mut definition, "id");
    Some(Body::TestRun(TestRun {
        suite,
        phase,
        name: text(&mut definition, "name").or(id),
        kind: text(&mut definition, "type"),
        reason: text(members, "reason"),
        severity: text(members, "severity"),
        uri: uri(&mut definition),
    }))
}

fn approval(predicate: &str, members: &mut Map<String, Value>) -> Option<Body> {
    let step = match predicate {
        "created" => ApprovalStep::Created,
        "updated" => ApprovalStep::Updated,
        "closed" => ApprovalStep::Closed,
        _ => return None,
    };
    Some(Body::Approval(Approval {
        step,
        person: text(members, "responder").or_else(|| text(members, "requestor")),
        decision: text(members, "decision").and_then(|word| decision(&word)),
        status: text(members, "status"),
        target: text(members, "resourceTargetUrl"),
        details: text(members, "approvalDetailsUrl"),
    }))
}

fn decision(word: &str) -> Option<Decision> {
    Some(match word {
        "escalated" => Decision::Escalated,
        "delegate" => Decision::Delegate,
        "deferred" => Decision::Deferred,
        "requestChanges" => Decision::RequestChanges,
        "approved" => Decision::Approved,
        "rejected" => Decision::Rejected,
        _ => return None,
    })
}

fn ticket(predicate: &str, members: &mut Map<String, Value>) -> Option<Body> {
    let step = match predicate {
        "created" => TicketStep::Created,
        "updated" => TicketStep::Updated,
        "closed" => TicketStep::Closed,
        _ => return None,
    };
    Some(Body::Ticket(Ticket {
        step,
        summary: text(members, "summary"),
        uri: text(members, "uri"),
        ticket_type: text(members, "ticketType"),
        priority: text(members, "priority"),
        resolution: text(members, "resolution"),
    }))
}

/// The result, in the words of 0.5 and of 0.4. Runs of 0.4 may end in any word; one that says nothing certain is no result.
fn outcome(members: &mut Map<String, Value>) -> Option<Outcome> {
    Some(match text(members, "outcome")?.as_str() {
        "success" | "pass" => Outcome::Success,
        "failure" | "fail" => Outcome::Failure,
        "cancel" => Outcome::Cancel,
        "error" => Outcome::Error,
        _ => return None,
    })
}

fn artifact(members: &mut Map<String, Value>) -> Option<Artifact> {
    text(members, "artifactId").map(Artifact::parse)
}

fn uri(members: &mut Map<String, Value>) -> Option<String> {
    text(members, "uri").or_else(|| text(members, "url"))
}

/// A text with something in it.
fn text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.remove(name)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn object(members: &mut Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    match members.remove(name)? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
