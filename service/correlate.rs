//! Which deployments may have caused an incident: candidates with a score and the reasons for it.
//!
//! Pure, over folded facts. A score says how strong the evidence is, not how likely the cause; only an explicit
//! reference is more than a suggestion, and "no deployment" is an answer.

mod rules;

use std::collections::HashMap;

use serde::Serialize;

use self::rules::Case;
use crate::domain::deployment::Deployment;
use crate::domain::history::Timeline;
use crate::domain::incident::Incident;
use crate::domain::instant::Instant;
use crate::domain::{DeploymentId, EnvironmentName, ServiceName};

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
    Correlator::new(deployments).candidates(incident)
}

/// Finds candidates for many incidents among the same deployments.
pub struct Correlator<'a> {
    deployments: &'a [Deployment],
    timelines: HashMap<(&'a ServiceName, &'a EnvironmentName), Timeline<'a>>,
    remediating: Vec<&'a Deployment>,
    withdrawing: Vec<&'a Deployment>,
}

impl<'a> Correlator<'a> {
    /// Among deployments of any services and environments.
    pub fn new(deployments: &'a [Deployment]) -> Self {
        Self {
            deployments,
            timelines: Timeline::by_place(deployments),
            remediating: deployments.iter().filter(|d| d.remediates.is_some()).collect(),
            withdrawing: deployments
                .iter()
                .filter(|d| !d.lineage.withdraws.is_empty() && d.succeeded())
                .collect(),
        }
    }

    /// The candidates for an incident.
    pub fn candidates(&self, incident: &Incident) -> Correlation {
        let case = Case::new(self, incident);
        let mut found: Vec<Candidate> = self.deployments.iter().filter_map(|d| case.candidate(d)).collect();
        found.retain(|c| c.score >= MIN_SCORE);
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.index.cmp(&a.index)));
        found.truncate(MAX_CANDIDATES);
        Correlation {
            algorithm: ALGORITHM,
            began_at: case.began_at,
            no_candidate: found.is_empty(),
            candidates: found,
            remediated_by: case.fixes.iter().map(|d| d.index).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
