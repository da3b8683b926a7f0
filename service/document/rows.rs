//! The rows that documents share: deployments, incidents, statements.

use serde::Serialize;

use crate::correlate::Candidate;
use crate::domain::deployment::{Deployment, Effect, Says};
use crate::domain::exposure::ExposureView;
use crate::domain::extension::{Actor, ActorKind};
use crate::domain::incident::{BeganBy, Incident};
use crate::domain::{EnvironmentName, Instant, Outcome, ServiceName};

/// A deployment in a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentRow {
    /// The producer's id.
    pub id: String,
    /// Index of its first entry.
    pub index: u64,
    /// Indexes of all its entries.
    pub indexes: Vec<u64>,
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
    /// What to call its content in one word.
    pub label: String,
    /// The version, where one was given.
    pub version: Option<String>,
    /// The artifact's id.
    pub artifact: Option<String>,
    /// The artifact's digest.
    pub digest: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// queued, started or finished.
    pub status: &'static str,
    /// success, failure, cancel, error; none while it is not finished.
    pub outcome: Option<&'static str>,
    /// How it ended, in words.
    pub ended: &'static str,
    /// standard, normal, emergency, hotfix, rollback, redeploy, baseline.
    pub kind: &'static str,
    /// Whether the producer said so; else it follows from what ran there before.
    pub kind_said: bool,
    /// Whether it takes the service away.
    pub removes: bool,
    /// Whether it was planned.
    pub planned: Option<bool>,
    /// Claimed start; of one known only by its end, the end.
    pub started_at: Instant,
    /// Claimed end.
    pub finished_at: Option<Instant>,
    /// When the end was recorded, or what was last heard of it.
    pub recorded_at: Option<Instant>,
    /// From start to end.
    pub duration_ms: Option<i64>,
    /// Who or what deployed.
    pub actor: Option<ActorRow>,
    /// Why.
    pub reason: Option<String>,
    /// Expected effect on users.
    pub impact: Option<String>,
    /// How much it asks of users.
    #[serde(flatten)]
    pub exposure: ExposureView,
    /// Page of the pipeline run.
    pub run_url: Option<String>,
    /// Names of the producers, each once.
    pub producers: Vec<String>,
    /// Whether any of it came over a shared secret.
    pub over_shared_secret: bool,
}

/// Who or what acted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActorRow {
    /// Name, or id where there is none.
    pub name: String,
    /// person, pipeline, or neither said.
    pub kind: Option<&'static str>,
}

/// What was said about a deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatementRow {
    /// Index of the entry.
    pub index: u64,
    /// What it says, in words.
    pub says: String,
    /// Claimed time.
    pub occurred_at: Instant,
    /// Time of the ledger.
    pub recorded_at: Instant,
    /// The producer.
    pub producer: String,
    /// Whether it came over a shared secret.
    pub over_shared_secret: bool,
}

/// An incident in a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentRow {
    /// The producer's id.
    pub id: String,
    /// Indexes of its entries.
    pub indexes: Vec<u64>,
    /// What happened.
    pub description: Option<String>,
    /// How bad it is.
    pub severity: Option<String>,
    /// When it began.
    pub began_at: Instant,
    /// What that rests on.
    pub began_by: BeganBy,
    /// When it ended; none while it is open.
    pub resolved_at: Option<Instant>,
    /// Where it is tracked.
    pub ticket: Option<String>,
    /// The sources whose records stand under its id: where there are several, they may speak of different incidents.
    pub sources: Vec<String>,
    /// How it is linked to the deployment.
    pub link: Option<LinkRow>,
}

/// A link between an incident and a deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkRow {
    /// The deployment's label.
    pub deployment: String,
    /// Index of the deployment.
    pub index: u64,
    /// How it is known.
    pub state: crate::correlate::LinkState,
    /// Strength of the evidence, from 0 to 1, as everywhere.
    pub score: f64,
    /// Reason codes.
    pub reasons: Vec<&'static str>,
    /// The reasons in words.
    pub words: Vec<String>,
}

impl DeploymentRow {
    pub(super) fn of(deployment: &Deployment) -> Self {
        let finished_at = deployment.finished_at();
        let mut producers: Vec<String> = deployment.statements.iter().map(|s| s.producer.to_string()).collect();
        producers.sort_unstable();
        producers.dedup();
        Self {
            id: deployment.id.to_string(),
            index: deployment.index,
            indexes: deployment.indexes(),
            service: deployment.service.clone(),
            environment: deployment.environment.clone(),
            label: deployment.label(),
            version: deployment.version.as_ref().map(|v| v.value.clone()),
            artifact: deployment.artifact.as_ref().map(|a| a.value.id.clone()),
            digest: deployment.digest().map(str::to_owned),
            commit: deployment.commit.as_ref().map(|c| c.value.clone()),
            status: deployment.status().as_str(),
            outcome: deployment.outcome().map(Outcome::as_str),
            ended: ended(deployment),
            kind: deployment.kind.kind.as_str(),
            kind_said: deployment.kind.said_at.is_some(),
            removes: deployment.effect == Effect::Removes,
            planned: deployment.planned.as_ref().map(|p| p.value),
            started_at: deployment.start_at(),
            finished_at,
            recorded_at: deployment.end().or(deployment.statements.last()).map(|s| s.recorded_at),
            duration_ms: deployment
                .started()
                .and(finished_at)
                .map(|end| end.millis_since(deployment.start_at())),
            actor: deployment.actor.as_ref().map(|a| ActorRow::of(&a.value)),
            reason: deployment.reason.as_ref().map(|r| r.value.clone()),
            impact: deployment.impact.as_ref().map(|i| i.value.clone()),
            exposure: ExposureView::of(deployment),
            run_url: deployment.run_url.as_ref().map(|u| u.value.clone()),
            producers,
            over_shared_secret: deployment.over_shared_secret(),
        }
    }
}

pub(super) fn ended(deployment: &Deployment) -> &'static str {
    match (deployment.outcome(), deployment.started()) {
        (Some(Outcome::Success), _) => "succeeded",
        (Some(Outcome::Failure), _) => "failed",
        (Some(Outcome::Error), _) => "could not run",
        (Some(Outcome::Cancel), _) => "was cancelled",
        (None, Some(_)) => "no end recorded",
        (None, None) => "not started",
    }
}

impl ActorRow {
    fn of(actor: &Actor) -> Self {
        Self {
            name: actor.name.clone().unwrap_or_else(|| actor.id.clone()),
            kind: actor.kind.map(|kind| match kind {
                ActorKind::Human => "person",
                ActorKind::Pipeline => "pipeline",
            }),
        }
    }
}

pub(super) fn statements(deployment: &Deployment) -> Vec<StatementRow> {
    let rows = deployment.statements.iter().map(|s| StatementRow {
        index: s.index,
        says: match s.says {
            Says::Queued => "queued".to_owned(),
            Says::Started => "started".to_owned(),
            Says::Finished(outcome) => format!("finished: {}", outcome.as_str()),
            Says::Deployed => "service deployed".to_owned(),
            Says::Upgraded => "service upgraded".to_owned(),
            Says::RolledBack => "service rolled back".to_owned(),
            Says::Removed => "service removed".to_owned(),
            Says::Published => "service reachable".to_owned(),
            Says::Reaches => "reaches another share of users".to_owned(),
        },
        occurred_at: s.occurred_at,
        recorded_at: s.recorded_at,
        producer: s.producer.to_string(),
        over_shared_secret: s.over_shared_secret,
    });
    rows.collect()
}

impl IncidentRow {
    pub(super) fn of(incident: &Incident, link: Option<(&Deployment, &Candidate)>) -> Self {
        let (began_at, began_by) = incident.began();
        Self {
            id: incident.id.to_string(),
            indexes: incident.indexes(),
            description: incident.description.as_ref().map(|d| d.value.clone()),
            severity: incident.severity.as_ref().map(|s| s.value.clone()),
            began_at,
            began_by,
            resolved_at: incident.resolved().map(|s| s.occurred_at),
            ticket: incident.ticket.as_ref().map(|t| t.value.clone()),
            sources: incident.sources().into_iter().map(str::to_owned).collect(),
            link: link.map(|(deployment, candidate)| LinkRow {
                deployment: deployment.label(),
                index: candidate.index,
                state: candidate.state,
                score: candidate.score,
                reasons: candidate.reasons.iter().map(|r| r.as_str()).collect(),
                words: candidate.words(),
            }),
        }
    }
}

/// A sentence on each incident under whose id several sources speak: the id is all that ties them together.
pub(super) fn shared_ids<'r>(rows: impl IntoIterator<Item = &'r IncidentRow>) -> Vec<String> {
    let mut shared: Vec<(&str, usize)> = rows
        .into_iter()
        .map(|row| (row.id.as_str(), row.sources.len()))
        .collect();
    shared.retain(|(_, sources)| *sources > 1);
    shared.sort_unstable();
    shared.dedup();
    let note = |(id, sources)| {
        format!("Records of {sources} sources stand under the id of incident {id}, and are taken for one incident.")
    };
    shared.into_iter().map(note).collect()
}
