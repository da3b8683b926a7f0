//! An event as the ledger understands it: a CDEvent of any supported version, normalised while reading.
//!
//! The bytes that were signed are kept elsewhere, unchanged; this is only what they mean.
//! Source: CDEvents 0.3 to 0.6-draft, <https://github.com/cdevents/spec>.

use serde::{Deserialize, Serialize};

pub use super::artifact::Artifact;
use super::extension::Extension;
use super::id::{EnvironmentName, ProducerName, ServiceName};
use super::instant::Instant;

/// A valid event. The only ways to make one are the parsers of [`super::parse`].
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `context.id`, unique within [`source`](Self::source).
    pub id: String,
    /// `context.source`, a URI reference.
    pub source: String,
    /// `context.type`, taken apart.
    pub event_type: EventType,
    /// `context.specversion` (`context.version` before 0.5).
    pub spec_version: String,
    /// `context.timestamp`: when the producer says it happened.
    pub occurred_at: Instant,
    /// `context.chainId`.
    pub chain_id: Option<String>,
    /// `subject.id`.
    pub subject_id: String,
    /// `subject.source`.
    pub subject_source: Option<String>,
    /// The service it is about, where it is about one.
    pub service: Option<ServiceName>,
    /// The environment it is about, where it is about one.
    pub environment: Option<EnvironmentName>,
    /// What it says.
    pub body: Body,
    /// `customData.shipslog`: what CDEvents has no place for.
    pub extension: Extension,
}

impl Event {
    /// Whether it is a word about a deployment.
    pub fn is_of_deployment(&self) -> bool {
        self.environment.is_some() && matches!(self.body, Body::Deployment { .. } | Body::Service { .. })
    }

    /// What it names besides what it is about: on a deployment what that repairs, on an incident its cause, on a decision the
    /// deployment that is judged, as `#index`.
    pub fn names(&self) -> Option<String> {
        let decided = || Some(format!("#{}", self.extension.link.as_ref()?.deployment?));
        match &self.body {
            Body::Incident { .. } => self.extension.caused_by.clone(),
            _ if self.is_of_deployment() => self.extension.remediates.clone(),
            _ => decided(),
        }
    }

    /// Id of the deployment or incident that it says something about, as far as it tells by itself: a word about a service that
    /// names no deployment may belong to another one of its chain.
    pub fn about(&self) -> Option<&str> {
        let named = || self.extension.deployment_id.as_ref().map(|id| id.as_str());
        match &self.body {
            Body::Deployment { .. } if self.is_of_deployment() => Some(named().unwrap_or(&self.subject_id)),
            Body::Service { .. } if self.is_of_deployment() => Some(named().unwrap_or(&self.id)),
            Body::Incident { .. } => Some(&self.subject_id),
            Body::Deployment { .. }
            | Body::Service { .. }
            | Body::Change { .. }
            | Body::Artifact { .. }
            | Body::Build { .. }
            | Body::PipelineRun { .. }
            | Body::TestRun(_)
            | Body::Approval(_)
            | Body::Ticket(_)
            | Body::Environment { .. }
            | Body::Push(_)
            | Body::Other => self.extension.link.as_ref().map(|link| link.incident.as_str()),
        }
    }
}

/// `dev.cdevents.<subject>.<predicate>.<version>`, or any custom type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventType {
    /// The type as it was written.
    pub text: String,
    /// For example `deployment`; for custom types of a tool `<tool>-<subject>`.
    pub subject: String,
    /// For example `finished`.
    pub predicate: String,
    /// For example `0.3.0`.
    pub version: String,
    /// Whether this is a type of the CDEvents specification or of an open proposal to it.
    pub standard: bool,
}

/// What an event says, by subject. Shipslog's twins (`dev.cdeventsx.shipslog-deployment.*` and `shipslog-incident.*`) are read
/// as what they are twins of.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `deployment.{queued,started,finished}`; the subject is the deployment.
    Deployment { phase: Phase, artifact: Artifact },
    /// `service.{deployed,upgraded,rolledback,removed,published}`; the subject is the service.
    Service {
        step: ServiceStep,
        artifact: Option<Artifact>,
    },
    /// `change.{created,updated,reviewed,merged,abandoned}`; the subject is the change (a pull request, mostly).
    Change {
        step: ChangeStep,
        description: Option<String>,
        repository: Option<String>,
    },
    /// `artifact.{packaged,signed,published,downloaded,deleted}`; the subject is the artifact.
    Artifact {
        step: ArtifactStep,
        artifact: Artifact,
        change: Option<String>,
        sbom: Option<String>,
    },
    /// `build.{queued,started,finished}`.
    Build {
        phase: RunPhase,
        artifact: Option<Artifact>,
    },
    /// `pipelinerun.{queued,started,finished}`; the subject is the run.
    PipelineRun {
        phase: RunPhase,
        name: Option<String>,
        uri: Option<String>,
        errors: Option<String>,
    },
    /// `testsuiterun.finished` and `testcaserun.finished`, and their earlier phases.
    TestRun(TestRun),
    /// `approval.{created,updated,closed}`; the subject is the approval.
    Approval(Approval),
    /// `incident.{detected,reported,resolved}`; the subject is the incident.
    Incident {
        step: IncidentStep,
        description: Option<String>,
        ticket: Option<String>,
        artifact: Option<Artifact>,
    },
    /// `ticket.{created,updated,closed}`; the subject is the ticket.
    Ticket(Ticket),
    /// `environment.{created,modified,deleted}`; the subject is the environment.
    Environment {
        step: EnvironmentStep,
        name: Option<String>,
        uri: Option<String>,
    },
    /// A push, as GitHub tells of it; the subject is the branch or tag.
    Push(Push),
    /// Any other valid event: logged and shown, not interpreted.
    Other,
}

/// The type of the events that GitHub's pushes become.
pub const GITHUB_PUSH: &str = "dev.cdeventsx.github-push.received.0.1.0";

/// Where a branch or tag pointed before and after a push. Commits are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// None where it was made by the push.
    pub before: Option<String>,
    /// None where the push took it away.
    pub after: Option<String>,
    /// Whether commits that were there before are no longer in its history.
    pub forced: bool,
}

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Accepted, not begun.
    Queued,
    /// Begun.
    Started,
    /// Over, with this result.
    Finished(Outcome),
}

/// How far a build, pipeline or test run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPhase {
    /// Accepted, not begun.
    Queued,
    /// Begun.
    Started,
    /// Never ran.
    Skipped,
    /// Over; the result where it was told.
    Finished(Option<Outcome>),
}

/// The result of a run. The words of CDEvents 0.5; `pass` and `fail` of 0.4 are read as `success` and `failure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It ran and did not do what it should.
    Failure,
    /// Somebody stopped it.
    Cancel,
    /// It could not run.
    Error,
}

impl Outcome {
    /// The word of CDEvents 0.5.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancel => "cancel",
            Self::Error => "error",
        }
    }
}

/// What happened to a service in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceStep {
    /// A new instance runs.
    Deployed,
    /// An instance runs a new version.
    Upgraded,
    /// An instance runs an earlier version again.
    RolledBack,
    /// It no longer runs.
    Removed,
    /// It can be reached.
    Published,
}

/// What happened to a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStep {
    /// Proposed.
    Created,
    /// Changed.
    Updated,
    /// Looked at by somebody; the verdict is in [`Extension::review`].
    Reviewed,
    /// Taken in.
    Merged,
    /// Given up.
    Abandoned,
}

/// What happened to an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactStep {
    /// Made.
    Packaged,
    /// Signed.
    Signed,
    /// Made available.
    Published,
    /// Fetched.
    Downloaded,
    /// Removed.
    Deleted,
}

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentStep {
    /// Noticed.
    Detected,
    /// Noticed, and a ticket exists.
    Reported,
    /// Over.
    Resolved,
}

/// What happened to an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvironmentStep {
    /// Made.
    Created,
    /// Changed.
    Modified,
    /// Gone.
    Deleted,
}

/// A test suite run or test case run.
#[derive(Debug, Clone, PartialEq)]
pub struct TestRun {
    /// A whole suite, or one case.
    pub suite: bool,
    /// How far it is, and the result.
    pub phase: RunPhase,
    /// Name of the suite or case.
    pub name: Option<String>,
    /// `testCase.type`: unit, integration, security, … Suites say it in `customData.shipslog.test.kind`.
    pub kind: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Severity of a failure.
    pub severity: Option<String>,
    /// Where to read about the suite or case.
    pub uri: Option<String>,
}

/// A decision about a resource, or the request for one. What it covers is in [`Extension`].
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Requested, answered in part, or closed.
    pub step: ApprovalStep,
    /// Who answered (`responder`), or asked (`requestor`).
    pub person: Option<String>,
    /// The answer.
    pub decision: Option<Decision>,
    /// `status` of a closed approval: approved, rejected, cancelled or expired.
    pub status: Option<String>,
    /// `resourceTargetUrl`: what it is about, in the tool's words.
    pub target: Option<String>,
    /// `approvalDetailsUrl`: where to read about it.
    pub details: Option<String>,
}

/// How far an approval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalStep {
    /// Asked for.
    Created,
    /// Somebody answered.
    Updated,
    /// Decided.
    Closed,
}

/// An answer to a request for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Passed up.
    Escalated,
    /// Passed on.
    Delegate,
    /// Put off.
    Deferred,
    /// Changes are wanted first.
    RequestChanges,
    /// Yes.
    Approved,
    /// No.
    Rejected,
}

/// A ticket of an issue tracker or a change record.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// What happened to it.
    pub step: TicketStep,
    /// One line about it.
    pub summary: Option<String>,
    /// Where to read it.
    pub uri: Option<String>,
    /// bug, enhancement, incident, task, question, or the tracker's own word.
    pub ticket_type: Option<String>,
    /// low, medium, high, or the tracker's own word.
    pub priority: Option<String>,
    /// Why it was closed.
    pub resolution: Option<String>,
}

/// What happened to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketStep {
    /// Opened.
    Created,
    /// Changed.
    Updated,
    /// Closed.
    Closed,
}

/// An event together with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Index of its entry.
    pub index: u64,
    /// The server's clock when it was sequenced.
    pub recorded_at: Instant,
    /// Who signed it.
    pub producer: ProducerName,
    /// The event.
    pub event: Event,
}

impl Recorded {
    /// Whether the service signed this on behalf of a sender that only shares a secret with it.
    pub fn over_shared_secret(&self) -> bool {
        self.event.extension.received.is_some()
    }
}
