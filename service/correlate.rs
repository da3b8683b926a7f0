//! Which deployments may have caused an incident: candidates with a score and the reasons for it.
//!
//! Pure, over folded facts. A score says how strong the evidence is, not how likely the cause; only an explicit
//! reference is more than a suggestion, and "no deployment" is an answer.

use serde::Serialize;

use crate::domain::DeploymentId;
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::extension::{CauseClass, DeploymentKind};
use crate::domain::history::Timeline;
use crate::domain::incident::Incident;
use crate::domain::instant::Instant;

/// Names the rules below; any change to them changes it.
pub const ALGORITHM: &str = "tiers-1";
/// How far clocks may disagree: a deployment that started this much after the incident may still have caused it.
pub const SKEW_MS: i64 = 5 * MINUTE_MS;
/// How long after its start a deployment is still looked at.
pub const WINDOW_MS: i64 = 7 * 24 * HOUR_MS;
/// Time after which closeness in time counts half.
pub const HALF_LIFE_MS: i64 = 4 * HOUR_MS;
/// Candidates below this score are not shown.
pub const MIN_SCORE: f64 = 0.10;
/// At most this many candidates are shown.
pub const MAX_CANDIDATES: usize = 5;
/// A change set of this many commits is large.
pub const LARGE_CHANGE_SET: usize = 50;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

const EXPLICIT: f64 = 0.99;
const ARTIFACT_MATCH: f64 = 0.95;
const VERSION_MATCH: f64 = 0.90;
const SAME_SERVICE: f64 = 0.80;
const PREVIOUS_ON_SERVICE: f64 = 0.40;
/// However much circumstances add, a suggestion stays below an explicit reference.
const MAX_SUGGESTED: f64 = 0.95;
/// A rollback followed by the end of the incident within this time speaks for what was rolled back.
const RECOVERY_MS: i64 = 30 * MINUTE_MS;

/// What may have caused an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Correlation {
    /// The rules that found the candidates.
    pub algorithm: &'static str,
    /// The time that the incident is taken to have begun at.
    pub began_at: Instant,
    /// Candidates, the strongest first.
    pub candidates: Vec<Candidate>,
    /// Whether no deployment is a candidate.
    pub no_candidate: bool,
    /// Deployments that say they repair this incident, by [`Deployment::index`].
    pub remediated_by: Vec<u64>,
}

/// A deployment that may have caused an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The deployment.
    pub deployment: DeploymentId,
    /// [`Deployment::index`] of it.
    pub index: u64,
    /// How strong the evidence is, from 0 to 1, rounded to two places.
    pub score: f64,
    /// What the score rests on.
    pub reasons: Vec<Reason>,
    /// Whether somebody said so, or only the rules.
    pub state: LinkState,
}

/// How a link between an incident and a deployment is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// An event names it.
    Explicit,
    /// The rules suggest it.
    Suggested,
}

/// Why a deployment is a candidate, or why its score is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The incident names the deployment, its index, or a change that it brought in.
    ExplicitIncidentRef,
    /// A later deployment that repairs the incident took this one out, or says that it repairs this one.
    ExplicitRemediation,
    /// The incident names the artifact or commit that this deployment put in place.
    ArtifactMatch,
    /// The incident names its version.
    VersionMatch,
    /// It was live on the same service and environment.
    SameServiceRecent,
    /// It ran on the same service and environment just before the live one.
    PreviousOnService,
    /// It was rolled back, and the incident ended soon after.
    RolledBackAfter,
    /// It was taken out by the same rollback as an earlier candidate.
    AlsoRemoved,
    /// It was an emergency change.
    EmergencyChange,
    /// It brought in many commits.
    LargeChangeSet,
    /// The incident is said to have an outside cause.
    ExternalCause,
}

impl Reason {
    /// The code used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExplicitIncidentRef => "explicit_incident_ref",
            Self::ExplicitRemediation => "explicit_remediation",
            Self::ArtifactMatch => "artifact_match",
            Self::VersionMatch => "version_match",
            Self::SameServiceRecent => "same_service_recent",
            Self::PreviousOnService => "previous_on_service",
            Self::RolledBackAfter => "rolled_back_after",
            Self::AlsoRemoved => "also_removed",
            Self::EmergencyChange => "emergency_change",
            Self::LargeChangeSet => "large_change_set",
            Self::ExternalCause => "external_cause",
        }
    }

    /// The reason in plain words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ExplicitIncidentRef => "named by the incident",
            Self::ExplicitRemediation => "taken out or repaired by the deployment that fixed the incident",
            Self::ArtifactMatch => "the incident names this artifact or commit",
            Self::VersionMatch => "the incident names this version",
            Self::SameServiceRecent => "live on the same service and environment",
            Self::PreviousOnService => "ran on the same service just before",
            Self::RolledBackAfter => "rolled back shortly before the incident ended",
            Self::AlsoRemoved => "taken out by the same rollback",
            Self::EmergencyChange => "an emergency change",
            Self::LargeChangeSet => "a large change set",
            Self::ExternalCause => "the incident is said to have an outside cause",
        }
    }
}

/// The candidates for an incident among deployments of any services and environments.
pub fn candidates(incident: &Incident, deployments: &[Deployment]) -> Correlation {
    let (began_at, _) = incident.began();
    let fixes: Vec<&Deployment> = deployments.iter().filter(|d| repairs(d, incident)).collect();
    let mut found: Vec<Candidate> = deployments
        .iter()
        .filter_map(|d| candidate(incident, began_at, d, deployments, &fixes))
        .collect();
    found.retain(|c| c.score >= MIN_SCORE);
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.index.cmp(&a.index)));
    found.truncate(MAX_CANDIDATES);
    Correlation {
        algorithm: ALGORITHM,
        began_at,
        no_candidate: found.is_empty(),
        candidates: found,
        remediated_by: fixes.iter().map(|d| d.index).collect(),
    }
}

fn repairs(deployment: &Deployment, incident: &Incident) -> bool {
    deployment
        .remediates
        .as_ref()
        .is_some_and(|said| names_incident(&said.value, incident))
}

fn names_incident(name: &str, incident: &Incident) -> bool {
    name == incident.id.as_str()
        || incident.tickets.iter().any(|t| t.value.id == name)
        || incident.ticket.as_ref().is_some_and(|t| t.value == name)
        || index_in(name).is_some_and(|index| incident.indexes().contains(&index))
}

/// `#123` names an entry.
fn index_in(name: &str) -> Option<u64> {
    name.strip_prefix('#')?.parse().ok()
}

fn candidate(
    incident: &Incident,
    began_at: Instant,
    deployment: &Deployment,
    deployments: &[Deployment],
    fixes: &[&Deployment],
) -> Option<Candidate> {
    let explicit = explicit_reason(incident, began_at, deployment, deployments, fixes);
    let (score, reasons, state) = match explicit {
        Some(reason) => (EXPLICIT, vec![reason], LinkState::Explicit),
        None => {
            let (score, reasons) = suggestion(incident, began_at, deployment, deployments, fixes)?;
            (score, reasons, LinkState::Suggested)
        }
    };
    let score = (score * 100.0).round() / 100.0;
    Some(Candidate {
        deployment: deployment.id.clone(),
        index: deployment.index,
        score,
        reasons,
        state,
    })
}

/// Tier 1: somebody said so.
fn explicit_reason(
    incident: &Incident,
    began_at: Instant,
    deployment: &Deployment,
    deployments: &[Deployment],
    fixes: &[&Deployment],
) -> Option<Reason> {
    let by_id = incident
        .deployment_id
        .as_ref()
        .is_some_and(|id| id.value == deployment.id);
    let by_cause = incident
        .caused_by
        .as_ref()
        .is_some_and(|cause| names_deployment(&cause.value, deployment));
    // An id that two deployments share names the one of the incident's own place.
    let ours = |d: &Deployment| {
        incident.service.as_ref().is_none_or(|s| *s == d.service)
            && incident.environment.as_ref().is_none_or(|e| *e == d.environment)
    };
    let shared = || {
        deployments
            .iter()
            .any(|d| d.index != deployment.index && d.id == deployment.id && ours(d))
    };
    if (by_id || by_cause) && (ours(deployment) || !shared()) {
        return Some(Reason::ExplicitIncidentRef);
    }
    // Of what a repairing rollback took out, the first that came in is the one that broke it.
    if fixes
        .iter()
        .any(|fix| fix.succeeded() && fix.lineage.withdraws.first() == Some(&deployment.index))
    {
        return Some(Reason::ExplicitRemediation);
    }
    let repaired_later = || {
        deployments.iter().any(|d| {
            d.start_at() > began_at
                && d.remediates
                    .as_ref()
                    .is_some_and(|r| names_deployment(&r.value, deployment))
        })
    };
    let here = on_place(incident, deployment)
        && in_window(began_at, deployment)
        && timeline(deployments, deployment).live_at(deployment, began_at, SKEW_MS);
    (here && repaired_later()).then_some(Reason::ExplicitRemediation)
}

fn names_deployment(name: &str, deployment: &Deployment) -> bool {
    name == deployment.id.as_str()
        || index_in(name).is_some_and(|index| deployment.indexes().contains(&index))
        || deployment.tickets.iter().any(|t| t.value.id == name)
        || deployment
            .pull_requests
            .iter()
            .any(|p| p.value.url.as_deref() == Some(name))
        || deployment.commits.iter().any(|c| c.value.id == name)
}

/// Tiers 2 and 3, and what changes their score.
fn suggestion(
    incident: &Incident,
    began_at: Instant,
    deployment: &Deployment,
    deployments: &[Deployment],
    fixes: &[&Deployment],
) -> Option<(f64, Vec<Reason>)> {
    if !in_window(began_at, deployment) || deployment.effect == Effect::Removes {
        return None;
    }
    let timeline = timeline(deployments, deployment);
    let live = timeline.live_at(deployment, began_at, SKEW_MS);
    let here = on_place(incident, deployment);
    let (mut score, reason) = if live && names_content(incident, deployment) {
        (ARTIFACT_MATCH, Reason::ArtifactMatch)
    } else if live && here && names_version(incident, deployment) {
        (VERSION_MATCH, Reason::VersionMatch)
    } else if live && here {
        (SAME_SERVICE * decay(began_at, deployment), Reason::SameServiceRecent)
    } else if here && previous(&timeline, deployment, began_at) {
        (
            PREVIOUS_ON_SERVICE * decay(began_at, deployment),
            Reason::PreviousOnService,
        )
    } else {
        return None;
    };
    let mut reasons = vec![reason];
    let mut weigh = |applies: bool, factor: f64, reason: Reason| {
        if applies {
            score = with_odds(score, factor);
            reasons.push(reason);
        }
    };
    weigh(
        rolled_back_before_end(incident, deployment, deployments),
        4.0,
        Reason::RolledBackAfter,
    );
    weigh(
        deployment.kind.kind == DeploymentKind::Emergency,
        1.5,
        Reason::EmergencyChange,
    );
    weigh(
        deployment.commits.len() >= LARGE_CHANGE_SET,
        1.2,
        Reason::LargeChangeSet,
    );
    let external = incident
        .cause_class
        .as_ref()
        .is_some_and(|c| c.value == CauseClass::External);
    weigh(external, 0.1, Reason::ExternalCause);
    if fixes.iter().any(|fix| {
        fix.lineage
            .withdraws
            .iter()
            .skip(1)
            .any(|index| *index == deployment.index)
    }) {
        reasons.push(Reason::AlsoRemoved);
    }
    Some((score.min(MAX_SUGGESTED), reasons))
}

fn timeline<'a>(deployments: &'a [Deployment], deployment: &Deployment) -> Timeline<'a> {
    Timeline::of(deployments, &deployment.service, &deployment.environment)
}

fn on_place(incident: &Incident, deployment: &Deployment) -> bool {
    incident.service.as_ref() == Some(&deployment.service)
        && incident.environment.as_ref() == Some(&deployment.environment)
}

fn in_window(began_at: Instant, deployment: &Deployment) -> bool {
    let age = began_at.millis_since(deployment.start_at());
    (-SKEW_MS..=WINDOW_MS).contains(&age)
}

fn decay(began_at: Instant, deployment: &Deployment) -> f64 {
    let age = began_at.millis_since(deployment.start_at()).max(0);
    (-(age as f64) / HALF_LIFE_MS as f64).exp2()
}

fn names_content(incident: &Incident, deployment: &Deployment) -> bool {
    let digest = incident.artifact.as_ref().and_then(|a| a.value.digest.as_deref());
    let commit = incident.commit.as_ref().map(|c| &c.value);
    digest.is_some_and(|digest| deployment.digest() == Some(digest))
        || commit.is_some_and(|commit| deployment.commit.as_ref().is_some_and(|c| c.value == *commit))
}

fn names_version(incident: &Incident, deployment: &Deployment) -> bool {
    let named = incident.version.as_ref().map(|v| v.value.as_str());
    let named = named.or_else(|| incident.artifact.as_ref().and_then(|a| a.value.version.as_deref()));
    named.is_some_and(|named| {
        deployment.version.as_ref().is_some_and(|v| v.value == named)
            || deployment
                .artifact
                .as_ref()
                .is_some_and(|a| a.value.version.as_deref() == Some(named))
    })
}

/// Whether a deployment is the success just before the newest one that was live.
fn previous(timeline: &Timeline<'_>, deployment: &Deployment, began_at: Instant) -> bool {
    let live = timeline
        .runs()
        .iter()
        .rposition(|run| timeline.live_at(run.deployment, began_at, SKEW_MS));
    live.and_then(|at| at.checked_sub(1))
        .is_some_and(|at| timeline.runs()[at].deployment.index == deployment.index)
}

fn rolled_back_before_end(incident: &Incident, deployment: &Deployment, deployments: &[Deployment]) -> bool {
    let Some(end) = incident.resolved() else { return false };
    let (began_at, _) = incident.began();
    deployments
        .iter()
        .filter(|d| d.succeeded() && d.lineage.withdraws.contains(&deployment.index))
        .any(|rollback| {
            rollback.finished_at().is_some_and(|at| {
                at >= began_at
                    && at.millis_since(deployment.start_at()) <= WINDOW_MS
                    && (-SKEW_MS..=RECOVERY_MS).contains(&end.occurred_at.millis_since(at))
            })
        })
}

fn with_odds(score: f64, factor: f64) -> f64 {
    let odds = score / (1.0 - score) * factor;
    odds / (1.0 + odds)
}

#[cfg(test)]
mod tests;
