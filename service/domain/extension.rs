//! `customData.shipslog`: what a deployment record needs and CDEvents has no place for.
//!
//! Unknown members are refused with their path, so that a typing error is never silently dropped.
//! The JSON Schema of this object is generated into `openapi/openapi.json`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alias::AliasDeclaration;
use super::attestation::AttestationStatement;
use super::conclusion::Conclusion;
use super::exception::ExceptionGrant;
use super::exposure::{Downtime, Risk, Rollout};
use super::gate::{GateDecision, GateQuestion};
use super::highlight::HighlightText;
use super::id::{DeploymentId, EnvironmentName, ServiceName};
use super::instant::Instant;
use super::issued::IssuedDocument;
use super::link::LinkDecision;
use super::producer::Administration;
use super::provenance::Provenance;
use super::question::Question;
use super::sequence::Sequence;
use super::service::Declaration;
use super::snapshot::RuntimeSnapshot;

/// The object at `customData.shipslog` of a CDEvent: what a deployment record needs and CDEvents has no place for.
///
/// All members are optional, and an unknown one is refused. Ids, versions and URLs have at most 1024 bytes and no hidden
/// characters, other texts at most 256 KiB, lists at most 5000 items; a commit id has 7 to 64 hexadecimal digits. Times are
/// RFC 3339 with a zone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "service": "shop",
    "version": "4.12.0",
    "commit": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
    "repository": "https://git.example/acme/shop",
    "actor": { "id": "ann@example.com", "kind": "human" },
    "commits": [{ "id": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", "message": "feat: pay by card (PAY-12)", "author": "ann" }],
    "pull_requests": [{ "id": "42", "title": "Pay by card", "author": "ann", "approved_by": ["bob"], "merged_by": "ann" }],
    "tickets": [{ "id": "PAY-12", "title": "Customers can pay by card" }],
    "reason": "Card payments for the spring campaign",
    "kind": "normal",
    "planned": true,
    "rollback_plan": { "target_version": "4.11.3" },
    "run_url": "https://ci.example/acme/shop/runs/1234"
}))]
pub struct Extension {
    /// Version that people use for what was deployed, such as `4.12.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Service, for events whose CDEvents form names none (approvals, tests, builds, changes). A deployment that leaves it out is
    /// of the service that its package URL is called after. Where CDEvents names a service too, both must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub service: Option<ServiceName>,
    /// Environment, for events whose CDEvents form names none (approvals, pipeline runs). Where it names one, both must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// Deployment that this event belongs to or speaks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub deployment_id: Option<DeploymentId>,
    /// Artifact that an approval or test is bound to: a package URL or `algorithm:hex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Commit that this event is bound to (deployed, tested, approved, built).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Repository the commits are in, as a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Who or what acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// Commits brought in since what ran there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Commit>,
    /// How many more there were than `commits` holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits_left_out: Option<u32>,
    /// Pull requests brought in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pull_requests: Vec<PullRequest>,
    /// On a deployment: libraries and other components that came in, went, or changed their version. What commits are titled
    /// as dependency updates need not be repeated here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependency_changes: Vec<DependencyChange>,
    /// Tickets that this is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<TicketRef>,
    /// Why it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What kind of deployment it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<DeploymentKind>,
    /// Whether it was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<bool>,
    /// Expected effect on users, as assessed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// On a deployment: how long users do without the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Downtime>,
    /// On a deployment: how risky it is, as assessed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// On a deployment: what share of users it reaches from then on. A later share is told by `dev.cdevents.service.published.0.3.0`
    /// with the `deployment_id`, which then says nothing else about the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// How to go back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_plan: Option<RollbackPlan>,
    /// Page of the pipeline run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// On an incident: the deployment (id or `#index`) or change that is said to have caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
    /// On a deployment: the deployment or incident that it repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remediates: Option<String>,
    /// On an incident: how bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// On an incident: when users began to feel it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub impact_start: Option<Instant>,
    /// On an incident: what kind of cause it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause_class: Option<CauseClass>,
    /// On a test run: what was tested and how much of it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestDetail>,
    /// On `change.reviewed`: the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewVerdict>,
    /// On an approval: the role in which it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// On an environment: its tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Human text to put at the top of the release notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highlights: Option<String>,
    /// On `dev.cdeventsx.shipslog-highlight.written.0.1.0`: text for the top of the release notes of the deployment that
    /// `service`, `environment` and `deployment_id` name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highlight: Option<Box<HighlightText>>,
    /// On `dev.cdeventsx.shipslog-dependencies.declared.0.1.0`: all services that `service` needs from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub depends_on: Option<Vec<ServiceName>>,
    /// On `dev.cdeventsx.shipslog-service.declared.0.1.0`: all that is declared about `service` from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declaration: Option<Box<Declaration>>,
    /// On `dev.cdeventsx.shipslog-alias.declared.0.1.0`: the names and roles of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Box<AliasDeclaration>>,
    /// On `dev.cdeventsx.shipslog-exception.granted.0.1.0`: a deviation that is accepted for some time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Box<ExceptionGrant>>,
    /// On `dev.cdeventsx.shipslog-attestation.made.0.1.0`: what `actor` attests because no check can see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Box<AttestationStatement>>,
    /// On `dev.cdeventsx.shipslog-conclusion.drawn.0.1.0`: what an auditor concludes of a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Box<Conclusion>>,
    /// On a deployment: ids of the exceptions that it relies on. Others that cover it count as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<String>,
    /// On an event about an artifact: where it comes from, as it was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Box<Provenance>>,
    /// On `dev.cdeventsx.shipslog-gate.asked.0.1.0`: that this asks the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_question: Option<Box<GateQuestion>>,
    /// On `dev.cdeventsx.shipslog-snapshot.taken.0.1.0`: what runs in `environment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Box<RuntimeSnapshot>>,
    /// Where the record stands among those of its source, so that a missing one shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// On `dev.cdeventsx.shipslog-link.decided.0.1.0`: what somebody decided about an incident's cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Box<LinkDecision>>,
    /// Set by the service alone, on `dev.cdeventsx.shipslog-gate.decided.0.1.0`: what the gate answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Box<GateDecision>>,
    /// Set by the service alone, on `dev.cdeventsx.shipslog-document.issued.0.1.0`: the document that was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Box<IssuedDocument>>,
    /// Set by the service alone, on `dev.cdeventsx.shipslog-document.asked.0.1.0`: what an auditor asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Box<Question>>,
    /// Set by the service alone, on records that it signed for a sender which only shares a secret with it: the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Received>,
    /// Set by the service alone: what it decided about itself, its producers and its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Administration>)]
    pub administration: Option<Box<Administration>>,
}

/// Who or what acted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Login, e-mail or workload identity.
    pub id: String,
    /// Person or machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ActorKind>,
    /// Name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Person or machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person.
    Human,
    /// A pipeline or another workload identity.
    Pipeline,
}

/// A commit that a deployment brought in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Object id in hex.
    pub id: String,
    /// The whole message; its first line is the title.
    pub message: String,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub committed_at: Option<Instant>,
    /// Whether it has more than one parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<bool>,
}

/// A pull or merge request that a deployment brought in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PullRequest {
    /// Number or id in its forge.
    pub id: String,
    /// Its title when it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who proposed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// Who merged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_by: Option<String>,
    /// The commit it became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_commit: Option<String>,
}

/// A dependency that changed: a library, a base image, a tool. At least one of its versions is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DependencyChange {
    /// Its name, such as `serde` or `pkg:cargo/serde`.
    pub name: String,
    /// The version before; absent where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The version after; absent where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A ticket that something is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketRef {
    /// Its key, such as `PAY-12`.
    pub id: String,
    /// Its title when it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How to go back from a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackPlan {
    /// Where the plan is written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Version to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_version: Option<String>,
}

/// What kind of deployment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentKind {
    /// A pre-authorised, low-risk change.
    Standard,
    /// A change that goes through the usual approval.
    Normal,
    /// A change that could not wait for the usual approval.
    Emergency,
    /// A repair of what an earlier deployment broke.
    Hotfix,
    /// Back to what ran before.
    Rollback,
    /// The same artifact again.
    Redeploy,
    /// The first record of what already ran.
    Baseline,
}

impl DeploymentKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Standard,
        Self::Normal,
        Self::Emergency,
        Self::Hotfix,
        Self::Rollback,
        Self::Redeploy,
        Self::Baseline,
    ];

    /// The word used in JSON, in the database and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Normal => "normal",
            Self::Emergency => "emergency",
            Self::Hotfix => "hotfix",
            Self::Rollback => "rollback",
            Self::Redeploy => "redeploy",
            Self::Baseline => "baseline",
        }
    }
}

/// What kind of cause an incident had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CauseClass {
    /// A change of ours.
    Change,
    /// Not enough of something.
    Capacity,
    /// Something we depend on.
    Dependency,
    /// Something outside.
    External,
    /// Not known.
    Unknown,
}

/// What was tested and how much of it passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestDetail {
    /// unit, integration, e2e, performance, security, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Tests that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<u64>,
    /// Tests that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// Tests that were skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
    /// Where to read the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The verdict of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    /// Fit to go in.
    Approved,
    /// Not yet.
    ChangesRequested,
    /// Remarks only.
    Commented,
}

/// How close an environment is to users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Users depend on it.
    Production,
    /// The rehearsal for production.
    Staging,
    /// Where tests run.
    Testing,
    /// Where people try things.
    Development,
}

/// The delivery that the service made a record from, over a shared secret instead of a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Who sent it: `github` or `alertmanager`.
    pub from: String,
    /// The sender's name for what happened, such as `deployment_status` or `firing`.
    pub event: String,
    /// The sender's id of the delivery; of an alert, its fingerprint and the time that it began at.
    pub delivery: String,
    /// The body as received, in base64. Only on the first record of a delivery that made several, and not of alerts: what was
    /// sent of each is in `customData.alertmanager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What the body was, where it was too large to be kept. On the first record of the delivery, in place of `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_not_kept: Option<BodyNotKept>,
}

/// A body that is not kept: enough to recognise it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyNotKept {
    /// SHA-256 of it as received, in hex.
    pub sha256: String,
    /// How long it was.
    pub bytes: u64,
}
