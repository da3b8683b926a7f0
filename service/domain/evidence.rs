//! Evidence: approvals, test results and reviews, each bound to what it speaks of, and which of it belongs to a
//! deployment.
//!
//! Evidence is matched by exact references only (deployment, digest, commit, change), never by nearness in time.

mod binding;
mod request;

use std::collections::HashMap;

use serde::Serialize;

pub use binding::{Binding, Bond};

use self::binding::Places;
use self::request::Request;
use super::alias::Aliases;
use super::artifact::Artifact;
use super::deployment::Deployment;
use super::event::{Approval as ApprovalBody, ArtifactStep, Body, ChangeStep, Decision, Outcome, Recorded, RunPhase};
use super::extension::{Extension, ReviewVerdict, TestDetail};
use super::id::ProducerName;
use super::instant::Instant;
use super::provenance::Provenance;

/// Where a fact comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Origin {
    /// Index of the entry.
    pub index: u64,
    /// When the producer says that it happened.
    pub occurred_at: Instant,
    /// When the ledger recorded it.
    pub recorded_at: Instant,
    /// Who said it.
    pub producer: ProducerName,
    /// Whether the producer only shared a secret with the service, instead of signing.
    pub over_shared_secret: bool,
}

/// One person's answer to a request for approval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Approval {
    /// The approval that was answered.
    pub id: String,
    /// The answer's entry.
    pub origin: Origin,
    /// Who answered.
    pub person: Option<String>,
    /// The answer.
    pub answer: Answer,
    /// The role in which it was given.
    pub role: Option<String>,
    /// Who asked, where that is recorded.
    pub requested_by: Option<String>,
    /// The entry that asked, where there is one before the answer.
    pub request: Option<Origin>,
    /// What the answer says beside that.
    pub note: Option<String>,
    /// Where to read about it.
    pub details: Option<String>,
    /// What it covers; what the answer does not name is taken from the request.
    pub binding: Binding,
}

/// What became of a request for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// Changes are wanted first.
    ChangesRequested,
    /// Passed up, passed on, or put off: no answer yet.
    Deferred,
    /// The request was taken back.
    Cancelled,
    /// The request ran out of time.
    Expired,
}

impl Answer {
    /// The word used in JSON and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::ChangesRequested => "changes requested",
            Self::Deferred => "deferred",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether it takes an approval given earlier back.
    pub const fn revokes(self) -> bool {
        match self {
            Self::Approved | Self::Deferred => false,
            Self::Rejected | Self::ChangesRequested | Self::Cancelled | Self::Expired => true,
        }
    }

    fn of(body: &ApprovalBody) -> Option<Self> {
        match (body.status.as_deref(), body.decision) {
            (Some("cancelled"), _) => Some(Self::Cancelled),
            (Some("expired"), _) => Some(Self::Expired),
            // Where the two differ, the one that opens nothing counts.
            (Some("rejected"), _) | (_, Some(Decision::Rejected)) => Some(Self::Rejected),
            (_, Some(Decision::Approved)) | (Some("approved"), None) => Some(Self::Approved),
            (_, Some(Decision::RequestChanges)) => Some(Self::ChangesRequested),
            (_, Some(Decision::Escalated | Decision::Delegate | Decision::Deferred)) => Some(Self::Deferred),
            (_, None) => None,
        }
    }
}

/// The result of a test suite or test case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestResult {
    /// The run.
    pub id: String,
    /// The entry that it ended.
    pub origin: Origin,
    /// A whole suite, or one case.
    pub suite: bool,
    /// Name of the suite or case.
    pub name: Option<String>,
    /// unit, integration, security, …
    pub kind: Option<String>,
    /// The result, where it was told.
    pub outcome: Option<Outcome>,
    /// How bad a failure is, where it was told: low, medium, high or critical.
    pub severity: Option<String>,
    /// How much of it passed.
    pub detail: Option<TestDetail>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Where to read about it.
    pub uri: Option<String>,
    /// What was tested.
    pub binding: Binding,
}

impl TestResult {
    /// What to call it.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// What is told about an artifact: that it was built, packaged, signed or published, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Made {
    /// The entry.
    pub origin: Origin,
    /// Its provenance, as it was verified.
    pub provenance: Option<Provenance>,
    /// The artifact, and the commit that it was made from.
    pub binding: Binding,
}

/// A review of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Review {
    /// The change.
    pub change: String,
    /// The entry.
    pub origin: Origin,
    /// Who reviewed.
    pub person: Option<String>,
    /// The verdict, where it was told.
    pub verdict: Option<ReviewVerdict>,
    /// What was reviewed.
    pub binding: Binding,
}

/// All evidence of a set of events, in ledger order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Answers to requests for approval.
    pub approvals: Vec<Approval>,
    /// Test results.
    pub tests: Vec<TestResult>,
    /// Reviews.
    pub reviews: Vec<Review>,
    /// What is told about artifacts.
    pub artifacts: Vec<Made>,
    #[serde(skip)]
    lookup: Lookup,
}

/// Where evidence stands, by what it speaks of.
#[derive(Debug, Clone, Default, PartialEq)]
struct Lookup {
    approvals: Places,
    tests: Places,
    reviews: Places,
    artifacts: Places,
}

impl Evidence {
    /// The answers that belong to a deployment, each with its strongest bond.
    pub fn approvals_of(&self, deployment: &Deployment) -> Vec<(&Approval, Bond)> {
        let found = self
            .lookup
            .approvals
            .find(deployment)
            .into_iter()
            .map(|at| &self.approvals[at]);
        let mut found: Vec<_> = found
            .filter_map(|approval| Some((approval, approval.binding.bond(deployment)?)))
            .collect();
        // An answer that takes several things back is one.
        found.dedup_by_key(|(approval, _)| approval.origin.index);
        found
    }

    /// The approvals of a deployment that name a person, who did not take them back before its start, in ledger order.
    pub fn standing_approvals_of(&self, deployment: &Deployment, aliases: &Aliases) -> Vec<&Approval> {
        let answers = self.approvals_of(deployment);
        let stands = |at: &usize| {
            let (approval, _) = answers[*at];
            let given = approval.answer == Answer::Approved && approval.person.is_some();
            given && !is_taken_back(&answers, *at, deployment, aliases)
        };
        (0..answers.len()).filter(stands).map(|at| answers[at].0).collect()
    }

    /// The test results that belong to a deployment: those of its content, wherever they were run.
    pub fn tests_of(&self, deployment: &Deployment) -> Vec<(&TestResult, Bond)> {
        let found = self.lookup.tests.find(deployment).into_iter().map(|at| &self.tests[at]);
        found
            .filter_map(|test| Some((test, test.binding.wide_bond(deployment)?)))
            .collect()
    }

    /// The reviews that belong to a deployment.
    pub fn reviews_of(&self, deployment: &Deployment) -> Vec<(&Review, Bond)> {
        let found = self
            .lookup
            .reviews
            .find(deployment)
            .into_iter()
            .map(|at| &self.reviews[at]);
        found
            .filter_map(|review| Some((review, review.binding.wide_bond(deployment)?)))
            .collect()
    }

    /// What is told about the artifact of a deployment, or about what else was made from its commit.
    pub fn artifacts_of(&self, deployment: &Deployment) -> Vec<(&Made, Bond)> {
        let found = self
            .lookup
            .artifacts
            .find(deployment)
            .into_iter()
            .map(|at| &self.artifacts[at]);
        found
            .filter_map(|made| Some((made, made.binding.content_bond(deployment)?)))
            .collect()
    }

    /// Test runs after the end of a deployment, by claim, that name it, or its content in its environment. Those that were recorded
    /// before its start was are of it only if that is late: if the end that it claims had passed by then.
    pub fn verifications_of(&self, deployment: &Deployment) -> Vec<&TestResult> {
        let Some(end) = deployment.finished_at() else {
            return Vec::new();
        };
        let found = self.lookup.tests.find(deployment).into_iter().map(|at| &self.tests[at]);
        let here = found.filter(|test| {
            let named = test.binding.deployment_id.as_ref() == Some(&deployment.id);
            let there = test.binding.environment.as_ref() == Some(&deployment.environment);
            (named || there) && test.binding.bond(deployment).is_some()
        });
        let after = |origin: &Origin| origin.index > deployment.start_index() || origin.recorded_at >= end;
        here.filter(|test| test.origin.occurred_at >= end && after(&test.origin))
            .collect()
    }
}

/// Whether an answer was taken back before the start of a deployment: under the same request, or by the same person. The
/// answers are all of the deployment, in ledger order.
pub fn is_taken_back(answers: &[(&Approval, Bond)], at: usize, deployment: &Deployment, aliases: &Aliases) -> bool {
    let early = |later: &Approval| deployment.starts_after(later.origin.index, later.origin.occurred_at);
    is_revoked(answers, at, aliases, early)
}

/// Whether an answer was taken back by one of the later ones: under the same request, or by the same person under any of the names
/// that were declared when that was said. The answers are all of a deployment, in ledger order.
pub fn is_revoked(
    answers: &[(&Approval, Bond)],
    at: usize,
    aliases: &Aliases,
    counts: impl Fn(&Approval) -> bool,
) -> bool {
    let (answer, _) = answers[at];
    answers[at + 1..].iter().any(|(later, _)| {
        let person = |name: &str| aliases.person(name, later.origin.occurred_at);
        let same = later.id == answer.id || later.person.as_deref().map(person) == answer.person.as_deref().map(person);
        same && later.answer.revokes() && counts(later)
    })
}

/// The last run of each test, of runs in ledger order: a run is over with a later one that also claims to be later.
pub fn last_runs<'e>(runs: &[&'e TestResult]) -> Vec<&'e TestResult> {
    let again = |at: usize, run: &TestResult| {
        let mut later = runs[at + 1..].iter();
        let same = |later: &TestResult| later.name == run.name && later.kind == run.kind;
        later.any(|later| same(later) && later.origin.occurred_at >= run.origin.occurred_at)
    };
    let last = runs.iter().enumerate().filter(|(at, run)| !again(*at, run));
    last.map(|(_, run)| *run).collect()
}

/// Picks the evidence out of events, ascending by index and of any mixture.
pub fn fold(records: &[Recorded]) -> Evidence {
    let mut evidence = Evidence::default();
    let mut requests: HashMap<(&str, &str), Request> = HashMap::new();
    let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
    for record in records {
        let event = &record.event;
        match &event.body {
            Body::Approval(body) => {
                let request = requests.entry((&event.source, &event.subject_id)).or_default();
                let same_id = by_id.entry(&event.subject_id).or_default();
                for approval in request.answer(record, body, &evidence.approvals, same_id) {
                    let at = evidence.approvals.len();
                    request.push(&mut evidence.approvals, approval);
                    same_id.extend(at..evidence.approvals.len());
                }
            }
            Body::TestRun(run) => {
                let RunPhase::Finished(outcome) = run.phase else {
                    continue;
                };
                evidence.tests.push(TestResult {
                    id: event.subject_id.clone(),
                    origin: origin(record),
                    suite: run.suite,
                    name: run.name.clone(),
                    kind: run.kind.clone().or_else(|| event.extension.test.as_ref()?.kind.clone()),
                    outcome,
                    severity: run.severity.clone(),
                    detail: event.extension.test.clone(),
                    reason: run.reason.clone(),
                    uri: run.uri.clone().or_else(|| event.extension.test.as_ref()?.url.clone()),
                    binding: bound(record),
                });
            }
            Body::Change {
                step: ChangeStep::Reviewed,
                ..
            } => {
                let mut binding = bound(record);
                binding.changes.push(event.subject_id.clone());
                evidence.reviews.push(Review {
                    change: event.subject_id.clone(),
                    origin: origin(record),
                    person: event.extension.actor.as_ref().map(|a| a.id.clone()),
                    verdict: event.extension.review,
                    binding,
                });
            }
            Body::Artifact {
                step: ArtifactStep::Packaged | ArtifactStep::Signed | ArtifactStep::Published,
                artifact,
                ..
            } => evidence.artifacts.push(made(record, artifact)),
            Body::Build {
                phase: RunPhase::Finished(_),
                artifact: Some(artifact),
            } => evidence.artifacts.push(made(record, artifact)),
            Body::Artifact { .. } | Body::Build { .. } => {}
            Body::Deployment { .. }
            | Body::Service { .. }
            | Body::Change { .. }
            | Body::PipelineRun { .. }
            | Body::Incident { .. }
            | Body::Ticket(_)
            | Body::Environment { .. }
            | Body::Push(_)
            | Body::Other => {}
        }
    }
    evidence.lookup = Lookup {
        approvals: Places::of(evidence.approvals.iter().map(|a| &a.binding)),
        tests: Places::of(evidence.tests.iter().map(|t| &t.binding)),
        reviews: Places::of(evidence.reviews.iter().map(|r| &r.binding)),
        artifacts: Places::of(evidence.artifacts.iter().map(|a| &a.binding)),
    };
    evidence
}

fn made(record: &Recorded, artifact: &Artifact) -> Made {
    Made {
        origin: origin(record),
        provenance: record.event.extension.provenance.as_deref().cloned(),
        binding: Binding {
            artifact: Some(artifact.id.clone()),
            ..bound(record)
        },
    }
}

fn bound(record: &Recorded) -> Binding {
    let event = &record.event;
    let Extension {
        service,
        deployment_id,
        artifact,
        commit,
        tickets,
        pull_requests,
        ..
    } = &event.extension;
    let mut changes: Vec<String> = tickets.iter().map(|t| t.id.clone()).collect();
    for request in pull_requests {
        changes.push(request.id.clone());
        changes.extend(request.url.clone());
    }
    if let Body::Approval(approval) = &event.body {
        changes.extend(approval.target.clone());
    }
    Binding {
        service: event.service.clone().or_else(|| service.clone()),
        environment: event.environment.clone(),
        deployment_id: deployment_id.clone(),
        artifact: artifact.clone(),
        commit: commit.clone(),
        changes,
    }
}

fn origin(record: &Recorded) -> Origin {
    Origin {
        index: record.index,
        occurred_at: record.event.occurred_at,
        recorded_at: record.recorded_at,
        producer: record.producer.clone(),
        over_shared_secret: record.over_shared_secret(),
    }
}

#[cfg(test)]
mod tests;
