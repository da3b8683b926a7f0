//! Evidence: approvals, test results and reviews, each bound to what it speaks of, and which of it belongs to a
//! deployment.
//!
//! Evidence is matched by exact references only (deployment, digest, commit, change), never by nearness in time.

use std::collections::HashMap;

use serde::Serialize;

use super::artifact::Artifact;
use super::deployment::Deployment;
use super::event::{Approval as ApprovalBody, ApprovalStep, Body, ChangeStep, Decision, Outcome, Recorded, RunPhase};
use super::extension::{Extension, ReviewVerdict, TestDetail};
use super::id::{DeploymentId, EnvironmentName, ProducerName, ServiceName};
use super::instant::Instant;

/// What a piece of evidence speaks of.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Binding {
    /// The service, where it names one.
    pub service: Option<ServiceName>,
    /// The environment, where it names one.
    pub environment: Option<EnvironmentName>,
    /// The deployment.
    pub deployment_id: Option<DeploymentId>,
    /// The artifact as it was named: a purl or a digest.
    pub artifact: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// Changes: ticket keys, pull request ids and URLs.
    pub changes: Vec<String>,
}

/// The strongest reference that ties a piece of evidence to a deployment; the first is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bond {
    /// The same artifact.
    Artifact,
    /// The same commit.
    Commit,
    /// The deployment by its id, with nothing that says what content was meant.
    Deployment,
    /// A change that the deployment is about.
    Change,
}

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
            (_, Some(Decision::Approved)) | (Some("approved"), None) => Some(Self::Approved),
            (_, Some(Decision::Rejected)) | (Some("rejected"), None) => Some(Self::Rejected),
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
    /// How much of it passed.
    pub detail: Option<TestDetail>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Where to read about it.
    pub uri: Option<String>,
    /// What was tested.
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
}

impl Evidence {
    /// The answers that belong to a deployment, each with its strongest bond.
    pub fn approvals_of(&self, deployment: &Deployment) -> Vec<(&Approval, Bond)> {
        of(&self.approvals, |a| a.binding.bond(deployment))
    }

    /// The test results that belong to a deployment: those of its content, wherever they were run.
    pub fn tests_of(&self, deployment: &Deployment) -> Vec<(&TestResult, Bond)> {
        of(&self.tests, |t| {
            t.binding
                .content_bond(deployment)
                .or_else(|| t.binding.bond(deployment))
        })
    }

    /// The reviews that belong to a deployment.
    pub fn reviews_of(&self, deployment: &Deployment) -> Vec<(&Review, Bond)> {
        of(&self.reviews, |r| {
            r.binding
                .content_bond(deployment)
                .or_else(|| r.binding.bond(deployment))
        })
    }
}

fn of<T>(list: &[T], bond: impl Fn(&T) -> Option<Bond>) -> Vec<(&T, Bond)> {
    list.iter().filter_map(|item| Some((item, bond(item)?))).collect()
}

impl Binding {
    /// How this is tied to a deployment, if it is. What names another service, environment or deployment is not.
    pub fn bond(&self, deployment: &Deployment) -> Option<Bond> {
        let named = self.deployment_id.as_ref().map(|id| *id == deployment.id);
        let elsewhere = self.environment.as_ref().is_some_and(|e| *e != deployment.environment);
        if elsewhere || named == Some(false) || self.other_service(deployment) {
            return None;
        }
        let by_id = || (named == Some(true)).then_some(Bond::Deployment);
        let by_change = || self.shares_change(deployment).then_some(Bond::Change);
        self.content_bond(deployment).or_else(by_id).or_else(by_change)
    }

    /// How this is tied to the content of a deployment, wherever that was.
    pub fn content_bond(&self, deployment: &Deployment) -> Option<Bond> {
        if self.other_service(deployment) {
            None
        } else if self.same_artifact(deployment) == Some(true) {
            Some(Bond::Artifact)
        } else {
            (self.same_commit(deployment) == Some(true)).then_some(Bond::Commit)
        }
    }

    fn other_service(&self, deployment: &Deployment) -> bool {
        self.service
            .as_ref()
            .is_some_and(|service| *service != deployment.service)
    }

    /// Whether it names the deployed artifact, another, or none that can be compared.
    pub fn same_artifact(&self, deployment: &Deployment) -> Option<bool> {
        let artifact = &deployment.artifact.as_ref()?.value;
        let named = self.artifact.as_deref()?;
        match (Artifact::parse(named).digest.as_deref(), artifact.digest.as_deref()) {
            (Some(named), Some(deployed)) => Some(named == deployed),
            // A name without digest and one with cannot be told to differ.
            (None, Some(_)) | (Some(_), None) => (named == artifact.id).then_some(true),
            (None, None) => Some(named == artifact.id),
        }
    }

    /// Whether it names the deployed commit, another, or none that can be compared.
    pub fn same_commit(&self, deployment: &Deployment) -> Option<bool> {
        let deployed = &deployment.commit.as_ref()?.value;
        self.commit.as_ref().map(|commit| commit.eq_ignore_ascii_case(deployed))
    }

    fn shares_change(&self, deployment: &Deployment) -> bool {
        let tickets = deployment.tickets.iter().map(|t| t.value.id.as_str());
        let urls = deployment.pull_requests.iter().filter_map(|p| p.value.url.as_deref());
        // A bare number such as `420` names a pull request only together with its service.
        let numbers = deployment.pull_requests.iter().map(|p| p.value.id.as_str());
        let numbers = numbers.filter(|id| self.service.is_some() || !id.bytes().all(|b| b.is_ascii_digit()));
        tickets
            .chain(urls)
            .chain(numbers)
            .any(|change| self.changes.iter().any(|c| c == change))
    }
}

/// Picks the evidence out of events, ascending by index and of any mixture.
pub fn fold(records: &[Recorded]) -> Evidence {
    let mut evidence = Evidence::default();
    let mut requests: HashMap<(&str, &str), Request> = HashMap::new();
    for record in records {
        let event = &record.event;
        match &event.body {
            Body::Approval(body) => {
                let request = requests.entry((&event.source, &event.subject_id)).or_default();
                if let Some(approval) = request.answer(record, body) {
                    push_answer(&mut evidence.approvals, approval);
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
            Body::Deployment { .. }
            | Body::Service { .. }
            | Body::Change { .. }
            | Body::Artifact { .. }
            | Body::Build { .. }
            | Body::PipelineRun { .. }
            | Body::Incident { .. }
            | Body::Ticket(_)
            | Body::Environment { .. }
            | Body::Other => {}
        }
    }
    evidence
}

/// What is known of a request before an answer.
#[derive(Default)]
struct Request {
    requested_by: Option<String>,
    binding: Binding,
}

impl Request {
    /// Takes in an event about the request; gives the answer, where the event is one.
    fn answer(&mut self, record: &Recorded, body: &ApprovalBody) -> Option<Approval> {
        let binding = bound(record).or(&self.binding);
        if body.step == ApprovalStep::Created {
            let actor = || record.event.extension.actor.as_ref().map(|a| a.id.clone());
            self.requested_by = body.person.clone().or_else(actor);
            self.binding = binding;
            return None;
        }
        Some(Approval {
            id: record.event.subject_id.clone(),
            origin: origin(record),
            person: body
                .person
                .clone()
                .or_else(|| record.event.extension.actor.as_ref().map(|a| a.id.clone())),
            answer: Answer::of(body)?,
            role: record.event.extension.role.clone(),
            requested_by: self.requested_by.clone(),
            details: body.details.clone(),
            binding,
        })
    }
}

/// The closing of an approval repeats its last answer: that is one answer, and the first telling of it counts.
fn push_answer(approvals: &mut Vec<Approval>, answer: Approval) {
    let repeated = approvals
        .iter()
        .rfind(|a| a.id == answer.id && a.person == answer.person)
        .is_some_and(|known| known.answer == answer.answer && known.binding == answer.binding);
    if !repeated {
        approvals.push(answer);
    }
}

impl Binding {
    /// This binding, completed from an earlier one. Content is taken over as a whole or not at all, so that an answer
    /// about another artifact never inherits the commit of the request.
    fn or(mut self, earlier: &Self) -> Self {
        self.service = self.service.or_else(|| earlier.service.clone());
        self.environment = self.environment.or_else(|| earlier.environment.clone());
        self.deployment_id = self.deployment_id.or_else(|| earlier.deployment_id.clone());
        if self.artifact.is_none() && self.commit.is_none() {
            self.artifact.clone_from(&earlier.artifact);
            self.commit.clone_from(&earlier.commit);
        }
        if self.changes.is_empty() {
            self.changes.clone_from(&earlier.changes);
        }
        self
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
